import Callboard
import Foundation
import JSONSchema

/// Many calls that wait for a person, and many that run: what they cost in memory, and what a screen of them costs.
enum WaitingBenchmark {
  static func run(waiting: Int, running: Int) async {
    do {
      try await measure(waiting: waiting, running: running)
    } catch {
      say(["error": .string("\(error)")])
    }
  }

  private static func measure(waiting: Int, running: Int) async throws {
    let parameters: JSONValue = [
      "type": "object",
      "properties": [
        "amount": ["type": "number"], "account": ["type": "string"], "memo": ["type": "string"],
      ],
      "required": ["amount"],
    ]
    let provider = try NativeProvider(
      namespace: "bank",
      [
        NativeFunction("wire", "Sends money.", parameters: parameters) { _ in "sent" },
        NativeFunction("balance", "Reads a balance.", parameters: parameters) { definition in
          definition.effect = .read
        } body: { _ in
          try await Task.sleep(for: .seconds(25))
          return 1
        },
      ]
    )
    let rules = ApprovalRules([ApprovalRules.Rule(effect: .read, asks: false)])
    let engine = Engine(
      EngineConfiguration(name: "bench", rules: rules, slots: running),
      registry: try FunctionRegistry([provider])
    )
    let before = residentMegabytes()
    for number in 0..<waiting {
      _ = await engine.submit(
        "bank.wire",
        [
          "amount": .integer(Int64(number)), "account": .string("DE89 3704 0044 0532 \(number)"),
          "memo": "Earnest money for 12 Oak St",
        ],
        by: .caller("agent-\(number % 7)")
      )
    }
    for number in 0..<running {
      Task {
        await engine.submit(
          "bank.balance",
          ["amount": .integer(Int64(number))],
          by: .caller("agent")
        )
      }
    }
    let clock = ContinuousClock()
    while engine.snapshot(of: .header).header.running < running {
      try await Task.sleep(for: .milliseconds(10))
    }
    let resident = residentMegabytes()
    func cost(_ query: Query) -> JSONValue {
      let start = clock.now
      for _ in 0..<20 { _ = engine.snapshot(of: query) }
      return .double((clock.now - start) / .milliseconds(20))
    }
    say([
      "waiting": .integer(Int64(waiting)), "running": .integer(Int64(running)),
      "rss_mb_before": .double(before), "rss_mb": .double(resident),
      "overview_ms": cost(.overview(rows: 10)), "waiting_ms": cost(.waiting(ListQuery())),
      "calls_ms": cost(.calls(ListQuery())),
    ])
    exit(0)
  }
}
