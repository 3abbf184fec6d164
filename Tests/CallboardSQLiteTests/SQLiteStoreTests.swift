import Callboard
import CallboardSQLite
import CallboardTesting
import Foundation
import GRDB
import Glibc
import JSONSchema
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SQLiteStoreSuiteTests {
  @Test(arguments: StoreSuite.cases) func `the store in a file keeps every rule of stores`(
    _ rule: StoreCase
  ) async throws {
    let folder = try Folder()
    try await rule.run(on: try SQLiteStore(folder.file("a.db")))
  }
}

/// What only a store in a file does: it outlives its process, and its file can be in the way.
@Suite(.timeLimit(.minutes(10)))
struct SQLiteStoreTests {
  private let start = Date(timeIntervalSince1970: 1_795_341_600)

  private func call(
    _ number: Int,
    endedAt: Date? = nil,
    conversation: ConversationID? = nil
  ) throws -> Call {
    let at = endedAt ?? start
    var call = Call(
      id: CallID(UUIDv7(at: at, sequence: UInt16(number), random: UInt64(number))),
      function: "t.f",
      caller: .caller("agent"),
      conversation: conversation,
      receivedAt: at,
      idempotencyKey: "key \(number)",
      proposed: ["n": .integer(Int64(number))]
    )
    if endedAt != nil {
      var generator = SeededGenerator(seed: 1)
      _ = try call.handle(
        .refused(CallFailure(.notAllowed, "no")),
        function: nil,
        now: at,
        using: &generator
      )
    }
    return call
  }

  private func problem(_ open: () throws -> SQLiteStore) -> String {
    do {
      _ = try open()
      return ""
    } catch {
      return "\(error)"
    }
  }

  // MARK: - Opening

  @Test func `what was stored is there after the file was closed and opened again`() async throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    for number in 1...3 {
      _ = try store.commit(StoreChange(calls: [CallChange(try call(number))]))
    }
    #expect(store.close() == nil)
    let again = try SQLiteStore(path)
    #expect(again.calls(HistoryQuery()).total == 3)
    #expect(again.lastSequence == 3)
    _ = try again.commit(StoreChange(calls: [CallChange(try call(4))]))
    #expect(again.close() == nil)
    let third = try SQLiteStore(path)
    #expect(third.events(after: 0, limit: 10).map(\.seq) == [1, 2, 3, 4])
  }

  @Test func `a file that was closed is whole by itself, without its log`() async throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    try await store.commit(StoreChange(calls: [CallChange(try call(1))])).durable()
    #expect(store.close() == nil)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "a.db", "a.db.lock",
      ]
    )
    try FileManager.default.copyItem(atPath: path, toPath: folder.file("b.db"))
    #expect(try SQLiteStore(folder.file("b.db")).calls(HistoryQuery()).total == 1)
  }

  @Test func `a second engine on a file is told which process holds it`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let problem = problem { try SQLiteStore(path) }
    #expect(
      problem.contains("\(path) is held by process \(ProcessInfo.processInfo.processIdentifier)")
    )
    #expect(store.close() == nil)
  }

  @Test func `a file is held under every name it has, and when its lock file is gone`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder.file("b"), withIntermediateDirectories: true)
    try manager.createSymbolicLink(atPath: folder.file("b/link.db"), withDestinationPath: path)
    #expect(
      problem { try SQLiteStore(folder.file("b/link.db")) }.contains("\(path) is held by process")
    )
    #expect(Glibc.link(path, folder.file("b/hard.db")) == 0)
    #expect(
      problem { try SQLiteStore(folder.file("b/hard.db")) }.contains("is held by another process")
    )
    #expect(store.close() == nil)
    let again = try SQLiteStore(folder.file("b/link.db"))
    #expect(again.name == "link.db")
    try manager.removeItem(atPath: path + ".lock")
    #expect(problem { try SQLiteStore(path) }.contains("is held by another process"))
    #expect(again.close() == nil)
  }

  @Test func `a file that nobody holds any more can be opened`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    do { _ = try SQLiteStore(path) }
    #expect(problem { try SQLiteStore(path) } == "")
  }

  @Test func `a file of a newer callboard is refused, and left as it is`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    #expect(try SQLiteStore(path).close() == nil)
    let queue = try DatabaseQueue(path: path)
    try queue.write { database in
      try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('99')")
    }
    try queue.close()
    let before = try Data(contentsOf: URL(filePath: path))
    let problem = problem { try SQLiteStore(path) }
    #expect(problem.contains("was written by a newer callboard: it has migration 99"))
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test func `another program's database, and a file that is none, are refused`() throws {
    let folder = try Folder()
    let other = folder.file("other.db")
    let queue = try DatabaseQueue(path: other)
    try queue.write { try $0.execute(sql: "CREATE TABLE t (x)") }
    try queue.close()
    #expect(problem { try SQLiteStore(other) }.contains("another program's database"))
    let text = folder.file("text.db")
    try Data(repeating: 65, count: 8192).write(to: URL(filePath: text))
    #expect(problem { try SQLiteStore(text) }.contains("\(text) is no SQLite database"))
    let nowhere = folder.file("no/where.db")
    #expect(problem { try SQLiteStore(nowhere) }.contains("can't be opened"))
  }

  @Test func `a file is opened with the key that it was sealed with, and no other`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let key = Sealer.MasterKey()
    #expect(try SQLiteStore(path, key: key).close() == nil)
    let before = try Data(contentsOf: URL(filePath: path))
    let other = Sealer.MasterKey()
    let problem = problem { try SQLiteStore(path, key: other) }
    #expect(problem.contains("\(path) was sealed with another key (fingerprint \(key.fingerprint)"))
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(try SQLiteStore(path, key: key).close() == nil)
  }

  @Test func `what it makes can be read by its owner alone`() throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    _ = try store.commit(StoreChange(calls: [CallChange(try call(1))]))
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder.file(file))
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
    }
    #expect(store.close() == nil)
  }

  // MARK: - Faults

  @Test func `a file that was taken away is a fault, and when it is back the line is stored`()
    async throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let news = News(store)
    try await store.commit(StoreChange(calls: [CallChange(try call(1))])).durable()
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    let kept = try store.commit(StoreChange(calls: [CallChange(try call(2))]))
    async let stored: Void = kept.durable()
    await news.wait { if case .fails = $0 { true } else { false } }
    #expect(throws: StoreFault("\(path) is gone: somebody removed or renamed it; put it back")) {
      try store.commit(StoreChange())
    }
    // What is in line is read as if it were stored.
    #expect(store.calls(HistoryQuery()).total == 2)
    try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
    await news.wait { if case .works = $0 { true } else { false } }
    try await stored
    #expect(store.close() == nil)
    #expect(try SQLiteStore(path).calls(HistoryQuery()).total == 2)
  }

  @Test func `a log that was taken away is a fault, and what it held is saved`() async throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let news = News(store)
    try await store.commit(StoreChange(calls: [CallChange(try call(1))])).durable()
    try FileManager.default.removeItem(atPath: path + "-wal")
    let kept = try store.commit(StoreChange(calls: [CallChange(try call(2))]))
    await news.wait { if case .fails = $0 { true } else { false } }
    #expect(store.call(try call(2).id) != nil, "it is still in line")
    let fault = try #require(store.close())
    #expect(fault.description.contains("\(path)-wal was removed or replaced"))
    withExtendedLifetime(kept) {}
    #expect(try SQLiteStore(path).calls(HistoryQuery()).items.map(\.id) == [try call(1).id])
  }

  @Test func `what can't be read is a fault that stays, and no page is empty because of it`()
    async throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let filled = try SQLiteStore(path)
    for number in 1...200 {
      _ = try filled.commit(StoreChange(calls: [CallChange(try call(number))]))
    }
    #expect(filled.close() == nil)
    let queue = try DatabaseQueue(path: path)
    let page = try await queue.read { database in
      try Int.fetchOne(
        database,
        sql: "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_calls_1'"
      )
    }
    try queue.close()
    let store = try SQLiteStore(path)
    let news = News(store)
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.seek(toOffset: UInt64((page ?? 1) - 1) * 4096)
    try file.write(contentsOf: Data(repeating: 0x5A, count: 4096))
    try file.close()
    let list = store.calls(HistoryQuery())
    #expect(list.notice == "the history can't be read: run callboard store check")
    await news.wait { if case .fails = $0 { true } else { false } }
    #expect(throws: StoreFault.self) { try store.lookUp(try call(1).id) }
    #expect(throws: StoreFault.self) {
      try store.commit(StoreChange(calls: [CallChange(try call(900))]))
    }
  }

  @Test func `one record that can't be read hides no other, and what is live goes on without it`()
    throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let filled = try SQLiteStore(path)
    for number in 1...3 {
      _ = try filled.commit(StoreChange(calls: [CallChange(try call(number))]))
    }
    #expect(filled.close() == nil)
    let damaged = try call(2).id
    let queue = try DatabaseQueue(path: path)
    try queue.write { database in
      try database.execute(
        sql: "UPDATE calls SET record = 'x' WHERE lower(hex(id)) = ?",
        arguments: [damaged.description.replacing("-", with: "")]
      )
    }
    try queue.close()
    let store = try SQLiteStore(path)
    let list = store.calls(HistoryQuery())
    #expect(list.items.map(\.id) == [try call(3).id, try call(1).id])
    #expect(list.notice == "1 of these can't be read (\(damaged)): run callboard store check")
    let unfinished = try store.unfinished()
    #expect(unfinished.calls.map(\.call.id) == [try call(1).id, try call(3).id])
    #expect(unfinished.damaged == ["call \(damaged)"])
  }

  @Test func `a revocable change that can't be stored is withdrawn, and the rest stays in line`()
    async throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let news = News(store)
    let first = try call(1)
    try await store.commit(StoreChange(calls: [CallChange(first)])).durable()
    let blocker = Blocker(store)
    defer { blocker.end() }
    _ = try store.commit(StoreChange(calls: [CallChange(try call(3))]))
    await blocker.met()
    var next = first
    var generator = SeededGenerator(seed: 1)
    _ = try next.handle(
      .refused(CallFailure(.notAllowed, "no")),
      function: nil,
      now: start,
      using: &generator
    )
    let other = try store.commit(StoreChange(calls: [CallChange(try call(2))]))
    let revocable = try store.commit(
      StoreChange(calls: [CallChange(CallRecord(next), stored: 1)], isRevocable: true)
    )
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    blocker.end()
    await #expect(throws: StoreFault.self) { try await revocable.durable() }
    // Who asks whether it is stored hears at once that it is not yet; who needs it on disk waits.
    #expect(await other.fault()?.description.contains("is gone") == true)
    #expect(store.call(first.id)?.state == .received)
    try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
    await news.wait { if case .works = $0 { true } else { false } }
    try await other.durable()
    #expect(await other.fault() == nil)
    #expect(store.call(first.id)?.state == .received)
    #expect(
      store.events(after: 0, limit: 10).map(\.type)
        == [EngineEvent.Kind](repeating: .call(.received), count: 3)
    )
    let withdrawn = news.all.compactMap { news -> CallID? in
      if case .withdrawn(let change) = news { change.calls.first?.record.call.id } else { nil }
    }
    #expect(withdrawn == [first.id])
  }

  @Test func `a revocable change that a later one builds on stays in line with it`() async throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let news = News(store)
    try await store.commit(StoreChange(calls: [CallChange(try call(9))])).durable()
    let blocker = Blocker(store)
    defer { blocker.end() }
    _ = try store.commit(StoreChange(calls: [CallChange(try call(3))]))
    await blocker.met()
    let first = try call(1)
    var next = first
    var generator = SeededGenerator(seed: 1)
    _ = try next.handle(
      .refused(CallFailure(.notAllowed, "no")),
      function: nil,
      now: start,
      using: &generator
    )
    let tickets = [
      try store.commit(StoreChange(calls: [CallChange(first)], isRevocable: true)),
      try store.commit(StoreChange(calls: [CallChange(CallRecord(next), stored: 1)])),
    ]
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    blocker.end()
    await news.wait { if case .fails = $0 { true } else { false } }
    try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
    for ticket in tickets { try await ticket.durable() }
    #expect(store.call(first.id)?.state == .rejected)
    #expect(store.lastSequence == 4)
  }

  // MARK: - Long histories

  @Test func `a list that has no index is not sorted, and says so`() throws {
    let folder = try Folder()
    let store = try SQLiteStore(folder.file("a.db"))
    for number in 1...3 { _ = try store.commit(StoreChange(calls: [CallChange(try call(number))])) }
    for sort in [ListQuery.Sort.name, .state, .duration, .count] {
      let page = store.calls(HistoryQuery(ListQuery(sort: sort)))
      #expect(page.notice == "the history can't be sorted by \(sort.rawValue): newest first")
      #expect(page.items.map(\.id) == page.items.map(\.id).sorted(by: >))
    }
    #expect(store.calls(HistoryQuery()).notice == nil)
  }

  @Test func `calls that ended long ago, or are too many, are deleted, and their events kept`()
    async throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    _ = try store.commit(StoreChange(calls: [CallChange(try call(1))]))
    for number in 2...9 {
      let ended = try call(number, endedAt: Date.now - Double(number) * 86400)
      _ = try store.commit(StoreChange(calls: [CallChange(ended)]))
    }
    #expect(store.close() == nil)
    let short = try SQLiteStore(path, retention: SQLiteStore.Retention(age: 5.5 * 86400))
    #expect(short.trim() == 4)
    #expect(short.calls(HistoryQuery()).total == 5)
    #expect(short.close() == nil)
    let few = try SQLiteStore(path, retention: SQLiteStore.Retention(calls: 1))
    #expect(few.trim() == 3)
    let left = few.calls(HistoryQuery()).items
    #expect(left.map(\.state.isEnded) == [true, false])
    #expect(few.lastSequence == 17)
    #expect(few.events(after: 0, limit: 100).count == 17)
  }

  @Test(arguments: [
    SQLiteStore.Retention(age: 86400), SQLiteStore.Retention(calls: 0),
    SQLiteStore.Retention(bytes: 1),
  ])
  func `an ended call is kept as long as its conversation lives`(
    retention: SQLiteStore.Retention
  ) throws {
    let folder = try Folder()
    let path = folder.file("a.db")
    let at = start.addingTimeInterval(-100 * 86400)
    let id = ConversationID(UUIDv7(at: at, sequence: 0, random: 1))
    var talk = Conversation(
      id: id,
      title: "talk",
      caller: .caller("agent"),
      model: "m",
      startedAt: at
    )
    let store = try SQLiteStore(path, retention: retention)
    let ended = try call(1, endedAt: at, conversation: id)
    _ = try store.commit(
      StoreChange(calls: [CallChange(ended)], conversation: ConversationChange(talk))
    )
    #expect(store.close() == nil)
    let live = try SQLiteStore(path, retention: retention)
    #expect(live.trim() == 0)
    _ = try talk.handle(.stop(by: .operator("anna")), now: at)
    _ = try live.commit(StoreChange(conversation: ConversationChange(talk)))
    #expect(live.close() == nil)
    let over = try SQLiteStore(path, retention: retention)
    #expect(over.trim() == 1)
    #expect(over.close() == nil)
  }

  @Test
  func `what is too large loses its oldest calls and conversations, and never for the log's sake`()
    async throws
  {
    let folder = try Folder()
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    var talks: [ConversationID] = []
    for number in 1...20 {
      let at = start.addingTimeInterval(Double(number))
      let id = ConversationID(UUIDv7(at: at, sequence: 0, random: UInt64(number)))
      talks.append(id)
      var talk = Conversation(
        id: id,
        title: "talk",
        caller: .caller("agent"),
        model: "m",
        startedAt: at
      )
      talk.append(Message(.user, String(repeating: "x", count: 50_000)), at: at)
      _ = try talk.handle(.stop(by: .operator("anna")), now: at)
      let ended = try call(number, endedAt: at)
      _ = try store.commit(
        StoreChange(calls: [CallChange(ended)], conversation: ConversationChange(talk))
      )
    }
    // The log alone is larger than what is kept.
    for _ in 1...40 {
      let long = AuditLog.event(String(repeating: "y", count: 20_000), day: 0)
      _ = try store.commit(StoreChange(events: [long]))
    }
    #expect(store.close() == nil)
    let bounded = try SQLiteStore(path, retention: SQLiteStore.Retention(bytes: 500_000))
    for _ in 1...5 { _ = bounded.trim() }
    let kept = bounded.conversations(HistoryQuery(ListQuery(after: 100))).items.map(\.id)
    #expect((3...9).contains(kept.count), "\(kept.count)")
    #expect(kept == Array(talks.reversed().prefix(kept.count)), "the newest")
    #expect(bounded.calls(HistoryQuery()).total == kept.count)
    #expect(bounded.events(after: 0, limit: 1000).count > 60)
    #expect(bounded.close() == nil)
  }

  /// Holds the writer before it commits what comes next.
  private final class Blocker: Sendable {
    private let meetings = Recorder<Bool>()
    private let hasMet = Atomic<Bool>(false)
    private let hasEnded = DispatchSemaphore(value: 0)

    init(_ store: SQLiteStore) {
      store.beforeEachCommit { [meetings, hasEnded, weak self] in
        guard self?.hasMet.exchange(true, ordering: .relaxed) == false else { return }
        meetings.add(true)
        hasEnded.wait()
      }
    }

    /// Returns once the writer has left its line for the file: what comes now is another batch.
    func met() async { await meetings.wait { $0 } }

    func end() { hasEnded.signal() }
  }

  /// What a store said of itself.
  private final class News: Sendable {
    private let recorder = Recorder<StoreNews>()

    init(_ store: SQLiteStore) {
      store.onNews { [recorder] in recorder.add($0) }
    }

    var all: [StoreNews] { recorder.all }

    func wait(_ wanted: @escaping @Sendable (StoreNews) -> Bool) async {
      await recorder.wait(wanted)
    }
  }
}

@Suite(.timeLimit(.minutes(10)))
struct SQLiteRestartTests {
  @Test(arguments: RestartSuite.cases) func `an engine goes on with what the store in a file holds`(
    _ rule: RestartCase
  ) async throws {
    let folder = try Folder()
    let home = StoreHome {
      try SQLiteStore(folder.file("a.db"))
    } close: { store in
      _ = (store as? SQLiteStore)?.close()
    }
    try await rule.run(on: home)
  }
}

/// A folder that is removed with what is in it.
final class Folder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/callboard-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func file(_ name: String) -> String { path + "/" + name }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
