import Testing

extension EndToEnd {
  /// What a stranger sees who starts the demo.
  @Suite struct FirstLookTests {
    @Test(arguments: [(120, 40), (80, 24)])
    func `the demo shows a waiting wire within its first seconds and says how to begin`(
      width: Int,
      height: Int
    ) async throws {
      let terminal = try Terminal(
        width: width,
        height: height,
        script: #"exec "$CALLBOARD" demo --seed 1 --events events"#
      )
      try await terminal.wait(
        for: "A wire transfer waits for you: 2 opens it, J reads on",
        "payments.send_wire"
      )
      let events = EventLog(terminal.path("events"))
      let wire = try await events.first("call.awaiting_approval", function: "payments.send_wire")
      let id = try #require(wire.call)
      try terminal.press("2")
      try await terminal.wait(for: "call \(id.suffix(6))", "agent-7 asks", "amount")
      let lines = try terminal.screen().split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == height + 1)
      #expect(lines[height - 1].contains("a approve"))
      // Six conversations go at a time, and the calls of all of them are on Calls.
      _ = try await events.first("conversation.thinking") { _ in
        try events.all().count { $0.type == "conversation.thinking" && $0.cause == "started" } >= 6
      }
      try terminal.press("3")
      try await terminal.wait(for: "awaiting approval", "payments.send_wire")
    }
  }
}
