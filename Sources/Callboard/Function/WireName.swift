import Crypto
import Foundation

/// Names for model APIs, which take `A-Z a-z 0-9 _ -` and at most 64 characters.
enum WireName {
  static let limit = 64

  /// One wire name for each function, no two alike and none dependent on any order.
  ///
  /// A dot becomes `_`. Names that are too long, and all of those that collide, end in hexadecimal digits of their
  /// SHA-256: eight, and eight more each time that what they became collides again, be it with a name that needed none.
  static func assign(to names: some Sequence<FunctionName>) -> [FunctionName: String] {
    var marks: [FunctionName: Int] = [:]
    for name in names { marks[name] = plain(name).utf8.count <= limit ? 0 : 1 }
    while true {
      let groups = Dictionary(grouping: marks) { text(of: $0.key, marks: $0.value) }
      let colliding = groups.values.filter { $0.count > 1 }.joined()
      guard !colliding.isEmpty else {
        return groups.reduce(into: [:]) { $0[$1.value[0].key] = $1.key }
      }
      for (name, _) in colliding { marks[name, default: 0] += 1 }
    }
  }

  private static func plain(_ name: FunctionName) -> String {
    String(name.description.map { $0 == "." ? "_" : $0 })
  }

  private static func text(of name: FunctionName, marks: Int) -> String {
    guard marks > 0 else { return plain(name) }
    // Seven marks of eight digits leave room for a letter and the `_`; that many bits of two names never agree.
    let digest = SHA256.hash(data: Data(name.description.utf8)).prefix(4 * min(marks, 7))
    let mark = digest.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    return plain(name).prefix(limit - 1 - mark.utf8.count) + "_" + mark
  }
}
