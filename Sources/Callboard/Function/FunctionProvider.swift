import JSONSchema

/// Where functions come from and run: native Swift, an HTTP API, a program, an MCP server.
public protocol FunctionProvider: Sendable {
  /// First part of its functions' names.
  var namespace: String { get }
  /// What stands behind the namespace by this configuration, such as a URL or a command.
  var identity: String { get }
  /// What of it stands behind one function: part of its definition's hash.
  func identity(of function: FunctionName) -> String
  /// What kind it is and where it points, in a few words for the Functions screen.
  var summary: String { get }
  /// The functions it has now.
  var functions: [FunctionDefinition] { get }
  /// Whether its definitions are this machine's own word, which is accepted by loading it.
  ///
  /// What a server says of its functions is accepted at first sight; when it changes, the function is held until a
  /// person accepts it.
  var definitionsAreLocal: Bool { get }
  /// Calls `changed` whenever `functions` may be others than they were, from any thread; nil where that never happens.
  func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken?

  /// Runs one attempt. Cancelling the task stops the attempt; how far it had got is in the failure's reach.
  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue

  /// What an attempt has written beside its result, such as a program's stderr; nil where that is nothing, or is told
  /// by its failure.
  ///
  /// For operators only. Asked when the attempt has ended, and when its time is over while it may still run.
  func errorOutput(of call: CallID, attempt: Int) -> String?
}

extension FunctionProvider {
  public func identity(of function: FunctionName) -> String { identity }
  public var definitionsAreLocal: Bool { true }
  public func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken? { nil }
  public func errorOutput(of call: CallID, attempt: Int) -> String? { nil }
}

/// One attempt at a call, as a provider sees it.
public struct Invocation: Sendable {
  public var call: CallID
  public var function: FunctionName
  public var arguments: JSONValue
  /// The same for every attempt at one call; a receiver that knows it has already acted can say so.
  public var idempotencyKey: String {
    get { key.text }
    set { key = .given(newValue) }
  }
  /// Counted from 1.
  public var attempt: Int
  /// Time left for this attempt; the engine stops it then, whatever the provider does.
  public var timeout: Duration
  public var maxResultBytes: Int
  public var caller: String
  public var conversation: ConversationID?
  /// What a provider asks before it quotes a part of what a function wrote.
  public var discretion: Discretion
  private var key: IdempotencyKey

  public init(
    call: CallID,
    function: FunctionName,
    arguments: JSONValue,
    idempotencyKey: String,
    attempt: Int = 1,
    timeout: Duration = .seconds(30),
    maxResultBytes: Int = Limit.result.value,
    caller: String = "caller",
    conversation: ConversationID? = nil
  ) {
    self.call = call
    self.function = function
    self.arguments = arguments
    key = .given(idempotencyKey)
    self.attempt = attempt
    self.timeout = timeout
    self.maxResultBytes = maxResultBytes
    self.caller = caller
    self.conversation = conversation
    discretion = .usual
  }

  /// An attempt at a call with these arguments.
  init(
    _ call: Call,
    of definition: FunctionDefinition,
    arguments: JSONValue,
    attempt: Int,
    _ discretion: Discretion
  ) {
    self.call = call.id
    function = definition.name
    self.arguments = arguments
    key = call.origin.value.idempotencyKey
    self.attempt = attempt
    timeout = definition.timeout
    maxResultBytes = definition.maxResultBytes
    caller = call.caller.name
    conversation = call.conversation
    self.discretion = discretion
  }
}
