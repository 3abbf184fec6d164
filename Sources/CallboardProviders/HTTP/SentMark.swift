import Callboard
import NIOCore
import Synchronization

/// Whether a request has got as far as the other side, as far as can be known.
final class SentMark: Sendable {
  private let hasBody: Bool
  private let isSent = Atomic(false)

  init(hasBody: Bool) {
    self.hasBody = hasBody
  }

  func set() { isSent.store(true, ordering: .releasing) }

  /// The client asks for the body once it has a connection and has written the head; without a body nothing tells
  /// whether a request has left.
  var reach: CallFailure.Reach {
    hasBody && !isSent.load(ordering: .acquiring) ? .notSent : .maybe
  }
}

/// A request's body that notes when it is taken.
///
/// Until then no server can have a whole request.
struct MarkedBody: AsyncSequence, Sendable {
  let bytes: [UInt8]
  let mark: SentMark

  func makeAsyncIterator() -> Iterator { Iterator(bytes: bytes, mark: mark) }

  struct Iterator: AsyncIteratorProtocol {
    var bytes: [UInt8]?
    let mark: SentMark

    mutating func next() async -> ByteBuffer? {
      mark.set()
      defer { bytes = nil }
      return bytes.map(ByteBuffer.init(bytes:))
    }
  }
}
