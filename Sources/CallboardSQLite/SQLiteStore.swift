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
  let path: String
  let file: StoreFile
  private let hold: StoreHold
  let writer: StoreWriter

  /// Opens the file, or makes it; `key` signs the head of the audit log.
  ///
  /// Throws a sentence where another engine holds it, a newer callboard wrote it, or it can't be used.
  public init(
    _ path: String,
    retention: Retention = Retention(),
    key: Sealer.MasterKey? = nil
  ) throws(StoreProblem) {
    let path = URL(filePath: path).path
    self.path = path
    name = (path as NSString).lastPathComponent
    hold = try StoreHold(path: path)
    let opened = try StoreOpening.open(path)
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
  public func trim() -> Int { writer.trim() }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    try writer.commit(change)
  }

  public func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) { writer.onNews(handler) }

  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    writer.follow(follower)
  }

  /// Whether a batch is on its way to the file.
  package var isWriting: Bool { writer.isWriting }

  public var lastSequence: Int { writer.sequence }

  /// Calls `hook` on the thread that writes, when a transaction holds all that it will and before its COMMIT.
  ///
  /// For whoever proves what a kill leaves at that moment.
  package func beforeEachCommit(_ hook: @escaping @Sendable () -> Void) {
    file.beforeEachCommit(hook)
  }

  // MARK: - Reading

  /// What the file says; nil where it can't be read, which the next commit tells of.
  func read<Value>(_ body: (Database) throws -> Value?) -> Value? {
    try? file.pool.read(body)
  }

  public func call(_ id: CallID) -> Call? {
    if let entry = writer.call(id) { return entry.record.call }
    return read { database in
      try Data.fetchOne(
        database,
        sql: "SELECT record FROM calls WHERE id = ?",
        arguments: [id.uuid.data]
      ).map(StoredForm.call)
    }
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
          sql: "SELECT record, sealed FROM calls WHERE ended IS NULL ORDER BY id"
        )
        let records: [(Data, Data?)] = rows.map { ($0[0], $0[1]) }
        unfinished.calls = zip(try Self.decoded(records.map(\.0)), records).map { call, record in
          (call, record.1.map { Array($0) })
        }
        let talks = try Row.fetchAll(
          database,
          sql: "SELECT id, record, sealed FROM conversations WHERE isLive ORDER BY id"
        )
        unfinished.conversations = try talks.compactMap { row in
          guard let uuid = UUIDv7(row[0] as Data) else { return nil }
          let transcript = try Self.transcript(of: ConversationID(uuid), database)
          var sealed: [Int: [UInt8]] = [:]
          for (place, message) in transcript.enumerated() { sealed[place] = message.sealed }
          let rest: Data? = row[2]
          return ConversationChange(
            try StoredForm.conversation(row[1], transcript.map(\.entry)),
            sealedMessages: sealed,
            sealedRest: rest.map { Array($0) }
          )
        }
        for row in try Row.fetchAll(database, sql: "SELECT name, value FROM settings") {
          unfinished.settings[row[0]] = try JSONValue(parsing: row[1] as String, options: .lenient)
        }
        return unfinished
      }
    } catch {
      throw StoreFault(error, at: path)
    }
  }

  /// Reads many calls on every core: thousands may wait for people.
  private static func decoded(_ records: [Data]) throws -> [Call] {
    let size = 256
    let count = (records.count + size - 1) / size
    let parts = Mutex<[Int: Result<[Call], any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let slice = records[index * size..<min(records.count, (index + 1) * size)]
      let part = Result { try slice.map(StoredForm.call) }
      parts.withLock { $0[index] = part }
    }
    return try parts.withLock { parts in
      try (0..<count).flatMap { try parts[$0]?.get() ?? [] }
    }
  }
}
