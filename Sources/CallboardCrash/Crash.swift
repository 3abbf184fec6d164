import Callboard
import CallboardSQLite
import Foundation
import Glibc
import JSONSchema

/// A process that the crash test kills: it takes up what its store holds, and makes more of it.
///
/// `CallboardCrash FILE FOLDER SEED load|finish|once [POINT COUNT]`: the store's file, where the ledgers are, and where
/// it kills itself. `load` goes on until it is killed, `finish` makes nothing new and ends when nothing lives, `once`
/// runs a single `write`.
@main
struct Crash: Sendable {
  enum Mode: String { case load, finish, once }

  let store: SQLiteStore
  let engine: Engine
  let heard: Ledger
  let seed: UInt64

  static func main() async {
    do {
      try await run()
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }

  private static func run() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count >= 4, let seed = UInt64(words[2]), let mode = Mode(rawValue: words[3]) else {
      throw Wrong(description: "FILE FOLDER SEED load|finish|once [POINT COUNT]")
    }
    let point = words.count > 5 ? DoomPoint(rawValue: words[4]) : nil
    let doom = Doom(point, words.count > 5 ? Int(words[5]) ?? 1 : 1)
    let crash = try Crash(words[0], words[1], seed, doom)
    switch mode {
    case .load: try await crash.load(for: .seconds(20))
    case .finish: try await crash.finish(within: .seconds(60))
    case .once: try await crash.once()
    }
  }

  private init(_ path: String, _ folder: String, _ seed: UInt64, _ doom: Doom) throws {
    self.seed = seed
    heard = Ledger(folder + "/heard")
    guard let key = Sealer.MasterKey(Data(repeating: 7, count: 32)) else {
      throw Wrong(description: "the key has not 32 bytes")
    }
    store = try SQLiteStore(path, key: key)
    let doomed = DoomedStore(store, doom)
    let provider = try Functions(acts: Ledger(folder + "/acts"), doom: doom).provider
    engine = Engine(
      EngineConfiguration(
        rules: ApprovalRules([
          ApprovalRules.Rule(function: "c.wire"), ApprovalRules.Rule(asks: false),
        ]),
        slots: 8
      ),
      registry: try FunctionRegistry([provider]),
      models: [Script()],
      store: doomed,
      sealer: Sealer(key)
    )
    let waiting = try store.unfinished().calls.map(\.call.id)
    let person = Person(engine, heard)
    try engine.takeUp { _ in Script() }
    Task { await person.work(on: waiting) }
    Ledger(folder + "/lives").note("began")
  }

  /// Callers and conversations, until the process is killed.
  private func load(for duration: Duration) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<4 { group.addTask { try await call(as: caller) } }
      group.addTask {
        while true {
          try talk()
          try await Task.sleep(for: .milliseconds(40))
        }
      }
      group.addTask {
        try await Task.sleep(for: duration)
        throw Wrong(description: "nobody killed it")
      }
      try await group.waitForAll()
    }
  }

  private func call(as caller: Int) async throws {
    var generator = SeededGenerator(seed: seed &+ UInt64(caller))
    for number in 0... {
      let name = ["c.wire", "c.move", "c.look", "c.put"][Int(generator.next() >> 62)]
      let submission = await engine.submit(
        name,
        ["n": .integer(Int64(number)), "password": "hunter2", "text": .string(Self.padding)],
        by: .caller("caller \(caller)")
      )
      switch submission {
      case .finished(let id, let outcome):
        try note(name, id, outcome)
        if outcome.failure?.kind == .storeFailed { try await Task.sleep(for: .milliseconds(50)) }
      case .pending(let id):
        Task {
          if let outcome = await engine.outcome(of: id) { try note(name, id, outcome) }
        }
      }
      try await Task.sleep(for: .milliseconds(Int(generator.next() >> 61)))
    }
  }

  private static let padding = String(repeating: "x", count: 300)

  private func note(_ function: String, _ id: CallID, _ outcome: CallOutcome) throws {
    if outcome.failure?.kind == .storeFailed {
      return heard.note("refused", outcome.failure?.message ?? "")
    }
    let told = try JSONValue(encoding: outcome).serialized()
    heard.note("outcome", function, id.description, told)
  }

  private func talk() throws {
    _ = try engine.start(
      ConversationRequest(
        title: "a talk",
        caller: .caller("agent"),
        model: "script",
        messages: ["pay with 4111 1111 1111 1111"]
      )
    )
  }

  /// Waits until nothing lives, and stops in order.
  private func finish(within limit: Duration) async throws {
    let end = ContinuousClock.now + limit
    while true {
      let left = try store.unfinished()
      if left.calls.isEmpty, left.conversations.isEmpty { break }
      guard ContinuousClock.now < end else {
        let calls = left.calls.map { "\($0.call.id) \($0.call.function) \($0.call.state)" }
        let talks = left.conversations.map { "\($0.conversation.id) \($0.conversation.state)" }
        throw Wrong(description: "still live: " + (calls + talks).joined(separator: ", "))
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    await engine.stop()
    if let fault = store.close() { throw Wrong(description: fault.description) }
  }

  /// One `write`, between two notes.
  private func once() async throws {
    heard.note("asked")
    let submission = await engine.submit("c.move", ["n": 1], by: .caller("agent"))
    heard.note("told", submission.id.description)
    await engine.stop()
    if let fault = store.close() { throw Wrong(description: fault.description) }
  }
}

struct Wrong: Error, CustomStringConvertible {
  var description: String
}
