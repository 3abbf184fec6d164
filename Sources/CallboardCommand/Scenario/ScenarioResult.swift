import Callboard
import JSONSchema

/// What came of a scenario, to be printed.
struct ScenarioResult: Sendable {
  var name: String
  var file: String
  var seconds: Double
  var calls: Int
  var checks: [ScenarioRunner.Check]
  /// One line each.
  var conversations: [String]
  var loads: [LoadReport] = []
  var notes: [String] = []
  var statuses: [ExitStatus] = []
  /// What models and functions answered, where that was wanted.
  var recorded: RecordedPlay?

  var status: ExitStatus { ExitStatus.worst(statuses) }

  /// Takes out what is secret in what was expected and what came, which a report repeats.
  mutating func hide(_ discretion: Discretion) {
    checks = checks.map {
      .init(expected: discretion.hiding($0.expected), came: $0.came.map(discretion.hiding))
    }
    conversations = conversations.map(discretion.hiding)
    notes = notes.map(discretion.hiding)
  }

  /// For people, one thing a line.
  var lines: [String] {
    let failed = checks.filter { $0.came != nil }
    let verdict = status == .done ? "ok    " : "FAILED"
    func count(_ number: Int, _ one: String) -> String {
      "\(number) \(one)\(number == 1 ? "" : "s")"
    }
    let counts = "\(count(calls, "call")), \(count(checks.count, "expectation"))"
    let tenths = Int((seconds * 10).rounded())
    var lines = ["\(verdict)  \(name)  (\(counts), \(tenths / 10).\(tenths % 10) s)"]
    for check in failed {
      lines.append("        expected  \(check.expected)")
      lines.append("        came      \(check.came ?? "")")
    }
    lines += notes.map { "        note      \($0)" }
    lines += loads.map { "        load      \($0.line)" }
    lines += conversations.map { "        talk      \($0)" }
    return lines
  }

  var json: JSONValue {
    [
      "scenario": .string(name), "file": .string(file), "ok": .bool(status == .done),
      "exit": .integer(Int64(status.rawValue)), "calls": .integer(Int64(calls)),
      "seconds": .double((seconds * 1000).rounded() / 1000),
      "expectations": .array(
        checks.map { check in
          var object: JSONObject = [
            "expected": .string(check.expected), "held": .bool(check.came == nil),
          ]
          if let came = check.came { object["came"] = .string(came) }
          return .object(object)
        }
      ),
      "conversations": .array(conversations.map { .string($0) }),
      "notes": .array(notes.map { .string($0) }),
      "loads": .array(loads.map(\.json)),
    ]
  }
}
