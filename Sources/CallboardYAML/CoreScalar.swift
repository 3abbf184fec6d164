import JSONSchema

/// What a plain scalar means by the core schema of YAML 1.2: `yes`, `no`, `on` and `off` are strings.
enum CoreScalar {
  /// The value, or the sentence that says why JSON has none for it.
  static func value(of text: String) -> Result<JSONValue, Problem> {
    switch text {
    case "", "~", "null", "Null", "NULL": return .success(.null)
    case "true", "True", "TRUE": return .success(.bool(true))
    case "false", "False", "FALSE": return .success(.bool(false))
    case ".nan", ".NaN", ".NAN": return .failure(.notFinite(text))
    default: break
    }
    guard let first = text.utf8.first, "+-.0123456789".utf8.contains(first) else {
      return .success(.string(text))
    }
    let digits = text.drop { $0 == "+" || $0 == "-" }
    if [".inf", ".Inf", ".INF"].contains(digits), text.utf8.count <= 5 {
      return .failure(.notFinite(text))
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
      let digits = text.dropFirst(2)
      guard !digits.isEmpty,
        digits.allSatisfy({ $0.isASCII && Int(String($0), radix: radix) != nil })
      else { return .success(.string(text)) }
      guard let number = Int64(digits, radix: radix) else { return .failure(.tooLarge(text)) }
      return .success(.integer(number))
    }
    guard let number = jsonNumber(text) else { return .success(.string(text)) }
    guard let value = try? JSONValue(parsing: number) else { return .failure(.tooLarge(text)) }
    return .success(value)
  }

  /// The decimal number in JSON's spelling (no `+`, no leading zeros, digits on both sides of the point), or nil
  /// when the text is not `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
  private static func jsonNumber(_ text: String) -> String? {
    var rest = Substring(text).utf8
    func digits() -> String {
      let run = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest[run.endIndex...]
      return String(Substring(run))
    }
    func take(_ bytes: String) -> UInt8? {
      guard let first = rest.first, bytes.utf8.contains(first) else { return nil }
      rest = rest.dropFirst()
      return first
    }
    let sign = take("+-") == UInt8(ascii: "-") ? "-" : ""
    let whole = digits()
    var fraction: String?
    if take(".") != nil { fraction = digits() }
    guard !whole.isEmpty || !(fraction ?? "").isEmpty else { return nil }
    var exponent = ""
    if take("eE") != nil {
      let sign = take("+-") == UInt8(ascii: "-") ? "-" : ""
      let digits = digits()
      guard !digits.isEmpty else { return nil }
      exponent = "e\(sign)\(digits)"
    }
    guard rest.isEmpty else { return nil }
    let trimmed = whole.drop { $0 == "0" }
    let decimals = fraction.map { $0.isEmpty ? "" : ".\($0)" } ?? ""
    return "\(sign)\(trimmed.isEmpty ? "0" : String(trimmed))\(decimals)\(exponent)"
  }

  enum Problem: Error {
    case notFinite(String)
    case tooLarge(String)

    var sentence: String {
      switch self {
      case .notFinite(let text): "\(text) is no number that JSON can hold; write a finite number"
      case .tooLarge(let text): "\(text) is too large for a number; quote it if it is a text"
      }
    }
  }
}
