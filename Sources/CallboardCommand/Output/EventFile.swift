import Callboard
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// Writes every event as one line of JSON, in order, from a thread of its own.
///
/// The engine never waits for the disk: events wait in memory, and a file that takes none for so long that a million
/// of them wait is given up with a sentence.
final class EventFile: Sendable {
  private struct State {
    var waiting: [EngineEvent] = []
    var isClosing = false
    var problem: String?
  }

  private let path: String
  private let descriptor: Int32
  private let state = Mutex(State())
  private let work = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)
  private let report: @Sendable (String) -> Void
  private static let patience = Limit.waitingEvents.value

  /// Creates the file, or empties one that held events; any other file is left alone.
  ///
  /// `report` is told once when nothing more can be written, and why.
  init(_ path: String, report: @escaping @Sendable (String) -> Void) throws {
    let existing = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND | O_NONBLOCK, 0o600)
    guard existing >= 0 else {
      throw Failure(
        .usage,
        "The event file \(path) can't be written: \(String(cString: strerror(errno))). Name another with --events."
      )
    }
    var info = stat()
    if fstat(existing, &info) == 0, info.st_mode & S_IFMT == S_IFREG {
      guard Self.holdsEvents(existing, size: Int(info.st_size)) else {
        close(existing)
        throw Failure(
          .usage,
          "\(path) is no event file, and would be overwritten. Name another with --events."
        )
      }
      ftruncate(existing, 0)
    }
    self.path = path
    self.report = report
    descriptor = existing
    let thread = Thread { [self] in run() }
    thread.name = "callboard.events"
    thread.start()
  }

  private static func holdsEvents(_ descriptor: Int32, size: Int) -> Bool {
    guard size > 0 else { return true }
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return count > 0
      && String(decoding: bytes.prefix(count), as: UTF8.self).hasPrefix("{\"v\":1,\"seq\":")
  }

  /// Takes an event over; from any thread.
  func add(_ event: EngineEvent) {
    let isFirst = state.withLock { state -> Bool in
      guard state.problem == nil, !state.isClosing else { return false }
      guard state.waiting.count < Self.patience else {
        state.problem = "it took nothing while \(Self.patience) events waited"
        return true
      }
      state.waiting.append(event)
      return state.waiting.count == 1
    }
    if isFirst { work.signal() }
  }

  /// Writes what waits, closes the file, and says whether it holds every event.
  func finish() -> Bool {
    state.withLock { $0.isClosing = true }
    work.signal()
    finished.wait()
    return state.withLock { $0.problem == nil }
  }

  private func run() {
    var lastSequence = 0
    while true {
      work.wait()
      let (events, isClosing, problem) = state.withLock { state in
        defer { state.waiting = [] }
        return (state.waiting, state.isClosing, state.problem)
      }
      var bytes: [UInt8] = []
      for event in problem == nil ? events : [] {
        event.json.write(into: &bytes)
        bytes.append(UInt8(ascii: "\n"))
      }
      var fault = problem
      if fault == nil, !Output.write(bytes, to: descriptor) {
        fault = String(cString: strerror(errno))
      }
      if let fault {
        state.withLock { $0.problem = fault }
        report("The event file \(path) ends after event \(lastSequence): \(fault).")
        break
      }
      lastSequence = events.last?.seq ?? lastSequence
      if isClosing { break }
    }
    close(descriptor)
    finished.signal()
  }
}
