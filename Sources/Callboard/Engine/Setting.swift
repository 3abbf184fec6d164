import Foundation
import JSONSchema

/// What people have set and a restart must not forget, as a store keeps it.
enum Setting: Hashable, Sendable {
  /// A function that is off.
  case function(String)
  /// The whole engine is held.
  case hold

  init?(key: String) {
    if key == Self.hold.key {
      self = .hold
    } else if key.hasPrefix(Self.prefix) {
      self = .function(String(key.dropFirst(Self.prefix.count)))
    } else {
      return nil
    }
  }

  private static let prefix = "off:"

  var key: String {
    switch self {
    case .function(let name): Self.prefix + name
    case .hold: "held"
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
