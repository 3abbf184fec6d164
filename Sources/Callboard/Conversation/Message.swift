/// One message of a conversation's transcript.
public struct Message: Sendable, Hashable, Codable {
  public var role: Role
  public var text: String?
  /// The calls an assistant's message asked for.
  public var calls: [RequestedCall]
  /// For a tool's message: which requested call this answers.
  public var answers: String?
  /// Who wrote a person's message.
  public var author: String?

  public init(
    _ role: Role,
    _ text: String?,
    calls: [RequestedCall] = [],
    answers: String? = nil,
    author: String? = nil
  ) {
    self.role = role
    self.text = text
    self.calls = calls
    self.answers = answers
    self.author = author
  }

  /// Who speaks, in the words of model APIs.
  public enum Role: String, Sendable, Codable, CaseIterable {
    case system
    case user
    case assistant
    case tool
  }
}
