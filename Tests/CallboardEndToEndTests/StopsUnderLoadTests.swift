import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema
import Testing

extension EndToEnd {
  /// Switches, holds and changed definitions of an instance under five hundred calls a second from another process.
  ///
  /// Six seconds here; `CALLBOARD_ROUNDS=1000` takes a minute.
  @Suite struct StopsUnderLoadTests {
    /// Functions of the demo's market: they take their time without taking the machine's.
    private static func market(_ most: Int) -> String {
      """
      providers:
        viewings:
          type: demo
          functions:
            - name: schedule
              effect: idempotent
              description: Books a time to see a home.
              slots: 50
              parameters:
                type: object
                required: [property, buyer, day]
                properties:
                  property: { type: string }
                  buyer: { type: string, maxLength: \(most) }
                  day: { enum: [monday, tuesday] }
        compliance:
          type: demo
          functions:
            - name: check
              effect: read
              description: Checks a buyer against the lists.
              slots: 100
              retry: { attempts: 1 }
              parameters: { type: object, required: [buyer], properties: { buyer: { type: string } } }
        properties:
          type: demo
          functions:
            - name: validate
              effect: read
              description: Looks a property up.
              slots: 50
              parameters: { type: object, required: [property], properties: { property: { type: string } } }
      approvals: [{ approval: never }]
      limits: { slots: 180 }
      """
    }

    private static let calls: JSONValue = [
      "viewings.schedule": ["property": "MIT-1000", "buyer": "b$n", "day": "monday"],
      "compliance.check": ["buyer": "b$n"], "properties.validate": ["property": "MIT-$n"],
    ]

    /// Reads the event stream alone: its order is the order of commits.
    struct Judge {
      private var queued: [String: Set<String>] = [:]
      private var stopped: [String: Set<String>] = [:]
      private var owed: Set<String> = []
      private(set) var wrong: [String] = []
      private(set) var (stops, held, starts, heldStarts) = (0, 0, 0, 0)
      private static let everything = "*"

      private func isStopped(_ function: String) -> Bool {
        !(stopped[function] ?? []).isEmpty || !(stopped[Self.everything] ?? []).isEmpty
      }

      mutating func take(_ event: EventLog.Event) {
        let function = event.function ?? ""
        switch event.type {
        case "function.off": stop(function, "off")
        case "function.on": release(function, "off")
        case "function.changed": stop(function, "changed")
        case "function.accepted": release(function, "changed")
        case "engine.held": stop(Self.everything, "held")
        case "engine.released": release(Self.everything, "held")
        case "call.queued": if let call = event.call { queued[function, default: []].insert(call) }
        case "call.running":
          guard let call = event.call else { return }
          starts += 1
          if isStopped(function) { wrong.append("\(function) started at \(event.seq), stopped") }
          queued[function]?.remove(call)
          if owed.remove(call) != nil { heldStarts += 1 }
        case "call.succeeded", "call.failed", "call.rejected", "call.denied", "call.expired",
          "call.cancelled", "call.awaiting_approval":
          if let call = event.call {
            queued[function]?.remove(call)
            owed.remove(call)
          }
        default: break
        }
      }

      private mutating func stop(_ function: String, _ why: String) {
        stops += 1
        stopped[function, default: []].insert(why)
      }

      private mutating func release(_ function: String, _ why: String) {
        stopped[function]?.remove(why)
        for (name, calls) in queued where function == name || function == Self.everything {
          guard !isStopped(name) else { continue }
          owed.formUnion(calls)
          held += calls.count
        }
      }

      /// Calls that were held, were released, and neither started nor ended.
      var forgotten: Int { owed.count }
    }

    @Test
    func
      `no attempt begins after a switch, a hold or a change, and after release the held ones do`()
      async throws
    {
      let office = try Office(Self.market(200))
      try await office.start()
      let root = try office.open()
      let flood = try Person("flood", uid: geteuid(), at: office)
      let seconds = max(6, Office.rounds(6, of: 60))
      async let flooded = flood.tell([
        "flood": ["rate": 500, "seconds": .integer(Int64(seconds)), "calls": Self.calls]
      ])
      func send(_ request: Request) async throws {
        let reply = try await blocking { try root.send(request) }
        #expect(reply.isDone, "\(reply)")
      }
      func pause(_ range: ClosedRange<Int>) async throws {
        try await Task.sleep(for: .milliseconds(Int.random(in: range)))
      }
      let end = ContinuousClock.now + .seconds(Double(seconds) - 1)
      var round = 0
      try await pause(500...600)
      while ContinuousClock.now < end {
        round += 1
        switch round % 3 {
        case 0:
          let name =
            ["compliance.check", "properties.validate"].randomElement() ?? "compliance.check"
          try await send(.setFunction(name, from: true, to: false))
          try await pause(50...200)
          try await send(.setFunction(name, from: false, to: true))
        case 1:
          try await send(.hold(from: false, to: true))
          try await pause(50...200)
          try await send(.hold(from: true, to: false))
        default:
          // What the configuration says of the demo's calendar is what its server announces: another one is held.
          try office.configure(Self.market(200 + round))
          office.send(SIGHUP)
          var rows: [DefinitionRow] = []
          try await office.wait("the changed definition to be held") {
            rows = try root.snapshot(of: .waiting(ListQuery(after: 0))).definitions
            return !rows.isEmpty
          }
          try await pause(50...200)
          for row in rows {
            try await send(.acceptDefinition(row.name, from: row.from, to: row.to))
          }
        }
        try await pause(100...300)
      }
      let told = try await flooded
      try await office.wait("every call to end") {
        try root.snapshot(of: .header).header.live == 0
      }
      office.send(SIGTERM)
      let log = office.events[0]
      try await office.wait("the last event to be written") {
        try log.all().last?.type == "engine.stopped"
      }
      var judge = Judge()
      for event in try log.all() { judge.take(event) }
      #expect(judge.wrong.isEmpty, "\(judge.wrong.count): \(judge.wrong.prefix(5))")
      #expect(judge.forgotten == 0)
      #expect(judge.stops == round)
      #expect(judge.held > 0, "nothing was ever held: the test shows nothing")
      let sent = told["sent_in"]?.doubleValue ?? 0
      let rate = Double(told["calls"]?.intValue ?? 0) / sent
      #expect(rate > 400, "the load was not there: \(told.serialized())")
      print(
        "\(told.serialized()), \(Int(rate)) a second: \(judge.stops) stops, \(judge.starts) starts, none while stopped; "
          + "\(judge.held) calls held, \(judge.heldStarts) of them started after release, \(judge.forgotten) forgotten"
      )
    }
  }
}
