/// Why a text is no duration.
public struct DurationError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
}

extension Duration {
  /// Reads `250ms`, `1.5s`, `5m`, `2h`, `1d`, or several from large to small: `1h30m`.
  ///
  /// Never negative; at most 36,500 days. `0` needs no unit.
  public init(callboard text: String) throws(DurationError) {
    guard text != "0" else {
      self = .zero
      return
    }
    var rest = text[...]
    var total = Duration.zero
    var lastUnit: Duration?
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest[number.endIndex...]
      let name = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest[name.endIndex...]
      guard let unit = Duration.units[String(name)] else {
        throw DurationError(text, name.isEmpty ? "has no unit" : "has the unknown unit “\(name)”")
      }
      guard lastUnit.map({ unit < $0 }) ?? true else {
        throw DurationError(text, "does not go from large units to small ones")
      }
      guard let count = Duration.thousandths(number) else {
        throw DurationError(text, "does not begin with a number of at most three decimals")
      }
      lastUnit = unit
      // Thousandths before units: 1.5 d × 86,400 s stays exact, and cannot overflow with nine digits.
      total += unit / 1000 * count
    }
    guard lastUnit != nil else { throw DurationError(text, "is empty") }
    guard total <= Duration.longest else { throw DurationError(text, "is longer than 36,500 days") }
    self = total
  }

  /// The shortest text that reads back as this duration, to the millisecond: `250ms`, `1.5s`, `1h30m`.
  public var callboardText: String {
    let (seconds, attoseconds) = components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    if seconds == 0 { return milliseconds == 0 ? "0s" : "\(milliseconds)ms" }
    var text = ""
    var rest = seconds
    for (name, size) in [("d", 86_400), ("h", 3600), ("m", 60)] as [(String, Int64)]
    where rest >= size {
      text += "\(rest / size)\(name)"
      rest %= size
    }
    if milliseconds > 0 {
      var decimals = String(milliseconds + 1000).dropFirst()
      while decimals.last == "0" { decimals.removeLast() }
      text += "\(rest).\(decimals)s"
    } else if rest > 0 {
      text += "\(rest)s"
    }
    return text
  }

  private static let longest = Duration.seconds(36_500 * 86_400)

  private static let units: [String: Duration] = [
    "ms": .milliseconds(1), "s": .seconds(1), "m": .seconds(60), "h": .seconds(3600),
    "d": .seconds(86_400),
  ]

  /// `1.5` as 1500; nil for anything but digits with at most three decimals.
  private static func thousandths(_ text: Substring) -> Int? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let whole = parts.first, (1...12).contains(whole.count),
      let number = Int(whole)
    else { return nil }
    guard parts.count == 2 else { return number * 1000 }
    let decimals = parts[1]
    guard (1...3).contains(decimals.count),
      let fraction = Int(decimals + String(repeating: "0", count: 3 - decimals.count))
    else { return nil }
    return number * 1000 + fraction
  }
}

extension DurationError {
  fileprivate init(_ text: String, _ problem: String) {
    description = "“\(text)” \(problem); write a duration such as 250ms, 1.5s, 5m, 2h or 1d"
  }
}
