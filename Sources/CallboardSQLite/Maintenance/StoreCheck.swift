import Callboard
import Dispatch
import Foundation
import GRDB
import JSONSchema
import Synchronization

/// What a look through a whole store found.
public struct StoreCheck: Sendable {
  /// What is wrong, in sentences that say what to do.
  public var problems: [String]
  /// What is as it should be, or need only be known.
  public var notes: [String]
  /// Nil where the file is too damaged to follow the log.
  public var audit: AuditReport?

  public var isSound: Bool { problems.isEmpty && audit?.isWhole != false }
}

extension StoreReader {
  /// Looks for damage: in SQLite's pages, in the audit log, and in what calls, conversations and messages say.
  ///
  /// `isQuick` leaves out what takes long: that indexes agree with their tables, and reading every record.
  public func check(isQuick: Bool, key: Sealer.MasterKey?) throws(StoreProblem) -> StoreCheck {
    var check = StoreCheck(problems: [], notes: [], audit: nil)
    do {
      try queue.read { database in
        let found = try String.fetchAll(
          database,
          sql: isQuick ? "PRAGMA quick_check(20)" : "PRAGMA integrity_check(20)"
        )
        if found == ["ok"] {
          check.notes.append("SQLite finds nothing wrong")
        } else {
          check.problems += found.map {
            "the file is damaged: \($0.trimmingCharacters(in: .whitespacesAndNewlines)); stop the engine, keep a copy, and go back to a backup"
          }
        }
        let migration = try Self.migration(of: database)
        let newest = StoreSchema.names.last ?? "0"
        check.notes.append(
          migration == newest
            ? "migration \(migration), the newest"
            : "migration \(migration); the next engine that opens it brings it to \(newest)"
        )
        check.audit = try Self.verifyAudit(of: database, head: nil, key: key)
        try Self.findOrphans(in: database, &check)
        guard !isQuick else { return }
        try Self.readEvery("calls", in: database, &check) { record, id, state in
          let call = try StoredForm.call(record)
          return call.id.uuid.data == id && call.state.word.rawValue == state
        }
        try Self.readEvery("conversations", in: database, &check) { record, id, state in
          let conversation = try StoredForm.conversation(record, [])
          return conversation.id.uuid.data == id && conversation.state.word.rawValue == state
        }
        try Self.readEvery("messages", "conversation", "entry", "''", in: database, &check) {
          entry,
          _,
          _ in
          _ = try StoredForm.entry(entry)
          return true
        }
        try Self.readRuns(in: database, key.map { Sealer($0) }, &check)
        if let key { try Self.openEvery(in: database, Sealer(key), &check) }
      }
    } catch {
      let problem = StoreProblem(error, at: path)
      guard problem.kind == .damaged else { throw problem }
      let what = (error as? DatabaseError)?.message ?? "SQLite can't read it"
      check.problems.append(
        "the file is damaged (\(what)), so that no more of it can be looked at; stop the engine, keep a copy, and go back to a backup"
      )
    }
    return check
  }

  /// Opens every sealed original: what can't be opened can't go on.
  private static func openEvery(
    in database: Database,
    _ sealer: Sealer,
    _ check: inout StoreCheck
  ) throws {
    var count = 0
    var closed: [String] = []
    let calls = try Row.fetchCursor(
      database,
      sql: "SELECT CAST(id AS BLOB), CAST(sealed AS BLOB) FROM calls WHERE sealed IS NOT NULL"
    )
    while let row = try calls.next() {
      count += 1
      let id = UUIDv7(row[0] as Data).map(CallID.init)
      let isOpen = id.map { sealer.opens(Array(row[1] as Data), ofCall: $0) } ?? false
      if !isOpen { closed.append("call \(id?.description ?? "without an id")") }
    }
    let messages = try Row.fetchCursor(
      database,
      sql: """
        SELECT CAST(conversation AS BLOB), place, CAST(sealed AS BLOB) FROM messages WHERE sealed IS NOT NULL
        """
    )
    while let row = try messages.next() {
      count += 1
      let id = UUIDv7(row[0] as Data).map { ConversationID($0) }
      let place: Int = row[1]
      let isOpen =
        id.map { sealer.opens(Array(row[2] as Data), ofMessage: place, of: $0) } ?? false
      if !isOpen {
        closed.append("message \(place) of conversation \(id?.description ?? "without an id")")
      }
    }
    if let first = closed.first {
      check.problems.append(
        "\(closed.count) of \(count) sealed originals can't be opened with this key (first \(first)): they were changed, or sealed with another one"
      )
    } else {
      check.notes.append("\(count) sealed originals can be opened")
    }
  }

  /// Reads every run, and opens what is sealed beside it; a file of before there were runs has none.
  private static func readRuns(
    in database: Database,
    _ sealer: Sealer?,
    _ check: inout StoreCheck
  ) throws {
    guard try database.tableExists("runs") else { return }
    var total = 0
    var broken: [String] = []
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT CAST(id AS BLOB), CAST(record AS BLOB), CAST(document AS BLOB), CAST(sealed AS BLOB) FROM runs
        """
    )
    while let row = try rows.next() {
      total += 1
      let id = UUIDv7(row[0] as Data).map { RunID($0) }
      let isReadable = (try? StoredForm.run(row[1], of: row[2])) != nil
      let sealed: Data? = row[3]
      let isOpen =
        sealed.flatMap { sealed in
          id.flatMap { id in sealer.map { $0.opens(Array(sealed), ofRun: id) } }
        } ?? true
      if !isReadable || !isOpen { broken.append(id?.description ?? "without an id") }
    }
    if let first = broken.first {
      check.problems.append(
        "\(broken.count) of \(total) runs can't be read, or not with this key (first \(first)); keep a copy, and go back to a backup"
      )
    } else if total > 0 {
      check.notes.append("\(total) runs can be read")
    }
  }

  private static func findOrphans(in database: Database, _ check: inout StoreCheck) throws {
    let orphans = try Int.fetchOne(
      database,
      sql: """
        SELECT COUNT(*) FROM messages WHERE conversation NOT IN (SELECT id FROM conversations)
        """
    )
    if let orphans, orphans > 0 {
      check.problems.append(
        "\(orphans) messages belong to no conversation; an engine that runs removes them"
      )
    }
  }

  /// Reads the record of every row, a part at a time on every core; `read` tells whether it fits the row's id and state.
  private static func readEvery(
    _ table: String,
    _ id: String = "id",
    _ column: String = "record",
    _ state: String = "state",
    in database: Database,
    _ check: inout StoreCheck,
    _ read: @Sendable @escaping (_ record: Data, _ id: Data, _ state: String) throws -> Bool
  ) throws {
    let rows = try Row.fetchCursor(
      database,
      sql:
        "SELECT CAST(\(id) AS BLOB), CAST(\(column) AS BLOB), CAST(\(state) AS TEXT) FROM \(table)"
    )
    var total = 0
    var unreadable: (count: Int, first: Data?) = (0, nil)
    var unlike: (count: Int, first: Data?) = (0, nil)
    var part: [(id: Data, record: Data, state: String)] = []
    func readPart() {
      let wrong = Mutex<(unreadable: [Data], unlike: [Data])>(([], []))
      let size = 64
      let records = part
      DispatchQueue.concurrentPerform(iterations: (records.count + size - 1) / size) { index in
        for (id, record, state) in records[index * size..<min(records.count, (index + 1) * size)] {
          do {
            if try !read(record, id, state) { wrong.withLock { $0.unlike.append(id) } }
          } catch {
            wrong.withLock { $0.unreadable.append(id) }
          }
        }
      }
      let found = wrong.withLock { $0 }
      unreadable = (
        unreadable.count + found.unreadable.count, unreadable.first ?? found.unreadable.first
      )
      unlike = (unlike.count + found.unlike.count, unlike.first ?? found.unlike.first)
      total += part.count
      part.removeAll(keepingCapacity: true)
    }
    while let row = try rows.next() {
      part.append((row[0], row[1], row[2] ?? ""))
      if part.count == 4096 { readPart() }
    }
    readPart()
    func name(_ id: Data) -> String { UUIDv7(id)?.text ?? "one without an id" }
    if let first = unreadable.first {
      check.problems.append(
        "\(unreadable.count) of \(total) \(table) can't be read (first \(name(first))); go back to a backup, or remove them"
      )
    }
    if let first = unlike.first {
      check.problems.append(
        "\(unlike.count) of \(total) \(table) are listed in another state, or by another id, than their records say (first \(name(first))): somebody has changed the file; go back to a backup"
      )
    }
    if unreadable.count + unlike.count == 0 { check.notes.append("\(total) \(table) can be read") }
  }
}
