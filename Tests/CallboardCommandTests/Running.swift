import Foundation

/// A command that runs while a test sends it signals; used on a thread of the test's own, for everything here blocks.
final class Running {
  private let process = Process()
  private let stdout = Pipe()
  private let stderr = Pipe()
  private var told = ""

  init(_ arguments: [String], folder: String) throws {
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = arguments
    process.environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
      "HOME": "/nonexistent",
    ]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
  }

  var identifier: Int32 { process.processIdentifier }

  func send(_ number: Int32) { kill(identifier, number) }

  /// Reads stderr until it holds this, or its end.
  func told(_ text: String) {
    while !told.contains(text) {
      let data = stderr.fileHandleForReading.availableData
      guard !data.isEmpty else { return }
      told += String(decoding: data, as: UTF8.self)
    }
  }

  func ended() throws -> Program.Ended {
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    let rest = try stderr.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Program.Ended(
      status: process.terminationStatus,
      output: String(decoding: output, as: UTF8.self),
      error: told + String(decoding: rest, as: UTF8.self)
    )
  }
}

/// A fifo by which a function of a test says that it runs.
struct StartSign {
  let path: String

  init(in scratch: Scratch) throws {
    path = scratch.path + "/started"
    guard mkfifo(path, 0o600) == 0 else { throw POSIXError(.EIO) }
  }

  /// Blocks until a function has said so, or throws after a minute.
  func wait() throws {
    // Also for writing: then opening it does not wait for the function.
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    var sign = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&sign, 1, 60_000) == 1 else { throw POSIXError(.ETIMEDOUT) }
  }
}
