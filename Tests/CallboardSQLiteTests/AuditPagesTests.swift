import Callboard
import Foundation
import GRDB
import Testing

@testable import CallboardSQLite

@Suite struct AuditPagesTests {
  @Test func `what the audit log takes is what SQLite says it takes`() throws {
    let folder = NSTemporaryDirectory() + "callboard-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/pages.db"
    let store = try SQLiteStore(path)
    // Short, as most are, as long as a page, and far longer.
    for number in 0..<3000 {
      let length = [40, 300, 700, 1100, 2000, 3900, 4000, 9000, 30_000][number % 9]
      let event = AuditLog.event(String(repeating: "y", count: length), day: 0)
      _ = try store.commit(StoreChange(events: [event]))
    }
    #expect(store.close() == nil)
    let queue = try DatabaseQueue(path: path)
    try queue.read { database in
      guard
        let pages = try? Int.fetchOne(
          database,
          sql: "SELECT COUNT(*) FROM dbstat WHERE name = 'events'"
        )
      else { return print("audit pages: this SQLite has no dbstat to hold them against") }
      let reckoned = try AuditPages(of: database).bytes / 4096
      #expect(abs(reckoned - pages) * 200 <= pages, "\(reckoned) pages, and there are \(pages)")
    }
  }
}
