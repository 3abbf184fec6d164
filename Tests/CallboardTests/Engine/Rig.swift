import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

let agent = Principal.caller("agent")
let maria = Principal.operator("maria", uid: 501)
let omar = Principal.operator("omar", uid: 502)
let vera = Principal.viewer("vera", uid: 503)

/// An engine on a clock that the test moves, with functions that the test controls, under the namespace `t`.
struct Rig: Sendable {
  let clock: ManualClock
  let engine: Engine
  let store: any Store
  let events: EventRecorder
  private let number = Numbers()

  init(
    _ functions: TestFunction...,
    rules: [ApprovalRules.Rule] = [ApprovalRules.Rule(asks: false)],
    store: any Store = InMemoryStore(),
    configure: (inout EngineConfiguration) -> Void = { _ in }
  ) throws {
    try self.init(all: functions, rules: rules, store: store, configure: configure)
  }

  init(
    all functions: [TestFunction],
    rules: [ApprovalRules.Rule] = [ApprovalRules.Rule(asks: false)],
    store: any Store = InMemoryStore(),
    configure: (inout EngineConfiguration) -> Void = { _ in },
    wrap: (NativeProvider) -> any FunctionProvider = { $0 }
  ) throws {
    try self.init(
      native: functions.map(\.native),
      rules: rules,
      store: store,
      configure: configure,
      wrap: wrap
    )
  }

  init(
    native functions: [NativeFunction],
    rules: [ApprovalRules.Rule] = [ApprovalRules.Rule(asks: false)],
    store: any Store = InMemoryStore(),
    configure: (inout EngineConfiguration) -> Void = { _ in },
    wrap: (NativeProvider) -> any FunctionProvider = { $0 }
  ) throws {
    let provider = wrap(try NativeProvider(namespace: "t", functions))
    var configuration = EngineConfiguration(rules: ApprovalRules(rules), seed: 7)
    configure(&configuration)
    clock = ManualClock()
    self.store = store
    engine = Engine(
      configuration,
      registry: try FunctionRegistry([provider], secrets: configuration.secrets),
      store: store,
      clock: clock
    )
    events = EventRecorder(engine)
  }

  /// Writes that say nothing of their arguments differ from each other: none is another one's twin.
  func submit(
    _ function: String,
    _ arguments: JSONValue? = nil,
    by caller: Principal = agent
  ) async -> Submission {
    await engine.submit("t." + function, arguments ?? distinct(function), by: caller)
  }

  private func distinct(_ name: String) -> JSONValue {
    guard (try? function(name).effect) == .write else { return [:] }
    return ["nth": .integer(Int64(number.next()))]
  }

  /// Submits in a task of its own: for calls that the test holds.
  func begin(
    _ function: String,
    _ arguments: JSONValue? = nil,
    by caller: Principal = agent
  ) -> Task<Submission, Never> {
    Task { await submit(function, arguments, by: caller) }
  }

  /// Starts a conversation of the agent with a model that the test controls.
  func talk(
    _ model: any Model,
    limits: ConversationLimits? = nil,
    by caller: Principal = agent
  ) throws -> ConversationID {
    try engine.start(
      ConversationRequest(
        title: "a talk",
        caller: caller,
        model: model.name,
        messages: ["go"],
        limits: limits
      ),
      model: model
    )
  }

  // MARK: - Looking

  func call(_ id: CallID) throws -> Call { try detail(id).call }

  func detail(_ id: CallID) throws -> CallDetail {
    guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else {
      throw Missing(what: "call \(id)")
    }
    return detail
  }

  func row(_ id: CallID) throws -> CallRow { try detail(id).row }

  func function(_ name: String) throws -> FunctionRow {
    guard case .function(let detail?) = engine.snapshot(of: .function("t." + name)).body else {
      throw Missing(what: "function \(name)")
    }
    return detail.row
  }

  func conversation(_ id: ConversationID) throws -> ConversationDetail {
    guard case .conversation(let detail?) = engine.snapshot(of: .conversation(id)).body else {
      throw Missing(what: "conversation \(id)")
    }
    return detail
  }

  var header: Header { engine.snapshot(of: .header).header }

  /// What a person who looks at a call now has before their eyes.
  func seen(_ id: CallID) throws -> Seen {
    let call = try call(id)
    return Seen(revision: call.revision, digest: call.approval?.digest ?? "")
  }

  /// Waits until so many calls of a function stand in its line: no event tells of that.
  func queued(_ name: String, _ count: Int) async {
    await eventually { (try? function(name).queued) == count }
  }

  /// Moves the clock on in small steps until something has happened: for what looks at the clock again and again.
  func advance(by step: Duration, until condition: @Sendable () -> Bool) async {
    while !condition() {
      clock.advance(by: step)
      await Task.yield()
    }
  }

  // MARK: - Deciding

  @discardableResult
  func approve(_ id: CallID, by person: Principal = maria) async throws -> Reply {
    await engine.perform(.approve(id, try seen(id)), by: person)
  }

  @discardableResult
  func edit(
    _ id: CallID,
    _ arguments: JSONValue,
    by person: Principal = maria
  ) async throws -> Reply {
    await engine.perform(.edit(id, try seen(id), arguments: arguments), by: person)
  }

  @discardableResult
  func deny(_ id: CallID, _ reason: String = "", by person: Principal = maria) async throws -> Reply
  {
    await engine.perform(
      .deny(id, try seen(id), reason: reason, stopConversation: false),
      by: person
    )
  }

  @discardableResult
  func cancel(_ id: CallID, by person: Principal = maria) async -> Reply {
    let revision = (try? call(id).revision) ?? 0
    return await engine.perform(.cancel(id, revision: revision), by: person)
  }

  @discardableResult
  func undo(_ id: CallID, by person: Principal = maria) async throws -> Reply {
    await engine.perform(.undo(id, try seen(id)), by: person)
  }

  @discardableResult
  func runAgain(
    _ id: CallID,
    _ arguments: JSONValue? = nil,
    by person: Principal = maria
  ) async throws -> Reply {
    await engine.perform(
      .runAgain(id, revision: try call(id).revision, arguments: arguments),
      by: person
    )
  }

  @discardableResult
  func turn(_ function: String, on isOn: Bool, by person: Principal = maria) async -> Reply {
    await engine.perform(.setFunction("t." + function, from: !isOn, to: isOn), by: person)
  }

  @discardableResult
  func hold(_ isHeld: Bool, by person: Principal = maria) async -> Reply {
    await engine.perform(.hold(from: !isHeld, to: isHeld), by: person)
  }

  /// The refusals that were audited, by whom and on which call.
  func audited(_ id: CallID? = nil) -> [EngineEvent] {
    events.all { event in
      event.type == .engine(.decisionRefused) && (id == nil || event.call?.id == id)
    }
  }
}

struct Missing: Error {
  var what: String
}

extension Submission {
  var outcome: CallOutcome? {
    if case .finished(_, let outcome) = self { outcome } else { nil }
  }

  var value: JSONValue? { outcome?.value?.original }

  var failure: CallFailure? { outcome?.failure }

  var isPending: Bool { outcome == nil }
}

extension CallFailure {
  static func notSent() -> CallFailure {
    CallFailure(.connectionFailed, "connection refused", reach: .notSent, isRetryable: true)
  }

  static func answered(retryable: Bool, after: Double? = nil) -> CallFailure {
    CallFailure(
      .serverError,
      "it said no",
      reach: .answered,
      isRetryable: retryable,
      retryAfter: after
    )
  }

  static func maybe() -> CallFailure {
    CallFailure(.connectionFailed, "connection cut", reach: .maybe, isRetryable: true)
  }
}

/// An object schema with one number, `amount`, and whatever else.
let amounts: JSONValue = [
  "type": "object", "properties": ["amount": ["type": "number"]], "required": ["amount"],
]

/// A rule that asks for every call of a function.
func asking(
  _ function: String,
  approvers: Int = 1,
  grace: Double = 0,
  expires: Double = 900,
  maxWait: Double = 3600
) -> ApprovalRules.Rule {
  ApprovalRules.Rule(
    function: NamePattern("t." + function),
    approvers: approvers,
    expires: expires,
    maxWait: maxWait,
    grace: grace
  )
}

let free = ApprovalRules.Rule(asks: false)
