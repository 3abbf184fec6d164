import Callboard
import JSONSchema

/// Whether what was recorded and what came today are the same but for ids, times, numbers of events and hidden values.
enum Likeness {
  static func isSame(_ then: Message, _ now: Message) -> Bool {
    guard then.role == now.role, then.answers == now.answers, then.calls.count == now.calls.count
    else { return false }
    for (one, other) in zip(then.calls, now.calls) {
      guard one.id == other.id, one.wireName == other.wireName,
        isSame(text: one.arguments, other.arguments)
      else { return false }
    }
    switch then.role {
    // What the engine words may tell how long something took.
    case .tool: return isSame(prose: then.text ?? "", now.text ?? "")
    case .system, .user, .assistant: return isSame(text: then.text ?? "", now.text ?? "")
    }
  }

  static func isSame(_ then: JSONValue, _ now: JSONValue) -> Bool {
    switch (then, now) {
    case (.string(let one), .string(let other)): return isSame(text: one, other)
    case (.string(Redactor.mark), _), (_, .string(Redactor.mark)): return true
    case (.array(let one), .array(let other)):
      return one.count == other.count && zip(one, other).allSatisfy(isSame)
    case (.object(let one), .object(let other)):
      return one.count == other.count
        && one.allSatisfy { key, value in other[key].map { isSame(value, $0) } ?? false }
    default: return then == now
    }
  }

  /// Where JSON stands in a text, its values count.
  static func isSame(text then: String, _ now: String) -> Bool {
    if then == now { return true }
    if let one = Veil.document(then), let other = Veil.document(now) { return isSame(one, other) }
    return fits(then, now) || fits(now, then)
  }

  /// Sentences in which ids and numbers may be others.
  static func isSame(prose then: String, _ now: String) -> Bool {
    if isSame(text: then, now) { return true }
    let (one, other) = (plain(then), plain(now))
    return fits(one, other) || fits(other, one)
  }

  /// Whether the text is the pattern, with anything where that has marks.
  private static func fits(_ pattern: String, _ text: String) -> Bool {
    let pieces = pattern.split(separator: Redactor.mark, omittingEmptySubsequences: false)
    guard pieces.count > 1, let first = pieces.first, let last = pieces.last else {
      return pattern == text
    }
    guard text.hasPrefix(first) else { return false }
    var rest = text.dropFirst(first.count)
    for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
      guard let found = rest.firstRange(of: piece) else { return false }
      rest = rest[found.upperBound...]
    }
    return rest.hasSuffix(last)
  }

  /// The text with one sign in place of every id and number.
  private static func plain(_ text: String) -> String {
    text.replacing(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, with: "#")
      .replacing(/\b(?=[0-9a-f]*[0-9])[0-9a-f]{6}\b/, with: "#")
      .replacing(/[0-9]+([.:,][0-9]+)*/, with: "#")
  }

  /// What a message says, in short.
  static func words(_ message: Message?) -> String {
    guard let message else { return "nothing" }
    let calls = message.calls.map { "\($0.wireName)(\($0.arguments))" }
    let all = ([message.text].compactMap { $0 } + calls).joined(separator: ", ")
    let cut = all.count > 400 ? all.prefix(400) + "…" : all[...]
    return "\(message.role.rawValue): “\(cut)”"
  }
}
