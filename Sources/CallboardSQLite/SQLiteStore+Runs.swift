import Callboard
import Foundation
import GRDB

/// Runs of workflows, as they are read.
extension SQLiteStore {
  public func run(_ id: RunID) -> RunChange? {
    if let change = writer.run(id) { return change }
    return read { database in
      try Row.fetchOne(
        database,
        sql: "SELECT record, document, sealed FROM runs WHERE id = ?",
        arguments: [id.uuid.data]
      ).map { try Self.change(record: $0[0], document: $0[1], sealed: $0[2]) }
    }
  }

  private static func change(
    record: Data,
    document: Data,
    sealed: Data?
  ) throws -> RunChange {
    RunChange(
      try StoredForm.run(record, of: document),
      sealed: sealed.map { Array($0) },
      isNew: false
    )
  }

  static func addRuns(to unfinished: inout Unfinished, _ database: Database) throws {
    let rows = try Row.fetchAll(
      database,
      sql: "SELECT id, record, document, sealed FROM runs WHERE isLive ORDER BY id"
    )
    for row in rows {
      do {
        unfinished.runs.append(
          try change(record: row[1], document: row[2], sealed: row[3])
        )
      } catch  where !(error is DatabaseError) {
        unfinished.damaged.append(name(of: row[0], "run"))
      }
    }
  }

  public func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> {
    let (overlay, _) = writer.overlay
    let page: HistoryPage<WorkflowRun>? = read { database in
      var heads: [ActivityHead<RunID>] = []
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT id, isLive, activity, state, workflow, caller, started FROM runs
          ORDER BY isLive DESC, activity DESC LIMIT \(Self.searched)
          """
      )
      while let row = try rows.next() {
        guard let id = UUIDv7(row[0] as Data).map({ RunID($0) }), overlay.runs[id] == nil else {
          continue
        }
        let subject = Filter.Subject(
          state: row[3],
          caller: row[5],
          since: Date(timeIntervalSince1970: row[6]),
          text: [row[4]],
          ids: [id.short, id.description]
        )
        heads.append(ActivityHead(id: id, isLive: row[1], activity: row[2], subject: subject))
      }
      // Every one of them is here, or no order but that of the index is right.
      let isCut = heads.count == Self.searched
      for (change, _) in overlay.runs.values {
        heads.append(
          ActivityHead(
            id: change.run.id,
            isLive: change.run.state.word.isLive,
            activity: change.run.listedBy.timeIntervalSince1970,
            subject: Filter.Subject(change.run)
          )
        )
      }
      let window = Self.window(of: heads, isCut: isCut, query, things: "runs")
      return HistoryPage<WorkflowRun>(
        items: try window.items.compactMap { head in
          if let entry = overlay.runs[head.id] { return entry.change.run }
          return try Row.fetchOne(
            database,
            sql: "SELECT record, document FROM runs WHERE id = ?",
            arguments: [head.id.uuid.data]
          ).map { try StoredForm.run($0[0], of: $0[1]) }
        },
        firstIndex: window.firstIndex,
        total: window.total,
        hidden: window.hidden,
        anchorIndex: window.anchorIndex,
        notice: window.notice
      )
    }
    return page ?? unreadablePage("runs")
  }
}
