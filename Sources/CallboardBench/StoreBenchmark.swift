import Callboard
import CallboardSQLite
import Foundation
import GRDB
import Glibc
import JSONSchema
import Synchronization

/// `callboard-bench store [FOLDER]`: durable calls a second, beside what the disk and bare SQLite do in the same run.
enum StoreBenchmark {
  private static let seconds = 3.0
  private static let rounds = 7
  /// Seconds of one turn, where two things are measured in turns.
  private static let turn = 0.7

  /// `only`: one of `read`, `write`, `one` and `alone` (as `one`, without what it is held against), for a profiler; nil:
  /// all.
  static func run(in folder: String, only: String? = nil) async throws {
    let folder = folder + "/callboard-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    if only == "one" { return try await oneCaller(in: folder) }
    if let only {
      _ = try await calls(
        folder + "/only.db",
        effect: only == "read" ? .read : .write,
        callers: only == "alone" ? 1 : 1000,
        seconds: seconds
      )
      return
    }
    let syncs = try fsyncRate(folder + "/sync")
    say(["measure": "fdatasync a second", "per_s": .double(syncs)])
    let reads = try await calls(folder + "/read.db", effect: .read, callers: 1000, seconds: seconds)
    say([
      "measure": "read, 1,000 callers", "per_s": .double(reads), "bar": 15000,
      "ok": .bool(reads >= 15000),
    ])
    let writes = try await calls(
      folder + "/write.db",
      effect: .write,
      callers: 1000,
      seconds: seconds
    )
    say([
      "measure": "write, 1,000 callers", "per_s": .double(writes), "bar": 8000,
      "ok": .bool(writes >= 8000),
    ])
    try await oneCaller(in: folder)
  }

  /// One caller's `write`, of two commits, beside half of what bare SQLite commits.
  ///
  /// In turns, because a disk that others use is now fast and now slow; of the shares the median counts.
  private static func oneCaller(in folder: String) async throws {
    var shares: [Double] = []
    for round in 1...rounds {
      let before = try bareTransactions(folder + "/bare-\(round).db")
      let one = try await calls(
        folder + "/one-\(round).db",
        effect: .write,
        callers: 1,
        seconds: turn
      )
      let after = try bareTransactions(folder + "/bare-\(round)-after.db")
      let bare = (before + after) / 2
      shares.append(one / (bare / 2))
      say([
        "measure": "write, one caller", "per_s": .double(one),
        "bare_before": .double(before), "bare_after": .double(after),
        "share_of_half_bare": .double(one / (bare / 2)),
      ])
    }
    let share = shares.sorted()[rounds / 2]
    say([
      "measure": "write, one caller, median share", "share_of_half_bare": .double(share),
      "bar": 0.4, "ok": .bool(share >= 0.4),
    ])
  }

  /// How often the disk syncs a page that was written.
  private static func fsyncRate(_ path: String) throws -> Double {
    let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0 else { throw BenchmarkProblem(description: "\(path) can't be opened") }
    defer { close(descriptor) }
    let page = [UInt8](repeating: 7, count: 4096)
    var count = 0
    let clock = ContinuousClock()
    let start = clock.now
    while clock.now - start < .seconds(1) {
      _ = pwrite(descriptor, page, page.count, off_t(count % 256) * 4096)
      fdatasync(descriptor)
      count += 1
    }
    return Double(count) / ((clock.now - start) / .seconds(1))
  }

  private static func bareTransactions(_ path: String) throws -> Double {
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction { database in
      try database.execute(
        sql: """
          PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
          CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)
          """
      )
    }
    let payload = Data(repeating: 120, count: 793)
    let clock = ContinuousClock()
    return try queue.writeWithoutTransaction { database in
      let statement = try database.cachedStatement(sql: "INSERT INTO t (payload) VALUES (?)")
      var count = 0
      let start = clock.now
      while clock.now - start < .seconds(turn) {
        try statement.execute(arguments: [payload])
        count += 1
      }
      return Double(count) / ((clock.now - start) / .seconds(1))
    }
  }

  private static func engine(_ store: SQLiteStore, _ effect: FunctionEffect) throws -> Engine {
    let provider = try NativeProvider(
      namespace: "bench",
      [
        NativeFunction(
          "searchProperties",
          "Search for properties in a location, optionally by price and type.",
          parameters: CallBenchmark.parameters
        ) { definition in
          definition.effect = effect
        } body: { _ in
          "ok"
        }
      ]
    )
    return Engine(
      EngineConfiguration(
        name: "bench",
        rules: ApprovalRules([ApprovalRules.Rule(asks: false)]),
        slots: 1000
      ),
      registry: try FunctionRegistry([provider]),
      store: store,
      sealer: Sealer(Sealer.MasterKey())
    )
  }

  private static func calls(
    _ path: String,
    effect: FunctionEffect,
    callers: Int,
    seconds: Double
  ) async throws -> Double {
    let store = try SQLiteStore(path)
    let engine = try engine(store, effect)
    try engine.takeUp()
    let numbers = Numbers()
    let clock = ContinuousClock()
    let cpu = processSeconds()
    let start = clock.now
    let end = start + .seconds(seconds)
    let (count, failed) = await withTaskGroup(of: (Int, Int).self) { group in
      for _ in 0..<callers {
        group.addTask {
          var count = 0
          var failed = 0
          while clock.now < end {
            let number = numbers.next()
            let text = CallBenchmark.argumentText(number)
            if await !CallBenchmark.call(engine, text: text) { failed += 1 }
            count += 1
          }
          return (count, failed)
        }
      }
      return await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
    }
    // What was answered counts only when it is on disk.
    let fault = store.close()
    let wall = (clock.now - start) / .seconds(1)
    if let fault { throw fault }
    guard failed == 0 else { throw BenchmarkProblem(description: "\(failed) calls failed") }
    say([
      "calls": .integer(Int64(count)), "secs": .double(wall),
      "cpu_us": .double((processSeconds() - cpu) * 1_000_000 / Double(max(1, count))),
      "rss_mb": .double(residentMegabytes()),
    ])
    return Double(count) / wall
  }
}

/// Gives each caller another number.
private final class Numbers: Sendable {
  private let value = Atomic<Int>(0)

  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}

/// Why a benchmark says nothing.
struct BenchmarkProblem: Error, CustomStringConvertible {
  let description: String
}
