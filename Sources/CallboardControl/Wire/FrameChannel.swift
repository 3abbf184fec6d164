import Callboard
import Dispatch
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// Frames of JSON over one connected socket: four bytes that say how long it is, then that many bytes.
///
/// Reading blocks whoever reads; writing has a thread of its own, so that nobody who has something to say waits for a
/// peer that does not listen.
final class FrameChannel: Sendable {
  /// What waits to be written; made only when its turn comes, so that a slow peer costs no memory for it.
  typealias Frame = @Sendable () -> JSONValue

  /// Why a frame can't be had.
  enum Fault: Error, Sendable, Equatable {
    /// The peer has closed its end.
    case closed
    case outOfTime
    case tooLong(Int, limit: Int)
    case notJSON(String)
  }

  private struct Outgoing {
    var frames: [Frame] = []
    var isClosing = false
    var isClosed = false
  }

  private let descriptor: Int32
  private let outgoing = Mutex(Outgoing())
  private let work = DispatchSemaphore(value: 0)

  /// A peer that takes nothing for so long is cut off.
  static let writePatience = 120
  /// A frame that has begun is there after so long.
  static let framePatience = Duration.seconds(60)

  /// Takes the descriptor over.
  init(_ descriptor: Int32, named name: String) {
    self.descriptor = descriptor
    var patience = timeval(tv_sec: Self.writePatience, tv_usec: 0)
    setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_SNDTIMEO,
      &patience,
      socklen_t(MemoryLayout<timeval>.size)
    )
    let thread = Thread { [self] in writeFrames() }
    thread.name = name
    thread.start()
  }

  deinit { Glibc.close(descriptor) }

  /// Puts a frame in the line; false: nobody will write it.
  @discardableResult
  func post(_ frame: @escaping Frame) -> Bool {
    let isOpen = outgoing.withLock { outgoing in
      guard !outgoing.isClosing, !outgoing.isClosed else { return false }
      outgoing.frames.append(frame)
      return true
    }
    if isOpen { work.signal() }
    return isOpen
  }

  var isClosed: Bool { outgoing.withLock { $0.isClosed } }

  /// Ends both directions at once; what waits is not written.
  func cut() {
    outgoing.withLock { outgoing in
      outgoing.isClosed = true
      outgoing.frames = []
    }
    shutdown(descriptor, Int32(SHUT_RDWR))
    work.signal()
  }

  /// Writes what waits, and then ends.
  func finish() {
    outgoing.withLock { $0.isClosing = true }
    work.signal()
  }

  private func writeFrames() {
    while true {
      work.wait()
      let (frames, isClosing, isClosed) = outgoing.withLock { outgoing in
        defer { outgoing.frames = [] }
        return (outgoing.frames, outgoing.isClosing, outgoing.isClosed)
      }
      guard !isClosed else { return }
      for frame in frames {
        guard write(frame()) else {
          cut()
          return
        }
      }
      if isClosing {
        cut()
        return
      }
    }
  }

  private func write(_ json: JSONValue) -> Bool {
    var bytes: [UInt8] = [0, 0, 0, 0]
    json.write(into: &bytes)
    let length = UInt32(bytes.count - 4)
    for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  // MARK: - Reading

  /// The next frame, which may be so long; `within`: it has to begin before that time is over.
  func read(limit: Int, within patience: Duration? = nil) throws(Fault) -> JSONValue {
    let clock = ContinuousClock()
    let head = try take(4, until: patience.map { clock.now + $0 })
    let length = head.reduce(0) { $0 << 8 | Int($1) }
    guard length <= limit else { throw .tooLong(length, limit: limit) }
    let body = try take(length, until: clock.now + Self.framePatience)
    do {
      return try JSONValue(parsing: body, options: Self.options)
    } catch {
      throw .notJSON(error.description)
    }
  }

  /// Arguments may be as deep as they may be, and stand a few levels inside a message.
  private static let options = JSONParsingOptions(
    maximumDepth: Limit.depth.value + 64,
    duplicateKeys: .refuse
  )

  /// Memory grows with what has come, not with what was announced.
  private func take(
    _ count: Int,
    until end: ContinuousClock.Instant?
  ) throws(Fault) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(count, 65_536))
    while bytes.count < count {
      let left = end.map { $0 - ContinuousClock().now }
      let milliseconds = left.map { Int32(max(0, min(86_400_000, $0 / .milliseconds(1)))) } ?? -1
      var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let found = poll(&ready, 1, milliseconds)
      if found < 0, errno == EINTR { continue }
      guard found > 0 else { throw .outOfTime }
      let read = recv(descriptor, &chunk, min(chunk.count, count - bytes.count), 0)
      if read < 0, errno == EINTR { continue }
      guard read > 0 else { throw .closed }
      bytes += chunk[..<read]
    }
    return bytes
  }
}
