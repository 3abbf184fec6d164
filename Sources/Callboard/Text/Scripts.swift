/// The alphabets whose letters can pass for one another.
public enum Script: String, Sendable, Hashable, CaseIterable {
  case latin = "Latin"
  case greek = "Greek"
  case cyrillic = "Cyrillic"
  case armenian = "Armenian"
  case cherokee = "Cherokee"
  case coptic = "Coptic"

  public var name: SafeText {
    switch self {
    case .latin: "Latin"
    case .greek: "Greek"
    case .cyrillic: "Cyrillic"
    case .armenian: "Armenian"
    case .cherokee: "Cherokee"
    case .coptic: "Coptic"
    }
  }

  /// The script of a letter, or nil for signs and for alphabets that do not look like these.
  init?(of scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A: self = .latin
    case 0..<0xAA: return nil
    case 0xAA, 0xBA, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2AF, 0x1D00...0x1D25, 0x1D2C...0x1D5C,
      0x1D62...0x1D65, 0x1D6B...0x1D77, 0x1D79...0x1DBE, 0x1E00...0x1EFF, 0x2C60...0x2C7F,
      0xA722...0xA787, 0xA78B...0xA7FF, 0xAB30...0xAB64, 0xFB00...0xFB06, 0xFF21...0xFF3A,
      0xFF41...0xFF5A:
      self = .latin
    case 0x370...0x373, 0x376...0x37D, 0x37F, 0x386, 0x388...0x3E1, 0x3F0...0x3FF, 0x1F00...0x1FFE:
      self = .greek
    case 0x400...0x52F, 0x1C80...0x1C8F, 0x2DE0...0x2DFF, 0xA640...0xA69F: self = .cyrillic
    case 0x531...0x588: self = .armenian
    case 0x13A0...0x13FD, 0xAB70...0xABBF: self = .cherokee
    case 0x3E2...0x3EF, 0x2C80...0x2CFF: self = .coptic
    default: return nil
    }
  }

  /// False when no letter of an alphabet other than Latin can be in the text, judged by first bytes.
  static func mayOccur(in scalars: Substring.UnicodeScalarView) -> Bool {
    Substring(scalars).utf8.contains { byte in
      (0xCD...0xD6).contains(byte) || byte == 0xE1 || byte == 0xE2 || byte == 0xEA
    }
  }

  /// Whether a letter of another alphabet is drawn like a Latin one in common fonts.
  static func looksLatin(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x13A0...0x13FD, 0xAB70...0xABBF, 0x2C80...0x2CFF: true
    default: likeLatin.contains(scalar)
    }
  }

  private static let likeLatin = Set(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухѵԁһԛԝԌӀӏҮүҺьЬгпк".unicodeScalars
      + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳονικρυωαγηχτ".unicodeScalars
      + "օոսհցզյԼՏՕՍԱ".unicodeScalars
  )
}

/// A word of a text and the alphabets its letters are from.
struct ScriptedWord {
  let range: Range<String.UnicodeScalarView.Index>
  let scripts: Set<Script>
  /// Whether every letter of it that is not Latin looks Latin.
  let looksLatin: Bool

  /// Calls back for each run of letters, marks and ASCII digits that has a letter of one of the
  /// alphabets; not at all in a text that can only be Latin.
  static func each(
    in scalars: Substring.UnicodeScalarView,
    do body: (ScriptedWord) -> Void
  ) {
    var start: String.UnicodeScalarView.Index?
    var scripts: Set<Script> = []
    var looksLatin = true
    func end(at index: String.UnicodeScalarView.Index) {
      if let begun = start, !scripts.isEmpty {
        body(ScriptedWord(range: begun..<index, scripts: scripts, looksLatin: looksLatin))
      }
      start = nil
      scripts = []
      looksLatin = true
    }
    guard Script.mayOccur(in: scalars) else { return }
    var index = scalars.startIndex
    while index < scalars.endIndex {
      let scalar = scalars[index]
      if let script = Script(of: scalar) {
        if start == nil { start = index }
        scripts.insert(script)
        if script != .latin, !Script.looksLatin(scalar) { looksLatin = false }
      } else if !continuesWord(scalar) {
        end(at: index)
      }
      index = scalars.index(after: index)
    }
    end(at: scalars.endIndex)
  }

  // An invisible character inside a word does not part it: that would be a way around the check.
  private static func continuesWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x30...0x39).contains(scalar.value) }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .spacingMark, .format: return true
    default: return properties.isAlphabetic || properties.isDefaultIgnorableCodePoint
    }
  }
}

/// The letters of a text that stand in a word of another alphabet and look as if they belonged
/// there.
struct DisguisedLetters {
  private var indices: Set<String.UnicodeScalarView.Index> = []

  init(in scalars: Substring.UnicodeScalarView) {
    var found: Set<String.UnicodeScalarView.Index> = []
    ScriptedWord.each(in: scalars) { word in
      guard word.scripts.count > 1 else { return }
      var index = word.range.lowerBound
      while index < word.range.upperBound {
        if let script = Script(of: scalars[index]), script != .latin,
          Script.looksLatin(scalars[index])
        {
          found.insert(index)
        }
        index = scalars.index(after: index)
      }
    }
    indices = found
  }

  func contains(_ index: String.UnicodeScalarView.Index) -> Bool {
    !indices.isEmpty && indices.contains(index)
  }
}
