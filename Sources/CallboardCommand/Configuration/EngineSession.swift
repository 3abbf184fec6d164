import AsyncHTTPClient
import Callboard
import CallboardModels
import CallboardProviders
import Foundation
import JSONSchema
import Synchronization

/// An engine made from a configuration, with what it needs and what has to be closed after it.
final class EngineSession: Sendable {
  private let current: Mutex<Configuration>
  let engine: Engine
  let clock: any EngineClock
  let deadlines: DeadlineQueue
  /// What the engine found unfinished on its store.
  let taken: TakenUp
  /// Who is who: asked anew for everything that somebody asks for.
  var people: People { configuration.people }
  /// What it found there and left to another one, where it does not take things up.
  let left: LeftBehind
  /// Conversations that it took up and that do not say whether the configuration asks for them.
  let unnamed: [(id: ConversationID, model: String, title: String)]
  private let store: OpenedStore
  private let seed: UInt64
  /// Made where a provider first needs it.
  private let client: Mutex<HTTPClient?>
  private let world: DemoWorld
  private let overlays: [MockProvider]
  private let tape: (any Tape)?
  private let connections: ModelConnections?
  private let following: ObservationToken
  /// How many conversations each script has begun: others draw other values.
  private let ordinals = Mutex<[String: Int]>([:])
  private let closingFault = Mutex<StoreFault?>(nil)

  /// Whether the store was closed before it had stored what it had taken.
  var lostLine: Bool { closingFault.withLock { $0 } != nil }

  /// Makes the engine on a store, in memory where none is given, and takes up what was unfinished there where that is
  /// wanted.
  ///
  /// `isUnattended`: nobody can be asked, so what needs approval is denied. `overlays` stand in front of the
  /// configuration's providers, and `modelOverlay` around its models; `tape` before both; `executor` is where the engine's tasks run. `callsPeople`: what the rules say under notify is run. `onEvent` is told every event from the first on, under the store's lock.
  init(
    _ configuration: Configuration,
    isUnattended: Bool,
    seed: UInt64? = nil,
    store: OpenedStore = .memory,
    takesUp: Bool = false,
    callsPeople: Bool = false,
    world: DemoWorld? = nil,
    overlays: [MockProvider] = [],
    clock: any EngineClock = SystemClock(),
    deadlines: DeadlineQueue? = nil,
    executor: (any TaskExecutor)? = nil,
    modelOverlay: ModelOverlay? = nil,
    tape: (any Tape)? = nil,
    onEvent: @escaping @Sendable (EngineEvent) -> Void = { _ in }
  ) throws {
    let deadlines = deadlines ?? DeadlineQueue(clock: clock)
    var generator = SystemRandomNumberGenerator()
    current = Mutex(configuration)
    self.overlays = overlays
    self.tape = tape
    self.clock = clock
    self.deadlines = deadlines
    self.seed = seed ?? generator.next()
    let client =
      configuration.needsClient
      ? HTTPClient(configuration: HTTPProvider.clientConfiguration) : nil
    let connections =
      configuration.models.contains { if case .openAI = $0.kind { true } else { false } }
      ? ModelConnections() : nil
    self.client = Mutex(client)
    self.connections = connections
    let world = world ?? DemoWorld(seed: self.seed, clock: clock, deadlines: deadlines)
    self.world = world
    self.store = store
    following = store.store.follow(onEvent)
    do {
      let providers = try configuration.providers.map { plan in
        try Self.provider(plan, client: client, world: world, clock: clock, deadlines: deadlines)
      }
      let workflows = Self.workflows(of: configuration)
      let laid = MockProvider.laying(overlays, over: providers + workflows)
      let registry = try FunctionRegistry(
        tape?.laid(over: laid) ?? laid,
        secrets: configuration.secrets,
        secretValues: configuration.engine.secretValues
      )
      var engineConfiguration = configuration.engine
      engineConfiguration.isUnattended = isUnattended
      engineConfiguration.seed = seed
      let models = Self.models(
        configuration,
        connections: connections,
        clock: clock,
        deadlines: deadlines,
        seed: self.seed
      )
      let overlaid = modelOverlay?.laid(over: models) ?? models
      engine = Engine(
        engineConfiguration,
        registry: registry,
        models: tape?.laid(over: overlaid) ?? overlaid,
        store: store.store,
        clock: clock,
        deadlines: deadlines,
        sealer: store.sealer,
        executor: executor
      )
      for provider in workflows { provider.serve(engine) }
      // Also where no rule calls anybody now: one may after the configuration was read anew.
      if callsPeople {
        let socket = configuration.socketPath.map { URL(fileURLWithPath: $0).path }
        engine.attend(
          with: try NoticeRunner(clock: clock, deadlines: deadlines, socket: socket)
        )
      }
      if takesUp {
        let maker = ScriptMaker(configuration, clock: clock, deadlines: deadlines)
        let made = engine.models
        var unnamed: [(id: ConversationID, model: String, title: String)] = []
        taken = try engine.takeUp { talk in
          if talk.setup.plan == nil { unnamed.append((talk.id, talk.model, talk.title)) }
          return maker.model(of: talk).map { tape?.laid(over: $0) ?? $0 } ?? made[talk.model]
        }
        self.unnamed = unnamed
        left = LeftBehind()
      } else {
        left = try engine.takeUpOutcomes()
        taken = TakenUp()
        unnamed = []
      }
    } catch {
      // Shut down in the background: nothing was ever sent.
      Task {
        try? await client?.shutdown()
        await connections?.shutDown()
      }
      _ = store.close()
      if let fault = error as? StoreFault {
        throw Failure(.unreachable, "The store can't be read: \(fault)")
      }
      throw Failure(.fileIsWrong, "The configuration can't be used: \(error)")
    }
  }

  /// Makes a conversation's scripted model anew, as it was before a restart.
  private struct ScriptMaker {
    let configuration: Configuration
    let clock: any EngineClock
    let deadlines: DeadlineQueue

    init(_ configuration: Configuration, clock: any EngineClock, deadlines: DeadlineQueue) {
      self.configuration = configuration
      self.clock = clock
      self.deadlines = deadlines
    }

    func model(of conversation: Conversation) -> (any Model)? {
      guard let made = conversation.setup.made,
        let name = made["script"]?.stringValue, let script = configuration.scripts[name],
        let seed = made["seed"]?.stringValue.flatMap({ UInt64($0) }),
        let ordinal = made["ordinal"]?.intValue
      else { return nil }
      return ScriptedModel(
        name: conversation.model,
        script: script,
        seed: seed,
        ordinal: ordinal,
        clock: clock,
        deadlines: deadlines
      )
    }
  }

  private static func provider(
    _ plan: Configuration.ProviderPlan,
    client: HTTPClient?,
    world: DemoWorld,
    clock: any EngineClock,
    deadlines: DeadlineQueue
  ) throws -> any FunctionProvider {
    switch plan.kind {
    case .http(let url, let headers, let functions):
      guard let client else {
        preconditionFailure("a client is made wherever there is an HTTP provider")
      }
      return try HTTPProvider(
        namespace: plan.namespace,
        baseURL: url,
        headers: headers,
        functions: functions,
        client: client
      )
    case .program(let functions):
      return try ProgramProvider(
        namespace: plan.namespace,
        functions: functions,
        clock: clock,
        deadlines: deadlines
      )
    case .demo(let definitions):
      return DemoProvider(namespace: plan.namespace, functions: definitions, world: world)
    }
  }

  /// Those that models are offered as functions; none where no workflow is.
  private static func workflows(of configuration: Configuration) -> [WorkflowProvider] {
    let provider = WorkflowProvider(
      configuration.engine.workflows,
      slots: configuration.engine.slots
    )
    return provider.functions.isEmpty ? [] : [provider]
  }

  private static func models(
    _ configuration: Configuration,
    connections: ModelConnections?,
    clock: any EngineClock,
    deadlines: DeadlineQueue,
    seed: UInt64
  ) -> [any Model] {
    configuration.models.compactMap { plan in
      guard case .openAI(let model) = plan.kind, let connections else { return nil }
      return OpenAIModel(
        name: plan.name,
        baseURL: model.url,
        model: model.model,
        apiKey: model.key,
        headers: model.headers,
        stream: model.stream,
        extra: model.body,
        timeouts: model.timeouts,
        retry: model.retry,
        clock: clock,
        deadlines: deadlines,
        seed: seed,
        connections: connections
      )
    }
  }

  /// What the file said when it was read last.
  var configuration: Configuration { current.withLock { $0 } }

  /// Takes what a file says now: functions, rules, access, limits and people in one step.
  ///
  /// What runs and what waits goes on; see `Engine.reload`. Where the configuration can't be used nothing has changed.
  func reload(
    _ configuration: Configuration,
    by person: String? = nil
  ) async throws -> ConfigurationChange {
    let before = self.configuration
    var change = ConfigurationChange(from: before, to: configuration)
    let registry: FunctionRegistry
    do {
      let client = configuration.needsClient ? clientOrNew() : nil
      let providers = try configuration.providers.map { plan in
        try Self.provider(plan, client: client, world: world, clock: clock, deadlines: deadlines)
      }
      // A key of the file before may still be in what functions say.
      let old = Set(before.engine.secretValues).subtracting(configuration.engine.secretValues)
      let workflows = Self.workflows(of: configuration)
      for provider in workflows { provider.serve(engine) }
      registry = try FunctionRegistry(
        MockProvider.laying(overlays, over: providers + workflows),
        secrets: configuration.secrets,
        secretValues: configuration.engine.secretValues + old.sorted()
      )
    } catch {
      throw Failure(.fileIsWrong, "The configuration can't be used: \(error)")
    }
    change.functions = await engine.reload(
      registry,
      configuration.engine,
      by: person,
      cause: change.sentence
    )
    current.withLock { $0 = configuration }
    return change
  }

  private func clientOrNew() -> HTTPClient {
    client.withLock { client in
      if let client { return client }
      let new = HTTPClient(configuration: HTTPProvider.clientConfiguration)
      client = new
      return new
    }
  }

  /// Starts a conversation with a configured model, or with a script.
  ///
  /// `name`: by which the store knows from then on that it has begun.
  func start(
    _ plan: Configuration.ConversationPlan,
    caller: Principal? = nil,
    named name: String? = nil
  ) throws -> ConversationID {
    guard let caller = caller ?? configuration.people.caller(named: plan.caller) else {
      throw Failure(
        .fileIsWrong,
        "The caller \(plan.caller) of a conversation is not among callers."
      )
    }
    var request = ConversationRequest(
      title: Self.title(of: plan) ?? plan.model,
      caller: caller,
      model: plan.model,
      system: plan.system,
      messages: plan.messages,
      setup: Conversation.Setup(
        toolChoice: plan.toolChoice,
        toolChoiceAfter: plan.toolChoiceAfter,
        parallelToolCalls: plan.parallel,
        plan: name
      )
    )
    do throws(ConfigurationMistake) {
      guard let script = script(named: plan.model) else { return try engine.start(request) }
      let ordinal = nextOrdinal(of: script.name)
      let model = ScriptedModel(
        name: plan.model,
        script: script,
        seed: seed,
        ordinal: ordinal,
        clock: clock,
        deadlines: deadlines
      )
      request.setup.made = [
        "script": .string(script.name), "seed": .string(String(seed)),
        "ordinal": .integer(Int64(ordinal)),
      ]
      request.title = plan.title ?? model.title
      let opening = model.opening
      request.system = plan.system ?? opening.first { $0.role == .system }?.text
      if plan.messages.isEmpty {
        request.messages = opening.filter { $0.role == .user }.compactMap(\.text)
      }
      return try engine.start(request, model: tape?.laid(over: model) ?? model)
    } catch {
      throw Failure(
        .fileIsWrong,
        "The conversation “\(request.title)” can't begin: \(error.message)"
      )
    }
  }

  /// What was found on the store that whoever starts should know; nil where that is nothing.
  var found: String? {
    let doubt = store.store.doubt.map { "\($0); see callboard audit verify" }
    let words = [doubt, taken.isEmpty ? nil : taken.sentence].compactMap { $0 }
    return words.isEmpty ? nil : words.joined(separator: "; ")
  }

  private func script(named name: String) -> Script? {
    if let script = configuration.scripts[name] { return script }
    for plan in configuration.models where plan.name == name {
      if case .script(let script) = plan.kind { return configuration.scripts[script] }
    }
    return nil
  }

  private func nextOrdinal(of script: String) -> Int {
    ordinals.withLock { ordinals in
      ordinals[script, default: 0] += 1
      return ordinals[script, default: 0]
    }
  }

  /// Stops the engine in order and closes every connection.
  func close(patience: Engine.Patience) async {
    await engine.stop(patience: patience)
    await abandon()
  }

  /// Closes every connection of an engine that has been stopped, or of which nothing goes on any more.
  func abandon() async {
    if let fault = store.close() {
      closingFault.withLock { $0 = fault }
      Output.error.line("callboard: what happened last was not stored: \(fault)")
    }
    await connections?.shutDown()
    try? await client.withLock { $0 }?.shutdown()
  }
}

extension Configuration {
  fileprivate var needsClient: Bool {
    providers.contains { if case .http = $0.kind { true } else { false } }
  }
}
