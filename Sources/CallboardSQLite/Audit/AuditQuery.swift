import Callboard
import Foundation
import GRDB
import Glibc
import JSONSchema

/// Which events of the audit log are wanted.
public struct AuditQuery: Sendable {
  /// A call's id, or its last digits as screens show them.
  public var call: String?
  public var function: NamePattern?
  /// Who did it.
  public var by: String?
  public var since: Date?
  /// So many of the newest.
  public var limit: Int

  public init(
    call: String? = nil,
    function: NamePattern? = nil,
    by: String? = nil,
    since: Date? = nil,
    limit: Int
  ) {
    self.call = call
    self.function = function
    self.by = by
    self.since = since
    self.limit = limit
  }

  /// What must stand in an entry's lines for one of its events to be wanted.
  fileprivate var word: String? {
    call?.lowercased() ?? by.map { JSONValue.string($0).serialized() }
  }

  fileprivate func admits(_ event: JSONValue) -> Bool {
    if let call {
      guard let id = event["call"]?["id"]?.stringValue, id.hasSuffix(call.lowercased()) else {
        return false
      }
    }
    if let function {
      let name = event["call"]?["function"]?.stringValue ?? event["function"]?.stringValue
      guard let name, function.matches(name) else { return false }
    }
    if let by, event["by"]?.stringValue != by { return false }
    if let since { return Self.time(of: event).map { $0 >= since } ?? true }
    return true
  }

  fileprivate static func time(of event: JSONValue) -> Date? {
    event["time"]?.stringValue.flatMap(ISOTime.date(of:))
  }
}

extension StoreReader {
  /// A step that happened while the store took nothing is stored when it does again: so late at most.
  private static let latest = 86400.0

  /// The newest events that a query wants, oldest first, as they stand in the log.
  public func events(_ query: AuditQuery) throws(StoreProblem) -> [JSONValue] {
    try read { database in
      var events: [JSONValue] = []
      let word = query.word.map { Array($0.utf8) }
      let rows = try Row.fetchCursor(
        database,
        sql: "SELECT CAST(lines AS BLOB) FROM events ORDER BY seq DESC"
      )
      search: while events.count < query.limit, let row = try rows.next() {
        let lines: Data? = try row.withUnsafeData(atIndex: 0) { lines in
          guard let lines, word.map({ Self.holds(lines, $0) }) ?? true else { return nil }
          return Data(lines)
        }
        guard let lines else { continue }
        for line in lines.split(separator: UInt8(ascii: "\n")).reversed() {
          guard let event = try? JSONValue(parsing: line, options: .lenient) else { continue }
          if let since = query.since, let time = AuditQuery.time(of: event),
            time < since.addingTimeInterval(-Self.latest)
          {
            break search
          }
          guard query.admits(event) else { continue }
          events.append(event)
          if events.count == query.limit { break }
        }
      }
      return events.reversed()
    }
  }

  private static func holds(_ lines: Data, _ word: [UInt8]) -> Bool {
    guard let first = word.first else { return true }
    return lines.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return false }
      var offset = 0
      while bytes.count - offset >= word.count,
        let found = memchr(base + offset, Int32(first), bytes.count - offset - word.count + 1)
      {
        if memcmp(found, word, word.count) == 0 { return true }
        offset = UnsafeRawPointer(found) - base + 1
      }
      return false
    }
  }
}
