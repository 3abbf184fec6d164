import Foundation
import JSONSchema

/// What people have set and a restart must not forget, as a store keeps it.
enum Setting: Hashable, Sendable {
  /// A function that is off.
  case function(String)
  /// The whole engine is held.
  case hold
  /// How many groups of people were called about a call that waits.
  case called(AttentionTable.Key)
  /// Up to which event a person had been told when they left.
  case left(String)

  init?(key: String) {
    if key == Self.hold.key {
      self = .hold
    } else if key.hasPrefix(Self.prefix) {
      self = .function(String(key.dropFirst(Self.prefix.count)))
    } else if key.hasPrefix(Self.calledPrefix) {
      guard let called = AttentionTable.Key(String(key.dropFirst(Self.calledPrefix.count))) else {
        return nil
      }
      self = .called(called)
    } else if key.hasPrefix(Self.leftPrefix) {
      self = .left(String(key.dropFirst(Self.leftPrefix.count)))
    } else {
      return nil
    }
  }

  private static let prefix = "off:"
  private static let calledPrefix = "called:"
  private static let leftPrefix = "left:"

  var key: String {
    switch self {
    case .function(let name): Self.prefix + name
    case .hold: "held"
    case .called(let key): Self.calledPrefix + key.text
    case .left(let person): Self.leftPrefix + person
    }
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
