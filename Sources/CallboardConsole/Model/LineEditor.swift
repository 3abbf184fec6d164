import Callboard
import CallboardTerminal

/// One line of text that is being typed.
struct LineEditor: Sendable, Hashable {
  private(set) var characters: [Character]
  /// Characters before the cursor.
  private(set) var position: Int

  init(_ text: String = "") {
    characters = Array(text)
    position = characters.count
  }

  var text: String { String(characters) }
  var isEmpty: Bool { characters.isEmpty }
  var before: SafeText { SafeText(untrusted: String(characters[..<position])) }
  var after: SafeText { SafeText(untrusted: String(characters[position...])) }

  /// Longest text that is taken, in characters.
  static let limit = 8192

  /// Applies a key; false when the key means nothing here.
  mutating func handle(_ key: Key) -> Bool {
    switch key {
    case .character(let character): insert(String(character))
    case .paste(let text):
      // A prompt has one line: what was pasted stays one thought.
      insert(String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }))
    case .backspace:
      guard position > 0 else { return true }
      position -= 1
      characters.remove(at: position)
    case .delete:
      guard position < characters.count else { return true }
      characters.remove(at: position)
    case .left: position = max(0, position - 1)
    case .right: position = min(characters.count, position + 1)
    case .home, .control("a"): position = 0
    case .end, .control("e"): position = characters.count
    case .control("u"):
      characters.removeSubrange(..<position)
      position = 0
    case .control("k"): characters.removeSubrange(position...)
    case .control("w"):
      var start = position
      while start > 0, characters[start - 1] == " " { start -= 1 }
      while start > 0, characters[start - 1] != " " { start -= 1 }
      characters.removeSubrange(start..<position)
      position = start
    default: return false
    }
    return true
  }

  private mutating func insert(_ text: String) {
    let room = max(0, Self.limit - characters.count)
    let new = Array(text.prefix(room))
    characters.insert(contentsOf: new, at: position)
    position += new.count
  }
}
