import Foundation
import Synchronization

/// Who has which call before their eyes, and who came too late for it: in memory only, and forgotten after some seconds.
///
/// Kept beside the calls and not in them: it decides nothing, and no store hears of it.
final class Presence: Sendable {
  /// Whoever has said nothing for so long looks at something else, or has gone.
  static let patience = Duration.seconds(30)
  /// How long a person who decided is told of those who were slower.
  static let memory = Duration.seconds(600)
  /// Most calls that somebody is known to read, or to have been slow about.
  static let calls = 1024
  /// Most people known for one call.
  static let people = 16

  private struct Sight {
    var reader: Reader
    var renewed: Duration
  }

  private struct Word {
    var late: LateWord
    var noted: Duration
  }

  private struct State {
    var sights: [CallID: [Sight]] = [:]
    var late: [CallID: [Word]] = [:]
  }

  private let state = Mutex(State())

  /// Notes that a person reads a call, or reads it no longer; says whether that is news.
  func note(
    _ person: Principal,
    reads id: CallID,
    _ isThere: Bool,
    at now: Date,
    monotonic: Duration
  ) -> Bool {
    state.withLock { state in
      var sights = Self.fresh(state.sights[id] ?? [], at: monotonic)
      let known = sights.firstIndex { $0.reader.by.isSamePerson(as: person) }
      defer { state.sights[id] = sights.isEmpty ? nil : sights }
      guard isThere else {
        if let known { sights.remove(at: known) }
        return known != nil
      }
      if let known {
        sights[known].renewed = monotonic
        return false
      }
      guard sights.count < Self.people else { return false }
      if state.sights.count >= Self.calls, state.sights[id] == nil {
        state.sights = state.sights.compactMapValues {
          let left = Self.fresh($0, at: monotonic)
          return left.isEmpty ? nil : left
        }
        guard state.sights.count < Self.calls else { return false }
      }
      sights.append(Sight(reader: Reader(by: person, since: now), renewed: monotonic))
      return true
    }
  }

  /// Who reads a call now, in the order in which they came.
  func readers(of id: CallID, at monotonic: Duration) -> [Reader] {
    state.withLock { Self.fresh($0.sights[id] ?? [], at: monotonic).map(\.reader) }
  }

  /// Notes that somebody wanted to decide on a call that another person had decided already.
  func note(_ word: LateWord, on id: CallID, monotonic: Duration) {
    state.withLock { state in
      var words = (state.late[id] ?? []).filter { monotonic - $0.noted < Self.memory }
      words.removeAll { $0.late.by.isSamePerson(as: word.by) }
      words.append(Word(late: word, noted: monotonic))
      if state.late.count >= Self.calls, state.late[id] == nil,
        let oldest = state.late.min(by: {
          $0.value.last?.noted ?? .zero < $1.value.last?.noted ?? .zero
        })
      {
        state.late[oldest.key] = nil
      }
      state.late[id] = Array(words.suffix(Self.people))
    }
  }

  func late(for id: CallID, at monotonic: Duration) -> [LateWord] {
    state.withLock { state in
      (state.late[id] ?? []).filter { monotonic - $0.noted < Self.memory }.map(\.late)
    }
  }

  private static func fresh(_ sights: [Sight], at monotonic: Duration) -> [Sight] {
    sights.filter { monotonic - $0.renewed < patience }
  }

  /// How many calls are in memory, for the proof that it is bounded.
  var kept: Int { state.withLock { $0.sights.count + $0.late.count } }
}

/// Who has a call before their eyes, and since when.
public struct Reader: Sendable, Codable, Hashable {
  public var by: Principal
  public var since: Date

  public init(by: Principal, since: Date) {
    self.by = by
    self.since = since
  }
}

/// A decision that came after another person's: who wanted what, and when.
public struct LateWord: Sendable, Codable, Hashable {
  public var by: Principal
  /// In words, such as `approving it`.
  public var wanted: String
  public var at: Date

  public init(by: Principal, wanted: String, at: Date) {
    self.by = by
    self.wanted = wanted
    self.at = at
  }
}

extension Engine {
  /// Takes in that a person has a call on the screen, or has it no longer.
  func note(_ person: Principal, reads id: CallID, _ isThere: Bool) -> Reply {
    guard !person.roles.isDisjoint(with: [.operator, .viewer]) else {
      return .refused("that takes the role viewer")
    }
    let needsPerson = table.withShard(of: id) { $0.calls[id]?.call.state.word.needsPerson ?? false }
    // Who looks at what nobody can decide any more is nobody's business.
    guard needsPerson || !isThere else { return .done("not noted") }
    if presence.note(
      person,
      reads: id,
      isThere,
      at: clock.now,
      monotonic: clock.monotonic
    ) {
      changed()
    }
    return .done("noted")
  }
}

extension Call {
  /// The step by which a person decided last, or time did, where the call stands on a decision at all.
  var lastWord: Step? {
    if let last = history.last, last.by != nil || last.state == .expired { return last }
    // What runs by an approval: who gave the last one.
    guard let asked = history.lastIndex(where: { $0.state == .awaitingApproval }) else {
      return nil
    }
    let next = history.index(after: asked)
    guard history.indices.contains(next), history[next].by != nil else { return nil }
    return history[next]
  }
}
