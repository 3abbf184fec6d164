import Testing

extension EndToEnd {
  /// It degrades by a step, never by a crash.
  @Suite struct PoorTerminalTests {
    struct Setting: Sendable, CustomTestStringConvertible {
      var name: String
      var width = 80
      var height = 24
      var environment: [String: String?] = [:]
      var shows = ["payments.send_wire"]

      var testDescription: String { name }
    }

    @Test(arguments: [
      Setting(name: "no colour", environment: ["NO_COLOR": "1"]),
      Setting(name: "LANG=C", environment: ["LANG": "C"]),
      Setting(name: "vt100", environment: ["TERM": "vt100"]),
      Setting(name: "vt100 in C", environment: ["TERM": "vt100", "LANG": "C", "NO_COLOR": "1"]),
      Setting(name: "40x10", width: 40, height: 10, shows: ["waiting"]),
      Setting(name: "10x3", width: 10, height: 3, shows: []),
    ])
    func `the console runs where there is little to draw with`(setting: Setting) async throws {
      let terminal = try Terminal(
        width: setting.width,
        height: setting.height,
        environment: setting.environment,
        script: """
          "$CALLBOARD" demo --seed 1 --events events
          echo $? > new.status
          mv new.status status
          read line
          """
      )
      let events = EventLog(terminal.path("events"))
      let wire = try await events.first("call.awaiting_approval", function: "payments.send_wire")
      try await terminal.wait { screen in
        !screen.allSatisfy(\.isWhitespace)
          && setting.shows.allSatisfy(screen.contains)
      }
      if setting.environment["LANG"] == "C" {
        #expect(try terminal.screen().unicodeScalars.allSatisfy(\.isASCII))
      }
      // Each key is taken: seen by what stands on the screen, or where that is too small by its being alive.
      for key in ["2", "3", "4", "5", "7", "?", "Escape", "j", "J", "G", "Tab", "1"] {
        try terminal.press(key)
      }
      try await events.first("call.running", after: wire.seq)
      #expect(terminal.read("status") == nil)
      // `q` goes back, and at the root asks; the words about a key that came too early have no room here.
      let clock = ContinuousClock()
      var pressed = clock.now
      try await terminal.wait("the console to be left") { screen in
        guard terminal.read("status") == nil else { return true }
        if clock.now - pressed > .milliseconds(700) {
          try terminal.press(screen.contains("eave") ? "y" : "q")
          pressed = clock.now
        }
        return false
      }
      #expect(try await terminal.wait(file: "status") == "0")
    }

    @Test(arguments: ["dumb", nil])
    func `where nothing can be drawn it says so, and what to do instead`(term: String?) async throws
    {
      let terminal = try Terminal(
        environment: ["TERM": term],
        script: """
          "$CALLBOARD" demo --seed 1
          echo $? > new.status
          mv new.status status
          read line
          """
      )
      #expect(try await terminal.wait(file: "status") == "64")
      try await terminal.wait(for: "callboard: TERM is", "callboard run")
      #expect(try terminal.flag("alternate_on") == "0")
    }
  }
}
