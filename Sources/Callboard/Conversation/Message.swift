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

  /// Of what it says and asks for.
  var bytes: Int {
    (text?.utf8.count ?? 0)
      + calls.reduce(0) { $0 + $1.id.utf8.count + $1.wireName.utf8.count + $1.arguments.utf8.count }
  }

  /// Who speaks, in the words of model APIs.
  public enum Role: String, Sendable, Codable, CaseIterable {
    case system
    case user
    case assistant
    case tool
  }
}
