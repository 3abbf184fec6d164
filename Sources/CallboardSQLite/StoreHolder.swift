/// The process that holds a store's file, as it has said of itself.
public struct StoreHolder: Sendable, Hashable {
  /// Number, command and since when.
  public let words: String

  /// nil where nobody holds the file.
  public init?(of path: String) {
    guard let words = StoreHold.holder(of: path) else { return nil }
    self.words = words
  }

  /// Whether it is a command that does one thing and ends; an instance or a console stays.
  public var endsByItself: Bool {
    ["call", "workflows", "audit", "store"].contains { words.contains("(callboard \($0))") }
  }
}
