import Callboard
import CallboardTerminal

/// Which key means which action: each key one, as configured.
struct KeyMap: Sendable {
  private var keys: [Action: [Key]] = [:]
  private var actions: [Key: Action] = [:]

  /// A configuration of keys that cannot be used: what was found and what to write.
  struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    var description: String
  }

  /// The keys as they are, with some replaced.
  init(replacing changes: [String: String]) throws(Mistake) {
    var table = Dictionary(uniqueKeysWithValues: Binding.all.map { ($0.action, $0.keys) })
    for (name, text) in changes.sorted(by: { $0.key < $1.key }) {
      guard let action = Action(rawValue: name) else {
        let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
        throw Mistake(description: "keys: no action is called “\(name)”; there is \(known)")
      }
      guard let key = Key(named: text) else {
        throw Mistake(
          description:
            "keys.\(name): “\(text)” is not a key; write one character, C-x, F1 to F12, or Enter, Esc, Tab, "
            + "Space, Up, Down, Left, Right, Home, End, PgUp, PgDn, Backspace, Delete, Insert"
        )
      }
      table[action] = [key]
    }
    for action in Action.allCases {
      for key in table[action] ?? [] {
        if let other = actions[key] {
          throw Mistake(
            description:
              "keys: \(key.name.text) means both \(other.rawValue) and \(action.rawValue); give one of them another key"
          )
        }
        actions[key] = action
      }
    }
    keys = table
  }

  func action(of key: Key) -> Action? { actions[key] }

  /// The key to name in hints.
  func key(of action: Action) -> SafeText { keys[action]?.first?.name ?? "?" }

  /// All keys of an action, for help.
  func allKeys(of action: Action) -> SafeText {
    (keys[action] ?? []).map(\.name).joined(separator: " ")
  }
}

extension Key {
  /// Reads a key as it is named in hints and configuration.
  init?(named text: String) {
    switch text {
    case "Enter": self = .enter
    case "Esc": self = .escape
    case "Tab": self = .tab
    case "S-Tab": self = .backTab
    case "Backspace": self = .backspace
    case "Delete": self = .delete
    case "Insert": self = .insert
    case "Space": self = .character(" ")
    case "Up": self = .up
    case "Down": self = .down
    case "Left": self = .left
    case "Right": self = .right
    case "Home": self = .home
    case "End": self = .end
    case "PgUp": self = .pageUp
    case "PgDn": self = .pageDown
    default:
      if text.hasPrefix("C-"), text.count == 3, let letter = text.last, letter.isASCII {
        self = .control(Character(letter.lowercased()))
      } else if text.hasPrefix("F"), let number = Int(text.dropFirst()), (1...12).contains(number) {
        self = .function(number)
      } else if text.count == 1, let character = text.first {
        self = .character(character)
      } else {
        return nil
      }
    }
  }

  var name: SafeText {
    switch self {
    case .character(" "): "Space"
    case .character(let character): SafeText(untrusted: String(character))
    case .enter: "Enter"
    case .escape: "Esc"
    case .tab: "Tab"
    case .backTab: "S-Tab"
    case .backspace: "Backspace"
    case .delete: "Delete"
    case .insert: "Insert"
    case .up: "Up"
    case .down: "Down"
    case .left: "Left"
    case .right: "Right"
    case .home: "Home"
    case .end: "End"
    case .pageUp: "PgUp"
    case .pageDown: "PgDn"
    case .control(let character): "C-" + SafeText(untrusted: String(character))
    case .function(let number): "F\(number)"
    case .paste, .brokenSequence, .resize, .statusReport, .focusIn, .focusOut: "?"
    }
  }
}
