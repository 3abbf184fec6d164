import Foundation
import JSONSchema
import Testing

extension EndToEnd {
  /// Leaving ends what runs in this process: a `write` has time to end, and what nobody knows is said.
  @Suite struct LeavingTests {
    private let script = """
      sh -c 'echo $$ > new.pid; mv new.pid pid; exec "$CALLBOARD" console --config pay.yaml --events events'
      echo $? > new.status
      mv new.status status
      read line
      """

    /// A console on one conversation that calls one `write`.
    private func terminal(_ program: String, timeout: String = "20m") throws -> Terminal {
      try Terminal(
        files: [
          "pay.yaml": """
          name: paying
          providers:
            desk:
              type: program
              functions:
                - { name: pay, description: Pays., effect: write, run: [sh, -c, "\(program)"], stdin: none, timeout: \(timeout) }
          approvals: [{ approval: never }]
          scripts:
            paying: { user: Pay., turns: [{ calls: [{ function: desk.pay }] }, { say: "Paid.", end: true }] }
          models:
            paying: { type: script, script: paying }
          conversations: [{ model: paying, caller: agent-1 }]
          """
        ],
        script: script
      )
    }

    private func leave(_ terminal: Terminal) async throws {
      try terminal.press("q")
      try await terminal.wait(for: "Leave?")
      try await terminal.decide("y") { !$0.contains("Leave?") }
    }

    @Test func `a write that runs has ten seconds to end`() async throws {
      let terminal = try terminal("sleep 4; echo 1")
      let events = EventLog(terminal.path("events"))
      _ = try await events.first("call.running", function: "desk.pay")
      // The question tells what was on the screen.
      try await terminal.wait(for: "running 1")
      try terminal.press("q")
      try await terminal.wait(for: "1 write runs and has 10 s to end", "Leave?")
      try await terminal.decide("y") { !$0.contains("Leave?") }
      #expect(try await terminal.wait(file: "status") == "0")
      #expect(try events.all().contains { $0.type == "call.succeeded" })
    }

    @Test func `a terminal that is closed gives a write its time, however often it hangs up`()
      async throws
    {
      let terminal = try terminal("sleep 3; echo 1")
      let events = EventLog(terminal.path("events"))
      _ = try await events.first("call.running", function: "desk.pay")
      try await terminal.wait(for: "[1 Overview]")
      try terminal.hangUp()
      _ = try await events.first("engine.stopping")
      _ = try await events.first("call.succeeded", function: "desk.pay")
      _ = try await events.first("engine.stopped")
    }

    @Test
    func `whoever leaves a call of unknown outcome behind hears of it, and so does the shell`()
      async throws
    {
      let terminal = try terminal("sleep 600", timeout: "300ms")
      let events = EventLog(terminal.path("events"))
      let call = try await events.first("call.unknown", function: "desk.pay").call ?? ""
      try await leave(terminal)
      #expect(try await terminal.wait(file: "status") == "74")
      try await terminal.wait(for: "callboard: desk.pay \(call.suffix(6))", "is unknown")
    }

    @Test func `a second signal gives it no more time, and what became of it is said`() async throws
    {
      let terminal = try terminal("sleep 600")
      let events = EventLog(terminal.path("events"))
      let call = try await events.first("call.running", function: "desk.pay").call ?? ""
      let id = try #require(Int32(try await terminal.wait(file: "pid")))
      try await terminal.wait(for: "[1 Overview]")
      #expect(kill(id, SIGTERM) == 0)
      try await terminal.wait(for: "1 call runs, a write: up to 10 s to end")
      #expect(kill(id, SIGTERM) == 0)
      try await terminal.wait(for: "callboard: desk.pay \(call.suffix(6))", "is unknown")
      #expect(try await terminal.wait(file: "status") == "143")
      #expect(try terminal.flag("alternate_on") == "0")
      let last = try #require(try events.all().last { $0.function == "desk.pay" })
      #expect(last.type == "call.unknown")
    }
  }
}
