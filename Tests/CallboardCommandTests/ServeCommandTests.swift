import CallboardControl
import Foundation
import Glibc
import JSONSchema
import Testing

@testable import CallboardCommand

/// The commands that act on a running instance, from outside: what they print, and the numbers they end with.
@Suite(.timeLimit(.minutes(5)))
struct ServeCommandTests {
  /// An instance that was started with `serve`, for as long as a test takes.
  private final class Instance {
    let scratch: Scratch
    private let process = Process()
    private let error = Pipe()

    init(_ more: String = "") async throws {
      scratch = try Scratch()
      _ = try scratch.file(
        "callboard.yaml",
        """
        name: served
        store: memory
        control: { socket: control.sock }
        providers:
          desk:
            type: program
            functions:
              - { name: hello, effect: read, description: Says hello., run: [echo, hello], stdin: none, output: text }
              - { name: pay, effect: write, run: [cat], parameters: { type: object, required: [amount], properties: { amount: { type: integer } } } }
              - { name: secret, effect: read, run: [cat], secrets: [card], parameters: { type: object, properties: { card: { type: string } } } }
              - { name: lose, effect: write, run: [sleep, "60"], stdin: none, timeout: 100ms }
        approvals:
          - { function: desk.pay, label: every payment }
          - { approval: never }
        scripts:
          paying:
            user: Pay 12.
            turns: [{ calls: [{ function: desk.pay, with: { amount: 12 } }] }, { say: "Done.", end: true }]
        models: { paying: { type: script, script: paying } }
        conversations: [{ model: paying, caller: agent-1, title: a payment }]
        \(more)
        """
      )
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = ["serve", "--events", "events"]
      process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
      process.environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin"]
      process.standardError = error
      try process.run()
      try await until("approvals", "list") {
        $0.output.contains("desk.pay") || !more.isEmpty && $0.status == 0
      }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    func run(_ arguments: String..., input: String = "") async throws -> Program.Ended {
      try await Program.run(
        arguments,
        input: input,
        environment: ["HOME": scratch.path],
        folder: scratch.path
      )
    }

    func until(_ arguments: String..., sign: (Program.Ended) -> Bool) async throws {
      while true {
        let ended = try await Program.run(
          arguments,
          environment: ["HOME": scratch.path],
          folder: scratch.path
        )
        if sign(ended) { return }
        try #require(process.isRunning, "serve has ended")
        try await Task.sleep(for: .milliseconds(20))
      }
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    func stop(_ number: Int32) async throws -> (status: Int32, error: String) {
      kill(process.processIdentifier, number)
      let (process, error) = (process, error)
      return try await Program.onOwnThread {
        let text = try error.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
      }
    }

    /// The one call that waits, as `approvals list` tells it.
    func waiting() async throws -> JSONValue {
      let ended = try await run("approvals", "list", "--output", "jsonl")
      return try JSONValue(parsing: String(ended.output.split(separator: "\n").first ?? "null"))
    }
  }

  @Test func `a grant says what it would cover before it is given, serves, and is taken back`()
    async throws
  {
    let instance = try await Instance()
    let asked = try await instance.run("grants", "add", "desk.pay for 1h limit 2")
    #expect(asked.status == 0)
    #expect(asked.output.contains("covers: desk.pay"))
    #expect(asked.output.contains("1 call that waits is of its kind"))
    #expect(asked.output.contains("nothing was given; say --yes to give it"))
    #expect(try await instance.run("grants").output == "nothing is approved ahead\n")
    let given = try await instance.run("grants", "add", "--yes", "desk.pay for 1h limit 2")
    #expect(given.status == 0, "\(given.error)")
    // Whoever gave it can't be served by it: the caller over this socket is the same person.
    let own = try await instance.run("call", "desk.pay", #"{"amount":77}"#, "--wait", "1s")
    #expect(own.status != 0)
    let listed = try await instance.run("grants", "list")
    #expect(listed.output.contains("valid  desk.pay"), "\(listed.output)")
    let id = try #require(listed.output.firstMatch(of: /g-[0-9a-f]{4}/)).0
    #expect(try await instance.run("grants", "revoke", String(id)).status == 0)
    #expect(try await instance.run("grants", "list").output.contains("revoked by"))
    let wrong = try await instance.run("grants", "add", "desk.pay limit 2")
    #expect(wrong.status == 64)
    #expect(wrong.error.contains("a grant has an end"), "\(wrong.error)")
    let nobody = try await instance.run("grants", "add", "desk.pya for 1h")
    #expect(nobody.status == 1)
    #expect(nobody.error.contains("did you mean desk.pay?"), "\(nobody.error)")
    #expect(try await instance.run("functions", "accept").output == "no changed definition waits\n")
    #expect(try await instance.run("functions", "accept", "desk.pay").status == 1)
  }

  @Test func `HUP reads the configuration anew, and a wrong file changes nothing`() async throws {
    let instance = try await Instance()
    let path = instance.scratch.path + "/callboard.yaml"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try "nonsense: true\n".write(toFile: path, atomically: true, encoding: .utf8)
    instance.signal(SIGHUP)
    try text.replacing("[echo, hello]", with: "[echo, goodbye]")
      .write(toFile: path, atomically: true, encoding: .utf8)
    instance.signal(SIGHUP)
    // Each HUP reads what is there then: the last one finds the right file.
    while true {
      let said = try await instance.run("call", "desk.hello")
      if said.output.contains("goodbye") { break }
      instance.signal(SIGHUP)
      try await Task.sleep(for: .milliseconds(50))
    }
    let ended = try await instance.stop(SIGTERM)
    #expect(ended.error.contains("callboard: HUP: "), "\(ended.error)")
  }

  @Test func `a decision takes the digest that show prints, and comes once`() async throws {
    let instance = try await Instance()
    let id = try #require(try await instance.waiting()["id"]?.stringValue)
    let shown = try await instance.run("approvals", "show", String(id.suffix(6)))
    #expect(shown.status == 0)
    for words in [id, "desk.pay, write", "agent-1", "rule 1: every payment", "\"amount\": 12"] {
      #expect(shown.output.contains(words), "\(shown.output)")
    }
    let digest = try #require(shown.output.firstMatch(of: /digest\s+(\S+)/)?.1)
    let wrong = try await instance.run("approvals", "approve", id, "--digest", "0000")
    #expect(wrong.status == 1)
    #expect(wrong.error.contains("Not done: the arguments are not the ones you saw"), "\(wrong)")
    #expect(try await instance.run("approvals", "approve", id).status == 64)
    let right = try await instance.run("approvals", "approve", id, "--digest", String(digest))
    #expect(right.status == 0, "\(right)")
    #expect(right.output == "desk.pay \(id.suffix(6)) approved\n")
    let late = try await instance.run("approvals", "deny", id, "--digest", String(digest))
    #expect(late.status == 1, "\(late)")
  }

  @Test func `an edit is checked, and what it makes needs a digest of its own`() async throws {
    let instance = try await Instance()
    let waiting = try await instance.waiting()
    let id = try #require(waiting["id"]?.stringValue)
    let digest = try #require(waiting["digest"]?.stringValue)
    let invalid = try await instance.run(
      "approvals",
      "edit",
      id,
      "--digest",
      digest,
      #"{"amount":"much"}"#
    )
    #expect(invalid.status == 1)
    #expect(invalid.error.contains("/amount"), "\(invalid)")
    let edited = try await instance.run(
      "approvals",
      "edit",
      id,
      "--digest",
      digest,
      "-",
      input: #"{"amount":7}"#
    )
    #expect(edited.status == 0, "\(edited)")
    let stale = try await instance.run("approvals", "approve", id, "--digest", digest)
    #expect(stale.status == 1, "\(stale)")
    let now = try #require(try await instance.waiting()["digest"]?.stringValue)
    #expect(try await instance.run("approvals", "approve", id, "--digest", now).status == 0)
    try await instance.until("calls", "show", id) { $0.output.contains("succeeded") }
    #expect(
      try await instance.run("calls", "show", id, "--output", "json").output.contains(
        #""amount": 7"#
      )
    )
  }

  @Test func `the instance makes a call in the name of whoever runs the command`() async throws {
    let instance = try await Instance()
    let hello = try await instance.run("call", "desk.hello")
    #expect(hello.output == "hello\n" && hello.status == 0, "\(hello)")
    #expect(
      try await instance.run("calls", "list", "fn:desk.hello", "--output", "jsonl").output.contains(
        #""state":"succeeded""#
      )
    )
    let waits = try await instance.run("call", "desk.pay", #"{"amount":3}"#, "--wait", "200ms")
    #expect(waits.status == 75, "\(waits)")
    #expect(waits.error.contains("waits for a person to decide"))
    let lost = try await instance.run("call", "desk.lose", "--wait", "2s")
    #expect(lost.status == 74, "\(lost)")
    let secret = try await instance.run("call", "desk.secret", #"{"card":"4111"}"#)
    #expect(secret.status == 64, "\(secret)")
    #expect(secret.error.contains("- or @FILE"))
    #expect(try await instance.run("call", "desk.nothing").status == 1)
    // An engine of the command's own knows nothing of this one.
    let alone = try await instance.run("call", "desk.pay", #"{"amount":3}"#, "--alone")
    #expect(alone.status == 77, "\(alone)")
  }

  @Test func `an unknown outcome is listed first, and settled with evidence`() async throws {
    let instance = try await Instance()
    _ = try await instance.run("call", "desk.lose", "--wait", "1s")
    let unknown = try await instance.waiting()
    #expect(unknown["state"] == "unknown")
    let id = try #require(unknown["id"]?.stringValue)
    #expect(try await instance.run("calls", "settle", id).status == 64)
    let stale = try await instance.run(
      "calls",
      "settle",
      id,
      "--did-not-happen",
      "looked",
      "--revision",
      "1"
    )
    #expect(stale.status == 1, "\(stale)")
    let settled = try await instance.run(
      "calls",
      "settle",
      id,
      "--did-not-happen",
      "I looked there"
    )
    #expect(settled.status == 0, "\(settled)")
    #expect(try await instance.run("calls", "show", id).output.contains("I looked there"))
  }

  @Test func `functions, the engine and conversations are switched, and twice is not done`()
    async throws
  {
    let instance = try await Instance()
    for (arguments, words) in [
      (["functions", "disable", "desk.hello"], "desk.hello is off"),
      (["hold"], "everything is held"),
    ] {
      let first = try await Program.run(arguments, folder: instance.scratch.path)
      #expect(first.status == 0 && first.output.contains(words), "\(first)")
      let second = try await Program.run(arguments, folder: instance.scratch.path)
      #expect(second.status == 1 && second.error.contains("already"), "\(second)")
    }
    #expect(try await instance.run("release").status == 0)
    #expect(try await instance.run("functions", "enable", "desk").status == 0)
    let list = try await instance.run("conversations", "list", "--output", "json")
    let id = try #require(try JSONValue(parsing: list.output).arrayValue?.first?["id"]?.stringValue)
    #expect(try await instance.run("conversations", "pause", String(id.suffix(4))).status == 0)
    #expect(try await instance.run("conversations", "resume", id).status == 0)
    #expect(try await instance.run("conversations", "message", id, "Be quick.").status == 0)
    #expect(try await instance.run("conversations", "show", id).output.contains("Pay 12."))
    #expect(try await instance.run("conversations", "stop", id).status == 0)
    #expect(try await instance.run("approvals", "list").output == "")
  }

  @Test func `a picture is of the running instance`() async throws {
    let instance = try await Instance()
    let picture = try await instance.run("snapshot", "waiting", "--size", "120x30")
    #expect(picture.status == 0, "\(picture)")
    #expect(
      picture.output.contains("desk.pay") && picture.output.contains("│ 12"),
      "\(picture.output)"
    )
  }

  @Test func `tail shows what happens until the instance ends`() async throws {
    let instance = try await Instance()
    let folder = instance.scratch.path
    let tail = Task {
      try await Program.run(
        line: #""$0" tail --output jsonl > tailed 2> said; echo $?"#,
        folder: folder
      )
    }
    try await instance.until("call", "desk.hello") { _ in
      (try? String(contentsOfFile: folder + "/tailed", encoding: .utf8))?.contains("hello") == true
    }
    _ = try await instance.stop(SIGTERM)
    var ended = try await tail.value
    #expect(ended.output == "69\n")
    ended.output = try String(contentsOfFile: folder + "/tailed", encoding: .utf8)
    ended.error = try String(contentsOfFile: folder + "/said", encoding: .utf8)
    #expect(ended.error.contains("it was stopped in order"))
    #expect(ended.output.contains(#""type":"call.succeeded""#))
  }

  @Test func `serve ends in order at TERM, and says what is up at the start`() async throws {
    let instance = try await Instance()
    let ended = try await instance.stop(SIGTERM)
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.error.contains("served is up with 4 functions"), "\(ended)")
    #expect(ended.error.contains("stopping"), "\(ended)")
    #expect(!FileManager.default.fileExists(atPath: instance.scratch.path + "/control.sock"))
    let after = try await instance.run("approvals", "list")
    #expect(after.status == 69, "\(after)")
    #expect(after.error.contains("callboard serve"), "\(after)")
  }

  @Test func `what somebody may do is what the operators say of their user id`() async throws {
    let instance = try await Instance("operators: { other: { uid: \(getuid()), roles: [viewer] } }")
    let held = try await instance.run("hold")
    #expect(held.status == 77, "\(held)")
    #expect(held.error.contains("that takes the role operator"), "\(held)")
    #expect(try await instance.run("calls", "list").status == 0)
  }

  @Test func `a configuration without a socket says so`() async throws {
    let scratch = try Scratch()
    _ = try scratch.file(
      "callboard.yaml",
      "control: none\nproviders: { p: { type: program, functions: [{ name: a, run: [\"true\"] }] } }\n"
    )
    for arguments in [["serve"], ["approvals", "list"]] {
      let ended = try await Program.run(arguments, folder: scratch.path)
      #expect(ended.status == 64, "\(ended)")
      #expect(ended.error.contains("control: none"), "\(ended)")
    }
  }
}
