import JSONSchema

/// The numbers that a text may mean, in the spellings that people and programs use: `25000`, `25,000`, `25.000,00`,
/// `25 000`, `25'000`, `2.5e4`, `25k`.
///
/// A text that can be read in two ways means both. Signs are left out.
struct NumbersInText {
  private(set) var all: Set<JSONValue> = []
  private let bytes: [UInt8]
  /// More than this are not looked for in one text.
  private static let limit = 20_000

  init(_ text: String) {
    bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count, all.count < Self.limit {
      if Self.isDigit(bytes[index]), !joins(before: index) {
        index = read(from: index)
      } else {
        index += 1
      }
    }
  }

  func contains(_ number: JSONValue) -> Bool { all.contains(number) }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// Whether a digit there is a part of a word, such as of an id.
  private func joins(before index: Int) -> Bool {
    guard index > 0 else { return false }
    let byte = bytes[index - 1] | 0x20
    return (0x61...0x7A).contains(byte) || Self.isDigit(bytes[index - 1])
  }

  /// Reads one run of digits and separators; returns where it ends.
  private mutating func read(from start: Int) -> Int {
    var groups: [String] = []
    var separators: [Separator] = []
    var index = start
    while true {
      var group = ""
      while index < bytes.count, Self.isDigit(bytes[index]) {
        group.unicodeScalars.append(Unicode.Scalar(bytes[index]))
        index += 1
      }
      groups.append(group)
      guard groups.count < 12, let (separator, length) = separator(at: index),
        index + length < bytes.count, Self.isDigit(bytes[index + length])
      else { break }
      separators.append(separator)
      index += length
    }
    let (shift, end) = scale(at: index)
    for reading in Self.readings(groups, separators) {
      add(reading)
      if let shift { add(reading + "e\(shift)") }
    }
    return max(end, index)
  }

  private mutating func add(_ text: String) {
    // JSON has no leading zeros.
    let digits = text.drop { $0 == "0" }
    let plain = digits.first.map { $0.isNumber } == true ? String(digits) : "0" + digits
    if let number = try? JSONValue(parsing: plain) { all.insert(number) }
  }

  private enum Separator { case comma, point, space, apostrophe }

  private func separator(at index: Int) -> (Separator, length: Int)? {
    guard index < bytes.count else { return nil }
    switch bytes[index] {
    case UInt8(ascii: ","): return (.comma, 1)
    case UInt8(ascii: "."): return (.point, 1)
    case UInt8(ascii: " "): return (.space, 1)
    case UInt8(ascii: "'"): return (.apostrophe, 1)
    default: break
    }
    let rest = bytes[index...]
    if rest.starts(with: [0xC2, 0xA0]) { return (.space, 2) }
    if rest.starts(with: [0xE2, 0x80, 0xAF]) || rest.starts(with: [0xE2, 0x80, 0x89]) {
      return (.space, 3)
    }
    return rest.starts(with: [0xE2, 0x80, 0x99]) ? (.apostrophe, 3) : nil
  }

  /// What the digits are multiplied by: an exponent, thousands, millions.
  private func scale(at index: Int) -> (shift: Int?, end: Int) {
    var at = index
    if at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
    var word = ""
    while at < bytes.count, word.count < 9, (0x61...0x7A).contains(bytes[at] | 0x20) {
      word.unicodeScalars.append(Unicode.Scalar(bytes[at] | 0x20))
      at += 1
    }
    if word == "e", index + 1 == at, let exponent = exponent(at: at) { return exponent }
    switch word {
    case "k", "thousand": return (3, at)
    case "m", "mio", "million", "millions": return (6, at)
    default: return (nil, index)
    }
  }

  private func exponent(at index: Int) -> (shift: Int?, end: Int)? {
    var at = index
    let isNegative = at < bytes.count && bytes[at] == UInt8(ascii: "-")
    if isNegative || (at < bytes.count && bytes[at] == UInt8(ascii: "+")) { at += 1 }
    var digits = ""
    while at < bytes.count, digits.count < 3, Self.isDigit(bytes[at]) {
      digits.unicodeScalars.append(Unicode.Scalar(bytes[at]))
      at += 1
    }
    return Int(digits).map { (isNegative ? -$0 : $0, at) }
  }

  private static func readings(_ groups: [String], _ separators: [Separator]) -> [String] {
    guard let first = groups.first, let last = separators.last else { return groups }
    var found: [String] = []
    func areThousands(_ groups: ArraySlice<String>) -> Bool {
      (1...3).contains(first.count) && groups.dropFirst().allSatisfy { $0.count == 3 }
    }
    let isUniform = separators.allSatisfy { $0 == last }
    if isUniform, areThousands(groups[...]) { found.append(groups.joined()) }
    // The last one may be the decimal sign, where those before are of another kind.
    let head = groups.dropLast()
    let rest = separators.dropLast()
    if last == .comma || last == .point, rest.allSatisfy({ $0 == rest.first && $0 != last }),
      rest.isEmpty || areThousands(head)
    {
      found.append(head.joined() + "." + (groups.last ?? ""))
    }
    // Items of a list, or numbers side by side.
    if last == .comma || last == .space { found += groups }
    return found
  }
}
