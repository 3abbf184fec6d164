import Foundation
import JSONSchema
import Synchronization

@testable import Callboard

/// An engine made of hand-written values: shows them, and remembers what it was asked for.
final class FakeDoor: EngineDoor {
  struct State: Sendable {
    var header: Header
    var calls: [CallDetail] = []
    var conversations: [ConversationDetail] = []
    var runs: [RunDetail] = []
    var functions: [FunctionDetail] = []
    var providers: [ProviderRow] = []
    var errors: [ErrorRow] = []
    var callsPerSecond: [Double] = []
    var errorsPerMinute: [Double] = []
    var p95: [Double?] = []
    var grants: [GrantRow] = []
    /// What every draft of a grant is answered with; nil: that there is no such function.
    var preview: GrantPreview?
    var sent: [Request] = []
    /// Who reads what: said all the time, and decides nothing.
    var readings: [Request] = []
    var events: [AuditRow] = []
    var left: [String: Departure] = [:]
    var report: ShiftReport?
    var revealed: [CallID] = []
    /// What is given for each call whose originals are asked for.
    var originals: [CallID: Originals] = [:]
    /// Given at once to the next requests, in their order; beyond them the reply does not come.
    var replies: [Reply] = []
    var definitions: [DefinitionRow] = []
    /// Who the instance says that this person is; nil: it says nothing.
    var you: Principal?
  }

  private let state: Mutex<State>

  var you: Principal? { state.withLock { $0.you } }

  init(_ state: State) { self.state = Mutex(state) }

  func change(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

  var sent: [Request] { state.withLock { $0.sent } }
  var readings: [Request] { state.withLock { $0.readings } }
  var revealed: [CallID] { state.withLock { $0.revealed } }

  func observe(_ changed: @escaping @Sendable () -> Void) -> ObservationToken {
    ObservationToken {}
  }

  func send(_ request: Request, by principal: Principal) -> RequestTicket {
    let ticket = RequestTicket()
    let reply = state.withLock { state -> Reply? in
      if case .reading = request {
        state.readings.append(request)
        return nil
      }
      state.sent.append(request)
      return state.replies.isEmpty ? nil : state.replies.removeFirst()
    }
    if let reply { ticket.answer(reply) }
    return ticket
  }

  func reveal(_ id: CallID, by principal: Principal) -> RevealTicket {
    let ticket = RevealTicket()
    let originals = state.withLock { state in
      state.revealed.append(id)
      return state.originals[id]
    }
    ticket.answer(originals.map(Revelation.originals) ?? .refused("not kept"))
    return ticket
  }

  func snapshot(of query: Query) -> Snapshot {
    let state = state.withLock { $0 }
    var snapshot = Snapshot(header: state.header, body: body(of: query, state))
    if case .waiting = query { snapshot.definitions = state.definitions }
    return snapshot
  }

  /// A call with what the engine would find of its values.
  private static func withOrigins(_ detail: CallDetail, _ state: State) -> CallDetail {
    var detail = detail
    let talk = state.conversations.first { $0.row.id == detail.row.conversation }
    guard let arguments = (detail.call.decided ?? detail.call.proposed)?.shown, let talk else {
      return detail
    }
    detail.origins = ValueSearch.sources(
      of: arguments,
      ofTurn: detail.call.turn,
      in: talk.transcript.map { ValueSearch.Entry(turn: $0.turn, message: $0.message) }
    ) { name in
      state.functions.first { $0.row.wireName == name }?.row.name
    }
    return detail
  }

  private func body(of query: Query, _ state: State) -> Snapshot.Body {
    let rows = state.calls.map(\.row)
    switch query {
    case .header: return .header
    case .grants: return .grants(state.grants)
    case .grantPreview(let draft, _):
      return .grantPreview(
        state.preview
          ?? GrantPreview(
            draft: draft,
            refusal: "there is no function \(draft.function)",
            until: state.header.now,
            functions: [],
            waiting: [],
            starting: 0
          )
      )
    case .overview(let limit):
      var overview = OverviewSnapshot()
      overview.waiting = Array(waiting(rows).prefix(limit))
      let live = state.conversations.map(\.row).filter(\.state.isLive)
      overview.conversations = Page(rows: Array(live.prefix(limit)), total: live.count)
      overview.active = rows.filter {
        !$0.state.isEnded && !$0.state.needsPerson && $0.state != .approved
      }
      overview.functions = state.functions.map(\.row)
      overview.providers = state.providers
      overview.callsPerSecond = state.callsPerSecond
      overview.errorsPerMinute = state.errorsPerMinute
      overview.p95 = state.p95
      return .overview(overview)
    case .waiting(let list):
      return .waiting(
        page(of: waiting(rows), list, state.header.now, subject) { $0.id.description }
      )
    case .calls(let list):
      let newest = rows.sorted { $0.id > $1.id }
      return .calls(page(of: newest, list, state.header.now, subject) { $0.id.description })
    case .call(let id):
      return .call(state.calls.first { $0.row.id == id }.map { Self.withOrigins($0, state) })
    case .conversations(let list):
      let subject = { (row: ConversationRow) in
        Filter.Subject(
          state: row.state.rawValue,
          conversation: row.id.short + " " + row.id.description,
          since: row.startedAt,
          text: [row.title]
        )
      }
      return .conversations(
        page(of: state.conversations.map(\.row), list, state.header.now, subject) {
          $0.id.description
        }
      )
    case .conversation(let id):
      return .conversation(state.conversations.first { $0.row.id == id })
    case .runs(let list):
      let subject = { (row: RunRow) in
        Filter.Subject(state: row.state.rawValue, since: row.startedAt, text: [row.workflow])
      }
      return .runs(
        page(of: state.runs.map(\.row), list, state.header.now, subject) { $0.id.description },
        workflows: []
      )
    case .run(let id): return .run(state.runs.first { $0.row.id == id })
    case .functions(let list):
      let subject = { (row: FunctionRow) in
        Filter.Subject(function: row.name, since: state.header.now)
      }
      return .functions(
        page(of: state.functions.map(\.row), list, state.header.now, subject) { $0.id },
        providers: state.providers
      )
    case .function(let name): return .function(state.functions.first { $0.row.name == name })
    case .errors(let list):
      let subject = { (row: ErrorRow) in Filter.Subject(function: row.function, since: row.first) }
      return .errors(page(of: state.errors, list, state.header.now, subject) { $0.id })
    case .report: return .report(state.report)
    case .audit(let list):
      let subject = { (row: AuditRow) in Filter.Subject(function: row.subject, since: row.at) }
      let newest = Array(state.events.reversed())
      return .audit(
        AuditSnapshot(
          page: page(of: newest, list, state.header.now, subject) { String($0.seq) },
          left: state.left
        )
      )
    }
  }

  private func waiting(_ rows: [CallRow]) -> [CallRow] {
    rows.filter(\.state.needsPerson).sorted {
      let left = ($0.state == .unknown ? 0 : 1, $0.expiresAt ?? .distantFuture, $0.id)
      let right = ($1.state == .unknown ? 0 : 1, $1.expiresAt ?? .distantFuture, $1.id)
      return left < right
    }
  }

  private func subject(of row: CallRow) -> Filter.Subject {
    Filter.Subject(
      function: row.function,
      state: row.state.rawValue,
      caller: row.caller,
      conversation: row.conversation?.short ?? "",
      effect: row.effect?.rawValue ?? "",
      since: row.receivedAt,
      text: [row.id.description, row.summary]
    )
  }

  private func page<Row: Sendable & Codable>(
    of rows: [Row],
    _ query: ListQuery,
    _ now: Date,
    _ subject: (Row) -> Filter.Subject,
    id: (Row) -> String
  ) -> Page<Row> {
    var kept = rows.filter { query.filter.admits(subject($0), at: now) }
    if query.reversed { kept.reverse() }
    let anchor = query.anchor.flatMap { wanted in kept.firstIndex { id($0) == wanted } }
    let middle = min(anchor ?? query.anchorIndex, max(0, kept.count - 1))
    let first = max(0, middle - query.before)
    let end = min(kept.count, middle + query.after + 1)
    return Page(
      rows: first < end ? Array(kept[first..<end]) : [],
      firstIndex: first,
      total: kept.count,
      hidden: rows.count - kept.count,
      anchorIndex: anchor
    )
  }
}
