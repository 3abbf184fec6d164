import Callboard
import CallboardSQLite
import Foundation
import JSONSchema
import Synchronization
import Testing

/// Cuts the write-ahead log where a power failure might have.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct CutLogTests {
  /// An outcome that was told, and how long the log was when it was.
  private struct Told: Sendable {
    var id: CallID
    var end: Int
  }

  private func size(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.size] as? Int) ?? 0
  }

  /// Runs calls one after the other, and copies the file while it is open.
  private func load(_ folder: Folder) async throws -> [Told] {
    let path = folder.file("a.db")
    let store = try SQLiteStore(path)
    let provider = try NativeProvider(
      namespace: "c",
      [
        NativeFunction("move", "Moves", parameters: ["type": "object"]) { $0.arguments }
      ]
    )
    let engine = Engine(
      EngineConfiguration(rules: ApprovalRules([ApprovalRules.Rule(asks: false)])),
      registry: try FunctionRegistry([provider]),
      store: store
    )
    var told: [Told] = []
    // Well before the log is long enough to be begun anew.
    for number in 0..<50 {
      let submission = await engine.submit(
        "c.move",
        ["n": .integer(Int64(number))],
        by: .caller("agent")
      )
      guard case .finished(let id, .result) = submission else {
        throw Unproved("call \(number) has no result")
      }
      told.append(Told(id: id, end: try size(path + "-wal")))
    }
    for ending in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: path + ending,
        toPath: folder.file("copy.db") + ending
      )
    }
    // The log only grew: no checkpoint has begun it anew.
    try #require(zip(told, told.dropFirst()).allSatisfy { $0.end < $1.end })
    #expect(store.close() == nil)
    return told
  }

  @Test func `a log cut anywhere holds all that was told before the cut`() async throws {
    let folder = try Folder()
    let told = try await load(folder)
    let copy = folder.file("copy.db")
    let whole = try Data(contentsOf: URL(filePath: copy))
    let log = try Data(contentsOf: URL(filePath: copy + "-wal"))
    let first = try #require(told.first).end
    let seed = UInt64(Date.now.timeIntervalSince1970)
    print("crash test: cutting the log with seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for round in 0..<120 {
      let offset = Int.random(in: first...log.count, using: &generator)
      let torn = folder.file("torn \(round).db")
      try whole.write(to: URL(filePath: torn))
      var cut = Data(log.prefix(offset))
      // What follows may be anything: a sector that was not written yet, or half of one.
      if round % 2 == 1 {
        for _ in 0..<Int.random(in: 1...9000, using: &generator) {
          cut.append(UInt8.random(in: 0...255, using: &generator))
        }
      }
      try cut.write(to: URL(filePath: torn + "-wal"))
      let store = try SQLiteStore(torn)
      for outcome in told where outcome.end <= offset {
        let state = store.call(outcome.id)?.state
        #expect(state == .succeeded, "told at \(outcome.end), cut at \(offset)")
      }
      #expect(store.close() == nil)
      _ = try Proof.events(of: torn)
    }
  }
}
