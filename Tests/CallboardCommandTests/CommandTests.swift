import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// The command line from outside: what it prints, and the numbers it ends with.
@Suite struct CommandTests {
  private let functions = """
    providers:
      shell:
        type: program
        functions:
          - { name: hello, effect: read, description: Says hello., run: [echo, hello], stdin: none, output: text }
          - { name: fails, effect: read, run: ["false"], retry: { attempts: 1 } }
          - { name: hangs, effect: read, run: [sleep, "60"], timeout: 100ms, retry: { attempts: 1 } }
          - { name: writes, effect: write, run: [sleep, "60"], timeout: 100ms }
          - { name: talks, effect: read, run: [sh, -c, "echo beware >&2; echo hello"], stdin: none, output: text }
          - { name: stalls, effect: read, run: [sh, -c, "echo connecting >&2; exec sleep 60"], timeout: 2s, retry: { attempts: 1 } }
          - { name: held, effect: write, run: ["true"] }
          - { name: secret, effect: read, run: [cat], parameters: { type: object, properties: { password: { type: string } } } }
          - { name: echo, effect: read, run: [cat], parameters: { type: object, properties: { n: { type: integer } }, required: [n] } }
      dead:
        type: http
        url: http://127.0.0.1:9
        functions: [{ name: api, effect: read, path: /, retry: { attempts: 1 } }]
    approvals:
      - { function: shell.writes, approval: never }
      - { effect: read, approval: never }
      - { function: shell.held, label: every one }
    """

  private func run(_ arguments: String..., input: String = "") async throws -> Program.Ended {
    let scratch = try Scratch()
    _ = try scratch.file("callboard.yaml", functions)
    return try await Program.run(arguments, input: input, folder: scratch.path)
  }

  @Test func `a call prints its result on stdout and nothing else`() async throws {
    let ended = try await run("call", "shell.hello")
    #expect(ended.status == 0)
    #expect(ended.output == "hello\n")
    #expect(ended.error == "")
  }

  @Test(arguments: [
    ("shell.fails", 1), ("shell.nothing", 1), ("shell.hangs", 75), ("shell.writes", 74),
    ("shell.held", 77), ("dead.api", 69),
  ])
  func `a call that does not succeed ends with the number for it, and one sentence`(
    function: String,
    status: Int32
  ) async throws {
    let ended = try await run("call", function)
    #expect(ended.status == status, "\(ended)")
    #expect(ended.output == "")
    #expect(ended.error.hasPrefix("callboard: \(function) "), "\(ended.error)")
    #expect(!ended.error.contains("Swift"), "\(ended.error)")
  }

  @Test(arguments: [("shell.talks", 0, "beware"), ("shell.stalls", 75, "connecting")])
  func `what a program wrote to stderr is told there`(
    function: String,
    status: Int32,
    words: String
  ) async throws {
    let ended = try await run("call", function)
    #expect(ended.status == status, "\(ended)")
    #expect(ended.output == (status == 0 ? "hello\n" : ""))
    #expect(
      ended.error.hasPrefix("callboard: \(function) wrote to stderr:\n\(words)\n"),
      "\(ended.error)"
    )
  }

  @Test func `arguments come from the command line, from stdin or from a file`() async throws {
    #expect(try await run("call", "shell.echo", #"{"n":1}"#).output == "{\n  \"n\": 1\n}\n")
    #expect(
      try await run("call", "shell.echo", "-", "--output", "jsonl", input: #"{"n":2}"#).output
        .contains(
          #""result":{"n":2}"#
        )
    )
    let scratch = try Scratch()
    let file = try scratch.file("arguments.json", #"{"n":3}"#)
    #expect(try await run("call", "shell.echo", "@" + file).status == 0)
  }

  @Test func `arguments that do not fit are rejected with the path`() async throws {
    let ended = try await run("call", "shell.echo", #"{"n":"one"}"#)
    #expect(ended.status == 1)
    #expect(ended.error.contains("/n"), "\(ended.error)")
    #expect(try await run("call", "shell.echo", "{").status == 1)
  }

  @Test func `a function with secret fields refuses arguments on the command line`() async throws {
    let ended = try await run("call", "shell.secret", #"{"password":"x"}"#)
    #expect(ended.status == 64)
    #expect(ended.error.contains("- or @FILE"))
    #expect(try await run("call", "shell.secret", "-", input: #"{"password":"x"}"#).status == 0)
  }

  @Test(arguments: [
    ("shell.hello", 0, "would run"),
    ("shell.held", 77, "would wait for approval by rule 3: every one"),
    ("shell.nothing", 1, "would be rejected"),
  ])
  func `a dry run says what would happen`(
    function: String,
    status: Int32,
    words: String
  ) async throws {
    let ended = try await run("call", function, "--dry-run")
    #expect(ended.status == status, "\(ended)")
    #expect(ended.output.contains(words), "\(ended)")
  }

  @Test func `functions are listed in three forms`() async throws {
    #expect(try await run("functions", "list").output.split(separator: "\n").count == 10)
    let lines = try await run("functions", "list", "--output", "jsonl").output.split(
      separator: "\n"
    )
    #expect(
      try lines.map { try JSONValue(parsing: String($0))["name"]?.stringValue }.contains("dead.api")
    )
    #expect(
      try JSONValue(parsing: try await run("functions", "list", "--output", "json").output)
        .arrayValue?
        .count == 10
    )
  }

  @Test func `text from outside begins no line of a list`() async throws {
    let scratch = try Scratch()
    let description = #"Says hello.\nshell.wire  read  Harmless.\u001b[2J"#
    _ = try scratch.file(
      "callboard.yaml",
      """
      providers:
        shell:
          type: program
          functions: [{ name: hello, effect: read, description: "\(description)", run: [echo] }]
      """
    )
    let ended = try await Program.run(["functions", "list"], folder: scratch.path)
    #expect(ended.output.split(separator: "\n").count == 1)
    #expect(ended.output.contains("Says hello.⏎shell.wire  read  Harmless."), "\(ended.output)")
    #expect(!ended.output.contains("\u{1B}"))
  }

  @Test func `text from outside begins no line of the events that tail shows`() async throws {
    let forged = #"boom\n17:35:05.607      63  call.succeeded  payments.send_wire"#
    let call = #""call":{"id":"x","function":"shell.fails","caller":"agent\n7"}"#
    let events = [
      #"{"v":1,"seq":1,"type":"call.failed",\#(call),"failure":{"kind":"programFailed","message":"\#(forged)"}}"#,
      #"{"v":1,"seq":2,"type":"call.failed",\#(call),"cause":"\#(forged)","rule":"\#(forged)","by":"\#(forged)"}"#,
    ]
    let ended = try await Program.run(["tail", "-"], input: events.joined(separator: "\n") + "\n")
    #expect(ended.status == 0)
    let lines = ended.output.split(separator: "\n")
    #expect(lines.count == 2, "\(ended.output)")
    #expect(lines.allSatisfy { $0.contains("boom⏎17:35:05.607") && $0.contains("agent⏎7") })
    let wrong = try await Program.run(["tail", "-"], input: "{\"a\":\r1}\n")
    #expect(wrong.error.split(whereSeparator: \.isNewline).count == 2, "\(wrong.error)")
  }

  @Test func `what an agent said begins no line of a run's report`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "talk.yaml",
      """
      functions: { api.read: { effect: read, answers: [{ value: 1 }] } }
      scripts:
        talk: { turns: [{ say: "Done.\\r\\nok      every scenario", end: true }] }
      do: [{ conversation: { script: talk, messages: [Hello] } }]
      """
    )
    let ended = try await Program.run(["run", file])
    #expect(ended.output.split(whereSeparator: \.isNewline).count == 2, "\(ended)")
  }

  @Test(arguments: [["functions", "list"], ["config", "schema"], ["call", "shell.hello"]])
  func `results that do not fit on the disk are no success`(arguments: [String]) async throws {
    let scratch = try Scratch()
    _ = try scratch.file("callboard.yaml", functions)
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let ended = try await Program.run(arguments, output: full, folder: scratch.path)
    #expect(ended.status == 1, "\(ended)")
    #expect(
      ended.error
        == "callboard: The output is not whole: No space left on device. Make room, or write it elsewhere.\n"
    )
  }

  @Test func `results for a closed stdout go to no other file`() async throws {
    let scratch = try Scratch()
    let scenario = Project.path("config/scenarios/cache-hit.yaml")
    let ended = try await Program.run(
      line: "\"$0\" run '\(scenario)' --events events >&-",
      folder: scratch.path
    )
    #expect(ended.status == 1, "\(ended)")
    #expect(ended.error.contains("The output is not whole: Bad file descriptor."), "\(ended)")
    let events = try String(contentsOfFile: scratch.path + "/events", encoding: .utf8)
    #expect(events.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"v\":1,") })
  }

  @Test(arguments: [
    "--nonsense", "call", "run", "snapshot everything", "snapshot calls --size big",
    "snapshot calls --after soon", "tail a --follow --output json", "config check --config",
  ])
  func `wrong usage ends with 64 and says how it is used`(line: String) async throws {
    let scratch = try Scratch()
    let ended = try await Program.run(
      line.split(separator: " ").map(String.init),
      folder: scratch.path
    )
    #expect(ended.status == 64, "\(ended)")
    #expect(ended.output == "")
    #expect(ended.error.contains("Usage: callboard"), "\(ended.error)")
  }

  @Test(arguments: [
    "run there-is-no-such-file.yaml", "config check there-is-no-such-file.yaml",
    "tail there-is-no-such-file.jsonl", "functions list --config there-is-no-such-file.yaml",
  ])
  func `a file that is not there ends with 65 and its name`(line: String) async throws {
    let scratch = try Scratch()
    let ended = try await Program.run(
      line.split(separator: " ").map(String.init),
      folder: scratch.path
    )
    #expect(ended.status == 65, "\(ended)")
    #expect(ended.output == "")
    #expect(ended.error.contains("there-is-no-such-file"), "\(ended.error)")
  }

  @Test(arguments: ["--help", "--version", "help run", "run --help", "config --help"])
  func `help that was asked for is a result`(line: String) async throws {
    let ended = try await Program.run(line.split(separator: " ").map(String.init))
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.error == "")
    #expect(!ended.output.isEmpty)
  }

  @Test func `without a terminal the console is a sentence that names the way without one`()
    async throws
  {
    let ended = try await run()
    #expect(ended.status == 64)
    #expect(ended.error.contains("callboard run"), "\(ended.error)")
    #expect(ended.output == "")
    #expect(try await Program.run(["demo"]).status == 64)
  }

  @Test func `without a configuration the sentence names the demo`() async throws {
    let scratch = try Scratch()
    let ended = try await Program.run(["functions", "list"], folder: scratch.path)
    #expect(ended.status == 64)
    #expect(ended.error.contains("callboard demo"))
  }

  @Test func `the configuration in XDG_CONFIG_HOME is found`() async throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/callboard",
      withIntermediateDirectories: true
    )
    _ = try scratch.file("callboard/callboard.yaml", functions)
    let ended = try await Program.run(
      ["call", "shell.hello"],
      environment: ["XDG_CONFIG_HOME": scratch.path],
      folder: "/"
    )
    #expect(ended.output == "hello\n", "\(ended)")
  }

  @Test func `a run writes every event in order, and tail reads them`() async throws {
    let scratch = try Scratch()
    let events = scratch.path + "/events.jsonl"
    let scenario = Project.path("config/scenarios/cache-hit.yaml")
    #expect(try await Program.run(["run", scenario, "--events", events]).status == 0)
    let lines = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n")
    let numbers = try lines.map { try JSONValue(parsing: String($0))["seq"]?.intValue }
    #expect(numbers == (1...lines.count).map { $0 })
    let tail = try await Program.run(["tail", events])
    #expect(tail.status == 0)
    #expect(tail.output.split(separator: "\n").count == lines.count)
    #expect(tail.output.contains("call.succeeded"))
    #expect(
      try await Program.run(["tail", events, "--output", "jsonl"]).output.split(separator: "\n")
        == lines
    )
    let array = try await Program.run(["tail", events, "--output", "json"])
    #expect(array.status == 0)
    #expect(
      try JSONValue(parsing: array.output)
        == .array(lines.map { try JSONValue(parsing: String($0)) })
    )
  }

  @Test func `a tail as one JSON is whole whatever the file holds`() async throws {
    let event = "{\"v\":1,\"seq\":1,\"type\":\"engine.started\"}"
    for (input, count) in [("", 0), (event + "\n", 1), ("nonsense\n" + event, 1)] {
      let ended = try await Program.run(["tail", "-", "--output", "json"], input: input)
      #expect(try JSONValue(parsing: ended.output).arrayValue?.count == count, "\(ended)")
      #expect(ended.status == (input.hasPrefix("nonsense") ? 65 : 0))
    }
  }

  @Test func `a model that is out of reach counts before what was expected of it`() async throws {
    let scratch = try Scratch()
    _ = try scratch.file(
      "callboard.yaml",
      functions + """

        models:
          gone: { type: openai, url: "http://127.0.0.1:9/v1", model: m, retry: { attempts: 1 } }
        """
    )
    let talk = "do: [{ conversation: { model: gone, messages: [Hello] } }]"
    let file = try scratch.file(
      "talk.yaml",
      """
      config: callboard.yaml
      \(talk)
      expect: { calls: [{ function: shell.hello, state: succeeded }] }
      """
    )
    let ended = try await Program.run(["run", file])
    #expect(ended.status == 69, "\(ended)")
    #expect(ended.output.contains("no such call"), "\(ended)")
    let expected = try scratch.file(
      "expected.yaml",
      """
      config: callboard.yaml
      \(talk)
      expect: { conversations: [{ state: failed, failure: cannot be reached }] }
      """
    )
    #expect(try await Program.run(["run", expected]).status == 0)
    #expect(try await Program.run(["run", expected, file]).status == 69)
  }

  @Test func `a script without a turn is no model out of reach`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "short.yaml",
      """
      functions: { api.read: { effect: read, answers: [{ value: 1 }] } }
      scripts:
        short: { turns: [{ fail: { kind: bad_request, message: No. } }] }
      do: [{ conversation: { script: short, messages: [Hello] } }]
      """
    )
    let ended = try await Program.run(["run", file])
    #expect(ended.status == 1, "\(ended)")
    #expect(ended.output.contains("No."), "\(ended)")
  }

  @Test func `a call is made in another name only where the configuration knows it`() async throws {
    let unlisted = try await run("call", "shell.hello", "--as", "agent-7")
    #expect(unlisted.status == 64)
    #expect(unlisted.output == "")
    #expect(unlisted.error.contains("list agent-7 under callers"), "\(unlisted.error)")
    let scratch = try Scratch()
    _ = try scratch.file("callboard.yaml", functions + "\ncallers: { agent-7: {} }\n")
    let known = try await Program.run(
      ["call", "shell.hello", "--as", "agent-7"],
      folder: scratch.path
    )
    #expect(known.output == "hello\n", "\(known)")
    let other = try await Program.run(
      ["call", "shell.hello", "--as", "agent-8"],
      folder: scratch.path
    )
    #expect(other.status == 64)
    #expect(other.error.contains("did you mean agent-7?"), "\(other.error)")
  }

  @Test func `a file that holds anything but events is not overwritten`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file("precious.txt", "my thesis")
    let scenario = Project.path("config/scenarios/cache-hit.yaml")
    let ended = try await Program.run(["run", scenario, "--events", file])
    #expect(ended.status == 64)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "my thesis")
  }

  @Test func `events that were lost are said, break nothing, and are no success`() async throws {
    let scenario = Project.path("config/scenarios/cache-hit.yaml")
    let ended = try await Program.run(["run", scenario, "--events", "/dev/full"])
    #expect(ended.status == 1)
    #expect(ended.output.hasPrefix("ok "), "\(ended.output)")
    #expect(ended.error.contains("/dev/full"), "\(ended.error)")
    #expect(ended.error.contains("No space left on device"), "\(ended.error)")
  }

  @Test func `a run that is interrupted twice stops what runs and ends with 130`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "hangs.yaml",
      """
      clock: real
      functions:
        api.read: { effect: read, timeout: 1h, answers: [{ hang: true }] }
      do: [{ call: { function: api.read } }]
      """
    )
    let (status, rest, error) = try await Program.onOwnThread { () -> (Int32, String, String) in
      let process = Process()
      let (stdout, stderr) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = ["run", file, "--events", "/dev/stdout"]
      process.standardOutput = stdout
      process.standardError = stderr
      try process.run()
      var seen = ""
      while !seen.contains("call.running") {
        let data = stdout.fileHandleForReading.availableData
        guard !data.isEmpty else { break }
        seen += String(decoding: data, as: UTF8.self)
      }
      process.interrupt()
      var told = ""
      while !told.contains("1 call runs: up to 10 s to end") {
        let data = stderr.fileHandleForReading.availableData
        guard !data.isEmpty else { break }
        told += String(decoding: data, as: UTF8.self)
      }
      process.interrupt()
      let rest = try stdout.fileHandleForReading.readToEnd() ?? Data()
      let error = try stderr.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return (
        process.terminationStatus, String(decoding: rest, as: UTF8.self),
        told + String(decoding: error, as: UTF8.self)
      )
    }
    #expect(status == 130)
    // As a restart would find it.
    #expect(rest.contains("call.backing_off"))
    #expect(error.split(separator: "\n").last == "callboard: Interrupted.")
  }

  @Test func `a line that is no event is told with its number, and the rest is shown`() async throws
  {
    let text =
      "{\"v\":1,\"seq\":1,\"time\":\"2026-11-22T10:31:07.412Z\",\"type\":\"engine.started\"}\nnonsense\n"
    let ended = try await Program.run(["tail", "-"], input: text, environment: ["TZ": "UTC"])
    #expect(ended.status == 65)
    #expect(ended.output.hasPrefix("10:31:07.412       1  engine.started"), "\(ended.output)")
    #expect(ended.error.contains("-:2: no event"))
  }

  @Test func `a line without end is given up with a sentence`() async throws {
    let ended = try await Program.run(["tail", "/dev/zero"])
    #expect(ended.status == 65)
    #expect(ended.error.contains("/dev/zero:1: the line is longer than 16 MiB"), "\(ended.error)")
  }

  @Test func `a directory is no event file`() async throws {
    let scratch = try Scratch()
    let ended = try await Program.run(["tail", scratch.path])
    #expect(ended.status == 65)
    #expect(ended.error.contains("it is a directory"), "\(ended.error)")
  }

  @Test func `tail is interrupted in the midst of a line`() async throws {
    let status = try await Program.onOwnThread { () -> Int32 in
      let process = Process()
      let (stdin, stdout) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = ["tail", "-"]
      process.standardInput = stdin
      process.standardOutput = stdout
      try process.run()
      let event = "{\"seq\":1,\"type\":\"engine.started\"}\n{\"seq\":2,"
      try stdin.fileHandleForWriting.write(contentsOf: Data(event.utf8))
      // Once the first line is shown, the second is being read.
      _ = stdout.fileHandleForReading.availableData
      process.terminate()
      process.waitUntilExit()
      return process.terminationStatus
    }
    #expect(status == 130)
  }

  @Test func `a mistyped command is answered with the nearest one`() async throws {
    let ended = try await Program.run(["snapshut", "calls"])
    #expect(ended.status == 64)
    #expect(ended.error.contains("“snapshut” is no command. Did you mean snapshot?"))
    let strange = try await Program.run(["frob"])
    #expect(strange.error.contains("There is console, demo, run, call"), "\(strange.error)")
  }

  @Test func `run in three forms says the same`() async throws {
    let scenario = Project.path("config/scenarios/nobody-to-ask.yaml")
    #expect(try await Program.run(["run", scenario]).output.hasPrefix("ok      nobody to ask"))
    let line = try await Program.run(["run", scenario, "--output", "jsonl"]).output
    #expect(try JSONValue(parsing: line)["ok"]?.boolValue == true)
    let whole = try await Program.run(["run", scenario, scenario, "--output", "json"]).output
    #expect(try JSONValue(parsing: whole).arrayValue?.count == 2)
  }

  @Test func `an instance a line gets a verdict a line`() async throws {
    let scratch = try Scratch()
    let schema = try scratch.file("schema.json", #"{"type":"integer","minimum":3}"#)
    let ended = try await Program.run(["schema", "check", schema], input: "5\n1\n{\n")
    #expect(ended.status == 1)
    let verdicts = ended.output.split(separator: "\n")
    #expect(verdicts.count == 3)
    #expect(verdicts.first == #"{"valid":true}"#)
    #expect(verdicts.last?.hasPrefix(#"{"error":"line 3, column 2: "#) == true, "\(ended.output)")
  }

  @Test func `the schema of configurations is printed whole`() async throws {
    let ended = try await Program.run(["config", "schema"])
    #expect(try JSONValue(parsing: ended.output) == ConfigurationSchema.document)
    let scenarios = try await Program.run(["config", "schema", "--scenarios"])
    #expect(try JSONValue(parsing: scenarios.output) == ScenarioSchema.document)
  }

  @Test func `a snapshot of a configuration shows its functions, runs nothing and opens no store`()
    async throws
  {
    let scratch = try Scratch()
    _ = try scratch.file(
      "pay.yaml",
      """
      name: paying
      store: { file: s.db }
      providers:
        desk:
          type: program
          functions: [{ name: pay, description: Pays., effect: write, run: [touch, ran], stdin: none }]
      approvals: [{ approval: never }]
      scripts:
        paying: { user: Pay., turns: [{ calls: [{ function: desk.pay }] }, { say: "Paid.", end: true }] }
      models:
        paying: { type: script, script: paying }
      conversations: [{ model: paying, caller: agent-1 }]
      """
    )
    for screen in ["functions", "conversations"] {
      let ended = try await Program.run(
        ["snapshot", screen, "--config", "pay.yaml", "--after", "1s"],
        folder: scratch.path
      )
      #expect(ended.status == 0, "\(ended)")
      #expect(ended.output.contains("desk.pay") == (screen == "functions"), "\(ended)")
      #expect(!ended.output.contains("agent-1"), "\(ended)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["pay.yaml"])
  }

  @Test func `a snapshot of the demo is a screen of the size that was asked for`() async throws {
    let ended = try await Program.run([
      "snapshot", "overview", "--demo", "--seed", "7", "--size", "100x30", "--after", "2s",
    ])
    #expect(ended.status == 0, "\(ended.error)")
    let lines = ended.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 31)
    #expect(ended.output.contains("realestate"))
  }
}
