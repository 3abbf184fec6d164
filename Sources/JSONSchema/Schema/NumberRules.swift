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
  private let exponent: Int

  /// Nil where it is not above zero, or has more digits than 64 bits hold.
  init?(_ value: JSONValue) {
    self.value = value
    guard let number = ExactNumber(value), !number.isNegative, !number.digits.isEmpty,
      number.digits.count <= 19
    else { return nil }
    var mantissa: UInt64 = 0
    for digit in number.digits {
      let (product, tooBig) = mantissa.multipliedReportingOverflow(by: 10)
      let (sum, tooBigToo) = product.addingReportingOverflow(UInt64(digit))
      guard !tooBig, !tooBigToo else { return nil }
      mantissa = sum
    }
    self.mantissa = mantissa
    exponent = number.exponent - number.digits.count
  }

  func divides(_ number: JSONValue) -> Bool {
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

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
