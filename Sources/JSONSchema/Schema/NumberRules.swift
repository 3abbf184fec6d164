/// The bound of `minimum` and its kin, compared exactly.
struct NumberBound: Sendable {
  let value: JSONValue
  private let integer: Int64
  private let isInteger: Bool
  /// The bound as a double, where comparing with it is exact.
  private let double: Double
  private let isDouble: Bool

  init(_ value: JSONValue) {
    self.value = value
    switch value {
    case .integer(let number):
      integer = number
      isInteger = true
      double = Double(number)
      isDouble = number.magnitude < 1 << 53
    case .double(let number):
      integer = 0
      isInteger = false
      double = number
      isDouble = true
    case .decimal, .null, .bool, .string, .array, .object:
      integer = 0
      isInteger = false
      double = 0
      isDouble = false
    }
  }

  /// How a number stands to the bound.
  @inline(__always) func order(of number: JSONValue) -> NumberOrder {
    switch number {
    case .integer(let number) where isInteger: NumberOrder(number, integer)
    case .double(let number) where isDouble && number.isFinite: NumberOrder(number, double)
    case .integer(let number) where isDouble && number.magnitude < 1 << 53:
      NumberOrder(Double(number), double)
    case .integer, .double, .decimal, .null, .bool, .string, .array, .object:
      compareNumbers(number, value)
    }
  }
}

/// The number of `multipleOf`: mantissa × 10^exponent.
struct Divisor: Sendable {
  let value: JSONValue
  private let mantissa: UInt64
  /// The mantissa where 64 bits do not hold it.
  private let large: LargeDivisor?
  private let exponent: Int

  static var maximumDigits: Int { 100 }

  /// Nil where it is not above zero, or has too many digits.
  init?(_ value: JSONValue) {
    self.value = value
    guard let number = ExactNumber(value), !number.isNegative, !number.digits.isEmpty,
      number.digits.count <= Divisor.maximumDigits
    else { return nil }
    exponent = number.exponent - number.digits.count
    var whole = number
    whole.exponent = number.digits.count
    mantissa = whole.uint64 ?? 0
    large = mantissa == 0 ? LargeDivisor(number.digits) : nil
  }

  func divides(_ number: JSONValue) -> Bool {
    if large != nil { return ExactNumber(number).map(divides) ?? false }
    switch number {
    case .integer(let number):
      return divides(number.magnitude, exponent: 0)
    case .double(let number):
      if let (mantissa, exponent) = Divisor.decimal(number.magnitude) {
        return divides(mantissa, exponent: exponent)
      }
      guard let number = ExactNumber(number) else { return false }
      return divides(number)
    case .decimal(let text):
      guard let number = ExactNumber(text) else { return false }
      return divides(number)
    case .null, .bool, .string, .array, .object: return false
    }
  }

  private func divides(_ magnitude: UInt64, exponent: Int) -> Bool {
    guard magnitude != 0 else { return true }
    let shift = exponent - self.exponent
    if shift >= 0 {
      return Divisor.multiply(
        magnitude % mantissa,
        Divisor.power(shift, modulo: mantissa),
        mantissa
      ) == 0
    }
    guard shift >= -19, let scale = Divisor.powersOfTen[safe: -shift] else { return false }
    return magnitude.isMultiple(of: scale) && (magnitude / scale).isMultiple(of: mantissa)
  }

  private func divides(_ number: ExactNumber) -> Bool {
    guard !number.digits.isEmpty else { return true }
    let shift = number.exponent - number.digits.count - exponent
    // The digits do not end in zero, so no smaller power of ten divides them.
    guard shift >= 0 else { return false }
    if let large { return large.divides(number.digits, zeros: shift) }
    var rest: UInt64 = 0
    for digit in number.digits {
      rest = Divisor.multiply(rest, 10, mantissa)
      let (sum, overflow) = rest.addingReportingOverflow(UInt64(digit) % mantissa)
      rest = overflow || sum >= mantissa ? sum &- mantissa : sum
    }
    return Divisor.multiply(rest, Divisor.power(shift, modulo: mantissa), mantissa) == 0
  }

  /// A double's shortest text as mantissa and exponent, found without making the text; nil where that fails.
  private static func decimal(_ value: Double) -> (mantissa: UInt64, exponent: Int)? {
    var scale = 1.0
    for places in 0...15 {
      let scaled = (value * scale).rounded()
      // Below 10^15 the digits are few enough that no other decimal as short rounds to the same double.
      guard scaled < 1e15 else { return nil }
      if scaled / scale == value { return (UInt64(scaled), -places) }
      scale *= 10
    }
    return nil
  }

  private static func multiply(_ left: UInt64, _ right: UInt64, _ modulus: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return modulus.dividingFullWidth((product.high % modulus, product.low)).remainder
  }

  private static func power(_ exponent: Int, modulo modulus: UInt64) -> UInt64 {
    var result = 1 % modulus
    var base = 10 % modulus
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result = multiply(result, base, modulus) }
      base = multiply(base, base, modulus)
      rest >>= 1
    }
    return result
  }

  private static let powersOfTen: [UInt64] = (0...19).map { places in
    (0..<places).reduce(1 as UInt64) { power, _ in power * 10 }
  }
}

/// A whole number beyond 64 bits that others are divided by.
private struct LargeDivisor {
  /// In base 2^32, the lowest first.
  private let limbs: [UInt32]

  init(_ digits: [UInt8]) {
    var limbs: [UInt32] = []
    for digit in digits { LargeDivisor.append(digit, to: &limbs) }
    self.limbs = limbs
  }

  /// Whether it divides the number of these digits and as many zeros.
  func divides(_ digits: [UInt8], zeros: Int) -> Bool {
    var rest: [UInt32] = []
    for digit in digits { append(digit, to: &rest) }
    // A number of n bits has no factor 2 or 5 more often than n times, and only these are in a ten.
    for _ in 0..<min(zeros, limbs.count * 32) where !rest.isEmpty { append(0, to: &rest) }
    return rest.isEmpty
  }

  private func append(_ digit: UInt8, to rest: inout [UInt32]) {
    LargeDivisor.append(digit, to: &rest)
    while isAtMost(rest) { subtract(from: &rest) }
  }

  private static func append(_ digit: UInt8, to limbs: inout [UInt32]) {
    var carry = UInt64(digit)
    for place in limbs.indices {
      let product = UInt64(limbs[place]) * 10 + carry
      limbs[place] = UInt32(truncatingIfNeeded: product)
      carry = product >> 32
    }
    if carry > 0 { limbs.append(UInt32(truncatingIfNeeded: carry)) }
  }

  private func isAtMost(_ number: [UInt32]) -> Bool {
    guard number.count == limbs.count else { return number.count > limbs.count }
    for place in limbs.indices.reversed() where number[place] != limbs[place] {
      return number[place] > limbs[place]
    }
    return true
  }

  private func subtract(from number: inout [UInt32]) {
    var borrow: UInt32 = 0
    for place in number.indices {
      let limb = place < limbs.count ? limbs[place] : 0
      let (difference, isBelow) = number[place].subtractingReportingOverflow(limb)
      let (rest, isBelowToo) = difference.subtractingReportingOverflow(borrow)
      number[place] = rest
      borrow = isBelow || isBelowToo ? 1 : 0
    }
    while number.last == 0 { number.removeLast() }
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
