/// A text with places for arguments: `{name}` stands for one, `{{` and `}}` for the braces themselves.
struct ArgumentTemplate: Sendable, Hashable {
  enum Piece: Sendable, Hashable {
    case text(String)
    case argument(String)
  }

  var pieces: [Piece]

  /// Reads a template, or says in the error what is wrong with its braces.
  init(_ source: some StringProtocol) throws(TemplateError) {
    pieces = []
    var text = ""
    var rest = Substring(source)
    while let character = rest.popFirst() {
      switch character {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        rest.removeFirst()
        text.append(character)
      case "{":
        guard let end = rest.firstIndex(where: { $0 == "}" || $0 == "{" }), rest[end] == "}",
          end > rest.startIndex
        else { throw TemplateError(source, "has a “{” that begins no “{argument}”") }
        if !text.isEmpty { pieces.append(.text(text)) }
        text = ""
        pieces.append(.argument(String(rest[..<end])))
        rest = rest[rest.index(after: end)...]
      case "}":
        throw TemplateError(source, "has a “}” that ends no “{argument}”")
      default:
        text.append(character)
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
  }

  /// The arguments it names, in order, each as often as it stands there.
  var arguments: [String] {
    pieces.compactMap { piece in
      if case .argument(let name) = piece { name } else { nil }
    }
  }

  /// The text with each argument put in by `value`.
  func filled<Failure>(_ value: (String) throws(Failure) -> String) throws(Failure) -> String {
    var result = ""
    for piece in pieces {
      switch piece {
      case .text(let text): result += text
      case .argument(let name): result += try value(name)
      }
    }
    return result
  }
}

struct TemplateError: Error {
  var message: String

  init(_ source: some StringProtocol, _ what: String) {
    message = "“\(source)” \(what); write “{{” or “}}” for the brace itself"
  }
}
