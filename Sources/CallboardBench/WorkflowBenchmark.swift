import Callboard
import CallboardSQLite
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// `callboard-bench workflows [FOLDER]`: the steps of 1,000 runs at one time beside as many plain calls, on SQLite.
enum WorkflowBenchmark {
  private static let runs = 1000
  private static let steps = 10

  /// `only`: `plain` or `steps`, for a profiler; nil: both, and how they compare.
  static func run(in folder: String, only: String? = nil) async throws {
    let folder = folder + "/callboard-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    if let only {
      let body = only == "plain" ? plainCalls : workflows
      for round in 1...5 { _ = try await rate(folder + "/only-\(round).db", body) }
      return
    }
    // In turns, because a disk that others use is now fast and now slow; the median counts.
    var shares: [Double] = []
    for round in 1...3 {
      let plain = try await rate(folder + "/plain-\(round).db", plainCalls)
      let stepped = try await rate(folder + "/runs-\(round).db", workflows)
      shares.append(stepped / plain)
      say([
        "measure": "steps of runs beside plain calls", "plain_per_s": .double(plain),
        "steps_per_s": .double(stepped), "share": .double(stepped / plain),
      ])
    }
    let share = shares.sorted()[1]
    say(["measure": "median share", "share": .double(share), "bar": 0.5, "ok": .bool(share >= 0.5)])
  }

  /// Calls a second, until all are on disk; each must have been made once.
  private static func rate(
    _ path: String,
    _ body: (Engine) async throws -> Void
  ) async throws -> Double {
    let store = try SQLiteStore(path)
    let made = Made()
    let provider = try NativeProvider(
      namespace: "bench",
      [
        NativeFunction("step", "One step.", parameters: ["type": "object"]) { definition in
          definition.effect = .idempotent
        } body: { invocation in
          made.add(invocation.arguments)
          return invocation.arguments
        }
      ]
    )
    let engine = Engine(
      EngineConfiguration(
        name: "bench",
        rules: ApprovalRules([ApprovalRules.Rule(asks: false)]),
        slots: 1000
      ),
      registry: try FunctionRegistry([provider]),
      store: store,
      sealer: Sealer(Sealer.MasterKey())
    )
    let clock = ContinuousClock()
    let start = clock.now
    try await body(engine)
    if let fault = store.close() { throw fault }
    let wall = (clock.now - start) / .seconds(1)
    guard made.counts == (runs * steps, runs * steps) else {
      throw BenchmarkProblem(description: "\(made.counts) of \(runs * steps) steps were made")
    }
    return Double(runs * steps) / wall
  }

  private static func arguments(_ run: Int, _ step: Int) -> JSONValue {
    ["run": .integer(Int64(run)), "step": .integer(Int64(step))]
  }

  private static func plainCalls(_ engine: Engine) async throws {
    await withTaskGroup(of: Void.self) { group in
      for run in 0..<runs {
        group.addTask {
          for step in 0..<steps {
            _ = await engine.submit("bench.step", arguments(run, step), by: .caller("bench"))
          }
        }
      }
    }
  }

  private static func workflows(_ engine: Engine) async throws {
    let all = (0..<steps).map { step -> JSONValue in
      [
        "id": .string("s\(step)"), "call": "bench.step",
        "needs": step == 0 ? [] : [.string("s\(step - 1)")],
        "with": ["run": "${input.run}", "step": .integer(Int64(step))],
      ]
    }
    let workflow = try Workflow(["workflow": "ten", "steps": .array(all), "output": "${s9.step}"])
    // Whoever starts a run waits for it, as whoever makes a plain call does.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for run in 0..<runs {
        group.addTask {
          let id = try engine.start(
            workflow,
            input: ["run": .integer(Int64(run))],
            by: .caller("bench")
          )
          guard await engine.ended(id)?.state == .succeeded else {
            throw BenchmarkProblem(description: "run \(id) did not succeed")
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// What was executed: how often, and how many different things.
  private final class Made: Sendable {
    private let all = Mutex<(count: Int, different: Set<JSONValue>)>((0, []))

    func add(_ arguments: JSONValue) {
      all.withLock { all in
        all.count += 1
        all.different.insert(arguments)
      }
    }

    var counts: (Int, Int) { all.withLock { ($0.count, $0.different.count) } }
  }
}
