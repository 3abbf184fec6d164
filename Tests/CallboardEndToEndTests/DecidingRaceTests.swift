import Callboard
import CallboardControl
import Foundation
import JSONSchema
import Testing

/// Payments that one person, or two, have to approve.
private let payments = """
  providers:
    desk:
      type: program
      functions:
        - name: pay
          description: Pays.
          effect: write
          run: [sh, -c, "cat >> paid; echo >> paid; echo 1"]
          parameters: &payment { type: object, required: [n], properties: { n: { type: integer } } }
        - { name: wire, description: Sends a wire., effect: write, run: [cat], parameters: *payment }
  approvals:
    - { function: desk.pay, label: every payment, expires: 1h }
    - { function: desk.wire, label: every wire, approvers: 2, expires: 1h }
  """

extension EndToEnd {
  /// Processes of several users decide on the same approval at the same time.
  ///
  /// A few rounds here; `CALLBOARD_ROUNDS=1000 swift test --filter DecidingRaceTests` plays a thousand, and a hundred
  /// with consoles in terminals, whose keys count half a second after the screen has changed.
  @Suite(.enabled(if: Office.hasOthers, "it takes root, to run processes as other users"))
  struct DecidingRaceTests {
    private static let anna: UInt32 = 64_001
    private static let bert: UInt32 = 64_002
    private static let carla: UInt32 = 64_003

    /// The command line, started at once; it needs some time to be there.
    private func command(
      _ uid: UInt32,
      _ id: CallID,
      _ row: CallRow,
      at office: Office
    ) async throws -> Person.Answer {
      let line = [
        Program.path, "approvals", "approve", "\(id)", "--digest", row.digest ?? "", "--revision",
        "\(row.revision)", "--socket", office.socket,
      ]
      let ended = try await blocking { try Person.run(uid, line) }
      #expect([0, 1].contains(ended.status), "\(ended)")
      return Person.Answer(
        isDone: ended.status == 0,
        isUnknown: false,
        message: ended.output
      )
    }

    /// About as long as the command line takes until it decides, and a little to either side of it.
    private func pause() -> Int64 { Int64.random(in: 0...120_000) }

    @Test
    func `of two attached processes and a command one wins, and the others are told who`()
      async throws
    {
      let office = try Office(payments)
      try await office.start()
      let root = try office.open()
      let people = [
        try Person("anna", uid: Self.anna, at: office),
        try Person("bert", uid: Self.bert, at: office),
      ]
      let names = ["anna", "bert", "carla"]
      let rounds = Office.rounds(20)
      var wins = [0, 0, 0]
      for round in 0..<rounds {
        let id = try await root.ask("desk.pay", ["n": .integer(Int64(round))])
        let row = try root.detail(id).row
        async let first = people[0].approve(id, row, after: pause())
        async let second = people[1].approve(id, row, after: pause())
        async let third = command(Self.carla, id, row, at: office)
        let answers = try await [first, second, third]
        let winners = answers.indices.filter { answers[$0].isDone }
        try #require(winners.count == 1, "round \(round): \(answers)")
        wins[winners[0]] += 1
        for index in answers.indices where index != winners[0] {
          #expect(answers[index].message.contains("by \(names[winners[0]])"), "\(answers[index])")
        }
        let approvals = try root.detail(id).call.approval?.approvals.map(\.by.name)
        #expect(approvals == [names[winners[0]]])
      }
      let paid = office.path("paid")
      try await office.wait("everything to be paid") {
        try root.snapshot(of: .header).header.live == 0
      }
      let lines = try String(contentsOfFile: paid, encoding: .utf8).split(separator: "\n")
      #expect(lines.count == rounds)
      #expect(Set(lines).count == rounds)
      print(
        "\(rounds) approvals raced for: "
          + zip(names, wins).map { "\($0) \($1)" }.joined(separator: ", ")
      )
      if rounds >= 100 { #expect(wins.allSatisfy { $0 > 0 }, "\(wins): nobody raced") }
    }

    @Test
    func `with a quorum of two, one person with two windows and a command never completes it`()
      async throws
    {
      let office = try Office(payments)
      try await office.start()
      let root = try office.open()
      let windows = [
        try Person("anna", uid: Self.anna, at: office),
        try Person("anna", uid: Self.anna, at: office),
      ]
      let bert = try Person("bert", uid: Self.bert, at: office)
      let rounds = Office.rounds(10)
      for round in 0..<rounds {
        let id = try await root.ask("desk.wire", ["n": .integer(Int64(round))])
        let row = try root.detail(id).row
        async let first = windows[0].approve(id, row, after: pause())
        async let second = windows[1].approve(id, row, after: pause())
        async let third = command(Self.anna, id, row, at: office)
        let answers = try await [first, second, third]
        try #require(answers.filter(\.isDone).count == 1, "round \(round): \(answers)")
        let once = try root.detail(id)
        #expect(once.row.state == .awaitingApproval)
        #expect(once.row.approvalsGiven == 1)
        // What the second window sees now is newer, and it is the same person.
        let again = try await windows[1].approve(id, once.row)
        #expect(!again.isDone && again.message.contains("another person"), "\(again)")
        #expect(try root.detail(id).row.state == .awaitingApproval)
        let other = try await bert.approve(id, root.detail(id).row)
        #expect(other.isDone, "\(other)")
      }
      try await office.wait("everything to be sent") {
        try root.snapshot(of: .header).header.live == 0
      }
      print("\(rounds) quorums of two stood against one person with three windows")
    }

    @Test func `of two consoles in terminals one wins, and the other shows who did`() async throws {
      let office = try Office(payments)
      try await office.start()
      let root = try office.open()
      let consoles = try [Self.anna, Self.bert].map { uid in
        try Terminal(
          width: 120,
          height: 30,
          script: "exec \(Person.shell(uid)) \"$CALLBOARD\" attach --socket \(office.socket)"
        )
      }
      let names = ["anna", "bert"]
      for console in consoles {
        try await console.wait(for: "waiting 0")
        try console.press("2")
      }
      let rounds = Office.rounds(4, of: 100)
      var wins = [0, 0]
      for round in 0..<rounds {
        let id = try await root.ask("desk.pay", ["n": .integer(Int64(round))])
        let shown = "call \(id.description.suffix(6))"
        for console in consoles {
          try console.press("g", "C-l")
          try await console.wait(for: shown)
        }
        var winners: [String] = []
        while winners.isEmpty {
          // Keys count half a second after the screen has changed, and somebody else's key is read there.
          try await Task.sleep(for: .milliseconds(800))
          for console in round.isMultiple(of: 2) ? consoles : consoles.reversed() {
            try console.press("a")
          }
          let end = ContinuousClock.now + .seconds(2)
          while winners.isEmpty, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
            winners = try root.detail(id).call.approval?.approvals.map(\.by.name) ?? []
          }
        }
        try #require(winners.count == 1, "round \(round): \(winners)")
        let winner = try #require(names.firstIndex(of: winners[0]))
        wins[winner] += 1
        try await consoles[winner].wait("the winner's screen") {
          $0.contains("\(id.description.suffix(6)) approved")
        }
        try await consoles[1 - winner].wait("the other's screen to name \(names[winner])") {
          $0.contains("by \(names[winner])")
        }
      }
      try await office.wait("everything to be paid") {
        try root.snapshot(of: .header).header.live == 0
      }
      let paid = try String(contentsOfFile: office.path("paid"), encoding: .utf8)
      #expect(paid.split(separator: "\n").count == rounds)
      print("\(rounds) approvals raced for by keys: anna \(wins[0]), bert \(wins[1])")
    }
  }
}
