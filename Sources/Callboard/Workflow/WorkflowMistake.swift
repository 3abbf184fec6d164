import JSONSchema

/// What is wrong with a workflow, and where in its document.
public struct WorkflowMistake: Error, Sendable, Hashable, CustomStringConvertible {
  /// The value that it is about.
  public var pointer: JSONPointer
  /// How many characters into that value, where it is a text.
  public var offset: Int?
  /// It is the key of that value that is wrong.
  public var isAboutKey: Bool
  /// The sentence: what was found, and what to write.
  public var message: String

  public init(
    _ pointer: JSONPointer,
    offset: Int? = nil,
    isAboutKey: Bool = false,
    _ message: String
  ) {
    self.pointer = pointer
    self.offset = offset
    self.isAboutKey = isAboutKey
    self.message = message
  }

  public var description: String {
    pointer.tokens.isEmpty ? message : "\(pointer): \(message)"
  }
}

/// Everything that is wrong with a workflow, in the order of its document; never empty.
public struct WorkflowMistakes: Error, Sendable, Hashable, CustomStringConvertible {
  public var all: [WorkflowMistake]

  /// Nil where nothing is wrong.
  init?(_ all: [WorkflowMistake]) {
    guard !all.isEmpty else { return nil }
    var told: Set<WorkflowMistake> = []
    self.all = all.filter { told.insert($0).inserted }
  }

  /// One a line.
  public var description: String { all.map(\.description).joined(separator: "\n") }
}

/// `; did you mean …?`, where one of the words is near.
func didYouMean(_ word: String, _ words: some Sequence<String>) -> String? {
  nearest(to: word, among: words).map { "; did you mean \($0)?" }
}
