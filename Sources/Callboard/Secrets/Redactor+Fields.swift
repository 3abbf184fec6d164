import JSONSchema

/// Secrets by field name in texts: there is no value to look into, so what is written after a name is hidden.
extension Redactor {
  /// The text of arguments that could not be read, without what stands after the name of a secret field.
  ///
  /// Whatever the name is quoted with, after `:` or `=`; more rather than less, because nobody needs it to be exact.
  public func redact(unparsed text: String) -> String {
    redact(text: hidingFields(in: text, isStrict: false))
  }

  /// What is said for people to read, without what stands in a secret field in any form in which fields are written;
  /// see ``FieldScanner``.
  public func redact(said text: String) -> String {
    redact(text: hidingFields(in: text, isStrict: true))
  }

  private func hidingFields(in text: String, isStrict: Bool) -> String {
    var copy = text
    let ranges = copy.withUTF8 { FieldScanner($0, redactor: self, isStrict: isStrict).ranges }
    return ranges.isEmpty ? text : Self.marking(ranges, in: text)
  }

  /// Whether a field's name in a text is secret, by itself or by its last words: `DB_PASSWORD`, `smtpPassword`.
  func isSecretInText(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    if isSecret(name) { return true }
    var before: UInt8 = 0
    for index in name.indices {
      let byte = name[index]
      let isHump = (65...90).contains(byte) && (97...122).contains(before)
      // Short ones are the ends of too many other words; signs such as “ and … are no part of one.
      let begins =
        before >= 0x80 && byte < 0x80
        || (isHump || before == 45 || before == 95) && name.endIndex - index >= 5
      if begins, isSecret(name[index...]) { return true }
      before = byte
    }
    return false
  }
}

/// Finds the values of secret fields in a text.
///
/// The forms: `"name": value` and `name=value` of JSON, YAML, URLs and settings, with a value in quotes or without, on
/// the same line or the next; `--name value`; `<name>value</name>`; `scheme://user:value@host`; and the scheme and
/// credentials of an `Authorization` header. Where `isStrict`, `name: words` is taken for a sentence about the field
/// unless its first word looks like a value.
struct FieldScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let redactor: Redactor
  private let isStrict: Bool

  init(_ bytes: UnsafeBufferPointer<UInt8>, redactor: Redactor, isStrict: Bool) {
    self.bytes = bytes
    self.redactor = redactor
    self.isStrict = isStrict
  }

  /// In order, apart from each other.
  var ranges: [Range<Int>] {
    var found: [Range<Int>] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: ":"), let secret = userInformation(at: index) {
        found.append(secret)
        index = secret.upperBound
        continue
      }
      guard Self.isNameByte(bytes[index]) else {
        index += 1
        continue
      }
      let start = index
      while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
      guard index - start <= 64, let value = value(of: start..<index) else { continue }
      found.append(value)
      index = value.upperBound
    }
    return found
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || byte == 45 || byte == 95 || byte >= 0x80
  }

  // MARK: - Where a value is

  /// Where the value of a name stands; nil where none does, or the name is no secret.
  private func value(of name: Range<Int>) -> Range<Int>? {
    // Most words have nothing behind them that makes a field of them.
    if let separator = separator(after: name.upperBound) {
      let isOwn = redactor.isSecretInText(bytes[name])
      guard isOwn || redactor.isLastOfPointer(String(decoding: bytes[name], as: UTF8.self)) else {
        return nil
      }
      let isLoose = !separator.isQuoted && !separator.isAssigned
      // The last word of a pointer is a word like others.
      if isStrict, isLoose, !isOwn { return nil }
      return value(from: separator.end, of: name, isLoose: isStrict && isLoose)
    }
    guard isStrict, name.upperBound < bytes.count else { return nil }
    if name.lowerBound > 0, bytes[name.lowerBound - 1] == 60 || bytes[name.lowerBound - 1] == 58 {
      return element(name)
    }
    if bytes[name.lowerBound] == 45, bytes[name.upperBound] == 32 { return argument(of: name) }
    return nil
  }

  private struct Separator {
    /// Of the name.
    var isQuoted: Bool
    /// By `=`, and not by `:`.
    var isAssigned: Bool
    /// Where the value may begin.
    var end: Int
  }

  /// `:`, `=`, `==`, `:=` or `=>` after a name, with its closing quote or bracket before it.
  private func separator(after name: Int) -> Separator? {
    var index = name
    // A quote, with backslashes before it where the text is itself quoted.
    while index < bytes.count, bytes[index] == 92 { index += 1 }
    let isQuoted = index < bytes.count && Self.isQuote(bytes[index])
    if isQuoted { index += 1 } else { index = name }
    if index < bytes.count, bytes[index] == 93 { index += 1 }
    skipSpace(&index)
    guard index < bytes.count else { return nil }
    switch bytes[index] {
    case 58:
      index += 1
      guard index < bytes.count, bytes[index] == 61 else {
        return Separator(isQuoted: isQuoted, isAssigned: false, end: index)
      }
      return Separator(isQuoted: isQuoted, isAssigned: true, end: index + 1)
    case 61:
      while index < bytes.count, bytes[index] == 61 { index += 1 }
      if index < bytes.count, bytes[index] == 62 { index += 1 }
      return Separator(isQuoted: isQuoted, isAssigned: true, end: index)
    default: return nil
    }
  }

  private func value(from start: Int, of name: Range<Int>, isLoose: Bool) -> Range<Int>? {
    var start = start
    skipSpace(&start)
    if isStrict, let credentials = credentials(from: start, of: name) { return credentials }
    var index = start
    while index < bytes.count, bytes[index] == 92 { index += 1 }
    guard index < bytes.count else { return index > start ? start..<index : nil }
    switch bytes[index] {
    case 34, 39, 96: return quoted(from: start, quote: index)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      // Where it ends can't be told from a text that is broken.
      return isStrict ? start..<closing(from: index) : start..<bytes.count
    default:
      while index < bytes.count, !ends(at: index) { index += 1 }
      guard index > start else { return nil }
      return isLoose && isProse(start..<index) ? nil : start..<index
    }
  }

  private func quoted(from start: Int, quote: Int) -> Range<Int> {
    let escapes = quote - start
    var index = quote + 1
    var slashes = 0
    while index < bytes.count {
      if bytes[index] == 92 {
        slashes += 1
      } else {
        if bytes[index] == bytes[quote], slashes == escapes || (escapes == 0 && slashes % 2 == 0) {
          return start..<index + 1
        }
        slashes = 0
      }
      index += 1
    }
    return start..<index
  }

  private func closing(from start: Int) -> Int {
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

  /// What ends a value without quotes: in words that people read, a space too, and a quote that closes around it.
  private func ends(at index: Int) -> Bool {
    switch bytes[index] {
    case 10, 13, 38, 44, 59, 93, 125: return true
    case 9, 32, 60: return isStrict
    case 34, 39, 96, 92:
      guard isStrict else { return false }
      var next = index
      while next < bytes.count, bytes[next] == 92 { next += 1 }
      guard next < bytes.count, Self.isQuote(bytes[next]) else { return false }
      next += 1
      return next == bytes.count
        || [9, 10, 13, 32, 41, 44, 46, 58, 59, 62, 93, 125].contains(bytes[next])
    default: return false
    }
  }

  // MARK: - Other forms

  /// The value after a program's option, as in `--password x`.
  private func argument(of name: Range<Int>) -> Range<Int>? {
    guard redactor.isSecretInText(bytes[name]) else { return nil }
    var start = name.upperBound
    while start < bytes.count, bytes[start] == 32 { start += 1 }
    guard start < bytes.count, bytes[start] != 45 else { return nil }
    if Self.isQuote(bytes[start]) { return quoted(from: start, quote: start) }
    var end = start
    while end < bytes.count, !ends(at: end) { end += 1 }
    return end == start || isOrdinary(start..<end) ? nil : start..<end
  }

  /// What stands in an element of XML.
  private func element(_ name: Range<Int>) -> Range<Int>? {
    var start = name.upperBound
    guard bytes[start] == 62 || bytes[start] == 32, redactor.isSecretInText(bytes[name]) else {
      return nil
    }
    while start < bytes.count, bytes[start] != 62, bytes[start] != 60 { start += 1 }
    guard start < bytes.count, bytes[start] == 62, bytes[start - 1] != 47 else { return nil }
    start += 1
    var end = start
    while end < bytes.count,
      !(bytes[end] == 60 && end + 1 < bytes.count && bytes[end + 1] == 47)
    {
      end += 1
    }
    return end > start ? start..<end : nil
  }

  /// The password before the host of a URL whose `:` stands here, or a token in its place.
  private func userInformation(at colon: Int) -> Range<Int>? {
    guard colon > 0, colon + 3 < bytes.count, bytes[colon + 1] == 47, bytes[colon + 2] == 47,
      Self.isNameByte(bytes[colon - 1])
    else { return nil }
    let start = colon + 3
    var end = start
    var slash: Int?
    while end < bytes.count, end - start < 2048, !isSpace(bytes[end]), !Self.isQuote(bytes[end]),
      bytes[end] != 60, bytes[end] != 62, bytes[end] != 92
    {
      if slash == nil, [35, 47, 63].contains(bytes[end]) { slash = end }
      end += 1
    }
    let authority = slash ?? end
    let first = bytes[start..<authority].firstIndex(of: 58)
    var at = bytes[start..<authority].lastIndex(of: 64)
    if at == nil, let first,
      bytes[(first + 1)..<authority].contains(where: { !Redactor.isDigit($0) })
    {
      // No port: a password with a slash in it.
      at = bytes[authority..<end].lastIndex(of: 64)
    }
    guard let at else { return nil }
    if let first, first < at { return first + 1 < at ? first + 1..<at : nil }
    let isToken = at - start >= 16 && bytes[start..<at].contains(where: Redactor.isDigit)
    return isToken ? start..<at : nil
  }

  /// The credentials of an `Authorization` header, with their scheme.
  private func credentials(from start: Int, of name: Range<Int>) -> Range<Int>? {
    let word = "authorization"
    guard name.count >= word.utf8.count,
      zip(bytes[name].suffix(word.utf8.count), word.utf8).allSatisfy({ $0 | 0x20 == $1 })
    else { return nil }
    var index = start
    while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
    guard index > start, index < bytes.count, bytes[index] == 32 else { return nil }
    let scheme = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
    if Self.schemesOfParameters.contains(scheme) {
      while index < bytes.count, bytes[index] != 10, bytes[index] != 13 { index += 1 }
      return start..<index
    }
    guard Redactor.schemes.contains(scheme) else { return nil }
    while index < bytes.count, bytes[index] == 32 { index += 1 }
    let token = index
    while index < bytes.count, !isSpace(bytes[index]), !Self.isQuote(bytes[index]),
      ![44, 59, 60, 92, 125].contains(bytes[index])
    {
      index += 1
    }
    return index > token ? start..<index : nil
  }

  private static let schemesOfParameters: Set<String> = [
    "digest", "oauth", "hawk", "aws4-hmac-sha256", "signature", "scram-sha-1", "scram-sha-256",
    "mac",
  ]

  // MARK: - Prose

  /// Whether what stands after `name:` is a sentence about the field, and not what is in it.
  private func isProse(_ range: Range<Int>) -> Bool {
    guard isWord(range) else { return false }
    if isOrdinary(range) { return true }
    var next = range.upperBound
    while next < bytes.count, bytes[next] == 32 || bytes[next] == 9 { next += 1 }
    // One word alone is what is in the field.
    return next > range.upperBound && next < bytes.count
      && ![10, 13, 38, 41, 44, 59, 60, 93, 125].contains(bytes[next])
  }

  /// Whether these are the letters of a word, with a sign after it at most.
  private func isWord(_ range: Range<Int>) -> Bool {
    var letters = bytes[range]
    if let last = letters.last, [33, 41, 46, 58, 63].contains(last) { letters.removeLast() }
    return letters.allSatisfy { (97...122).contains($0) || $0 >= 0x80 }
      || letters.first.map { (65...90).contains($0) } == true
        && letters.dropFirst().allSatisfy { (97...122).contains($0) || $0 >= 0x80 }
  }

  private func isOrdinary(_ range: Range<Int>) -> Bool {
    let text = String(decoding: bytes[range], as: UTF8.self).lowercased()
    return Self.ordinary.contains(
      text.trimmingPrefix(while: { !$0.isLetter }).prefix(while: \.isLetter).description
    )
      && isWord(range)
  }

  /// What is said of a field more often than it is in one.
  private static let ordinary: Set<String> = [
    "a", "an", "and", "array", "boolean", "changed", "denied", "empty", "expected", "expired",
    "failed",
    "failure", "false", "for", "forbidden", "hidden", "in", "incorrect", "integer", "invalid", "is",
    "mandatory", "mismatch", "missing", "must", "nil", "no", "none", "not", "null", "number",
    "object", "of", "ok", "on", "optional", "or", "redacted", "rejected", "required", "set",
    "string", "the", "to", "too", "true", "unchanged", "unknown", "unset", "was", "with", "wrong",
    "yes",
  ]

  // MARK: - Bytes

  private static func isQuote(_ byte: UInt8) -> Bool { byte == 34 || byte == 39 || byte == 96 }

  private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  private func skipSpace(_ index: inout Int) {
    while index < bytes.count, isSpace(bytes[index]) { index += 1 }
  }
}
