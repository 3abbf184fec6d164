import Foundation
import Glibc
import JSONSchema
import Synchronization
import Testing

@testable import CallboardCommand

/// Recordings of the real program, made against a server that speaks OpenAI's protocol and programs that run, and replayed
/// without them.
@Suite(.timeLimit(.minutes(2)))
struct RecordingTests {
  private let scratch: Scratch
  private static let password = "hunter22-and-more"
  private static let token = "tok-93847561-zz"
  private static let key = "sk-desk-5550001234"

  init() throws { scratch = try Scratch() }

  /// What the test's model says: to the first conversation two calls and a sum, to the second an overload and then a call
  /// of a function that fails once, to the third nothing good.
  private static func answer(_ request: JSONValue, asked: Int) -> ChatServer.Reply {
    let messages = request["messages"]?.arrayValue ?? []
    let told = messages.count { $0["role"]?.stringValue == "tool" }
    let first = messages.first { $0["role"]?.stringValue == "user" }?["content"]?.stringValue ?? ""
    if first.contains("sum") {
      guard told == 0 else { return .says("Ada owes 410000, and her password is \(password).") }
      return .calls([
        ("call_a", "desk_find", #"{"name": "Ada", "password": "\#(password)"}"#),
        ("call_b", "desk_price", #"{"zip": "10115"}"#),
      ])
    }
    if first.contains("again") {
      if asked == 0 { return .status(503, headers: "retry-after: 0\r\n") }
      return told == 0
        ? .calls([("call_c", "desk_shaky", #"{"n": 1}"#)]) : .says("It went well in the end.")
    }
    return .status(400)
  }

  private func write(url: String) throws {
    _ = try scratch.file(
      "config.yaml",
      """
      name: desk
      models:
        desk: { type: openai, url: "\(url)", model: m, key: "${DESK_KEY}", retry: { attempts: 3, base: 10ms } }
      providers:
        desk:
          type: program
          functions:
            - name: find
              effect: read
              parameters: { type: object, required: [name, password], properties: { name: { type: string }, password: { type: string, minLength: 8, pattern: "^[a-z0-9-]+$" } } }
              secrets: [/token]
              run: [sh, find.sh]
              stdin: none
            - { name: price, effect: read, parameters: { type: object, properties: { zip: { type: string } } }, run: [sh, -c, "echo price >> ran; echo 410000"], stdin: none }
            - name: shaky
              effect: read
              parameters: { type: object, properties: { n: { type: integer } } }
              retry: { attempts: 3, base: 20ms }
              fails_cleanly: true
              run: [sh, shaky.sh]
              stdin: none
      approvals: [{ approval: never }]
      """
    )
    _ = try scratch.file(
      "find.sh",
      #"echo find >> ran; echo '{"id": 7, "token": "\#(Self.token)"}'"#
    )
    _ = try scratch.file(
      "shaky.sh",
      "echo shaky >> ran; test -e second || { touch second; echo not yet >&2; kill -9 $$; }; echo 1"
    )
    _ = try scratch.file("talks.yaml", Self.talks())
  }

  private static func talks(_ more: String = "", sum: String = "Give me the sum.") -> String {
    """
    name: talks
    config: config.yaml
    \(more)
    do:
      - conversation: { name: sums, model: desk, system: You are brief., messages: ["\(sum)"], wait: false }
      - conversation: { name: shaky, model: desk, messages: [Try again and again.] }
      - conversation: { name: refused, model: desk, messages: [Say nothing.] }
    expect:
      conversations: [{ conversation: refused, state: failed }]
    """
  }

  private func run(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(
      ["run", "talks.yaml"] + arguments,
      environment: ["DESK_KEY": Self.key],
      folder: scratch.path
    )
  }

  /// Without the key, too.
  private func replay(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(
      ["run", "talks.yaml", "--replay", "r.jsonl"] + arguments,
      folder: scratch.path
    )
  }

  /// Records, and takes the server and what the programs left away.
  private func record() async throws -> Program.Ended {
    let shaky = Counter()
    let server = try ChatServer { request in
      let isShaky = (request["messages"]?.arrayValue ?? []).contains {
        $0["content"]?.stringValue?.contains("again and again") == true
      }
      return Self.answer(request, asked: isShaky ? shaky.next() : 0)
    }
    defer { server.stop() }
    try write(url: server.url)
    let ended = try await run("--record", "r.jsonl", "--events", "a.jsonl")
    try #require(server.requests == 6, "\(ended)")
    try FileManager.default.removeItem(atPath: scratch.path + "/ran")
    return ended
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: scratch.path + "/" + name, encoding: .utf8)
  }

  /// What happened to each thing, in its order, without ids, times and numbers; by itself, as the product does not.
  private func happened(_ name: String) throws -> [String] {
    var order: [String: Int] = [:]
    var lines: [String] = []
    for line in try text(name).split(separator: "\n") {
      let event = try JSONValue(parsing: String(line))
      let id = event["call"]?["id"] ?? event["conversation"] ?? event["function"] ?? "engine"
      let thing = id.stringValue ?? ""
      order[thing, default: 0] += 1
      let function = event["call"]?["function"]?.stringValue ?? ""
      let attempt = event["call"]?["attempt"]?.intValue ?? 0
      let value = event["value"]?.serialized() ?? event["proposed"]?.serialized() ?? ""
      let failure =
        event["failure"]?["kind"]?.stringValue ?? event["model"]?["failure"]?.stringValue
      let type = event["type"]?.stringValue ?? ""
      lines.append(
        "\(function) \(order[thing, default: 0]) \(type) \(attempt) \(failure ?? "") \(value)"
      )
    }
    return lines.sorted()
  }

  @Test func `what a real server and real programs answered is replayed to the same events`()
    async throws
  {
    let recorded = try await record()
    #expect(recorded.status == 0, "\(recorded)")
    let replayed = try await replay("--events", "b.jsonl", "--output", "jsonl")
    #expect(replayed.status == 0, "\(replayed)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/ran"))
    let (before, after) = (try happened("a.jsonl"), try happened("b.jsonl"))
    #expect(before == after)
    #expect(before.contains { $0.contains("call.backing_off") })
    #expect(before.contains { $0.contains("model.retrying") })
    #expect(before.contains { $0.contains("model.failed") })
    #expect(replayed.output.contains("events of the recording"))
    // Once more, now from what a replay does not change.
    #expect(try await replay().status == 0)
  }

  @Test func `nothing secret stands in a recording`() async throws {
    _ = try await record()
    let text = try text("r.jsonl")
    for secret in [Self.password, Self.token, Self.key] {
      #expect(!text.contains(secret), "\(secret)")
    }
    #expect(text.contains("«redacted»"))
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.path + "/r.jsonl")
    #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o600)
  }

  @Test func `what is different today is told where it is different`() async throws {
    _ = try await record()
    _ = try scratch.file("talks.yaml", Self.talks(sum: "Give me the sums."))
    var ended = try await replay()
    #expect(ended.status == 1)
    #expect(
      ended.output.contains(
        "as recorded, conversation 1, turn 1, message 2 of what the model is told"
      )
    )
    #expect(ended.output.contains("came      user: “Give me the sums.”"))
    let rule = "approvals: [{ function: desk.price, approval: always }, { approval: never }]"
    _ = try scratch.file("talks.yaml", Self.talks(rule))
    ended = try await replay("--junit", "j.xml")
    #expect(ended.status != 0)
    #expect(
      ended.output.contains(
        "as recorded, conversation 1, call of desk.price 1: call.queued"
      ),
      "\(ended.output)"
    )
    #expect(ended.output.contains("as recorded, desk.price: 1 more attempts at it"))
    #expect(try text("j.xml").contains("as recorded, desk.price"))
    _ = try scratch.file("talks.yaml", Self.talks())
    let config = try text("config.yaml")
    _ = try scratch.file(
      "config.yaml",
      config.replacing("zip: { type: string }", with: "zip: { type: integer }")
    )
    ended = try await replay()
    #expect(ended.status == 1)
    #expect(ended.output.contains("what is offered: desk.price"), "\(ended.output)")
    #expect(ended.output.contains("came      call.rejected"), "\(ended.output)")
  }

  @Test func `more than was recorded is a sentence, and no hang`() async throws {
    _ = try await record()
    let more = Self.talks().replacing(
      "expect:",
      with: "  - conversation: { name: more, model: desk, messages: [One more.] }\n"
        + "  - call: { function: desk.price, with: { zip: \"1\" } }\nexpect:"
    )
    _ = try scratch.file("talks.yaml", more)
    let ended = try await replay()
    #expect(ended.status != 0)
    #expect(
      ended.output.contains("a conversation with desk: no further turn of the model"),
      "\(ended)"
    )
    #expect(
      ended.output.contains(
        "an attempt at desk.price with {\"zip\":\"1\"}: no further attempt at it"
      ),
      "\(ended)"
    )
  }

  @Test func `a recorded conversation speaks to functions of today`() async throws {
    _ = try await record()
    _ = try scratch.file(
      "talks.yaml",
      """
      name: again
      functions:
        desk.find: { effect: read, answers: [{ value: { id: 8 } }] }
        desk.price: { effect: read, answers: [{ value: 1 }] }
      do:
        - conversation: { name: sums, recording: r.jsonl, of: 1 }
      expect:
        calls: [{ function: desk.price, state: succeeded, result: { const: 1 } }, { function: desk.find, state: succeeded }]
        conversations: [{ conversation: sums, state: finished }]
      """
    )
    let ended = try await run()
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("Ada owes 410000"), "\(ended)")
    let script = try text("talks.yaml")
    _ = try scratch.file("talks.yaml", script.replacing("of: 1", with: "of: 9"))
    let wrong = try await run()
    #expect(wrong.status == 65)
    #expect(wrong.error.contains("talks.yaml:6:57"), "\(wrong.error)")
    #expect(wrong.error.contains("asks for conversation 9, and r.jsonl has 3"), "\(wrong.error)")
  }

  @Test func `a broken recording is told with its line, and another file is left alone`()
    async throws
  {
    _ = try await record()
    let whole = try text("r.jsonl")
    let lines = whole.split(separator: "\n")
    let broken: [(String, String)] = [
      ("", "r.jsonl is empty"),
      ("what is this", "r.jsonl:1: this is no recording"),
      (#"{"callboard_recording":2}"#, "r.jsonl:1: the recording has version 2"),
      (lines.dropLast().joined(separator: "\n") + "\n", "ends within the play “talks”"),
      (String(whole.prefix(whole.count - 40)), "r.jsonl:\(lines.count): this line is no JSON"),
      (
        lines.enumerated().filter { $0.offset != lines.count - 2 }.map(\.element).joined(
          separator: "\n"
        ),
        "r.jsonl:\(lines.count - 1): the play “talks” had more in it"
      ),
      (
        whole.replacing(/"took":[0-9.e-]+/, with: "\"took\":1e300"),
        "r.jsonl:3: this is no turn of a model"
      ),
      (whole.replacing(#""scenario":"talks""#, with: #""scenario":"walks""#), "has no play of it"),
    ]
    for (text, words) in broken {
      _ = try scratch.file("r.jsonl", text)
      let ended = try await replay()
      #expect(ended.status == 65, "\(words): \(ended)")
      #expect((ended.error + ended.output).contains(words), "\(words): \(ended)")
    }
    _ = try scratch.file("r.jsonl", "my notes")
    let ended = try await run("--record", "r.jsonl")
    #expect(ended.status == 64, "\(ended)")
    #expect(try text("r.jsonl") == "my notes")
    _ = mkfifo(scratch.path + "/pipe", 0o600)
    #expect(try await run("--record", "pipe").error.contains("is no ordinary file"))
    #expect(try await run("--record", "nowhere/r.jsonl").error.contains("can't be written"))
  }

  @Test func `what is secret is also taken out of recordings as a number and as a name`()
    async throws
  {
    _ = try scratch.file(
      "talks.yaml",
      """
      name: numbers
      functions:
        desk.pay:
          effect: read
          secrets: [/code, /word]
          answers: [{ value: { again: 471147, hunter22-long: 1 } }]
      do: [{ call: { function: desk.pay, with: { code: 471147, word: hunter22-long } } }]
      """
    )
    #expect(try await run("--record", "r.jsonl").status == 0)
    let text = try text("r.jsonl")
    #expect(text.contains("\"attempt\""))
    #expect(!text.contains("471147") && !text.contains("hunter22-long"), "\(text)")
    let ended = try await replay()
    #expect(ended.status == 0, "\(ended)")
  }

  @Test func `an attempt that does not end when it is stopped is replayed as one that hangs`()
    async throws
  {
    let go = scratch.path + "/go"
    #expect(mkfifo(go, 0o600) == 0)
    _ = try scratch.file(
      "config.yaml",
      """
      name: desk
      models: { desk: { type: openai, url: "${DESK_URL}", model: m, key: "${DESK_KEY}", retry: { attempts: !!int "${DESK_TRIES}" } } }
      providers:
        desk:
          type: program
          functions:
            - { name: stuck, effect: read, timeout: 200ms, retry: { attempts: 2, base: 10ms }, run: [sh, stuck.sh], stdin: none }
      approvals: [{ approval: never }]
      """
    )
    _ = try scratch.file("stuck.sh", "trap '' TERM INT\nread line < go\n")
    _ = try scratch.file(
      "talks.yaml",
      """
      name: stuck
      config: config.yaml
      do: [{ call: { function: desk.stuck } }]
      expect: { calls: [{ function: desk.stuck, state: failed }] }
      """
    )
    let recorded = try await Program.run(
      ["run", "talks.yaml", "--record", "r.jsonl"],
      environment: ["DESK_URL": "http://127.0.0.1:9/v1", "DESK_KEY": Self.key, "DESK_TRIES": "2"],
      folder: scratch.path
    )
    #expect(recorded.status == 0, "\(recorded)")
    #expect(try text("r.jsonl").split(separator: "\n").count { $0.hasPrefix("{\"attempt\"") } == 2)
    // Neither an address nor a number of the environment is needed.
    let ended = try await replay()
    #expect(ended.status == 0, "\(ended)")
  }

  @Test func `results are told where the recording can't be written`() async throws {
    _ = try scratch.file(
      "talks.yaml",
      """
      name: big
      functions: { desk.big: { effect: read, answers: [{ value: "\(String(repeating: "x", count: 40_000))" }] } }
      do: [{ call: { function: desk.big } }]
      """
    )
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "ulimit -f 8; exec \(Program.path) run talks.yaml --record r.jsonl"]
    process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let told = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let why = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    #expect(told.contains("ok      big"), "\(told)")
    #expect(why.contains("r.jsonl can't be written: File too large"), "\(why)")
    let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    #expect(left == ["talks.yaml"])
    let same = try await run("--record", "r.jsonl", "--events", "r.jsonl")
    #expect(same.status == 64, "\(same)")
    #expect(same.error.contains("name the same file"), "\(same)")
  }

  @Test func `every scenario of the project replays as it was recorded`() async throws {
    let file = scratch.path + "/all.jsonl"
    let folder = Project.path("config/scenarios")
    let recorded = try await Program.run(["run", folder, "--record", file])
    #expect(recorded.status == 0, "\(recorded.error)")
    let replayed = try await Program.run(["run", folder, "--replay", file])
    #expect(replayed.status == 0, "\(replayed.output)")
  }
}

/// Counts from 0.
private final class Counter: Sendable {
  private let value = Mutex(0)
  func next() -> Int {
    value.withLock { value in
      defer { value += 1 }
      return value
    }
  }
}
