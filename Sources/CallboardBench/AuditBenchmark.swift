import Callboard
import CallboardSQLite
import Foundation
import JSONSchema

/// `callboard-bench audit N [FOLDER]`: how long it takes to verify an audit log of N calls.
///
/// Each tells what a call that has run tells: four events. What several tell in one commit may be one entry.
enum AuditBenchmark {
  static func run(calls: Int, in folder: String) throws {
    let folder = folder + "/callboard-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/audit.db"
    let key = Sealer.MasterKey()
    try write(calls, to: try SQLiteStore(path, key: key))
    let reader = try StoreReader(path)
    let report = try reader.verifyAudit(head: nil, key: key)
    let info = try reader.info()
    say([
      "measure": "verification of an audit log", "calls": .integer(Int64(calls)),
      "entries": .integer(Int64(report.entries)), "events": .integer(Int64(report.events)),
      "bytes": .integer(Int64(info.size)),
      "secs": .double(report.seconds),
      "events_per_s": .double(Double(report.events) / report.seconds),
      "whole": .bool(report.isWhole), "rss_mb": .double(residentMegabytes()),
      "bar_secs": 10, "ok": .bool(report.isWhole && report.seconds < 10),
    ])
  }

  private static func write(_ calls: Int, to store: SQLiteStore) throws {
    let states: [CallState.Word] = [.received, .queued, .running, .succeeded]
    let now = Date.now
    for number in 0..<calls {
      let part = EngineEvent.CallPart(
        id: CallID(UUIDv7(high: 1, low: UInt64(number))),
        function: "bench.searchProperties",
        caller: "bench",
        conversation: nil,
        state: .received,
        attempt: nil,
        revision: 1,
        link: nil
      )
      let events = states.map { state in
        EngineEvent(time: now, type: .call(state), call: part, cause: "as the bench says")
      }
      _ = try store.commit(StoreChange(events: events))
      // Not faster than the disk: what is in line is in memory.
      while number.isMultiple(of: 4096), store.lastSequence < (number - 50_000) * states.count {
        usleep(1000)
      }
    }
    if let fault = store.close() { throw fault }
  }
}
