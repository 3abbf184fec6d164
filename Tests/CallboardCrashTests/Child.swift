import Foundation
import Glibc

/// A process of a test.
final class Child {
  private let pid: pid_t
  /// Once it is known, the number may be another process's.
  private var end: End?

  init(_ words: [String]) throws {
    var arguments = words.map { strdup($0) } + [nil]
    var environment = ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in arguments + environment { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, words[0], nil, nil, &arguments, &environment)
    guard code == 0 else { throw Unproved("\(words[0]) can't be started: \(code)") }
    self.pid = pid
  }

  /// The process that is killed: `CallboardCrash`, beside the tests, where the package manager puts it.
  ///
  /// `tracer` is a program that starts it in turn.
  static func victim(_ arguments: [String], tracer: [String] = []) throws -> Child {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let path = URL(fileURLWithPath: own).deletingLastPathComponent()
      .appendingPathComponent("CallboardCrash").path
    return try Child(tracer + [path] + arguments)
  }

  /// How it ended, by itself or by a signal.
  enum End: Equatable {
    case exit(Int32)
    case signal(Int32)
  }

  @discardableResult
  func wait() -> End {
    if let end { return end }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let end: End = status & 0x7F == 0 ? .exit(status >> 8 & 0xFF) : .signal(status & 0x7F)
    self.end = end
    return end
  }

  /// Whether it still runs.
  var isRunning: Bool {
    guard end == nil else { return false }
    var info = siginfo_t()
    return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
      && info._sifields._sigchld.si_pid == 0
  }

  @discardableResult
  func killed() -> End {
    if end == nil { kill(pid, SIGKILL) }
    return wait()
  }
}

/// What was to be proved and is not so.
struct Unproved: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// A folder that is removed with what is in it.
final class Folder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/callboard-crash-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func file(_ name: String) -> String { path + "/" + name }

  func lines(of name: String) -> [[String]] {
    guard let text = try? String(contentsOfFile: file(name), encoding: .utf8) else { return [] }
    return text.split(separator: "\n").map { line in
      line.split(separator: " ", maxSplits: 3).map(String.init)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
