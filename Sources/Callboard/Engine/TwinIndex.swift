import Crypto
import DequeModule
import Foundation
import JSONSchema
import Synchronization

/// What two equal calls have in common: a keyed digest of function and canonical arguments.
///
/// It tells nothing of the arguments to whoever has not got the key, so that it may stand in clear where they may not.
public struct TwinKey: Hashable, Sendable {
  private let high: UInt64
  private let low: UInt64

  /// The first 16 bytes of HMAC-SHA256 over the name and the RFC 8785 form.
  init(function: String, arguments: JSONValue, key: SymmetricKey) {
    var hash = HMAC<SHA256>(key: key)
    hash.update(data: Data(function.utf8))
    // No name holds it.
    hash.update(data: Data([0]))
    hash.update(data: Data(arguments.canonicalBytes()))
    let words = hash.finalize().withUnsafeBytes { bytes in
      (
        bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      )
    }
    high = UInt64(bigEndian: words.0)
    low = UInt64(bigEndian: words.1)
  }

  /// One that a test names.
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  public var bytes: [UInt8] {
    withUnsafeBytes(of: high.bigEndian, Array.init) + withUnsafeBytes(of: low.bigEndian, Array.init)
  }
}

/// The writes that live now, and those that succeeded last, by what equal ones have in common.
///
/// What it has forgotten is in the store.
final class TwinIndex: Sendable {
  private struct State {
    var live: [TwinKey: [CallID]] = [:]
    var succeeded: [TwinKey: (call: CallID, at: Date)] = [:]
    /// Oldest first.
    var order: Deque<(key: TwinKey, call: CallID)> = []
  }

  private let state = Mutex(State())
  private let key: SymmetricKey

  /// So long after its success a call is still a twin.
  static let memory: TimeInterval = 86400

  init(key: SymmetricKey) { self.key = key }

  func key(of function: String, _ arguments: JSONValue) -> TwinKey {
    TwinKey(function: function, arguments: arguments, key: key)
  }

  /// An equal call that came before, and the notice that this one is there; both at once, so that of two that come
  /// together one sees the other.
  func enter(_ key: TwinKey, _ id: CallID, at now: Date) -> CallID? {
    state.withLock { state in
      let twin = Self.find(key, besides: id, at: now, in: state)
      if state.live[key]?.contains(id) != true { state.live[key, default: []].append(id) }
      return twin
    }
  }

  func find(_ key: TwinKey, besides id: CallID, at now: Date) -> CallID? {
    state.withLock { Self.find(key, besides: id, at: now, in: $0) }
  }

  private static func find(
    _ key: TwinKey,
    besides id: CallID,
    at now: Date,
    in state: State
  ) -> CallID? {
    // What was done weighs more than what somebody asks for again.
    if let last = state.succeeded[key], last.call != id, now.timeIntervalSince(last.at) < memory {
      return last.call
    }
    return state.live[key]?.last { $0 != id }
  }

  /// It has ended otherwise than well, or is another one now.
  func leave(_ key: TwinKey, _ id: CallID) {
    state.withLock { Self.leave(key, id, in: &$0) }
  }

  private static func leave(_ key: TwinKey, _ id: CallID, in state: inout State) {
    guard var ids = state.live[key] else { return }
    ids.removeAll { $0 == id }
    state.live[key] = ids.isEmpty ? nil : ids
  }

  func succeeded(_ key: TwinKey, _ id: CallID, at time: Date) {
    state.withLock { state in
      Self.leave(key, id, in: &state)
      state.succeeded[key] = (id, time)
      state.order.append((key, id))
      while state.order.count > Limit.twins.value, let oldest = state.order.popFirst() {
        if state.succeeded[oldest.key]?.call == oldest.call { state.succeeded[oldest.key] = nil }
      }
    }
  }
}
