/// `<U+202E>`: how a character is shown that cannot be shown as itself.
func codePoint(_ scalar: Unicode.Scalar) -> String {
  let digits = String(scalar.value, radix: 16, uppercase: true)
  return "<U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ">"
}

/// What the sanitiser does with one scalar.
enum Showing {
  case itself
  /// A picture stands for it: ⏎ for a line feed.
  case picture(Unicode.Scalar)
  case codePoint
  /// It joins the cell before it, so it needs one.
  case joins
}

/// The whole text on one line with nothing in it that moves, hides or reorders what a terminal
/// shows.
func sanitised(_ untrusted: String, limit: Int) -> String {
  if isPlain(untrusted), untrusted.utf8.count <= limit { return untrusted }
  let scalars = untrusted.unicodeScalars
  let end = scalars.index(scalars.startIndex, offsetBy: max(0, limit), limitedBy: scalars.endIndex)
  let taken = scalars[..<(end ?? scalars.endIndex)]
  let disguised = DisguisedLetters(in: taken)
  var line = SafeLine(capacity: taken.utf8Count)
  var index = taken.startIndex
  while index < taken.endIndex {
    let scalar = taken[index]
    let next = taken.index(after: index)
    if disguised.contains(index) {
      line.spell(scalar)
    } else if scalar == "<", next < taken.endIndex, taken[next] == "+" || taken[next] == "U" {
      // "<U+" and "<+" are the sanitiser's own words.
      line.spell(scalar)
    } else {
      line.append(scalar)
    }
    index = next
  }
  let left = untrusted.utf8.distance(from: taken.endIndex, to: untrusted.utf8.endIndex)
  return line.finished(leavingOut: left)
}

/// The line that is being made, in bytes, because a megabyte is shown now and then.
private struct SafeLine {
  private var bytes: [UInt8] = []
  /// How many marks the last character has; nil when there is nothing a mark could join.
  private var marks: Int?
  private var droppedMarks = 0

  init(capacity: Int) { bytes.reserveCapacity(capacity + 16) }

  mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.value >= 0x20, scalar.value < 0x7F {
      sayDroppedMarks()
      bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      marks = 0
      return
    }
    switch showing(of: scalar) {
    case .itself:
      sayDroppedMarks()
      bytes.append(contentsOf: String(scalar).utf8)
      marks = 0
    case .picture(let picture):
      sayDroppedMarks()
      bytes.append(contentsOf: String(picture).utf8)
      marks = nil
    case .codePoint: spell(scalar)
    case .joins: join(scalar)
    }
  }

  mutating func spell(_ scalar: Unicode.Scalar) {
    sayDroppedMarks()
    bytes.append(contentsOf: codePoint(scalar).utf8)
    marks = nil
  }

  private mutating func join(_ mark: Unicode.Scalar) {
    guard let count = marks else {
      spell(mark)
      return
    }
    if count < mostMarks {
      bytes.append(contentsOf: String(mark).utf8)
      marks = count + 1
    } else {
      droppedMarks += 1
    }
  }

  private mutating func sayDroppedMarks() {
    guard droppedMarks > 0 else { return }
    bytes.append(contentsOf: "<+\(droppedMarks) marks>".utf8)
    droppedMarks = 0
  }

  mutating func finished(leavingOut left: Int) -> String {
    sayDroppedMarks()
    if left > 0 { bytes.append(contentsOf: "<+\(SafeText.number(left)) bytes>".utf8) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// More marks than this on one base do not fit into a cell of ncurses.
private let mostMarks = 4

/// Whether nothing in the text needs a closer look: printable ASCII without `<`.
private func isPlain(_ text: String) -> Bool {
  text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") }
}

func showing(of scalar: Unicode.Scalar) -> Showing {
  switch scalar.value {
  case 0x0A: return .picture("⏎")
  case 0x09: return .picture("⇥")
  case 0..<0x20: return Unicode.Scalar(0x2400 + scalar.value).map(Showing.picture) ?? .codePoint
  case 0x20..<0x7F: return .itself
  case 0x7F: return .picture("\u{2421}")
  // The sanitiser's own pictures, so that no text can write one.
  case 0x23CE, 0x21E5, 0x2400...0x2426: return .codePoint
  // Skin tones: terminals disagree on whether they join the cell before.
  case 0x1F3FB...0x1F3FF: return .codePoint
  // Signs that are there but cannot be seen.
  case 0x2800, 0xFFFC: return .codePoint
  default: break
  }
  if verticalBars.contains(scalar.value) { return .codePoint }
  let properties = scalar.properties
  if properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint {
    return .codePoint
  }
  switch properties.generalCategory {
  case .control, .format, .surrogate, .privateUse, .unassigned: return .codePoint
  case .spaceSeparator, .lineSeparator, .paragraphSeparator: return .codePoint
  case .nonspacingMark, .enclosingMark, .spacingMark: return .joins
  // The vowels and finals of Korean letter by letter have no width of their own.
  case .otherLetter where joiningKorean.contains { $0.contains(scalar.value) }: return .joins
  case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
    .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation,
    .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
    .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
    return .itself
  @unknown default: return .codePoint
  }
}

private let joiningKorean: [ClosedRange<UInt32>] = [0x1161...0x11FF, 0xD7B0...0xD7FB]

/// What looks like the `│` or the `▌` that callboard puts before a value and before the selected
/// row.
private let verticalBars: Set<UInt32> = [
  0x01C0, 0x2223, 0x239C, 0x239F, 0x23AE, 0x23D0, 0x2502, 0x2503, 0x2506, 0x2507, 0x250A, 0x250B,
  0x254E, 0x254F, 0x2551, 0x2575, 0x2577, 0x2579, 0x257B, 0x257D, 0x257F, 0x258C, 0x258D, 0x258E,
  0x258F, 0x2595, 0x2758, 0x2759, 0xFF5C, 0xFFE8,
]

extension Substring.UnicodeScalarView {
  fileprivate var utf8Count: Int { Substring(self).utf8.count }
}
