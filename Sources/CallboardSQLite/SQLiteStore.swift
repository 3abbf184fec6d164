import Callboard
import Dispatch
import Foundation
import GRDB
import Glibc
import JSONSchema
import Synchronization

/// The store in one SQLite file: what counts is on disk before it counts, and a kill at any instant loses none of it.
///
/// One engine a file. A thread of its own writes, and commits together what has gathered; readers see the file and what
/// is in line to be written.
public final class SQLiteStore: Store {
  public let name: String
  public let commitsAtOnce = false
  public let isLasting = true
  let path: String
  let file: StoreFile
  private let hold: StoreHold
  public let doubt: String?
  let writer: StoreWriter

  /// Opens the file, or makes it; `key` signs the head of the audit log.
  ///
  /// Throws a sentence where another engine holds it, a newer callboard wrote it, it was sealed with another key, or it
  /// can't be used.
  public init(
    _ path: String,
    retention: Retention = Retention(),
    key: Sealer.MasterKey? = nil
  ) throws(StoreProblem) {
    name = (path as NSString).lastPathComponent
    // What a link names: SQLite keeps its log beside that.
    let path = URL(filePath: path).resolvingSymlinksInPath().path
    self.path = path
    hold = try StoreHold(path: path)
    let opened = try StoreOpening.open(path, key: key)
    doubt = opened.doubt
    file = try StoreFile(path: path, pool: opened.pool, retention: retention, key: key)
    writer = StoreWriter(file, head: opened.head, callTotal: opened.callTotal)
  }

  deinit { _ = close() }

  /// Writes what is in line and closes the file; returns what was in the way where something of it is lost.
  @discardableResult
  public func close() -> StoreFault? {
    let fault = writer.close()
    // The writer's connection goes last: only that one takes the log into the file.
    file.pool.invalidateReadOnlyConnections()
    try? file.pool.close()
    hold.release()
    return fault
  }

  /// Deletes a part of what is kept no longer, as the writer does now and then; returns how many calls.
  @discardableResult
  public func trim() -> Int { writer.trim().calls }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    try writer.commit(change)
  }

  public func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) { writer.onNews(handler) }

  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    writer.follow(follower)
  }

  public var lastSequence: Int { writer.sequence }

  /// Calls `hook` on the thread that writes, when a transaction holds all that it will and before its COMMIT.
  ///
  /// For whoever proves what a kill leaves at that moment.
  package func beforeEachCommit(_ hook: @escaping @Sendable () -> Void) {
    file.beforeEachCommit(hook)
  }

  // MARK: - Reading

  /// What the file says; nil where there is nothing, or it can't be read, which is told as a fault of the store.
  func read<Value>(_ body: (Database) throws -> Value?) -> Value? {
    do {
      return try file.pool.read(body)
    } catch {
      unreadable(error)
      return nil
    }
  }

  private func unreadable(_ error: any Error) {
    let fault = StoreFault(reading: error, at: path)
    writer.failedToRead(fault, isLasting: StoreProblem(error, at: path).kind == .damaged)
  }

  public func lookUp(_ id: CallID) throws(StoreFault) -> Call? {
    if let entry = writer.call(id) { return entry.record.call }
    do {
      return try file.pool.read { try Self.call(id, in: $0) }
    } catch {
      unreadable(error)
      throw StoreFault(reading: error, at: path)
    }
  }

  private static func call(_ id: CallID, in database: Database) throws -> Call? {
    try Data.fetchOne(
      database,
      sql: "SELECT record FROM calls WHERE id = ?",
      arguments: [id.uuid.data]
    ).map(StoredForm.call)
  }

  public func call(_ id: CallID) -> Call? {
    if let entry = writer.call(id) { return entry.record.call }
    return read { try Self.call(id, in: $0) }
  }

  public func sealed(_ id: CallID) -> [UInt8]? {
    if let entry = writer.call(id) { return entry.sealed }
    return read { database in
      try Data.fetchOne(
        database,
        sql: "SELECT sealed FROM calls WHERE id = ? AND sealed IS NOT NULL",
        arguments: [id.uuid.data]
      ).map { Array($0) }
    }
  }

  public func lastDecided(_ function: String, before id: CallID) -> Call? {
    let (overlay, _) = writer.overlay
    let inLine = overlay.calls.values.map(\.record.call).filter { call in
      call.id < id && call.function == function && call.approval?.decidedAt != nil
        && call.state.isEnded
    }
    let onDisk = read { database in
      try Data.fetchOne(
        database,
        sql: """
          SELECT record FROM calls WHERE function = ? AND id < ? AND isDecided ORDER BY id DESC LIMIT 1
          """,
        arguments: [function, id.uuid.data]
      ).map(StoredForm.call)
    }
    return (inLine + [onDisk].compactMap { $0 }).max { $0.id < $1.id }
  }

  /// What is in line to be written the engine remembers by itself.
  public func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    read { database in
      let statement = try database.cachedStatement(
        sql: """
          SELECT id FROM calls WHERE twin = ? AND id <> ?
            AND (ended IS NULL OR (state = 'succeeded' AND ended > ?))
          ORDER BY id DESC LIMIT 1
          """
      )
      let found = try Data.fetchOne(
        statement,
        arguments: [Data(key.bytes), id.uuid.data, time.timeIntervalSince1970]
      )
      return found.flatMap { UUIDv7($0) }.map { CallID($0) }
    }
  }

  public func twins(since time: Date, limit: Int) throws(StoreFault) -> StoredTwins {
    do {
      return try file.pool.read { database in
        var twins = StoredTwins()
        func enter(_ row: Row, succeeded: Date?) {
          guard let key = TwinKey(bytes: row[0] as Data), let id = UUIDv7(row[1] as Data) else {
            return
          }
          twins.entries.append(.init(key, CallID(id), succeeded: succeeded))
        }
        let live = "SELECT twin, id FROM calls WHERE ended IS NULL AND twin IS NOT NULL"
        let rows = try Row.fetchCursor(database, sql: live)
        while let row = try rows.next() { enter(row, succeeded: nil) }
        let newest = try Row.fetchCursor(
          database,
          sql:
            "SELECT twin, id, ended, state FROM calls WHERE ended > ? ORDER BY ended DESC LIMIT ?",
          arguments: [time.timeIntervalSince1970, limit]
        )
        var count = 0
        while let row = try newest.next() {
          count += 1
          let ended = Date(timeIntervalSince1970: row[2])
          if count == limit { twins.isWholeSince = ended }
          guard row[3] == CallState.Word.succeeded.rawValue, row[0] as Data? != nil else {
            continue
          }
          enter(row, succeeded: ended)
        }
        return twins
      }
    } catch {
      unreadable(error)
      throw StoreFault(reading: error, at: path)
    }
  }

  public func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    let (overlay, onDisk) = writer.overlay
    let looked = 5000
    let inLine = overlay.calls.values.map(\.record.call).filter { call in
      call.function == function && call.state == .succeeded
    }
    // The newest by their ids, of which there is an index; one by function would cost every call something.
    let stored: [Call] =
      read { database in
        try Data.fetchAll(
          database,
          sql: """
            SELECT record FROM calls WHERE number IN (
              SELECT number FROM (
                SELECT number, id, function, state FROM calls ORDER BY id DESC LIMIT \(looked)
              ) WHERE function = ? AND state = 'succeeded' ORDER BY id DESC LIMIT ?
            )
            """,
          arguments: [function, limit + 1]
        ).map(StoredForm.call)
      } ?? []
    let all = (inLine + stored.filter { overlay.calls[$0.id] == nil }).sorted { $0.id > $1.id }
    return (Array(all.prefix(limit)), all.count <= limit && onDisk <= looked)
  }

  public func conversation(_ id: ConversationID) -> Conversation? {
    if let talk = writer.conversation(id) { return talk }
    return read { database in
      guard
        let record = try Data.fetchOne(
          database,
          sql: "SELECT record FROM conversations WHERE id = ?",
          arguments: [id.uuid.data]
        )
      else { return nil }
      return try StoredForm.conversation(record, Self.transcript(of: id, database).map(\.entry))
    }
  }

  static func transcript(
    of id: ConversationID,
    _ database: Database
  ) throws -> [(entry: Conversation.Entry, sealed: [UInt8]?)] {
    try Row.fetchAll(
      database,
      sql: "SELECT entry, sealed FROM messages WHERE conversation = ? ORDER BY place",
      arguments: [id.uuid.data]
    ).map { row in
      let sealed: Data? = row[1]
      return (try StoredForm.entry(row[0]), sealed.map { Array($0) })
    }
  }

  public func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    guard limit > 0 else { return [] }
    let found: [EngineEvent]? = read { database in
      var events: [EngineEvent] = []
      let rows = try Data.fetchCursor(
        database,
        sql: "SELECT lines FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
        arguments: [sequence, limit]
      )
      while events.count < limit, let lines = try rows.next() {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
          let json = try JSONValue(parsing: line, options: .lenient)
          guard let event = EngineEvent(json), event.seq > sequence else { continue }
          events.append(event)
        }
      }
      return Array(events.prefix(limit))
    }
    return found ?? []
  }

  // MARK: - Taking up

  public func unfinished() throws(StoreFault) -> Unfinished {
    do {
      return try file.pool.read { database in
        var unfinished = Unfinished()
        let rows = try Row.fetchAll(
          database,
          sql: "SELECT record, sealed, id FROM calls WHERE ended IS NULL ORDER BY id"
        )
        let calls = Self.decoded(rows.map { $0[0] })
        for (row, call) in zip(rows, calls) {
          let sealed: Data? = row[1]
          guard let call else {
            unfinished.damaged.append(Self.name(of: row[2], "call"))
            continue
          }
          unfinished.calls.append((call, sealed.map { Array($0) }))
        }
        let talks = try Row.fetchAll(
          database,
          sql: "SELECT id, record, sealed FROM conversations WHERE isLive ORDER BY id"
        )
        for row in talks {
          do {
            guard let uuid = UUIDv7(row[0] as Data) else { throw Unnamed() }
            let change = try Self.conversation(ConversationID(uuid), row[1], row[2], database)
            unfinished.conversations.append(change)
          } catch  where !(error is DatabaseError) {
            unfinished.damaged.append(Self.name(of: row[0], "conversation"))
          }
        }
        try Self.addRuns(to: &unfinished, database)
        for row in try Row.fetchAll(database, sql: "SELECT name, value FROM settings") {
          unfinished.settings[row[0]] = try JSONValue(parsing: row[1] as String, options: .lenient)
        }
        return unfinished
      }
    } catch {
      throw StoreFault(reading: error, at: path)
    }
  }

  private struct Unnamed: Error {}

  static func name(of id: Data, _ kind: String) -> String {
    kind + " " + (UUIDv7(id)?.text ?? "without an id")
  }

  private static func conversation(
    _ id: ConversationID,
    _ record: Data,
    _ rest: Data?,
    _ database: Database
  ) throws -> ConversationChange {
    let transcript = try transcript(of: id, database)
    var sealed: [Int: [UInt8]] = [:]
    for (place, message) in transcript.enumerated() { sealed[place] = message.sealed }
    return ConversationChange(
      try StoredForm.conversation(record, transcript.map(\.entry)),
      sealedMessages: sealed,
      sealedRest: rest.map { Array($0) }
    )
  }

  /// Reads many calls on every core: thousands may wait for people.
  ///
  /// Nil where one can't be read.
  private static func decoded(_ records: [Data]) -> [Call?] {
    let size = 256
    let count = (records.count + size - 1) / size
    let parts = Mutex<[Int: [Call?]]>([:])
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let slice = records[index * size..<min(records.count, (index + 1) * size)]
      let part = slice.map { try? StoredForm.call($0) }
      parts.withLock { $0[index] = part }
    }
    return parts.withLock { parts in (0..<count).flatMap { parts[$0] ?? [] } }
  }
}
