import Foundation
import JSONSchema
import Synchronization

/// Up to which event each person had been told when they last left.
final class Departures: Sendable {
  struct State {
    /// By user id where there is one, else by name.
    var left: [String: Departure] = [:]
  }

  /// Most people whose leaving is remembered.
  static let people = 1000

  let state = Mutex(State())
}

/// Where a person last left: up to which event, and when.
public struct Departure: Sendable, Codable, Hashable {
  public var seq: Int
  public var at: Date

  public init(seq: Int, at: Date) {
    self.seq = seq
    self.at = at
  }
}

/// A window onto the event log, newest first.
public struct AuditSnapshot: Sendable, Codable {
  public var page: Page<AuditRow>
  /// Where people last left, by `Principal.identity`.
  public var left: [String: Departure]

  public init(page: Page<AuditRow>, left: [String: Departure] = [:]) {
    self.page = page
    self.left = left
  }
}

/// One event as a person reads it: who, what, when, and on what grounds.
public struct AuditRow: Sendable, Codable, Hashable, Identifiable {
  public var id: Int { seq }
  public var seq: Int
  public var at: Date
  /// Such as `call.denied`.
  public var type: String
  /// What it is about: a function, a conversation, a model; empty: the engine.
  public var subject: String
  public var call: CallID?
  public var conversation: ConversationID?
  /// Who did it, where somebody did.
  public var by: String?
  /// On whose behalf the call is made.
  public var caller: String?
  /// Cause, rule and failure, as far as there are any.
  public var grounds: String
  /// The whole event as JSON.
  public var event: JSONValue

  public init(_ event: EngineEvent) {
    seq = event.seq
    at = event.time
    type = event.type.text
    call = event.call?.id
    conversation = event.conversation ?? event.call?.conversation
    subject = event.call?.function ?? event.function ?? event.model?.name ?? ""
    by = event.by
    caller = event.call?.caller
    var grounds: [String] = []
    if let cause = event.cause { grounds.append(cause) }
    if let rule = event.rule { grounds.append(rule) }
    if let failure = event.failure {
      grounds.append("\(failure.kind.rawValue): \(failure.message)")
    }
    if let source = event.source, source != .attempt { grounds.append("(\(source.rawValue))") }
    self.grounds = grounds.joined(separator: " · ")
    self.event = event.json
  }
}

extension AuditRow {
  /// What a filter looks at.
  fileprivate var subjectOfFilter: Filter.Subject {
    Filter.Subject(
      function: subject,
      state: String(type.split(separator: ".").last ?? ""),
      caller: caller ?? by ?? "",
      conversation: conversation.map { $0.short + " " + $0.description } ?? "",
      since: at,
      text: [type, grounds, by ?? ""],
      ids: call.map { [$0.description] } ?? []
    )
  }
}

extension Principal {
  /// What one person is remembered by, whatever they are called today.
  public var identity: String { uid.map { "uid \($0)" } ?? name }
}

extension Engine {
  /// Remembers up to which event a person had been told when they left.
  func note(_ person: Principal, leftAt seq: Int) async -> Reply {
    guard !person.roles.isDisjoint(with: [.operator, .viewer]) else {
      return .refused("that takes the role viewer")
    }
    let departure = Departure(seq: max(0, min(seq, store.lastSequence)), at: clock.now)
    let isKnown = departures.state.withLock { state in
      guard state.left[person.identity] != nil || state.left.count < Departures.people else {
        return false
      }
      state.left[person.identity] = departure
      return true
    }
    guard isKnown else { return .refused("too many people are remembered already") }
    let value: JSONValue = [
      "seq": .integer(Int64(departure.seq)),
      "at": .double(departure.at.timeIntervalSince1970),
    ]
    let ticket = commit(events: [], settings: [Setting.left(person.identity).key: value])
    try? await ticket.durable()
    return .done("left at event \(departure.seq)")
  }

  func takeUp(departure value: JSONValue, of person: String) {
    guard let seq = value["seq"]?.intValue else { return }
    let departure = Departure(
      seq: Int(seq),
      at: Date(timeIntervalSince1970: value["at"]?.doubleValue ?? 0)
    )
    departures.state.withLock { $0.left[person] = departure }
  }

  // MARK: - The log, by page

  /// Most events that a filter looks at: a page is made for each frame.
  private static let searched = 3000

  func auditPage(_ query: ListQuery, now: Date) -> AuditSnapshot {
    let last = store.lastSequence
    let first = store.events(after: 0, limit: 1).first?.seq ?? last + 1
    let left = departures.state.withLock { $0.left }
    guard last >= first else { return AuditSnapshot(page: Page(), left: left) }
    guard query.filter.isEmpty else {
      return AuditSnapshot(page: filtered(query, first: first, last: last, now: now), left: left)
    }
    let total = last - first + 1
    func index(of seq: Int) -> Int { query.reversed ? seq - first : last - seq }
    let anchor = query.anchor.flatMap { Int($0) }.flatMap {
      first...last ~= $0 ? index(of: $0) : nil
    }
    let middle = min(max(0, anchor ?? query.anchorIndex), total - 1)
    let start = max(0, middle - query.before)
    let end = min(total, middle + query.after + 1)
    // Positions to numbers: the newest stands at position 0.
    let (low, high) =
      query.reversed ? (first + start, first + end - 1) : (last - end + 1, last - start)
    var rows = store.events(after: low - 1, limit: high - low + 1)
      .filter { $0.seq <= high }.map { AuditRow($0) }
    if !query.reversed { rows.reverse() }
    return AuditSnapshot(
      page: Page(rows: rows, firstIndex: start, total: total, anchorIndex: anchor),
      left: left
    )
  }

  private func filtered(_ query: ListQuery, first: Int, last: Int, now: Date) -> Page<AuditRow> {
    let from = max(first, last - Self.searched + 1)
    let events = store.events(after: from - 1, limit: Self.searched)
    let rows = events.reversed().map { AuditRow($0) }.filter { row in
      query.filter.admits(row.subjectOfFilter, at: now)
    }
    let page = HistoryPage.window(of: rows, hidden: events.count - rows.count, query) {
      String($0.seq)
    }
    var answer = Page(page, rows: page.items)
    if from > first {
      answer.notice = "of the newest \(events.count) events; callboard audit show looks at all"
    }
    return answer
  }
}
