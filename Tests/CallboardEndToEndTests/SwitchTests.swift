import Testing

extension EndToEnd {
  /// Switches that stop what has not started: one function, and the engine.
  @Suite struct SwitchTests {
    @Test func `a function that is off starts nothing, and goes on when it is switched on`()
      async throws
    {
      let desk = try Desk()
      try await desk.wait(2, "call.running", of: "desk.tick", after: 0)
      try desk.terminal.press("5")
      try await desk.terminal.wait(for: "[5 Func", "desk.tick")
      var moves = 0
      while try !onRow("desk.tick", desk.terminal.screen()) {
        let before = try cursorRow(desk.terminal.screen())
        try desk.terminal.press("j")
        try await desk.terminal.wait("the cursor to move") { cursorRow($0) != before }
        moves += 1
        try #require(moves < 20)
      }
      try await desk.terminal.decide("t") { _ in
        try desk.events.all().contains { $0.type == "function.off" }
      }
      let off = try await desk.events.first("function.off", function: "desk.tick")
      #expect(off.by != nil)
      // Others go on meanwhile, and its own calls are answered without being started.
      try await desk.wait(5, "call.running", of: "desk.tock", after: off.seq)
      try await desk.wait(3, "call.rejected", of: "desk.tick", after: off.seq)
      try await desk.terminal.wait { screen in
        screen.split(separator: "\n").contains { $0.contains("desk.tick") && $0.contains("off") }
      }
      #expect(try desk.events("call.running", of: "desk.tick", after: off.seq).isEmpty)
      try await desk.showCalls(of: "desk.tick")
      try await desk.terminal.wait(for: "rejected")
      try desk.terminal.press("5")
      try await desk.terminal.wait { onRow("desk.tick", $0) }
      try await desk.terminal.decide("t") { $0.contains("Switch desk.tick on?") }
      try await desk.terminal.decide("y") { _ in
        try desk.events.all().contains { $0.type == "function.on" }
      }
      let on = try await desk.events.first("function.on", function: "desk.tick")
      try await desk.wait(2, "call.running", of: "desk.tick", after: on.seq)
      #expect(
        try desk.events("call.running", of: "desk.tick", after: off.seq).allSatisfy {
          $0.seq > on.seq
        }
      )
    }

    @Test func `a held engine starts nothing until it is released`() async throws {
      let desk = try Desk()
      try await desk.wait(2, "call.running", of: "desk.tick", after: 0)
      try desk.terminal.press("!")
      try await desk.terminal.wait(for: "HELD by", "! release")
      let held = try await desk.events.first("engine.held")
      try await desk.wait(3, "call.rejected", of: "desk.tick", after: held.seq)
      try await desk.wait(3, "call.rejected", of: "desk.tock", after: held.seq)
      #expect(try !desk.events.all().contains { $0.type == "call.running" && $0.seq > held.seq })
      try desk.terminal.press("3")
      try await desk.terminal.wait(for: "[3 Call", "rejected")
      try desk.terminal.press("!")
      try await desk.terminal.wait(for: "Release the engine?")
      try await desk.terminal.decide("y") { !$0.contains("HELD by") }
      let released = try await desk.events.first("engine.released")
      try await desk.wait(2, "call.running", of: "desk.tick", after: released.seq)
      try await desk.wait(2, "call.running", of: "desk.tock", after: released.seq)
      #expect(
        try !desk.events.all().contains {
          $0.type == "call.running" && (held.seq...released.seq).contains($0.seq)
        }
      )
    }

    private func cursorRow(_ screen: String) -> Substring? {
      screen.split(separator: "\n").first { $0.hasPrefix("▌") }?.prefix(30)
    }

    private func onRow(_ function: String, _ screen: String) -> Bool {
      cursorRow(screen)?.contains(function) == true
    }
  }
}
