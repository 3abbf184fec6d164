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

  /// Nil of other than 16 bytes.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    func word(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    high = word(bytes.prefix(8))
    low = word(bytes.suffix(8))
  }

  public var bytes: [UInt8] {
    withUnsafeBytes(of: high.bigEndian, Array.init) + withUnsafeBytes(of: low.bigEndian, Array.init)
  }
}

/// What a store knows of writes by what equal ones have in common, for an engine that starts on it.
public struct StoredTwins: Sendable {
  public var entries: [Entry] = []
  /// Whatever succeeded after this is among the entries, and so is whatever lives.
  public var isWholeSince = Date.distantPast

  /// A write, and when it succeeded; nil while it lives.
  public struct Entry: Sendable {
    public let key: TwinKey
    public let call: CallID
    public let succeeded: Date?

    public init(_ key: TwinKey, _ call: CallID, succeeded: Date?) {
      self.key = key
      self.call = call
      self.succeeded = succeeded
    }
  }

  public init() {}
}

/// The writes that live now, and those that succeeded last, by what equal ones have in common.
///
/// What it has forgotten is in the store.
final class TwinIndex: Sendable {
  private struct Done {
    let call: CallID
    let at: Date
  }

  private struct State {
    var live: [TwinKey: [CallID]] = [:]
    var succeeded: [TwinKey: Done] = [:]
    /// Oldest first.
    var order: Deque<(key: TwinKey, done: Done)> = []
    /// Whatever succeeded after this is here.
    ///
    /// Until somebody has asked the store, nothing is sure.
    var isWholeSince = Date.distantFuture
  }

  /// What is known of a call's equals.
  struct Finding {
    /// One that was done.
    var done: CallID?
    /// One that lives.
    var live: CallID?
    /// Whether the store may know of one that was done, and that is forgotten here.
    var mayBeStored: Bool
  }

  private let state = Mutex(State())
  private let key: SymmetricKey

  /// So long after its success a call is still a twin.
  static let memory: TimeInterval = 86400
  /// So many of the store's newest ended calls are looked at by an engine that starts, so that it starts soon.
  static let takenUp = 20_000

  init(key: SymmetricKey) { self.key = key }

  func key(of function: String, _ arguments: JSONValue) -> TwinKey {
    TwinKey(function: function, arguments: arguments, key: key)
  }

  /// Takes over what the store knows, before anything is asked for.
  func takeUp(_ stored: StoredTwins) {
    state.withLock { state in
      for entry in stored.entries where entry.succeeded == nil {
        Self.enter(entry.key, entry.call, in: &state)
      }
      let done = stored.entries.compactMap { entry in
        entry.succeeded.map { (entry.key, Done(call: entry.call, at: $0)) }
      }
      state.isWholeSince = stored.isWholeSince
      for (key, done) in done.sorted(by: { $0.1.at < $1.1.at }) { Self.note(key, done, in: &state) }
    }
  }

  /// Equal calls that came before, and the notice that this one is there; both at once, so that of two that come
  /// together one sees the other.
  func enter(_ key: TwinKey, _ id: CallID, at now: Date) -> Finding {
    state.withLock { state in
      let finding = Self.find(key, besides: id, at: now, in: state)
      Self.enter(key, id, in: &state)
      return finding
    }
  }

  func find(_ key: TwinKey, besides id: CallID, at now: Date) -> Finding {
    state.withLock { Self.find(key, besides: id, at: now, in: $0) }
  }

  private static func find(
    _ key: TwinKey,
    besides id: CallID,
    at now: Date,
    in state: State
  ) -> Finding {
    let last = state.succeeded[key].flatMap { last in
      last.call != id && now.timeIntervalSince(last.at) < memory ? last.call : nil
    }
    return Finding(
      done: last,
      live: state.live[key]?.last { $0 != id },
      mayBeStored: last == nil && now.timeIntervalSince(state.isWholeSince) < memory
    )
  }

  private static func enter(_ key: TwinKey, _ id: CallID, in state: inout State) {
    if state.live[key]?.contains(id) != true { state.live[key, default: []].append(id) }
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
      Self.note(key, Done(call: id, at: time), in: &state)
    }
  }

  private static func note(_ key: TwinKey, _ done: Done, in state: inout State) {
    state.succeeded[key] = done
    state.order.append((key, done))
    while state.order.count > Limit.twins.value, let oldest = state.order.popFirst() {
      guard state.succeeded[oldest.key]?.call == oldest.done.call else { continue }
      state.succeeded[oldest.key] = nil
      state.isWholeSince = max(state.isWholeSince, oldest.done.at)
    }
  }
}
