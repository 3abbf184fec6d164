import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema
import Testing

private let payments = """
  providers:
    desk:
      type: program
      functions:
        - name: pay
          description: Pays.
          effect: write
          run: [sh, -c, "cat >> paid; echo >> paid; echo 1"]
          parameters: { type: object, required: [n], properties: { n: { type: integer } } }
  approvals:
    - { function: desk.pay, label: every payment, expires: 1h }
  """

extension EndToEnd {
  /// kill -9 of an instance while a person in another process approves one payment after the other.
  ///
  /// A few kills here; `CALLBOARD_ROUNDS=1000` makes fifty.
  @Suite(.enabled(if: Office.hasOthers, "it takes root, to run processes as other users"))
  struct KilledInstanceTests {
    @Test
    func `what was said to be decided is decided after kill -9, once, and nothing is asked again`()
      async throws
    {
      let office = try Office(payments)
      try await office.start()
      let anna = try Person("anna", uid: 64_001, at: office)
      let console = try Terminal(
        width: 120,
        height: 30,
        script: "exec \(Person.shell(64_002)) \"$CALLBOARD\" attach --socket \(office.socket)"
      )
      try await console.wait(for: "waiting 0")
      let kills = Office.rounds(3, of: 50)
      var counts = (decided: 0, refused: 0, unknown: 0, unknownAndDone: 0)
      var next: Int64 = 0
      for _ in 0..<kills {
        var root = try office.open()
        var calls: [(id: CallID, row: CallRow)] = []
        for _ in 0..<12 {
          next += 1
          let id = try await root.ask("desk.pay", ["n": .integer(next)])
          calls.append((id, try root.detail(id).row))
        }
        // Somewhere among the twelve.
        let moment = Int.random(in: 1_000...40_000)
        async let killed: Void = blocking {
          usleep(UInt32(moment))
          office.kill()
        }
        var answers: [Person.Answer] = []
        for call in calls { answers.append(try await anna.approve(call.id, call.row)) }
        try await killed
        try await console.wait("the console to say so") { $0.contains("GONE since") }
        try await office.start()
        try await console.wait("the console to go on") { !$0.contains("GONE") }
        root = try office.open()
        for (call, answer) in zip(calls, answers) {
          let detail = try root.detail(call.id)
          let approvals = detail.call.approval?.approvals.map(\.by.name) ?? []
          if answer.isDone {
            counts.decided += 1
            #expect(approvals == ["anna"], "said to be approved, and is \(detail.row.state)")
            #expect(detail.row.state != .awaitingApproval)
          } else if answer.isUnknown {
            counts.unknown += 1
            if !approvals.isEmpty { counts.unknownAndDone += 1 }
          } else {
            counts.refused += 1
            #expect(approvals.isEmpty, "nothing was sent: \(answer)")
            #expect(detail.row.state == .awaitingApproval)
          }
          let asked = detail.call.history.filter { $0.state == .awaitingApproval }
          #expect(asked.count == 1)
        }
        // What is left is decided now; the next round begins without it.
        for call in calls {
          let row = try root.detail(call.id).row
          guard row.state == .awaitingApproval else { continue }
          var answer = try await anna.approve(call.id, row)
          while answer.message.contains("nothing was sent") {
            try await Task.sleep(for: .milliseconds(50))
            answer = try await anna.approve(call.id, row)
          }
          #expect(answer.isDone, "\(answer)")
        }
        try await office.wait("everything to be paid") {
          let header = try root.snapshot(of: .header).header
          return header.live == header.unknown
        }
      }
      let text = try String(contentsOfFile: office.path("paid"), encoding: .utf8)
      let paid = text.split(separator: "\n").map(String.init)
      #expect(Set(paid).count == paid.count, "something was paid twice")
      print(
        "\(kills) kills, \(kills * 12) decisions: \(counts.decided) said to be done, \(counts.refused) not sent, "
          + "\(counts.unknown) unknown (\(counts.unknownAndDone) of them done); \(paid.count) paid, none twice"
      )
    }
  }
}
