/// Something about a text that a reader would miss by looking at it.
public enum Remark: Sendable, Hashable {
  case lineBreaks(Int)
  case controls(Int)
  /// Characters without a shape of their own, spaces other than the ordinary one among them.
  case invisible(Int)
  /// Characters that turn the direction of reading.
  case direction(Int)
  /// Characters without a meaning in Unicode: unassigned, private, noncharacters.
  case meaningless(Int)
  /// More than four marks on one letter.
  case piledMarks(Int)
  case outerSpace
  /// Letters drawn as signs of mathematics, in circles or at full width.
  case styledLetters(Int)
  case mixedScripts(word: SafeText, scripts: [Script])
  /// All letters look Latin and none is.
  case looksLatin(word: SafeText, script: Script)
}

extension SafeText {
  /// What a reader of this untrusted text should be told; empty for most texts.
  public static func inspect(_ untrusted: String) -> [Remark] {
    if untrusted.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
      return untrusted.first == " " || untrusted.last == " " ? [.outerSpace] : []
    }
    var remarks = Counts(of: untrusted).remarks
    if untrusted.first == " " || untrusted.last == " " { remarks.append(.outerSpace) }
    return remarks + scriptRemarks(of: untrusted)
  }

  /// The remarks as words: `holds a line break and 1 invisible character`, or nil when there are
  /// none.
  public static func sentence(of remarks: [Remark]) -> SafeText? {
    let held = remarks.compactMap(\.held)
    var sentences = remarks.compactMap(\.said)
    if let last = held.last {
      let list = held.count == 1 ? last : held.dropLast().joined(separator: ", ") + " and " + last
      sentences.insert("holds " + list, at: 0)
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: "; ")
  }
}

extension Remark {
  /// What the text holds, to stand in a list after "holds".
  fileprivate var held: SafeText? {
    func count(_ number: Int, _ one: SafeText, _ many: SafeText) -> SafeText {
      number == 1 ? one : SafeText.number(number) + " " + many
    }
    switch self {
    case .lineBreaks(let number): return count(number, "a line break", "line breaks")
    case .controls(let number): return count(number, "1 control character", "control characters")
    case .invisible(let number):
      return count(number, "1 invisible character", "invisible characters")
    case .direction(let number):
      return count(
        number,
        "1 character that turns the reading direction",
        "characters that turn the reading direction"
      )
    case .meaningless(let number):
      return count(number, "1 character without a meaning", "characters without a meaning")
    case .piledMarks(let number):
      return count(number, "1 letter under piled marks", "letters under piled marks")
    case .styledLetters(let number):
      return count(number, "1 letter in disguise", "letters in disguise")
    case .outerSpace, .mixedScripts, .looksLatin: return nil
    }
  }

  /// A clause of its own.
  fileprivate var said: SafeText? {
    switch self {
    case .outerSpace: "begins or ends with a space"
    case .mixedScripts(let word, let scripts):
      "mixes " + scripts.map(\.name).joined(separator: " and ") + " letters in “" + word + "”"
    case .looksLatin(let word, let script):
      "“" + word + "” looks Latin but is " + script.name
    case .lineBreaks, .controls, .invisible, .direction, .meaningless, .piledMarks, .styledLetters:
      nil
    }
  }
}

private struct Counts {
  var lineBreaks = 0
  var controls = 0
  var invisible = 0
  var direction = 0
  var meaningless = 0
  var piled = 0
  var styled = 0

  init(of untrusted: String) {
    var marks = 0
    var before: Unicode.Scalar?
    for scalar in untrusted.unicodeScalars {
      defer { before = scalar }
      if scalar.value >= 0x20, scalar.value < 0x7F {
        marks = 0
        continue
      }
      if case .joins = showing(of: scalar) {
        marks += 1
        if marks == 5 { piled += 1 }
        continue
      }
      marks = 0
      switch scalar.value {
      case 0x0A where before == "\r": break
      case 0x0A...0x0D, 0x85, 0x2028, 0x2029: lineBreaks += 1
      case 0x09: break
      case 0..<0x20, 0x7F..<0xA0: controls += 1
      case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: direction += 1
      case 0x1F3FB...0x1F3FF: break
      case 0x2102...0x2138, 0x24B6...0x24E9, 0xFF21...0xFF3A, 0xFF41...0xFF5A, 0x1D400...0x1D7FF,
        0x1F110...0x1F189:
        if scalar.properties.isAlphabetic || scalar.value >= 0x1F110 { styled += 1 }
      default: count(scalar)
      }
    }
  }

  private mutating func count(_ scalar: Unicode.Scalar) {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .privateUse, .surrogate: meaningless += 1
    case .unassigned where !properties.isDefaultIgnorableCodePoint: meaningless += 1
    case .format: invisible += 1
    case .spaceSeparator where scalar != " ": invisible += 1
    default:
      if properties.isDefaultIgnorableCodePoint || scalar.value == 0x2800 { invisible += 1 }
    }
  }

  var remarks: [Remark] {
    var remarks: [Remark] = []
    if lineBreaks > 0 { remarks.append(.lineBreaks(lineBreaks)) }
    if controls > 0 { remarks.append(.controls(controls)) }
    if invisible > 0 { remarks.append(.invisible(invisible)) }
    if direction > 0 { remarks.append(.direction(direction)) }
    if meaningless > 0 { remarks.append(.meaningless(meaningless)) }
    if piled > 0 { remarks.append(.piledMarks(piled)) }
    if styled > 0 { remarks.append(.styledLetters(styled)) }
    return remarks
  }
}

private func scriptRemarks(of untrusted: String) -> [Remark] {
  let scalars = untrusted[...].unicodeScalars
  var mixed: [Remark] = []
  var alike: [Script: SafeText] = [:]
  var genuine: Set<Script> = []
  ScriptedWord.each(in: scalars) { word in
    let text = { SafeText(untrusted: String(scalars[word.range]), limit: 60) }
    if word.scripts.count > 1 {
      // One example of each mixture is enough.
      let scripts = Script.allCases.filter(word.scripts.contains)
      let known = mixed.contains {
        if case .mixedScripts(_, scripts) = $0 { true } else { false }
      }
      if !known { mixed.append(.mixedScripts(word: text(), scripts: scripts)) }
    } else if let script = word.scripts.first, script != .latin {
      if word.looksLatin {
        if alike[script] == nil { alike[script] = text() }
      } else {
        genuine.insert(script)
      }
    }
  }
  // "с" or "Сара" within a Russian text is a Russian word; where nothing else is Russian it is a
  // disguise.
  let disguised = Script.allCases.compactMap { script in
    genuine.contains(script)
      ? nil : alike[script].map { Remark.looksLatin(word: $0, script: script) }
  }
  return mixed + disguised
}
