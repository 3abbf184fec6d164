import Foundation
import JSONSchema

/// What people have set and a restart must not forget, as a store keeps it.
enum Setting: Hashable, Sendable {
  /// A function that is off.
  case function(String)
  /// The whole engine is held.
  case hold
  /// What of a server's function was accepted.
  case definition(String)
  /// A change of that which somebody has declined.
  case declined(String)
  /// An approval given ahead.
  case grant(GrantID)
  /// How many groups of people were called about a call that waits.
  case called(AttentionTable.Key)
  /// Up to which event a person had been told when they left.
  case left(String)
  /// The conversation that began under a name that whoever starts the engine gave it.
  case begun(String)

  init?(key: String) {
    if key == Self.hold.key {
      self = .hold
    } else if key.hasPrefix(Self.prefix) {
      self = .function(String(key.dropFirst(Self.prefix.count)))
    } else if key.hasPrefix(Self.definitionPrefix) {
      self = .definition(String(key.dropFirst(Self.definitionPrefix.count)))
    } else if key.hasPrefix(Self.declinedPrefix) {
      self = .declined(String(key.dropFirst(Self.declinedPrefix.count)))
    } else if key.hasPrefix(Self.grants),
      let id = GrantID(String(key.dropFirst(Self.grants.count)))
    {
      self = .grant(id)
    } else if key.hasPrefix(Self.calledPrefix) {
      guard let called = AttentionTable.Key(String(key.dropFirst(Self.calledPrefix.count))) else {
        return nil
      }
      self = .called(called)
    } else if key.hasPrefix(Self.leftPrefix) {
      self = .left(String(key.dropFirst(Self.leftPrefix.count)))
    } else if key.hasPrefix(Self.begunPrefix) {
      self = .begun(String(key.dropFirst(Self.begunPrefix.count)))
    } else {
      return nil
    }
  }

  private static let prefix = "off:"
  private static let definitionPrefix = "definition:"
  private static let declinedPrefix = "declined:"
  private static let grants = "grant:"
  private static let calledPrefix = "called:"
  private static let leftPrefix = "left:"
  private static let begunPrefix = "begun:"

  var key: String {
    switch self {
    case .function(let name): Self.prefix + name
    case .hold: "held"
    case .definition(let name): Self.definitionPrefix + name
    case .declined(let name): Self.declinedPrefix + name
    case .grant(let id): Self.grants + id.description
    case .called(let key): Self.calledPrefix + key.text
    case .left(let person): Self.leftPrefix + person
    case .begun(let name): Self.begunPrefix + name
    }
  }

  static func settings(of entry: GrantBook.Entry) -> [String: JSONValue] {
    // Text, numbers and dates: nothing of it can fail to be encoded.
    guard let value = try? JSONValue(encoding: entry) else { return [:] }
    return [Setting.grant(entry.grant.id).key: value]
  }

  static func value(of switched: Switched) -> JSONValue {
    ["by": .string(switched.by), "at": .double(switched.at.timeIntervalSince1970)]
  }

  static func switched(_ value: JSONValue) -> Switched {
    Switched(
      by: value["by"]?.stringValue ?? "somebody",
      at: Date(timeIntervalSince1970: value["at"]?.doubleValue ?? 0)
    )
  }
}
