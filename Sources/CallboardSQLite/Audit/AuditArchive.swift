import Callboard
import Foundation
import GRDB
import Glibc
import JSONSchema

/// Takes the oldest entries of an audit log out of the store, into a file that is verified before they go.
public enum AuditArchive {
  /// What was archived.
  public struct Archived: Sendable, Hashable {
    /// Nil where no entry was old enough.
    public var checkpoint: AuditCheckpoint?
    /// Number of the first event that was archived.
    public var first: Int?
  }

  /// Archives every entry that was written before a moment, into a file in `folder`, and leaves a checkpoint.
  ///
  /// Throws where an engine holds the store, the log is not whole, or the file can't be written: then nothing has
  /// happened to the log. A log whose head is signed wants its key.
  public static func archive(
    _ path: String,
    before cutoff: Date,
    into folder: String,
    key: Sealer.MasterKey?,
    now: Date
  ) throws(StoreProblem) -> Archived {
    let path = URL(filePath: path).resolvingSymlinksInPath().path
    guard FileManager.default.fileExists(atPath: path) else {
      throw StoreProblem("\(path) is not there; name the store with --store")
    }
    let hold = try StoreHold(path: path)
    defer { withExtendedLifetime(hold) {} }
    let opened = try StoreOpening.open(path, key: key)
    defer { try? opened.pool.close() }
    do {
      return try archive(opened.pool, before: cutoff, into: folder, key: key, now: now)
    } catch {
      throw StoreProblem(error, at: path)
    }
  }

  private static func archive(
    _ pool: DatabasePool,
    before cutoff: Date,
    into folder: String,
    key: Sealer.MasterKey?,
    now: Date
  ) throws -> Archived {
    let report = try pool.read { try StoreReader.verifyAudit(of: $0, head: nil, key: key) }
    if report.signature == .unchecked {
      throw StoreProblem(
        "the audit log is signed; name its key with --key, so that the checkpoint is signed too"
      )
    }
    if let fault = report.faults.first {
      throw StoreProblem(
        .damaged,
        "the audit log is not whole, so nothing was archived: \(fault); see audit verify"
      )
    }
    guard let last = try pool.read({ try lastEntry(of: $0, before: cutoff) }) else {
      return Archived()
    }
    let (file, summary) = try pool.read { database in
      try export(of: database, to: last, report.stream ?? "", into: folder)
    }
    let checkpoint = AuditCheckpoint(
      sequence: last,
      hash: summary.hash,
      time: now,
      file: file,
      entries: summary.entries,
      after: report.checkpoints.last?.sequence ?? 0
    ).signed(with: key)
    try pool.writeWithoutTransaction { database in
      try database.inTransaction(.immediate) {
        try checkpoint.insert(into: database)
        try database.execute(sql: "DELETE FROM events WHERE seq <= ?", arguments: [last])
        return .commit
      }
    }
    return Archived(checkpoint: checkpoint, first: summary.first)
  }

  /// Number of the last event of the last entry before which every entry is old enough.
  private static func lastEntry(of database: Database, before cutoff: Date) throws -> Int? {
    var last: Int?
    let rows = try Row.fetchCursor(database, sql: "SELECT seq, lines FROM events ORDER BY seq")
    while let row = try rows.next() {
      let lines: Data = row[1]
      let newest = lines.split(separator: UInt8(ascii: "\n")).compactMap { line in
        (try? JSONValue(parsing: line, options: .lenient))?["time"]?.stringValue
          .flatMap(ISOTime.date(of:))
      }.max()
      guard let newest, newest < cutoff else { break }
      last = row[0]
    }
    return last
  }

  /// Writes the file under another name, syncs and verifies it, and gives it its name.
  private static func export(
    of database: Database,
    to last: Int,
    _ stream: String,
    into folder: String
  ) throws -> (file: String, AuditExport.Summary) {
    let folder = URL(filePath: folder).path
    try FileManager.default.createDirectory(
      atPath: folder,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let first =
      try Int.fetchOne(database, sql: "SELECT seq - count + 1 FROM events ORDER BY seq LIMIT 1")
      ?? 1
    let file = "\(folder)/audit-\(stream.prefix(8))-\(first)-\(last).jsonl"
    let partial = file + ".partial"
    let summary = try DurableFile.write(partial) { write in
      try AuditExport.write(of: database, from: nil, to: last, write)
    }
    try verify(partial, summary, last)
    // A run that ended before its entries were removed has left the same file.
    if FileManager.default.fileExists(atPath: file) {
      try verify(file, summary, last)
    }
    try DurableFile.move(partial, to: file)
    return (file, summary)
  }

  private static func verify(
    _ file: String,
    _ summary: AuditExport.Summary,
    _ last: Int
  ) throws {
    let report = try AuditExport.verify(file, head: summary.hash)
    guard report.isWhole, report.last == last, report.head == summary.hash,
      report.entries == summary.entries
    else {
      throw StoreProblem(
        "\(file) does not hold what was to be archived, so nothing was removed: \(report.faults.first.map { "\($0)" } ?? "it is another export"); move it away"
      )
    }
  }
}

/// Files that are whole on disk before they have their name.
enum DurableFile {
  /// Writes a file that only its owner can read, and syncs it.
  static func write<Outcome>(
    _ path: String,
    _ body: (([UInt8]) throws -> Void) throws -> Outcome
  ) throws -> Outcome {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem("\(path) can't be written") }
    defer { close(descriptor) }
    let outcome = try body { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
          if errno == EINTR { continue }
          throw problem("\(path) can't be written")
        }
        rest = rest.dropFirst(count)
      }
    }
    guard fsync(descriptor) == 0 else { throw problem("\(path) can't be written to the disk") }
    return outcome
  }

  /// Gives a file its name, and syncs the folder so that the name is on disk too.
  static func move(_ path: String, to name: String) throws {
    guard rename(path, name) == 0 else { throw problem("\(path) can't be renamed to \(name)") }
    try syncFolder(of: name)
  }

  static func syncFolder(of path: String) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw problem("\(folder) can't be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw problem("\(folder) can't be written to the disk") }
  }

  static func sync(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw problem("\(path) can't be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw problem("\(path) can't be written to the disk") }
  }

  private static func problem(_ what: String) -> StoreProblem {
    StoreProblem("\(what): \(String(cString: strerror(errno)))")
  }
}
