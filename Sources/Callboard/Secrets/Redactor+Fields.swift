import JSONSchema

/// Secrets by field name in texts that are no JSON: there is no value to look into, so the text after a name is hidden.
extension Redactor {
  /// The text of arguments that could not be read, without what stands after the name of a secret field.
  ///
  /// Whatever the name is quoted with, after `:` or `=`; more rather than less, because nobody needs it to be exact.
  public func redact(unparsed text: String) -> String {
    redact(text: hidingFields(in: text, isStrict: false))
  }

  /// What a function says for people to read, without what stands after the name of a secret field, where that is
  /// written as a field: `"password": "…"` or `password=…`.
  public func redact(said text: String) -> String {
    redact(text: hidingFields(in: text, isStrict: true))
  }

  private func hidingFields(in text: String, isStrict: Bool) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var kept = 0
    var index = 0
    while index < bytes.count {
      guard Self.isNameByte(bytes[index]) else {
        index += 1
        continue
      }
      let start = index
      while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
      guard index - start <= 64,
        isSecretField(String(decoding: bytes[start..<index], as: UTF8.self)),
        let value = Self.value(in: bytes, after: start..<index, isStrict: isStrict)
      else { continue }
      result += bytes[kept..<value.lowerBound]
      result += Array(Self.mark.utf8)
      kept = value.upperBound
      index = value.upperBound
    }
    guard kept > 0 else { return text }
    return String(decoding: result + bytes[kept...], as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || byte == 45 || byte == 95 || byte >= 0x80
  }

  /// Where the value after a name stands; nil where none does.
  private static func value(
    in bytes: [UInt8],
    after name: Range<Int>,
    isStrict: Bool
  ) -> Range<Int>? {
    var index = name.upperBound
    var isQuoted = false
    // A quote, with backslashes before it where the text is itself quoted.
    while index < bytes.count, bytes[index] == 92 { index += 1 }
    if index < bytes.count, bytes[index] == 34 || bytes[index] == 39 || bytes[index] == 96 {
      isQuoted = true
      index += 1
    }
    skipSpace(bytes, &index)
    guard index < bytes.count, bytes[index] == 58 || bytes[index] == 61 else { return nil }
    let isAssigned = bytes[index] == 61
    index += 1
    skipSpace(bytes, &index)
    guard !isStrict || isQuoted || (isAssigned && index == name.upperBound + 1) else { return nil }
    let start = index
    while index < bytes.count, bytes[index] == 92 { index += 1 }
    guard index < bytes.count else { return index > start ? start..<index : nil }
    switch bytes[index] {
    case 34, 39, 96:
      let quote = bytes[index]
      let escapes = index - start
      index += 1
      while index < bytes.count {
        if bytes[index] == quote {
          let before = bytes[..<index].reversed().prefix { $0 == 92 }.count
          if before == escapes || (escapes == 0 && before % 2 == 0) { return start..<index + 1 }
        }
        index += 1
      }
      return start..<index
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      // Where it ends can't be told from a text that is broken.
      return isStrict ? start..<closing(bytes, from: index) : start..<bytes.count
    default:
      while index < bytes.count, !ends(bytes[index], isStrict: isStrict) { index += 1 }
      return index > start ? start..<index : nil
    }
  }

  private static func skipSpace(_ bytes: [UInt8], _ index: inout Int) {
    while index < bytes.count, [9, 10, 13, 32].contains(bytes[index]) { index += 1 }
  }

  /// What ends a value without quotes: in words that people read, a space too.
  private static func ends(_ byte: UInt8, isStrict: Bool) -> Bool {
    switch byte {
    case 10, 13, 38, 44, 59, 93, 125: true
    case 9, 32: isStrict
    default: false
    }
  }

  private static func closing(_ bytes: [UInt8], from start: Int) -> Int {
    var depth = 0
    for index in start..<bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth == 0 { return index + 1 }
      default: break
      }
    }
    return bytes.count
  }
}
