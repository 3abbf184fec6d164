import Foundation
import Glibc
import Testing

@testable import CallboardCommand

/// Commands beside an instance whose store fails, whose socket another user may not use, or that starts while a command
/// holds its store.
@Suite(.timeLimit(.minutes(5)))
struct TroubledInstanceTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func write(_ more: String = "") throws {
    _ = try scratch.file(
      "callboard.yaml",
      """
      name: troubled
      store: { file: s.db }
      control: { socket: control.sock }
      providers:
        desk:
          type: program
          functions:
            - { name: hello, effect: read, description: Says hello., run: [sh, -c, "echo ran >> ran; echo hello"], stdin: none, output: text }
            - { name: linger, effect: read, run: [sh, -c, "echo x > started; sleep 1.5; echo done"], stdin: none, output: text }
      approvals: [{ approval: never }]
      \(more)
      """
    )
  }

  /// A `write` that says when it has begun, and ends when somebody writes to `go`.
  private func writePayment() throws -> StartSign {
    let sign = try StartSign(in: scratch)
    _ = try scratch.file(
      "callboard.yaml",
      """
      name: troubled
      store: { file: s.db }
      control: { socket: control.sock }
      providers:
        desk:
          type: program
          functions:
            - { name: pay, effect: write, run: [sh, -c, "echo x > started; read go < go; echo sent"], stdin: none, output: text }
      approvals: [{ approval: never }]
      """
    )
    guard mkfifo(scratch.path + "/go", 0o600) == 0 else { throw POSIXError(.EIO) }
    return sign
  }

  private static func hasTool(_ name: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/" + name)
  }

  /// A shell in the folder, in which `$0` is the program.
  private static func shell(_ line: String, in folder: String) throws -> Program.Ended {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line, Program.path]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ["HOME": "/nonexistent", "PATH": "/usr/bin:/bin"]
    let (output, error) = (Pipe(), Pipe())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = error
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let told = try error.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Program.Ended(
      status: process.terminationStatus,
      output: String(decoding: text, as: UTF8.self),
      error: String(decoding: told, as: UTF8.self)
    )
  }

  @Test(
    .enabled(if: TroubledInstanceTests.hasTool("prlimit"), "it takes prlimit, to have writes fail")
  )
  func `lists say that the store fails, and what counts without being kept ends with 69`()
    async throws
  {
    try write()
    let folder = scratch.path
    try await Program.onOwnThread {
      func shell(_ line: String) throws -> Program.Ended { try Self.shell(line, in: folder) }
      let serving = try Running(["serve"], folder: folder)
      defer { serving.send(SIGKILL) }
      serving.told("troubled is up")
      #expect(try shell("\"$0\" call desk.hello").status == 0)
      #expect(try shell("\"$0\" calls list").error.isEmpty)
      #expect(try shell("prlimit --pid \(serving.identifier) --fsize=0").status == 0)
      let held = try shell("\"$0\" hold")
      #expect(held.status == 69, "\(held)")
      #expect(
        held.error.contains("everything is held: nothing new starts; NOT STORED ("),
        "\(held)"
      )
      let off = try shell("\"$0\" functions disable desk.hello")
      #expect(off.status == 69 && off.error.contains("NOT STORED ("), "\(off)")
      for list in [
        "calls list", "approvals list", "conversations list", "workflows list", "functions list",
        "grants list", "functions accept", "functions list --socket control.sock", "report",
      ] {
        let ended = try shell("\"$0\" \(list)")
        #expect(ended.status == 0, "\(list): \(ended)")
        #expect(
          ended.error.contains("callboard: the store of the instance fails ("),
          "\(list): \(ended)"
        )
        #expect(ended.error.split(separator: "\n").count == 1, "\(list): \(ended)")
      }
    }
  }

  @Test(
    .enabled(if: TroubledInstanceTests.hasTool("prlimit"), "it takes prlimit, to have writes fail")
  )
  func
    `a write that ends while the store fails is unknown to its caller, and named when the instance stops`()
    async throws
  {
    let sign = try writePayment()
    let folder = scratch.path
    try await Program.onOwnThread {
      func shell(_ line: String) throws -> Program.Ended { try Self.shell(line, in: folder) }
      let serving = try Running(["serve"], folder: folder)
      defer { serving.send(SIGKILL) }
      serving.told("troubled is up")
      let caller = try Running(["call", "desk.pay"], folder: folder)
      defer { caller.send(SIGKILL) }
      try sign.wait()
      #expect(try shell("prlimit --pid \(serving.identifier) --fsize=0").status == 0)
      #expect(try shell("echo go > go").status == 0)
      var listed = ""
      // Each look is a command of its own, which takes longer than a pause would be.
      for _ in 0..<200 where !listed.contains("succeeded") {
        listed = try shell("\"$0\" calls list").output
      }
      #expect(listed.contains("succeeded"))
      serving.send(SIGTERM)
      let told = try caller.ended()
      #expect(told.status == 74, "\(told)")
      #expect(told.error.contains("is not stored. Do not repeat it."), "\(told)")
      let stopped = try serving.ended()
      #expect(stopped.status == 74, "\(stopped)")
      #expect(
        stopped.error.contains(
          "has succeeded, and that is not stored: the next start finds its outcome unknown"
        ),
        "\(stopped)"
      )
    }
  }

  @Test(
    .enabled(if: TroubledInstanceTests.hasTool("prlimit"), "it takes prlimit, to have writes fail")
  )
  func `a call on an engine of its own says that its store fails, and a signal ends it`()
    async throws
  {
    let sign = try writePayment()
    let folder = scratch.path
    try await Program.onOwnThread {
      let caller = try Running(["call", "--alone", "desk.pay"], folder: folder)
      defer { caller.send(SIGKILL) }
      try sign.wait()
      #expect(
        try Self.shell("prlimit --pid \(caller.identifier) --fsize=0; echo go > go", in: folder)
          .status
          == 0
      )
      caller.told("the store fails (")
      caller.send(SIGTERM)
      let ended = try caller.ended()
      #expect(ended.status == 74, "\(ended)")
      #expect(ended.error.contains("desk.pay may or may not have happened: "), "\(ended)")
    }
  }

  @Test func `a caller whose call waits on is told so when the instance stops, with 75`()
    async throws
  {
    try write()
    _ = try scratch.file(
      "callboard.yaml",
      String(contentsOfFile: scratch.path + "/callboard.yaml", encoding: .utf8)
        .replacing("approvals: [{ approval: never }]", with: "approvals: [{ approval: always }]")
    )
    let folder = scratch.path
    try await Program.onOwnThread {
      let serving = try Running(["serve"], folder: folder)
      defer { serving.send(SIGKILL) }
      serving.told("troubled is up")
      let caller = try Running(["call", "desk.hello"], folder: folder)
      defer { caller.send(SIGKILL) }
      caller.told("waits for a person to decide")
      serving.send(SIGTERM)
      let told = try caller.ended()
      #expect(told.status == 75, "\(told)")
      #expect(told.error.contains("The call waits on"), "\(told)")
      #expect(try serving.ended().status == 0)
      let again = try Running(["serve"], folder: folder)
      defer { again.send(SIGKILL) }
      again.told("troubled is up")
      let waiting = try Self.shell("\"$0\" approvals list", in: folder)
      #expect(waiting.output.contains("desk.hello"), "\(waiting)")
    }
  }

  @Test(
    .enabled(
      if: geteuid() == 0 && TroubledInstanceTests.hasTool("setpriv"),
      "it takes root, to be another user"
    )
  )
  func `whoever may not use the socket is told so, and no engine of their own makes the call`()
    async throws
  {
    try write()
    chmod(scratch.path, 0o755)
    chmod(scratch.path + "/callboard.yaml", 0o644)
    let other = "setpriv --reuid=64001 --regid=nogroup --clear-groups \"$0\""
    let folder = scratch.path
    try await Program.onOwnThread {
      let running = try Running(["serve"], folder: folder)
      defer { running.send(SIGKILL) }
      running.told("troubled is up")
      func shell(_ line: String) throws -> Program.Ended { try Self.shell(line, in: folder) }
      for command in [
        "call desk.hello", "call desk.hello --dry-run", "approvals simulate desk.hello", "report",
        "hold", "calls list", "workflows run nothing",
      ] {
        let ended = try shell("\(other) \(command)")
        #expect(ended.status == 77, "\(command): \(ended)")
        #expect(
          ended.error.contains("An instance has its control socket at")
            && ended.error.contains("user id 64001 may not connect"),
          "\(command): \(ended)"
        )
        #expect(ended.output.isEmpty)
      }
      #expect(!FileManager.default.fileExists(atPath: folder + "/ran"))
    }
  }

  @Test func `serve waits for a call that holds the store, and says for whom`() async throws {
    try write()
    let folder = scratch.path
    try await Program.onOwnThread {
      let call = try Running(["call", "desk.linger"], folder: folder)
      while !FileManager.default.fileExists(atPath: folder + "/started") { usleep(10_000) }
      let serve = try Running(["serve"], folder: folder)
      defer { serve.send(SIGKILL) }
      serve.told("troubled is up")
      #expect(try call.ended().output == "done\n")
      let ended = try Self.shell("\"$0\" call desk.hello", in: folder)
      #expect(ended.output == "hello\n", "\(ended)")
      serve.send(SIGTERM)
      let told = try serve.ended()
      #expect(told.status == 0, "\(told)")
      #expect(told.error.contains("(callboard call)"), "\(told)")
      #expect(told.error.contains("waiting up to 5 s for it"), "\(told)")
    }
  }

  @Test func `serve does not wait for another instance`() async throws {
    try write()
    let folder = scratch.path
    _ = try scratch.file(
      "second.yaml",
      try String(contentsOfFile: folder + "/callboard.yaml", encoding: .utf8)
        .replacing("control.sock", with: "second.sock")
    )
    try await Program.onOwnThread {
      let first = try Running(["serve"], folder: folder)
      defer { first.send(SIGKILL) }
      first.told("troubled is up")
      let start = ContinuousClock.now
      let second = try Running(["serve", "--config", "second.yaml"], folder: folder).ended()
      #expect(second.status == 69, "\(second)")
      #expect(second.error.contains("(callboard serve)"), "\(second)")
      #expect(!second.error.contains("waiting"), "\(second)")
      #expect(ContinuousClock.now - start < .seconds(4))
    }
  }
}
