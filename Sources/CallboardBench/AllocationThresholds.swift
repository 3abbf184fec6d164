import CAllocationCount
import Callboard
import JSONSchema

/// How often memory is allocated where it matters, held against limits.
///
/// Allocations, and not times, because they are the same on every machine. A limit is what was measured and a little
/// more; whoever needs more raises it here and says why.
enum AllocationThresholds {
  private struct Measure {
    var name: String
    /// Each time, on average.
    var allocations: Double
    var limit: Double
  }

  /// Prints a line for each; false when one is over its limit.
  static func check() async -> Bool {
    do {
      let measures = [try await call(), try parse()] + (try verdicts())
      for measure in measures {
        say([
          "measure": .string(measure.name), "allocations": .double(measure.allocations),
          "limit": .double(measure.limit), "ok": .bool(measure.allocations <= measure.limit),
        ])
      }
      return measures.allSatisfy { $0.allocations <= $0.limit }
    } catch {
      say(["error": .string("\(error)")])
      return false
    }
  }

  /// A call down the whole road, when the memory store is as full as it gets and drops what is oldest.
  private static func call() async throws -> Measure {
    let engine = try CallBenchmark.makeEngine()
    for _ in 0..<12_000 { _ = await CallBenchmark.call(engine) }
    let number = 5000
    allocation_count_begin()
    for _ in 0..<number { _ = await CallBenchmark.call(engine) }
    let count = allocation_count_end()
    return Measure(name: "call", allocations: Double(count) / Double(number), limit: 23)
  }

  private static func parse() throws -> Measure {
    let text = Array(CallBenchmark.argumentText.utf8)
    return try measure("parse of small arguments", limit: 4) {
      guard try JSONValue(parsing: text)["location"] != nil else { throw Unexpected() }
    }
  }

  /// A valid value costs no allocation.
  private static func verdicts() throws -> [Measure] {
    let small = try Schema(CallBenchmark.parameters)
    let arguments = try JSONValue(parsing: CallBenchmark.argumentText)
    let many = try Schema([
      "type": "object",
      "properties": [
        "listings": ["type": "array", "items": ["$ref": "#/$defs/listing"]]
      ],
      "$defs": ["listing": ["allOf": [CallBenchmark.parameters, ["minProperties": 1]]]],
    ])
    let listings: JSONValue = [
      "listings": .array([JSONValue](repeating: arguments, count: 200))
    ]
    return [
      try measure("verdict on small arguments", limit: 0) {
        guard small.isValid(arguments) else { throw Unexpected() }
      },
      try measure("verdict on 200 listings", limit: 0) {
        guard many.isValid(listings) else { throw Unexpected() }
      },
    ]
  }

  private static func measure(
    _ name: String,
    limit: Double,
    _ body: () throws -> Void
  ) throws -> Measure {
    // What is made once, the first time, is not what a verdict costs.
    for _ in 0..<10 { try body() }
    let number = 1000
    allocation_count_begin()
    for _ in 0..<number { try body() }
    let count = allocation_count_end()
    return Measure(name: name, allocations: Double(count) / Double(number), limit: limit)
  }

  private struct Unexpected: Error, CustomStringConvertible {
    let description = "the value of this measure is not valid any more"
  }
}
