import Callboard
import CallboardSQLite
import Foundation
import JSONSchema

/// `callboard-bench opening [FOLDER]`: how long a store with a million ended calls and 10,000 waiting ones takes to open,
/// and how much memory that needs beside one with few.
enum OpeningBenchmark {
  private static let waiting = 10_000

  static func run(in folder: String) async throws {
    let folder = folder + "/callboard-opening-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for ended in [10_000, 1_000_000] {
      let path = "\(folder)/\(ended).db"
      try await fill(path, ended: ended)
      // In a process of its own, so that nothing of the filling counts.
      let process = Process()
      process.executableURL = URL(filePath: CommandLine.arguments[0])
      process.arguments = ["open", path]
      try process.run()
      process.waitUntilExit()
    }
  }

  /// Opens a store as an engine does, and says how long that took.
  static func open(_ path: String) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let store = try SQLiteStore(path)
    let opened = clock.now
    let engine = try CallBenchmark.makeEngine(store: store, rules: ApprovalRules())
    let taken = try engine.takeUp()
    let end = clock.now
    let total = store.calls(HistoryQuery(ListQuery(after: 1))).total
    let pages = try pageOn(store, from: total / 2)
    say([
      "measure": "opening", "calls": .integer(Int64(total)),
      "taken_up": .integer(Int64(taken.calls)),
      "open_ms": .double((opened - start) / .milliseconds(1)),
      "ready_ms": .double((end - start) / .milliseconds(1)),
      "first_page_ms": .double(pages[0]), "next_pages_ms": .double(pages[1...].max() ?? 0),
      "rss_mb": .double(residentMegabytes()),
      "ok": .bool(end - start < .seconds(1)),
    ])
    _ = store.close()
  }

  /// Milliseconds of each page, as somebody pages on from somewhere deep.
  private static func pageOn(_ store: SQLiteStore, from start: Int) throws -> [Double] {
    let clock = ContinuousClock()
    var anchor: String?
    var pages: [Double] = []
    for number in 0..<20 {
      let begin = clock.now
      let page = store.calls(
        HistoryQuery(ListQuery(anchor: anchor, anchorIndex: start, before: 0, after: 50))
      )
      pages.append((clock.now - begin) / .milliseconds(1))
      guard page.firstIndex == start + number * 50, page.items.count == 51 else {
        throw BenchmarkProblem(description: "page \(number) begins at \(page.firstIndex)")
      }
      anchor = page.items.last?.id.description
    }
    return pages
  }

  private static func fill(_ path: String, ended: Int) async throws {
    let store = try SQLiteStore(path)
    guard
      case .function(let function?) = try CallBenchmark.makeEngine()
        .snapshot(of: .function("bench.searchProperties")).body
    else { return }
    let hash = function.definitionHash
    let arguments = try JSONValue(parsing: CallBenchmark.argumentText)
    let start = Date.now
    var generator = SeededGenerator(seed: 1)
    let requirement = ApprovalRequirement(rule: "rule 1", expires: 86400, maxWait: 86400)
    for number in 0..<ended + waiting {
      let id = UUIDv7(
        at: start.addingTimeInterval(Double(number) / 1000 - Double(ended) / 1000),
        sequence: 0,
        random: generator.next()
      )
      var call = Call(
        id: CallID(id),
        function: "bench.searchProperties",
        caller: .caller("bench"),
        receivedAt: start,
        idempotencyKey: id.text,
        proposed: arguments
      )
      func move(_ event: CallEvent) throws {
        _ = try call.handle(event, function: nil, now: start, using: &generator)
      }
      if number >= ended {
        try move(
          .approvalNeeded(requirement, arguments: arguments, definitionHash: hash, digest: "d")
        )
      } else {
        try move(.admitted(arguments: arguments, definitionHash: hash, rule: nil))
        try move(.start(digest: nil))
        try move(.attemptSucceeded(attempt: 1, "ok"))
      }
      let ticket = try store.commit(StoreChange(calls: [CallChange(call)]))
      if number % 5000 == 0 { try await ticket.durable() }
    }
    if let fault = store.close() { throw fault }
  }
}
