import Callboard
import Foundation
import GRDB
import JSONSchema

/// Lists: a page at a time, however long the history is.
extension SQLiteStore {
  /// So many of the newest are looked at by a filter.
  private static let searched = 10_000

  // MARK: - Calls

  public func calls(_ query: HistoryQuery) -> HistoryPage<Call> {
    let notice = Self.refusal(of: query.list.sort)
    var page = query.list.filter.isEmpty ? plainCalls(query.list) : filteredCalls(query)
    page.notice = notice ?? page.notice
    return page
  }

  /// Sorting needs an index, or a look at every row.
  private static func refusal(of sort: ListQuery.Sort) -> String? {
    switch sort {
    case .natural, .age: nil
    case .name, .state, .duration, .count:
      "the history can't be sorted by \(sort.rawValue): newest first"
    }
  }

  private func plainCalls(_ list: ListQuery) -> HistoryPage<Call> {
    let (overlay, onDisk) = writer.overlay
    let new = overlay.calls.values.filter(\.isNew).map(\.record.call.id).sorted(by: >)
    let page: HistoryPage<Call>? = read { database in
      let total = onDisk + new.count
      let anchor = try list.anchor.flatMap(CallID.init).flatMap { id in
        try Self.place(of: id, overlay, new, database)
      }
      let anchorIndex = anchor.map { list.reversed ? total - 1 - $0 : $0 }
      let range = list.range(of: total, anchor: anchorIndex)
      let places = list.reversed ? total - range.upperBound..<total - range.lowerBound : range
      let ids = try Self.ids(at: places, new, database)
      let calls = try Self.calls(list.reversed ? ids.reversed() : ids, overlay, database)
      return HistoryPage(
        items: calls,
        firstIndex: range.lowerBound,
        total: total,
        anchorIndex: anchorIndex
      )
    }
    return page ?? HistoryPage()
  }

  /// Where a call stands among all, newest first; nil where it is not kept.
  private static func place(
    of id: CallID,
    _ overlay: StoreOverlay,
    _ new: [CallID],
    _ database: Database
  ) throws -> Int? {
    if overlay.calls[id]?.isNew != true {
      let isKept = try Bool.fetchOne(
        database,
        sql: "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?)",
        arguments: [id.uuid.data]
      )
      guard isKept == true else { return nil }
    }
    let newer = try Int.fetchOne(
      database,
      sql: "SELECT COUNT(*) FROM calls WHERE id > ?",
      arguments: [id.uuid.data]
    )
    return (newer ?? 0) + new.count { $0 > id }
  }

  /// The ids at these places of the whole list, newest first.
  private static func ids(
    at places: Range<Int>,
    _ new: [CallID],
    _ database: Database
  ) throws -> [CallID] {
    guard !places.isEmpty else { return [] }
    // Each of those in line moves what is on disk by one place at most.
    let skipped = max(0, places.lowerBound - new.count)
    let stored = try Data.fetchAll(
      database,
      sql: "SELECT id FROM calls ORDER BY id DESC LIMIT ? OFFSET ?",
      arguments: [places.upperBound - skipped, skipped]
    ).compactMap { UUIDv7($0).map(CallID.init) }
    let before = skipped == 0 ? 0 : new.count { id in stored.first.map { id > $0 } ?? false }
    let merged = Set(stored + new.dropFirst(before)).sorted(by: >)
    let first = places.lowerBound - skipped - before
    return Array(merged.dropFirst(first).prefix(places.count))
  }

  private static func calls(
    _ ids: [CallID],
    _ overlay: StoreOverlay,
    _ database: Database
  ) throws -> [Call] {
    let statement = try database.cachedStatement(sql: "SELECT record FROM calls WHERE id = ?")
    return try ids.compactMap { id in
      if let entry = overlay.calls[id] { return entry.record.call }
      return try Data.fetchOne(statement, arguments: [id.uuid.data]).map(StoredForm.call)
    }
  }

  /// What a filter looks at of one call.
  private struct CallHead {
    var id: CallID
    var subject: Filter.Subject
  }

  private func filteredCalls(_ query: HistoryQuery) -> HistoryPage<Call> {
    let (overlay, onDisk) = writer.overlay
    let list = query.list
    let page: HistoryPage<Call>? = read { database in
      var titles: [Data: String] = [:]
      func title(_ id: Data) throws -> String {
        if let known = titles[id] { return known }
        let found = try String.fetchOne(
          database,
          sql: "SELECT title FROM conversations WHERE id = ?",
          arguments: [id]
        )
        titles[id] = found ?? ""
        return found ?? ""
      }
      var kept: [CallID] = []
      var examined = 0
      let states = list.filter.states.map { states in
        "WHERE state IN (" + states.map { "'\($0)'" }.joined(separator: ",") + ")"
      }
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT id, function, state, caller, conversation, received, summary FROM calls \(states ?? "")
          ORDER BY id DESC LIMIT \(Self.searched)
          """
      )
      while let row = try rows.next() {
        examined += 1
        guard let id = UUIDv7(row[0] as Data).map(CallID.init), overlay.calls[id] == nil else {
          continue
        }
        let talk = (row[4] as Data?).flatMap(UUIDv7.init).map { ConversationID($0) }
        let subject = Filter.Subject(
          function: row[1],
          state: row[2],
          caller: row[3],
          conversation: talk.map { $0.short + " " + $0.description } ?? "",
          effect: query.effect(row[1])?.rawValue ?? "",
          since: Date(timeIntervalSince1970: row[5]),
          text: [id.description, row[6], try talk.map { try title($0.uuid.data) } ?? ""]
        )
        if list.filter.admits(subject, at: query.now) { kept.append(id) }
      }
      for entry in overlay.calls.values {
        let call = entry.record.call
        let subject = Filter.Subject(call, effect: query.effect) { id in
          (try? title(id.uuid.data)) ?? overlay.conversations[id]?.conversation.title
        }
        if list.filter.admits(subject, at: query.now) { kept.append(call.id) }
      }
      kept.sort(by: >)
      let total = onDisk + overlay.calls.values.count(where: \.isNew)
      let window = HistoryPage.window(of: kept, hidden: total - kept.count, list) { $0.description }
      var page = HistoryPage<Call>(
        items: try Self.calls(window.items, overlay, database),
        firstIndex: window.firstIndex,
        total: window.total,
        hidden: window.hidden,
        anchorIndex: window.anchorIndex
      )
      if examined == Self.searched {
        page.notice = "only the newest \(Self.searched) calls were searched"
      }
      return page
    }
    return page ?? HistoryPage()
  }

  // MARK: - Conversations

  /// What lists look at of one conversation.
  private struct TalkHead {
    var id: ConversationID
    var isLive: Bool
    var activity: Double
    var subject: Filter.Subject
  }

  public func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    let (overlay, _) = writer.overlay
    let list = query.list
    let page: HistoryPage<Conversation>? = read { database in
      var heads: [TalkHead] = []
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT id, isLive, activity, state, title, caller, model, started FROM conversations
          ORDER BY isLive DESC, activity DESC LIMIT \(Self.searched)
          """
      )
      while let row = try rows.next() {
        guard let id = UUIDv7(row[0] as Data).map({ ConversationID($0) }),
          overlay.conversations[id] == nil
        else { continue }
        let subject = Filter.Subject(
          state: row[3],
          caller: row[5],
          conversation: id.short + " " + id.description,
          since: Date(timeIntervalSince1970: row[7]),
          text: [row[4], row[6]]
        )
        heads.append(TalkHead(id: id, isLive: row[1], activity: row[2], subject: subject))
      }
      let isCut = heads.count == Self.searched
      for talk in overlay.conversations.values.map(\.conversation) {
        heads.append(
          TalkHead(
            id: talk.id,
            isLive: talk.state.word.isLive,
            activity: talk.lastActivity.timeIntervalSince1970,
            subject: Filter.Subject(talk)
          )
        )
      }
      var kept = heads.filter { list.filter.admits($0.subject, at: query.now) }
      kept.sort { ($0.isLive ? 1 : 0, $0.activity) > ($1.isLive ? 1 : 0, $1.activity) }
      var notice: String?
      switch list.sort {
      case .natural: break
      case .name: kept.sort { $0.subject.text[0] < $1.subject.text[0] }
      case .age: kept.sort { $0.subject.since > $1.subject.since }
      case .state: kept.sort { $0.subject.state < $1.subject.state }
      case .duration, .count:
        notice = "conversations can't be sorted by \(list.sort.rawValue): live ones first"
      }
      if isCut { notice = "only the newest \(Self.searched) conversations are listed" }
      let window = HistoryPage.window(of: kept, hidden: heads.count - kept.count, list) {
        $0.id.description
      }
      return HistoryPage<Conversation>(
        items: try window.items.compactMap { head in
          if let talk = overlay.conversations[head.id] { return talk.conversation }
          return try Data.fetchOne(
            database,
            sql: "SELECT record FROM conversations WHERE id = ?",
            arguments: [head.id.uuid.data]
          ).map { try StoredForm.conversation($0, []) }
        },
        firstIndex: window.firstIndex,
        total: window.total,
        hidden: window.hidden,
        anchorIndex: window.anchorIndex,
        notice: notice
      )
    }
    return page ?? HistoryPage()
  }
}
