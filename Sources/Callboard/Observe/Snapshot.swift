import Foundation
import JSONSchema

/// What everyone else sees of the engine: an immutable value, made when asked for.
public struct Snapshot: Sendable, Codable {
  public var header: Header
  public var body: Body
  /// Changed definitions that wait for a person, or were declined: beside what waits, on the overview too.
  public var definitions: [DefinitionRow] = []

  public init(header: Header, body: Body) {
    self.header = header
    self.body = body
  }

  /// What was asked for besides the header.
  public enum Body: Sendable, Codable {
    case overview(OverviewSnapshot)
    case waiting(Page<CallRow>)
    case calls(Page<CallRow>)
    /// nil: no such call is kept.
    case call(CallDetail?)
    case conversations(Page<ConversationRow>)
    case conversation(ConversationDetail?)
    case runs(Page<RunRow>, workflows: [WorkflowRow])
    /// nil: no such run is kept.
    case run(RunDetail?)
    case functions(Page<FunctionRow>, providers: [ProviderRow])
    case function(FunctionDetail?)
    case errors(Page<ErrorRow>)
    case grants([GrantRow])
    case grantPreview(GrantPreview)
    /// nil: it is being read; look again.
    case report(ShiftReport?)
    case audit(AuditSnapshot)
    case header
  }
}

/// The numbers of the title row.
public struct Header: Sendable, Codable, Hashable {
  public var name: String
  public var store: String
  public var now: Date
  /// Sequence number of the last event that is in this snapshot.
  public var seq: Int
  public var waiting: Int
  public var unknown: Int
  /// Changed definitions that nobody has looked at.
  public var changedDefinitions = 0
  public var running: Int
  /// Those of them whose effect is `write`.
  public var runningWrites: Int
  public var queued: Int
  public var backingOff: Int
  public var live: Int
  /// Calls that failed in the last 5 minutes, `unknown` ones too.
  public var recentErrors: Int
  /// Cache hits and shared answers, and look-ups, since the start.
  public var cacheHits: Int
  public var cacheLookups: Int
  /// 95th percentile of the time from start to end, in seconds, of calls that ended in the last 15 minutes.
  public var p95: Double?
  public var calls: Int
  /// Who holds the engine, and since when.
  public var held: Switched?
  /// What is wrong with the store, in a sentence.
  public var storeFault: String?
  /// What is wrong with the link to the instance; what is shown is as it was before that.
  public var linkFault: LinkFault?
  /// The last person who could not be called, and why.
  public var notifyFault: NotifyFault?
  /// The latest approval of each person that is in its grace time.
  public var undoable: [Undoable] = []

  public init(name: String, store: String, now: Date) {
    self.name = name
    self.store = store
    self.now = now
    seq = 0
    waiting = 0
    unknown = 0
    running = 0
    runningWrites = 0
    queued = 0
    backingOff = 0
    live = 0
    recentErrors = 0
    cacheHits = 0
    cacheLookups = 0
    calls = 0
  }

  /// Share of look-ups that the cache answered, 0 to 1; nil before the first.
  public var hitRate: Double? {
    cacheLookups > 0 ? Double(cacheHits) / Double(cacheLookups) : nil
  }
}

/// An approval that whoever gave it can take back, from any of their consoles.
public struct Undoable: Sendable, Codable, Hashable {
  public var by: Principal
  public var call: CallID
  /// When it was given.
  public var at: Date
  /// When the call starts.
  public var until: Date

  public init(by: Principal, call: CallID, at: Date, until: Date) {
    self.by = by
    self.call = call
    self.at = at
    self.until = until
  }
}

/// That an instance can't be reached, since when and why.
public struct LinkFault: Sendable, Codable, Hashable {
  public var since: Date
  public var why: String

  public init(since: Date, why: String) {
    self.since = since
    self.why = why
  }
}

/// Who switched something, and when.
public struct Switched: Sendable, Codable, Hashable {
  public var by: String
  public var at: Date

  public init(by: String, at: Date) {
    self.by = by
    self.at = at
  }
}

/// One call in a list.
public struct CallRow: Sendable, Codable, Hashable, Identifiable {
  public var id: CallID
  public var function: String
  public var caller: String
  public var conversation: ConversationID?
  public var conversationTitle: String?
  public var state: CallState.Word
  public var attempt: Int?
  public var maxAttempts: Int
  public var receivedAt: Date
  /// When it came into this state.
  public var since: Date
  /// Seconds from the first attempt to the end.
  public var duration: Double?
  public var source: CallOutcome.Source?
  /// The result on one line, as it may be shown; nil without one.
  public var result: String?
  public var failure: CallFailure.Kind?
  /// The arguments, or what became of it, in one short line.
  ///
  /// Not sanitised.
  public var summary: String
  public var effect: FunctionEffect?
  /// What a decision on this row must name.
  public var revision: Int
  public var digest: String?
  public var rule: String?
  /// An equal call that came before it, where it waits for a person.
  public var twin: CallID?
  public var expiresAt: Date?
  /// When it will be tried again, while backing off.
  public var until: Date?
  public var approvalsGiven: Int
  public var approvalsNeeded: Int
  /// It would start, but its function is off or the engine is held.
  public var isHeld: Bool
  public var functionIsOn: Bool

  public init(
    id: CallID,
    function: String,
    caller: String,
    state: CallState.Word,
    receivedAt: Date,
    since: Date,
    summary: String,
    revision: Int
  ) {
    self.id = id
    self.function = function
    self.caller = caller
    self.state = state
    self.receivedAt = receivedAt
    self.since = since
    self.summary = summary
    self.revision = revision
    maxAttempts = 1
    approvalsGiven = 0
    approvalsNeeded = 0
    isHeld = false
    functionIsOn = true
  }
}

/// One call, whole, with what stands around it.
public struct CallDetail: Sendable, Codable {
  public var row: CallRow
  /// Without originals of secrets.
  public var call: Call
  public var functionDescription: String?
  /// Names of the schema's properties in their order, for "named fields first".
  public var argumentOrder: [String]
  /// JSON Schema of the arguments: an editor checks with it.
  public var parameters: JSONValue?
  /// Seconds one attempt may take.
  public var timeout: Double?
  /// What the model was told, once it was.
  public var heard: String?
  /// Where its conversation is: what becomes of a call is told to no model once that has ended.
  public var conversationState: Conversation.Word?
  /// Of a call that asks people: where its values came from, and how often they were used before.
  public var origins: [ArgumentOrigin] = []
  /// The last time this function was asked for and decided by a person, if it is kept.
  public var lastTime: CallRow?
  /// Who may decide on it, where not every operator may.
  public var deciders: [DecidingAct: Deciders] = [:]
  /// Who can't approve it, because they asked for it.
  public var requesters: [Principal] = []
  /// Who has approved it and may not any more, so that it does not count.
  public var lapsed: [Principal] = []
  /// The equal call that came before it, as it is now; nil where there is none or it is kept no longer.
  public var twin: CallRow?
  /// The function that looks whether it has happened.
  public var checkFunction: FunctionName?
  /// The call of that function that looked last.
  public var check: CallDetail.Check?

  /// What a person who settles is shown of a look-up.
  public struct Check: Sendable, Codable {
    public var row: CallRow
    /// What it found, without originals of secrets.
    public var outcome: CallOutcome?

    public init(row: CallRow, outcome: CallOutcome?) {
      self.row = row
      self.outcome = outcome
    }
  }
  /// Who has it before their eyes.
  public var readers: [Reader] = []
  /// Who came too late to decide on it.
  public var late: [LateWord] = []

  public init(row: CallRow, call: Call) {
    self.row = row
    self.call = call
    argumentOrder = []
  }
}

/// One conversation in a list.
public struct ConversationRow: Sendable, Codable, Hashable, Identifiable {
  public var id: ConversationID
  public var title: String
  public var caller: String
  public var model: String
  public var state: Conversation.Word
  /// What it is doing now, in a few words: `model writing`, `waiting for you`, `2 calls running`.
  public var doing: String
  public var turns: Int
  public var calls: Int
  public var tokens: Int
  public var startedAt: Date
  public var lastActivity: Date

  public init(
    id: ConversationID,
    title: String,
    caller: String,
    model: String,
    state: Conversation.Word,
    doing: String,
    turns: Int,
    calls: Int,
    tokens: Int,
    startedAt: Date,
    lastActivity: Date
  ) {
    self.id = id
    self.title = title
    self.caller = caller
    self.model = model
    self.state = state
    self.doing = doing
    self.turns = turns
    self.calls = calls
    self.tokens = tokens
    self.startedAt = startedAt
    self.lastActivity = lastActivity
  }
}

/// One conversation with its transcript.
public struct ConversationDetail: Sendable, Codable {
  public var row: ConversationRow
  public var transcript: [TranscriptEntry]
  /// What the model is writing right now.
  public var writing: String?
  public var failure: String?

  public init(
    row: ConversationRow,
    transcript: [TranscriptEntry],
    writing: String? = nil,
    failure: String? = nil
  ) {
    self.row = row
    self.transcript = transcript
    self.writing = writing
    self.failure = failure
  }
}

/// A message as it stands in the transcript, redacted.
public struct TranscriptEntry: Sendable, Codable, Hashable {
  public var at: Date
  public var turn: Int
  public var message: Message
  /// The calls this message asked for.
  public var calls: [CallRow]

  public init(at: Date, turn: Int, message: Message, calls: [CallRow] = []) {
    self.at = at
    self.turn = turn
    self.message = message
    self.calls = calls
  }
}

/// One function in a list, with its counters since the start.
public struct FunctionRow: Sendable, Codable, Hashable, Identifiable {
  public var id: String { name }
  public var name: String
  public var provider: String
  public var wireName: String
  public var description: String
  public var effect: FunctionEffect
  public var isOn: Bool
  public var switched: Switched?
  /// The first approval rule that can apply, in words; nil: never asks.
  public var rule: String?
  public var calls: Int
  /// Failed and unknown ones.
  public var errors: Int
  /// Seconds.
  public var p50: Double?
  public var p95: Double?
  public var isCached: Bool
  public var cacheHits: Int
  public var cacheLookups: Int
  public var breaker: CircuitBreaker.State
  public var breakerUntil: Date?
  public var running: Int
  public var queued: Int
  /// Queued calls that would start if it were on and the engine not held.
  public var held: Int
  /// It is held because its definition has changed and nobody has accepted that.
  public var awaitsAcceptance = false

  public init(
    name: String,
    provider: String,
    wireName: String,
    description: String,
    effect: FunctionEffect,
    isOn: Bool
  ) {
    self.name = name
    self.provider = provider
    self.wireName = wireName
    self.description = description
    self.effect = effect
    self.isOn = isOn
    calls = 0
    errors = 0
    isCached = false
    cacheHits = 0
    cacheLookups = 0
    breaker = .closed
    running = 0
    queued = 0
    held = 0
  }

  public var hitRate: Double? {
    cacheLookups > 0 ? Double(cacheHits) / Double(cacheLookups) : nil
  }
}

/// One provider and how it is doing.
public struct ProviderRow: Sendable, Codable, Hashable, Identifiable {
  public var id: String { namespace }
  public var namespace: String
  public var summary: String
  /// `up`, `failing` or `down`: by the breakers and last outcomes of its functions.
  public var state: String
  public var since: Date?
  public var lastError: String?
  public var functions: Int
  public var isOn: Bool

  public init(namespace: String, summary: String, state: String, functions: Int, isOn: Bool) {
    self.namespace = namespace
    self.summary = summary
    self.state = state
    self.functions = functions
    self.isOn = isOn
  }
}

/// One function's schema and policies.
public struct FunctionDetail: Sendable, Codable {
  public var row: FunctionRow
  public var parameters: JSONValue
  public var definitionHash: String
  /// What its server says of it now, where nobody has accepted that.
  public var change: DefinitionChange?
  /// Name and value of each policy, as lines to read.
  public var policies: [Policy]

  /// One policy in words.
  public struct Policy: Sendable, Codable, Hashable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(row: FunctionRow, parameters: JSONValue, definitionHash: String, policies: [Policy]) {
    self.row = row
    self.parameters = parameters
    self.definitionHash = definitionHash
    self.policies = policies
  }
}

/// Failures of one kind of one function.
public struct ErrorRow: Sendable, Codable, Hashable, Identifiable {
  public var id: String { function + " " + kind.rawValue }
  public var function: String
  public var kind: CallFailure.Kind
  public var count: Int
  /// In the last 5 minutes.
  public var recent: Int
  public var first: Date
  public var last: Date
  public var conversations: Int
  /// What the model was told the last time.
  public var heard: String
  public var sample: CallID

  public init(
    function: String,
    kind: CallFailure.Kind,
    count: Int,
    recent: Int,
    first: Date,
    last: Date,
    conversations: Int,
    heard: String,
    sample: CallID
  ) {
    self.function = function
    self.kind = kind
    self.count = count
    self.recent = recent
    self.first = first
    self.last = last
    self.conversations = conversations
    self.heard = heard
    self.sample = sample
  }
}

/// The first screen.
public struct OverviewSnapshot: Sendable, Codable {
  public var waiting: [CallRow]
  public var conversations: Page<ConversationRow>
  /// Running, queued and backing off, in this order.
  public var active: [CallRow]
  public var functions: [FunctionRow]
  public var providers: [ProviderRow]
  /// The last 15 minutes, oldest first, one value for each 15 seconds.
  public var callsPerSecond: [Double]
  public var errorsPerMinute: [Double]
  public var p95: [Double?]

  public init(
    waiting: [CallRow] = [],
    conversations: Page<ConversationRow> = Page(),
    active: [CallRow] = [],
    functions: [FunctionRow] = [],
    providers: [ProviderRow] = [],
    callsPerSecond: [Double] = [],
    errorsPerMinute: [Double] = [],
    p95: [Double?] = []
  ) {
    self.waiting = waiting
    self.conversations = conversations
    self.active = active
    self.functions = functions
    self.providers = providers
    self.callsPerSecond = callsPerSecond
    self.errorsPerMinute = errorsPerMinute
    self.p95 = p95
  }
}
