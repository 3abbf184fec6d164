import Callboard
import Foundation
import GRDB
import JSONSchema

extension StoreReader {
  /// What happened between two moments; also while an engine runs on the store.
  public func report(
    since: Date,
    until: Date,
    sums: [ReportSum]
  ) throws(StoreProblem) -> ShiftReport {
    try read { database in
      var builder = ShiftReportBuilder(since: since, until: until, sums: sums)
      let from = ShiftReportBuilder.readsSince(since, until: until)
      let first = try Self.firstEntry(of: database, since: from)
      try Self.forEachEntry(of: database, after: first.map { $0 - 1 }, to: nil) { _, _, lines, _ in
        for line in lines.split(separator: UInt8(ascii: "\n")) {
          guard let json = try? JSONValue(parsing: Array(line), options: .lenient),
            let event = EngineEvent(json)
          else { continue }
          builder.take(event)
        }
      }
      var report = builder.finished(open: try Self.open(in: database))
      if let checkpoint = try AuditCheckpoint.last(in: database), checkpoint.time > since {
        report.gap =
          "the log was archived up to event \(checkpoint.sequence): what is in \(checkpoint.file) is not in here"
      }
      return report
    }
  }

  /// A step that happened while the store took nothing is stored when it does again: so late at most.
  private static let latest = 86_400.0

  /// The first entry that may hold an event of this moment or later: entries are in the order of time, nearly.
  private static func firstEntry(of database: Database, since: Date) throws -> Int? {
    let wanted = since.addingTimeInterval(-latest)
    let bounds = try Row.fetchOne(database, sql: "SELECT MIN(seq), MAX(seq) FROM events")
    guard var low = bounds?[0] as Int?, var high = bounds?[1] as Int? else { return nil }
    while low < high {
      let middle = low + (high - low) / 2
      let row = try Row.fetchOne(
        database,
        sql: "SELECT seq, CAST(lines AS BLOB) FROM events WHERE seq >= ? ORDER BY seq LIMIT 1",
        arguments: [middle]
      )
      guard let row, let lines = row[1] as Data?,
        let line = lines.split(separator: UInt8(ascii: "\n")).first,
        let event = try? JSONValue(parsing: Array(line), options: .lenient),
        let time = event["time"]?.stringValue.flatMap(ISOTime.date(of:))
      else { return low }
      if time < wanted { low = max(middle, row[0]) + 1 } else { high = middle }
    }
    return low
  }

  /// Calls that need a person now.
  private static func open(in database: Database) throws -> [ShiftReport.Open] {
    let words = CallState.Word.allCases.filter(\.needsPerson).map { "'\($0.rawValue)'" }
    let records = try Data.fetchCursor(
      database,
      sql: """
        SELECT record FROM calls WHERE ended IS NULL AND state IN (\(words.joined(separator: ",")))
        ORDER BY id LIMIT \(ShiftReportBuilder.followedCalls)
        """
    )
    var open: [ShiftReport.Open] = []
    while let record = try records.next() {
      let call = try StoredForm.call(record)
      let asked = call.state.word == .awaitingApproval ? call.approval?.askedAt : nil
      let since = asked ?? call.history.last { $0.state == call.state.word }?.at
      open.append(
        ShiftReport.Open(
          call: call.id,
          function: call.function,
          caller: call.caller.name,
          state: call.state.word,
          since: since ?? call.receivedAt
        )
      )
    }
    return open
  }
}
