import JSONSchema

/// Which characters a text among arguments may hold beside those that can be seen.
///
/// A property's schema says another rule with `x-text`.
public enum TextRule: String, Sendable, Hashable, CaseIterable {
  /// No line break and no tab either: for names, accounts, subjects.
  case line
  /// Line feeds, also after a carriage return, and tabs: what people write. The rule where nothing is said.
  case text
  /// Every character that JSON can carry.
  case any

  /// The keyword of a property's schema that says another rule.
  public static let keyword = "x-text"
}

/// A character that a text may not hold, and where it stands.
struct HiddenCharacter: Hashable {
  enum Kind: String {
    case control = "control"
    case lineBreak = "line break"
    case direction = "bidirectional control"
    case invisible = "invisible"
  }

  var scalar: Unicode.Scalar
  var kind: Kind
  /// Which character of the text it is, in code points counted from 1.
  var position: Int

  /// `the invisible character U+200B ZERO WIDTH SPACE`; controls have no name.
  var words: String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    let name = scalar.properties.name ?? scalar.properties.nameAlias
    return "the \(kind.rawValue) character \(code)" + (name.map { " " + $0 } ?? "")
  }
}

extension TextRule {
  /// The first character of a text that the rule does not let through.
  func refused(in text: String) -> HiddenCharacter? {
    guard self != .any, !Self.isPlain(text) else { return nil }
    let scalars = Array(text.unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      guard let kind = kind(of: scalar, at: index, in: scalars) else { continue }
      return HiddenCharacter(scalar: scalar, kind: kind, position: index + 1)
    }
    return nil
  }

  /// Whether nothing in it needs a closer look: printable ASCII.
  static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
  }

  private func kind(
    of scalar: Unicode.Scalar,
    at index: Int,
    in scalars: [Unicode.Scalar]
  ) -> HiddenCharacter.Kind? {
    switch scalar.value {
    case 0x20..<0x7F: return nil
    case 0x09: return self == .text ? nil : .control
    case 0x0A: return self == .text ? nil : .lineBreak
    // Before a line feed it is half of a line break; alone it goes back to the start of a line.
    case 0x0D:
      let isBreak = index + 1 < scalars.count && scalars[index + 1] == "\n"
      return self == .text && isBreak ? nil : .lineBreak
    case 0..<0x20, 0x7F..<0xA0: return .control
    case 0x2028, 0x2029: return .lineBreak
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: return .direction
    case 0xA0..<0xAD, 0xAE..<0x34F: return nil
    // Empty cells: there, and not to be seen.
    case 0x2800, 0xFFFC: return .invisible
    default: break
    }
    let properties = scalar.properties
    guard
      properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
        || properties.generalCategory == .format
    else { return nil }
    return Joining(scalars, at: index).isNeeded ? nil : .invisible
  }
}

/// Whether an invisible character does something that can be seen where it stands: it makes an emoji of what is before
/// it, joins two emoji, or shapes letters of a script that needs it.
private struct Joining {
  let before: Unicode.Scalar?
  let after: Unicode.Scalar?
  let scalar: Unicode.Scalar

  init(_ scalars: [Unicode.Scalar], at index: Int) {
    scalar = scalars[index]
    before = index > 0 ? scalars[index - 1] : nil
    after = index + 1 < scalars.count ? scalars[index + 1] : nil
  }

  var isNeeded: Bool {
    guard let before else { return false }
    switch scalar.value {
    // One selector after a character that has two looks.
    case 0xFE0E, 0xFE0F: return before.properties.isEmoji
    case 0x200D:
      guard let after else { return false }
      if Self.isPartOfEmoji(before), after.properties.isEmoji { return !after.isASCII }
      return Self.shapesLetters(before) && Self.shapesLetters(after)
    case 0x200C: return Self.shapesLetters(before) && after.map(Self.shapesLetters) == true
    default: return false
    }
  }

  private static func isPartOfEmoji(_ scalar: Unicode.Scalar) -> Bool {
    !scalar.isASCII && scalar.properties.isEmoji || scalar.value == 0xFE0F
  }

  /// Letters of Arabic and its kin, and of the scripts of India, which joiners shape.
  private static func shapesLetters(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0600...0x08FF, 0x0900...0x0DFF, 0x1000...0x109F, 0x1780...0x17FF:
      scalar.properties.isAlphabetic || scalar.properties.canonicalCombiningClass != .notReordered
    default: false
    }
  }
}
