import Callboard
import JSONSchema

/// What a remark says of where a value came from, and how often it was used before.
enum Origin {
  /// Remarks on one argument: on itself, or on each value that it holds; values of one origin share one remark.
  static func remarks(on name: String, in detail: CallDetail) -> [SafeText] {
    let own = detail.origins.filter { $0.pointer.tokens.first == name }
    var groups: [(words: SafeText, places: [SafeText])] = []
    for origin in own {
      guard let words = words(origin) else { continue }
      let inner = origin.pointer.tokens.dropFirst().joined(separator: "/")
      let place = SafeText(untrusted: inner, limit: 80)
      if let index = groups.firstIndex(where: { $0.words == words }) {
        groups[index].places.append(place)
      } else {
        groups.append((words, [place]))
      }
    }
    return groups.map { group in
      let places = group.places.filter { !$0.isEmpty }
      guard !places.isEmpty else { return group.words }
      let shown = places.prefix(4).joined(separator: ", ")
      let more: SafeText = places.count > 4 ? " and \(places.count - 4) more" : ""
      return "\(shown)\(more): \(group.words)"
    }
  }

  private static func words(_ origin: ArgumentOrigin) -> SafeText? {
    let parts = [origin.source.map(words), origin.uses.flatMap(words)].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: " · ")
  }

  private static func words(_ source: ArgumentOrigin.Source) -> SafeText {
    switch source {
    case .instructions: return "from the instructions"
    case .message(let author, let turn):
      let author = author.map { SafeText(untrusted: $0, limit: 60) } ?? "the user"
      return turn == 0
        ? "from the first message, of \(author)" : "from the message of \(author), turn \(turn)"
    case .answer(let function, let turn):
      let call = function.map { SafeText(untrusted: $0, limit: 128) } ?? "a call"
      return "from the answer of \(call), turn \(turn)"
    case .model(let turn, true):
      return "first written by the model itself, in a call of turn \(turn)"
    case .model(let turn, false): return "first written by the model itself, turn \(turn)"
    case .nowhere: return "first seen here: no message and no result has it"
    }
  }

  /// nil: no call of the function has succeeded before.
  private static func words(_ uses: ArgumentOrigin.Uses) -> SafeText? {
    guard uses.of > 0 else { return nil }
    let base: SafeText =
      uses.isAll
      ? "\(uses.count) of \(counted(uses.of, "earlier call", "earlier calls"))"
      : "\(uses.count) of the last \(uses.of) calls"
    return uses.count == 0 ? "new: used in \(base)" : "used in \(base)"
  }
}
