import JSONSchema

/// Why a call did not give its result: data for the model, the operator and the retry policy.
public struct CallFailure: Error, Hashable, Sendable, Codable {
  public var kind: Kind
  /// One sentence for a person, and for the model to correct itself by.
  public var message: String
  /// Where in the arguments, as a JSON Pointer.
  public var pointer: String?
  /// Whether the other side may have acted.
  public var reach: Reach
  /// Whether the same call may succeed later.
  public var isRetryable: Bool
  /// Seconds the other side asked to wait.
  public var retryAfter: Double?
  /// Each error of validation, where there was more than one thing to say.
  public var details: [ValidationError]

  public init(
    _ kind: Kind,
    _ message: String,
    pointer: String? = nil,
    reach: Reach = .notSent,
    isRetryable: Bool = false,
    retryAfter: Double? = nil,
    details: [ValidationError] = []
  ) {
    self.kind = kind
    self.message = message
    self.pointer = pointer
    self.reach = reach
    self.isRetryable = isRetryable
    self.retryAfter = retryAfter
    self.details = details
  }

  /// How far a failed attempt got: what decides whether it may be repeated.
  public enum Reach: String, Sendable, Codable, CaseIterable {
    /// The other side never saw it: name not resolved, connection refused, process not started.
    case notSent = "not_sent"
    /// The other side replied with an error.
    case answered
    /// The other side may have acted: time-out, cut connection, killed process, other 5xx.
    case maybe
  }

  /// What went wrong, in the words that models, events, metrics and screens share.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    // Refused at admission.
    case unknownFunction = "unknown_function"
    case invalidArguments = "invalid_arguments"
    case notAllowed = "not_allowed"
    case functionOff = "function_off"
    case engineHeld = "engine_held"
    case definitionNotAccepted = "definition_not_accepted"
    case rateLimited = "rate_limited"
    case budgetExceeded = "budget_exceeded"
    case queueFull = "queue_full"
    case storeFailed = "store_failed"
    case stopping
    // Ended by people and policy.
    case denied
    case nobodyToAsk = "nobody_to_ask"
    case expired
    case cancelled
    case engineStopped = "engine_stopped"
    case definitionChanged = "definition_changed"
    case functionRemoved = "function_removed"
    case queueTimeout = "queue_timeout"
    case circuitOpen = "circuit_open"
    // Attempts that failed.
    case timeout
    case connectionFailed = "connection_failed"
    case throttled
    case serverError = "server_error"
    case clientError = "client_error"
    case functionThrew = "function_threw"
    case programFailed = "program_failed"
    case invalidResult = "invalid_result"
    case resultTooBig = "result_too_big"
    case didNotHappen = "did_not_happen"
    case superseded
    case outcomeUnknown = "outcome_unknown"
    case internalFault = "internal_fault"
  }
}

extension CallFailure {
  /// The other side did what it was asked, and what it answered cannot be used: for a `write` no failure.
  var refusesResult: Bool {
    reach == .answered && (kind == .invalidResult || kind == .resultTooBig)
  }
}

extension CallFailure: CustomStringConvertible {
  public var description: String { "\(kind.rawValue): \(message)" }
}
