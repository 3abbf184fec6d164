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
  private let state = Mutex(State())

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
  }

  init(namespace: String, mocks: [Mock], over base: (any FunctionProvider)? = nil, in scene: Scene)
  {
    self.namespace = namespace
    self.scene = scene
    self.base = base
    self.mocks = Dictionary(mocks.map { ($0.definition.name.description, $0) }) { first, _ in first
    }
  }

  var functions: [FunctionDefinition] {
    mocks.values.map(\.definition).sorted { $0.name.description < $1.name.description }
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

  var definitionsAreLocal: Bool { base?.definitionsAreLocal ?? true }

  func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken? {
    base?.onChange(changed)
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
          mocks: Array(mock.mocks.values),
          over: provider.takesRealTime
            ? RealTimeProvider(base: provider, clock: mock.scene.clock) : provider,
          in: mock.scene
        )
      )
    }
    let known = Set(providers.map(\.namespace))
    return result + overlays.filter { !known.contains($0.namespace) && !$0.mocks.isEmpty }
  }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    let name = invocation.function.description
    let count = state.withLock { state in
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
      try await wait(after.draw(using: &generator), for: name)
    }
    switch answer.kind {
    case .value(let template): return try value(template, for: invocation, count: count)
    case .sequence(let templates):
      return try value(templates[min(times, templates.count) - 1], for: invocation, count: count)
    case .echo: return invocation.arguments
    case .fail(let failure): throw failure
    case .hang: throw await hang(name)
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

  /// Until it is stopped.
  private func hang(_ name: String) async -> CallFailure {
    let stopped = OneShot<Void>()
    await withTaskCancellationHandler {
      await stopped.value
    } onCancel: {
      stopped.resolve(())
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
    return state.withLock { state in
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
