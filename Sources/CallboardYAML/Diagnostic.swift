/// What is wrong with a file, and where: one line for an operator.
///
/// `config/callboard.yaml:41:7: functions[3].retry.max_attempts is 0; use 1 to run once without retry`
public struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
  public var file: String
  /// Where it begins; nil when the file could not be read at all.
  public var position: Position?
  /// The sentence, beginning with the path of the value where there is one.
  public var message: String

  public init(file: String, position: Position?, message: String) {
    self.file = file
    self.position = position
    self.message = message
  }

  public var description: String {
    guard let position else { return "\(file): \(message)" }
    return "\(file):\(position.line):\(position.column): \(message)"
  }

  /// A place in a text, counted from 1; columns count Unicode scalars.
  public struct Position: Hashable, Comparable, Sendable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
      self.line = line
      self.column = column
    }

    public static func < (left: Self, right: Self) -> Bool {
      left.line != right.line ? left.line < right.line : left.column < right.column
    }
  }
}

/// Why a text is no YAML document that callboard reads.
public typealias YAMLError = Diagnostic

/// Everything that is wrong with a file, in the order of its lines; never empty.
public struct Diagnostics: Error, Hashable, Sendable, CustomStringConvertible {
  public var all: [Diagnostic]

  /// Sorted and without repetitions; nil when there is nothing wrong.
  public init?(_ all: [Diagnostic]) {
    guard !all.isEmpty else { return nil }
    var seen: Set<Diagnostic> = []
    self.all =
      all.filter { seen.insert($0).inserted }
      .sorted { ($0.position ?? .start) < ($1.position ?? .start) }
  }

  public init(_ only: Diagnostic) {
    all = [only]
  }

  /// One a line.
  public var description: String { all.map(\.description).joined(separator: "\n") }
}

extension Diagnostic.Position {
  static let start = Self(line: 0, column: 0)
}
