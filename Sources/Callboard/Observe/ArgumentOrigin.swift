import JSONSchema

/// Where one value of a call's arguments came from, and how often it was used before.
///
/// Never the value itself: it may be secret, and stands in the arguments as it may be shown.
public struct ArgumentOrigin: Sendable, Codable, Hashable {
  /// Where in the arguments; of a value that holds no others.
  public var pointer: JSONPointer
  /// nil: the call belongs to no conversation.
  public var source: Source?
  /// nil: it can't be counted.
  public var uses: Uses?

  public init(pointer: JSONPointer, source: Source? = nil, uses: Uses? = nil) {
    self.pointer = pointer
    self.source = source
    self.uses = uses
  }

  /// What it first appeared in, of all that was said before the call.
  public enum Source: Sendable, Codable, Hashable {
    case instructions
    /// What a person wrote; turn 0 is the first message.
    case message(author: String?, turn: Int)
    /// What a call answered, by its function's qualified name.
    case answer(of: String?, turn: Int)
    /// What the model wrote itself, in a call's arguments or in words.
    case model(turn: Int, inCall: Bool)
    /// No message and no result has it.
    case nowhere
    /// It is so short, or so long, that where it stands first says nothing.
    case untold
  }

  /// In how many earlier calls of the function that succeeded the same field had this value.
  public struct Uses: Sendable, Codable, Hashable {
    public var count: Int
    /// How many were looked at.
    public var of: Int
    /// There are no more than that.
    public var isAll: Bool

    public init(count: Int, of: Int, isAll: Bool) {
      self.count = count
      self.of = of
      self.isAll = isAll
    }
  }
}
