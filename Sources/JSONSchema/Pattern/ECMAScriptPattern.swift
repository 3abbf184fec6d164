/// Why a text is no regular expression that can be used.
struct PatternError: Error {
  /// In Unicode code points.
  let offset: Int
  let reason: String
  /// Whether it is one of ECMA-262, but cannot be used here.
  var isUnsupported = false
}

/// Writes an ECMAScript regular expression (with the `u` flag's reading of characters) as one of PCRE2's.
///
/// Everything PCRE2 would read in a way of its own (recursion, callouts, verbs, inline flags, POSIX classes,
/// possessive quantifiers) is refused or escaped, so a pattern means what ECMA-262 says or is an error; see
/// `BackReferences` for those whose groups the two treat differently. Two
/// things that only patterns without the `u` flag may do are accepted, because published schemas do them:
/// punctuation escaped without need, and braces that quantify nothing.
struct ECMAScriptPattern {
  private let source: [Unicode.Scalar]
  private var at = 0
  private var output = String.UnicodeScalarView()
  private var groups: BackReferences
  /// The group that ended just before, which a quantifier here repeats.
  private var lastGroup: Int?
  private var groupNames: Set<String> = []
  private let groupCount: Int
  private let hasNamedGroups: Bool

  static func translated(_ source: String) throws(PatternError) -> String {
    var translator = ECMAScriptPattern(source)
    try translator.pattern()
    try translator.groups.check()
    return String(translator.output)
  }

  private init(_ source: String) {
    self.source = Array(source.unicodeScalars)
    groups = BackReferences()
    (groupCount, hasNamedGroups) = ECMAScriptPattern.countGroups(self.source)
  }

  private static func countGroups(_ source: [Unicode.Scalar]) -> (count: Int, named: Bool) {
    var count = 0
    var named = false
    var inClass = false
    var at = 0
    while at < source.count {
      switch source[at] {
      case "\\": at += 1
      case "[": inClass = true
      case "]": inClass = false
      case "(" where !inClass:
        let next = at + 1 < source.count ? source[at + 1] : " "
        if next != "?" {
          count += 1
        } else if at + 3 < source.count, source[at + 2] == "<", source[at + 3] != "=",
          source[at + 3] != "!"
        {
          count += 1
          named = true
        }
      default: break
      }
      at += 1
    }
    return (count, named)
  }

  private var current: Unicode.Scalar? { at < source.count ? source[at] : nil }

  private func peek(_ distance: Int) -> Unicode.Scalar? {
    at + distance < source.count ? source[at + distance] : nil
  }

  private func failure(_ reason: String, at offset: Int? = nil) -> PatternError {
    PatternError(offset: offset ?? at, reason: reason)
  }

  private mutating func write(_ text: String) { output.append(contentsOf: text.unicodeScalars) }

  // MARK: Terms

  private mutating func pattern() throws(PatternError) {
    var canRepeat = false
    while let scalar = current {
      let group = lastGroup
      lastGroup = nil
      switch scalar {
      case "|":
        take()
        groups.alternate()
        canRepeat = false
      case "^", "$":
        take()
        canRepeat = false
      case "(":
        try openGroup()
        canRepeat = false
      case ")":
        guard let closed = groups.close() else { throw failure("\")\" closes no group") }
        take()
        lastGroup = closed.group
        canRepeat = closed.canRepeat
      case "*", "+", "?":
        guard canRepeat else { throw failure("\"\(scalar)\" repeats nothing") }
        groups.quantify(group, isOptional: scalar != "+", rounds: scalar == "?" ? .one : .any)
        take()
        takeLazyMark()
        canRepeat = false
      case "{":
        if let length = quantifierLength() {
          guard canRepeat else { throw failure("\"{\" repeats nothing") }
          let counts = String(String.UnicodeScalarView(source[(at + 1)..<(at + length - 1)]))
          groups.quantify(
            group,
            isOptional: counts.prefix { $0 != "," }.allSatisfy { $0 == "0" },
            rounds: counts == "0" || counts == "1" || counts.hasSuffix(",1")
              ? .one : counts.contains(",") ? .any : .fixed
          )
          for _ in 0..<length { take() }
          takeLazyMark()
          canRepeat = false
        } else {
          groups.addAtom(consumes: true)
          literal()
          canRepeat = true
        }
      case "}", "]":
        groups.addAtom(consumes: true)
        literal()
        canRepeat = true
      case ".":
        groups.addAtom(consumes: true)
        // PCRE2's own dot leaves out only the newline it was built with.
        write("[^\\n\\r\\x{2028}\\x{2029}]")
        at += 1
        canRepeat = true
      case "[":
        groups.addAtom(consumes: true)
        try characterClass()
        canRepeat = true
      case "\\":
        groups.addAtom(
          consumes: !(peek(1).map { "bBk123456789".unicodeScalars.contains($0) } ?? false)
        )
        canRepeat = try escape()
      default:
        groups.addAtom(consumes: true)
        literal()
        canRepeat = true
      }
    }
    if groups.isInGroup { throw failure("a group is not closed") }
  }

  private mutating func take() {
    output.append(source[at])
    at += 1
  }

  private mutating func takeLazyMark() {
    if current == "?" { take() }
  }

  /// Writes one character so that it means itself.
  private mutating func literal() {
    write(source[at])
    at += 1
  }

  private mutating func write(_ scalar: Unicode.Scalar) {
    if scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) {
      write("\\x{\(String(scalar.value, radix: 16))}")
    } else {
      output.append(scalar)
    }
  }

  /// How long the quantifier in braces is that starts here, nil where the brace is none.
  private func quantifierLength() -> Int? {
    var distance = 1
    func digits() -> Int {
      var count = 0
      while let digit = peek(distance + count), ("0"..."9").contains(digit) { count += 1 }
      return count
    }
    let minimum = digits()
    guard minimum > 0 else { return nil }
    distance += minimum
    if peek(distance) == "," {
      distance += 1
      distance += digits()
    }
    return peek(distance) == "}" ? distance + 1 : nil
  }

  private mutating func openGroup() throws(PatternError) {
    guard peek(1) == "?" else {
      guard peek(1) != "*" else { throw failure("\"*\" repeats nothing", at: at + 1) }
      take()
      groups.open(.capturing(name: nil))
      return
    }
    switch (peek(2), peek(3)) {
    case (":", _):
      groups.open(.plain)
      for _ in 0..<3 { take() }
    case ("=", _), ("!", _):
      groups.open(.lookahead)
      for _ in 0..<3 { take() }
    case ("<", "="), ("<", "!"):
      groups.open(.lookbehind)
      for _ in 0..<4 { take() }
    case ("<", _):
      at += 3
      let name = try groupName()
      guard groupNames.insert(name).inserted else {
        throw failure("two groups have the name \(name)")
      }
      groups.open(.capturing(name: name))
      write("(?<\(name)>")
    default:
      throw failure("\"(?\" must be followed by : = ! <= <! or <name>")
    }
  }

  private mutating func groupName() throws(PatternError) -> String {
    let start = at
    var name = String.UnicodeScalarView()
    while let scalar = current, scalar != ">" {
      name.append(scalar)
      at += 1
    }
    guard current == ">" else { throw failure("the name of a group is not closed", at: start) }
    at += 1
    let letters = name.allSatisfy { scalar in
      scalar == "_" || scalar == "$" || scalar.properties.isAlphabetic
        || ("0"..."9").contains(scalar)
    }
    guard let first = name.first, letters, !("0"..."9").contains(first) else {
      throw failure("a group's name takes letters, digits and _", at: start)
    }
    // PCRE2's names are shorter and know no "$".
    return String(name).replacing("$", with: "_D_")
  }

  // MARK: Escapes

  /// Writes the escape that starts here and says whether it can be repeated.
  private mutating func escape() throws(PatternError) -> Bool {
    let start = at
    guard let letter = peek(1) else { throw failure("the pattern ends after \"\\\"") }
    switch letter {
    case "b", "B":
      take()
      take()
      return false
    case "d", "D", "w", "W":
      take()
      take()
    case "s":
      at += 2
      write("[\(whiteSpace)]")
    case "S":
      at += 2
      write("[^\(whiteSpace)]")
    case "p", "P":
      write(try property())
    case "k":
      guard hasNamedGroups else { throw failure("\\k names a group, and there is none") }
      guard peek(2) == "<" else { throw failure("\\k must be followed by <name>") }
      at += 3
      let name = try groupName()
      write(groups.refer(to: .name(name), at: start) ? "(?:\\k<\(name)>)" : "(?:)")
    case "1"..."9":
      at += 1
      var number = 0
      while let digit = current, ("0"..."9").contains(digit), number < 10000 {
        number = number * 10 + Int(digit.value - 0x30)
        at += 1
      }
      guard number <= groupCount else {
        throw failure("\\\(number) refers to a group that does not exist", at: start)
      }
      // In a group, because PCRE2's JIT does not match the repetition of a reference to a group that holds nothing.
      write(groups.refer(to: .number(number), at: start) ? "(?:\\g{\(number)})" : "(?:)")
    default:
      write(codePoint: try character())
    }
    return true
  }

  private mutating func write(codePoint: UInt32) {
    write("\\x{\(String(codePoint, radix: 16))}")
  }

  /// The character that the escape here denotes.
  private mutating func character() throws(PatternError) -> UInt32 {
    let start = at
    guard let letter = peek(1) else { throw failure("the pattern ends after \"\\\"") }
    at += 2
    switch letter {
    case "t": return 0x09
    case "n": return 0x0A
    case "v": return 0x0B
    case "f": return 0x0C
    case "r": return 0x0D
    case "0":
      if let next = current, ("0"..."9").contains(next) {
        throw failure("an octal escape is not allowed", at: start)
      }
      return 0
    case "c":
      guard let control = current, control.isASCII, control.properties.isAlphabetic else {
        throw failure("\\c must be followed by a letter", at: start)
      }
      at += 1
      return control.value & 0x1F
    case "x":
      guard let value = hexadecimal(2) else {
        throw failure("\\x takes two hexadecimal digits", at: start)
      }
      return value
    case "u": return try unicode(from: start)
    default:
      if letter.isASCII, letter.properties.isAlphabetic || ("0"..."9").contains(letter) {
        throw failure("\\\(letter) is no escape of ECMA-262", at: start)
      }
      return letter.value
    }
  }

  private mutating func unicode(from start: Int) throws(PatternError) -> UInt32 {
    if current == "{" {
      at += 1
      var value: UInt32 = 0
      var digits = 0
      while let digit = current?.hexadecimalValue, value <= 0x10FFFF {
        value = value << 4 | digit
        digits += 1
        at += 1
      }
      guard current == "}", digits > 0, value <= 0x10FFFF, !(0xD800..<0xE000).contains(value) else {
        throw failure("\\u{…} takes the code point of a character", at: start)
      }
      at += 1
      return value
    }
    guard let unit = hexadecimal(4) else {
      throw failure("\\u takes four hexadecimal digits", at: start)
    }
    guard (0xD800..<0xE000).contains(unit) else { return unit }
    if unit < 0xDC00, current == "\\", peek(1) == "u" {
      let back = at
      at += 2
      if let second = hexadecimal(4), (0xDC00..<0xE000).contains(second) {
        return 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00)
      }
      at = back
    }
    throw failure("half of a surrogate pair is no character", at: start)
  }

  private mutating func hexadecimal(_ count: Int) -> UInt32? {
    var value: UInt32 = 0
    for distance in 0..<count {
      guard let digit = peek(distance)?.hexadecimalValue else { return nil }
      value = value << 4 | digit
    }
    at += count
    return value
  }

  /// `\p{…}` in PCRE2's names.
  private mutating func property() throws(PatternError) -> String {
    let start = at
    let letter = source[at + 1] == "p" ? "p" : "P"
    guard peek(2) == "{" else { throw failure("\\\(letter) must be followed by {a property}") }
    at += 3
    var name = String.UnicodeScalarView()
    while let scalar = current, scalar != "}" {
      name.append(scalar)
      at += 1
    }
    guard current == "}" else { throw failure("the name of a property is not closed", at: start) }
    at += 1
    let parts = String(name).split(separator: "=", omittingEmptySubsequences: false).map(
      String.init
    )
    switch (parts.first, parts.count) {
    case (let name?, 1):
      if let category = generalCategories[name] { return "\\\(letter){\(category)}" }
      if binaryProperties.contains(name) { return "\\\(letter){\(name.replacing("_", with: ""))}" }
    case ("General_Category", 2), ("gc", 2):
      if let category = generalCategories[parts[1]] { return "\\\(letter){\(category)}" }
    case ("Script", 2), ("sc", 2): return "\\\(letter){sc:\(parts[1])}"
    case ("Script_Extensions", 2), ("scx", 2): return "\\\(letter){scx:\(parts[1])}"
    default: break
    }
    throw failure("\(String(name)) is no property of ECMA-262", at: start)
  }

  // MARK: Classes

  private mutating func characterClass() throws(PatternError) {
    let start = at
    take()
    if current == "^" { take() }
    while at < source.count, source[at] != "]" {
      let first = try classAtom()
      guard current == "-", let next = peek(1), next != "]" else { continue }
      at += 1
      guard let first else {
        // A set is no end of a range; the hyphen stands for itself.
        write("\\x{2d}")
        continue
      }
      let rangeStart = at
      write("-")
      guard let last = try classAtom() else {
        throw failure("a range in a class must end with a character", at: rangeStart)
      }
      guard first <= last else {
        throw failure("a range in a class runs backwards", at: rangeStart)
      }
    }
    guard current == "]" else { throw failure("a class is not closed", at: start) }
    take()
  }

  /// Writes one member of a class; its code point, nil where it is a set such as `\d`.
  private mutating func classAtom() throws(PatternError) -> UInt32? {
    guard source[at] == "\\" else {
      let scalar = source[at]
      at += 1
      write(codePoint: scalar.value)
      return scalar.value
    }
    switch peek(1) {
    case "d", "D", "w", "W":
      take()
      take()
      return nil
    case "s":
      at += 2
      write(whiteSpace)
      return nil
    case "S":
      at += 2
      write(notWhiteSpace)
      return nil
    case "p", "P":
      write(try property())
      return nil
    case "b":
      at += 2
      write(codePoint: 0x08)
      return 0x08
    default:
      let value = try character()
      write(codePoint: value)
      return value
    }
  }
}

extension Unicode.Scalar {
  /// The value of a hexadecimal digit.
  fileprivate var hexadecimalValue: UInt32? {
    switch self {
    case "0"..."9": value - 0x30
    case "a"..."f": value - 0x61 + 10
    case "A"..."F": value - 0x41 + 10
    default: nil
    }
  }
}

/// White space and line ends of ECMA-262, as members of a class.
private let whiteSpace =
  "\\t\\n\\x0b\\f\\r \\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"

private let notWhiteSpace =
  "\\x00-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"
  + "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

/// ECMA-262's names of general categories, to PCRE2's.
private let generalCategories: [String: String] = {
  let long = [
    "Cased_Letter": "L&", "LC": "L&", "Close_Punctuation": "Pe", "Connector_Punctuation": "Pc",
    "Control": "Cc", "cntrl": "Cc", "Currency_Symbol": "Sc", "Dash_Punctuation": "Pd",
    "Decimal_Number": "Nd", "digit": "Nd", "Enclosing_Mark": "Me", "Final_Punctuation": "Pf",
    "Format": "Cf", "Initial_Punctuation": "Pi", "Letter": "L", "Letter_Number": "Nl",
    "Line_Separator": "Zl", "Lowercase_Letter": "Ll", "Mark": "M", "Combining_Mark": "M",
    "Math_Symbol": "Sm", "Modifier_Letter": "Lm", "Modifier_Symbol": "Sk",
    "Nonspacing_Mark": "Mn", "Number": "N", "Open_Punctuation": "Ps", "Other": "C",
    "Other_Letter": "Lo", "Other_Number": "No", "Other_Punctuation": "Po", "Other_Symbol": "So",
    "Paragraph_Separator": "Zp", "Private_Use": "Co", "Punctuation": "P", "punct": "P",
    "Separator": "Z", "Space_Separator": "Zs", "Spacing_Mark": "Mc", "Surrogate": "Cs",
    "Symbol": "S", "Titlecase_Letter": "Lt", "Unassigned": "Cn", "Uppercase_Letter": "Lu",
  ]
  let short = [
    "Pe", "Pc", "Cc", "Sc", "Pd", "Nd", "Me", "Pf", "Cf", "Pi", "L", "Nl", "Zl", "Ll", "M", "Sm",
    "Lm", "Sk", "Mn", "N", "Ps", "C", "Lo", "No", "Po", "So", "Zp", "Co", "P", "Z", "Zs", "Mc",
    "Cs", "S", "Lt", "Cn", "Lu",
  ]
  return long.merging(short.map { ($0, $0) }) { first, _ in first }
}()

private let binaryProperties: Set<String> = [
  "ASCII", "ASCII_Hex_Digit", "Alphabetic", "Any", "Bidi_Control", "Bidi_Mirrored",
  "Case_Ignorable", "Cased", "Changes_When_Casefolded", "Changes_When_Casemapped",
  "Changes_When_Lowercased", "Changes_When_Titlecased", "Changes_When_Uppercased", "Dash",
  "Default_Ignorable_Code_Point", "Deprecated", "Diacritic", "Emoji", "Emoji_Component",
  "Emoji_Modifier", "Emoji_Modifier_Base", "Emoji_Presentation", "Extended_Pictographic",
  "Extender", "Grapheme_Base", "Grapheme_Extend", "Hex_Digit", "IDS_Binary_Operator",
  "IDS_Trinary_Operator", "ID_Continue", "ID_Start", "Ideographic", "Join_Control",
  "Logical_Order_Exception", "Lowercase", "Math", "Noncharacter_Code_Point", "Pattern_Syntax",
  "Pattern_White_Space", "Quotation_Mark", "Radical", "Regional_Indicator", "Sentence_Terminal",
  "Soft_Dotted", "Terminal_Punctuation", "Unified_Ideograph", "Uppercase", "Variation_Selector",
  "White_Space", "XID_Continue", "XID_Start",
]
