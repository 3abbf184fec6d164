/// Turns UTF-8 text into a value in one pass, without trusting it in anything.
struct JSONParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let options: JSONParsingOptions
  private var at = 0
  private var depth = 0
  /// Finished items and members of the containers that are still open, innermost last.
  private var items = MoveStack<JSONValue>()
  private var members = MoveStack<JSONObject.Entry>()
  private var keyOffsets = MoveStack<Int>()
  /// The last string that had escapes, without them.
  private var unescaped: [UInt8] = []
  /// Whether the last string had escapes.
  private var hadEscapes = false

  static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>,
    options: JSONParsingOptions
  ) -> Result<JSONValue, JSONParseError> {
    guard bytes.count <= options.maximumBytes else {
      let reason =
        "the text is \(bytes.count) bytes long; at most \(options.maximumBytes) are accepted"
      return .failure(JSONParseError(line: 1, column: 1, offset: 0, reason: reason))
    }
    var parser = JSONParser(bytes: bytes, options: options)
    defer { parser.free() }
    do throws(Failure) {
      return .success(try parser.document())
    } catch {
      return .failure(error.located(in: bytes))
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>, options: JSONParsingOptions) {
    self.bytes = bytes
    self.options = options
  }

  private mutating func free() {
    items.free()
    members.free()
    keyOffsets.free()
  }

  // MARK: Structure

  private mutating func document() throws(Failure) -> JSONValue {
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
      throw Failure(
        offset: 0,
        reason: "the text starts with a byte order mark; send UTF-8 without one"
      )
    }
    skipSpace()
    let value = try value()
    skipSpace()
    guard at == bytes.count else { throw unexpected("the end of the text after the value") }
    return value
  }

  private mutating func value() throws(Failure) -> JSONValue {
    switch peek() {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "t"):
      try word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null")
      return .null
    default: throw unexpected("a value")
    }
  }

  private mutating func array() throws(Failure) -> JSONValue {
    try open()
    skipSpace()
    if peek() == UInt8(ascii: "]") {
      close()
      return .array([])
    }
    let first = items.count
    while true {
      let item = try value()
      items.push(item)
      skipSpace()
      let next = peek()
      if next == UInt8(ascii: ",") {
        at += 1
        skipSpace()
      } else if next == UInt8(ascii: "]") {
        close()
        return .array(items.popArray(from: first))
      } else {
        throw unexpected("\",\" or \"]\" after an item")
      }
    }
  }

  private mutating func object() throws(Failure) -> JSONValue {
    try open()
    skipSpace()
    if peek() == UInt8(ascii: "}") {
      close()
      return .object(JSONObject())
    }
    let first = members.count
    var seen: UInt64 = 0
    while true {
      guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
      let keyOffset = at
      let key = try string()
      // A bit for each kind of key: a clear bit means that no earlier key can be equal.
      let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: kind(ofKeyAt: keyOffset) & 63)
      let mayBeKnown = seen & bit != 0
      seen |= bit
      skipSpace()
      guard peek() == UInt8(ascii: ":") else { throw unexpected("\":\" after a key") }
      at += 1
      skipSpace()
      let value = try value()
      let count = members.count - first
      if count < JSONObject.linearLimit, mayBeKnown, let known = position(of: key, from: first) {
        try duplicate(key, at: keyOffset)
        members[known].value = value
      } else {
        members.push(JSONObject.Entry(key: key, value: value))
        keyOffsets.push(keyOffset)
      }
      skipSpace()
      let next = peek()
      if next == UInt8(ascii: ",") {
        at += 1
        skipSpace()
      } else if next == UInt8(ascii: "}") {
        close()
        return .object(try closeObject(from: first))
      } else {
        throw unexpected("\",\" or \"}\" after a member")
      }
    }
  }

  /// A small number by the length and the edges of the key that was just read.
  private func kind(ofKeyAt offset: Int) -> Int {
    if hadEscapes {
      return unescaped.count &* 31 &+ Int(unescaped.first ?? 0) &* 7 &+ Int(unescaped.last ?? 0)
    }
    let count = at &- offset &- 2
    guard count > 0 else { return 0 }
    return count &* 31 &+ Int(bytes[offset + 1]) &* 7 &+ Int(bytes[at - 2])
  }

  private func position(of key: String, from first: Int) -> Int? {
    for index in first..<members.count where sameText(members[index].key, key) { return index }
    return nil
  }

  /// The members from `first` on as an object; beyond the linear limit their keys are still to be compared.
  private mutating func closeObject(from first: Int) throws(Failure) -> JSONObject {
    let count = members.count - first
    let start = keyOffsets.count - count
    defer { keyOffsets.removeLast(count) }
    let entries = members.popContiguousArray(from: first)
    guard count > JSONObject.linearLimit else {
      return JSONObject(distinct: entries, index: KeyIndex())
    }
    var object = JSONObject()
    object.reserveCapacity(count)
    for place in 0..<count {
      let known = object.count
      object.append(key: entries[place].key, value: entries[place].value)
      if object.count == known { try duplicate(entries[place].key, at: keyOffsets[start + place]) }
    }
    return object
  }

  private func duplicate(_ key: String, at offset: Int) throws(Failure) {
    guard case .refuse = options.duplicateKeys else { return }
    throw Failure(
      offset: offset,
      reason: "the key \(shortened(key)) stands twice in this object; write it once"
    )
  }

  private mutating func open() throws(Failure) {
    depth += 1
    guard depth <= options.maximumDepth else {
      throw Failure(
        offset: at,
        reason: "nested deeper than \(options.maximumDepth) arrays and objects"
      )
    }
    at += 1
  }

  private mutating func close() {
    depth -= 1
    at += 1
  }

  private mutating func word(_ word: StaticString) throws(Failure) {
    let length = word.utf8CodeUnitCount
    guard bytes.count - at >= length else { throw unexpected("\(word)") }
    for index in 0..<length where bytes[at + index] != word.utf8Start[index] {
      throw unexpected("\(word)")
    }
    at += length
  }

  private mutating func skipSpace() {
    while at < bytes.count {
      let byte = bytes[at]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      at += 1
    }
  }

  /// The next byte, 0 at the end.
  private func peek() -> UInt8 { at < bytes.count ? bytes[at] : 0 }

  private func unexpected(_ wanted: String) -> Failure {
    guard at < bytes.count else {
      return Failure(offset: at, reason: "the text ends where \(wanted) was expected")
    }
    return Failure(offset: at, reason: "expected \(wanted), found \(sight(at: at))")
  }

  /// The character that stands at an offset, for a person.
  private func sight(at offset: Int) -> String {
    let byte = bytes[offset]
    if byte < 0x20 || byte == 0x7F { return "the control character U+00\(hexadecimal(byte))" }
    if byte < 0x80 { return "\"\(Character(Unicode.Scalar(byte)))\"" }
    let rest = UnsafeBufferPointer(rebasing: bytes[offset..<min(offset + 4, bytes.count)])
    for length in 2...4 where length <= rest.count {
      if let text = String(validating: rest[..<length], as: UTF8.self) { return "\"\(text)\"" }
    }
    return "the byte 0x\(hexadecimal(byte)), which is not UTF-8"
  }

  // MARK: Numbers

  private mutating func number() throws(Failure) -> JSONValue {
    let start = at
    let negative = bytes[at] == UInt8(ascii: "-")
    if negative { at += 1 }
    var mantissa: UInt64 = 0
    var exponent = 0
    let firstDigit = at
    guard isDigit(peek()) else { throw unexpected("a digit") }
    if bytes[at] == UInt8(ascii: "0") {
      at += 1
      if isDigit(peek()) {
        throw Failure(offset: firstDigit, reason: "a number must not start with an unneeded 0")
      }
    } else {
      while at < bytes.count, isDigit(bytes[at]) {
        mantissa = mantissa &* 10 &+ UInt64(bytes[at] &- 0x30)
        at += 1
      }
    }
    var digits = at - firstDigit
    let next = peek()
    if next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") {
      if digits <= 18, mantissa != 0 || !negative {
        let value = Int64(truncatingIfNeeded: mantissa)
        return .integer(negative ? -value : value)
      }
      return JSONValue(number: text(from: start))
    }
    if next == UInt8(ascii: ".") {
      at += 1
      let firstFraction = at
      guard isDigit(peek()) else { throw unexpected("a digit after the decimal point") }
      while at < bytes.count, isDigit(bytes[at]) {
        mantissa = mantissa &* 10 &+ UInt64(bytes[at] &- 0x30)
        at += 1
      }
      exponent = firstFraction - at
      digits += at - firstFraction
    }
    if peek() | 0x20 == UInt8(ascii: "e") { exponent += try self.exponent(of: start) }
    guard digits <= 18 else { return JSONValue(number: text(from: start)) }
    return short(mantissa, exponent: exponent, negative: negative, from: start)
  }

  private mutating func exponent(of start: Int) throws(Failure) -> Int {
    at += 1
    let negative = peek() == UInt8(ascii: "-")
    if negative || peek() == UInt8(ascii: "+") { at += 1 }
    guard isDigit(peek()) else { throw unexpected("a digit in the exponent") }
    var exponent = 0
    while at < bytes.count, isDigit(bytes[at]) {
      exponent = exponent * 10 + Int(bytes[at] &- 0x30)
      guard exponent <= ExactNumber.largestExponent else {
        let reason = "the exponent of this number is beyond \(ExactNumber.largestExponent)"
        throw Failure(offset: start, reason: reason)
      }
      at += 1
    }
    return negative ? -exponent : exponent
  }

  /// A number of at most 18 digits with a fraction or exponent.
  private func short(
    _ mantissa: UInt64,
    exponent: Int,
    negative: Bool,
    from start: Int
  ) -> JSONValue {
    // Both sides are exact in a double, so one multiplication or division rounds once, to the nearest; and with
    // at most 15 digits the nearest double's shortest text is this number.
    if mantissa < 1_000_000_000_000_000, exponent >= -22, exponent <= 22 {
      let magnitude = Double(mantissa)
      let value =
        exponent < 0 ? magnitude / powersOfTen[-exponent] : magnitude * powersOfTen[exponent]
      return .double(negative ? -value : value)
    }
    let text = text(from: start)
    guard let value = Double(text), value.isFinite else { return .decimal(text) }
    guard mantissa != 0 else { return .double(value) }
    let near = ShortNumber(value)
    return near == ShortNumber(mantissa, exponent: exponent) ? .double(value) : .decimal(text)
  }

  private func text(from start: Int) -> String {
    String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  // MARK: Strings

  private mutating func string() throws(Failure) -> String {
    let start = at + 1
    hadEscapes = false
    var highBits: UInt64 = 0
    at = endOfPlainText(from: start, highBits: &highBits)
    guard at < bytes.count else {
      throw Failure(offset: start - 1, reason: "this string has no closing quote")
    }
    guard bytes[at] == UInt8(ascii: "\"") else { return try stringWithEscapes(from: start) }
    let slice = UnsafeBufferPointer(rebasing: bytes[start..<at])
    if highBits & 0x8080_8080_8080_8080 != 0, !isUTF8(slice) { throw invalidUTF8(in: start..<at) }
    at += 1
    // It has just been found to be UTF-8.
    return String(
      copying: UTF8Span(
        unchecked: slice.span,
        isKnownASCII: highBits & 0x8080_8080_8080_8080 == 0
      )
    )
  }

  /// The first quote, backslash or control character at or after `start`, eight bytes at a time.
  ///
  /// The high bits of what it passes are collected: where none is set, all of it is ASCII.
  private func endOfPlainText(from start: Int, highBits: inout UInt64) -> Int {
    var at = start
    if let base = UnsafeRawPointer(bytes.baseAddress) {
      while at &+ 8 <= bytes.count {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
        let mask = endsOfPlainText(word)
        if mask != 0 {
          let distance = mask.trailingZeroBitCount / 8
          highBits |= word & ((1 << UInt64(truncatingIfNeeded: distance * 8)) &- 1)
          return at &+ distance
        }
        highBits |= word
        at &+= 8
      }
    }
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { return at }
      highBits |= UInt64(byte)
      at += 1
    }
    return at
  }

  private func invalidUTF8(in range: Range<Int>) -> Failure {
    let slice = UnsafeBufferPointer(rebasing: bytes[range])
    let at = range.lowerBound + (firstInvalidUTF8(slice) ?? 0)
    return Failure(
      offset: at,
      reason: "the byte 0x\(hexadecimal(bytes[at])) in this string is not UTF-8"
    )
  }

  private mutating func stringWithEscapes(from start: Int) throws(Failure) -> String {
    unescaped.removeAll(keepingCapacity: true)
    hadEscapes = true
    var plain = start
    var highBits: UInt64 = 0
    while true {
      guard at < bytes.count else {
        throw Failure(offset: start - 1, reason: "this string has no closing quote")
      }
      let byte = bytes[at]
      guard byte >= 0x20 else {
        let reason =
          "\(sight(at: at)) must be escaped in a string: \(byte == 0x0A ? "\\n" : "\\u00" + hexadecimal(byte))"
        throw Failure(offset: at, reason: reason)
      }
      unescaped.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[plain..<at]))
      if byte == UInt8(ascii: "\"") { break }
      try escape()
      plain = at
      at = endOfPlainText(from: at, highBits: &highBits)
    }
    guard unescaped.withUnsafeBufferPointer(isUTF8) else { throw invalidUTF8(in: start..<at) }
    at += 1
    return String(decoding: unescaped, as: UTF8.self)
  }

  private mutating func escape() throws(Failure) {
    let start = at
    at += 1
    let letter = peek()
    at += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"):
      let unit = try hexadecimalUnit(of: start)
      var code = UInt32(unit)
      if UTF16.isLeadSurrogate(unit) {
        guard peek() == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u")
        else { throw loneSurrogate(unit, at: start) }
        at += 2
        let second = try hexadecimalUnit(of: start)
        guard UTF16.isTrailSurrogate(second) else { throw loneSurrogate(unit, at: start) }
        code = 0x10000 + (UInt32(unit - 0xD800) << 10) + UInt32(second - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw loneSurrogate(unit, at: start) }
      unescaped.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default:
      at = start
      guard start + 1 < bytes.count else {
        throw Failure(offset: start, reason: "the text ends within a string")
      }
      throw Failure(
        offset: start,
        reason:
          "after \"\\\" a string takes one of \" \\ / b f n r t u, found \(sight(at: start + 1))"
      )
    }
  }

  private mutating func hexadecimalUnit(of start: Int) throws(Failure) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let byte = peek()
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - 0x30
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - 0x61 + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - 0x41 + 10
      default:
        throw Failure(offset: start, reason: "\\u takes four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      at += 1
    }
    return unit
  }

  private func loneSurrogate(_ unit: UInt16, at offset: Int) -> Failure {
    let code = String(unit, radix: 16, uppercase: true)
    return Failure(
      offset: offset,
      reason: "\\u\(code) is half of a surrogate pair without the other half: it is no character"
    )
  }
}

private func hexadecimal(_ byte: UInt8) -> String {
  let text = String(byte, radix: 16, uppercase: true)
  return byte < 16 ? "0" + text : text
}

/// Finds quotes, backslashes and control characters in eight bytes: the lowest bit set marks the first of them, by the
/// top bit of its byte.
@inline(__always)
func endsOfPlainText(_ word: UInt64) -> UInt64 {
  let quote = word ^ 0x2222_2222_2222_2222
  let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
  let found =
    ((quote &- 0x0101_0101_0101_0101) & ~quote)
    | ((backslash &- 0x0101_0101_0101_0101) & ~backslash)
    | ((word &- 0x2020_2020_2020_2020) & ~word)
  return found & 0x8080_8080_8080_8080
}

private func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool { firstInvalidUTF8(bytes) == nil }

/// Where bytes stop being UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
private func firstInvalidUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
  var at = 0
  while at < bytes.count {
    let lead = bytes[at]
    if lead < 0x80 {
      at += 1
      continue
    }
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if lead == 0xE0 { second = 0xA0...0xBF }
      if lead == 0xED { second = 0x80...0x9F }
    case 0xF0...0xF4:
      length = 4
      if lead == 0xF0 { second = 0x90...0xBF }
      if lead == 0xF4 { second = 0x80...0x8F }
    default: return at
    }
    guard at + length <= bytes.count, second.contains(bytes[at + 1]) else { return at }
    for place in (at + 2)..<(at + length) where bytes[place] & 0xC0 != 0x80 { return at }
    at += length
  }
  return nil
}

/// An error by its offset; line and column are counted only when it is handed out.
private struct Failure: Error {
  let offset: Int
  let reason: String

  func located(in bytes: UnsafeBufferPointer<UInt8>) -> JSONParseError {
    var line = 1
    var column = 1
    for byte in bytes[..<min(offset, bytes.count)] {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return JSONParseError(line: line, column: column, offset: offset, reason: reason)
  }
}

/// A decimal number of at most 19 digits without trailing zeros.
private struct ShortNumber: Equatable {
  var mantissa: UInt64
  var exponent: Int

  init(_ mantissa: UInt64, exponent: Int) {
    self.mantissa = mantissa
    self.exponent = exponent
    while self.mantissa != 0, self.mantissa.isMultiple(of: 10) {
      self.mantissa /= 10
      self.exponent += 1
    }
  }

  /// The shortest text of a double, which has at most 17 digits; its sign is left out.
  init(_ value: Double) {
    var mantissa: UInt64 = 0
    var exponent = 0
    var inFraction = false
    var written = 0
    var inExponent = false
    var negativeExponent = false
    for byte in value.magnitude.description.utf8 {
      switch byte {
      case UInt8(ascii: "."): inFraction = true
      case UInt8(ascii: "e"): inExponent = true
      case UInt8(ascii: "-"): negativeExponent = true
      case UInt8(ascii: "+"): break
      default:
        if inExponent {
          written = written * 10 + Int(byte &- 0x30)
        } else {
          mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
          if inFraction { exponent -= 1 }
        }
      }
    }
    self.init(mantissa, exponent: exponent + (negativeExponent ? -written : written))
  }
}

/// The powers of ten that a double holds exactly.
private let powersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
]

/// A stack whose top is moved, not copied, into an array of exactly the right size.
private struct MoveStack<Element> {
  private var base: UnsafeMutablePointer<Element>?
  private var capacity = 0
  private(set) var count = 0

  subscript(index: Int) -> Element {
    unsafeAddress {
      precondition(index >= 0 && index < count)
      return UnsafePointer(base.unsafelyUnwrapped + index)
    }
    unsafeMutableAddress {
      precondition(index >= 0 && index < count)
      return base.unsafelyUnwrapped + index
    }
  }

  mutating func push(_ element: consuming Element) {
    if count == capacity { grow() }
    (base.unsafelyUnwrapped + count).initialize(to: element)
    count += 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: max(16, capacity * 2))
    if let base {
      larger.moveInitialize(from: base, count: count)
      base.deallocate()
    }
    base = larger
    capacity = max(16, capacity * 2)
  }

  mutating func popArray(from first: Int) -> [Element] {
    var array: [Element] = []
    guard let base else { return array }
    array.reserveCapacity(count - first)
    for place in first..<count { array.append((base + place).move()) }
    count = first
    return array
  }

  mutating func popContiguousArray(from first: Int) -> ContiguousArray<Element> {
    var array: ContiguousArray<Element> = []
    guard let base else { return array }
    array.reserveCapacity(count - first)
    for place in first..<count { array.append((base + place).move()) }
    count = first
    return array
  }

  mutating func removeLast(_ number: Int) {
    guard number > 0, let base else { return }
    count -= number
    (base + count).deinitialize(count: number)
  }

  mutating func free() {
    base?.deinitialize(count: count)
    base?.deallocate()
    base = nil
    capacity = 0
    count = 0
  }
}
