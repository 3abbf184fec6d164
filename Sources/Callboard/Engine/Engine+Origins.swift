import Foundation
import JSONSchema
import Synchronization

/// Where the values of a waiting call came from: for whoever has to decide, on whatever face.
extension Engine {
  /// What is known of each value that tells something; nothing of calls that ask nobody.
  func origins(of call: Call, _ function: RegisteredFunction?) -> [ArgumentOrigin] {
    guard call.state.word.needsPerson || call.approval != nil,
      let payload = call.decided ?? call.proposed
    else { return [] }
    var found = origins.sources(of: call) {
      let transcript = transcript(of: call.conversation)
      guard let transcript else {
        return ValueSearch.values(payload.original).map { ArgumentOrigin(pointer: $0.pointer) }
      }
      let catalogue = table.catalogue
      return ValueSearch.sources(of: payload.original, ofTurn: call.turn, in: transcript) { name in
        catalogue.named(onTheWire: name)?.name
      }
    }
    // A name may be secret too: what is shown has another in its place.
    found.removeAll { payload.shown.value(at: $0.pointer) == nil }
    guard let function, let uses = uses(of: function) else { return found }
    for index in found.indices {
      let pointer = found[index].pointer
      guard let value = payload.original.value(at: pointer) else { continue }
      found[index].uses = uses.of(value, at: pointer, before: call)
    }
    return found
  }

  /// What was said, with originals where this process has them; nil where the call belongs to no conversation.
  private func transcript(of id: ConversationID?) -> [ValueSearch.Entry]? {
    guard let id else { return nil }
    let live = conversations.withLive(id) { live in
      zip(live.conversation.messages, live.heard).map { entry, heard in
        ValueSearch.Entry(turn: entry.turn, message: heard)
      }
    }
    return live
      ?? store.conversation(id)?.messages.map {
        ValueSearch.Entry(turn: $0.turn, message: $0.message)
      }
  }

  /// What the last calls of a function that succeeded were given; looked up anew when more have ended, but not again
  /// and again while somebody looks.
  private func uses(of function: RegisteredFunction) -> ValueUses? {
    let stamp = function.runtime.counters.calls
    return origins.uses(of: function.name, stamp: stamp, at: clock.monotonic) {
      let (calls, isAll) = store.lastSucceeded(function.name, limit: ValueUses.limit)
      return ValueUses(
        calls.map { call in
          let isWhole = call.decided.map { !Redactor.hasMarks($0.shown) } ?? true
          return isWhole ? call : stored(call.id) ?? call
        },
        isAll: isAll
      )
    }
  }
}

/// What was found of the calls that somebody looks at, so that a frame costs a look-up.
final class OriginCache: Sendable {
  private struct State {
    var sources: [CallID: (revision: Int, found: [ArgumentOrigin])] = [:]
    var uses: [String: (stamp: Int, at: Duration, found: ValueUses)] = [:]
  }

  private let state = Mutex(State())
  private static let limit = 64
  /// The history is not read more often for one function.
  private static let pause = Duration.seconds(2)

  /// Messages that were said before a call stay what they are, so only an edit makes it look again.
  func sources(of call: Call, make: () -> [ArgumentOrigin]) -> [ArgumentOrigin] {
    let known = state.withLock { $0.sources[call.id] }
    if let known, known.revision == call.revision { return known.found }
    let found = make()
    state.withLock { state in
      if state.sources.count >= Self.limit, let oldest = state.sources.keys.min() {
        state.sources[oldest] = nil
      }
      state.sources[call.id] = (call.revision, found)
    }
    return found
  }

  func uses(of function: String, stamp: Int, at now: Duration, make: () -> ValueUses) -> ValueUses {
    let known = state.withLock { $0.uses[function] }
    if let known, known.stamp == stamp || now - known.at < Self.pause { return known.found }
    let found = make()
    state.withLock { state in
      if state.uses.count >= Self.limit { state.uses.removeAll() }
      state.uses[function] = (stamp, now, found)
    }
    return found
  }
}

/// Which values the last calls of a function that succeeded were given, by a keyed digest: it holds none of them.
struct ValueUses: Sendable {
  /// So many calls are looked at.
  static let limit = 200

  private struct Used {
    var id: CallID
    var endedAt: Date
    var values: Set<Int>
  }

  private let calls: [Used]
  /// Fields whose values are not kept of one of them.
  private let unknown: Set<[String]>
  private let isAll: Bool

  init(_ calls: [Call], isAll: Bool) {
    var unknown: Set<[String]> = []
    self.calls = calls.map { call in
      let all = call.decided.map { ValueSearch.values($0.original) } ?? []
      let values = all.compactMap { pointer, value -> Int? in
        if Redactor.hasMarks(value) {
          unknown.insert(Self.field(of: pointer))
          return nil
        }
        return Self.digest(value, at: pointer)
      }
      return Used(id: call.id, endedAt: call.endedAt ?? call.receivedAt, values: Set(values))
    }
    self.unknown = unknown
    self.isAll = isAll
  }

  /// Counts others only, and of a call that has ended only those that ended before it.
  func of(
    _ value: JSONValue,
    at pointer: JSONPointer,
    before call: Call
  ) -> ArgumentOrigin.Uses? {
    guard !unknown.contains(Self.field(of: pointer)), !Redactor.hasMarks(value) else { return nil }
    let digest = Self.digest(value, at: pointer)
    let end = call.endedAt ?? .distantFuture
    let earlier = calls.filter { $0.id != call.id && $0.endedAt <= end }
    return ArgumentOrigin.Uses(
      count: earlier.count { $0.values.contains(digest) },
      of: earlier.count,
      isAll: isAll
    )
  }

  /// Items of a list are one field.
  private static func field(of pointer: JSONPointer) -> [String] {
    pointer.tokens.map { Int($0) == nil ? $0 : "*" }
  }

  /// `Hasher` has a key of its own in each process, and these digests never leave it.
  private static func digest(_ value: JSONValue, at pointer: JSONPointer) -> Int {
    var hasher = Hasher()
    hasher.combine(field(of: pointer))
    hasher.combine(value)
    return hasher.finalize()
  }
}
