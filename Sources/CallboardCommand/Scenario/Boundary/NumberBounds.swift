import Foundation
import JSONSchema

/// The numbers around the bounds that a schema sets.
struct NumberBounds {
  /// Allowed, and as small or large as allowed; nil where nothing bounds them.
  var least: JSONValue?
  var most: JSONValue?
  /// Just beyond.
  var below: JSONValue?
  var above: JSONValue?
  /// Large, where nothing bounds it.
  var large: JSONValue?
  /// Between two multiples.
  var between: JSONValue?
  /// Of a whole number, something that is none.
  var fraction: JSONValue?
  /// Somewhere allowed; nil where nothing was found.
  var inside: JSONValue?

  /// Bounds beyond which numbers are not exact are left alone.
  private static let exact = 9_007_199_254_740_991.0

  init(_ rules: JSONValue, isWhole: Bool) {
    let multiple = rules["multipleOf"]?.doubleValue
    let step = multiple ?? (isWhole ? 1 : nil)
    let low = Bound(rules["minimum"]?.doubleValue, rules["exclusiveMinimum"]?.doubleValue, sign: 1)
    let high = Bound(
      rules["maximum"]?.doubleValue,
      rules["exclusiveMaximum"]?.doubleValue,
      sign: -1
    )
    func fits(_ value: Double) -> Bool {
      guard abs(value) <= Self.exact, low?.allows(value) ?? true, high?.allows(value) ?? true else {
        return false
      }
      return step.map { value.isMultiple(of: $0) } ?? true
    }
    func number(_ value: Double?) -> JSONValue? {
      guard let value, abs(value) <= Self.exact else { return nil }
      return value.rounded() == value ? .integer(Int64(value)) : .double(value)
    }
    func nearest(_ bound: Bound?, _ sign: Double) -> Double? {
      guard let bound else { return nil }
      if let step {
        let first = (bound.value / step).rounded(sign > 0 ? .up : .down) * step
        return [first, first + sign * step].first(where: fits)
      }
      return [0, 1, 0.1, 0.001].map { bound.value + sign * $0 }.first(where: fits)
    }
    func beyond(_ bound: Bound?, _ sign: Double) -> Double? {
      guard let bound else { return nil }
      if let step {
        let last = (bound.value / step).rounded(sign > 0 ? .up : .down) * step
        return [last, last - sign * step].first { !bound.allows($0) }
      }
      return [0, 1].map { bound.value - sign * $0 }.first { !bound.allows($0) }
    }
    least = number(nearest(low, 1))
    most = number(nearest(high, -1))
    below = number(beyond(low, 1))
    above = number(beyond(high, -1))
    let middle =
      [low.flatMap { l in high.map { (l.value + $0.value) / 2 } }].compactMap { $0 }
      .map { middle in step.map { (middle / $0).rounded() * $0 } ?? middle }
    let candidates =
      middle + [1, 0].map { $0 * (step ?? 1) }
      + [nearest(low, 1), nearest(high, -1)].compactMap { $0 }
    inside = number(candidates.first(where: fits))
    if high == nil, multiple == nil { large = isWhole ? .integer(9_007_199_254_740_991) : 1e300 }
    if let inside = inside?.doubleValue {
      if let multiple, !isWhole || multiple > 1 {
        let part = isWhole ? 1 : multiple / 2
        between = number(
          [inside + part, inside - part].first {
            !$0.isMultiple(of: multiple) && low?.allows($0) ?? true && high?.allows($0) ?? true
          }
        )
      }
      if isWhole {
        fraction = [inside + 0.5, inside - 0.5].first {
          low?.allows($0) ?? true && high?.allows($0) ?? true
        }.map { .double($0) }
      }
    }
  }

  private struct Bound {
    var value: Double
    var isOpen: Bool
    var sign: Double

    /// The tighter of the two; nil where there is neither.
    init?(_ closed: Double?, _ open: Double?, sign: Double) {
      self.sign = sign
      switch (closed, open) {
      case (nil, nil): return nil
      case (let closed?, nil): (value, isOpen) = (closed, false)
      case (nil, let open?): (value, isOpen) = (open, true)
      case (let closed?, let open?):
        let isOpenTighter = sign * open >= sign * closed
        (value, isOpen) = isOpenTighter ? (open, true) : (closed, false)
      }
    }

    func allows(_ number: Double) -> Bool {
      isOpen ? sign * number > sign * value : sign * number >= sign * value
    }
  }
}

extension Double {
  fileprivate func isMultiple(of step: Double) -> Bool {
    guard step > 0 else { return true }
    let count = self / step
    return abs(count - count.rounded()) < 1e-9
  }
}
