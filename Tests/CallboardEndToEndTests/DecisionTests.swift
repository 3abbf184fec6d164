import JSONSchema
import Testing

extension EndToEnd {
  /// Decisions by keys alone, seen in the event file for the right call and on Calls, while other calls keep arriving.
  @Suite struct DecisionTests {
    @Test(arguments: [(120, 40), (80, 24)])
    func `a call is approved only after its every line was read, and runs with what was read`(
      width: Int,
      height: Int
    ) async throws {
      let desk = try Desk("explaining", width: width, height: height)
      let id = try await desk.review(of: "desk.explain")
      try await desk.terminal.decide("a") { $0.contains("unread: J") }
      #expect(try desk.events.types(of: id) == ["call.received", "call.awaiting_approval"])
      var pages = 0
      while try desk.terminal.screen().contains("unread)") {
        let before = try desk.terminal.screen()
        try desk.terminal.press("J")
        try await desk.terminal.wait("the next lines") { $0 != before }
        pages += 1
        try #require(pages < 100)
      }
      #expect(pages > 0)
      #expect(try desk.terminal.screen().contains("│ reason number 60"))
      try await desk.terminal.decide("a") { $0.contains("\(id.suffix(6)) approved") }
      let asked = try await desk.events.first("call.awaiting_approval", call: id)
      let approved = try await desk.events.first("call.queued", call: id)
      #expect(approved.cause == "approved")
      #expect(approved.by != nil)
      #expect(try await desk.events.first("call.running", call: id).value == asked.value)
      try await desk.events.first("call.succeeded", call: id)
      try await desk.showCalls(of: "desk.explain")
      try await desk.wait(for: id, "succeeded")
    }

    @Test func `a denied call never runs, and its model hears the reason`() async throws {
      let desk = try Desk("paying")
      let id = try await desk.review(of: "desk.pay")
      try await desk.terminal.decide("d") { $0.contains("Deny") }
      try desk.terminal.type("ask bert before anna")
      try await desk.terminal.wait(for: "ask bert before anna")
      try await desk.terminal.decide("Enter") { _ in
        try desk.events.types(of: id).contains("call.denied")
      }
      let denied = try await desk.events.first("call.denied", call: id)
      #expect(denied.json.serialized().contains("ask bert before anna"))
      #expect(denied.by != nil)
      #expect(try !desk.events.types(of: id).contains("call.running"))
      try await desk.showCalls(of: "desk.pay")
      try await desk.wait(for: id, "denied")
      try desk.terminal.press("i")
      try await desk.terminal.wait(for: "It ended:", "ask bert before anna")
    }

    @Test func `the edited amount is what is approved and what runs`() async throws {
      let desk = try Desk("paying")
      let id = try await desk.review(of: "desk.pay")
      // The call's own number may have these digits, too.
      try await desk.terminal.decide("e") { $0.contains("99") && !$0.contains("a approve") }
      try await desk.terminal.decide("y") { _ in
        try desk.events.all().contains { $0.call == id && $0.cause?.contains("edited") == true }
      }
      #expect(try !desk.events.types(of: id).contains("call.running"))
      try await desk.terminal.wait { $0.contains("amount │ 99") && $0.contains("a approve") }
      try await desk.terminal.decide("a") { $0.contains("\(id.suffix(6)) approved") }
      let running = try await desk.events.first("call.running", call: id)
      #expect(running.value == ["amount": 99, "payee": "anna"])
      #expect(try await desk.events.first("call.succeeded", call: id).value?["amount"] == 99)
      try await desk.showCalls(of: "desk.pay")
      try await desk.wait(for: id, "succeeded")
      try desk.terminal.press("Enter")
      try await desk.terminal.wait(for: "call          \(id)", "amount │ 99")
    }

    @Test func `a running call is cancelled, and runs again as a new one`() async throws {
      let desk = try Desk("lingering")
      let id = try #require(
        try await desk.events.first("call.running", function: "desk.linger").call
      )
      try await desk.showCalls(of: "desk.linger")
      try await desk.wait(for: id, "running")
      try await desk.terminal.decide("x") { _ in
        try desk.events.types(of: id).contains("call.cancelled")
      }
      try await desk.wait(for: id, "cancelled")
      let cancelled = try await desk.events.first("call.cancelled", call: id)
      try await desk.terminal.decide("r") { $0.contains("again, as a new call?") }
      #expect(try desk.events("call.running", of: "desk.linger", after: cancelled.seq).isEmpty)
      try await desk.terminal.decide("y") { _ in
        try !desk.events("call.running", of: "desk.linger", after: cancelled.seq).isEmpty
      }
      let again = try desk.events("call.running", of: "desk.linger", after: cancelled.seq)
      #expect(again.count == 1)
      let second = try #require(again.first?.call)
      #expect(second != id)
      try await desk.wait(for: second, "running")
      try await desk.wait(for: id, "cancelled")
      #expect(try desk.events.types(of: id).last == "call.cancelled")
    }

    @Test func `an unknown outcome is settled by a person's word`() async throws {
      let desk = try Desk("losing")
      let id = try await desk.review("call.unknown", of: "desk.lose")
      try await desk.terminal.decide("s") { $0.contains("did it happen?") }
      try await desk.terminal.decide("h") { !$0.contains("did it happen?") }
      try desk.terminal.type("W-4711")
      try await desk.terminal.wait(for: "W-4711")
      try await desk.terminal.decide("Enter") { _ in
        try desk.events.types(of: id).contains("call.succeeded")
      }
      let settled = try await desk.events.first("call.succeeded", call: id)
      #expect(settled.value == "W-4711")
      #expect(settled.by != nil)
      #expect(try desk.events.types(of: id).filter { $0 == "call.running" }.count == 1)
      try await desk.showCalls(of: "desk.lose")
      try await desk.wait(for: id, "succeeded")
    }
  }
}
