import Foundation
import JSONSchema

/// Finds secrets by field name, by JSON Pointer and by value, and puts a mark in their place.
///
/// Called before anything is stored, logged or shown: of calls where they are committed, see ``Call/redact(_:_:)``.
public struct Redactor: Sendable {
  /// What stands where a secret was.
  public static let mark = "«redacted»"

  /// Field names that are secret everywhere, compared without case, `-` and `_`.
  public static let defaultNames: Set<String> = [
    "password", "passwd", "passphrase", "secret", "clientsecret", "apikey", "accesstoken",
    "refreshtoken", "authorization", "privatekey", "cvv", "cvc", "pin", "ssn",
    "socialsecuritynumber", "cardnumber",
  ]

  private let names: Set<String>
  private let pointers: [[String]]
  /// Texts that are secret wherever they stand, by their first byte, the longest first.
  private let values: [UInt8: [[UInt8]]]
  /// One bit for each name's hash: most keys are known not to be secret after one look.
  private let sieve: (UInt64, UInt64, UInt64, UInt64)

  /// A value of fewer characters is not told from other words.
  public static let shortestValue = 6

  /// `fields` are names, or JSON Pointers where they begin with `/`; `*` in a pointer stands for any one token.
  ///
  /// `values` are secret wherever they stand, such as the keys of a configuration.
  public init(
    fields: [String] = [],
    names: Set<String> = Redactor.defaultNames,
    values: [String] = []
  ) {
    let names = names.union(fields.filter { !$0.hasPrefix("/") }.map(Self.folded))
    self.names = names
    let long = values.filter { $0.utf8.count >= Self.shortestValue }.map { Array($0.utf8) }
    self.values = Dictionary(grouping: long.sorted { $0.count > $1.count }) { $0[0] }
    var sieve: [UInt64] = [0, 0, 0, 0]
    for name in names {
      let bit = Self.foldedHash(name.utf8)
      sieve[bit >> 6] |= 1 << UInt64(bit & 63)
    }
    self.sieve = (sieve[0], sieve[1], sieve[2], sieve[3])
    pointers = fields.filter { $0.hasPrefix("/") }.map { pointer in
      pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
        String($0).replacing("~1", with: "/").replacing("~0", with: "~")
      }
    }
  }

  /// The value without its secrets, or nil when there is none in it.
  public func redact(_ value: JSONValue) -> JSONValue? {
    redact(value, pointers: pointers, nesting: 0)
  }

  /// How often a text that is JSON is looked into within another one.
  private static let deepestNesting = 3

  /// The value without what is secret by its form, whatever it is called; nil when there is none in it.
  func redactValues(in value: JSONValue) -> JSONValue? {
    Redactor(names: [], values: values.values.joined().map { String(decoding: $0, as: UTF8.self) })
      .redact(value)
  }

  /// The text without secrets that are recognised by their form.
  public func redact(text: String) -> String {
    redactValues(in: text) ?? text
  }

  /// What is written of a text that is not whole yet, without secrets, and without an end that may become one.
  ///
  /// `secrets`: texts that are secret here, besides those that are secret everywhere.
  func redact(unfinished text: String, secrets: KnownSecrets) -> String {
    let said = redact(said: text)
    let safe = secrets.hiding(in: said) ?? said
    var end = safe.utf8.count
    let bytes = Array(safe.utf8)
    // Digits with single spaces or dashes between them, a bearer token, or the beginning of a known value.
    while end > 0, Self.isDigit(bytes[end - 1]) || bytes[end - 1] == 32 || bytes[end - 1] == 45 {
      end -= 1
    }
    if !bytes[end...].contains(where: Self.isDigit) { end = bytes.count }
    let word = bytes.lastIndex { !Self.isTokenByte($0) }.map { $0 + 1 } ?? 0
    if word >= 7,
      String(decoding: bytes[(word - 7)..<word], as: UTF8.self).lowercased() == "bearer "
    {
      end = min(end, word)
    }
    for value in values.values.joined() + secrets.texts.map({ Array($0.utf8) }) {
      let longest = min(value.count - 1, bytes.count)
      guard longest > 0 else { continue }
      let part = (1...longest).last { bytes.suffix($0).elementsEqual(value.prefix($0)) }
      if let part { end = min(end, bytes.count - part) }
    }
    return end == bytes.count ? safe : String(decoding: bytes[..<end], as: UTF8.self)
  }

  private func redact(_ value: JSONValue, pointers: [[String]], nesting: Int) -> JSONValue? {
    switch value {
    case .null, .bool: return nil
    case .integer, .double:
      // A card number is a card number without quotes too.
      guard let number = value.intValue, number >= 1_000_000_000_000 else { return nil }
      return redactValues(in: String(number)) == nil ? nil : .string(Self.mark)
    case .decimal(let text):
      return redactValues(in: text) == nil ? nil : .string(Self.mark)
    case .string(let text):
      return redactAll(in: text, nesting: nesting).map(JSONValue.string)
    case .array(let items):
      var changed: [JSONValue]?
      for (index, item) in items.enumerated() {
        let below = Self.below(pointers, token: pointers.isEmpty ? "" : String(index))
        guard let safe = redactMember(item, pointers: below, nesting: nesting) else { continue }
        if changed == nil { changed = items }
        changed?[index] = safe
      }
      return changed.map(JSONValue.array)
    case .object(let object):
      var changed: JSONObject?
      for (key, member) in object {
        if mayHoldValue(key), redactValues(in: key) != nil {
          return .object(redactKeys(of: object, pointers: pointers, nesting: nesting))
        }
        guard let safe = redact(member, of: key, pointers: pointers, nesting: nesting) else {
          continue
        }
        if changed == nil { changed = object }
        changed?[key] = safe
      }
      return changed.map(JSONValue.object)
    }
  }

  /// The object with other keys in the places of those that are secrets: as many members, in the same order.
  private func redactKeys(of object: JSONObject, pointers: [[String]], nesting: Int) -> JSONObject {
    var result = JSONObject()
    for (key, member) in object {
      let safe = redactValues(in: key) ?? key
      var name = safe
      var number = 1
      while result[name] != nil || (name != key && object[name] != nil) {
        number += 1
        name = "\(safe) \(number)"
      }
      result[name] = redact(member, of: key, pointers: pointers, nesting: nesting) ?? member
    }
    return result
  }

  private func redact(
    _ member: JSONValue,
    of key: String,
    pointers: [[String]],
    nesting: Int
  ) -> JSONValue? {
    if isSecret(key), !member.isNull { return .string(Self.mark) }
    return redactMember(member, pointers: Self.below(pointers, token: key), nesting: nesting)
  }

  /// Most keys are too short for any value that is recognised.
  private func mayHoldValue(_ key: String) -> Bool {
    key.utf8.count >= (values.isEmpty ? 11 : Self.shortestValue)
  }

  private func redactMember(_ value: JSONValue, pointers: [[String]], nesting: Int) -> JSONValue? {
    if pointers.contains(where: \.isEmpty) { return .string(Self.mark) }
    return redact(value, pointers: pointers, nesting: nesting)
  }

  private static func below(_ pointers: [[String]], token: String) -> [[String]] {
    guard !pointers.isEmpty else { return [] }
    return pointers.compactMap { pointer in
      guard let first = pointer.first, first == token || first == "*" else { return nil }
      return Array(pointer.dropFirst())
    }
  }

  /// Whether a field of this name may be secret, wherever it stands: also by the last token of a pointer.
  func isSecretField(_ name: String) -> Bool {
    isSecret(name) || isLastOfPointer(name)
  }

  func isLastOfPointer(_ name: String) -> Bool { pointers.contains { $0.last == name } }

  func isSecret(_ key: String) -> Bool {
    guard mayBeSecret(Self.foldedHash(key.utf8)) else { return false }
    return names.contains(Self.folded(key))
  }

  /// The same of a name's bytes, without a text made of most of them.
  func isSecret(_ key: some Collection<UInt8>) -> Bool {
    guard mayBeSecret(Self.foldedHash(key)) else { return false }
    return names.contains(Self.folded(String(decoding: key, as: UTF8.self)))
  }

  private func mayBeSecret(_ bit: Int) -> Bool {
    let word = bit < 128 ? (bit < 64 ? sieve.0 : sieve.1) : (bit < 192 ? sieve.2 : sieve.3)
    return word & (1 << UInt64(bit & 63)) != 0
  }

  /// Eight bits of an FNV-1a hash over the key as `folded` would have it.
  private static func foldedHash(_ key: some Sequence<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    // Only ASCII counts: what lower case makes of other letters is not known here.
    for byte in key where byte < 0x80 && byte != UInt8(ascii: "-") && byte != UInt8(ascii: "_") {
      let lower = (65...90).contains(byte) ? byte | 0x20 : byte
      hash = (hash ^ UInt64(lower)) &* 0x100_0000_01B3
    }
    return Int((hash >> 32) & 255)
  }

  static func folded(_ name: String) -> String {
    String(name.lowercased().filter { $0 != "-" && $0 != "_" })
  }
}

extension Redactor {
  /// The errors of a value, which quote it, without what is secret in it.
  func redact(_ errors: [ValidationError], about value: JSONValue) -> [ValidationError] {
    guard !errors.isEmpty, let shown = redact(value) else { return errors.map(redact(error:)) }
    return errors.map { error in
      let error = redact(error: error)
      let place = try? JSONPointer(parsing: error.path)
      if let place, let before = value.value(at: place), let after = shown.value(at: place) {
        // These quote names only.
        let quotesNames = ["required", "dependentRequired", "additionalProperties"]
        if quotesNames.contains(error.keyword),
          before.objectValue?.keys == after.objectValue?.keys
        {
          return error
        }
        if before == after { return error }
      }
      return ValidationError(
        path: error.path,
        keyword: error.keyword,
        schemaPath: error.schemaPath,
        expected: error.expected,
        found: Self.mark
      )
    }
  }

  /// The error without secrets that are recognised by their form, also in names.
  func redact(error: ValidationError) -> ValidationError {
    let path = redact(text: error.path)
    let found = redact(text: error.found)
    let expected = redact(text: error.expected)
    let suggestion = error.suggestion.map(redact(text:))
    guard
      path != error.path || found != error.found || expected != error.expected
        || suggestion != error.suggestion
    else { return error }
    return ValidationError(
      path: path,
      keyword: error.keyword,
      schemaPath: error.schemaPath,
      expected: expected,
      found: found,
      suggestion: suggestion
    )
  }

  /// Whether a mark stands anywhere in a value, in place of what was there.
  static func hasMarks(_ value: JSONValue) -> Bool {
    restoring(value, from: .null, shown: .null) == nil
  }

  /// Puts the original back wherever an edit left the mark standing where it stood.
  ///
  /// Returns nil when a mark remains that has no original: somebody wrote or moved one.
  static func restoring(
    _ edited: JSONValue,
    from original: JSONValue,
    shown: JSONValue
  ) -> JSONValue? {
    if case .string(mark) = edited {
      guard case .string(mark) = shown else { return nil }
      return original
    }
    switch edited {
    case .null, .bool, .integer, .double, .decimal: return edited
    case .string(let text):
      if edited == shown { return original }
      guard !text.contains(mark) else { return nil }
      return edited
    case .array(let items):
      let originals = original.arrayValue ?? []
      let shownItems = shown.arrayValue ?? []
      var result: [JSONValue] = []
      for (index, item) in items.enumerated() {
        let before = index < originals.count ? originals[index] : .null
        let seen = index < shownItems.count ? shownItems[index] : .null
        guard let restored = restoring(item, from: before, shown: seen) else { return nil }
        result.append(restored)
      }
      return .array(result)
    case .object(let object):
      var result = JSONObject()
      for (key, member) in object {
        guard let name = restoring(key: key, from: original, shown: shown),
          let restored = restoring(
            member,
            from: original[name] ?? .null,
            shown: shown[key] ?? .null
          )
        else { return nil }
        result[name] = restored
      }
      return .object(result)
    }
  }

  private static func restoring(
    key: String,
    from original: JSONValue,
    shown: JSONValue
  ) -> String? {
    guard key.contains(mark) else { return key }
    guard let originals = original.objectValue?.keys, let names = shown.objectValue?.keys,
      originals.count == names.count, let place = names.firstIndex(of: key)
    else { return nil }
    return originals[place]
  }

  /// Card numbers that pass Luhn's check, social security numbers, bearer tokens, private keys, and values that are
  /// known to be secret.
  private func redactValues(in text: String) -> String? {
    var copy = text
    let ranges = copy.withUTF8 { bytes in secretRanges(in: bytes).ranges }
    return ranges.map { Self.marking($0, in: text) }
  }

  /// The same, and what stands in fields: written as in a log or a URL, or of JSON in the text.
  private func redactAll(in text: String, nesting: Int) -> String? {
    var copy = text
    let (found, isJSON) = copy.withUTF8 { bytes -> (ranges: [Range<Int>]?, isJSON: Bool) in
      let values = secretRanges(in: bytes)
      guard values.mayHoldFields else { return (values.ranges, false) }
      if nesting < Self.deepestNesting, bytes.count <= Limit.nestedText.value, Self.mayBeJSON(bytes)
      {
        return (values.ranges, true)
      }
      let fields = FieldScanner(bytes, redactor: self, isStrict: true).ranges
      return (Self.union(values.ranges ?? [], fields), false)
    }
    guard isJSON else { return found.map { Self.marking($0, in: text) } }
    // Of equal keys the first would not be looked into.
    if let value = try? JSONValue(parsing: text, options: .arguments) {
      return redact(value, pointers: pointers, nesting: nesting + 1)?.serialized()
    }
    let safe = redact(said: text)
    return safe == text ? nil : safe
  }

  private static func mayBeJSON(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = bytes.first(where: { ![9, 10, 13, 32].contains($0) }) else { return false }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"")
  }

  /// In order and apart from each other; nil where there are none.
  static func union(_ some: [Range<Int>], _ others: [Range<Int>]) -> [Range<Int>]? {
    guard !some.isEmpty || !others.isEmpty else { return nil }
    var result: [Range<Int>] = []
    for range in (some + others).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, range.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  /// The text with a mark in the place of each range of its bytes.
  static func marking(_ ranges: [Range<Int>], in text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var at = 0
    for range in ranges {
      result += bytes[at..<range.lowerBound]
      result += Array(Self.mark.utf8)
      at = range.upperBound
    }
    result += bytes[at...]
    return String(decoding: result, as: UTF8.self)
  }

  /// `mayHoldFields`: it has a byte without which no field is written.
  private func secretRanges(
    in bytes: UnsafeBufferPointer<UInt8>
  ) -> (ranges: [Range<Int>]?, mayHoldFields: Bool) {
    var found: [Range<Int>]?
    var mayHoldFields = false
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      var end = values.isEmpty ? nil : valueEnd(in: bytes, from: index)
      if let end {
        found = (found ?? []) + [index..<end]
        index = end
        continue
      }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let run = index..<Self.digitRun(in: bytes, from: index)
        // Two capitals before two digits: an IBAN, which is shown.
        let isAccount =
          index >= 2 && bytes[(index - 2)..<index].allSatisfy { (65...90).contains($0) }
        if isAccount {
          index = run.upperBound
          continue
        }
        let secrets = Self.secretNumbers(in: bytes, run)
        if !secrets.isEmpty { found = (found ?? []) + secrets }
        index = run.upperBound
        continue
      case UInt8(ascii: "B"), UInt8(ascii: "b"):
        end = Self.bearerEnd(in: bytes, from: index)
      case UInt8(ascii: "-"):
        if let end = Self.privateKeyTailEnd(in: bytes, from: index) {
          found = [0..<end]
          index = end
          continue
        }
        end = Self.privateKeyEnd(in: bytes, from: index)
        mayHoldFields = mayHoldFields || index + 1 < bytes.count && bytes[index + 1] == byte
      case UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "<"): mayHoldFields = true
      default: break
      }
      if let end {
        found = (found ?? []) + [index..<end]
        index = end
      } else {
        index += 1
      }
    }
    return (found, mayHoldFields)
  }

  /// The end of a known value that stands here.
  private func valueEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    values[bytes[start]]?.first { value in
      start + value.count <= bytes.count
        && bytes[start..<start + value.count].elementsEqual(value)
    }.map { start + $0.count }
  }

  /// The end of a run of digits with single spaces or dashes between them.
  private static func digitRun(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var end = start + 1
    while end < bytes.count {
      if isDigit(bytes[end]) {
        end += 1
      } else if bytes[end] == 32 || bytes[end] == 45, end + 1 < bytes.count, isDigit(bytes[end + 1])
      {
        end += 2
      } else {
        break
      }
    }
    return end
  }

  static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

  /// The cards and social security numbers in a run: all of it, or some of its groups, since a quantity, an expiry or a
  /// security code may stand beside the number.
  private static func secretNumbers(
    in bytes: UnsafeBufferPointer<UInt8>,
    _ run: Range<Int>
  ) -> [Range<Int>] {
    guard run.count >= 11 else { return [] }
    if isCard(bytes, run) || isSocialSecurityNumber(bytes, run) { return [run] }
    let groups = bytes[run].split { !isDigit($0) }.map(\.indices)
    guard groups.count > 1 else { return [] }
    var found: [Range<Int>] = []
    var first = 0
    while first < groups.count {
      // The longest that fits: a part of a card may pass for a shorter one.
      let last = (first..<min(first + 5, groups.count)).last { last in
        let range = groups[first].lowerBound..<groups[last].upperBound
        return isSocialSecurityNumber(bytes, range)
          || (isWrittenAsCard(groups[first...last]) && isCard(bytes, range))
      }
      if let last {
        found.append(groups[first].lowerBound..<groups[last].upperBound)
        first = last + 1
      } else {
        first += 1
      }
    }
    return found
  }

  /// One group, or the groups that people write card numbers in: four digits, and then three to six each.
  private static func isWrittenAsCard(_ groups: ArraySlice<Range<Int>>) -> Bool {
    groups.count == 1
      || (groups.first?.count == 4 && groups.allSatisfy { (3...6).contains($0.count) })
  }

  private static func isCard(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count >= 13, range.count <= 23 else { return false }
    var sum = 0
    var count = 0
    for index in range.reversed() where isDigit(bytes[index]) {
      let digit = Int(bytes[index]) - 48
      sum += count % 2 == 0 ? digit : (digit * 2 > 9 ? digit * 2 - 9 : digit * 2)
      count += 1
    }
    // 13 to 19 digits by ISO/IEC 7812; payment networks begin with 2 to 6.
    return (13...19).contains(count) && sum % 10 == 0 && (50...54).contains(bytes[range.lowerBound])
  }

  /// `ddd-dd-dddd`, with the areas that are not given out left alone.
  private static func isSocialSecurityNumber(
    _ bytes: UnsafeBufferPointer<UInt8>,
    _ range: Range<Int>
  ) -> Bool {
    guard range.count == 11 else { return false }
    let start = range.lowerBound
    guard bytes[start + 3] == 45, bytes[start + 6] == 45 else { return false }
    let area = (0..<3).reduce(0) { $0 * 10 + Int(bytes[start + $1]) - 48 }
    return area != 0 && area != 666 && area < 900
  }

  /// `Bearer` and a token of at least 8 characters.
  private static func bearerEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    let word: StaticString = "bearer "
    let length = word.utf8CodeUnitCount
    guard start + length + 8 <= bytes.count else { return nil }
    for offset in 0..<length where bytes[start + offset] | 0x20 != word.utf8Start[offset] | 0x20 {
      return nil
    }
    var end = start + length
    while end < bytes.count, isTokenByte(bytes[end]) { end += 1 }
    return end - start - length >= 8 ? end : nil
  }

  static func isTokenByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || [43, 45, 46, 47, 61, 95, 126].contains(byte)
  }

  /// A PEM block, to its END line or the end of the text.
  private static func privateKeyEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    let begin = Array("-----BEGIN ".utf8)
    guard start + begin.count <= bytes.count,
      bytes[start..<start + begin.count].elementsEqual(begin)
    else { return nil }
    let header = bytes[start..<min(bytes.count, start + 64)]
    guard String(decoding: header, as: UTF8.self).contains("PRIVATE KEY") else { return nil }
    let rest = String(decoding: bytes[start...], as: UTF8.self)
    guard let last = rest.range(of: "-----END "),
      let close = rest[last.upperBound...].range(of: "-----")
    else { return bytes.count }
    return start + rest.utf8.distance(from: rest.startIndex, to: close.upperBound)
  }

  /// The end of a PEM block whose beginning was cut off: what is before its END line is a key.
  private static func privateKeyTailEnd(
    in bytes: UnsafeBufferPointer<UInt8>,
    from start: Int
  ) -> Int? {
    let tail = Array("-----END ".utf8)
    guard start + tail.count <= bytes.count, bytes[start..<start + tail.count].elementsEqual(tail)
    else { return nil }
    let line = bytes[start..<min(bytes.count, start + 64)]
    guard String(decoding: line, as: UTF8.self).contains("PRIVATE KEY") else { return nil }
    var end = start + tail.count
    while end < bytes.count, bytes[end] != 10, bytes[end] != 13 { end += 1 }
    return end
  }
}
