import Foundation
import Glibc
import JSONSchema
import Testing

@testable import CallboardCommand

/// What commands learn from a running instance that no file tells: `approvals simulate` and `report`.
@Suite(.timeLimit(.minutes(5)))
struct AskedInstanceTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func write(_ more: String = "") throws {
    _ = try scratch.file(
      "callboard.yaml",
      """
      name: asked
      store: memory
      control: { socket: control.sock }
      callers: { agent-1: {} }
      operators: { anna: { uid: \(getuid()), roles: [operator, caller] }, bert: { uid: 64001, roles: [operator, caller] } }
      providers:
        desk:
          type: program
          functions:
            - { name: hello, effect: read, description: Says hello., run: [echo, hello], stdin: none, output: text }
            - { name: pay, effect: write, run: [cat], parameters: { type: object, required: [amount], properties: { amount: { type: integer } } } }
      approvals:
        - { function: desk.pay, label: every payment }
        - { caller: bert, label: asked by bert }
        - { approval: never }
      \(more)
      """
    )
  }

  /// Runs an instance as long as the body takes.
  private func serving<Outcome: Sendable>(
    _ body:
      @escaping @Sendable (_ run: (_ arguments: String...) throws -> Program.Ended) throws
      -> Outcome
  ) async throws -> Outcome {
    let folder = scratch.path
    return try await Program.onOwnThread {
      let running = try Running(["serve"], folder: folder)
      defer { running.send(SIGKILL) }
      running.told("asked is up")
      return try body { try Running($0, folder: folder).ended() }
    }
  }

  private func alone(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(arguments, folder: scratch.path)
  }

  @Test func `simulate asks the instance for what is off, held, equal and approved ahead there`()
    async throws
  {
    try write()
    try await serving { run in
      let first = try run("approvals", "simulate", "desk.hello")
      #expect(first.status == 0, "\(first)")
      #expect(first.error.contains("what the running instance says (asked, process "), "\(first)")
      #expect(try run("functions", "disable", "desk.hello").status == 0)
      let off = try run("approvals", "simulate", "desk.hello")
      #expect(off.status == 1, "\(off)")
      #expect(off.output.contains("desk.hello is switched off by anna"), "\(off)")
      let file = try run("approvals", "simulate", "desk.hello", "--alone", "--output", "json")
      #expect(file.status == 0, "\(file)")
      #expect(try JSONValue(parsing: file.output)["asked"] == "configuration")

      #expect(try run("grants", "add", "--yes", "desk.pay for 1h limit 1").status == 0)
      for _ in 0..<2 {
        let ahead = try run(
          "approvals",
          "simulate",
          "desk.pay",
          #"{"amount":3}"#,
          "--as",
          "agent-1",
          "--output",
          "json"
        )
        #expect(ahead.status == 0, "\(ahead)")
        let json = try JSONValue(parsing: ahead.output)
        #expect(json["asked"] == "instance" && json["verdict"] == "runs", "\(ahead)")
        #expect(json["approved_ahead"]?[0]?["by"] == "anna", "\(ahead)")
      }
      // Whoever gave it can't be served by it, and who asks without --as is whoever runs the command.
      #expect(try run("approvals", "simulate", "desk.pay", #"{"amount":3}"#).status == 77)
      #expect(try run("grants", "list").output.contains("used 0 of 1"))

      #expect(
        try run("call", "desk.pay", #"{"amount":3}"#, "--wait", "100ms").status == 75
      )
      let twin = try run(
        "approvals",
        "simulate",
        "desk.pay",
        #"{"amount":3}"#,
        "--as",
        "agent-1"
      )
      #expect(twin.status == 77, "\(twin)")
      #expect(twin.output.contains("it is equal to call "), "\(twin)")

      #expect(try run("hold").status == 0)
      let held = try run("approvals", "simulate", "desk.pay", #"{"amount":4}"#)
      #expect(held.status == 1 && held.output.contains("anna holds all calls"), "\(held)")
    }
  }

  @Test func `simulate takes the names that call takes, and says which names there are`()
    async throws
  {
    try write()
    for command in [["approvals", "simulate"], ["call", "--dry-run"], ["call"]] {
      let first = command + ["desk.hello", "--as"]
      let agent = try await Program.run(first + ["agent-1"], folder: scratch.path)
      #expect(agent.status == 0, "\(command) \(agent)")
      let near = try await Program.run(first + ["agnt-1"], folder: scratch.path)
      #expect(near.status == 64 && near.error.contains("did you mean agent-1?"), "\(near)")
      let bert = try await Program.run(first + ["bert"], folder: scratch.path)
      #expect(bert.status == 64, "\(command) \(bert)")
      #expect(bert.error.contains("bert is an operator, who asks in their own name"), "\(bert)")
    }
    let folder = scratch.path
    try await serving { _ in
      for command in [["approvals", "simulate"], ["call", "--dry-run"]] {
        let agent = try Running(command + ["desk.hello", "--as", "agent-1"], folder: folder).ended()
        #expect(agent.status == 0, "\(agent)")
        let bert = try Running(command + ["desk.hello", "--as", "bert"], folder: folder).ended()
        #expect(bert.status == 64 && bert.error.contains("bert is an operator"), "\(bert)")
      }
    }
  }

  @Test func `a dry run asks the instance, and says whom it asked`() async throws {
    try write()
    let file = try await alone("call", "desk.hello", "--dry-run")
    #expect(file.status == 0)
    #expect(file.error.contains("this is what the file says. No instance listens"), "\(file)")
    try await serving { run in
      #expect(try run("functions", "disable", "desk.hello").status == 0)
      for place in [[], ["--socket", "control.sock"]] {
        let asked = try run(
          "call",
          "desk.hello",
          "--dry-run",
          place.first ?? "--output",
          place.last ?? "text"
        )
        #expect(asked.status == 1, "\(asked)")
        #expect(asked.output.contains("desk.hello is switched off by anna"), "\(asked)")
        #expect(asked.error.contains("what the running instance says (asked, process "), "\(asked)")
      }
      #expect(try run("call", "desk.hello", "--dry-run", "--alone").status == 0)
      let wrong = try run("call", "desk.pay", #"{"amount":"x"}"#, "--dry-run")
      #expect(wrong.status == 1 && wrong.output.contains("/amount: expected"), "\(wrong)")
      #expect(try run("calls", "list").output.isEmpty)
    }
  }

  @Test func `functions are listed of the instance that a socket leads to`() async throws {
    try write()
    let folder = scratch.path
    try await serving { run in
      #expect(try run("functions", "disable", "desk.hello").status == 0)
      // In a folder without any configuration.
      let elsewhere = try Scratch()
      let socket = folder + "/control.sock"
      let text = try Running(["functions", "list", "--socket", socket], folder: elsewhere.path)
        .ended()
      #expect(text.status == 0, "\(text)")
      #expect(
        text.output.contains("desk.hello  read        [off, by anna]  Says hello."),
        "\(text)"
      )
      let json = try Running(
        ["functions", "list", "--socket", socket, "--output", "json"],
        folder: elsewhere.path
      ).ended()
      let rows = try JSONValue(parsing: json.output)
      #expect(rows[0]?["running"]?["on"] == false, "\(json)")
      #expect(rows[1]?["parameters"]?["required"] == ["amount"], "\(json)")
    }
  }

  @Test func `a rule that does not match says once where`() async throws {
    try write()
    let path = scratch.path + "/callboard.yaml"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing(
      "- { function: desk.pay, label: every payment }",
      with:
        "- { function: desk.pay, label: much, when: { properties: { amount: { minimum: 100 } }, required: [amount] } }"
    ).write(toFile: path, atomically: true, encoding: .utf8)
    let ended = try await alone("approvals", "simulate", "desk.pay", #"{"amount":3}"#)
    #expect(ended.output.contains("when does not hold: /amount: expected"), "\(ended)")
  }

  @Test func `a report is the instance's, also where it keeps everything in memory`() async throws {
    try write()
    let none = try await alone("report")
    #expect(none.status == 69, "\(none)")
    #expect(none.error.contains("keeps everything in memory"), "\(none)")
    let folder = scratch.path
    try await serving { run in
      _ = try run("call", "desk.pay", #"{"amount":3}"#, "--wait", "100ms")
      #expect(try run("functions", "disable", "desk.hello").status == 0)
      for socket in [[], ["--socket", "control.sock"]] {
        let report = try Running(["report"] + socket, folder: folder).ended()
        #expect(report.status == 0, "\(report)")
        #expect(report.output.contains("of anna: waits for approval since"), "\(report)")
        #expect(report.output.contains("desk.hello off by anna"), "\(report)")
      }
      let json = try JSONValue(parsing: try run("report", "--output", "json").output)
      #expect(json["calls"]?["received"] == 1)
    }
  }

  @Test func `a report is the instance's while it holds the file, and the file's when it is gone`()
    async throws
  {
    try write()
    let path = scratch.path + "/callboard.yaml"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing("store: memory", with: "store: { file: s.db }")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let asked = try await serving { run in
      _ = try run("call", "desk.pay", #"{"amount":3}"#, "--wait", "100ms")
      return try run("report", "--output", "json")
    }
    let file = try await alone("report", "--output", "json")
    for ended in [asked, file] {
      #expect(ended.status == 0, "\(ended)")
      #expect(try JSONValue(parsing: ended.output)["open"]?.arrayValue?.count == 1, "\(ended)")
    }
  }

  @Test func `without a control socket the file is asked`() async throws {
    try write()
    let path = scratch.path + "/callboard.yaml"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing("control: { socket: control.sock }", with: "control: none")
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try await alone("approvals", "simulate", "desk.hello").status == 0)
    #expect(try await alone("call", "desk.hello").output == "hello\n")
  }
}
