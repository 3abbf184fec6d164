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
