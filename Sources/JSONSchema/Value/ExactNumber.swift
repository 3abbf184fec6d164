/// A decimal number of any size: ±0.d₁d₂d₃… × 10^exponent, with neither leading nor trailing zeros.
struct ExactNumber: Hashable {
  var isNegative: Bool
  /// Digits 0 to 9; empty for zero.
  var digits: [UInt8]
  var exponent: Int

  /// Exponents beyond this are refused by the parser, so that arithmetic on them cannot overflow.
  static let largestExponent = 999_999_999

  /// The number that a text of JSON's grammar denotes, nil where it is none.
  init?(_ text: String) {
    var text = text
    guard let number = text.withUTF8({ ExactNumber(bytes: $0) }) else { return nil }
    self = number
  }

  init?(bytes: UnsafeBufferPointer<UInt8>) {
    var at = 0
    func peek() -> UInt8 { at < bytes.count ? bytes[at] : 0 }
    func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    let isNegative = peek() == UInt8(ascii: "-")
    if isNegative { at += 1 }
    guard isDigit(peek()) else { return nil }
    let leadingZero = peek() == UInt8(ascii: "0")
    var digits: [UInt8] = []
    digits.reserveCapacity(bytes.count)
    var exponent = 0
    while isDigit(peek()) {
      if !digits.isEmpty || peek() != UInt8(ascii: "0") {
        digits.append(peek() &- 0x30)
        exponent += 1
      }
      at += 1
    }
    guard !leadingZero || exponent == 0 else { return nil }
    if leadingZero, at > (isNegative ? 2 : 1) { return nil }
    if peek() == UInt8(ascii: ".") {
      at += 1
      guard isDigit(peek()) else { return nil }
      while isDigit(peek()) {
        if !digits.isEmpty || peek() != UInt8(ascii: "0") {
          digits.append(peek() &- 0x30)
        } else {
          exponent -= 1
        }
        at += 1
      }
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      at += 1
      let negative = peek() == UInt8(ascii: "-")
      if negative || peek() == UInt8(ascii: "+") { at += 1 }
      guard isDigit(peek()) else { return nil }
      var written = 0
      while isDigit(peek()) {
        if written <= ExactNumber.largestExponent { written = written * 10 + Int(peek() &- 0x30) }
        at += 1
      }
      guard written <= ExactNumber.largestExponent || digits.isEmpty else { return nil }
      exponent += negative ? -written : written
    }
    guard at == bytes.count else { return nil }
    while digits.last == 0 { digits.removeLast() }
    self.isNegative = isNegative && !digits.isEmpty
    self.digits = digits
    self.exponent = digits.isEmpty ? 0 : exponent
  }

  init(_ value: Int64) {
    isNegative = value < 0
    digits = []
    var rest = value.magnitude
    while rest > 0 {
      digits.append(UInt8(rest % 10))
      rest /= 10
    }
    exponent = digits.count
    digits.reverse()
    while digits.last == 0 { digits.removeLast() }
  }

  /// The number that the double's shortest text denotes, nil for infinities and NaN.
  init?(_ value: Double) {
    guard value.isFinite, let number = ExactNumber(value.description) else { return nil }
    self = number
  }

  init?(_ value: JSONValue) {
    switch value {
    case .integer(let value): self.init(value)
    case .double(let value): self.init(value)
    case .decimal(let text): self.init(text)
    case .null, .bool, .string, .array, .object: return nil
    }
  }

  var isIntegral: Bool { digits.count <= exponent || digits.isEmpty }

  var int64: Int64? {
    guard isIntegral, exponent <= 19 else { return nil }
    var magnitude: UInt64 = 0
    for place in 0..<exponent {
      let digit = place < digits.count ? digits[place] : 0
      let (product, tooBig) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, tooBigToo) = product.addingReportingOverflow(UInt64(digit))
      guard !tooBig, !tooBigToo else { return nil }
      magnitude = sum
    }
    if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int64(exactly: magnitude)
  }

  var uint64: UInt64? {
    guard isIntegral, !isNegative, exponent <= 20 else { return nil }
    var magnitude: UInt64 = 0
    for place in 0..<exponent {
      let digit = place < digits.count ? digits[place] : 0
      let (product, tooBig) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, tooBigToo) = product.addingReportingOverflow(UInt64(digit))
      guard !tooBig, !tooBigToo else { return nil }
      magnitude = sum
    }
    return magnitude
  }

  static func compare(_ left: ExactNumber, _ right: ExactNumber) -> NumberOrder {
    if left.digits.isEmpty || right.digits.isEmpty || left.isNegative != right.isNegative {
      return NumberOrder(left.sign, right.sign)
    }
    let magnitude: NumberOrder
    if left.exponent != right.exponent {
      magnitude = NumberOrder(left.exponent, right.exponent)
    } else {
      magnitude =
        left.digits == right.digits
        ? .equal : left.digits.lexicographicallyPrecedes(right.digits) ? .less : .greater
    }
    return left.isNegative ? magnitude.reversed : magnitude
  }

  private var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }
}

enum NumberOrder {
  case less
  case equal
  case greater
  /// One of the two is no number.
  case none

  init<Number: Comparable>(_ left: Number, _ right: Number) {
    self = left < right ? .less : left == right ? .equal : .greater
  }

  var reversed: NumberOrder {
    switch self {
    case .less: .greater
    case .greater: .less
    case .equal, .none: self
    }
  }
}

/// Compares two numbers by what they denote, exactly.
func compareNumbers(_ left: JSONValue, _ right: JSONValue) -> NumberOrder {
  switch (left, right) {
  case (.integer(let left), .integer(let right)):
    return NumberOrder(left, right)
  // Shortest texts are ordered as the doubles are.
  case (.double(let left), .double(let right)) where !left.isNaN && !right.isNaN:
    return NumberOrder(left, right)
  case (.integer(let left), .double(let right)) where right.magnitude < exactLimit:
    return compareNumbers(left, right)
  case (.double(let left), .integer(let right)) where left.magnitude < exactLimit:
    return compareNumbers(right, left).reversed
  case (.null, _), (.bool, _), (.integer, _), (.double, _), (.decimal, _), (.string, _),
    (.array, _),
    (.object, _):
    guard let left = ExactNumber(left), let right = ExactNumber(right) else { return .none }
    return ExactNumber.compare(left, right)
  }
}

/// 2^53: below it every integral double is the integer that its text says.
private let exactLimit = 9_007_199_254_740_992.0

private func compareNumbers(_ left: Int64, _ right: Double) -> NumberOrder {
  let floor = right.rounded(.down)
  let order = NumberOrder(left, Int64(floor))
  return order == .equal && floor < right ? .less : order
}

extension JSONValue {
  /// The number that a text of JSON's grammar denotes, in the first form that holds it exactly; the text itself
  /// as a `decimal` where none does.
  init(number text: String) {
    if let integer = Int64(text), text.utf8.first != UInt8(ascii: "+") {
      self = text == "-0" ? .double(-0.0) : .integer(integer)
      return
    }
    guard let exact = ExactNumber(text), let double = Double(text), double.isFinite,
      let near = ExactNumber(double), near == exact
    else {
      self = .decimal(text)
      return
    }
    self = .double(double)
  }

  /// The number as a 64-bit integer, nil where it is none or does not fit.
  var exactInt64: Int64? {
    switch self {
    case .integer(let value): return value
    case .double(let value):
      guard value.rounded(.towardZero) == value else { return nil }
      return value.magnitude < exactLimit ? Int64(value) : ExactNumber(value)?.int64
    case .decimal(let text): return ExactNumber(text)?.int64
    case .null, .bool, .string, .array, .object: return nil
    }
  }

  /// Whether this is a number without a fraction.
  var isIntegral: Bool {
    switch self {
    case .integer: true
    // A double whose shortest text had a fraction would be below 2^53, where the test is exact.
    case .double(let value): value.isFinite && value.rounded(.towardZero) == value
    case .decimal(let text): ExactNumber(text)?.isIntegral ?? false
    case .null, .bool, .string, .array, .object: false
    }
  }
}
