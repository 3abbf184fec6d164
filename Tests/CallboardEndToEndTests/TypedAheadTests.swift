import Testing

extension EndToEnd {
  /// Keys decide only what their presser can have seen.
  @Suite struct TypedAheadTests {
    @Test func `keys typed ahead and pasted keys approve nothing`() async throws {
      let desk = try Desk("paying", "explaining")
      let second = try #require(
        try await desk.events.first("call.awaiting_approval", function: "desk.pay").call
      )
      let other = try #require(
        try await desk.events.first("call.awaiting_approval", function: "desk.explain").call
      )
      try desk.terminal.press("2")
      try await desk.terminal.wait(for: "[2 Wait", "desk.pay", "desk.explain")
      try desk.terminal.press("g")
      try await desk.terminal.wait(for: "1 of 2")
      let first = cursorRow(try desk.terminal.screen())
      // One packet: the call that `j` comes to was never painted when `a` was pressed, in either direction.
      try desk.terminal.type("ja")
      try await desk.terminal.wait {
        $0.contains("typed before this was on screen") && cursorRow($0) != first
      }
      try desk.terminal.type("ka")
      try await desk.terminal.wait {
        $0.contains("typed before this was on screen") && cursorRow($0) == first
      }
      try desk.terminal.press("C-l")
      try await desk.terminal.wait { !$0.contains("typed before") }
      try desk.terminal.paste(String(repeating: "a", count: 500))
      try await desk.terminal.wait(for: "pasted text is never run as keys")
      // Help opens after everything before it was taken in.
      try desk.terminal.press("?")
      try await desk.terminal.wait(for: "Keys that work here and now")
      for id in [second, other] {
        #expect(try desk.events.types(of: id) == ["call.received", "call.awaiting_approval"])
      }
      // The same key, pressed by somebody who has looked, does approve.
      try desk.terminal.press("Escape")
      try await desk.terminal.wait { cursorRow($0) == first }
      try desk.terminal.press(first?.contains("desk.pay") == true ? "g" : "G")
      try await desk.terminal.wait(for: "call \(second.suffix(6))", "a approve")
      try await desk.terminal.decide("a") { $0.contains("\(second.suffix(6)) approved") }
      try await desk.events.first("call.running", call: second)
      #expect(try desk.events.types(of: other) == ["call.received", "call.awaiting_approval"])
    }

    private func cursorRow(_ screen: String) -> Substring? {
      screen.split(separator: "\n").first { $0.hasPrefix("▌") }?.prefix(20)
    }
  }
}
