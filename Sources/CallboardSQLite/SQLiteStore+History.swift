import Callboard
import Foundation
import GRDB
import JSONSchema

/// Lists: a page at a time, however long the history is.
extension SQLiteStore {
  /// So many of the newest are looked at by a filter.
  static let searched = 10_000

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
    let edition = file.places.edition
    let (overlay, onDisk) = writer.overlay
    let all = Everything(
      new: overlay.calls.values.filter(\.isNew).map(\.record.call.id).sorted(by: >),
      onDisk: onDisk,
      places: file.places,
      edition: edition
    )
    let page: HistoryPage<Call>? = read { database in
      let anchor = try list.anchor.flatMap(CallID.init).flatMap { id -> (id: CallID, place: Int)? in
        let isInLine = overlay.calls[id]?.isNew == true
        return try all.place(of: id, isInLine: isInLine, database).map { (id, $0) }
      }
      let total = all.total
      let anchorIndex = anchor.map { list.reversed ? total - 1 - $0.place : $0.place }
      let range = list.range(of: total, anchor: anchorIndex)
      let places = list.reversed ? total - range.upperBound..<total - range.lowerBound : range
      let ids = try all.ids(at: places, from: anchor, database)
      let calls = try calls(list.reversed ? ids.reversed() : ids, overlay, database)
      return HistoryPage(
        items: calls.found,
        firstIndex: range.lowerBound,
        total: total,
        anchorIndex: anchorIndex,
        notice: calls.notice
      )
    }
    return page ?? unreadablePage()
  }

  /// Says that there is more than it shows.
  func unreadablePage<Item>(_ what: String = "history") -> HistoryPage<Item> {
    var page = HistoryPage<Item>(notice: "the \(what) can't be read: run callboard store check")
    page.isUnreadable = true
    return page
  }

  /// Every call that is kept, newest first: those in line that are not on disk yet, and those on disk.
  private struct Everything {
    /// Newest first.
    var new: [CallID]
    var onDisk: Int
    var places: CallPlaces
    var edition: Int

    var total: Int { onDisk + new.count }

    /// Where a call stands among all; nil where it is not kept.
    func place(of id: CallID, isInLine: Bool, _ database: Database) throws -> Int? {
      if !isInLine {
        let isKept = try Bool.fetchOne(
          database,
          sql: "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?)",
          arguments: [id.uuid.data]
        )
        guard isKept == true else { return nil }
        let older = try places.older(than: id, of: onDisk, edition: edition, database)
        return max(0, onDisk - 1 - older) + new.count { $0 > id }
      }
      let newer = try Int.fetchOne(
        database,
        sql: "SELECT COUNT(*) FROM calls WHERE id > ?",
        arguments: [id.uuid.data]
      )
      return (newer ?? 0) + new.count { $0 > id }
    }

    /// The ids at these places, found from a call whose place is known.
    func ids(
      at wanted: Range<Int>,
      from anchor: (id: CallID, place: Int)?,
      _ database: Database
    ) throws -> [CallID] {
      guard !wanted.isEmpty else { return [] }
      if let anchor, wanted.contains(anchor.place) {
        return try ids(at: wanted, around: anchor.id, anchor.place, database)
      }
      // Those in line are the newest of all, and there may be one of them among the first on disk.
      guard wanted.lowerBound > new.count else { return try newest(wanted, database) }
      let older = total - 1 - wanted.lowerBound
      guard let first = try places.call(after: older, of: onDisk, edition: edition, database) else {
        return []
      }
      return try ids(at: wanted, around: first, wanted.lowerBound, database)
    }

    private func ids(
      at wanted: Range<Int>,
      around id: CallID,
      _ place: Int,
      _ database: Database
    ) throws -> [CallID] {
      let newer = place - wanted.lowerBound
      let stored =
        try fetch("WHERE id > ? ORDER BY id", [id.uuid.data, newer], database)
        + fetch(
          "WHERE id <= ? ORDER BY id DESC",
          [id.uuid.data, wanted.upperBound - place],
          database
        )
      let merged = Set(stored + new + [id]).sorted(by: >)
      let middle = merged.firstIndex(of: id) ?? 0
      return Array(merged.dropFirst(max(0, middle - newer)).prefix(wanted.count))
    }

    private func newest(_ wanted: Range<Int>, _ database: Database) throws -> [CallID] {
      let stored = try fetch("ORDER BY id DESC", [wanted.upperBound], database)
      return Array(
        Set(stored + new).sorted(by: >).dropFirst(wanted.lowerBound).prefix(wanted.count)
      )
    }

    private func fetch(
      _ order: String,
      _ arguments: StatementArguments,
      _ database: Database
    ) throws -> [CallID] {
      try Data.fetchAll(
        try database.cachedStatement(sql: "SELECT id FROM calls \(order) LIMIT ?"),
        arguments: arguments
      ).compactMap { UUIDv7($0).map { CallID($0) } }
    }
  }

  /// One damaged record does not hide the others.
  private func calls(
    _ ids: [CallID],
    _ overlay: StoreOverlay,
    _ database: Database
  ) throws -> (found: [Call], notice: String?) {
    let statement = try database.cachedStatement(sql: "SELECT record FROM calls WHERE id = ?")
    var found: [Call] = []
    var damaged: [CallID] = []
    for id in ids {
      if let entry = overlay.calls[id] {
        found.append(entry.record.call)
      } else if let record = try Data.fetchOne(statement, arguments: [id.uuid.data]) {
        do {
          found.append(try StoredForm.call(record))
        } catch {
          damaged.append(id)
        }
      }
    }
    let notice = damaged.first.map {
      "\(damaged.count) of these can't be read (\($0)): run callboard store check"
    }
    return (found, notice)
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
          text: [row[6], try talk.map { try title($0.uuid.data) } ?? ""],
          ids: [id.description]
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
      let calls = try calls(window.items, overlay, database)
      var page = HistoryPage<Call>(
        items: calls.found,
        firstIndex: window.firstIndex,
        total: window.total,
        hidden: window.hidden,
        anchorIndex: window.anchorIndex,
        notice: calls.notice
      )
      if examined == Self.searched {
        page.notice = "only the newest \(Self.searched) calls were searched"
      }
      return page
    }
    return page ?? unreadablePage()
  }

  // MARK: - Conversations

  public func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    let (overlay, _) = writer.overlay
    let page: HistoryPage<Conversation>? = read { database in
      var heads: [ActivityHead<ConversationID>] = []
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
        heads.append(ActivityHead(id: id, isLive: row[1], activity: row[2], subject: subject))
      }
      // Every one of them is here, or no order but that of the index is right.
      let isCut = heads.count == Self.searched
      for talk in overlay.conversations.values.map(\.conversation) {
        heads.append(
          ActivityHead(
            id: talk.id,
            isLive: talk.state.word.isLive,
            activity: talk.lastActivity.timeIntervalSince1970,
            subject: Filter.Subject(talk)
          )
        )
      }
      let window = Self.window(of: heads, isCut: isCut, query, things: "conversations")
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
        notice: window.notice
      )
    }
    return page ?? unreadablePage()
  }
}
