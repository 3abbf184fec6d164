import Callboard
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

    init(_ more: String = "", rule: String = "label: every payment") async throws {
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
          - { function: desk.pay, \(rule) }
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
    let shown = try #require(asked.output.firstMatch(of: /--waiting (\S+)/)?.1)
    #expect(try await instance.waiting()["id"]?.stringValue == String(shown))
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

  @Test func `a grant approves of what waits only what was shown`() async throws {
    let instance = try await Instance()
    let id = try #require(try await instance.waiting()["id"]?.stringValue)
    let older = "00000000-0000-7000-8000-000000000000"
    let draft = "desk.pay for 1h limit 2"
    let none = try await instance.run("grants", "add", "--yes", "--waiting", older, draft)
    #expect(none.status == 0, "\(none)")
    #expect(try await instance.waiting()["id"]?.stringValue == id)
    let wrong = try await instance.run("grants", "add", "--yes", "--waiting", "all", draft)
    #expect(wrong.status == 64, "\(wrong)")
    let both = try await instance.run("grants", "add", "--yes", "--waiting", id, draft)
    #expect(both.output.contains("1 of 1 waiting calls approved"), "\(both)")
    try await instance.until("calls", "show", id) { $0.output.contains("succeeded") }
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

  @Test func `show says what was equal before, what is new, who reads it, and who may not decide`()
    async throws
  {
    let instance = try await Instance()
    let first = try await instance.waiting()
    let paid = try #require(first["id"]?.stringValue)
    let digest = try #require(first["digest"]?.stringValue)
    #expect(try await instance.run("approvals", "approve", paid, "--digest", digest).status == 0)
    try await instance.until("calls", "show", paid) { $0.output.contains("succeeded") }
    for _ in 1...2 {
      _ = try await instance.run("call", "desk.pay", #"{"amount":4711}"#, "--wait", "200ms")
    }
    let list = try await instance.run("approvals", "list", "--output", "jsonl").output
    let ids = try list.split(separator: "\n").compactMap {
      try JSONValue(parsing: String($0))["id"]?.stringValue
    }.sorted()
    try #require(ids.count == 2)
    let socket = instance.scratch.path + "/control.sock"
    let (call, reader) = (try #require(CallID(ids[1])), try #require(ids.last))
    try await Program.onOwnThread {
      _ = try CallboardControl.Instance(at: socket).send(.reading(call, isThere: true))
    }
    // The history is not read again and again while somebody looks: the payment is counted a moment later.
    try await instance.until("approvals", "show", reader) { $0.output.contains("used in 0 of 1") }
    let shown = try await instance.run("approvals", "show", reader).output
    for words in [
      "call \(ids[0]) of ", "to approve this is to do it once more", "you, for ",
      "you asked for it yourself: somebody else must approve",
      "  amount: new: used in 0 of 1 earlier call\n", "if it runs",
      "once, never repeated by itself",
    ] {
      #expect(shown.contains(words), "\(words) is not in \(shown)")
    }
    let json = try JSONValue(
      parsing: try await instance.run("approvals", "show", reader, "--output", "json").output
    )
    #expect(json["twin"]?["id"]?.stringValue == ids[0])
    #expect(json["origins"]?.arrayValue?.first?["uses"]?["of"] == 1)
    #expect(json["read_now_by"]?.arrayValue?.count == 1)
  }

  @Test func `an approval is taken back from the command line while its grace time runs`()
    async throws
  {
    let instance = try await Instance(rule: "label: every payment, grace: 10m")
    let waiting = try await instance.waiting()
    let id = try #require(waiting["id"]?.stringValue)
    let digest = try #require(waiting["digest"]?.stringValue)
    let early = try await instance.run("approvals", "undo", id)
    #expect(early.status == 1, "\(early)")
    let approved = try await instance.run("approvals", "approve", id, "--digest", digest)
    #expect(approved.output.contains("and until then you can take that back"), "\(approved)")
    #expect(try await instance.run("approvals", "list").output == "")
    let undone = try await instance.run("approvals", "undo", String(id.suffix(6)))
    #expect(undone.status == 0, "\(undone)")
    #expect(undone.output.contains("approval taken back"), "\(undone)")
    #expect(try await instance.waiting()["id"]?.stringValue == id)
    #expect(try await instance.waiting()["approvals"]?["given"] == 0)
    let twice = try await instance.run("approvals", "undo", id)
    #expect(twice.status == 1, "\(twice)")
    _ = try await instance.run("call", "desk.hello")
    let list = try await instance.run("calls", "list", "fn:desk.hello", "--output", "json")
    let free = try JSONValue(parsing: list.output).arrayValue?.first?["id"]?.stringValue
    let nothing = try await instance.run("approvals", "undo", try #require(free))
    #expect(nothing.error.contains("nobody was asked about desk.hello"), "\(nothing)")
  }

  @Test func `a question ends as one`() async throws {
    let instance = try await Instance()
    let unknown = try await instance.run("functions", "disable", "desk.helo")
    #expect(unknown.error.hasSuffix("did you mean desk.hello?\n"), "\(unknown)")
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
    #expect(!lost.error.contains("waits for a person to decide"), "\(lost)")
    #expect(lost.error.contains("may or may not have happened; do not ask for it again"), "\(lost)")
    #expect(lost.error.contains("--did-not-happen EVIDENCE"), "\(lost)")
    #expect(lost.error.contains("After 2 s: desk.lose may or may not have happened"), "\(lost)")
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
    let unseen = try await instance.run("calls", "settle", id, "--did-not-happen", "looked")
    #expect(unseen.status == 64, "it does not say what was seen: \(unseen)")
    let revision = try #require(unknown["revision"]?.intValue)
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
      "I looked there",
      "--revision",
      String(revision)
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
    let off = try await instance.run("functions", "list").output.split(separator: "\n")
    let line = try #require(off.first { $0.hasPrefix("desk.hello") })
    #expect(line.contains("[off, by ") && line.contains("[engine held by "), "\(line)")
    let json = try await instance.run("functions", "list", "--output", "jsonl").output
    #expect(json.contains(#""on":false"#) && json.contains(#""engine_held":true"#), "\(json)")
    #expect(try await instance.run("release").status == 0)
    #expect(!(try await instance.run("functions", "list").output.contains("engine held")))
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
