import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema

/// `callboard tail`: an event file as readable lines.
struct TailCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract:
      "Show the events of a running instance, or an event file (--events), as readable lines.",
    discussion: """
      Without a file it shows what happens in the running instance from now on, until that ends or you do. Times are \
      in your time zone. `-` reads standard input.
      """
  )

  @Argument(help: "The event file; the running instance if not given.")
  var file: String?
  @Flag(name: .shortAndLong, help: "Go on as events come, in a file too.")
  var follow = false
  @OptionGroup var instance: InstanceOption
  @Option(help: "text; jsonl: the lines as they are; json: one array of them.")
  var output: OutputFormat = .text

  func validate() throws {
    if output == .json, follow || file == nil {
      throw ValidationError(
        "What goes on has no end, so it can't be one JSON array; use --output jsonl."
      )
    }
  }

  func run() async throws {
    if let file { try await show(file) } else { try await showInstance() }
  }

  /// Prints what happens in the instance, until it goes away or nobody reads any more.
  private func showInstance() async throws {
    let instance = try instance.open()
    let interruption = Interruption()
    let (why, isLost) = try await interruption.watching([{ instance.close() }]) {
      try await onOwnThread {
        let lost = Counter()
        let why = try Failure.onControlProblem { () throws(ControlProblem) in
          try instance.follow { events, left in
            if left > 0 {
              lost.add(left)
              Output.error.row(
                "callboard: \(left) events were left out here: they were not read fast enough"
              )
            }
            for event in events { print(event) }
            if Output.standard.isGone { instance.close() }
          }
        }
        return (why, lost.value > 0)
      }
    }
    if Output.standard.isGone { return }
    throw Failure(isLost ? .failed : .unreachable, "The instance is gone: \(why).")
  }

  private func print(_ event: JSONValue) {
    switch output {
    case .text, .json: Output.standard.row(EventLine.text(of: event, in: .current))
    case .jsonl: Output.standard.line(event.serialized())
    }
  }

  private func show(_ file: String) async throws {
    let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.fileIsWrong, "\(file): \(String(cString: strerror(errno))); check the path.")
    }
    let interruption = Interruption()
    var reader = LineReader(descriptor: descriptor, name: file)
    var wrong = 0
    var array = ArrayOutput()
    // Whatever ends the reading, what was printed is whole.
    defer { if output == .json { array.end() } }
    reading: while !interruption.isCaught, !Output.standard.isGone {
      switch try reader.next(until: { interruption.isCaught }) {
      case .line(let line):
        if !show(line, of: file, number: reader.lineNumber, in: &array) { wrong += 1 }
      case .end where follow && !reader.isStream: try await Task.sleep(for: .milliseconds(100))
      case .end:
        if let rest = reader.rest(),
          !show(rest, of: file, number: reader.lineNumber, in: &array)
        {
          wrong += 1
        }
        break reading
      case .stopped: break reading
      }
    }
    if interruption.isCaught, !follow { throw Failure(.interrupted, "") }
    if wrong > 0 {
      throw Failure(
        .fileIsWrong,
        "\(file): \(wrong) \(wrong == 1 ? "line is" : "lines are") no event."
      )
    }
  }

  private func show(
    _ line: [UInt8],
    of file: String,
    number: Int,
    in array: inout ArrayOutput
  ) -> Bool {
    guard !line.isEmpty else { return true }
    guard let event = try? JSONValue(parsing: line), event["seq"] != nil else {
      Output.error.row(
        "\(file):\(number): no event: \(String(decoding: line.prefix(80), as: UTF8.self))"
      )
      return false
    }
    switch output {
    case .text: Output.standard.row(EventLine.text(of: event, in: .current))
    case .json: array.add(String(decoding: line, as: UTF8.self))
    case .jsonl: Output.standard.line(String(decoding: line, as: UTF8.self))
    }
    return true
  }
}

/// Prints values as one JSON array, each on a line, without keeping them.
private struct ArrayOutput {
  /// Printed when it is known whether a comma follows.
  private var last: String?

  mutating func add(_ value: String) {
    Output.standard.line(last.map { $0 + "," } ?? "[")
    last = "  " + value
  }

  mutating func end() {
    Output.standard.line(last.map { $0 + "\n]" } ?? "[]")
  }
}

/// Lines of a file that may still grow; a line counts when its end is there.
private struct LineReader {
  let descriptor: Int32
  /// For sentences about what cannot be read.
  let name: String
  private(set) var lineNumber = 0
  private var buffer: [UInt8] = []
  private var start = 0

  /// Longest line that is taken, in MiB; an event is far shorter.
  private static let limit = 16

  init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  enum Next {
    case line([UInt8])
    /// Nothing more is there now; a file may still grow.
    case end
    case stopped
  }

  /// Whether its end is the end: a pipe whose writer has gone writes no more.
  var isStream: Bool {
    var info = stat()
    return fstat(descriptor, &info) == 0 && info.st_mode & S_IFMT != S_IFREG
  }

  /// The next line; gives up in the midst of one when `isStopped` says so.
  mutating func next(until isStopped: () -> Bool) throws -> Next {
    var searched = start
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[start..<end])
        start = end + 1
        lineNumber += 1
        return .line(line)
      }
      searched = buffer.count - start
      buffer.removeFirst(start)
      start = 0
      guard searched <= Self.limit << 20 else {
        throw Failure(
          .fileIsWrong,
          "\(name):\(lineNumber + 1): the line is longer than \(Self.limit) MiB, so this is no event file."
        )
      }
      if isStopped() { return .stopped }
      // A signal does not end a read that waits for a pipe, so it only reads what is there.
      var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 100) > 0 else { continue }
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        let why = errno == EISDIR ? "it is a directory" : String(cString: strerror(errno))
        throw Failure(.fileIsWrong, "\(name): \(why); name a file that --events has written.")
      }
      guard count > 0 else { return .end }
      buffer += chunk[..<count]
    }
  }

  /// What stands after the last line's end.
  mutating func rest() -> [UInt8]? {
    guard start < buffer.count else { return nil }
    defer { start = buffer.count }
    lineNumber += 1
    return Array(buffer[start...])
  }
}
