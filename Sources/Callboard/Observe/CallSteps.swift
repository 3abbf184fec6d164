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
  private let admissionRule: String?
  private let arguments: JSONValue?
  /// Hash of the definition, where the first attempt starts.
  private let definition: (step: Int, hash: String)?
  private let asked: (step: Int, digest: String, twin: CallID?)?
  private let seen: Seen?
  private let proposed: JSONValue?
  private let large: Excerpts?
  private let result: JSONValue?
  private let source: CallOutcome.Source?
  private let mishaps: Mishaps?

  /// Of values that are too large to be told.
  private final class Excerpts: Sendable {
    let proposed: EngineEvent.Excerpt?
    let arguments: EngineEvent.Excerpt?
    let result: EngineEvent.Excerpt?

    /// Nil where nothing is too large.
    init?(
      proposed: EngineEvent.Excerpt?,
      arguments: EngineEvent.Excerpt?,
      result: EngineEvent.Excerpt?
    ) {
      guard proposed != nil || arguments != nil || result != nil else { return nil }
      self.proposed = proposed
      self.arguments = arguments
      self.result = result
    }
  }

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
    var lastAsked: Int?
    var firstRun: Int?
    for (index, step) in zip(steps.indices, steps) {
      if step.state == .awaitingApproval { lastAsked = index }
      if step.state == .running, firstRun == nil { firstRun = index }
    }
    let call = record.call
    let hasArguments = lastAsked != nil || firstRun != nil
    let isReceived = steps.startIndex == 0
    self.steps = steps
    count = steps.count
    origin = record.call.origin
    revision = record.call.revision
    rule = lastAsked == nil ? nil : call.approval?.requirement.rule
    admissionRule = call.admissionRule
    arguments = hasArguments ? call.decided?.small : nil
    proposed = isReceived ? call.proposed?.small : nil
    let hasRunBefore = call.history[..<steps.startIndex].contains { $0.state == .running }
    definition =
      if let firstRun, let hash = call.definitionHash, !hasRunBefore { (firstRun, hash) } else {
        nil
      }
    asked =
      if let lastAsked, let approval = call.approval {
        (lastAsked, approval.digest, approval.requirement.twin)
      } else {
        nil
      }
    seen = call.lastSeen
    let attempt = record.call.firstFailure ?? record.call.attempts.last?.failure
    var end: CallFailure?
    var largeResult: EngineEvent.Excerpt?
    switch record.call.outcome {
    case .result(let value, let source):
      result = value.small
      largeResult = result == nil ? value.excerpt : nil
      self.source = source
    case .failure(let failure):
      end = failure
      result = nil
      source = nil
    case nil:
      result = nil
      source = nil
    }
    large = Excerpts(
      proposed: isReceived && proposed == nil
        ? call.proposed?.excerpt ?? call.unparsedExcerpt : nil,
      arguments: hasArguments && arguments == nil ? call.decided?.excerpt : nil,
      result: largeResult
    )
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
    let revision = revision - (steps.endIndex - 1 - index)
    var event = EngineEvent(
      time: step.at,
      type: .call(step.state),
      call: EngineEvent.CallPart(
        origin.value,
        state: step.state,
        attempt: step.attempt,
        revision: revision
      ),
      cause: step.cause,
      by: step.by
    )
    event.grant = step.grant
    // A decision names the revision that its own step makes another of.
    if step.by != nil, let seen, seen.revision == revision - 1 { event.seen = seen }
    switch step.state {
    case .awaitingApproval:
      event.rule = rule
      if let asked, asked.step == index {
        event.digest = asked.digest
        event.twin = asked.twin
      }
      event.value = arguments
      event.excerpt = large?.arguments
    case .running:
      event.definition = definition?.step == index ? definition?.hash : nil
      event.value = arguments
      event.excerpt = large?.arguments
    case .succeeded:
      event.source = source
      event.value = result
      event.excerpt = large?.result
      event.errorOutput = mishaps?.errorOutput
    case .unknown, .backingOff:
      event.failure = mishaps?.attempt
      event.errorOutput = mishaps?.errorOutput
    case .failed, .rejected, .denied, .expired, .cancelled:
      event.failure = mishaps?.end
      event.errorOutput = mishaps?.errorOutput
      if index == Self.afterReceipt { event.rule = admissionRule }
    case .received:
      event.proposed = proposed
      event.excerpt = large?.proposed
    case .queued: if index == Self.afterReceipt { event.rule = admissionRule }
    case .approved, .stopping: break
    }
    return event
  }
}

extension CallSteps {
  /// The step that admission takes.
  private static let afterReceipt = 1
}

extension Call {
  /// Of what was given and is no JSON.
  fileprivate var unparsedExcerpt: EngineEvent.Excerpt? {
    unparsed.map { EngineEvent.Excerpt(of: $0.utf8) }
  }
}

extension Payload {
  /// What tells what is shown where it is too large to stand in an event.
  fileprivate var excerpt: EngineEvent.Excerpt { EngineEvent.Excerpt(of: shown.serializedBytes()) }

  /// What is shown, where it is short enough to stand in an event.
  fileprivate var small: JSONValue? {
    // A bare nil beside a JSON value would be its null.
    approximateBytes <= Limit.eventValue.value ? Optional(shown) : Optional.none
  }
}
