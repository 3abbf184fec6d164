import Foundation

/// What a list is narrowed to: `fn:payments.* state:failed age:<10m text`; a `-` before a term turns it round.
public struct Filter: Sendable, Hashable, Codable {
  /// As it was typed.
  public var text: String
  private var terms: [Term]

  private struct Term: Sendable, Hashable, Codable {
    var isNegated: Bool
    var test: Test
  }

  private enum Test: Sendable, Hashable, Codable {
    case function(NamePattern)
    case state(String)
    case caller(NamePattern)
    case conversation(String)
    case youngerThan(Double)
    case olderThan(Double)
    case effect(String)
    case text(String)
  }

  /// A term that can't be read: what was found and what to write.
  public struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
  }

  /// Lets everything through.
  public init() {
    text = ""
    terms = []
  }

  public init(_ text: String) throws(Mistake) {
    self.text = text
    terms = []
    for word in text.split(separator: " ") {
      var word = word
      let isNegated = word.hasPrefix("-") && word.count > 1
      if isNegated { word.removeFirst() }
      terms.append(Term(isNegated: isNegated, test: try Self.test(of: String(word))))
    }
  }

  public var isEmpty: Bool { terms.isEmpty }

  private static func test(of word: String) throws(Mistake) -> Test {
    guard let colon = word.firstIndex(of: ":") else { return .text(word.lowercased()) }
    let value = String(word[word.index(after: colon)...])
    switch word[..<colon] {
    case "fn", "function": return .function(NamePattern(value))
    case "state":
      let known = words
      let named = value.replacing("-", with: "_")
      guard !named.isEmpty, known.contains(where: { $0.hasPrefix(named) }) else {
        throw Mistake(
          description: "no state is called “\(value)”; there is \(known.joined(separator: ", "))"
        )
      }
      return .state(named)
    case "caller", "by": return .caller(NamePattern(value))
    case "conv", "conversation": return .conversation(value)
    case "effect":
      guard FunctionEffect(rawValue: value) != nil else {
        let known = FunctionEffect.allCases.map(\.rawValue).joined(separator: ", ")
        throw Mistake(description: "no effect is called “\(value)”; there is \(known)")
      }
      return .effect(value)
    case "age":
      guard let first = value.first, first == "<" || first == ">",
        let seconds = seconds(value.dropFirst())
      else {
        throw Mistake(description: "age is written age:<10m or age:>1h, not “\(word)”")
      }
      return first == "<" ? .youngerThan(seconds) : .olderThan(seconds)
    default:
      throw Mistake(
        description:
          "“\(word[..<colon]):” is not a filter; there is fn: state: caller: conv: effect: age:"
      )
    }
  }

  private static let words =
    CallState.Word.allCases.map(\.rawValue) + Conversation.Word.allCases.map(\.rawValue)
    + WorkflowRun.Word.allCases.map(\.rawValue).filter { CallState.Word(rawValue: $0) == nil }

  /// Seconds of a time such as `90s`, `10m`, `8h` or `2d`; nil where it is none.
  public static func seconds(_ text: Substring) -> Double? {
    guard let unit = text.last, let number = Double(text.dropLast()), number.isFinite, number >= 0
    else {
      return nil
    }
    switch unit {
    case "s": return number
    case "m": return number * 60
    case "h": return number * 3600
    case "d": return number * 86400
    default: return nil
    }
  }

  /// What of a row a filter looks at.
  public struct Subject: Sendable {
    public var function: String
    public var state: String
    public var caller: String
    public var conversation: String
    public var effect: String
    public var since: Date
    public var text: [String]
    /// Whole, or as screens show them.
    public var ids: [String]

    public init(
      function: String = "",
      state: String = "",
      caller: String = "",
      conversation: String = "",
      effect: String = "",
      since: Date,
      text: [String] = [],
      ids: [String] = []
    ) {
      self.function = function
      self.state = state
      self.caller = caller
      self.conversation = conversation
      self.effect = effect
      self.since = since
      self.text = text
      self.ids = ids
    }

    /// Ids are random letters and digits, and all that are made in one second begin alike: what people type of one is its
    /// end, as screens show it, or a good part of its beginning.
    fileprivate func hasID(_ text: String) -> Bool {
      func names(_ id: some StringProtocol) -> Bool {
        text.count >= 4 && id.hasSuffix(text) || text.count >= 8 && id.hasPrefix(text)
      }
      return ids.contains(where: names) || conversation.split(separator: " ").contains(where: names)
    }
  }

  /// The only states that it lets through, where it names them.
  public var states: [String]? {
    for term in terms where !term.isNegated {
      if case .state(let word) = term.test { return Self.words.filter { $0.hasPrefix(word) } }
    }
    return nil
  }

  public func admits(_ subject: @autoclosure () -> Subject, at now: Date) -> Bool {
    guard !terms.isEmpty else { return true }
    let subject = subject()
    return terms.allSatisfy { $0.isNegated != Self.matches($0.test, subject, at: now) }
  }

  private static func matches(_ test: Test, _ subject: Subject, at now: Date) -> Bool {
    switch test {
    case .function(let pattern):
      // A name without a dot is a namespace's too.
      pattern.matches(subject.function)
        || !pattern.text.contains(".")
          && pattern.matches(String(subject.function.prefix { $0 != "." }))
    case .state(let word): subject.state.hasPrefix(word)
    case .caller(let pattern): pattern.matches(subject.caller)
    case .conversation(let text): subject.conversation.contains(text)
    case .effect(let word): subject.effect == word
    case .youngerThan(let seconds): now.timeIntervalSince(subject.since) < seconds
    case .olderThan(let seconds): now.timeIntervalSince(subject.since) > seconds
    case .text(let text):
      subject.text.contains { $0.lowercased().contains(text) }
        || subject.function.lowercased().contains(text)
        || subject.caller.lowercased().contains(text)
        || subject.hasID(text)
    }
  }
}
