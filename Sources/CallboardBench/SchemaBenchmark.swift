import Foundation
import JSONSchema

/// Verdicts of the validator, from a value or from its text.
///
/// The cases come from the peers' own script (`b_schema.py --dump`), in the file that `CALLBOARD_BENCH_CASES` names, so that
/// every peer judges the same texts.
enum SchemaBenchmark {
  private struct Case {
    var schema: Schema
    var value: JSONValue
    var text: [UInt8]
  }

  /// What is measured of a case.
  private enum Form: String {
    /// The verdict on a parsed value.
    case value
    /// Parsing and verdict, which is what a call needs.
    case text
    case parse
  }

  /// Answers each line `{"case":NAME,"form":"value|text|parse","secs":S}` until the input ends.
  static func serve() {
    do {
      let cases = try load()
      say(["ready": true])
      while let line = readLine() {
        guard let query = try? JSONValue(parsing: line), let name = query["case"]?.stringValue,
          let known = cases[name], let seconds = query["secs"]?.doubleValue,
          let form = query["form"]?.stringValue.flatMap(Form.init)
        else {
          say(["error": "expected {\"case\":NAME,\"form\":\"value|text|parse\",\"secs\":S}"])
          continue
        }
        say(measure(known, form, seconds: seconds))
      }
    } catch {
      say(["error": .string("\(error)")])
    }
  }

  private static func load() throws -> [String: Case] {
    guard let path = ProcessInfo.processInfo.environment["CALLBOARD_BENCH_CASES"] else {
      throw BenchmarkError(
        description: "CALLBOARD_BENCH_CASES names no file: write one with b_schema.py --dump"
      )
    }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let dump = try JSONValue(parsing: text)
    var cases: [String: Case] = [:]
    for (name, entry) in dump.objectValue ?? [:] {
      let value = entry["value"] ?? .null
      cases[name] = Case(
        schema: try Schema(entry["schema"] ?? true),
        value: value,
        text: value.serializedBytes()
      )
    }
    return cases
  }

  private static func measure(_ known: Case, _ form: Form, seconds: Double) -> JSONValue {
    let clock = ContinuousClock()
    let batch = known.text.count > 1000 ? 1 : 200
    var count = 0
    var valid = 0
    let start = clock.now
    var elapsed = Duration.zero
    while elapsed < .seconds(seconds) {
      for _ in 0..<batch {
        let isValid =
          switch form {
          case .value: known.schema.isValid(known.value)
          case .text: (try? JSONValue(parsing: known.text)).map(known.schema.isValid) ?? false
          case .parse: (try? JSONValue(parsing: known.text)) != nil
          }
        if isValid { valid += 1 }
      }
      count += batch
      elapsed = clock.now - start
    }
    let wall = elapsed / .seconds(1)
    return [
      "n": .integer(Int64(count)), "valid": .bool(valid == count),
      "per_s": .double(Double(count) / wall),
      "mb_per_s": .double(Double(count * known.text.count) / wall / 1_000_000),
      "us": .double(wall * 1_000_000 / Double(count)),
    ]
  }

  private struct BenchmarkError: Error, CustomStringConvertible {
    var description: String
  }
}
