import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import CallboardProviders

private let clock = SystemClock()
private let deadlines = DeadlineQueue(clock: clock)

private func provider(
  _ function: ProgramFunction,
  inherited: [String: String] = ProcessInfo.processInfo.environment
) throws -> ProgramProvider {
  try ProgramProvider(
    namespace: "local",
    functions: [function],
    clock: clock,
    deadlines: deadlines,
    inherited: inherited
  )
}

private func function(
  _ run: [String],
  effect: FunctionEffect = .read,
  required: [String] = [],
  stdin: ProgramFunction.Stdin = .arguments,
  result: ProgramFunction.Result = .json,
  failsCleanly: Bool = false
) -> ProgramFunction {
  ProgramFunction(
    definition: definition(
      "local.run",
      effect: effect,
      required: required,
      failsCleanly: failsCleanly
    ),
    run: run,
    stdin: stdin,
    result: result
  )
}

private func shell(
  _ script: String,
  effect: FunctionEffect = .read,
  result: ProgramFunction.Result = .text,
  failsCleanly: Bool = false
) -> ProgramFunction {
  function(
    ["sh", "-c", script],
    effect: effect,
    stdin: .none,
    result: result,
    failsCleanly: failsCleanly
  )
}

@Suite(.timeLimit(.minutes(2))) struct ProgramTests {
  // MARK: - In and out

  @Test func `the arguments are read from stdin as JSON`() async throws {
    let value = try await provider(function(["cat"])).invoke(
      invocation("local.run", ["b": [1, nil], "a": "ü"])
    )
    #expect(value == ["a": "ü", "b": [1, nil]])
  }

  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: "/usr/bin/jq"),
      "there is no /usr/bin/jq"
    )
  )
  func `jq can be a function`() async throws {
    let provider = try provider(function(["jq", "{{sum: (.a + .b)}}"], required: ["a", "b"]))
    #expect(try await provider.invoke(invocation("local.run", ["a": 2, "b": 3])) == ["sum": 5])
  }

  @Test func `an argument is one item, whatever stands in it`() async throws {
    let function = function(
      ["sh", "-c", #"printf '%s\n' "$#" "$@""#, "sh", "{a}", "x={b}", "{c}", "{d}"],
      required: ["a", "b", "c", "d"],
      stdin: .none,
      result: .lines
    )
    let value = try await provider(function).invoke(
      invocation(
        "local.run",
        ["a": "two words; rm -rf $HOME `id` '\"", "b": "*", "c": ["k": [1, 2.5]], "d": ""]
      )
    )
    #expect(value == ["4", "two words; rm -rf $HOME `id` '\"", "x=*", #"{"k":[1,2.5]}"#, ""])
  }

  @Test func `a value that begins with a dash is refused where it could be an option`() async throws
  {
    let bare = try provider(function(["cat", "{file}"], required: ["file"]))
    let failure = try #require(
      await caught(from: bare, invocation("local.run", ["file": "--help"]))
    )
    #expect(failure.kind == .invalidArguments)
    #expect(failure.pointer == "/file")
    #expect(failure.reach == .notSent)
    let guarded = function(["echo", "x", "--", "{file}"], required: ["file"], result: .text)
    #expect(
      try await provider(guarded).invoke(invocation("local.run", ["file": "--help"]))
        == "x -- --help"
    )
    let joined = function(["echo", "--file={file}"], required: ["file"], result: .text)
    #expect(
      try await provider(joined).invoke(invocation("local.run", ["file": "-1"])) == "--file=-1"
    )
    var declared = function(["printf", "%s", "{file}"], required: ["file"], result: .text)
    declared.mayBeginWithDash = ["file"]
    #expect(
      try await provider(declared).invoke(invocation("local.run", ["file": -12.5])) == "-12.5"
    )
  }

  @Test func `an argument with a NUL is refused`() async throws {
    let provider = try provider(function(["echo", "{a}"], required: ["a"]))
    #expect(
      await caught(from: provider, invocation("local.run", ["a": "x\u{0}y"]))?.kind
        == .invalidArguments
    )
  }

  @Test(
    arguments: [
      (ProgramFunction.Result.json, "", nil), (.json, " \n", nil), (.json, "[1]\n", [1]),
      (.text, "a\nb\n\n", "a\nb\n"),
      (.text, "", ""), (.lines, "", []), (.lines, "a\r\n\nb", ["a", "", "b"]),
      (.lines, "a\n", ["a"]),
    ] as [(ProgramFunction.Result, String, JSONValue)]
  )
  func `the output becomes the result`(
    _ result: ProgramFunction.Result,
    _ output: String,
    _ value: JSONValue
  ) async throws {
    let function = function(["printf", "%s", "{o}"], required: ["o"], result: result)
    #expect(
      try await provider(function).invoke(invocation("local.run", ["o": .string(output)])) == value
    )
  }

  @Test func `output that is not JSON is an invalid result`() async throws {
    let failure = await caught(
      from: try provider(function(["echo", "hello"])),
      invocation("local.run")
    )
    #expect(failure?.kind == .invalidResult)
    #expect(failure?.reach == .answered)
    #expect(failure?.message.contains("hello") == true)
  }

  @Test func `much goes in and out at the same time`() async throws {
    let text = String(repeating: "0123456789abcdef", count: 500_000)
    let value = try await provider(function(["cat"])).invoke(
      invocation("local.run", ["text": .string(text)], maxResultBytes: 20_000_000)
    )
    #expect(value["text"]?.stringValue == text)
  }

  @Test func `a program need not read what it is given`() async throws {
    let text = String(repeating: "x", count: 4_000_000)
    let value = try await provider(function(["true"])).invoke(
      invocation("local.run", ["text": .string(text)])
    )
    #expect(value == .null)
  }

  @Test func `hundreds of programs run at one time`() async throws {
    let provider = try provider(function(["cat"]))
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<300 {
        group.addTask {
          try await provider.invoke(invocation("local.run", ["n": .integer(Int64(number))]))["n"]?
            .intValue ?? 0
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 300 * 299 / 2)
  }

  @Test func `no descriptor stays open after a program`() async throws {
    let fine = try provider(function(["true"]))
    let refused = try provider(function(["/etc/passwd"]))
    for _ in 0..<400 {
      _ = try await fine.invoke(invocation("local.run"))
      #expect(await caught(from: refused, invocation("local.run")) != nil)
    }
    // Other tests hold pipes meanwhile, but not for long; 800 runs that leak one each would.
    while try openPipes() >= 400 { await Task.yield() }
  }

  // MARK: - Surroundings

  @Test func `a program gets the environment it is given and nothing else`() async throws {
    var function = function(["/usr/bin/env"], stdin: .none, result: .lines)
    function.environment = [("TOKEN", "of its own"), ("LANG", "de_DE.UTF-8")]
    let provider = try provider(
      function,
      inherited: ["PATH": "/bin", "HOME": "/home/a", "LANG": "C", "OPENAI_API_KEY": "secret"]
    )
    let lines = try await provider.invoke(invocation("local.run", attempt: 2))
    let sorted = (lines.arrayValue ?? []).compactMap(\.stringValue).sorted()
    #expect(
      sorted == [
        "CALLBOARD_ATTEMPT=2", "CALLBOARD_CALL_ID=\(call)", "CALLBOARD_FUNCTION=local.run",
        "CALLBOARD_IDEMPOTENCY_KEY=\(key)", "HOME=/home/a", "LANG=de_DE.UTF-8", "PATH=/bin",
        "TOKEN=of its own",
      ]
    )
  }

  @Test func `a program has no descriptor but its three`() async throws {
    let lines = try await provider(function(["ls", "/proc/self/fd"], result: .lines)).invoke(
      invocation("local.run")
    )
    // 3 is the folder that ls reads.
    #expect(lines == ["0", "1", "2", "3"])
  }

  @Test func `a program leads a session without a terminal`() async throws {
    let stat = try await provider(shell("cat /proc/$$/stat")).invoke(invocation("local.run"))
    let fields = (stat.stringValue ?? "").split(separator: " ")
    try #require(fields.count > 6)
    #expect(fields[0] == fields[4])
    #expect(fields[0] == fields[5])
    #expect(fields[6] == "0")
  }

  @Test func `a program begins with no signal blocked or ignored`() async throws {
    let status = try await provider(
      function(["grep", "^Sig[BI]", "/proc/self/status"], result: .lines)
    )
    .invoke(invocation("local.run"))
    for line in (status.arrayValue ?? []).compactMap(\.stringValue) {
      let mask = try #require(UInt64(line.split(separator: "\t")[1], radix: 16))
      // 32 and 33 are the C library's own, which it ignores in every program it spawns.
      #expect(mask & ~(0b11 << 31) == 0, "\(line)")
    }
  }

  @Test func `a program starts in its folder`() async throws {
    var function = function(["pwd"], result: .text)
    function.workingDirectory = "/usr/share"
    #expect(try await provider(function).invoke(invocation("local.run")) == "/usr/share")
  }

  // MARK: - Not started

  private func notStarted(
    _ function: ProgramFunction,
    _ arguments: JSONValue = [:]
  ) async throws -> String {
    let failure = try #require(
      await caught(from: try provider(function), invocation("local.run", arguments))
    )
    #expect(failure.kind == .programFailed)
    #expect(failure.reach == .notSent)
    #expect(!failure.isRetryable)
    return failure.message
  }

  @Test func `a program that cannot start says why`() async throws {
    #expect(
      try await notStarted(function(["no-such-program"]))
        == "program “no-such-program” was not found in PATH; install it or give its full path"
    )
    #expect(
      try await notStarted(function(["/no/such/program"])).hasPrefix(
        "program “/no/such/program” was not found"
      )
    )
    #expect(try await notStarted(function(["/etc/passwd"])).contains("may not be run by this user"))
    var lost = function(["true"])
    lost.workingDirectory = "/no/such/folder"
    #expect(
      try await notStarted(lost) == "“true” was not started: its working directory does not exist"
    )
    let long: JSONValue = .string(String(repeating: "x", count: 200_000))
    #expect(
      try await notStarted(function(["echo", "{a}"], required: ["a"]), ["a": long])
        .contains("longer than the system allows")
    )
  }

  @Test func `a script without a first line says so`() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/callboard-\(UUID()).sh"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "echo hello".write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    #expect(try await notStarted(function([path])).contains("needs a first line such as #!/bin/sh"))
  }

  @Test func `a call that was cancelled before its start starts nothing`() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/callboard-\(UUID())"
    let provider = try provider(function(["touch", path], effect: .write))
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await caught(from: provider, invocation("local.run"))
    }
    let failure = await task.value
    #expect(failure?.kind == .cancelled)
    #expect(failure?.reach == .notSent)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  // MARK: - Failures

  @Test(arguments: [
    (FunctionEffect.read, false, CallFailure.Reach.answered), (.idempotent, false, .answered),
    (.write, false, .maybe), (.write, true, .answered),
  ])
  func `an exit status tells what it can of a write`(
    _ effect: FunctionEffect,
    _ failsCleanly: Bool,
    _ reach: CallFailure.Reach
  ) async throws {
    let function = shell(
      "echo out; echo the reason >&2; exit 3",
      effect: effect,
      failsCleanly: failsCleanly
    )
    let failure = await caught(from: try provider(function), invocation("local.run"))
    #expect(failure?.kind == .programFailed)
    #expect(failure?.message == "“sh” exited with status 3: the reason")
    #expect(failure?.reach == reach)
    #expect(failure?.isRetryable == false)
  }

  @Test func `exit status 75 may pass`() async throws {
    let failure = await caught(from: try provider(shell("exit 75")), invocation("local.run"))
    #expect(failure?.isRetryable == true)
    #expect(failure?.message == "“sh” exited with status 75, and wrote nothing to stderr")
  }

  @Test func `the end of a long stderr is kept`() async throws {
    let function = shell("yes error | head -c 999996 >&2; echo last words >&2; exit 1")
    let failure = try #require(await caught(from: try provider(function), invocation("local.run")))
    #expect(failure.message.hasSuffix("error\nlast words"))
    #expect((8000...8300).contains(failure.message.utf8.count))
  }

  @Test func `a secret in stderr is hidden before the end is cut off`() async throws {
    let function = shell(
      "(head -c 9000 /dev/zero | tr '\\0' x; printf ' api_key='; head -c 8185 /dev/zero | tr '\\0' S) >&2; exit 1"
    )
    let failure = try #require(await caught(from: try provider(function), invocation("local.run")))
    #expect(failure.message.contains("api_key=«redacted»"))
    #expect(!failure.message.contains("SSS"))
  }

  @Test func `what was cut in two at the beginning of a long stderr is left out`() async throws {
    let function = shell("head -c 20000 /dev/zero | tr '\\0' S >&2; echo ' last words' >&2; exit 1")
    let failure = try #require(await caught(from: try provider(function), invocation("local.run")))
    #expect(failure.message.hasSuffix(": …last words"), "\(failure.message.suffix(80))")
  }

  @Test func `output that is not JSON is quoted without its secrets, however long they are`()
    async throws
  {
    let secret = String(repeating: "s3", count: 200)
    let failure = await caught(
      from: try provider(function(["echo", "log in with password: \(secret) now"])),
      invocation("local.run")
    )
    #expect(failure?.message.contains("password: «redacted» now") == true)
  }

  @Test func `stderr of a success can be asked for once`() async throws {
    let provider = try provider(shell("echo beware >&2; echo done"))
    let asked = invocation("local.run", attempt: 2)
    #expect(try await provider.invoke(asked) == "done")
    #expect(provider.errorOutput(of: asked.call, attempt: 1) == nil)
    #expect(provider.errorOutput(of: asked.call, attempt: 2) == "beware")
    #expect(provider.errorOutput(of: asked.call, attempt: 2) == nil)
  }

  @Test(arguments: ["echo done", "echo done; echo >&2", "echo told >&2; exit 3"])
  func `stderr that is empty or told by the failure is not kept`(script: String) async throws {
    let provider = try provider(shell(script))
    let asked = invocation("local.run")
    _ = await caught(from: provider, asked)
    #expect(provider.errorOutput(of: asked.call, attempt: 1) == nil)
  }

  @Test func `a result that is refused leaves its stderr`() async throws {
    let provider = try provider(function(["sh", "-c", "echo why >&2; echo no JSON"]))
    let asked = invocation("local.run")
    #expect(await caught(from: provider, asked)?.kind == .invalidResult)
    #expect(provider.errorOutput(of: asked.call, attempt: 1) == "why")
  }

  @Test func `a program ended by a signal may have acted`() async throws {
    let failure = await caught(
      from: try provider(shell("kill -9 $$", effect: .write, failsCleanly: true)),
      invocation("local.run")
    )
    #expect(failure?.kind == .programFailed)
    #expect(failure?.reach == .maybe)
    #expect(failure?.message.contains("was ended by SIGKILL") == true)
  }

  // MARK: - Bounds

  @Test func `a program that writes without end is stopped`() async throws {
    let failure = await caught(
      from: try provider(function(["yes"], stdin: .none)),
      invocation("local.run", maxResultBytes: 100_000)
    )
    #expect(failure?.kind == .resultTooBig)
    #expect(failure?.reach == .answered)
  }

  @Test func `a write that writes too much runs to its end, and its status counts`() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/callboard-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let done = shell("yes | head -c 1000000; touch \(path)", effect: .write)
    let failure1 = await caught(
      from: try provider(done),
      invocation("local.run", maxResultBytes: 1000)
    )
    #expect(failure1?.kind == .resultTooBig)
    #expect(FileManager.default.fileExists(atPath: path))
    let failed = shell("yes | head -c 1000000; exit 4", effect: .write)
    let failure2 = await caught(
      from: try provider(failed),
      invocation("local.run", maxResultBytes: 1000)
    )
    #expect(failure2?.kind == .programFailed)
    #expect(failure2?.reach == .maybe)
  }

  @Test func `output of exactly the limit is a result`() async throws {
    let provider = try provider(shell("printf 12345678"))
    #expect(try await provider.invoke(invocation("local.run", maxResultBytes: 8)) == "12345678")
    #expect(
      await caught(from: provider, invocation("local.run", maxResultBytes: 7))?.kind
        == .resultTooBig
    )
  }
}

@Suite(.timeLimit(.minutes(2))) struct ProgramStopTests {
  @Test func `cancelling ends a program and what it has started`() async throws {
    let pipe = try NamedPipe()
    let script = "exec 9>\(pipe.path); sleep 1000 & echo $$ $! >&9; wait"
    let provider = try provider(shell(script, effect: .write))
    let task = Task { await caught(from: provider, invocation("local.run")) }
    let processes = await pipe.firstLine.value.split(separator: " ").compactMap { pid_t($0) }
    try #require(processes.count == 2)
    #expect(processes.allSatisfy(isRunning))
    task.cancel()
    let failure = await task.value
    #expect(failure?.kind == .cancelled)
    #expect(failure?.reach == .maybe)
    // Every process of the group holds the pipe, so its end is theirs.
    await pipe.end.value
    while processes.contains(where: isRunning) { await Task.yield() }
  }

  @Test func `stderr can be read while a program runs, and after it was stopped`() async throws {
    let pipe = try NamedPipe()
    let script = """
      trap 'echo stopping >&2; exit 0' TERM
      echo working >&2
      exec 9>\(pipe.path); echo ready >&9
      while :; do sleep 0.01; done
      """
    let provider = try provider(shell(script))
    let asked = invocation("local.run")
    let task = Task { await caught(from: provider, asked) }
    _ = await pipe.firstLine.value
    var text: String?
    while text == nil {
      text = provider.errorOutput(of: asked.call, attempt: 1)
      await Task.yield()
    }
    #expect(text == "working")
    task.cancel()
    #expect(await task.value?.kind == .cancelled)
    let rest = try #require(provider.errorOutput(of: asked.call, attempt: 1))
    #expect(rest.hasPrefix("working\n"))
    // Some shells say of the program they wait for that it was terminated, too.
    #expect(rest.hasSuffix("stopping"))
  }

  @Test func `a program that ignores the polite signal is killed after the grace`() async throws {
    let clock = ManualClock()
    let deadlines = DeadlineQueue(clock: clock)
    let pipe = try NamedPipe()
    let script = "trap '' TERM; exec 9>\(pipe.path); echo $$ >&9; while :; do sleep 1; done"
    let provider = try ProgramProvider(
      namespace: "local",
      functions: [shell(script)],
      clock: clock,
      deadlines: deadlines
    )
    let task = Task { await caught(from: provider, invocation("local.run")) }
    let process = try #require(pid_t(await pipe.firstLine.value))
    task.cancel()
    while deadlines.count == 0 { await Task.yield() }
    clock.advance(by: .milliseconds(1999))
    #expect(isRunning(process))
    clock.advance(by: .milliseconds(1))
    await pipe.end.value
    // Nobody holds its output any more, so nothing else is waited for.
    #expect(await task.value?.kind == .cancelled)
    #expect(!isRunning(process))
  }

  @Test func `a program that is left behind does not keep the call waiting, and ends`() async throws
  {
    let pipe = try NamedPipe()
    let script = "exec 9>\(pipe.path); sleep 1000 & echo $! >&9; echo done"
    let provider = try provider(shell(script))
    #expect(try await provider.invoke(invocation("local.run")) == "done")
    let left = try #require(pid_t(await pipe.firstLine.value))
    await pipe.end.value
    while isRunning(left) { await Task.yield() }
  }

  @Test func `one that has left the session does not keep the call waiting either`() async throws {
    let pipe = try NamedPipe()
    let script = "exec 9>\(pipe.path); setsid sleep 1000 & echo $! >&9; echo done"
    let provider = try provider(shell(script))
    #expect(try await provider.invoke(invocation("local.run")) == "done")
    let line = await pipe.firstLine.value
    let escaped = try #require(pid_t(line))
    kill(escaped, SIGKILL)
  }

  @Test func `what was written before the end is there although the output stays open`()
    async throws
  {
    let provider = try provider(shell("sleep 1000 & head -c 60000 /dev/zero | tr '\\0' x"))
    let value = try await provider.invoke(invocation("local.run"))
    #expect(value.stringValue?.utf8.count == 60_000)
  }
}

@Suite struct ProgramConfigurationTests {
  private func problems(_ function: ProgramFunction) -> [String] {
    ProgramProvider.problems(namespace: "local", functions: [function]).map(\.description)
  }

  @Test func `mistakes are named with their place`() {
    #expect(problems(function(["cat", "{a}"], required: ["a"])).isEmpty)
    #expect(
      problems(function([])) == [
        "functions[0].run: is empty; write the program, then its arguments"
      ]
    )
    #expect(
      problems(function(["{a}"], required: ["a"]))
        == ["functions[0].run[0]: “{a}” would let a call choose the program; name one program"]
    )
    #expect(
      problems(function(["echo", "{b}"], required: ["a"]))
        == ["functions[0].run[1]: “{b}” is no property of the function's parameters; it has “a”"]
    )
    #expect(
      problems(function(["jq", "{x: 1"]))
        == [
          "functions[0].run[1]: “{x: 1” has a “{” that begins no “{argument}”; write “{{” or “}}” for the brace itself"
        ]
    )
    var other = function(["env"])
    other.environment = [("CALLBOARD_CALL_ID", "1"), ("A=B", "1"), ("A", "1"), ("A", "2")]
    other.mayBeginWithDash = ["a"]
    other.workingDirectory = ""
    #expect(
      problems(other) == [
        "functions[0].may_begin_with_dash: “a” stands in no item of run",
        "functions[0].environment.CALLBOARD_CALL_ID: names that begin with CALLBOARD_ are set by callboard; choose another",
        "functions[0].environment: “A=B” is not the name of an environment variable",
        "functions[0].environment.A: is set twice",
        "functions[0].working_directory: is not the name of a folder; leave it out, or name one",
      ]
    )
    #expect(throws: ProviderConfigurationError.self) { try provider(other) }
  }

  @Test func `summary and identity name the programs`() throws {
    let provider = try provider(function(["jq", "{a}"], required: ["a"]))
    #expect(provider.summary == "program jq")
    #expect(provider.identity == "local.run: jq {a}")
    #expect(provider.functions.map(\.name.description) == ["local.run"])
  }
}

/// Whether a process is there and more than a zombie.
private func isRunning(_ process: pid_t) -> Bool {
  guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
    let state = stat.split(separator: ")").last?.split(separator: " ").first
  else { return false }
  return state != "Z" && state != "X"
}

/// How many descriptors of this process are ends of pipes.
private func openPipes() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    .filter { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(name)"
      )
      return target?.hasPrefix("pipe:") ?? false
    }
    .count
}

/// A pipe with a name, read by a thread of its own: opening it blocks until someone writes.
private final class NamedPipe: Sendable {
  let path = FileManager.default.temporaryDirectory.path + "/callboard-\(UUID()).fifo"
  let firstLine = OneShot<String>()
  let end = OneShot<Void>()

  init() throws {
    try #require(mkfifo(path, 0o600) == 0)
    Thread.detachNewThread { [path, firstLine, end] in
      defer { unlink(path) }
      let descriptor = open(path, O_RDONLY)
      var bytes: [UInt8] = []
      var byte: UInt8 = 0
      while read(descriptor, &byte, 1) == 1 {
        bytes.append(byte)
        if byte == UInt8(ascii: "\n") {
          firstLine.resolve(String(decoding: bytes.dropLast(), as: UTF8.self))
        }
      }
      close(descriptor)
      firstLine.resolve("")
      end.resolve(())
    }
  }
}
