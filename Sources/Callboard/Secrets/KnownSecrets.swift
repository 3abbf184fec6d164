import Foundation
import JSONSchema
import Synchronization

/// Texts that are secret because of a field they stood in: they are hidden wherever they stand again.
///
/// Also where they are quoted as JSON or a URL would. Of fewer than four characters they are taken for the secret only
/// where they are a word, of fewer than three never.
struct KnownSecrets: Sendable {
  private(set) var texts: Set<String> = []
  /// The texts as they may be written, by their first byte, the longest first.
  private var forms: [UInt8: [[UInt8]]] = [:]

  init() {}

  init(_ found: some Sequence<String>) { note(found) }

  /// The secrets of values that are shown redacted.
  init(of payloads: [Payload]) { self.init(payloads.flatMap(Redactor.secrets(of:))) }

  var isEmpty: Bool { forms.isEmpty }

  mutating func note(_ found: some Sequence<String>) {
    var added: Set<String> = []
    for secret in found where texts.count < Limit.knownSecrets.value {
      guard secret.unicodeScalars.count >= 3, !Redactor.mark.contains(secret),
        texts.insert(secret).inserted
      else { continue }
      added.formUnion(Self.forms(of: secret))
    }
    for form in added.map({ Array($0.utf8) }) {
      forms[form[0], default: []].append(form)
    }
    for first in Set(added.compactMap(\.utf8.first)) {
      forms[first]?.sort { $0.count > $1.count }
    }
  }

  /// The text without these secrets; nil where none stands in it.
  func hiding(in text: String) -> String? {
    guard !isEmpty else { return nil }
    var copy = text
    // Once over the text, however many there are.
    let safe = copy.withUTF8 { bytes in hidden(in: bytes) }
    return safe.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The same of a text in which `…` stands for what was cut off: what is left of a secret there goes too.
  func hiding(inCut text: String) -> String {
    guard !isEmpty else { return text }
    let text = hiding(in: text) ?? text
    let ranges = leftOver(in: Array(text.utf8))
    return ranges.isEmpty ? text : Redactor.marking(ranges, in: text)
  }

  /// The value without these secrets, in texts, in names, and as whole numbers; nil where none is in it.
  ///
  /// A number of few digits is not told from others of the same value, such as an amount.
  func hiding(in value: JSONValue) -> JSONValue? {
    guard !isEmpty else { return nil }
    switch value {
    case .null, .bool: return nil
    case .integer, .double, .decimal:
      let text = value.serialized()
      let isKnown = text.utf8.count >= Redactor.shortestValue && texts.contains(text)
      return isKnown ? .string(Redactor.mark) : nil
    case .string(let text): return hiding(in: text).map(JSONValue.string)
    case .array(let items):
      var changed: [JSONValue]?
      for (index, item) in items.enumerated() {
        guard let safe = hiding(in: item) else { continue }
        if changed == nil { changed = items }
        changed?[index] = safe
      }
      return changed.map(JSONValue.array)
    case .object(let object):
      var changed = JSONObject()
      var isChanged = false
      for (key, member) in object {
        let safe = hiding(in: key) ?? key
        var name = safe
        var number = 1
        while name != key, changed[name] != nil || object[name] != nil {
          number += 1
          name = "\(safe) \(number)"
        }
        let shown = hiding(in: member)
        isChanged = isChanged || shown != nil || name != key
        changed[name] = shown ?? member
      }
      return isChanged ? .object(changed) : nil
    }
  }

  // MARK: - As bytes

  /// Nil where none of the forms stands in it.
  private func hidden(in bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var kept = 0
    var index = 0
    while index < bytes.count {
      let form = forms[bytes[index]]?.first { form in
        let end = index + form.count
        guard end <= bytes.count, bytes[index..<end].elementsEqual(form) else { return false }
        let isLong = form.count { $0 & 0xC0 != 0x80 } >= 4
        return isLong || Self.isWord(index..<end, in: bytes)
      }
      guard let form else {
        index += 1
        continue
      }
      result += bytes[kept..<index]
      result += Array(Redactor.mark.utf8)
      index += form.count
      kept = index
    }
    return kept == 0 ? nil : result + bytes[kept...]
  }

  private static func isWord(_ range: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    func isPart(_ byte: UInt8) -> Bool {
      Redactor.isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        || byte >= 0x80
    }
    return (range.lowerBound == 0 || !isPart(bytes[range.lowerBound - 1]))
      && (range.upperBound == bytes.count || !isPart(bytes[range.upperBound]))
  }

  /// The beginnings of secrets before, and the ends of secrets after, the places where the text was cut.
  private func leftOver(in bytes: [UInt8]) -> [Range<Int>] {
    let cut = Array("…".utf8)
    // A text is cut in few places; whoever writes more of them cuts nothing.
    let places = bytes.indices.lazy.filter { bytes[$0...].starts(with: cut) }.prefix(16)
    var found: [Range<Int>] = []
    for place in places {
      let after = place + cut.count
      let before = longest(upTo: place) { form, length in
        bytes[(place - length)..<place].elementsEqual(form.prefix(length))
      }
      let behind = longest(upTo: bytes.count - after) { form, length in
        bytes[after..<after + length].elementsEqual(form.suffix(length))
      }
      if let before { found.append(place - before..<place) }
      if let behind { found.append(after..<after + behind) }
    }
    return Redactor.union(found, []) ?? []
  }

  /// The most bytes of a form, but not all, for which `isThere`; nil where these are fewer than four.
  private func longest(upTo limit: Int, _ isThere: ([UInt8], Int) -> Bool) -> Int? {
    forms.values.joined().compactMap { form in
      let most = min(form.count - 1, limit)
      return most < 4 ? nil : (4...most).last { isThere(form, $0) }
    }.max()
  }

  // MARK: - How a secret may be written

  private static func forms(of secret: String) -> Set<String> {
    var forms: Set<String> = [secret]
    let isPlain = secret.utf8.allSatisfy {
      Redactor.isDigit($0) || (65...90).contains($0) || (97...122).contains($0)
        || [45, 46, 95, 126].contains($0)
    }
    guard !isPlain else { return forms }
    let quoted = inJSON(secret)
    for form in [quoted, ascii(quoted)] {
      forms.formUnion([form, form.replacing("/", with: "\\/"), inJSON(form)])
    }
    for allowed in [
      unreserved, unreserved.union(CharacterSet(charactersIn: "/")), .urlQueryAllowed,
    ] {
      guard let form = secret.addingPercentEncoding(withAllowedCharacters: allowed) else {
        continue
      }
      for form in [form, smallHexadecimals(form)] {
        forms.insert(form)
        forms.insert(form.replacing("%20", with: "+"))
      }
    }
    return forms.filter { !$0.isEmpty }
  }

  private static func inJSON(_ text: String) -> String {
    String(JSONValue.string(text).serialized().dropFirst().dropLast())
  }

  /// With `\u00e9` for what is not ASCII, as many programs write JSON.
  private static func ascii(_ text: String) -> String {
    var result = ""
    for unit in text.utf16 {
      if unit < 0x80, let scalar = Unicode.Scalar(unit) {
        result.unicodeScalars.append(scalar)
      } else {
        let digits = String(unit, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return result
  }

  private static func smallHexadecimals(_ text: String) -> String {
    let parts = text.split(separator: "%", omittingEmptySubsequences: false)
    return parts.dropFirst().reduce(String(parts[0])) { result, part in
      result + "%" + part.prefix(2).lowercased() + part.dropFirst(2)
    }
  }

  /// What RFC 3986 leaves as it is.
  private static let unreserved = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
  )
}

/// What a conversation hides, shared with its calls.
///
/// A lock of its own, under which nothing else is locked: a call is stored under its shard's, a turn under that of all
/// conversations.
final class SharedSecrets: Sendable {
  private let state: Mutex<KnownSecrets>

  init(_ known: KnownSecrets) { state = Mutex(known) }

  var known: KnownSecrets { state.withLock { $0 } }

  func note(_ found: some Sequence<String> & Sendable) {
    state.withLock { $0.note(found) }
  }
}
