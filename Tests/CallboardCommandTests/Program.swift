import Foundation

/// The program itself, as a shell runs it.
enum Program {
  struct Ended {
    var status: Int32
    var output: String
    var error: String
  }

  /// Beside the tests, where the package manager puts it.
  static var path: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("callboard")
      .path
  }

  /// Runs it by a line of the shell, in which it is `$0`.
  static func run(line: String, folder: String) async throws -> Ended {
    try await run(["-c", line, path], by: "/bin/sh", folder: folder)
  }

  static func run(
    _ arguments: [String],
    by executable: String = path,
    input: String = "",
    output file: FileHandle? = nil,
    environment: [String: String] = [:],
    folder: String? = nil
  ) async throws -> Ended {
    // Waiting for a process blocks, and the tests beside this one need the pool's few threads.
    try await onOwnThread {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: executable)
      process.arguments = arguments
      var own = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        "HOME": "/nonexistent",
      ]
      own.merge(environment) { $1 }
      process.environment = own
      if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
      let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
      process.standardInput = stdin
      if let file { process.standardOutput = file } else { process.standardOutput = stdout }
      process.standardError = stderr
      try process.run()
      try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
      try stdin.fileHandleForWriting.close()
      // What it prints in these tests fits into a pipe, so one after the other is enough.
      let output = file == nil ? try stdout.fileHandleForReading.readToEnd() ?? Data() : Data()
      let error = try stderr.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return Ended(
        status: process.terminationStatus,
        output: String(decoding: output, as: UTF8.self),
        error: String(decoding: error, as: UTF8.self)
      )
    }
  }

  static func onOwnThread<Outcome: Sendable>(
    _ body: @escaping @Sendable () throws -> Outcome
  ) async throws -> Outcome {
    try await withCheckedThrowingContinuation { continuation in
      Thread { continuation.resume(with: Result { try body() }) }.start()
    }
  }
}
