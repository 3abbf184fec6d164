import Callboard
import Foundation
import GRDB
import Testing

@testable import CallboardSQLite

/// What somebody does to an audit log, and what it is to be called.
struct Tampering: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let kind: AuditFault.Kind
  let events: ClosedRange<Int>?
  let edit: @Sendable (Database) throws -> Void

  init(
    _ name: String,
    _ kind: AuditFault.Kind,
    _ events: ClosedRange<Int>?,
    _ edit: @escaping @Sendable (Database) throws -> Void
  ) {
    testDescription = name
    self.kind = kind
    self.events = events
    self.edit = edit
  }

  init(_ name: String, _ kind: AuditFault.Kind, _ events: ClosedRange<Int>?, sql: String) {
    self.init(name, kind, events) { try $0.execute(sql: sql) }
  }

  /// Found by whoever has the file alone.
  static let plain = [
    Tampering("a line changed", .changed, 4...4) { database in
      try database.execute(
        sql: "UPDATE events SET lines = ? WHERE seq = 4",
        arguments: [database.line(4, "another")]
      )
    },
    Tampering("a line of the first entry changed", .changed, 1...1) { database in
      try database.execute(
        sql: "UPDATE events SET lines = ? WHERE seq = 1",
        arguments: [database.line(1, "another")]
      )
    },
    Tampering("lines that are no events", .changed, 5...7) {
      try $0.execute(
        sql: "UPDATE events SET lines = 'a' || char(10) || 'b' || char(10) || 'c' WHERE seq = 7"
      )
    },
    Tampering("a smaller count", .changed, 5...7, sql: "UPDATE events SET count = 2 WHERE seq = 7"),
    Tampering("a larger count", .changed, 5...7, sql: "UPDATE events SET count = 9 WHERE seq = 7"),
    Tampering(
      "a count that is no number",
      .changed,
      8...8,
      sql: "UPDATE events SET count = 'x' WHERE seq = 8"
    ),
    Tampering(
      "a hash changed",
      .changed,
      8...8,
      sql: "UPDATE events SET hash = zeroblob(32) WHERE seq = 8"
    ),
    Tampering(
      "the last hash changed",
      .changed,
      14...15,
      sql: "UPDATE events SET hash = zeroblob(32) WHERE seq = 15"
    ),
    Tampering("an entry removed", .removed, 5...7, sql: "DELETE FROM events WHERE seq = 7"),
    Tampering("the first entry removed", .removed, 1...1, sql: "DELETE FROM events WHERE seq = 1"),
    Tampering(
      "several entries removed",
      .removed,
      4...9,
      sql: "DELETE FROM events WHERE seq BETWEEN 4 AND 9"
    ),
    Tampering("an entry removed, and all hashes made anew", .removed, 5...7) { database in
      try database.execute(sql: "DELETE FROM events WHERE seq = 7")
      try database.rehash(from: 8)
      try database.moveHead()
    },
    Tampering("an entry removed, and later ones given its place", .reordered, 8...14) { database in
      try database.execute(
        sql: """
          DELETE FROM events WHERE seq = 8; UPDATE events SET seq = seq - 1001 WHERE seq > 8;
          UPDATE events SET seq = seq + 1000 WHERE seq < 0;
          """
      )
    },
    Tampering(
      "two entries swapped",
      .reordered,
      8...9,
      sql:
        "UPDATE events SET seq = -8 WHERE seq = 8; UPDATE events SET seq = 8 WHERE seq = 9; UPDATE events SET seq = 9 WHERE seq = -8"
    ),
    Tampering(
      "two entries far apart swapped",
      .reordered,
      4...4,
      sql:
        "UPDATE events SET seq = -4 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 12; UPDATE events SET seq = 12 WHERE seq = -4"
    ),
    Tampering("the end cut off", .cutOff, 14...15, sql: "DELETE FROM events WHERE seq = 15"),
    Tampering("everything cut off", .cutOff, 1...15, sql: "DELETE FROM events"),
    Tampering("an entry inserted between two", .inserted, 2...2) { database in
      let line = database.line(2, "forged")
      let hash = AuditChain.link(Array(line), count: 1, after: try database.hash(at: 1))
      try database.execute(
        sql: "INSERT INTO events VALUES (2, 1, ?, ?)",
        arguments: [line, Data(hash)]
      )
    },
    Tampering("an entry inserted with any hash", .inserted, 2...2) { database in
      try database.execute(
        sql: "INSERT INTO events VALUES (2, 1, ?, zeroblob(32))",
        arguments: [database.line(2, "forged")]
      )
    },
    Tampering("an entry inserted before the first", .inserted, 0...0) { database in
      try database.execute(
        sql: "INSERT INTO events VALUES (0, 1, ?, zeroblob(32))",
        arguments: [database.line(0, "forged")]
      )
    },
    Tampering("an entry added at the end", .inserted, 16...16) { database in
      let line = database.line(16, "forged")
      let hash = AuditChain.link(Array(line), count: 1, after: try database.hash(at: 15))
      try database.execute(
        sql: "INSERT INTO events VALUES (16, 1, ?, ?)",
        arguments: [line, Data(hash)]
      )
    },
    Tampering("an entry rewritten, and all hashes made anew", .rewritten, nil) { database in
      try database.execute(
        sql: "UPDATE events SET lines = ? WHERE seq = 4",
        arguments: [database.line(4, "another")]
      )
      try database.rehash(from: 4)
    },
    Tampering("the head gone", .head, nil, sql: "DELETE FROM facts WHERE name = 'head'"),
    Tampering(
      "the log gone together with the head",
      .head,
      nil,
      sql: """
        DELETE FROM events; DELETE FROM facts WHERE name = 'head';
        INSERT INTO settings (name, value) VALUES ('what somebody has set', 'null')
        """
    ),
    Tampering(
      "the head damaged",
      .head,
      nil,
      sql: "UPDATE facts SET value = x'0102' WHERE name = 'head'"
    ),
    Tampering("the stream's name gone", .head, nil, sql: "DELETE FROM facts WHERE name = 'stream'"),
    Tampering(
      "the stream's name changed",
      .changed,
      1...1,
      sql: "UPDATE facts SET value = 'x' WHERE name = 'stream'"
    ),
  ]

  /// Found by whoever has the key, or a head that was kept elsewhere.
  static let whole = [
    Tampering("rewritten with all hashes and the head", .rewritten, nil) { database in
      try database.execute(
        sql: "UPDATE events SET lines = ? WHERE seq = 4",
        arguments: [database.line(4, "another")]
      )
      try database.rehash(from: 4)
      try database.moveHead()
    },
    Tampering("cut off together with the head", .rewritten, nil) { database in
      try database.execute(sql: "DELETE FROM events WHERE seq > 12")
      try database.moveHead()
    },
  ]

  /// Found also without the key: the store says that it has one.
  static let codeless = [
    Tampering("cut off together with a head without a code", .rewritten, nil) { database in
      try database.execute(sql: "DELETE FROM events WHERE seq > 12")
      try database.moveHead()
      try database.execute(sql: "UPDATE facts SET value = substr(value, 1, 40) WHERE name = 'head'")
    }
  ]
}

@Suite struct AuditVerificationTests {
  @Test func `a log that nobody touched is whole`() throws {
    let log = try AuditLog()
    let report = try log.verify()
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.entries == 10)
    #expect(report.events == 15)
    #expect(report.first == 1)
    #expect(report.last == 15)
    #expect(report.signature == .genuine)
    try log.edit { database in
      let last = try database.hash(at: 15)
      #expect(last == report.head.bytes)
    }
  }

  @Test func `an empty log is whole`() throws {
    let folder = try Folder()
    _ = try SQLiteStore(folder.file("a.db")).close()
    let report = try StoreReader(folder.file("a.db")).verifyAudit(head: nil, key: nil)
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.entries == 0)
  }

  @Test(arguments: Tampering.plain)
  func `what is done to a log is named, with the events`(_ tampering: Tampering) throws {
    let log = try AuditLog(key: nil)
    try log.edit(tampering.edit)
    let report = try log.verify(key: nil)
    #expect(
      report.faults.first.map { [$0.kind.rawValue, "\($0.events, default: "-")"] }
        == [tampering.kind.rawValue, "\(tampering.events, default: "-")"],
      "\(report.faults)"
    )
  }

  @Test(arguments: Tampering.plain)
  func `the same is found with the key`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    let report = try log.verify()
    #expect(report.faults.contains { $0.kind == tampering.kind && $0.events == tampering.events })
  }

  @Test(arguments: Tampering.plain.filter { $0.kind == .changed && $0.events != 1...1 })
  func `one changed entry is one fault`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    #expect(try log.verify().faults.count == 1)
  }

  /// A restart is what somebody who has cut a log would wait for.
  @Test(arguments: Tampering.plain + Tampering.whole + Tampering.codeless)
  func `what was done to a log is found also when an engine has gone on with it`(
    _ tampering: Tampering
  ) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    for _ in 1...2 {
      let store = try SQLiteStore(log.path, key: AuditLog.key)
      try AuditLog.write([2, 1], to: store)
      #expect(store.close() == nil)
      #expect(try !log.verify().isWhole)
    }
  }

  @Test(arguments: Tampering.whole + Tampering.codeless)
  func `what fits together is doubted when the log is gone on with`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    #expect(
      store.doubt
        == "what says where the audit log ends was changed by somebody without the key"
    )
  }

  @Test(arguments: [
    (
      "DELETE FROM events WHERE seq > 12",
      "the audit log ends with event 12, and event 15 was the last that was written"
    ),
    ("DELETE FROM events", "the audit log is empty, and event 15 was the last that was written"),
    (
      "DELETE FROM events; DELETE FROM facts",
      "the audit log is gone, and with it what says where it ended"
    ),
    (
      "DELETE FROM facts WHERE name = 'head'",
      "what says where the audit log ends is gone or damaged"
    ),
    (
      "UPDATE events SET hash = zeroblob(32) WHERE seq = 15",
      "the last entry of the audit log is not the one that was written: entries were rewritten"
    ),
  ])
  func `an engine that starts says what is not as it was written`(sql: String, doubt: String) throws
  {
    let log = try AuditLog()
    try log.edit { database in
      try database.execute(sql: "INSERT INTO settings VALUES ('held', 'true')")
      try database.execute(sql: sql)
    }
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    #expect(store.doubt == doubt)
    try AuditLog.write([1], to: store)
    #expect(store.close() == nil)
    #expect(try !log.verify().isWhole)
    // It is doubted once, and found for ever.
    #expect(try SQLiteStore(log.path, key: AuditLog.key).doubt == nil)
  }

  @Test func `a log that nobody touched is gone on with without doubt, also by the first key`()
    throws
  {
    let log = try AuditLog(key: nil)
    for _ in 1...2 {
      let store = try SQLiteStore(log.path, key: AuditLog.key)
      #expect(store.doubt == nil)
      try AuditLog.write([1], to: store)
      #expect(store.close() == nil)
      #expect(try log.verify().isWhole)
    }
  }

  @Test(arguments: Tampering.whole + Tampering.codeless)
  func `what fits together is found by the key`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    let faults = try log.verify().faults
    #expect(faults.map(\.kind) == [tampering.kind], "\(faults)")
  }

  @Test(arguments: Tampering.whole)
  func `what fits together is not found without the key`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    #expect(try log.verify(key: nil).isWhole)
  }

  @Test(arguments: Tampering.codeless)
  func `a head without a code is found without the key`(_ tampering: Tampering) throws {
    let log = try AuditLog()
    try log.edit(tampering.edit)
    #expect(try log.verify(key: nil).faults.map(\.kind) == [.head])
  }

  @Test(arguments: Tampering.whole + Tampering.codeless)
  func `what fits together is found by a head that was kept`(_ tampering: Tampering) throws {
    let log = try AuditLog(key: nil)
    let kept = try log.verify(key: nil).head
    try log.edit(tampering.edit)
    #expect(try log.verify(key: nil).isWhole)
    let faults = try log.verify(head: kept, key: nil).faults
    #expect(faults.map(\.kind) == [.rewritten], "\(faults)")
  }

  @Test func `a changed head is told from a rewritten log by the key`() throws {
    let log = try AuditLog()
    try log.edit {
      try $0.execute(
        sql: "UPDATE facts SET value = zeroblob(32) || substr(value, 33) WHERE name = 'head'"
      )
    }
    #expect(try log.verify().faults.map(\.kind) == [.head])
  }

  @Test func `any head that was kept is found, and how much has come since`() throws {
    let log = try AuditLog()
    var heads: [Int: AuditHash] = [:]
    try log.edit { database in
      for seq in [1, 8, 15] { heads[seq] = AuditHash(try database.hash(at: seq)) }
    }
    #expect(try log.verify(head: heads[1]).known == .init(entry: 1, event: 1, since: 9))
    #expect(try log.verify(head: heads[8]).known == .init(entry: 5, event: 8, since: 5))
    #expect(try log.verify(head: heads[15]).known == .init(entry: 10, event: 15, since: 0))
    #expect(try log.verify(head: heads[8]).isWhole)
  }

  @Test func `a log whose every entry is damaged names fifty places and counts the rest`() throws {
    let folder = try Folder()
    let store = try SQLiteStore(folder.file("a.db"))
    try AuditLog.write(Array(repeating: 1, count: 120), to: store)
    _ = store.close()
    let queue = try DatabaseQueue(path: folder.file("a.db"))
    try queue.write { try $0.execute(sql: "UPDATE events SET lines = lines || ' '") }
    let report = try StoreReader(folder.file("a.db")).verifyAudit(head: nil, key: nil)
    #expect(report.faults.count == 50)
    #expect(report.unnamedFaults == 70)
  }

  @Test func `a hash is read as it is written`() throws {
    let hash = AuditHash(Array(0..<32))
    #expect(AuditHash(hash.description) == hash)
    #expect(AuditHash("12") == nil)
    #expect(AuditHash(String(repeating: "x", count: 64)) == nil)
  }

  @Test func `a log is verified while an engine writes it`() throws {
    let log = try AuditLog()
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    try AuditLog.write([1, 1, 1], to: store)
    let report = try log.verify()
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.entries >= 10)
    _ = store.close()
  }
}
