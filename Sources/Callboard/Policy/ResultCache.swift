import DequeModule
import JSONSchema
import Synchronization

/// Answers of `read` functions, kept for a while; and which identical call is running right now.
///
/// In memory only, bounded by entries and by bytes of the keys and results; the least recently used goes first.
public final class ResultCache: Sendable {
  /// What makes two calls the same: function, definition, arguments in canonical form, and the caller unless shared.
  public struct Key: Sendable, Hashable {
    let function: String
    let definitionHash: String
    let caller: String?
    let arguments: [UInt8]

    init(function: FunctionDefinition, definitionHash: String, caller: String, arguments: JSONValue)
    {
      self.function = function.name.description
      self.definitionHash = definitionHash
      self.caller = function.cache?.scope == .shared ? nil : caller
      self.arguments = arguments.canonicalBytes()
    }

    var bytes: Int { function.utf8.count + definitionHash.utf8.count + arguments.count + 64 }
  }

  /// What the cache says at the slot.
  enum Answer: Sendable {
    case hit(JSONValue)
    case running(CallID)
    /// Nobody has it: this call leads the flight now, where it asked to.
    case miss
  }

  /// How a flight ended, for those that joined it.
  enum Landing: Sendable {
    case succeeded(JSONValue)
    case failed(CallFailure)
    case otherwise
  }

  private struct Entry {
    var value: JSONValue
    var storedAt: Duration
    var bytes: Int
    var use: UInt64
  }

  private struct Flight {
    var leader: CallID
    var followers: [CallID: OneShot<Landing>] = [:]
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var recency: Deque<(key: Key, use: UInt64)> = []
    var flights: [Key: Flight] = [:]
    var bytes = 0
    var clock: UInt64 = 0
  }

  private let state = Mutex(State())
  private let maxEntries: Int
  private let maxBytes: Int

  public init(maxEntries: Int = 10_000, maxBytes: Int = 64 << 20) {
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
  }

  /// Looks for an answer younger than `ttl` or a running call; with `leading`, becomes the one that others join.
  func look(_ key: Key, ttl: Duration, now: Duration, leading call: CallID?) -> Answer {
    state.withLock { state in
      if let entry = state.entries[key], now - entry.storedAt < ttl {
        Self.touch(key, in: &state)
        return .hit(entry.value)
      }
      if let flight = state.flights[key] { return .running(flight.leader) }
      if let call { state.flights[key] = Flight(leader: call) }
      return .miss
    }
  }

  /// Waits for the end of a flight, or nil when it has landed already.
  func join(_ key: Key, as call: CallID) -> OneShot<Landing>? {
    state.withLock { state in
      guard state.flights[key] != nil else { return nil }
      let landing = OneShot<Landing>()
      state.flights[key]?.followers[call] = landing
      return landing
    }
  }

  /// A joined call leaves: cancelled.
  func leave(_ key: Key, _ call: CallID) {
    let landing = state.withLock { $0.flights[key]?.followers.removeValue(forKey: call) }
    landing?.resolve(.otherwise)
  }

  /// Ends the flight that a call leads, keeps its answer, and tells those that joined.
  func land(_ key: Key, leader: CallID, _ landing: Landing, now: Duration) {
    let followers: [OneShot<Landing>] = state.withLock { state in
      if case .succeeded(let value) = landing { store(value, for: key, now: now, in: &state) }
      guard let flight = state.flights[key], flight.leader == leader else { return [] }
      state.flights[key] = nil
      return Array(flight.followers.values)
    }
    for follower in followers { follower.resolve(landing) }
  }

  /// The last answer, however old.
  func stale(_ key: Key) -> JSONValue? {
    state.withLock { $0.entries[key]?.value }
  }

  /// Forgets every answer, or those of one function.
  ///
  /// Returns how many there were.
  func clear(function: String?) -> Int {
    state.withLock { state in
      let before = state.entries.count
      for (key, entry) in state.entries where function == nil || key.function == function {
        state.entries[key] = nil
        state.bytes -= entry.bytes
      }
      return before - state.entries.count
    }
  }

  /// How many uses are noted, for the proof that they are bounded.
  var notedUses: Int { state.withLock { $0.recency.count } }

  /// Entries and bytes held now.
  var size: (entries: Int, bytes: Int) { state.withLock { ($0.entries.count, $0.bytes) } }

  private func store(_ value: JSONValue, for key: Key, now: Duration, in state: inout State) {
    let bytes = key.bytes + value.serializedBytes().count
    guard bytes <= maxBytes / 4 else { return }
    state.bytes += bytes - (state.entries[key]?.bytes ?? 0)
    state.clock += 1
    state.entries[key] = Entry(value: value, storedAt: now, bytes: bytes, use: state.clock)
    state.recency.append((key, state.clock))
    while state.entries.count > maxEntries || state.bytes > maxBytes,
      let oldest = state.recency.popFirst()
    {
      // A later use of the same key has its own place in the queue.
      guard let entry = state.entries[oldest.key], entry.use == oldest.use else { continue }
      state.entries[oldest.key] = nil
      state.bytes -= entry.bytes
    }
    Self.forgetOldUses(in: &state)
  }

  private static func touch(_ key: Key, in state: inout State) {
    state.clock += 1
    state.entries[key]?.use = state.clock
    state.recency.append((key, state.clock))
    forgetOldUses(in: &state)
  }

  /// Keeps the queue of uses in proportion to the entries.
  private static func forgetOldUses(in state: inout State) {
    guard state.recency.count > 2 * state.entries.count + 64 else { return }
    let entries = state.entries
    state.recency.removeAll { entries[$0.key]?.use != $0.use }
  }
}
