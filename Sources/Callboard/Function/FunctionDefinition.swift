import JSONSchema

/// What a function does to the world, by local configuration: it decides what may be repeated.
public enum FunctionEffect: String, Sendable, Codable, CaseIterable {
  /// Changes nothing; may be repeated, shared and cached.
  case read
  /// Changes something, and doing it twice is doing it once.
  case idempotent
  /// Changes something; never repeated by the engine. What a function is until said otherwise.
  case write
}

/// A name, a description, a JSON Schema for the arguments, and the policies of one function.
public struct FunctionDefinition: Sendable {
  public var name: FunctionName
  public var description: String
  /// JSON Schema of the arguments; the root is an object.
  public var parameters: JSONValue
  public var effect: FunctionEffect
  /// Longest time of one attempt; 30 s, the guide's limit, unless said.
  public var timeout: Duration
  public var retry: RetryPolicy
  public var breaker: BreakerPolicy
  /// nil: never cached.
  ///
  /// Only for `read`.
  public var cache: CachePolicy?
  /// Most attempts at one time; nil: as many as the engine has slots.
  public var slots: Int?
  /// Longest result, in bytes of JSON.
  public var maxResultBytes: Int
  /// Longest wait for a slot.
  public var maxQueue: Duration
  /// Names or JSON Pointers of arguments and result fields that are never shown or stored in clear.
  public var secrets: [String]
  /// The function's own word that an exit status or a thrown error of it means nothing was done.
  public var failsCleanly: Bool
  /// JSON Schema that a result has to meet; nil: any JSON.
  public var resultSchema: JSONValue?
  public var fallback: Fallback?
  /// What has to hold between fields of the arguments, beside their schema.
  public var checks: [FieldCheck] = []
  /// What looks whether a call of unknown outcome has happened; only for `write`.
  public var check: OutcomeCheck?

  public init(
    name: FunctionName,
    description: String,
    parameters: JSONValue = ["type": "object", "properties": [:]],
    effect: FunctionEffect = .write,
    timeout: Duration = .seconds(30),
    retry: RetryPolicy = RetryPolicy(),
    breaker: BreakerPolicy = BreakerPolicy(),
    cache: CachePolicy? = nil,
    slots: Int? = nil,
    maxResultBytes: Int = Limit.result.value,
    maxQueue: Duration = .seconds(900),
    secrets: [String] = [],
    failsCleanly: Bool = false,
    resultSchema: JSONValue? = nil,
    fallback: Fallback? = nil,
    check: OutcomeCheck? = nil
  ) {
    self.name = name
    self.description = description
    self.parameters = parameters
    self.effect = effect
    self.timeout = timeout
    self.retry = retry
    self.breaker = breaker
    self.cache = cache
    self.slots = slots
    self.maxResultBytes = maxResultBytes
    self.maxQueue = maxQueue
    self.secrets = secrets
    self.failsCleanly = failsCleanly
    self.resultSchema = resultSchema
    self.fallback = fallback
    self.check = check
  }

  /// What answers in place of a function whose attempts are spent.
  public enum Fallback: Sendable, Hashable {
    /// A fixed value.
    case value(JSONValue)
    /// The last cached answer to the same arguments, however old.
    case staleCache
    /// Another function, called with the same arguments down the whole road.
    case function(FunctionName)
  }
}
