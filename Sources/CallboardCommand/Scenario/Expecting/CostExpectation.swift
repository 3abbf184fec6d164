import Callboard
import JSONSchema

/// What a million tokens of a model cost.
struct TokenPrice: Sendable, Hashable {
  var input: Double
  var output: Double

  func cost(of usage: TokenUsage) -> Double {
    (Double(usage.input) * input + Double(usage.output) * output) / 1_000_000
  }
}

/// What a scenario may take in time, tokens and money, over all its conversations.
struct CostExpectation: Sendable {
  var time: DurationBounds?
  var tokens: NumberOf?
  var least: Double?
  var most: Double?
  var hasCost: Bool

  init(_ value: JSONValue?) {
    time = DurationBounds(value?["time"])
    tokens = NumberOf(value?["tokens"])
    let cost = value?["cost"]
    hasCost = cost != nil
    least = cost?["at_least"]?.doubleValue
    most = cost?["at_most"]?.doubleValue
  }

  func checks(_ played: Played) -> [ScenarioRunner.Check] {
    var checks: [ScenarioRunner.Check] = []
    if let time {
      checks.append(
        .init(
          expected: "it takes \(time.words)",
          came: time.holds(played.time) ? nil : played.time.words
        )
      )
    }
    let usage = played.usage
    if let tokens {
      let used = usage.reduce(0) { $0 + $1.usage.total }
      checks.append(
        .init(
          expected: "models use \(tokens.words) tokens",
          came: tokens.holds(used) ? nil : "they used \(used)"
        )
      )
    }
    if hasCost { checks.append(cost(usage, played.prices)) }
    return checks
  }

  private func cost(
    _ usage: [(model: String, usage: TokenUsage)],
    _ prices: [String: TokenPrice]
  ) -> ScenarioRunner.Check {
    var parts: [String] = []
    if let least { parts.append("at least \(least)") }
    if let most { parts.append("at most \(most)") }
    let expected = "models cost \(parts.joined(separator: " and "))"
    let unknown = Set(usage.map(\.model)).subtracting(prices.keys).sorted()
    guard unknown.isEmpty else {
      return .init(
        expected: expected,
        came: "prices does not say what \(unknown.joined(separator: ", ")) costs"
      )
    }
    let cost = usage.reduce(0) { $0 + (prices[$1.model]?.cost(of: $1.usage) ?? 0) }
    let holds = cost >= least ?? 0 && most.map { cost <= $0 } ?? true
    let each = usage.map { "\($0.model) \($0.usage.input) in and \($0.usage.output) out" }
    return .init(
      expected: expected,
      came: holds ? nil : "\(cost) (\(each.joined(separator: ", ")))"
    )
  }
}
