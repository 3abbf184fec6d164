import Foundation
import JSONSchema

/// One request to run a function, and everything that has become of it.
public struct Call: Sendable, Codable {
  /// What never changes of it: one reference, because calls are copied at every step.
  let origin: Shared<Origin>
  /// What few calls have; apart for the same reason.
  private var aside: Shared<Facts>?

  public internal(set) var state: CallState = .received
  /// Counts every change that a decision must not miss.
  public internal(set) var revision = 0
  /// Arguments as the model proposed them; nil when they were not JSON.
  public internal(set) var proposed: Payload?
  /// Arguments as admitted or as a person changed them, with defaults filled in; nil until they are valid.
  public internal(set) var decided: Payload?
  public internal(set) var definitionHash: String?
  /// The rule by which it needed nobody, or was denied because nobody was there to ask.
  public internal(set) var admissionRule: String?
  public internal(set) var attempts: [Attempt] = []
  public internal(set) var history: [Step]
  public internal(set) var outcome: CallOutcome?
  public internal(set) var endedAt: Date?
  /// When it was queued last: the queue's limit counts from here.
  public internal(set) var queuedAt: Date?

  public init(
    id: CallID,
    function: String,
    caller: Principal,
    conversation: ConversationID? = nil,
    turn: Int? = nil,
    modelCallID: String? = nil,
    link: Link? = nil,
    requestedBy: Principal? = nil,
    receivedAt: Date,
    idempotencyKey: String,
    proposed: JSONValue?,
    unparsed: String? = nil
  ) {
    self.init(
      Origin(
        id: id,
        function: function,
        caller: caller,
        conversation: conversation,
        turn: turn,
        modelCallID: modelCallID,
        link: link,
        requestedBy: requestedBy,
        receivedAt: receivedAt,
        idempotencyKey: .given(idempotencyKey)
      ),
      proposed: proposed,
      unparsed: unparsed
    )
  }

  init(_ origin: Origin, proposed: JSONValue?, unparsed: String?) {
    self.origin = Shared(origin)
    aside = unparsed.map { Shared(Facts(unparsed: $0)) }
    self.proposed = proposed.map(Payload.init)
    history = []
    // Received, queued, running and ended: most calls take no more steps.
    history.reserveCapacity(4)
    history.append(
      Step(
        at: origin.receivedAt,
        state: .received,
        attempt: nil,
        cause: origin.requestedBy == nil ? "received" : "asked for again",
        by: origin.requestedBy?.name
      )
    )
  }

  public var id: CallID { origin.value.id }
  /// The qualified name, or what was asked for where no function has that name.
  public var function: String { origin.value.function }
  public var caller: Principal { origin.value.caller }
  public var conversation: ConversationID? { origin.value.conversation }
  /// The turn of the conversation that asked, counted from 1.
  public var turn: Int? { origin.value.turn }
  /// The model's own id for it, which the answer repeats.
  public var modelCallID: String? { origin.value.modelCallID }
  public var link: Link? { origin.value.link }
  /// Who pressed run again, for a linked call.
  public var requestedBy: Principal? { origin.value.requestedBy }
  /// Which part of which workflow's run it is made for.
  public var step: StepPlace? { origin.value.step }
  public var receivedAt: Date { origin.value.receivedAt }
  /// The same for every attempt, and for a call that runs an unknown one again.
  public var idempotencyKey: String { origin.value.idempotencyKey.text }

  /// The text the model or caller gave, as it came; kept where it could not be parsed.
  public internal(set) var unparsed: String? {
    get { aside?.value.unparsed }
    set { facts.unparsed = newValue }
  }

  /// Why that text could not be read, as a sentence.
  var unreadable: String? {
    get { aside?.value.unreadable }
    set { facts.unreadable = newValue }
  }

  public internal(set) var approval: Approval? {
    get { aside?.value.approval }
    set { facts.approval = newValue }
  }

  /// The failure that a fallback answers for, or that opened an unknown outcome.
  public internal(set) var firstFailure: CallFailure? {
    get { aside?.value.firstFailure }
    set { facts.firstFailure = newValue }
  }

  /// The last call that looked whether this unknown one has happened.
  public internal(set) var check: CallID? {
    get { aside?.value.check }
    set { facts.check = newValue }
  }

  /// The call that runs this unknown one again, while it lives.
  public internal(set) var rerun: CallID? {
    get { aside?.value.rerun }
    set { facts.rerun = newValue }
  }

  /// What came in after it was over or unknown.
  public internal(set) var lateResult: Payload? {
    get { aside?.value.lateResult }
    set { facts.lateResult = newValue }
  }

  /// What an attempt wrote beside its result, such as a program's stderr; redacted.
  public func errorOutput(of attempt: Int) -> String? {
    aside?.value.errorOutputs?[attempt]
  }

  mutating func keep(errorOutput: String, of attempt: Int) {
    facts.errorOutputs = (facts.errorOutputs ?? [:]).merging([attempt: errorOutput]) { $1 }
  }

  /// What whoever decided on it last had before their eyes.
  public internal(set) var lastSeen: Seen? {
    get { aside?.value.lastSeen }
    set { facts.lastSeen = newValue }
  }

  /// Who edited it last.
  public internal(set) var editedBy: Principal? {
    get { aside?.value.editedBy }
    set { facts.editedBy = newValue }
  }

  /// Seconds spent waiting for an open breaker.
  public internal(set) var breakerWait: Double {
    get { aside?.value.breakerWait ?? 0 }
    set { facts.breakerWait = newValue }
  }

  private var facts: Facts {
    get { aside?.value ?? Facts() }
    set { aside = Shared(newValue) }
  }

  /// Why there is this call beside another one.
  public enum Link: Sendable, Hashable, Codable {
    /// Runs an ended call again, with a key of its own.
    case again(CallID)
    /// Runs a call of unknown outcome again, with the same key.
    case settles(CallID)
    /// Answers in place of a call whose attempts are spent.
    case fallback(for: CallID)
    /// Looks whether a call of unknown outcome has happened, for the person who settles it.
    case checks(CallID)

    public var other: CallID {
      switch self {
      case .again(let id), .settles(let id), .fallback(let id), .checks(let id): id
      }
    }
  }

  /// One try at running it.
  public struct Attempt: Sendable, Hashable, Codable {
    /// Counted from 1.
    public var number: Int
    public var startedAt: Date
    public var endedAt: Date?
    public var failure: CallFailure?
  }

  /// One change of state, with its cause.
  public struct Step: Sendable, Hashable, Codable {
    public var at: Date
    public var state: CallState.Word
    public var attempt: Int?
    /// A few words: what happened.
    public var cause: String
    public var by: String?
    /// By which grant of that person, where it was given ahead; without a person: whose end makes it wait again.
    public var grant: GrantID?
  }

  /// The arguments that a provider gets: the decided ones, secrets in place.
  public var effectiveArguments: JSONValue? { decided?.original }

  /// What is looked up for whoever settles an unknown outcome has to be as it is now.
  var mayBeCached: Bool {
    if case .checks? = link { false } else { true }
  }

  /// How long it took from the first attempt's start, or from its receipt when it never started, to its end.
  public var duration: TimeInterval? {
    endedAt.map { $0.timeIntervalSince(attempts.first?.startedAt ?? receivedAt) }
  }

  /// Whether its end counts as an error.
  var endedInError: Bool {
    state.word.countsAsError(outcome?.failure?.kind)
  }

  /// Since when it is in its state, whatever has been noted of it there.
  var inStateSince: Date {
    let word = state.word
    let last = history.lastIndex { $0.state != word }.map { $0 + 1 } ?? 0
    return history.indices.contains(last) ? history[last].at : receivedAt
  }

  /// About how much memory its values take.
  var approximateBytes: Int {
    let errorOutputs = aside?.value.errorOutputs ?? [:]
    return 512 + (unparsed?.utf8.count ?? 0)
      + errorOutputs.values.reduce(0) { $0 + $1.utf8.count }
      + (proposed?.approximateBytes ?? 0) + (decided?.approximateBytes ?? 0)
      + (outcome?.value?.approximateBytes ?? 0) + (lateResult?.approximateBytes ?? 0)
  }

  var hasOriginals: Bool {
    proposed?.hasSecrets == true || decided?.hasSecrets == true || lateResult?.hasSecrets == true
      || outcome?.value?.hasSecrets == true
  }

  /// The same without originals of secrets: for stores and views.
  public var withoutOriginals: Call {
    guard hasOriginals else { return self }
    var copy = self
    copy.proposed = proposed?.withoutOriginal
    copy.decided = decided?.withoutOriginal
    copy.lateResult = lateResult?.withoutOriginal
    copy.outcome = outcome?.withoutOriginal
    return copy
  }
}

extension Call {
  /// What few calls have, as it is encoded; nil where it has nothing of that.
  func asideForm() throws -> JSONValue? {
    guard let aside else { return nil }
    return try JSONValue(encoding: aside)
  }

  private struct Facts: Sendable, Codable {
    var unparsed: String?
    var unreadable: String?
    var approval: Approval?
    var firstFailure: CallFailure?
    var rerun: CallID?
    var check: CallID?
    var lateResult: Payload?
    var editedBy: Principal?
    var lastSeen: Seen?
    var breakerWait: Double = 0
    var errorOutputs: [Int: String]?
  }

  /// Who asked for what, and when.
  struct Origin: Sendable, Codable {
    let id: CallID
    let function: String
    let caller: Principal
    let conversation: ConversationID?
    let turn: Int?
    let modelCallID: String?
    let link: Link?
    let requestedBy: Principal?
    let receivedAt: Date
    let idempotencyKey: IdempotencyKey
    var step: StepPlace?
  }

  /// One reference to what several states of a call share.
  final class Shared<Value: Sendable & Codable>: Sendable, Codable {
    let value: Value

    init(_ value: Value) { self.value = value }
  }
}

/// How a call ended.
public enum CallOutcome: Sendable, Hashable, Codable {
  case result(Payload, Source)
  case failure(CallFailure)

  /// Where a result came from.
  public enum Source: String, Sendable, Hashable, Codable, CaseIterable {
    /// An attempt of its own.
    case attempt
    /// The cache.
    case hit
    /// An identical call that was running.
    case shared
    /// A fallback; the model is told.
    case degraded
    /// A person said that it happened.
    case settled
    /// The call that ran it again with the same key; only ever heard, never stored.
    case rerun
  }

  public var value: Payload? {
    if case .result(let payload, _) = self { payload } else { nil }
  }

  public var failure: CallFailure? {
    if case .failure(let failure) = self { failure } else { nil }
  }

  public var source: Source? {
    if case .result(_, let source) = self { source } else { nil }
  }

  var withoutOriginal: CallOutcome {
    switch self {
    case .result(let payload, let source): .result(payload.withoutOriginal, source)
    case .failure: self
    }
  }
}

extension Call {
  /// What whoever asked for it hears: a call that failed because it was run again with the same key, and that succeeded, has
  /// that one's result.
  public var heard: CallOutcome? {
    guard outcome?.failure?.kind == .superseded, let lateResult else { return outcome }
    return .result(lateResult, .rerun)
  }

  /// Whether it waits on, or goes on by itself, when an engine starts on its store again.
  var goesOnAfterRestart: Bool {
    switch state.word {
    case .awaitingApproval, .approved, .backingOff: true
    case .queued: conversation != nil || step != nil || approval != nil
    case .received: conversation != nil || step != nil
    case .running, .stopping, .unknown, .succeeded, .failed, .rejected, .denied, .expired,
      .cancelled:
      false
    }
  }

  /// One line for lists: the arguments while it lives, why it failed afterwards.
  public var summary: String {
    if let failure = outcome?.failure { return failure.message }
    return (decided ?? proposed)?.shown.words ?? unparsed?.prefix(200).description ?? ""
  }
}

extension JSONValue {
  /// One line for lists.
  var words: String {
    guard let object = objectValue else { return brief }
    return object.map { "\($0.key) \($0.value.brief)" }.joined(separator: " · ")
  }

  /// A few words for lists.
  var brief: String {
    switch self {
    case .string(let text): text.count > 80 ? text.prefix(79) + "…" : text
    case .array(let items): items.count == 1 ? "1 item" : "\(items.count) items"
    case .object(let object): object.count == 1 ? "1 field" : "\(object.count) fields"
    case .null, .bool, .integer, .double, .decimal: serialized()
    }
  }

  /// About how many bytes the value takes as JSON; stops counting once it is over `limit`.
  func approximateBytes(upTo limit: Int) -> Int {
    switch self {
    case .null, .bool: return 5
    case .integer, .double: return 12
    case .decimal(let text), .string(let text): return text.utf8.count + 2
    case .array(let items):
      var sum = 2
      for item in items where sum <= limit { sum += item.approximateBytes(upTo: limit - sum) + 1 }
      return sum
    case .object(let object):
      var sum = 2
      for (key, value) in object where sum <= limit {
        sum += key.utf8.count + 4 + value.approximateBytes(upTo: limit - sum)
      }
      return sum
    }
  }
}
