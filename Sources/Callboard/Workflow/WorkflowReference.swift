import JSONSchema

/// What stands between `${` and `}`: places in a run's context, the first that has a value counts, and at last a value.
///
/// `${market.median ?? input.ask ?? 0}`. A place is a name, and members (`.zip`, `["zip code"]`) and elements (`[0]`) of
/// what it names. A value is written as JSON, or in single quotes.
public struct WorkflowReference: Sendable, Hashable {
  public var paths: [Path]
  /// What counts where no place has a value.
  public var literal: JSONValue?
  /// As it was written.
  public var text: String

  public struct Path: Sendable, Hashable, CustomStringConvertible {
    /// `input`, `item`, `index`, or the id of a step.
    public var root: String
    public var members: [Member]
    /// Where it begins, in characters of the text that it stands in.
    public var offset: Int

    public var description: String { members.reduce(root) { $0 + $1.description } }
  }

  public enum Member: Sendable, Hashable, CustomStringConvertible {
    case key(String)
    case index(Int)

    public var description: String {
      switch self {
      case .key(let key) where key.allSatisfy(\.isInName): "." + key
      case .key(let key): "[" + JSONValue.string(key).serialized() + "]"
      case .index(let index): "[\(index)]"
      }
    }
  }

  /// Whether it has a value whatever has become of steps.
  public var hasDefault: Bool { literal != nil }

  /// The value; nil where no place has one.
  ///
  /// A place whose value is null has none. `skipped`: what would be there, but has been passed over and counts as null.
  func value(in context: JSONObject, skipped: Set<String> = []) -> JSONValue? {
    for path in paths {
      if let value = path.value(in: context), !value.isNull { return value }
    }
    if let literal { return literal }
    // Null is a value where nothing else is asked for.
    if let value = paths.lazy.compactMap({ $0.value(in: context) }).first { return value }
    return paths.contains { skipped.contains($0.root) } ? JSONValue.null : Optional<JSONValue>.none
  }
}

extension WorkflowReference.Path {
  func value(in context: JSONObject) -> JSONValue? {
    guard var value = context[root] else { return nil }
    for member in members {
      let next: JSONValue? =
        switch member {
        case .key(let key): value.objectValue?[key]
        case .index(let index):
          value.arrayValue.flatMap { $0.indices.contains(index) ? $0[index] : nil }
        }
      guard let next else { return nil }
      value = next
    }
    return value
  }
}

extension Character {
  fileprivate var isInName: Bool { isASCII && (isLetter || isNumber || self == "_" || self == "-") }
}

/// Reads the inside of one `${…}`.
struct WorkflowReferenceReader {
  /// Why it can't be read, and where in the text.
  struct Fault: Error {
    var offset: Int
    var message: String
  }

  private let characters: [Character]
  private var position: Int

  /// `start`: after `${`.
  init(_ characters: [Character], from start: Int) {
    self.characters = characters
    position = start
  }

  /// The reference, and where the text goes on after its `}`.
  mutating func read() throws(Fault) -> (WorkflowReference, end: Int) {
    let start = position
    var paths: [WorkflowReference.Path] = []
    var literal: JSONValue?
    while true {
      skipSpace()
      if literal != nil { throw fault("a value always counts: nothing may follow it") }
      if let value = try value() { literal = value } else { paths.append(try path()) }
      skipSpace()
      guard position < characters.count else {
        throw Fault(offset: start - 2, message: "“${” has no “}”; to write it as text, write $${")
      }
      if characters[position] == "}" { break }
      guard characters[position] == "?", peek(1) == "?" else {
        throw fault(
          "“\(characters[position])” can't stand here; write a.b, a[0], or a.b ?? another"
        )
      }
      position += 2
    }
    let text = String(characters[start..<position]).trimming
    return (WorkflowReference(paths: paths, literal: literal, text: text), position + 1)
  }

  private func fault(_ message: String) -> Fault { Fault(offset: position, message: message) }

  private func peek(_ count: Int) -> Character? {
    characters.indices.contains(position + count) ? characters[position + count] : nil
  }

  private mutating func skipSpace() {
    while let character = peek(0), character.isWhitespace { position += 1 }
  }

  private mutating func path() throws(Fault) -> WorkflowReference.Path {
    let start = position
    guard let root = name() else {
      throw fault(
        peek(0) == "}" || peek(0) == nil
          ? "nothing is referred to; write ${input.name} or ${step.name}"
          : "a reference begins with a name, such as input or a step's id"
      )
    }
    var members: [WorkflowReference.Member] = []
    while let character = peek(0), character == "." || character == "[" {
      position += 1
      if character == "." {
        guard let key = name() else { throw fault("a name has to follow the dot") }
        members.append(.key(key))
        continue
      }
      if let key = try text() {
        members.append(.key(key))
      } else {
        let digits = take { $0.isASCII && $0.isNumber }
        guard let index = Int(digits) else {
          throw fault("in brackets stands a number from 0, or a name in quotes")
        }
        members.append(.index(index))
      }
      guard peek(0) == "]" else { throw fault("“[” has no “]”") }
      position += 1
    }
    return WorkflowReference.Path(root: root, members: members, offset: start)
  }

  private mutating func name() -> String? {
    guard let first = peek(0), first.isInName, !first.isNumber, first != "-" else { return nil }
    return take { $0.isInName }
  }

  private mutating func take(while matches: (Character) -> Bool) -> String {
    let start = position
    while let character = peek(0), matches(character) { position += 1 }
    return String(characters[start..<position])
  }

  /// A text in quotes; nil where there is none.
  private mutating func text() throws(Fault) -> String? {
    guard let quote = peek(0), quote == "\"" || quote == "'" else { return nil }
    let start = position
    position += 1
    while let character = peek(0), character != quote {
      position += character == "\\" && quote == "\"" ? 2 : 1
    }
    guard peek(0) == quote else {
      throw Fault(offset: start, message: "a text has no closing \(quote)")
    }
    position += 1
    let whole = String(characters[start..<position])
    if quote == "'" { return String(whole.dropFirst().dropLast()) }
    guard let value = (try? JSONValue(parsing: whole, options: .lenient))?.stringValue else {
      throw Fault(offset: start, message: "\(whole) is no JSON text")
    }
    return value
  }

  /// A value as JSON writes it; nil where a place stands here.
  private mutating func value() throws(Fault) -> JSONValue? {
    if let text = try text() { return .string(text) }
    let start = position
    let word = take { $0.isInName || $0 == "." || $0 == "+" }
    switch word {
    case "true": return true
    case "false": return false
    case "null": return .null
    case "": break
    default:
      if let first = word.first, first.isNumber || first == "-" {
        guard let value = try? JSONValue(parsing: word, options: .lenient) else {
          throw Fault(offset: start, message: "“\(word)” is no number")
        }
        return value
      }
    }
    position = start
    if peek(0) == "{" || peek(0) == "[" {
      guard peek(1) == (peek(0) == "{" ? "}" : "]") else {
        throw fault("of objects and arrays only the empty ones, {} and [], can stand here")
      }
      defer { position += 2 }
      return peek(0) == "{" ? .object(JSONObject()) : .array([])
    }
    return nil
  }
}

extension String {
  fileprivate var trimming: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}
