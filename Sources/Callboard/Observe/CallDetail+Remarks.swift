import JSONSchema

/// What whoever decides is told of an argument, on whatever face: what its text hides, who has changed it, where its value
/// came from and how often it was used before.
extension CallDetail {
  /// Of a call that has a twin.
  public static let onceMore: SafeText = "to approve this is to do it once more"

  /// Remarks on one argument; where it holds others, on each of those too.
  public func remarks(on name: String, _ value: JSONValue) -> [SafeText] {
    var remarks: [SafeText] = []
    switch value {
    case .string(let text): remarks += Self.sentence(of: text)
    case .array, .object: remarks += Self.sentence(of: value.serialized())
    case .null, .bool, .integer, .double, .decimal: break
    }
    remarks += Self.sentence(of: name).map { "its name " + $0 }
    if !argumentOrder.isEmpty, !argumentOrder.contains(name) {
      remarks.append("not named in the schema")
    }
    guard let editor = call.editedBy, let proposed = call.proposed?.shown, proposed[name] != value
    else { return remarks + originRemarks(on: name) }
    let before =
      proposed[name].map { SafeText(untrusted: $0.serialized(), limit: 200) } ?? "nothing"
    remarks.append("edited by \(untrusted: editor.name, limit: 60); the model proposed \(before)")
    return remarks
  }

  private static func sentence(of text: String) -> [SafeText] {
    SafeText.sentence(of: SafeText.inspect(text)).map { [$0] } ?? []
  }

  /// Values of one origin share one remark.
  private func originRemarks(on name: String) -> [SafeText] {
    var groups: [(words: SafeText, places: [SafeText])] = []
    for origin in origins where origin.pointer.tokens.first == name {
      guard let words = origin.words else { continue }
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
}

extension ArgumentOrigin {
  /// Where it came from, and how often it was used; nil: nothing is known.
  public var words: SafeText? {
    let parts = [source?.words, uses?.words].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: " · ")
  }
}

extension ArgumentOrigin.Source {
  fileprivate var words: SafeText {
    switch self {
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
    case .untold: return "not looked for: it stands in many places by chance"
    }
  }
}

extension ArgumentOrigin.Uses {
  /// nil: no call of the function has succeeded before.
  fileprivate var words: SafeText? {
    guard of > 0 else { return nil }
    let base: SafeText =
      isAll
      ? "\(count) of \(of) earlier \(of == 1 ? "call" : "calls" as SafeText)"
      : "\(count) of the last \(of) calls"
    return count == 0 ? "new: used in \(base)" : "used in \(base)"
  }
}
