import Callboard
import JSONSchema

/// The lines of arguments as last laid out: a value of a megabyte is cut into lines once, not for every second
/// of a countdown beside it.
final class ArgumentCache {
  struct Key: Equatable {
    var call: CallID
    var revision: Int
    var arguments: JSONValue?
    var width: Int
    var unfolds: Bool
    var origins: [ArgumentOrigin]
  }

  private var entries: [(key: Key, lines: [Line], folded: Int)] = []
  private static let limit = 4

  func lines(for key: Key, make: () -> ([Line], Int)) -> ([Line], Int) {
    if let entry = entries.first(where: { $0.key == key }) { return (entry.lines, entry.folded) }
    let (lines, folded) = make()
    entries.append((key, lines, folded))
    if entries.count > Self.limit { entries.removeFirst() }
    return (lines, folded)
  }
}
