import Callboard
import Foundation
import JSONSchema
import Synchronization

/// A store that outlives its engines: each opens it anew.
public struct StoreHome: Sendable {
  let open: @Sendable () throws -> any Store
  /// Called when the engine on it has died, before the next one opens it.
  let close: @Sendable (any Store) -> Void

  public init(
    open: @escaping @Sendable () throws -> any Store,
    close: @escaping @Sendable (any Store) -> Void
  ) {
    self.open = open
    self.close = close
  }

  /// The one in memory is the same for all of them.
  public static func memory() -> StoreHome {
    let store = InMemoryStore()
    return StoreHome {
      store
    } close: { _ in
    }
  }
}

/// Of the last write that was told from the others.
private let lastNumber = Atomic<Int>(0)

let agent = Principal.caller("agent")
let maria = Principal.operator("maria", uid: 501)
let omar = Principal.operator("omar", uid: 502)

/// Engines that live one after another on one store.
final class World: Sendable {
  private struct State {
    var life: Life?
    var opened: (any Store)?
    var lives = 0
    var now = Date(timeIntervalSince1970: 1_795_341_600)
  }

  private let home: StoreHome
  private let state = Mutex(State())
  let key = Sealer.MasterKey()

  init(_ home: StoreHome) { self.home = home }

  /// The first engine, or the next one where the one before was stopped or has died; it takes up what it finds.
  ///
  /// What lives is killed before. `downtime`: seconds between the two.
  @discardableResult
  func live(
    _ functions: TestFunction...,
    after downtime: Double = 0,
    rules: [ApprovalRules.Rule] = [free],
    model: TestModel? = nil,
    models: @escaping @Sendable (Conversation) -> TestModel? = { _ in nil },
    offered: [TestModel] = [],
    sealer: Sealer?? = .none,
    configure: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> Life {
    try between { _ in }
    let (seed, now) = state.withLock { state in
      if let life = state.life { state.now = life.clock.now }
      state.lives += 1
      state.now += downtime
      return (state.lives, state.now)
    }
    let opened = try home.open()
    let store = MortalStore(opened)
    var configuration = EngineConfiguration(
      rules: ApprovalRules(rules),
      secrets: ["password"],
      seed: UInt64(seed)
    )
    configure(&configuration)
    let provider = MortalProvider(
      try NativeProvider(namespace: "t", functions.map(\.native)),
      store
    )
    let clock = ManualClock(now: now)
    let engine = Engine(
      configuration,
      registry: try FunctionRegistry([provider], secrets: configuration.secrets),
      models: offered.map { MortalModel($0, store) },
      store: store,
      clock: clock,
      sealer: sealer ?? Sealer(key)
    )
    let events = EventRecorder(engine)
    let life = Life(clock: clock, engine: engine, store: store, events: events)
    state.withLock { state in
      state.life = life
      state.opened = opened
    }
    life.taken.resolve(
      try engine.takeUp { conversation in
        (model ?? models(conversation)).map { MortalModel($0, store) }
      }
    )
    return life
  }

  /// Kills what lives, and hands over the store before the next engine opens it.
  func between(_ body: (any Store) throws -> Void) throws {
    let opened = state.withLock { state in
      state.life?.store.die()
      defer { state.opened = nil }
      return state.opened
    }
    if let opened { home.close(opened) }
    let store = try home.open()
    defer { home.close(store) }
    try body(store)
  }
}

/// One engine on the store, on a clock that the test moves, with functions under the namespace `t`.
struct Life: Sendable {
  let clock: ManualClock
  let engine: Engine
  let store: MortalStore
  let events: EventRecorder
  fileprivate let taken = OneShot<TakenUp>()

  fileprivate init(clock: ManualClock, engine: Engine, store: MortalStore, events: EventRecorder) {
    self.clock = clock
    self.engine = engine
    self.store = store
    self.events = events
  }

  /// What it found when it began.
  var takenUp: TakenUp? { taken.current }

  /// Writes that say nothing of their arguments differ from each other: none is another one's twin.
  func submit(_ function: String, _ arguments: JSONValue? = nil) async -> Submission {
    await engine.submit("t." + function, arguments ?? distinct(function), by: agent)
  }

  private func distinct(_ name: String) -> JSONValue {
    guard case .function(let detail?) = engine.snapshot(of: .function("t." + name)).body,
      detail.row.effect == .write
    else { return [:] }
    return ["nth": .integer(Int64(lastNumber.add(1, ordering: .relaxed).newValue))]
  }

  /// Submits in a task of its own: for calls that do not end.
  func begin(_ function: String, _ arguments: JSONValue? = nil) {
    Task { await submit(function, arguments) }
  }

  /// Starts a conversation of the agent.
  func talk(
    _ model: TestModel,
    _ text: String = "go",
    limits: ConversationLimits? = nil
  ) throws
    -> ConversationID
  {
    try engine.start(
      ConversationRequest(
        title: "a talk",
        caller: agent,
        model: model.name,
        messages: [text],
        limits: limits
      ),
      model: MortalModel(model, store)
    )
  }

  func call(_ id: CallID) throws -> Call {
    guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else {
      throw StoreCaseFailed(description: "there is no call \(id)")
    }
    return detail.call
  }

  func state(_ id: CallID) throws -> CallState.Word { try call(id).state.word }

  func state(_ id: ConversationID) throws -> Conversation.Word {
    guard case .conversation(let detail?) = engine.snapshot(of: .conversation(id)).body else {
      throw StoreCaseFailed(description: "there is no conversation \(id)")
    }
    return detail.row.state
  }

  /// Waits for the end of a call.
  @discardableResult
  func end(of id: CallID) async -> CallOutcome? { await engine.outcome(of: id) }

  var header: Header { engine.snapshot(of: .header).header }

  /// What somebody who looks at a call now has before their eyes.
  func seen(_ id: CallID) throws -> Seen {
    let call = try call(id)
    return Seen(revision: call.revision, digest: call.approval?.digest ?? "")
  }

  @discardableResult
  func approve(_ id: CallID, by person: Principal = maria) async throws -> Reply {
    await engine.perform(.approve(id, try seen(id)), by: person)
  }

  func settle(_ id: CallID) async throws -> Reply {
    await engine.perform(
      .settle(id, revision: try call(id).revision, .happened(Payload("it did"))),
      by: maria
    )
  }

  func runAgain(_ id: CallID) async throws -> Reply {
    await engine.perform(.runAgain(id, revision: try call(id).revision, arguments: nil), by: maria)
  }

  func cancel(_ id: CallID) async throws -> Reply {
    await engine.perform(.cancel(id, revision: try call(id).revision), by: maria)
  }

  func pause(_ id: ConversationID, _ isPaused: Bool) async -> Reply {
    await engine.perform(.pauseConversation(id, from: !isPaused, to: isPaused), by: maria)
  }

  /// The newest call of a function that the store knows.
  func newest(_ function: String) throws -> Call {
    let all = store.calls(HistoryQuery(ListQuery(after: 100))).items
    return try need(all.first { $0.function == "t." + function }, "call of \(function)")
  }

  /// Gives whatever would happen by itself the time to happen.
  func settleDown() async { for _ in 0..<500 { await Task.yield() } }

  /// Moves the clock on in small steps until something has happened.
  func advance(by step: Duration, until condition: @Sendable () -> Bool) async {
    while !condition() {
      clock.advance(by: step)
      await Task.yield()
    }
  }
}

/// A rule that asks for every call of a function.
func asking(_ function: String, approvers: Int = 1, grace: Double = 0) -> ApprovalRules.Rule {
  ApprovalRules.Rule(function: NamePattern("t." + function), approvers: approvers, grace: grace)
}

let free = ApprovalRules.Rule(asks: false)

/// Functions of an engine that may die: nothing begins after it has.
private struct MortalProvider: FunctionProvider {
  private let provider: NativeProvider
  private let store: MortalStore

  init(_ provider: NativeProvider, _ store: MortalStore) {
    self.provider = provider
    self.store = store
  }

  var namespace: String { provider.namespace }
  var identity: String { provider.identity }
  var summary: String { provider.summary }
  var functions: [FunctionDefinition] { provider.functions }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    await store.hangIfDead()
    return try await provider.invoke(invocation)
  }
}

/// The model of an engine that may die.
private struct MortalModel: Model {
  private let model: TestModel
  private let store: MortalStore

  init(_ model: TestModel, _ store: MortalStore) {
    self.model = model
    self.store = store
  }

  var name: String { model.name }

  func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    await store.hangIfDead()
    return try await model.respond(to: request, onDelta: onDelta)
  }
}
