import JSONSchema

/// A language model that takes turns: OpenAI-compatible over HTTP, or a script.
public protocol Model: Sendable {
  /// The name it has in the configuration and on screens.
  var name: String { get }

  /// Takes one turn. Deltas are told as they come, for screens only; the returned turn is what counts, and is
  /// complete: a stream that was cut throws. Cancelling the task stops it.
  func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn
}

/// What a model is asked.
public struct ModelRequest: Sendable {
  public var conversation: ConversationID
  /// Counted from 1: the number of the turn that is asked for.
  public var turn: Int
  public var messages: [Message]
  public var tools: [ToolOffer]
  public var toolChoice: ToolChoice
  public var parallelToolCalls: Bool
  /// Most tokens of the answer; nil: the model's own limit.
  public var maxTokens: Int?

  public init(
    conversation: ConversationID,
    turn: Int = 1,
    messages: [Message],
    tools: [ToolOffer] = [],
    toolChoice: ToolChoice = .auto,
    parallelToolCalls: Bool = true,
    maxTokens: Int? = nil
  ) {
    self.conversation = conversation
    self.turn = turn
    self.messages = messages
    self.tools = tools
    self.toolChoice = toolChoice
    self.parallelToolCalls = parallelToolCalls
    self.maxTokens = maxTokens
  }
}

/// A function as a model is offered it.
public struct ToolOffer: Sendable, Hashable {
  /// The name on the wire: `A-Z a-z 0-9 _ -`, at most 64 characters.
  public var wireName: String
  public var function: FunctionName
  public var description: String
  public var parameters: JSONValue

  public init(wireName: String, function: FunctionName, description: String, parameters: JSONValue)
  {
    self.wireName = wireName
    self.function = function
    self.description = description
    self.parameters = parameters
  }
}

/// Whether the model may, must or must not ask for functions.
public enum ToolChoice: Sendable, Hashable, Codable {
  case auto
  case none
  case required
  /// Exactly this function, by qualified name.
  case function(FunctionName)
}

/// A piece of a turn while it is written.
public enum ModelDelta: Sendable, Hashable {
  case text(String)
  case reasoning(String)
  /// A function call has begun; its arguments are still coming.
  case callBegan(wireName: String)
  /// The attempt failed and another follows after a wait: what was told of it counts no longer.
  case startedOver(ModelFailure, wait: Duration)
}

/// One whole turn of a model.
public struct ModelTurn: Sendable, Hashable {
  public var text: String?
  /// The model's words for not answering.
  public var refusal: String?
  public var calls: [RequestedCall]
  public var finishReason: String?
  public var usage: TokenUsage?

  public init(
    text: String? = nil,
    refusal: String? = nil,
    calls: [RequestedCall] = [],
    finishReason: String? = nil,
    usage: TokenUsage? = nil
  ) {
    self.text = text
    self.refusal = refusal
    self.calls = calls
    self.finishReason = finishReason
    self.usage = usage
  }
}

/// A function call as a model asked for it, unchecked.
public struct RequestedCall: Sendable, Hashable, Codable {
  /// The model's own id for it (`tool_call_id`), which the answer repeats.
  public var id: String
  /// The name on the wire.
  public var wireName: String
  /// The text of the arguments: should be JSON, may be anything.
  public var arguments: String

  public init(id: String, wireName: String, arguments: String) {
    self.id = id
    self.wireName = wireName
    self.arguments = arguments
  }
}

/// Tokens that a turn cost, as the model counted them.
public struct TokenUsage: Sendable, Hashable, Codable {
  public var input: Int
  public var output: Int

  public init(input: Int = 0, output: Int = 0) {
    self.input = input
    self.output = output
  }

  public static func + (left: Self, right: Self) -> Self {
    Self(input: left.input + right.input, output: left.output + right.output)
  }

  public var total: Int { input + output }
}

/// Why a model gave no turn, after its own retries.
public struct ModelFailure: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  public var kind: Kind
  /// One sentence for an operator: who said what, and what to do.
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { message }

  /// What went wrong, in words that people and metrics share.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// No connection, no such host, or time-out before an answer.
    case unreachable
    /// The key was refused.
    case unauthorised
    /// Throttled, and the retries are spent.
    case throttled
    /// The model's server failed, and the retries are spent.
    case serverError = "server_error"
    /// The request was refused as wrong.
    case badRequest = "bad_request"
    /// The answer was cut, or was not in the form of the protocol.
    case brokenAnswer = "broken_answer"
    /// A script has no turn for this.
    case scriptEnded = "script_ended"
    case cancelled
  }
}
