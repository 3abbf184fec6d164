import CFileIdentity
import Callboard
import Foundation
import GRDB
import JSONSchema
import Synchronization

/// The end of the audit log: the number of the last event and the hash of its entry.
struct StoreHead: Sendable, Hashable {
  var sequence: Int
  var hash: [UInt8]

  /// As it stands in the file: hash, number, and where there is a key the code over both.
  func bytes(signedWith key: Sealer.MasterKey?) -> Data {
    var bytes = hash
    withUnsafeBytes(of: UInt64(sequence).bigEndian) { bytes.append(contentsOf: $0) }
    if let key { bytes += key.auditCode(of: bytes) }
    return Data(bytes)
  }
}

/// What the writer remembers of what it has written, so that it need not ask the file.
struct StoreMemory {
  /// How many messages of a conversation's transcript are on disk.
  var messages: [ConversationID: Int] = [:]
  /// What live calls are found by as twins, as far as it is on disk.
  var twins: [CallID: TwinKey] = [:]
}

/// The database file, and how a batch of changes is written into it.
final class StoreFile: Sendable {
  let path: String
  let pool: DatabasePool
  let retention: SQLiteStore.Retention
  /// Where in the history calls stand.
  let places = CallPlaces()
  private let key: Sealer.MasterKey?
  private let identity: FileIdentity
  /// Of the log beside it, which SQLite makes when it opens the file.
  private let logIdentity: FileIdentity?
  /// About what the audit log takes; nil until somebody wants to know, because the whole log is looked at then.
  private let audit = Mutex<AuditPages?>(nil)
  private let beforeCommit = Mutex<(@Sendable () -> Void)?>(nil)

  init(
    path: String,
    pool: DatabasePool,
    retention: SQLiteStore.Retention,
    key: Sealer.MasterKey?
  ) throws(StoreProblem) {
    self.path = path
    self.pool = pool
    self.retention = retention
    self.key = key
    guard let identity = FileIdentity(path) else { throw StoreProblem("\(path) is not there") }
    self.identity = identity
    logIdentity = FileIdentity(path + "-wal")
  }

  func beforeEachCommit(_ hook: @escaping @Sendable () -> Void) {
    beforeCommit.withLock { $0 = hook }
  }

  /// What tells a file from another one at the same path.
  private struct FileIdentity: Hashable {
    var major: UInt32
    var minor: UInt32
    var inode: UInt64

    init?(_ path: String) {
      var identity = cfileidentity()
      // Not `stat`: looking at the times of the log before each commit makes each commit write the log's inode.
      guard cfileidentity_at(path, &identity) == 0 else { return nil }
      major = identity.major
      minor = identity.minor
      inode = identity.inode
    }
  }

  struct Written {
    var head: StoreHead
    var newCalls = 0
    /// In order, with their numbers.
    var events: [EngineEvent] = []
  }

  /// SQLite goes on writing into a file that somebody has removed; nothing of that would be found again.
  private func checkPlace() throws(StoreFault) {
    switch FileIdentity(path) {
    case identity: break
    case nil:
      throw StoreFault("\(path) is gone: somebody removed or renamed it; put it back")
    case .some: throw StoreFault("\(path) is another file now: somebody replaced it; put it back")
    }
    guard let logIdentity, FileIdentity(path + "-wal") != logIdentity else { return }
    // This process still has it: what it holds is saved, and nothing more is added to what nobody would find.
    _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.passive) }
    throw StoreFault(
      "\(path)-wal was removed or replaced, and new entries would be lost with it; what it held was saved: start callboard anew"
    )
  }

  /// Where it throws, what is remembered is worth nothing any more.
  func write(
    _ items: [StoreWriter.Item],
    after head: StoreHead,
    _ memory: inout StoreMemory,
    keepsEvents: Bool
  ) throws -> Written {
    try checkPlace()
    var written = Written(head: head)
    try pool.writeWithoutTransaction { database in
      try transaction(database) {
        try put(items, into: database, &written, &memory, keepsEvents: keepsEvents)
        beforeCommit.withLock { $0 }?()
      }
    }
    return written
  }

  /// As GRDB's `inTransaction`, which has SQLite parse the two statements around every batch anew.
  private func transaction(_ database: Database, _ body: () throws -> Void) throws {
    try database.cachedStatement(sql: "BEGIN IMMEDIATE TRANSACTION").execute()
    do {
      try body()
      try database.cachedStatement(sql: "COMMIT TRANSACTION").execute()
    } catch {
      // What went wrong first is what there is to tell.
      if database.isInsideTransaction { try? database.rollback() }
      throw error
    }
  }

  private func put(
    _ items: [StoreWriter.Item],
    into database: Database,
    _ written: inout Written,
    _ memory: inout StoreMemory,
    keepsEvents: Bool
  ) throws {
    // Of what changed more than once only the last is written.
    var last: [CallID: UInt64] = [:]
    for item in items {
      for call in item.change.calls { last[call.record.call.id] = item.position }
    }
    var lastRun: [RunID: UInt64] = [:]
    var newRuns: Set<RunID> = []
    for item in items {
      guard let run = item.change.run else { continue }
      lastRun[run.run.id] = item.position
      if run.isNew { newRuns.insert(run.run.id) }
    }
    var isNew: Set<CallID> = []
    let rows = Rows(database)
    var entry = Entry()
    for item in items {
      for call in item.change.calls {
        let id = call.record.call.id
        if call.stored == 0 { isNew.insert(id) }
        guard last[id] == item.position else { continue }
        written.newCalls += try rows.put(call, &memory, isNew: isNew.contains(id))
      }
      if let talk = item.change.conversation { try rows.put(talk, &memory) }
      if let run = item.change.run, lastRun[run.run.id] == item.position {
        try rows.put(run, item.runForm, isNew: newRuns.contains(run.run.id))
      }
      for (name, value) in item.change.settings { try rows.put(name, value) }
      append(item.change, to: &entry, &written, keepsEvents: keepsEvents)
      if entry.isEnough { try put(&entry, into: rows, &written) }
    }
    try put(&entry, into: rows, &written)
    if written.head.sequence > 0 {
      try rows.putHead(written.head.bytes(signedWith: key))
    }
  }

  /// An entry of the audit log that is being made: the events of one change, or of several that share a commit.
  private struct Entry {
    private(set) var lines = StoredFormWriter()
    private(set) var count = 0

    /// A row that fills its page would go on in others.
    var isEnough: Bool { lines.bytes.count > 2048 }

    mutating func add(_ event: EngineEvent) {
      if count > 0 { lines.putLineEnd() }
      lines.write(event)
      count += 1
    }

    mutating func clear() {
      lines.clear()
      count = 0
    }
  }

  private func append(
    _ change: StoreChange,
    to entry: inout Entry,
    _ written: inout Written,
    keepsEvents: Bool
  ) {
    func add(_ event: EngineEvent) {
      var event = event
      event.seq = written.head.sequence + entry.count + 1
      entry.add(event)
      if keepsEvents { written.events.append(event) }
    }
    for event in change.events { add(event) }
    for call in change.calls where call.count > 0 {
      for event in call.steps.events { add(event) }
    }
  }

  private func put(_ entry: inout Entry, into rows: Rows, _ written: inout Written) throws {
    guard entry.count > 0 else { return }
    let hash = AuditChain.link(entry.lines.bytes, count: entry.count, after: written.head.hash)
    written.head = StoreHead(sequence: written.head.sequence + entry.count, hash: hash)
    try rows.putEntry(written.head, entry.count, entry.lines.bytes)
    audit.withLock {
      $0?.add(
        sequence: written.head.sequence,
        count: entry.count,
        length: entry.lines.bytes.count
      )
    }
    entry.clear()
  }

  /// Deletes a part of what is older or more than is kept.
  func trim() -> SQLiteStore.Retention.Trimmed {
    // A fault here is met by the next commit, which tells of it.
    let trimmed = try? pool.write { database in
      try retention.trim(database, now: Date.now) { try bytesOfAudit(database) }
    }
    if trimmed?.calls != 0 { places.forget() }
    return trimmed ?? SQLiteStore.Retention.Trimmed()
  }

  private func bytesOfAudit(_ database: Database) throws -> Int {
    try audit.withLock { known in
      let pages = try known ?? AuditPages(of: database)
      known = pages
      return pages.bytes
    }
  }
}

/// What writes rows, by statements that are prepared when they are first used.
private struct Rows {
  private let database: Database

  init(_ database: Database) { self.database = database }

  /// Returns how many calls are more than before.
  func put(_ change: CallChange, _ memory: inout StoreMemory, isNew: Bool) throws -> Int {
    let call = change.record.call
    let state = call.state.word.rawValue
    let ended = call.endedAt?.timeIntervalSince1970
    let isDecided = call.approval?.decidedAt != nil && call.state.isEnded
    let record = Data(try StoredForm.bytes(of: call))
    let sealed = change.sealed.map { Data($0) }
    let size = record.count + (sealed?.count ?? 0)
    let twin = change.twin.map { Data($0.bytes) }
    let hasTwin = memory.twins[call.id] == change.twin
    memory.twins[call.id] = ended == nil ? change.twin : nil
    func update() throws -> Bool {
      let updateCall = try database.cachedStatement(
        sql: """
          UPDATE calls SET state = ?, ended = ?, isDecided = ?, bytes = ?, summary = ?, record = ?, sealed = ?
          WHERE id = ?
          """
      )
      updateCall.setUncheckedArguments([
        state, ended, isDecided, size, call.summary, record, sealed, call.id.uuid.data,
      ])
      try updateCall.execute()
      guard database.changesCount > 0 else { return false }
      // By itself: a column that is set is taken out of its index and put back, though it stays what it was.
      if let twin, !hasTwin {
        let updateTwin = try database.cachedStatement(
          sql: "UPDATE calls SET twin = ?1 WHERE id = ?2 AND twin IS NOT ?1"
        )
        updateTwin.setUncheckedArguments([twin, call.id.uuid.data])
        try updateTwin.execute()
      }
      return true
    }
    if !isNew, try update() { return 0 }
    let insertCall = try database.cachedStatement(
      sql: """
        INSERT INTO calls
          (id, state, function, caller, conversation, received, ended, isDecided, bytes, summary, record, sealed, twin)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO NOTHING
        """
    )
    insertCall.setUncheckedArguments([
      call.id.uuid.data, state, call.function, call.caller.name, call.conversation?.uuid.data,
      call.receivedAt.timeIntervalSince1970, ended, isDecided, size, call.summary, record, sealed,
      twin,
    ])
    try insertCall.execute()
    if database.changesCount > 0 { return 1 }
    _ = try update()
    return 0
  }

  func put(_ change: ConversationChange, _ memory: inout StoreMemory) throws {
    let conversation = change.conversation
    let id = conversation.id.uuid.data
    var known = memory.messages[conversation.id]
    if known == nil {
      let countMessages = try database.cachedStatement(
        sql: "SELECT COALESCE(MAX(place) + 1, 0) FROM messages WHERE conversation = ?"
      )
      known = try Int.fetchOne(countMessages, arguments: [id])
    }
    let first = min(known ?? 0, change.sealedMessages.keys.min() ?? .max)
    for place in conversation.messages.indices.dropFirst(first) {
      let insertMessage = try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO messages (conversation, place, entry, sealed) VALUES (?, ?, ?, ?)
          """
      )
      insertMessage.setUncheckedArguments([
        id, place, Data(try JSONValue(encoding: conversation.messages[place]).serializedBytes()),
        change.sealedMessages[place].map { Data($0) },
      ])
      try insertMessage.execute()
    }
    let isLive = conversation.state.word.isLive
    memory.messages[conversation.id] = isLive ? conversation.messages.count : nil
    let record = Data(try StoredForm.bytes(of: conversation))
    let insertConversation = try database.cachedStatement(
      sql: """
        INSERT INTO conversations
          (id, isLive, state, title, caller, model, started, activity, bytes, record, sealed)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET isLive = excluded.isLive, state = excluded.state,
          activity = excluded.activity, bytes = excluded.bytes, record = excluded.record,
          sealed = excluded.sealed
        """
    )
    insertConversation.setUncheckedArguments([
      id, isLive, conversation.state.word.rawValue, conversation.title, conversation.caller.name,
      conversation.model, conversation.startedAt.timeIntervalSince1970,
      conversation.lastActivity.timeIntervalSince1970, record.count, record,
      change.sealedRest.map { Data($0) },
    ])
    try insertConversation.execute()
  }

  func put(_ change: RunChange, _ record: Data, isNew: Bool) throws {
    let run = change.run
    let sealed = change.sealed.map { Data($0) }
    let size = record.count + (sealed?.count ?? 0)
    let word = run.state.word
    if isNew {
      let document = Data(run.workflow.document.serializedBytes())
      let insertRun = try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO runs
            (id, isLive, state, workflow, caller, started, activity, bytes, document, record, sealed)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """
      )
      insertRun.setUncheckedArguments([
        run.id.uuid.data, word.isLive, word.rawValue, run.workflow.name, run.caller.name,
        run.startedAt.timeIntervalSince1970, run.listedBy.timeIntervalSince1970,
        size + document.count, document, record, sealed,
      ])
      return try insertRun.execute()
    }
    if word.isLive {
      // What it is listed by stays, and a column that is set would be taken out of its index and put back.
      let updateLive = try database.cachedStatement(
        sql: """
          UPDATE runs SET state = ?, bytes = ? + LENGTH(document), record = ?, sealed = ?
          WHERE id = ? AND isLive
          """
      )
      updateLive.setUncheckedArguments([word.rawValue, size, record, sealed, run.id.uuid.data])
      try updateLive.execute()
      guard database.changesCount == 0 else { return }
    }
    let updateRun = try database.cachedStatement(
      sql: """
        UPDATE runs SET isLive = ?, state = ?, activity = ?, bytes = ? + LENGTH(document), record = ?, sealed = ?
        WHERE id = ?
        """
    )
    updateRun.setUncheckedArguments([
      word.isLive, word.rawValue, run.listedBy.timeIntervalSince1970, size, record, sealed,
      run.id.uuid.data,
    ])
    try updateRun.execute()
  }

  func put(_ name: String, _ value: JSONValue) throws {
    if value.isNull {
      try database.cachedStatement(sql: "DELETE FROM settings WHERE name = ?")
        .execute(arguments: [name])
    } else {
      try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)"
      ).execute(arguments: [name, value.serialized()])
    }
  }

  func putEntry(_ head: StoreHead, _ count: Int, _ lines: [UInt8]) throws {
    let insertEntry = try database.cachedStatement(
      sql: "INSERT INTO events (seq, count, lines, hash) VALUES (?, ?, ?, ?)"
    )
    insertEntry.setUncheckedArguments([head.sequence, count, Data(lines), Data(head.hash)])
    try insertEntry.execute()
  }

  func putHead(_ head: Data) throws {
    let updateHead = try database.cachedStatement(
      sql: "UPDATE facts SET value = ? WHERE name = 'head'"
    )
    updateHead.setUncheckedArguments([head])
    try updateHead.execute()
    guard database.changesCount == 0 else { return }
    try database.execute(
      sql: "INSERT INTO facts (name, value) VALUES ('head', ?)",
      arguments: [head]
    )
  }
}

extension UUIDv7 {
  /// Its 16 bytes, which sort as it does.
  var data: Data {
    var data = Data(capacity: 16)
    withUnsafeBytes(of: high.bigEndian) { data.append(contentsOf: $0) }
    withUnsafeBytes(of: low.bigEndian) { data.append(contentsOf: $0) }
    return data
  }

  init?(_ data: Data) {
    guard data.count == 16 else { return nil }
    let words = data.withUnsafeBytes { bytes in
      (
        bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      )
    }
    self.init(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1))
  }
}
