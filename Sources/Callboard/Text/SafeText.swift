/// Text that is safe to show on a terminal.
///
/// Only two things make it: callboard's own words as literals in the source, and the sanitiser,
/// ``init(untrusted:limit:)``. Different texts stay different when shown: whatever the sanitiser
/// writes in place of a character, an untrusted text cannot write by itself.
public struct SafeText: Sendable, Hashable, CustomStringConvertible {
  /// What is shown: one line, no control, no bidirectional and no invisible character.
  public let text: String

  /// Makes text from a model, a function, a user or the network safe.
  ///
  /// At most `limit` Unicode scalars are taken; what is left out is said at the end as `<+1,234
  /// bytes>`.
  public init(untrusted: String, limit: Int = 65_536) {
    text = sanitised(untrusted, limit: limit)
  }

  private init(safe text: String) { self.text = text }

  public static let empty = SafeText(safe: "")

  public var description: String { text }
  public var isEmpty: Bool { text.isEmpty }

  /// Makes each line of an untrusted text safe by itself, for text that is read as lines
  /// (transcripts, logs).
  ///
  /// Where the difference between a line break and two lines matters, use
  /// ``init(untrusted:limit:)``, which shows it.
  public static func lines(untrusted: String, limit: Int = 65_536) -> [SafeText] {
    untrusted.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      SafeText(untrusted: String(line.last == "\r" ? line.dropLast() : line), limit: limit)
    }
  }

  /// The first characters, as many as asked for.
  public func prefix(_ count: Int) -> SafeText { SafeText(safe: String(text.prefix(count))) }

  /// The last characters, as many as asked for.
  public func suffix(_ count: Int) -> SafeText { SafeText(safe: String(text.suffix(count))) }

  /// A part of safe text, which is safe.
  public subscript(range: Range<String.UnicodeScalarView.Index>) -> SafeText {
    SafeText(safe: String(text.unicodeScalars[range]))
  }

  public static func + (left: SafeText, right: SafeText) -> SafeText {
    SafeText(safe: left.text + right.text)
  }

  public static func += (left: inout SafeText, right: SafeText) {
    left = left + right
  }

  /// The same text as often as asked for, for bars and rules.
  public func repeated(_ count: Int) -> SafeText {
    SafeText(safe: String(repeating: text, count: max(0, count)))
  }

  /// Upper-case first letter, for sentences made of parts.
  public var capitalised: SafeText {
    guard let first = text.first, first.isASCII else { return self }
    return SafeText(safe: first.uppercased() + text.dropFirst())
  }

  /// The text for a terminal without UTF-8: ASCII only, with `\n` for ⏎ and code points for what
  /// has no stand-in.
  ///
  /// `|` becomes a code point, because it is the stand-in of the `│` that no value may print.
  public var ascii: SafeText {
    guard !text.utf8.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "|") }) else { return self }
    var ascii = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "⏎": ascii += #"\n"#
      case "⇥": ascii += #"\t"#
      case "␍": ascii += #"\r"#
      case "\u{2421}": ascii += "^?"
      case "\u{2400}"..."\u{241F}":
        ascii += "^"
        ascii.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value - 0x2400 + 0x40)))
      case "|": ascii += codePoint(scalar)
      default:
        if scalar.isASCII {
          ascii.unicodeScalars.append(scalar)
        } else if let standIn = asciiStandIn(for: scalar) {
          ascii.unicodeScalars.append(standIn)
        } else {
          ascii += codePoint(scalar)
        }
      }
    }
    return SafeText(safe: ascii)
  }
}

extension SafeText: ExpressibleByStringInterpolation {
  // StaticString: a string known only at run time cannot become safe text by way of a literal.
  public init(stringLiteral value: StaticString) {
    text = value.withUTF8Buffer { String(decoding: $0, as: UTF8.self) }
  }

  public init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  /// Puts safe parts and numbers between callboard's own words; a `String` is refused by the
  /// compiler.
  public struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    public init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + interpolationCount * 8)
    }

    public mutating func appendLiteral(_ literal: StaticString) {
      literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
    }

    public mutating func appendInterpolation(_ part: SafeText) { text += part.text }
    public mutating func appendInterpolation(_ number: Int) {
      text += SafeText.number(number).text
    }
    public mutating func appendInterpolation(untrusted part: String, limit: Int = 65_536) {
      text += SafeText(untrusted: part, limit: limit).text
    }
    public mutating func appendInterpolation(_ call: CallID) { text += call.short }
    public mutating func appendInterpolation(_ conversation: ConversationID) {
      text += conversation.short
    }
  }
}

extension SafeText {
  /// A whole number with its thousands marked: `25,000`.
  public static func number(_ number: Int) -> SafeText {
    var digits = String(number.magnitude)
    var position = digits.endIndex
    var count = 0
    while position > digits.startIndex {
      position = digits.index(before: position)
      count += 1
      if count % 3 == 0, position > digits.startIndex { digits.insert(",", at: position) }
    }
    return SafeText(safe: (number < 0 ? "-" : "") + digits)
  }

  /// A number with a fixed count of decimals: `1.9`, and `─` for what is no number.
  public static func number(_ number: Double, decimals: Int) -> SafeText {
    guard number.isFinite, abs(number) < 1e15 else { return "─" }
    guard decimals > 0 else { return SafeText.number(Int(number.rounded())) }
    let power = (0..<min(decimals, 6)).reduce(1) { power, _ in power * 10 }
    let scaled = (abs(number) * Double(power)).rounded()
    guard scaled < 9e18 else { return "─" }
    let whole = Int(scaled) / power
    let rest = String(Int(scaled) % power)
    let zeros = String(repeating: "0", count: min(decimals, 6) - rest.count)
    let sign = number < 0 && scaled > 0 ? "-" : ""
    return SafeText(safe: sign + SafeText.number(whole).text + "." + zeros + rest)
  }

  /// The whole id; ``CallID/short`` is what lists show.
  public init(_ call: CallID) { text = call.description }

  /// The whole id.
  public init(_ conversation: ConversationID) { text = conversation.description }

  /// The last six digits of the id.
  public static func short(_ call: CallID) -> SafeText { SafeText(safe: call.short) }

  /// `c-` and the last four digits of the id.
  public static func short(_ conversation: ConversationID) -> SafeText {
    SafeText(safe: conversation.short)
  }

  /// The name of a function, whose characters are all plain.
  public init(_ function: FunctionName) { text = function.description }
}

extension Sequence where Element == SafeText {
  /// The parts one after the other with a separator between them.
  public func joined(separator: SafeText = "") -> SafeText {
    var whole = SafeText.empty
    var first = true
    for part in self {
      if !first { whole += separator }
      whole += part
      first = false
    }
    return whole
  }
}

/// The one ASCII character that stands for a sign of callboard's own on a terminal without UTF-8.
public func asciiStandIn(for scalar: Unicode.Scalar) -> Unicode.Scalar? {
  switch scalar {
  case "…": "~"
  case "│", "┃", "║": "|"
  case "─", "━", "═", "–", "—": "-"
  case "┌", "┐", "└", "┘", "├", "┤", "┬", "┴", "┼": "+"
  case "▼": "v"
  case "▲": "^"
  case "▌", "▶", "›", "→": ">"
  case "◀", "‹", "←": "<"
  case "·", "•": "-"
  case "×": "x"
  case "“", "”": "\""
  case "‘", "’": "'"
  case "█", "▇": "#"
  case "▆", "▅": "="
  case "▄", "▃": "-"
  case "▂", "▁": "_"
  case "░": "."
  case "✓": "+"
  case "✗": "x"
  default: nil
  }
}
