import Callboard
import CallboardModels
import CallboardYAML
import Foundation
import JSONSchema

/// A story that is played on an engine of its own, and what has to come of it.
struct Scenario: Sendable {
  var name: String
  var file: String
  var description = ""
  /// The configuration it stands on, with what it adds.
  var configuration = Configuration()
  var mocks: [Mock] = []
  var faults: [Fault] = []
  var seed: UInt64 = 1
  /// Of real time, for the whole.
  var timeout: Duration = .seconds(60)
  /// Time goes by as on the machine, also where nothing but time is waited for.
  var hasRealClock = false
  /// What tokens of models cost, by the model's name.
  var prices: [String: TokenPrice] = [:]
  var decisions: [DecisionRule] = []
  var steps: [Step] = []
  /// Conversations of recordings, as models that answer with them.
  var talks: [RecordedTalk] = []
  var expectations = Expectations()
  /// Rules of the life of a call that it plays, by the names that the tests list.
  var proves: [String] = []

  /// Whether people are played: by rules, or by steps that decide.
  var hasPeople: Bool {
    !decisions.isEmpty
      || steps.contains { step in
        switch step.action {
        case .decide, .world(.grant, _): true
        default: false
        }
      }
  }

  /// Whether some step decides by itself, so that a call no rule fits may go on waiting.
  var decidesInSteps: Bool {
    steps.contains { if case .decide = $0.action { true } else { false } }
  }

  /// Names and pointers of what is secret in the arguments and results of any of its functions.
  var secretFields: [String] {
    configuration.engine.secrets + configuration.definitions.flatMap(\.secrets)
      + mocks.map(\.definition).flatMap(\.secrets)
  }

  /// What may be said of what the scenario itself gives to calls.
  var discretion: Discretion {
    let engine = configuration.engine
    let fields = secretFields
    let redactor = Redactor(fields: fields)
    let expected = expectations.documents.flatMap {
      Self.constants(in: $0, isSecret: false, redactor)
    }
    return Discretion(
      about: steps.flatMap(\.values) + decisions.flatMap(\.decision.values) + expected,
      fields: fields,
      secretValues: engine.secretValues
    )
  }

  /// What schemas of expectations want to be there; as a secret where it is wanted of a secret field.
  private static func constants(
    in value: JSONValue,
    isSecret: Bool,
    _ redactor: Redactor
  ) -> [JSONValue] {
    if let items = value.arrayValue {
      return items.flatMap { constants(in: $0, isSecret: isSecret, redactor) }
    }
    var found: [JSONValue] = []
    for (key, member) in value.objectValue ?? [:] {
      if key == "const" || key == "enum" {
        found.append(isSecret ? ["secret": member] : member)
      } else {
        let named: JSONValue = .object([key: "x"])
        let isBelow = isSecret || redactor.redact(named) != nil
        found += constants(in: member, isSecret: isBelow, redactor)
      }
    }
    return found
  }

  struct CallPlan: Sendable {
    var name: String?
    var function: String
    var arguments: Arguments
    var caller: String
    var waits = true

    enum Arguments: Sendable {
      case value(JSONValue)
      case text(String)
    }
  }

  struct ConversationStep: Sendable {
    var name: String?
    var plan: Configuration.ConversationPlan
    var waits = true
  }

  /// What a person does with one call.
  enum Decision: Sendable {
    case approve
    case deny(String)
    case edit(JSONObject)
    case extend
    case undo
    case settle(Settlement)
    case runAgain
    case cancel
    /// Nobody decides, and time passes.
    case letExpire

    /// Whether it may end a call whose outcome is unknown.
    var settles: Bool {
      switch self {
      case .settle, .runAgain: true
      case .approve, .deny, .edit, .extend, .undo, .cancel, .letExpire: false
      }
    }

    /// The states a call may be in; nil: any.
    var wants: Set<CallState.Word>? {
      switch self {
      case .approve, .edit, .extend, .letExpire: [.awaitingApproval]
      case .deny: [.awaitingApproval, .approved]
      case .undo: [.approved]
      case .settle: [.unknown]
      case .runAgain, .cancel: nil
      }
    }
  }

  /// Decides whatever fits, in place of a person.
  struct DecisionRule: Sendable {
    var on: NamePattern?
    var call: String?
    var when: Schema?
    var caller: NamePattern?
    var times: Int?
    var after: Duration = .zero
    var person: String
    var decision: Decision
  }

  struct DecideStep: Sendable {
    /// The name of a call; nil: the last call of `on` that waits.
    var call: String?
    var on: NamePattern?
    /// Decides on what was there when the call first waited, as somebody does whose screen is old.
    var isStale = false
    /// Names this digest in place of the one that was shown.
    var digest: String?
    var person: String
    var name: String?
    var decision: Decision
  }

  struct Step: Sendable {
    var action: Action
    /// The engine has to refuse it, with these words.
    var refused: String?
    var place: String

    enum Action: Sendable {
      case calls([CallPlan])
      case conversation(ConversationStep)
      case workflow(WorkflowStep)
      case cancelRun(String, by: String)
      case retryRun(String, by: String)
      case load(LoadPlan)
      case boundary(BoundaryPlan)
      case pause(Duration)
      /// Sets the clock forward.
      case advance(Duration)
      case until(EventPattern)
      /// A function or a whole namespace.
      case toggle(String, on: Bool, by: String)
      case hold(Bool, by: String)
      case breaker(String, to: CircuitBreaker.State, by: String)
      case clearCache(String, by: String)
      case decide(DecideStep)
      case stop(conversation: String, by: String)
      case message(conversation: String, text: String, by: String)
      case world(WorldStep, by: String)
    }
  }
}

extension Scenario.Step {
  /// What it gives to calls.
  fileprivate var values: [JSONValue] {
    switch action {
    case .calls(let plans):
      plans.compactMap { plan in
        switch plan.arguments {
        case .value(let value): value
        case .text(let text): try? JSONValue(parsing: text)
        }
      }
    case .decide(let step): step.decision.values
    case .workflow(let step): [step.input]
    case .load(let load): [load.arguments.source]
    case .boundary(let plan): plan.cases.map(\.arguments)
    case .world(let step, _): step.values
    case .cancelRun, .retryRun, .conversation, .pause, .advance, .until, .toggle, .hold, .breaker,
      .clearCache, .stop,
      .message:
      []
    }
  }
}

extension Scenario.Decision {
  fileprivate var values: [JSONValue] {
    switch self {
    case .edit(let arguments): [.object(arguments)]
    case .settle(.happened(let payload)): [payload.original]
    case .settle(.didNotHappen), .approve, .deny, .extend, .undo, .runAgain, .cancel, .letExpire: []
    }
  }
}

/// What an event has to be; what is not said may be anything.
struct EventPattern: Sendable {
  var type: NamePattern
  var function: NamePattern?
  var call: String?
  var attempt: Int?
  var by: String?
  var failure: String?
  var source: String?
  var workflow: String?
  var cause: String?
  var count = 1
  var after: Bound = .none
  var before: Bound = .none

  /// Another event, which this one has to lie after or before.
  indirect enum Bound: Sendable {
    case none
    case event(EventPattern)
  }

  func matches(_ event: EngineEvent, calls: [String: CallID]) -> Bool {
    guard type.matches(event.type.text) else { return false }
    if let function, !function.matches(event.call?.function ?? event.function ?? "") {
      return false
    }
    if let call, calls[call] == nil || event.call?.id != calls[call] { return false }
    if let attempt, event.call?.attempt != attempt { return false }
    if let by, event.by != by { return false }
    if let failure, event.failure?.kind.rawValue != failure { return false }
    if let source, event.source?.rawValue != source { return false }
    if let workflow, event.workflow != workflow { return false }
    if let cause, event.cause?.contains(cause) != true { return false }
    return true
  }

  /// In words, for a report.
  var words: String {
    var parts = [type.text]
    if let function { parts.append("of \(function.text)") }
    if let call { parts.append("of the call \(call)") }
    if let attempt { parts.append("attempt \(attempt)") }
    if let by { parts.append("by \(by)") }
    if let failure { parts.append("with \(failure)") }
    if let source { parts.append("from \(source)") }
    if let workflow { parts.append("of the workflow \(workflow)") }
    if let cause { parts.append("“\(cause)”") }
    if count > 1 { parts.append("\(count) times") }
    if case .event(let start) = after { parts.append("after \(start.words)") }
    if case .event(let end) = before { parts.append("before \(end.words)") }
    return parts.joined(separator: " ")
  }
}
