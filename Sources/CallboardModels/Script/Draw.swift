import Callboard
import Foundation
import JSONSchema

/// A value that is drawn once for a conversation, or computed from those before it.
enum Draw: Sendable {
  case pick([ValueTemplate])
  /// Both ends belong to it; values lie a whole number of steps above the lower.
  case between(lower: Double, upper: Double, step: Double, decimals: Int)
  case value(ValueTemplate)

  func value(
    using generator: inout SeededGenerator,
    _ lookUp: (String) -> JSONValue?
  ) -> JSONValue {
    switch self {
    case .value(let template): return template.value(lookUp)
    case .pick(let choices):
      return choices.randomElement(using: &generator)?.value(lookUp) ?? .null
    case .between(let lower, let upper, let step, let decimals):
      let steps = max(0, ((upper - lower) / step + 1e-9).rounded(.down))
      let drawn = lower + Double(Int.random(in: 0...Int(steps), using: &generator)) * step
      if decimals == 0 { return .integer(Int64(drawn.rounded())) }
      let text = String(format: "%.\(decimals)f", drawn)
      return (try? JSONValue(parsing: text)) ?? .double(drawn)
    }
  }

  /// A range of numbers; without a step whole numbers where both ends are whole, else hundredths.
  ///
  /// Nil where it is empty, or has more than 2^53 values.
  init?(between lower: JSONValue, _ upper: JSONValue, step: JSONValue?) {
    guard let low = lower.doubleValue, let high = upper.doubleValue, low <= high else { return nil }
    let given = step ?? (lower.intValue != nil && upper.intValue != nil ? 1 : 0.01)
    guard let width = given.doubleValue, width > 0, (high - low) / width < 9_007_199_254_740_992,
      low.magnitude < 9e15, high.magnitude < 9e15
    else { return nil }
    let decimals = [lower, upper, given].map { number in
      let fraction = number.serialized().split(separator: ".").dropFirst().first ?? ""
      return fraction.allSatisfy { $0 == "0" } ? 0 : min(fraction.count, 9)
    }
    self = .between(lower: low, upper: high, step: width, decimals: decimals.max() ?? 0)
  }
}
