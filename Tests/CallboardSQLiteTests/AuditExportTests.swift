import Callboard
import Foundation
import GRDB
import JSONSchema
import Testing

@testable import CallboardSQLite

@Suite struct AuditExportTests {
  /// The lines of an export.
  private func export(_ log: AuditLog, from: Int? = nil, to: Int? = nil) throws -> [String] {
    var bytes: [UInt8] = []
    _ = try StoreReader(log.path).exportAudit(from: from, to: to) { bytes += $0 }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private func verify(
    _ lines: [String],
    _ log: AuditLog,
    head: AuditHash? = nil
  ) throws -> AuditReport {
    let file = log.folder.file("export.jsonl")
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: file,
      atomically: true,
      encoding: .utf8
    )
    return try AuditExport.verify(file, head: head)
  }

  @Test func `an export is whole by itself, and ends where the log does`() throws {
    let log = try AuditLog()
    let report = try verify(try export(log), log)
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.entries == 10)
    #expect(report.events == 15)
    #expect(report.head == (try log.verify().head))
  }

  @Test func `part of a log is exported with the whole entries that its events are in`() throws {
    let log = try AuditLog()
    let report = try verify(try export(log, from: 6, to: 10), log)
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.first == 5)
    #expect(report.last == 11)
    #expect(report.start == 4)
  }

  @Test func `events stand in an export as they stand in the log`() throws {
    let log = try AuditLog()
    let entry = try JSONValue(parsing: try export(log)[2])
    let texts = try #require(entry["lines"]?.arrayValue).compactMap(\.stringValue)
    #expect(texts.count == 2)
    #expect(try JSONValue(parsing: texts[1])["cause"] == "entry 2, event 2")
  }

  @Test(arguments: [
    ("a changed line", AuditFault.Kind.changed), ("a removed line", .removed),
    ("lines that were swapped", .inserted), ("the end cut off", .cutOff),
    ("the last line gone", .cutOff), ("another beginning", .head),
  ])
  func `what is done to an export is named`(_ what: String, _ kind: AuditFault.Kind) throws {
    let log = try AuditLog()
    var lines = try export(log)
    switch what {
    case "a changed line": lines[3] = lines[3].replacing("entry 3", with: "entry 9")
    case "a removed line": lines.remove(at: 4)
    case "lines that were swapped": lines.swapAt(5, 6)
    case "the end cut off": lines.remove(at: lines.count - 2)
    case "the last line gone": lines.removeLast()
    default: lines[0] = lines[0].replacing("\"stream\":\"", with: "\"stream\":\"x")
    }
    let report = try verify(lines, log)
    #expect(report.faults.contains { $0.kind == kind }, "\(report.faults)")
  }

  @Test func `an export that was made anew as a whole is found by a head that was kept`() throws {
    let log = try AuditLog(key: nil)
    let kept = try log.verify(key: nil).head
    #expect(try verify(try export(log), log, head: kept).known?.since == 0)
    try log.edit { database in
      try database.execute(
        sql: "UPDATE events SET lines = ? WHERE seq = 4",
        arguments: [database.line(4, "another")]
      )
      try database.rehash(from: 4)
    }
    #expect(try verify(try export(log), log).isWhole)
    #expect(try verify(try export(log), log, head: kept).faults.map(\.kind) == [.rewritten])
  }

  @Test(arguments: ["", "{}", "no JSON", #"{"callboard_audit":1}"#])
  func `what is no export is refused with file and line`(_ text: String) throws {
    let log = try AuditLog()
    do {
      _ = try verify([text], log)
      Issue.record("it was taken")
    } catch let problem as StoreProblem {
      #expect(problem.kind == .wrongFile)
      #expect(problem.description.contains("export.jsonl:"))
    }
  }

  @Test func `events are found by call, function, person and age`() throws {
    let log = try AuditLog()
    let reader = try StoreReader(log.path)
    #expect(try reader.events(AuditQuery(limit: .max)).count == 15)
    #expect(
      try reader.events(AuditQuery(limit: 4)).map { $0["seq"]?.intValue } == [12, 13, 14, 15]
    )
    #expect(try reader.events(AuditQuery(by: "ben", limit: .max)).count == 9)
    #expect(try reader.events(AuditQuery(by: "be", limit: .max)).isEmpty)
    let since = AuditLog.start.addingTimeInterval(8 * 86400)
    #expect(try reader.events(AuditQuery(since: since, limit: .max)).count == 3)
    #expect(try reader.events(AuditQuery(call: "ffffff", limit: .max)).isEmpty)
    #expect(try reader.events(AuditQuery(function: "t.*", limit: .max)).isEmpty)
  }
}

@Suite struct AuditArchiveTests {
  private let now = AuditLog.start.addingTimeInterval(20 * 86400)

  private func archive(
    _ log: AuditLog,
    days: Double,
    key: Sealer.MasterKey? = AuditLog.key
  ) throws -> AuditArchive.Archived {
    try AuditArchive.archive(
      log.path,
      before: AuditLog.start.addingTimeInterval(days * 86400),
      into: log.folder.file("archive"),
      key: key,
      now: now
    )
  }

  @Test func `old entries are in a file that is whole, and the log begins behind them`() throws {
    let log = try AuditLog()
    let head = try log.verify().head
    let archived = try archive(log, days: 3.5)
    let checkpoint = try #require(archived.checkpoint)
    #expect(archived.first == 1)
    #expect(checkpoint.sequence == 7)
    #expect(checkpoint.entries == 4)
    let report = try log.verify()
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.start == 7)
    #expect(report.entries == 6)
    #expect(report.head == head)
    #expect(report.checkpoints.map(\.file) == [checkpoint.file])
    let exported = try AuditExport.verify(checkpoint.file, head: checkpoint.hash)
    #expect(exported.isWhole, "\(exported.faults)")
    #expect(exported.last == 7)
    let mode = try FileManager.default.attributesOfItem(atPath: checkpoint.file)[.posixPermissions]
    #expect(mode as? Int == 0o600)
  }

  @Test func `a second archive goes on where the first ended`() throws {
    let log = try AuditLog()
    _ = try archive(log, days: 3.5)
    let second = try archive(log, days: 6.5)
    #expect(second.first == 8)
    #expect(second.checkpoint?.sequence == 11)
    let report = try log.verify()
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.checkpoints.count == 2)
    let file = try #require(second.checkpoint?.file)
    #expect(try AuditExport.verify(file, head: nil).start == 7)
  }

  @Test func `a log that is archived as a whole goes on from its checkpoint`() throws {
    let log = try AuditLog()
    #expect(try archive(log, days: 100).checkpoint?.sequence == 15)
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    #expect(store.lastSequence == 15)
    try AuditLog.write([2], to: store)
    _ = store.close()
    let report = try log.verify()
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.first == 16)
    #expect(report.last == 17)
  }

  @Test func `where nothing is old enough, nothing is done`() throws {
    let log = try AuditLog()
    #expect(try archive(log, days: 0).checkpoint == nil)
    #expect(try log.verify().entries == 10)
    #expect(!FileManager.default.fileExists(atPath: log.folder.file("archive")))
  }

  @Test func `a file that a run left before its entries went is taken as it is`() throws {
    let log = try AuditLog()
    let copy = log.folder.file("copy.db")
    _ = try StoreReader(log.path).backup(to: copy, key: nil)
    let first = try #require(try archive(log, days: 3.5).checkpoint)
    for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: log.path + end) }
    try FileManager.default.moveItem(atPath: copy, toPath: log.path)
    #expect(try archive(log, days: 3.5).checkpoint?.file == first.file)
    #expect(try log.verify().isWhole)
  }

  @Test func `nothing is archived from a log that is not whole`() throws {
    let log = try AuditLog()
    try log.edit { try $0.execute(sql: "DELETE FROM events WHERE seq = 4") }
    #expect(throws: StoreProblem.self) { try archive(log, days: 3.5) }
    #expect(try StoreReader(log.path).info().entries == 9)
  }

  @Test func `a signed log is archived with its key only`() throws {
    let log = try AuditLog()
    #expect(throws: StoreProblem.self) { try archive(log, days: 3.5, key: nil) }
    #expect(try log.verify().entries == 10)
  }

  @Test func `nothing is archived while an engine holds the store, and it says which`() throws {
    let log = try AuditLog()
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    do {
      _ = try archive(log, days: 3.5)
      Issue.record("it archived")
    } catch let problem as StoreProblem {
      #expect(problem.description.contains("process \(getpid())"), "\(problem)")
    }
    _ = store.close()
  }

  @Test(arguments: [
    "UPDATE checkpoints SET hash = zeroblob(32)", "UPDATE checkpoints SET entries = 3",
    "UPDATE checkpoints SET code = NULL", "DELETE FROM checkpoints",
    "UPDATE checkpoints SET seq = 8; DELETE FROM events WHERE seq = 8",
  ])
  func `a checkpoint that somebody changed is found`(_ sql: String) throws {
    let log = try AuditLog()
    _ = try archive(log, days: 3.5)
    try log.edit { try $0.execute(sql: sql) }
    #expect(!(try log.verify().isWhole))
  }

  /// Entries are taken out, and what says that they are in an archive is made up.
  @Test func `a checkpoint that was made up is found or told without the key`() throws {
    let log = try AuditLog()
    try log.edit { database in
      try database.execute(
        sql: """
          INSERT INTO checkpoints (seq, hash, time, file, entries, after)
            SELECT seq, hash, 0, 'elsewhere.jsonl', 4, 0 FROM events WHERE seq = 7;
          DELETE FROM events WHERE seq <= 7
          """
      )
    }
    #expect(try log.verify(key: nil).faults.map(\.kind) == [.checkpoint])
    try log.edit { try $0.execute(sql: "UPDATE checkpoints SET code = zeroblob(32)") }
    let report = try log.verify(key: nil)
    #expect(report.isWhole && report.hasUncheckedCheckpoints)
    #expect(try log.verify().faults.map(\.kind) == [.checkpoint])
  }

  @Test(arguments: [
    "DELETE FROM checkpoints WHERE seq = 7",
    "DELETE FROM checkpoints WHERE seq = 7; UPDATE checkpoints SET after = 0",
    "UPDATE checkpoints SET after = NULL WHERE seq = 11", "DELETE FROM checkpoints WHERE seq = 11",
  ])
  func `one of two checkpoints that somebody took out is missed`(_ sql: String) throws {
    let log = try AuditLog()
    _ = try archive(log, days: 3.5)
    _ = try archive(log, days: 6.5)
    #expect(try log.verify().isWhole)
    try log.edit { try $0.execute(sql: sql) }
    #expect(!(try log.verify().isWhole))
  }
}
