import Foundation
import Testing

extension EndToEnd {
  /// However the console ends, the terminal is as it was.
  @Suite struct TerminalReturnsTests {
    private static let script = """
      stty -a > before
      sh -c 'echo $$ > new.pid; mv new.pid pid; exec "$CALLBOARD" demo --seed 1'
      echo $? > new.status
      stty -a > after
      mv new.status status
      read line
      """

    @Test(arguments: ["TERM", "INT", "HUP", "QUIT", "ABRT"])
    func `a signal ends the console, not the terminal`(signal: String) async throws {
      let terminal = try Terminal(script: Self.script)
      try await terminal.wait(for: "[1 Overview]", "waiting for you")
      #expect(try terminal.flag("alternate_on") == "1")
      let id = try #require(Int32(try await terminal.wait(file: "pid")))
      let numbers = [
        "TERM": SIGTERM, "INT": SIGINT, "HUP": SIGHUP, "QUIT": SIGQUIT, "ABRT": SIGABRT,
      ]
      let number = try #require(numbers[signal])
      #expect(kill(id, number) == 0)
      #expect(try await terminal.wait(file: "status") == "\(128 + number)")
      try await expectRestored(terminal)
    }

    @Test func `leaving gives the terminal back`() async throws {
      let terminal = try Terminal(script: Self.script)
      try await terminal.wait(for: "[1 Overview]", "waiting for you")
      try terminal.press("q")
      try await terminal.wait(for: "Leave?")
      try await terminal.decide("y") { _ in terminal.read("status") != nil }
      #expect(try await terminal.wait(file: "status") == "0")
      try await expectRestored(terminal)
    }

    @Test func `a signal ends the console also while an editor has the terminal`() async throws {
      let terminal = try Terminal(
        environment: ["VISUAL": "sh editor", "XDG_RUNTIME_DIR": nil, "TMPDIR": "private"],
        files: [
          "editor": "echo editing; echo \"$1\" > new.file; mv new.file file; exec sleep 600\n"
        ],
        script: "mkdir private\n" + Self.script
      )
      try await terminal.wait(for: "[1 Overview]", "waiting for you")
      try terminal.press("2")
      try await terminal.wait(for: "[2 Waiting", "approve")
      try await terminal.decide("e") { $0.contains("editing") }
      let file = try await terminal.wait(file: "file")
      #expect(terminal.read(file) != nil)
      let id = try #require(Int32(try await terminal.wait(file: "pid")))
      #expect(kill(id, SIGTERM) == 0)
      #expect(try await terminal.wait(file: "status") == "143")
      #expect(terminal.read(file) == nil)
      try await expectRestored(terminal)
    }

    @Test func `Ctrl-Z gives the terminal back for a while, and fg goes on`() async throws {
      let terminal = try Terminal(
        script: """
          set -m
          stty -a > before
          "$CALLBOARD" demo --seed 1
          stty -a > after
          touch status
          read line
          rm after status
          fg %1
          echo $? > new.status
          stty -a > after
          mv new.status status
          read line
          """
      )
      try await terminal.wait(for: "[1 Overview]", "waiting for you")
      try terminal.press("C-z")
      _ = try await terminal.wait(file: "status")
      try await expectRestored(terminal)
      try terminal.press("Enter")
      try await terminal.wait(for: "[1 Overview]", "waiting for you")
      #expect(try terminal.flag("alternate_on") == "1")
      // Alive, and listening.
      try terminal.press("2")
      try await terminal.wait(for: "[2 Waiting")
      try terminal.press("1")
      try await terminal.wait(for: "[1 Overview]")
      try terminal.press("q")
      try await terminal.wait(for: "Leave?")
      try await terminal.decide("y") { _ in terminal.read("status") != nil }
      #expect(try await terminal.wait(file: "status") == "0")
      try await expectRestored(terminal)
    }

    private func expectRestored(_ terminal: Terminal) async throws {
      let before = try #require(terminal.read("before"))
      #expect(!before.isEmpty)
      #expect(terminal.read("after") == before)
      // What tmux has read of the last bytes may lag behind the script.
      try await terminal.wait("the screen before") { _ in try terminal.flag("alternate_on") == "0" }
      #expect(try terminal.flag("cursor_flag") == "1")
      #expect(try terminal.flag("keypad_flag") == "0")
      #expect(try terminal.flag("keypad_cursor_flag") == "0")
      #expect(try terminal.flag("mouse_any_flag") == "0")
      #expect(try !terminal.screen().contains("[1 Overview]"))
    }
  }
}
