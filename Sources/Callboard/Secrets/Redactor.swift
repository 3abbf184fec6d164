import Foundation
import JSONSchema

/// Finds secrets by field name, by JSON Pointer and by value, and puts a mark in their place.
///
/// Called from `commit` and nowhere else, so that nothing is stored, logged or shown before it.
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
      let bit = Self.foldedHash(name)
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
    redact(value, pointers: pointers, depth: 0)
  }

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
  func redact(unfinished text: String, secrets: Set<String>) -> String {
    let safe = Self.hiding(secrets, in: redact(said: text))
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
    for value in values.values.joined() + secrets.map({ Array($0.utf8) }) {
      let longest = min(value.count - 1, bytes.count)
      guard longest > 0 else { continue }
      let part = (1...longest).last { bytes.suffix($0).elementsEqual(value.prefix($0)) }
      if let part { end = min(end, bytes.count - part) }
    }
    return end == bytes.count ? safe : String(decoding: bytes[..<end], as: UTF8.self)
  }

  private func redact(_ value: JSONValue, pointers: [[String]], depth: Int) -> JSONValue? {
    switch value {
    case .null, .bool: return nil
    case .integer, .double:
      // A card number is a card number without quotes too.
      guard let number = value.intValue, number >= 1_000_000_000_000 else { return nil }
      return redactValues(in: String(number)) == nil ? nil : .string(Self.mark)
    case .decimal(let text):
      return redactValues(in: text) == nil ? nil : .string(Self.mark)
    case .string(let text):
      return redactValues(in: text).map(JSONValue.string)
    case .array(let items):
      var changed: [JSONValue]?
      for (index, item) in items.enumerated() {
        let below = Self.below(pointers, token: pointers.isEmpty ? "" : String(index))
        guard let safe = redactMember(item, pointers: below, depth: depth) else { continue }
        if changed == nil { changed = items }
        changed?[index] = safe
      }
      return changed.map(JSONValue.array)
    case .object(let object):
      var changed: JSONObject?
      for (key, member) in object {
        if mayHoldValue(key), redactValues(in: key) != nil {
          return .object(redactKeys(of: object, pointers: pointers, depth: depth))
        }
        guard let safe = redact(member, of: key, pointers: pointers, depth: depth) else { continue }
        if changed == nil { changed = object }
        changed?[key] = safe
      }
      return changed.map(JSONValue.object)
    }
  }

  /// The object with other keys in the places of those that are secrets: as many members, in the same order.
  private func redactKeys(of object: JSONObject, pointers: [[String]], depth: Int) -> JSONObject {
    var result = JSONObject()
    for (key, member) in object {
      let safe = redactValues(in: key) ?? key
      var name = safe
      var number = 1
      while result[name] != nil || (name != key && object[name] != nil) {
        number += 1
        name = "\(safe) \(number)"
      }
      result[name] = redact(member, of: key, pointers: pointers, depth: depth) ?? member
    }
    return result
  }

  private func redact(
    _ member: JSONValue,
    of key: String,
    pointers: [[String]],
    depth: Int
  ) -> JSONValue? {
    if isSecret(key), !member.isNull { return .string(Self.mark) }
    return redactMember(member, pointers: Self.below(pointers, token: key), depth: depth)
  }

  /// Most keys are too short for any value that is recognised.
  private func mayHoldValue(_ key: String) -> Bool {
    key.utf8.count >= (values.isEmpty ? 11 : Self.shortestValue)
  }

  private func redactMember(_ value: JSONValue, pointers: [[String]], depth: Int) -> JSONValue? {
    if pointers.contains(where: \.isEmpty) { return .string(Self.mark) }
    return redact(value, pointers: pointers, depth: depth + 1)
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
    isSecret(name) || pointers.contains { $0.last == name }
  }

  private func isSecret(_ key: String) -> Bool {
    let bit = Self.foldedHash(key)
    let word = bit < 128 ? (bit < 64 ? sieve.0 : sieve.1) : (bit < 192 ? sieve.2 : sieve.3)
    guard word & (1 << UInt64(bit & 63)) != 0 else { return false }
    return names.contains(Self.folded(key))
  }

  /// Eight bits of an FNV-1a hash over the key as `folded` would have it.
  private static func foldedHash(_ key: String) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    // Only ASCII counts: what lower case makes of other letters is not known here.
    for byte in key.utf8 where byte < 0x80 && byte != UInt8(ascii: "-") && byte != UInt8(ascii: "_")
    {
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

  /// A text without the secrets of values that are shown redacted, where it quotes them.
  static func hiding(_ payloads: [Payload], in text: String) -> String {
    let secrets = payloads.flatMap(secrets(of:))
    return secrets.isEmpty ? text : hiding(secrets, in: text)
  }

  /// A text without these secrets, also where it quotes them as JSON or a URL would.
  ///
  /// Of fewer than four characters they are taken for the secret only where they are a word, of fewer than three never.
  static func hiding(_ secrets: some Sequence<String>, in text: String) -> String {
    var forms: Set<String> = []
    for secret in secrets where secret.unicodeScalars.count >= 3 {
      forms.insert(secret)
      forms.insert(String(JSONValue.string(secret).serialized().dropFirst().dropLast()))
      if let form = secret.addingPercentEncoding(withAllowedCharacters: unreserved) {
        forms.insert(form)
        forms.insert(form.replacing("%20", with: "+"))
      }
    }
    let ordered = forms.sorted { $0.utf8.count > $1.utf8.count }.map { Array($0.utf8) }
    let byFirst = Dictionary(grouping: ordered.filter { !$0.isEmpty }) { $0[0] }
    guard !byFirst.isEmpty else { return text }
    var copy = text
    // Once over the text, however many there are.
    let hidden = copy.withUTF8 { bytes in hiding(byFirst, in: bytes) }
    return hidden.map { String(decoding: $0, as: UTF8.self) } ?? text
  }

  /// Nil where none of the forms stands in it.
  private static func hiding(
    _ forms: [UInt8: [[UInt8]]],
    in bytes: UnsafeBufferPointer<UInt8>
  ) -> [UInt8]? {
    var result: [UInt8] = []
    var kept = 0
    var index = 0
    while index < bytes.count {
      let form = forms[bytes[index]]?.first { form in
        let end = index + form.count
        guard end <= bytes.count, bytes[index..<end].elementsEqual(form) else { return false }
        let isLong = form.count { $0 & 0xC0 != 0x80 } >= 4
        return isLong || isWord(index..<end, in: bytes)
      }
      guard let form else {
        index += 1
        continue
      }
      result += bytes[kept..<index]
      result += Array(mark.utf8)
      index += form.count
      kept = index
    }
    return kept == 0 ? nil : result + bytes[kept...]
  }

  private static func isWord(_ range: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    func isPart(_ byte: UInt8) -> Bool {
      isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte >= 0x80
    }
    return (range.lowerBound == 0 || !isPart(bytes[range.lowerBound - 1]))
      && (range.upperBound == bytes.count || !isPart(bytes[range.upperBound]))
  }

  /// What RFC 3986 leaves as it is.
  private static let unreserved = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
  )

  /// What of a value is not shown, as texts.
  static func secrets(of payload: Payload) -> [String] {
    guard payload.hasSecrets else { return [] }
    var secrets: [String] = []
    collect(payload.original, shown: payload.shown, into: &secrets)
    return secrets
  }

  /// What of a message is not shown, as texts.
  static func secrets(of message: Message, shown: Message) -> [String] {
    guard message != shown else { return [] }
    var secrets: [String] = []
    func compare(_ original: String, _ shown: String) {
      if let original = try? JSONValue(parsing: original, options: .lenient),
        let shown = try? JSONValue(parsing: shown, options: .lenient)
      {
        collect(original, shown: shown, into: &secrets)
      } else {
        collect(original, shown: shown, into: &secrets)
      }
    }
    compare(message.text ?? "", shown.text ?? "")
    for (asked, redacted) in zip(message.calls, shown.calls) {
      compare(asked.arguments, redacted.arguments)
    }
    return secrets
  }

  static func collect(
    _ original: JSONValue,
    shown: JSONValue,
    into secrets: inout [String]
  ) {
    guard original != shown else { return }
    switch original {
    case .null, .bool: break
    case .integer, .double, .decimal: secrets.append(original.serialized())
    case .string(let text): collect(text, shown: shown.stringValue ?? mark, into: &secrets)
    case .array(let items):
      for (index, item) in items.enumerated() {
        collect(item, shown: shown[index] ?? .string(mark), into: &secrets)
      }
    case .object(let object):
      let names = shown.objectValue?.keys ?? []
      for (index, (key, member)) in object.enumerated() {
        let name = index < names.count ? names[index] : key
        collect(key, shown: names.isEmpty ? key : name, into: &secrets)
        collect(member, shown: shown[name] ?? .string(mark), into: &secrets)
      }
    }
  }

  /// The parts of a text in whose places a mark stands, and the token of a bearer alone.
  private static func collect(_ text: String, shown: String, into secrets: inout [String]) {
    guard text != shown else { return }
    var rest = text[...]
    var hidden: [Substring] = []
    for (index, part) in shown.split(separator: mark, omittingEmptySubsequences: false).enumerated()
    {
      guard let range = part.isEmpty ? nil : rest.range(of: part) else { continue }
      if index > 0 { hidden.append(rest[..<range.lowerBound]) }
      rest = rest[range.upperBound...]
    }
    if shown.hasSuffix(mark) { hidden.append(rest) }
    for part in hidden where !part.isEmpty {
      secrets.append(String(part))
      if let space = part.lastIndex(of: " "), part.lowercased().hasPrefix("bearer ") {
        secrets.append(String(part[part.index(after: space)...]))
      }
    }
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
    let ranges: [Range<Int>]? = copy.withUTF8 { bytes in secretRanges(in: bytes) }
    guard let ranges, !ranges.isEmpty else { return nil }
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

  private func secretRanges(in bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>]? {
    var found: [Range<Int>]?
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
        end = Self.privateKeyEnd(in: bytes, from: index)
      default: break
      }
      if let end {
        found = (found ?? []) + [index..<end]
        index = end
      } else {
        index += 1
      }
    }
    return found
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
}
