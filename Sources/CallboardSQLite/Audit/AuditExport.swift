import Callboard
import Foundation
import GRDB
import Glibc
import JSONSchema

/// Part of an audit log as a file that can be verified on its own.
///
/// JSON lines: where the part begins, an entry a line, and where it ends. An entry's `lines` are its events exactly as
/// the hash covers them: SHA-256 over the hash before (32 bytes), the count (8 bytes, big-endian) and the lines joined
/// by newlines.
///
///     {"callboard_audit":1,"stream":"…","after":{"seq":0,"hash":"…"}}
///     {"seq":2,"count":2,"hash":"…","lines":["{\"v\":1,\"seq\":1,…}","{\"v\":1,\"seq\":2,…}"]}
///     {"end":{"entries":1,"events":2,"seq":2,"hash":"…"}}
public enum AuditExport {
  /// What an export holds.
  public struct Summary: Sendable, Hashable {
    public var entries = 0
    public var events = 0
    /// Numbers of the first and the last event; nil where there is none.
    public var first: Int?
    public var last: Int?
    /// Of the last entry.
    public var hash: AuditHash
  }

  /// Hands the export over in pieces.
  static func write(
    of database: Database,
    from: Int?,
    to: Int?,
    _ write: ([UInt8]) throws -> Void
  ) throws -> Summary {
    let stream = try StoreReader.fact("stream", in: database).map {
      String(decoding: $0, as: UTF8.self)
    }
    let checkpoint = try AuditCheckpoint.last(in: database)
    let start = try self.start(
      of: database,
      from: from ?? 0,
      otherwise: StoreReader.start(after: checkpoint, stream)
    )
    var buffer: [UInt8] = []
    func line(_ object: JSONValue) throws {
      object.write(into: &buffer)
      buffer.append(UInt8(ascii: "\n"))
      guard buffer.count >= 1 << 18 else { return }
      try write(buffer)
      buffer.removeAll(keepingCapacity: true)
    }
    try line([
      "callboard_audit": 1, "stream": stream.map(JSONValue.string) ?? .null,
      "after": [
        "seq": .integer(Int64(start.sequence)), "hash": .string(AuditHash(start.hash).description),
      ],
    ])
    var summary = Summary(hash: AuditHash(start.hash))
    try StoreReader.forEachEntry(of: database, after: start.sequence, to: to) {
      sequence,
      count,
      lines,
      hash in
      let text = String(decoding: lines, as: UTF8.self)
      let stored = AuditHash(hash)
      try line([
        "seq": .integer(Int64(sequence)), "count": .integer(Int64(count)),
        "hash": .string(stored.description),
        "lines": .array(
          text.split(separator: "\n", omittingEmptySubsequences: false).map { .string(String($0)) }
        ),
      ])
      summary.entries += 1
      summary.events &+= count
      if summary.first == nil { summary.first = sequence &- count &+ 1 }
      summary.last = sequence
      summary.hash = stored
    }
    try line([
      "end": [
        "entries": .integer(Int64(summary.entries)), "events": .integer(Int64(summary.events)),
        "seq": .integer(Int64(summary.last ?? start.sequence)),
        "hash": .string(summary.hash.description),
      ]
    ])
    try write(buffer)
    return summary
  }

  /// The entry before the first that has an event of this number or a later one.
  private static func start(
    of database: Database,
    from: Int,
    otherwise: AuditVerifier.Start
  ) throws -> AuditVerifier.Start {
    let row = try Row.fetchOne(
      database,
      sql: "SELECT seq, CAST(hash AS BLOB) FROM events WHERE seq < ? ORDER BY seq DESC LIMIT 1",
      arguments: [from]
    )
    guard let row else { return otherwise }
    return AuditVerifier.Start(sequence: row[0], hash: Array(row[1] as Data))
  }

  /// Verifies an export by itself: its chain from where it says that it begins.
  ///
  /// `head` is one that was kept elsewhere. Throws where the file is no export, and says in which line.
  public static func verify(
    _ path: String,
    head wanted: AuditHash?
  ) throws(StoreProblem) -> AuditReport {
    let clock = ContinuousClock()
    let began = clock.now
    var lines = try LineReader(path)
    func problem(_ what: String) -> StoreProblem {
      StoreProblem(.wrongFile, "\(path):\(lines.number): \(what)")
    }
    guard let opening = try lines.next().flatMap({ try? JSONValue(parsing: $0) }),
      opening["callboard_audit"]?.intValue == 1,
      let after = opening["after"].flatMap(place)
    else { throw problem("this is no export of an audit log; name one that audit export has made") }
    let stream = opening["stream"]?.stringValue
    var verifier = AuditVerifier(from: after, wanted: wanted, headName: "the file's last line")
    if after.sequence == 0, let stream, after.hash != AuditChain.start(of: stream) {
      verifier.add(.head, nil, "the file's first line is not how the stream \(stream) begins")
    }
    var end: AuditVerifier.Head?
    var number = 0
    while let line = try lines.next() {
      guard let object = try? JSONValue(parsing: line) else { throw problem("this is no JSON") }
      if let place = object["end"].flatMap(place), end == nil {
        end = AuditVerifier.Head(sequence: place.sequence, hash: place.hash, signature: .unchecked)
        number = Int(object["end"]?["entries"]?.intValue ?? 0)
        continue
      }
      guard let place = place(object), let count = object["count"]?.intValue,
        let texts = object["lines"]?.arrayValue?.map(\.stringValue)
      else { throw problem("this is no entry of an audit log") }
      let bytes = Array(texts.map { $0 ?? "" }.joined(separator: "\n").utf8)
      bytes.withUnsafeBytes {
        verifier.take(place.sequence, count: Int(count), $0, place.hash)
      }
    }
    if let end {
      verifier.finish(end)
      if number != verifier.entries, verifier.faults.isEmpty {
        verifier.add(.head, nil, "the file's last line says that there are \(number) entries")
      }
    } else {
      verifier.add(
        .cutOff,
        nil,
        "the file has no last line that says where it ends: it was cut off"
      )
      verifier.checkWanted()
    }
    var report = AuditReport(
      verifier,
      start: after.sequence,
      stream: stream,
      signature: .none
    )
    report.seconds = (clock.now - began) / .seconds(1)
    return report
  }

  private static func place(_ object: JSONValue) -> AuditVerifier.Start? {
    guard let sequence = object["seq"]?.intValue,
      let hash = object["hash"]?.stringValue.flatMap(AuditHash.init)
    else { return nil }
    return AuditVerifier.Start(sequence: Int(sequence), hash: hash.bytes)
  }

  /// Lines of a file, a part of it in memory.
  private struct LineReader {
    private(set) var number = 0
    private let path: String
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var start = 0
    /// Longest line that is taken, in MiB.
    private static let limit = 256

    init(_ path: String) throws(StoreProblem) {
      self.path = path
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        let why = String(cString: strerror(errno))
        throw StoreProblem(.wrongFile, "\(path) can't be read: \(why); check the path")
      }
      handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// The next line; the last may have no end.
    mutating func next() throws(StoreProblem) -> [UInt8]? {
      var searched = start
      while true {
        if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
          defer { start = end + 1 }
          number += 1
          return Array(buffer[start..<end])
        }
        searched = buffer.count - start
        buffer.removeFirst(start)
        start = 0
        guard searched <= Self.limit << 20 else {
          throw StoreProblem(
            .wrongFile,
            "\(path):\(number + 1): the line is longer than \(Self.limit) MiB, so this is no export of an audit log"
          )
        }
        let more: Data?
        do {
          more = try handle.read(upToCount: 1 << 20)
        } catch {
          throw StoreProblem(.wrongFile, "\(path) can't be read: \(error); name a file")
        }
        guard let more, !more.isEmpty else { break }
        buffer += more
      }
      guard !buffer.isEmpty else { return nil }
      defer { buffer = [] }
      number += 1
      return buffer
    }
  }
}

extension StoreReader {
  /// Writes the entries that hold events of these numbers, in pieces, as one export.
  public func exportAudit(
    from: Int?,
    to: Int?,
    _ write: ([UInt8]) throws -> Void
  ) throws -> AuditExport.Summary {
    try queue.read { try AuditExport.write(of: $0, from: from, to: to, write) }
  }
}
