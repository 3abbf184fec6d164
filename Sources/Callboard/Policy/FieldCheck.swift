import Foundation
import JSONSchema

/// A comparison between two fields of the arguments, or a field and a constant: `max_price > min_price`.
///
/// The whole language is `a OP b`, where OP is one of `< <= > >= == !=`, and a and b are a name, a JSON Pointer such as
/// `/range/max`, a number, a text in quotes, `true` or `false`. Where a field is missing or null, the check says nothing.
public struct FieldCheck: Sendable, Hashable, CustomStringConvertible {
  /// As it is written in the configuration.
  public let text: String
  let left: Operand
  let comparison: Comparison
  let right: Operand

  public var description: String { text }

  /// What is compared.
  enum Operand: Sendable, Hashable {
    case field(JSONPointer)
    case constant(JSONValue)

    var pointer: JSONPointer? {
      if case .field(let pointer) = self { pointer } else { nil }
    }
  }

  /// How it is compared.
  enum Comparison: String, Sendable, CaseIterable {
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "=="
    case different = "!="

    func holds(_ order: Int) -> Bool {
      switch self {
      case .less: order < 0
      case .lessOrEqual: order <= 0
      case .greater: order > 0
      case .greaterOrEqual: order >= 0
      case .equal: order == 0
      case .different: order != 0
      }
    }

    var ordersValues: Bool {
      switch self {
      case .less, .lessOrEqual, .greater, .greaterOrEqual: true
      case .equal, .different: false
      }
    }

    /// The same seen from the other side.
    var turned: Comparison {
      switch self {
      case .less: .greater
      case .lessOrEqual: .greaterOrEqual
      case .greater: .less
      case .greaterOrEqual: .lessOrEqual
      case .equal: .equal
      case .different: .different
      }
    }

    func words(dates: Bool) -> String {
      switch self {
      case .less: dates ? "earlier than" : "less than"
      case .lessOrEqual: dates ? "no later than" : "at most"
      case .greater: dates ? "later than" : "more than"
      case .greaterOrEqual: dates ? "no earlier than" : "at least"
      case .equal: "the same as"
      case .different: "something else than"
      }
    }
  }

  /// What is wrong with a check, and at which of its characters, counted from 1.
  public struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    public var column: Int
    public var message: String

    public var description: String { "\(message), at character \(column)" }
  }

  /// Reads a check.
  public init(_ text: String) throws(Mistake) {
    var reader = Reader(text)
    self.text = text
    left = try reader.operand()
    comparison = try reader.comparison()
    right = try reader.operand()
    try reader.end()
    if case .constant = left, case .constant = right {
      throw Mistake(column: 1, message: "compares two constants; name a field")
    }
  }

  // MARK: - Asking

  /// What is wrong with arguments by this check; nil where it holds or says nothing.
  ///
  /// `shown`: the arguments as they may be shown.
  func error(in arguments: JSONValue, shown: JSONValue) -> ValidationError? {
    guard let first = value(of: left, in: arguments), let second = value(of: right, in: arguments)
    else { return nil }
    if let order = Self.order(first, second), comparison.holds(order) { return nil }
    if !comparison.ordersValues, Self.order(first, second) == nil,
      comparison.holds(first == second ? 0 : 1)
    {
      return nil
    }
    // The error stands at a field: where the first is a constant, at the second.
    let isTurned = left.pointer == nil
    guard let place = left.pointer ?? right.pointer else { return nil }
    let (own, other, operand) = isTurned ? (second, first, left) : (first, second, right)
    let words = (isTurned ? comparison.turned : comparison).words(
      dates: Self.areDates(first, second)
    )
    var expected = "\(words) "
    switch operand {
    case .constant(let value): expected += Self.brief(value)
    case .field(let pointer):
      expected += pointer.description
      if shown.value(at: pointer) == other { expected += ", which is \(Self.brief(other))," }
    }
    return ValidationError(
      path: place.description,
      keyword: "check",
      schemaPath: "",
      expected: expected + " (\(text))",
      found: Self.brief(own)
    )
  }

  private func value(of operand: Operand, in arguments: JSONValue) -> JSONValue? {
    switch operand {
    case .constant(let value): return value
    case .field(let pointer):
      guard let value = arguments.value(at: pointer), value != .null else { return nil }
      return value
    }
  }

  /// Numbers by what they denote, dates and times by when they are; nil where there is no order between the two.
  private static func order(_ left: JSONValue, _ right: JSONValue) -> Int? {
    if let order = left.order(to: right) { return order }
    guard let first = left.stringValue, let second = right.stringValue else { return nil }
    if isDate(first), isDate(second) { return first == second ? 0 : first < second ? -1 : 1 }
    guard let first = moment(first), let second = moment(second) else { return nil }
    return first == second ? 0 : first < second ? -1 : 1
  }

  private static func areDates(_ left: JSONValue, _ right: JSONValue) -> Bool {
    left.stringValue != nil && order(left, right) != nil
  }

  private static let date = format("date")
  private static let dateTime = format("date-time")

  private static func format(_ name: String) -> Schema? {
    try? Schema(["type": "string", "format": .string(name)])
  }

  static func isDate(_ text: String) -> Bool { date?.isValid(.string(text)) ?? false }

  static func moment(_ text: String) -> Date? {
    guard dateTime?.isValid(.string(text)) == true else { return nil }
    return ISOTime.date(of: text)
  }

  private static func brief(_ value: JSONValue) -> String {
    let text = value.serialized()
    return text.count > 80 ? text.prefix(79) + "…" : text
  }
}

// MARK: - Reading

extension FieldCheck {
  private struct Reader {
    private let characters: [Character]
    private var index = 0

    init(_ text: String) { characters = Array(text) }

    private var next: Character? { index < characters.count ? characters[index] : nil }

    private mutating func skipSpace() {
      while let next, next.isWhitespace { index += 1 }
    }

    private func mistake(_ message: String, at place: Int? = nil) -> Mistake {
      Mistake(column: (place ?? index) + 1, message: message)
    }

    mutating func operand() throws(Mistake) -> Operand {
      skipSpace()
      guard let next else { throw mistake("ends where a field or a constant is missing") }
      switch next {
      case "'", "\"": return .constant(.string(try quoted(next)))
      case "/": return .field(try pointer())
      case "-", "0"..."9": return .constant(try number())
      case _ where Self.begins(next):
        let start = index
        let word = word()
        if self.next == "." {
          throw mistake(
            "“\(word).” is no path; write /\(word)/… for a field within \(word)",
            at: start
          )
        }
        switch word {
        case "true": return .constant(true)
        case "false": return .constant(false)
        case "null": throw mistake("compares with null, of which a check says nothing", at: start)
        default: return .field(JSONPointer(tokens: [word]))
        }
      default:
        throw mistake(
          "has “\(next)” where a name, a pointer such as /range/max, a number or a text in quotes is wanted"
        )
      }
    }

    mutating func comparison() throws(Mistake) -> Comparison {
      skipSpace()
      let start = index
      var sign = ""
      while let next, "<>=!≤≥≠".contains(next) {
        sign.append(next)
        index += 1
      }
      if let comparison = Comparison(rawValue: sign) { return comparison }
      let meant =
        switch sign {
        case "=": "=="
        case "=<", "≤": "<="
        case "=>", "≥": ">="
        case "<>", "≠", "!": "!="
        default: ""
        }
      if !meant.isEmpty { throw mistake("has “\(sign)”; did you mean \(meant)?", at: start) }
      let found = sign.isEmpty ? next.map { "“\($0)”" } ?? "its end" : "“\(sign)”"
      throw mistake("has \(found) where one of < <= > >= == != is wanted", at: start)
    }

    mutating func end() throws(Mistake) {
      skipSpace()
      guard next == nil else {
        throw mistake(
          "goes on after the comparison; write one comparison, and others as checks of their own"
        )
      }
    }

    private static func begins(_ character: Character) -> Bool {
      character.isLetter || character == "_" || character == "$"
    }

    private mutating func word() -> String {
      var word = ""
      while let next, Self.begins(next) || next.isNumber || next == "-" {
        word.append(next)
        index += 1
      }
      return word
    }

    private mutating func pointer() throws(Mistake) -> JSONPointer {
      let start = index
      var text = ""
      while let next, !next.isWhitespace, !"<>=!≤≥≠".contains(next) {
        text.append(next)
        index += 1
      }
      guard let pointer = try? JSONPointer(parsing: text) else {
        throw mistake("“\(text)” is no JSON Pointer", at: start)
      }
      return pointer
    }

    private mutating func number() throws(Mistake) -> JSONValue {
      let start = index
      var text = ""
      while let next, next.isNumber || ".-+eE".contains(next) {
        text.append(next)
        index += 1
      }
      guard let value = try? JSONValue(parsing: text), value.order(to: 0) != nil else {
        throw mistake(
          "“\(text)” is no number; write it as JSON does, and a date in quotes",
          at: start
        )
      }
      return value
    }

    private mutating func quoted(_ quote: Character) throws(Mistake) -> String {
      let start = index
      index += 1
      var text = ""
      while let next, next != quote {
        text.append(next)
        index += 1
      }
      guard next != nil else {
        throw mistake("has a text that does not end; close the quote", at: start)
      }
      index += 1
      return text
    }
  }
}

// MARK: - Against a schema

extension FieldCheck {
  /// What of the schema a check compares, by its type.
  private enum Kind: Equatable {
    case number
    case date
    case dateTime
    case truth
    case text
    /// The schema says nothing of its type.
    case anything

    var words: String {
      switch self {
      case .number: "a number"
      case .date: "a date"
      case .dateTime: "a date and time"
      case .truth: "true or false"
      case .text: "a text"
      case .anything: "a value of any type"
      }
    }
  }

  /// What is wrong with a check of arguments of this schema: names that it has not, or things that can't be compared.
  func mistake(in schema: JSONValue) -> Mistake? {
    do throws(Mistake) {
      let first = try kind(of: left, in: schema)
      let second = try kind(of: right, in: schema)
      guard first != .anything, second != .anything else { return nil }
      guard first == second else {
        return Mistake(
          column: 1,
          message: "compares \(first.words) with \(second.words), which are never alike"
        )
      }
      guard comparison.ordersValues else { return nil }
      switch first {
      case .number, .date, .dateTime, .anything: return nil
      case .text:
        return Mistake(
          column: 1,
          message:
            "asks for an order of texts, which there is not; give both format: date or date-time, or compare with == and !="
        )
      case .truth:
        return Mistake(column: 1, message: "asks for an order of true and false; use == or !=")
      }
    } catch {
      return error
    }
  }

  private func kind(of operand: Operand, in schema: JSONValue) throws(Mistake) -> Kind {
    switch operand {
    case .constant(let value):
      if value.order(to: 0) != nil { return .number }
      if case .bool = value { return .truth }
      let text = value.stringValue ?? ""
      return Self.isDate(text) ? .date : Self.moment(text) != nil ? .dateTime : .text
    case .field(let pointer): return try kind(of: pointer, in: schema)
    }
  }

  private func kind(of pointer: JSONPointer, in root: JSONValue) throws(Mistake) -> Kind {
    var parts = [root]
    var walked = JSONPointer()
    for token in pointer.tokens {
      let all = parts.flatMap { $0.alternatives(in: root) }
      let found = all.compactMap { $0["properties"]?[token] }
      guard !found.isEmpty else {
        let names = all.flatMap { $0["properties"]?.objectValue?.keys ?? [] }
        let near = nearest(to: token, among: names).map { "; did you mean \($0)?" }
        let place = walked.tokens.isEmpty ? "the parameters have" : "\(walked) has"
        let list = names.isEmpty ? "" : "; there is \(names.prefix(8).joined(separator: ", "))"
        throw Mistake(
          column: column(of: token),
          message: "names “\(token)”, which \(place) not" + (near ?? list)
        )
      }
      parts = found
      walked = walked.appending(token)
    }
    let all = parts.flatMap { $0.alternatives(in: root) }
    var types: Set<String> = []
    var formats: Set<String> = []
    for part in all {
      types.formUnion(
        part["type"]?.stringValue.map { [$0] }
          ?? (part["type"]?.arrayValue ?? []).compactMap(\.stringValue)
      )
      if let format = part["format"]?.stringValue { formats.insert(format) }
    }
    types.remove("null")
    if types.isEmpty { return .anything }
    if types.isSubset(of: ["number", "integer"]) { return .number }
    if types == ["boolean"] { return .truth }
    if types == ["string"] {
      return formats == ["date"] ? .date : formats == ["date-time"] ? .dateTime : .text
    }
    if types.isDisjoint(with: ["object", "array"]) { return .anything }
    throw Mistake(
      column: column(of: pointer.tokens.last ?? ""),
      message:
        "compares \(pointer), which is \(types.sorted().joined(separator: " or ")); compare a field within it"
    )
  }

  private func column(of token: String) -> Int {
    guard let range = text.range(of: token) else { return 1 }
    return text.distance(from: text.startIndex, to: range.lowerBound) + 1
  }
}
