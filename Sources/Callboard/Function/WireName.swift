import Crypto
import Foundation

/// Names for model APIs, which take `A-Z a-z 0-9 _ -` and at most 64 characters.
enum WireName {
  static let limit = 64

  /// One wire name for each function.
  ///
  /// A dot becomes `_`; names that are too long or collide end in eight hexadecimal
  /// digits of their SHA-256, all of those that collide, so that the result does not depend on any order.
  static func assign(to names: some Sequence<FunctionName>) -> [FunctionName: String] {
    var groups: [String: [FunctionName]] = [:]
    for name in names { groups[plain(name), default: []].append(name) }
    var result: [FunctionName: String] = [:]
    for (wire, members) in groups {
      for name in members {
        result[name] = members.count == 1 && wire.utf8.count <= limit ? wire : marked(name)
      }
    }
    return result
  }

  private static func plain(_ name: FunctionName) -> String {
    String(name.description.map { $0 == "." ? "_" : $0 })
  }

  private static func marked(_ name: FunctionName) -> String {
    let digest = SHA256.hash(data: Data(name.description.utf8))
    let mark = digest.prefix(4).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
    return plain(name).prefix(limit - 9) + "_" + mark
  }
}
