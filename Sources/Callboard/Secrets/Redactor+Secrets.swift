import Foundation
import JSONSchema

/// What was hidden of values, found again from what is shown of them.
extension Redactor {
  /// A text without the secrets of values that are shown redacted, where it quotes them.
  static func hiding(_ payloads: [Payload], in text: String) -> String {
    KnownSecrets(of: payloads).hiding(in: text) ?? text
  }

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
    collect(message.text ?? "", shown: shown.text ?? "", into: &secrets)
    for (asked, redacted) in zip(message.calls, shown.calls) {
      collect(asked.arguments, shown: redacted.arguments, into: &secrets)
    }
    return secrets
  }

  private static func collect(
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

  /// The parts of a text in whose places a mark stands.
  private static func collect(_ text: String, shown: String, into secrets: inout [String]) {
    guard text != shown else { return }
    if shown == mark {
      secrets += parts(of: text[...])
      return
    }
    if let original = try? JSONValue(parsing: text, options: .lenient),
      let shown = try? JSONValue(parsing: shown, options: .lenient)
    {
      return collect(original, shown: shown, into: &secrets)
    }
    let kept = shown.split(separator: mark, omittingEmptySubsequences: false)
    guard var rest = kept.first.flatMap({ text.hasPrefix($0) ? text.dropFirst($0.count) : nil })
    else { return }
    for (index, part) in kept.enumerated().dropFirst() {
      let isLast = index == kept.count - 1
      let end =
        isLast
        ? rest.index(rest.endIndex, offsetBy: -part.count, limitedBy: rest.startIndex)
        : part.isEmpty ? rest.startIndex : rest.firstRange(of: part)?.lowerBound
      guard let end else { return }
      // In a text a word after a name may be one of a sentence: only what can be no other word is looked for elsewhere.
      secrets += parts(of: rest[..<end]).filter(isUnlikeWords)
      rest = isLast ? "" : rest[end...].dropFirst(part.count)
    }
  }

  /// A hidden text as it may stand elsewhere: without quotes, decoded, and what follows the scheme of credentials.
  private static func parts(of text: Substring) -> [String] {
    guard !text.isEmpty else { return [] }
    var parts = [String(text)]
    let bare = text.drop { $0 == "\\" || $0.isQuote }.trimmingSuffix { $0 == "\\" || $0.isQuote }
    if bare.count < text.count, !bare.isEmpty { parts.append(String(bare)) }
    if bare.contains("%"), let decoded = String(bare).removingPercentEncoding, !decoded.isEmpty {
      parts.append(decoded)
    }
    if let space = bare.firstIndex(of: " "),
      schemes.contains(bare[..<space].lowercased())
    {
      let token = bare[space...].drop { $0 == " " }
      if !token.isEmpty { parts.append(String(token)) }
    }
    return parts
  }

  /// Schemes of an `Authorization` header that are followed by one token.
  static let schemes: Set<String> = [
    "basic", "bearer", "token", "apikey", "negotiate", "ntlm", "dpop",
  ]

  private static func isUnlikeWords(_ text: String) -> Bool {
    text.utf8.count >= shortestValue
      && !text.dropFirst().allSatisfy { $0.isLowercase || $0.isQuote }
  }
}

extension Character {
  fileprivate var isQuote: Bool { self == "\"" || self == "'" || self == "`" }
}

extension Substring {
  fileprivate func trimmingSuffix(while matches: (Character) -> Bool) -> Substring {
    var copy = self
    while let last = copy.last, matches(last) { copy.removeLast() }
    return copy
  }
}
