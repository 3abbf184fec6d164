import GRDB

/// How many pages the audit log takes in the file, reckoned from the lengths of its entries.
///
/// Entries come at the end and fill one page after the other, so that what fits where can be told without reading the
/// pages ("B-tree Pages" and "Record Format" of SQLite's file format).
struct AuditPages {
  private let pageSize: Int
  private var leaves = 0
  /// Used of the last leaf.
  private var used = 0
  private var overflowing = 0

  init(pageSize: Int) { self.pageSize = pageSize }

  /// Reckons with every entry that is there.
  init(of database: Database) throws {
    pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT seq, count, LENGTH(lines) FROM events ORDER BY seq"
    )
    while let row = try rows.next() { add(sequence: row[0], count: row[1], length: row[2]) }
  }

  mutating func add(sequence: Int, count: Int, length: Int) {
    // The header of a record: its own size, and a type for number, count, lines and hash.
    let header = 4 + Self.varint(length * 2 + 12)
    let payload = header + (count > 1 ? 1 : 0) + length + 32
    // Beside it a leaf has its length, its key and a pointer to it.
    var cell = Self.varint(payload) + Self.varint(sequence) + 2 + payload
    let most = pageSize - 35
    if payload > most {
      let least = (pageSize - 12) * 32 / 255 - 23
      let local = least + (payload - least) % (pageSize - 4)
      let kept = local > most ? least : local
      overflowing += (payload - kept + pageSize - 5) / (pageSize - 4)
      cell += kept - payload + 4
    }
    if leaves == 0 || used + cell > pageSize {
      leaves += 1
      used = 8
    }
    used += cell
  }

  /// With the pages that lead to others, which take about ten bytes for each.
  var bytes: Int { (leaves + overflowing + leaves * 10 / pageSize + 1) * pageSize }

  /// How many bytes SQLite writes a number in.
  private static func varint(_ number: Int) -> Int {
    var (left, count) = (number >> 7, 1)
    while left > 0, count < 9 {
      left >>= 7
      count += 1
    }
    return count
  }
}
