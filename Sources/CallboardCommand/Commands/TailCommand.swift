import ArgumentParser
import Callboard
import Foundation
import Glibc
import JSONSchema

/// `callboard tail`: an event file as readable lines.
struct TailCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Show an event file (--events) as readable lines.",
    discussion: "Times are in your time zone. `-` reads standard input."
  )

  @Argument(help: "The event file.")
  var file: String
  @Flag(name: .shortAndLong, help: "Go on as events come.")
  var follow = false
  @Option(help: "text, or jsonl: the lines as they are.")
  var output: OutputFormat = .text

  func validate() throws {
    if output == .json {
      throw ValidationError(
        "An event file has no end, so it can't be one JSON; use --output jsonl."
      )
    }
  }

  func run() async throws {
    let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.fileIsWrong, "\(file): \(String(cString: strerror(errno))); check the path.")
    }
    let interruption = Interruption()
    var reader = LineReader(descriptor: descriptor)
    var wrong = 0
    while !interruption.isCaught, !Output.standard.isGone {
      if let line = reader.next() {
        if !show(line, number: reader.lineNumber) { wrong += 1 }
      } else if follow, !reader.isStream {
        try await Task.sleep(for: .milliseconds(100))
      } else {
        if let rest = reader.rest(), !show(rest, number: reader.lineNumber) { wrong += 1 }
        break
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

  private func show(_ line: [UInt8], number: Int) -> Bool {
    guard !line.isEmpty else { return true }
    guard let event = try? JSONValue(parsing: line), event["seq"] != nil else {
      Output.error.line(
        "\(file):\(number): no event: \(String(decoding: line.prefix(80), as: UTF8.self))"
      )
      return false
    }
    switch output {
    case .text: Output.standard.line(EventLine.text(of: event, in: .current))
    case .json, .jsonl: Output.standard.line(String(decoding: line, as: UTF8.self))
    }
    return true
  }
}

/// Lines of a file that may still grow; a line counts when its end is there.
private struct LineReader {
  let descriptor: Int32
  private(set) var lineNumber = 0
  private var buffer: [UInt8] = []
  private var start = 0

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether its end is the end: a pipe whose writer has gone writes no more.
  var isStream: Bool {
    var info = stat()
    return fstat(descriptor, &info) == 0 && info.st_mode & S_IFMT != S_IFREG
  }

  mutating func next() -> [UInt8]? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[start..<end])
        start = end + 1
        lineNumber += 1
        return line
      }
      searched = buffer.count - start
      buffer.removeFirst(start)
      start = 0
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
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
