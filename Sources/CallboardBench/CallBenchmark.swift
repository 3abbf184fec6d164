import Callboard
import Foundation
import JSONSchema
import Synchronization

/// One no-op function called down the whole road: text of the arguments parsed, validated, authorised, rules asked,
/// slot, breaker, time limit, attempt in a task of its own, commit with events, counters.
enum CallBenchmark {
  static let argumentText =
    #"{"location":"San Francisco","minPrice":250000,"maxPrice":900000,"propertyType":"apartment"}"#

  static let parameters: JSONValue = [
    "type": "object",
    "properties": [
      "location": ["type": "string", "description": "City or area"],
      "minPrice": ["type": "number"],
      "maxPrice": ["type": "number"],
      "propertyType": ["type": "string", "enum": ["apartment", "house", "condo", "townhouse"]],
    ],
    "required": ["location"],
    "additionalProperties": false,
  ]

  private static let caller = Principal.caller("bench")

  static func makeEngine() throws -> Engine {
    let rules = ApprovalRules([
      ApprovalRules.Rule(function: "payments.*"), ApprovalRules.Rule(effect: .read, asks: false),
    ])
    return try makeEngine(store: InMemoryStore(), rules: rules)
  }

  static func makeEngine(store: any Store, rules: ApprovalRules) throws -> Engine {
    let provider = try NativeProvider(
      namespace: "bench",
      [
        NativeFunction(
          "searchProperties",
          "Search for properties in a location, optionally by price and type.",
          parameters: parameters
        ) { definition in
          definition.effect = .read
        } body: { _ in
          "ok"
        }
      ]
    )
    let access = AccessPolicy([
      AccessPolicy.Rule(caller: "bench", function: "bench.*", allows: true)
    ])
    return Engine(
      EngineConfiguration(name: "bench", rules: rules, access: access, slots: 1000),
      registry: try FunctionRegistry([provider]),
      store: store
    )
  }

  static func call(_ engine: Engine) async -> Bool { await call(engine, text: argumentText) }

  static func call(_ engine: Engine, text: String) async -> Bool {
    let submission = await engine.submit("bench.searchProperties", text: text, by: caller)
    if case .finished(_, .result) = submission { return true }
    return false
  }

  /// Arguments that no other number has: of equal writes the second waits for a person.
  static func argumentText(_ number: Int) -> String {
    #"{"location":"San Francisco","minPrice":250000,"maxPrice":\#(number),"propertyType":"apartment"}"#
  }

  private struct Round: Sendable {
    var latencies: [Double] = []
    var errors = 0
  }

  /// Answers each line `{"conc":N,"secs":S}` until the input ends.
  static func serve() async {
    do {
      let engine = try makeEngine()
      _ = await call(engine)
      say(["ready": true, "rss_mb": .double(residentMegabytes())])
      while let line = readLine() {
        guard let query = try? JSONValue(parsing: line), let callers = query["conc"]?.intValue,
          let seconds = query["secs"]?.doubleValue
        else {
          say(["error": "expected {\"conc\":N,\"secs\":S}"])
          continue
        }
        say(await measure(engine, callers: Int(callers), seconds: seconds))
      }
    } catch {
      say(["error": .string("\(error)")])
    }
  }

  static func run(calls: Int) async {
    guard let engine = try? makeEngine() else { return }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<100 {
        group.addTask { for _ in 0..<calls / 100 { _ = await call(engine) } }
      }
    }
  }

  private static func measure(
    _ engine: Engine,
    callers: Int,
    seconds: Double
  ) async -> JSONValue {
    let clock = ContinuousClock()
    let cpu = processSeconds()
    let start = clock.now
    let end = start + .seconds(seconds)
    let rounds = await withTaskGroup(of: Round.self) { group in
      for _ in 0..<callers {
        group.addTask {
          var round = Round()
          while true {
            let began = clock.now
            guard began < end else { return round }
            if !(await call(engine)) { round.errors += 1 }
            round.latencies.append((clock.now - began) / .microseconds(1))
          }
        }
      }
      var all = Round()
      for await round in group {
        all.latencies += round.latencies
        all.errors += round.errors
      }
      return all
    }
    let wall = (clock.now - start) / .seconds(1)
    let used = processSeconds() - cpu
    let sorted = rounds.latencies.sorted()
    func percentile(_ share: Double) -> JSONValue {
      guard !sorted.isEmpty else { return .null }
      return .double(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))])
    }
    return [
      "n": .integer(Int64(sorted.count)), "secs": .double(wall),
      "per_s": .double(Double(sorted.count) / wall), "p50_us": percentile(0.5),
      "p99_us": percentile(0.99),
      "cpu_us": .double(used * 1_000_000 / Double(max(1, sorted.count))),
      "errors": .integer(Int64(rounds.errors)),
    ]
  }
}

/// One line of JSON on standard output, at once.
func say(_ value: JSONValue) {
  FileHandle.standardOutput.write(Data((value.serialized() + "\n").utf8))
}

/// Processor time of this process, in seconds.
func processSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
}

/// Memory in use, from /proc.
func residentMegabytes() -> Double {
  guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
    let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
  else { return 0 }
  return pages * Double(getpagesize()) / 1_048_576
}
