import JSONSchema

/// Steps of a call that one commit stores, from which events are made when somebody reads them.
///
/// Holds what its events tell and nothing else of the call, so that the stream keeps no large values alive.
public final class CallSteps: Sendable {
  public let count: Int
  private let origin: Call.Shared<Call.Origin>
  /// After the last of the steps.
  private let revision: Int
  private let steps: ArraySlice<Call.Step>
  private let rule: String?
  private let arguments: JSONValue?
  private let result: JSONValue?
  private let source: CallOutcome.Source?
  private let mishaps: Mishaps?

  /// What few calls have.
  private final class Mishaps: Sendable {
    let attempt: CallFailure?
    let end: CallFailure?
    /// Of the last attempt.
    let errorOutput: String?

    init(attempt: CallFailure?, end: CallFailure?, errorOutput: String?) {
      self.attempt = attempt
      self.end = end
      self.errorOutput = errorOutput
    }
  }

  init(of record: CallRecord, after stored: Int) {
    let steps = record.call.history[min(stored, record.call.history.count)...]
    var hasAsked = false
    var hasRun = false
    for step in steps {
      hasAsked = hasAsked || step.state == .awaitingApproval
      hasRun = hasRun || step.state == .running
    }
    self.steps = steps
    count = steps.count
    origin = record.call.origin
    revision = record.call.revision
    rule = hasAsked ? record.call.approval?.requirement.rule : nil
    arguments = hasAsked || hasRun ? record.call.decided?.small : nil
    let attempt = record.call.firstFailure ?? record.call.attempts.last?.failure
    var end: CallFailure?
    switch record.call.outcome {
    case .result(let value, let source):
      result = value.small
      self.source = source
    case .failure(let failure):
      end = failure
      result = nil
      source = nil
    case nil:
      result = nil
      source = nil
    }
    let errorOutput = record.call.attempts.last.flatMap {
      record.call.errorOutput(of: $0.number)
    }
    mishaps =
      attempt == nil && end == nil && errorOutput == nil
      ? nil
      : Mishaps(attempt: attempt, end: end, errorOutput: errorOutput.map(EngineEvent.end(of:)))
  }

  /// One event for each step, in order and without sequence numbers.
  public var events: [EngineEvent] { steps.indices.map(event(at:)) }

  private func event(at index: Int) -> EngineEvent {
    let step = steps[index]
    var event = EngineEvent(
      time: step.at,
      type: .call(step.state),
      call: EngineEvent.CallPart(
        origin.value,
        state: step.state,
        attempt: step.attempt,
        revision: revision - (steps.endIndex - 1 - index)
      ),
      cause: step.cause,
      by: step.by
    )
    switch step.state {
    case .awaitingApproval:
      event.rule = rule
      event.value = arguments
    case .running: event.value = arguments
    case .succeeded:
      event.source = source
      event.value = result
      event.errorOutput = mishaps?.errorOutput
    case .unknown, .backingOff:
      event.failure = mishaps?.attempt
      event.errorOutput = mishaps?.errorOutput
    case .failed, .rejected, .denied, .expired, .cancelled:
      event.failure = mishaps?.end
      event.errorOutput = mishaps?.errorOutput
    case .received, .approved, .queued, .stopping: break
    }
    return event
  }
}

extension Payload {
  /// What is shown, where it is short enough to stand in an event.
  fileprivate var small: JSONValue? {
    approximateBytes <= Limit.eventValue.value ? shown : nil
  }
}
