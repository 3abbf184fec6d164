import Callboard
import CallboardProviders
import Foundation
import JSONSchema
import Synchronization

/// Functions that answer as a scenario says: values, failures with their reach, delays, silence.
///
/// Laid over a provider of the same namespace it answers for its own functions and hands on to it whatever no answer is
/// given for. What goes wrong by the scenario's faults goes wrong with both.
final class MockProvider: FunctionProvider {
  let namespace: String
  let scene: Scene
  private let base: (any FunctionProvider)?
  private let mocks: [String: Mock]
  /// What it has given, and what it says of its functions now; one for each namespace, over all engines of a scenario.
  private let memory: Memory

  /// What the mocks of a scenario share.
  struct Scene: Sendable {
    var clock: ScenarioClock
    var deadlines: DeadlineQueue
    var seed: UInt64
    var faults: Faults
  }

  private struct State {
    /// Attempts at each function.
    var counts: [String: Int] = [:]
    /// How often each answer of a function was given.
    var given: [String: [Int]] = [:]
    /// By name; one that was removed is not there.
    var definitions: [String: FunctionDefinition]
    var observers: [Int: @Sendable () -> Void] = [:]
    var lastObserver = 0
  }

  private final class Memory: Sendable {
    /// Its definitions are a server's word, not this machine's.
    let isServer: Bool
    let state: Mutex<State>

    init(_ mocks: [Mock], isServer: Bool) {
      self.isServer = isServer
      let definitions = mocks.map { ($0.definition.name.description, $0.definition) }
      state = Mutex(State(definitions: Dictionary(definitions) { first, _ in first }))
    }
  }

  /// `isServer`: what it says of its functions may change, and a person has to accept that.
  convenience init(namespace: String, mocks: [Mock], isServer: Bool, in scene: Scene) {
    self.init(
      namespace: namespace,
      mocks: Dictionary(mocks.map { ($0.definition.name.description, $0) }) { first, _ in first },
      over: nil,
      in: scene,
      memory: Memory(mocks, isServer: isServer)
    )
  }

  private init(
    namespace: String,
    mocks: [String: Mock],
    over base: (any FunctionProvider)?,
    in scene: Scene,
    memory: Memory
  ) {
    self.namespace = namespace
    self.mocks = mocks
    self.base = base
    self.scene = scene
    self.memory = memory
  }

  var functions: [FunctionDefinition] {
    let own = memory.state.withLock { $0.definitions.values }
    return own.sorted { $0.name.description < $1.name.description }
      + (base?.functions ?? []).filter { mocks[$0.name.description] == nil }
  }

  var identity: String {
    base.map { mocks.isEmpty ? $0.identity : "mock:" + namespace } ?? "mock:" + namespace
  }

  func identity(of function: FunctionName) -> String {
    guard mocks[function.description] == nil, let base else { return "mock:" + namespace }
    return base.identity(of: function)
  }

  var summary: String {
    base.map { mocks.isEmpty ? $0.summary : "mocks over \($0.summary)" } ?? "mocks"
  }

  var definitionsAreLocal: Bool { !memory.isServer && base?.definitionsAreLocal ?? true }

  func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken? {
    let below = base?.onChange(changed)
    guard memory.isServer else { return below }
    let number = memory.state.withLock { state in
      state.lastObserver += 1
      state.observers[state.lastObserver] = changed
      return state.lastObserver
    }
    return ObservationToken { [memory] in
      withExtendedLifetime(below) { memory.state.withLock { $0.observers[number] = nil } }
    }
  }

  /// Says something else of a function from now on, and tells whoever follows; one that was removed is there again.
  func announce(_ function: FunctionName, _ change: (inout FunctionDefinition) -> Void) {
    let name = function.description
    tell { definitions in
      guard var definition = definitions[name] ?? mocks[name]?.definition else { return }
      change(&definition)
      definitions[name] = definition
    }
  }

  func remove(_ function: FunctionName) { tell { $0[function.description] = nil } }

  private func tell(_ change: (inout [String: FunctionDefinition]) -> Void) {
    let observers = memory.state.withLock { state in
      change(&state.definitions)
      return state.observers.sorted { $0.key < $1.key }.map(\.value)
    }
    for changed in observers { changed() }
  }

  /// The providers, with mocks in front of those of the same namespace.
  static func laying(
    _ overlays: [MockProvider],
    over providers: [any FunctionProvider]
  ) -> [any FunctionProvider] {
    var result: [any FunctionProvider] = []
    for provider in providers {
      guard let mock = overlays.first(where: { $0.namespace == provider.namespace }) else {
        result.append(provider)
        continue
      }
      result.append(
        MockProvider(
          namespace: mock.namespace,
          mocks: mock.mocks,
          over: provider.takesRealTime
            ? RealTimeProvider(base: provider, clock: mock.scene.clock) : provider,
          in: mock.scene,
          memory: mock.memory
        )
      )
    }
    let known = Set(providers.map(\.namespace))
    return result + overlays.filter { !known.contains($0.namespace) && !$0.mocks.isEmpty }
  }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    let name = invocation.function.description
    let count = memory.state.withLock { state in
      state.counts[name, default: 0] += 1
      return state.counts[name, default: 0]
    }
    let stroke = scene.faults.strike(invocation, count: count, at: scene.clock.monotonic)
    try await wait(stroke.delay, for: name)
    switch stroke.effect {
    case .fail(let failure): throw failure
    case .hang: throw await hang(name)
    case .truncate(let cut):
      let value = try await answer(invocation, count: count)
      return try Faults.truncating(value, to: cut, of: invocation.function)
    case .delay, nil: return try await answer(invocation, count: count)
    }
  }

  private func answer(_ invocation: Invocation, count: Int) async throws(CallFailure) -> JSONValue {
    let name = invocation.function.description
    guard let mock = mocks[name] else { return try await pass(invocation) }
    guard let (answer, times) = next(of: mock, for: invocation.arguments) else {
      guard base?.functions.contains(where: { $0.name == invocation.function }) != true else {
        return try await pass(invocation)
      }
      throw CallFailure(
        .functionThrew,
        "The scenario has no answer of \(name) to these arguments.",
        reach: .notSent
      )
    }
    if let after = answer.after {
      var generator = SeededGenerator(seed: scene.seed, name.stableHash, UInt64(count))
      let time = after.draw(using: &generator)
      if answer.ignoresStop { await waitDeaf(time) } else { try await wait(time, for: name) }
    }
    switch answer.kind {
    case .value(let template): return try value(template, for: invocation, count: count)
    case .sequence(let templates):
      return try value(templates[min(times, templates.count) - 1], for: invocation, count: count)
    case .echo: return invocation.arguments
    case .fail(let failure): throw failure
    case .hang: throw await hang(name, answer.ignoresStop)
    case .pass: return try await pass(invocation)
    }
  }

  private func pass(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    guard let base else {
      throw CallFailure(
        .unknownFunction,
        "\(invocation.function) is not a function of \(namespace)."
      )
    }
    return try await base.invoke(invocation)
  }

  private func value(
    _ template: WorkflowTemplate,
    for invocation: Invocation,
    count: Int
  ) throws(CallFailure) -> JSONValue {
    do throws(WorkflowTemplate.Missing) {
      return try template.value(in: Mock.context(of: invocation, count: count))
    } catch {
      throw CallFailure(
        .functionThrew,
        "The scenario's answer of \(invocation.function) can't be made: ${\(error.reference.text)} has no value.",
        reach: .notSent
      )
    }
  }

  private func wait(_ duration: Duration, for name: String) async throws(CallFailure) {
    guard duration > .zero else { return }
    do {
      try await scene.clock.sleep(for: duration, on: scene.deadlines)
    } catch {
      throw CallFailure(.cancelled, "\(name) was stopped.", reach: .maybe)
    }
  }

  /// Also when it is told to stop.
  private func waitDeaf(_ duration: Duration) async {
    let gate = OneShot<Void>()
    scene.deadlines.schedule(at: scene.clock.monotonic + duration) { gate.resolve(()) }
    await gate.value
  }

  /// Until it is stopped.
  private func hang(_ name: String, _ ignoresStop: Bool = false) async -> CallFailure {
    let stopped = OneShot<Void>()
    await withTaskCancellationHandler {
      await stopped.value
    } onCancel: {
      if !ignoresStop { stopped.resolve(()) }
    }
    return CallFailure(.cancelled, "\(name) was stopped.", reach: .maybe)
  }

  func errorOutput(of call: CallID, attempt: Int) -> String? {
    base?.errorOutput(of: call, attempt: attempt)
  }

  /// The first answer that fits and is not used up, else the last that fits; and how often it is given with this time.
  private func next(of mock: Mock, for arguments: JSONValue) -> (Mock.Answer, times: Int)? {
    let fitting = mock.answers.indices.filter { mock.answers[$0].when?.isValid(arguments) ?? true }
    guard let last = fitting.last else { return nil }
    return memory.state.withLock { state in
      let name = mock.definition.name.description
      var given = state.given[name] ?? Array(repeating: 0, count: mock.answers.count)
      let index = fitting.first { given[$0] < mock.answers[$0].times } ?? last
      given[index] += 1
      state.given[name] = given
      return (mock.answers[index], given[index])
    }
  }
}

extension FunctionProvider {
  /// Whether something outside of this process does the work.
  fileprivate var takesRealTime: Bool { self is HTTPProvider || self is ProgramProvider }
}
