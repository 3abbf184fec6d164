import Callboard

/// What a command ends with.
///
/// Scripts rely on these numbers; they never change their meaning.
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// Done as asked.
  case done = 0
  /// Something failed, was rejected or cancelled, or an expectation did not hold.
  case failed = 1
  /// Wrong usage.
  case usage = 64
  /// A file is wrong; the message says where.
  case fileIsWrong = 65
  /// A model, provider or store cannot be reached.
  case unreachable = 69
  /// A fault of callboard's own.
  case fault = 70
  /// The outcome of a `write` is unknown: never try again blindly.
  case outcomeUnknown = 74
  /// Out of time, and nothing was done.
  case outOfTime = 75
  /// Denied, or approval was needed and nobody could give it.
  case denied = 77
  case interrupted = 130

  /// What a call's end means for a command that asked for it.
  static func of(_ outcome: CallOutcome, effect: FunctionEffect?) -> ExitStatus {
    guard let failure = outcome.failure else { return .done }
    switch failure.kind {
    case .denied, .nobodyToAsk: return .denied
    case .expired, .queueTimeout: return .outOfTime
    // Only a read is sure to have done nothing when its time is over.
    case .timeout: return effect == .read ? .outOfTime : .failed
    case .connectionFailed: return .unreachable
    case .outcomeUnknown: return .outcomeUnknown
    case .storeFailed: return .unreachable
    case .internalFault: return .fault
    // Where it is of no use to ask again the call waits on.
    case .engineStopped:
      return failure.isRetryable || failure.reach != .notSent ? .failed : .outOfTime
    case .unknownFunction, .invalidArguments, .notAllowed, .functionOff, .engineHeld,
      .definitionNotAccepted, .rateLimited, .budgetExceeded, .queueFull, .stopping, .cancelled,
      .definitionChanged, .functionRemoved, .circuitOpen, .throttled, .serverError,
      .clientError, .functionThrew, .programFailed, .invalidResult, .resultTooBig, .didNotHappen,
      .superseded:
      return .failed
    }
  }

  /// What it means that a model gave no turn.
  static func of(_ failure: ModelFailure.Kind) -> ExitStatus {
    switch failure {
    case .unreachable, .unauthorised, .throttled, .serverError, .brokenAnswer: .unreachable
    case .badRequest, .scriptEnded, .cancelled: .failed
    }
  }

  /// Which of several counts: what must be looked at first.
  static func worst(_ all: some Sequence<ExitStatus>) -> ExitStatus {
    // Where a model cannot be reached, expectations that did not hold say nothing of their own.
    let order: [ExitStatus] = [
      .outcomeUnknown, .interrupted, .fault, .fileIsWrong, .usage, .unreachable, .failed, .denied,
      .outOfTime, .done,
    ]
    let found = Set(all)
    return order.first { found.contains($0) } ?? .done
  }
}

/// Why a command did not do what was asked: one sentence for stderr, and the number for the shell.
struct Failure: Error, Sendable, CustomStringConvertible {
  var status: ExitStatus
  var description: String

  init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
