import Foundation
import Glibc
import Synchronization

/// One engine a file: whoever opens it first holds it until it is closed, or the process ends, however it ends.
///
/// Two locks: the one beside the file says who holds it, the one on the file itself counts under any name it has, and
/// when the other was removed.
final class StoreHold: Sendable {
  private let descriptors: Mutex<[Int32]>

  /// Makes the file where there is none, for its owner alone.
  ///
  /// Throws a sentence that names the process that holds it.
  init(path: String) throws(StoreProblem) {
    // Released after SQLite has closed the file: closing it anywhere in a process drops SQLite's own locks.
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      let why = String(cString: strerror(errno))
      throw StoreProblem(
        "\(path) can't be opened for writing: \(why); see that its folder exists and may be written"
      )
    }
    do throws(StoreProblem) {
      let lock = try Self.takeLock(beside: path)
      guard Self.isTaken(file) else {
        close(lock)
        throw StoreProblem(
          "\(path) is held by another process, under another name or with its lock file removed; one engine a file: "
            + "stop it, or use another file"
        )
      }
      descriptors = Mutex([lock, file])
    } catch {
      close(file)
      throw error
    }
  }

  private static func takeLock(beside path: String) throws(StoreProblem) -> Int32 {
    let lock = path + ".lock"
    let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StoreProblem("\(lock) can't be opened: \(String(cString: strerror(errno)))")
    }
    guard isTaken(descriptor) else {
      let holder = line(in: descriptor) ?? "another process"
      close(descriptor)
      throw StoreProblem(
        "\(path) is held by \(holder); one engine a file: stop it, or use another file"
      )
    }
    let line = "process \(getpid()) (\(command)), since \(Date.now.formatted(.iso8601))\n"
    _ = ftruncate(descriptor, 0)
    _ = line.utf8CString.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count - 1, 0) }
    return descriptor
  }

  /// Somebody who only asks who holds the file has the lock for an instant: it is tried for 100 ms.
  private static func isTaken(_ descriptor: Int32) -> Bool {
    for _ in 0..<10 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      usleep(10_000)
    }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }

  private static func line(in descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = max(0, pread(descriptor, &bytes, bytes.count, 0))
    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }

  /// Which process holds the file; nil when none does.
  static func holder(of path: String) -> String? {
    let descriptor = open(path + ".lock", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
    return line(in: descriptor) ?? "another process"
  }

  private static var command: String {
    CommandLine.arguments.prefix(2).map { ($0 as NSString).lastPathComponent }.joined(
      separator: " "
    )
  }

  /// Lets another engine have the file.
  func release() {
    descriptors.withLock { descriptors in
      for descriptor in descriptors { close(descriptor) }
      descriptors = []
    }
  }

  deinit { release() }
}
