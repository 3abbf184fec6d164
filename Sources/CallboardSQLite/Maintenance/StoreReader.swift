import Callboard
import Foundation
import GRDB
import Glibc
import JSONSchema

/// A store file as whoever looks after it sees it: read-only, also while an engine holds it.
public final class StoreReader: Sendable {
  public let path: String
  let queue: DatabaseQueue

  /// Throws a sentence where there is no store of this or an older version.
  public init(_ path: String) throws(StoreProblem) {
    let path = URL(filePath: path).path
    self.path = path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw StoreProblem("\(path) is not there; name the store with --store")
    }
    guard !isFolder.boolValue else {
      throw StoreProblem(.wrongFile, "\(path) is a folder; name the store's file")
    }
    do {
      queue = try StoreOpening.readOnly(path)
      try queue.read { database in
        if let refusal = try StoreOpening.refusal(of: database, at: path) {
          throw StoreProblem(.wrongFile, refusal)
        }
        guard try database.tableExists("events") else {
          throw StoreProblem(.wrongFile, "\(path) is no store: it has no audit log")
        }
      }
    } catch {
      throw StoreProblem(error, at: path)
    }
  }

  func read<Value>(_ body: (Database) throws -> Value) throws(StoreProblem) -> Value {
    do {
      return try queue.read(body)
    } catch {
      throw StoreProblem(error, at: path)
    }
  }

  // MARK: - The audit log

  /// Follows the chain from its beginning, or from where it was last archived, to its end.
  ///
  /// `head` is one that was kept elsewhere. With the key it is also found out when somebody has made all hashes anew.
  public func verifyAudit(
    head: AuditHash?,
    key: Sealer.MasterKey?
  ) throws(StoreProblem) -> AuditReport {
    try read { try Self.verifyAudit(of: $0, head: head, key: key) }
  }

  static func verifyAudit(
    of database: Database,
    head wanted: AuditHash?,
    key: Sealer.MasterKey?
  ) throws -> AuditReport {
    let clock = ContinuousClock()
    let began = clock.now
    let stream = try Self.fact("stream", in: database).map { String(decoding: $0, as: UTF8.self) }
    let checkpoints = try AuditCheckpoint.all(in: database)
    let start = Self.start(after: checkpoints.last, stream)
    var verifier = AuditVerifier(from: start, wanted: wanted, headName: "the head in the store")
    if let key {
      for checkpoint in checkpoints where !checkpoint.isSigned(with: key) {
        verifier.add(
          .checkpoint,
          nil,
          "the checkpoint at event \(checkpoint.sequence) is not signed with this key: it was changed, or the archive was made without the key"
        )
      }
    } else if try Self.fact("key", in: database) != nil {
      for checkpoint in checkpoints where checkpoint.code == nil {
        verifier.add(
          .checkpoint,
          nil,
          "the checkpoint at event \(checkpoint.sequence) has no code, and this store signs its log: somebody without the key wrote it"
        )
      }
    }
    for (checkpoint, before) in zip(checkpoints, [0] + checkpoints.map(\.sequence)) {
      guard let after = checkpoint.after, after != before else { continue }
      verifier.add(
        .checkpoint,
        nil,
        "the checkpoint at event \(checkpoint.sequence) was made after one at event \(after), and that one is gone: nothing here names the file with the entries up to there"
      )
    }
    if stream == nil, checkpoints.isEmpty {
      verifier.add(
        .head,
        nil,
        "the stream's name is gone, and with it the hash before the first entry"
      )
    }
    try forEachEntry(of: database, after: nil, to: nil) { sequence, count, lines, hash in
      verifier.take(sequence, count: count, lines, hash)
    }
    let head = try Self.fact("head", in: database).map { Array($0) }
    let (last, signature) = Self.head(head, key)
    if head == nil, checkpoints.isEmpty, try AuditEnd.isGone(in: database) {
      verifier.add(
        .head,
        nil,
        "the audit log is gone, and with it what says where it ended: there are calls or conversations, and no entry"
      )
    }
    if key == nil, let head, head.count == 40, try Self.fact("key", in: database) != nil {
      verifier.add(
        .head,
        nil,
        "the head in the store has no code, and this store signs it: somebody without the key wrote it"
      )
    }
    if let head, last == nil {
      verifier.add(.head, nil, "the head in the store is damaged: it has \(head.count) bytes")
      verifier.checkWanted()
    } else {
      verifier.finish(last)
    }
    var report = AuditReport(
      verifier,
      start: start.sequence,
      stream: stream,
      signature: signature
    )
    report.checkpoints = checkpoints
    report.hasUncheckedCheckpoints = key == nil && checkpoints.contains { $0.code != nil }
    report.seconds = (clock.now - began) / .seconds(1)
    return report
  }

  /// Where the chain begins that is in the file.
  static func start(
    after checkpoint: AuditCheckpoint?,
    _ stream: String?
  ) -> AuditVerifier.Start {
    checkpoint.map { AuditVerifier.Start(sequence: $0.sequence, hash: $0.hash.bytes) }
      ?? AuditVerifier.Start(sequence: 0, hash: AuditChain.start(of: stream ?? ""))
  }

  /// Entries in order, whatever somebody has put into their columns.
  static func forEachEntry(
    of database: Database,
    after: Int?,
    to last: Int?,
    _ body: (Int, Int, UnsafeRawBufferPointer, [UInt8]) throws -> Void
  ) throws {
    var conditions: [String] = []
    if let after { conditions.append("seq > \(after)") }
    if let last { conditions.append("seq - count < \(last)") }
    let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT seq, CAST(count AS INTEGER), CAST(lines AS BLOB), CAST(hash AS BLOB) FROM events
        \(condition) ORDER BY seq
        """
    )
    while let row = try rows.next() {
      let hash = try row.withUnsafeData(atIndex: 3) { Array($0 ?? Data()) }
      try row.withUnsafeData(atIndex: 2) { lines in
        try (lines ?? Data()).withUnsafeBytes { try body(row[0], row[1], $0, hash) }
      }
    }
  }

  static func fact(_ name: String, in database: Database) throws -> Data? {
    try Data.fetchOne(
      database,
      sql: "SELECT CAST(value AS BLOB) FROM facts WHERE name = ?",
      arguments: [name]
    )
  }

  static func head(
    _ bytes: [UInt8]?,
    _ key: Sealer.MasterKey?
  ) -> (AuditVerifier.Head?, AuditReport.Signature) {
    guard let bytes, bytes.count == 40 || bytes.count == 72 else { return (nil, .none) }
    let number = bytes[32..<40].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let code = bytes.count == 72 ? Array(bytes[40...]) : nil
    let signature: AuditVerifier.Head.Signature =
      if let key {
        code.map { $0 == key.auditCode(of: Array(bytes[..<40])) ? .genuine : .wrong } ?? .missing
      } else {
        .unchecked
      }
    let told: AuditReport.Signature =
      switch signature {
      case .unchecked: code == nil ? .none : .unchecked
      case .genuine: .genuine
      case .missing, .wrong: .wrong
      }
    let head = AuditVerifier.Head(
      sequence: Int(clamping: number),
      hash: Array(bytes[..<32]),
      signature: signature
    )
    return (head, told)
  }
}
