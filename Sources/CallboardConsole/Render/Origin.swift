import Callboard
import JSONSchema

/// Where a value came from: what a person wrote, what a call answered, or nowhere.
enum Origin {
  /// A remark on a value, or nil where nothing sensible can be said.
  ///
  /// Of all that was said before the call the first counts: what the model wrote itself does not become an answer by
  /// coming back in one, be it in a refusal that quotes it. `turn` is that of the call that the value is an argument
  /// of; `functionNames` has the qualified name of a function by the one that models use.
  static func of(
    _ value: JSONValue,
    ofTurn turn: Int?,
    in conversation: ConversationDetail?,
    functionNames: [String: String]
  ) -> SafeText? {
    guard let conversation, let wanted = needles(for: value) else { return nil }
    func hasIt(_ text: String) -> Bool { wanted.contains { holds(text, $0) } }
    var names: [String: String] = [:]
    for entry in conversation.transcript {
      let message = entry.message
      // The message that asks for this call, and what came after it.
      if message.role == .assistant, let turn, entry.turn >= turn { break }
      for call in message.calls { names[call.id] = call.wireName }
      if message.role == .assistant, message.calls.contains(where: { hasIt($0.arguments) }) {
        return "first written by the model itself, in a call of turn \(entry.turn)"
      }
      guard let text = message.text, hasIt(text) else { continue }
      switch message.role {
      case .user:
        let author = message.author.map { SafeText(untrusted: $0, limit: 60) } ?? "the user"
        return entry.turn == 0
          ? "from the first message, of \(author)"
          : "from the message of \(author), turn \(entry.turn)"
      case .tool:
        let name = message.answers.flatMap { names[$0] }.map { functionNames[$0] ?? $0 }
        let call = name.map { SafeText(untrusted: $0, limit: 128) } ?? "a call"
        return "from the answer of \(call), turn \(entry.turn)"
      case .system: return "from the instructions"
      case .assistant: return "first written by the model itself, turn \(entry.turn)"
      }
    }
    return "first seen here: no message and no result has it"
  }

  /// The texts that would be the value; nil for values too small to be found by chance alone.
  private static func needles(for value: JSONValue) -> [String]? {
    switch value {
    case .string(let text): return text.count >= 3 && text.utf8.count <= 2000 ? [text] : nil
    case .integer(let number):
      guard number.magnitude >= 100 else { return nil }
      return [String(number), SafeText.number(Int(number)).text]
    case .double, .decimal: return [value.serialized()]
    case .null, .bool, .array, .object: return nil
    }
  }

  /// Whether the text holds the needle as a word of its own.
  private static func holds(_ text: String, _ needle: String) -> Bool {
    var from = text.startIndex
    while let range = text[from...].firstRange(of: needle) {
      let before =
        range.lowerBound == text.startIndex ? nil : text[text.index(before: range.lowerBound)]
      let after = range.upperBound == text.endIndex ? nil : text[range.upperBound]
      func joins(_ character: Character?) -> Bool {
        character.map { $0.isLetter || $0.isNumber } ?? false
      }
      if !joins(before), !joins(after) { return true }
      from = text.index(after: range.lowerBound)
    }
    return false
  }
}
