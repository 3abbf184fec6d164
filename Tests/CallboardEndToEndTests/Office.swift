import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// A `callboard serve` that processes of several users decide on, killed and started again as a test says.
final class Office: Sendable {
  let folder: String
  private let starts = Mutex(0)
  private let server = Mutex<Process?>(nil)

  /// So many rounds where nothing is said; `CALLBOARD_ROUNDS=1000` plays issue-sized ones.
  static func rounds(_ few: Int, of whole: Int = 1000) -> Int {
    guard let text = ProcessInfo.processInfo.environment["CALLBOARD_ROUNDS"],
      let rounds = Int(text)
    else { return few }
    return max(1, rounds * whole / 1000)
  }

  /// Whether other users can run what is built here: it takes root, and folders that they may enter.
  static let hasOthers: Bool = {
    guard geteuid() == 0 else { return false }
    let ended = try? Person.run(64_001, [Program.path, "--help"])
    return ended?.status == 0
  }()

  static let group = "nogroup"

  /// `more`: what follows the people and the socket.
  init(_ more: String) throws {
    folder = NSTemporaryDirectory() + "cbo-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    try configure(more)
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  func path(_ name: String) -> String { folder + "/" + name }
  var socket: String { path("s") }

  func configure(_ more: String, operators: [String] = ["anna", "bert", "carla"]) throws {
    let people = ["anna", "bert", "carla"].enumerated().map { index, name in
      "  \(name): { uid: \(64_001 + index), roles: [\(operators.contains(name) ? "operator" : "viewer")] }"
    }
    let text = """
      name: office
      store: { file: office.db }
      control: { socket: s\(geteuid() == 0 ? ", group: \(Self.group)" : "") }
      operators:
        olga: { uid: \(geteuid()), roles: [operator, caller] }
      \(people.joined(separator: "\n"))
      \(more)
      """
    try text.write(toFile: path("office.yaml"), atomically: true, encoding: .utf8)
  }

  var events: [EventLog] {
    (1...max(1, starts.withLock { $0 })).map { EventLog(path("events.\($0)")) }
  }

  /// Starts it, and returns when it listens.
  func start() async throws {
    let number = starts.withLock { starts in
      starts += 1
      return starts
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = [
      "serve", "--config", path("office.yaml"), "--events", path("events.\(number)"),
    ]
    process.environment = ["HOME": folder, "PATH": "/usr/bin:/bin"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let told = path("told.\(number)")
    _ = FileManager.default.createFile(atPath: told, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: told)
    try process.run()
    server.withLock { $0 = process }
    try await wait("the instance to be up") {
      (try? String(contentsOfFile: told, encoding: .utf8))?.contains("is up") == true
    }
  }

  func send(_ number: Int32) {
    server.withLock { process in
      if let process { Glibc.kill(process.processIdentifier, number) }
    }
  }

  /// kill -9, and waits for its end.
  func kill() {
    send(SIGKILL)
    server.withLock { process in
      process?.waitUntilExit()
      process = nil
    }
  }

  /// What the instance was told to say on standard error since its last start.
  var told: String {
    let number = starts.withLock { $0 }
    return (try? String(contentsOfFile: path("told.\(number)"), encoding: .utf8)) ?? ""
  }

  func wait(_ what: String, until sign: () throws -> Bool) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while try !sign() {
      guard clock.now < end else {
        throw Terminal.Failure(description: "Waited a minute for \(what).")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// As root, over the socket.
  func open() throws -> Instance { try Instance(at: socket) }
}

extension Instance {
  func detail(_ id: CallID) throws -> CallDetail {
    guard case .call(let detail?) = try snapshot(of: .call(id)).body else {
      throw Terminal.Failure(description: "there is no call \(id)")
    }
    return detail
  }

  /// Makes a call that a rule holds, and returns its id when it waits; nobody waits for its end.
  func ask(_ function: String, _ arguments: JSONValue) async throws -> CallID {
    try await withCheckedThrowingContinuation { continuation in
      let once = Mutex<CheckedContinuation<CallID, any Error>?>(continuation)
      @Sendable func take() -> CheckedContinuation<CallID, any Error>? {
        once.withLock { continuation in
          defer { continuation = nil }
          return continuation
        }
      }
      Task {
        do {
          let ended = try await call(function, arguments: arguments.serialized()) { id, _ in
            take()?.resume(returning: id)
          }
          take()?.resume(returning: ended.call)
        } catch {
          take()?.resume(throwing: error)
        }
      }
    }
  }
}

/// A process of another user that is attached to an instance, and decides when it is told to.
final class Person: Sendable {
  struct Ended: Sendable {
    var status: Int32
    var output: String
  }

  struct Answer: Sendable {
    var isDone: Bool
    var isUnknown: Bool
    var message: String
  }

  let name: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Attaches, and returns once the instance has let it in.
  init(_ name: String, uid: UInt32, at office: Office) throws {
    self.name = name
    let tool = URL(fileURLWithPath: Program.path).deletingLastPathComponent()
      .appendingPathComponent("CallboardPeer").path
    let command = Self.command(uid, [tool, office.socket])
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ["PATH": "/usr/bin:/bin"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    guard try line()["attached"] != nil else {
      throw Terminal.Failure(description: "\(name) was not let in")
    }
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  private static func command(_ uid: UInt32, _ command: [String]) -> [String] {
    guard uid != geteuid() else { return command }
    return ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(Office.group)", "--clear-groups"]
      + command
  }

  /// The words by which a shell runs something as this user.
  static func shell(_ uid: UInt32) -> String { command(uid, []).joined(separator: " ") }

  /// Runs a command as a user to its end.
  static func run(_ uid: UInt32, _ arguments: [String]) throws -> Ended {
    let command = command(uid, arguments)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Ended(
      status: process.terminationStatus,
      output: String(decoding: data, as: UTF8.self)
    )
  }

  private func line() throws -> JSONValue {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while read(output.fileHandleForReading.fileDescriptor, &byte, 1) == 1 {
      if byte == UInt8(ascii: "\n") {
        return try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
      }
      bytes.append(byte)
    }
    throw Terminal.Failure(description: "\(name) went away")
  }

  /// Tells it what to do and waits for what came of it, on a thread of its own.
  func tell(_ json: JSONValue) async throws -> JSONValue {
    try await blocking { [self] in
      try input.fileHandleForWriting.write(contentsOf: Data((json.serialized() + "\n").utf8))
      return try line()
    }
  }

  func approve(_ id: CallID, _ row: CallRow, after microseconds: Int64 = 0) async throws -> Answer {
    let answer = try await tell([
      "approve": .string(id.description), "revision": .integer(Int64(row.revision)),
      "digest": .string(row.digest ?? ""), "after": .integer(microseconds),
    ])
    return Answer(
      isDone: answer["done"] == true,
      isUnknown: answer["unknown"] == true,
      message: answer["message"]?.stringValue ?? ""
    )
  }
}

/// Runs what blocks on a thread of its own: the pool has few.
func blocking<Outcome: Sendable>(
  _ body: @escaping @Sendable () throws -> Outcome
) async throws -> Outcome {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result { try body() }) }.start()
  }
}
