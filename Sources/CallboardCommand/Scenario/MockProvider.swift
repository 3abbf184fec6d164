import Callboard
import Foundation
import JSONSchema
import Synchronization

/// Functions that answer as a scenario says: values, failures with their reach, delays, silence.
///
/// Laid over a provider of the same namespace it answers for its own functions and hands the others on.
final class MockProvider: FunctionProvider {
  let namespace: String
  let functions: [FunctionDefinition]
  var identity: String { "mock:" + namespace }
  var summary: String { base.map { "mocks over \($0.summary)" } ?? "mocks" }
  private let base: (any FunctionProvider)?
  private let mocks: [String: Mock]
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue
  private let taken = Mutex<[String: [Int]]>([:])

  /// A function and what it answers, one answer an attempt; the last that fits stays.
  struct Mock: Sendable {
    var definition: FunctionDefinition
    var answers: [Answer]
  }

  struct Answer: Sendable {
    var when: Schema?
    var times = 1
    var after: Duration = .zero
    var kind: Kind

    enum Kind: Sendable {
      case value(JSONValue)
      case echo
      case fail(CallFailure)
      case hang
    }
  }

  init(
    namespace: String,
    mocks: [Mock],
    over base: (any FunctionProvider)? = nil,
    clock: any EngineClock,
    deadlines: DeadlineQueue
  ) {
    self.namespace = namespace
    self.base = base
    self.clock = clock
    self.deadlines = deadlines
    self.mocks = Dictionary(mocks.map { ($0.definition.name.description, $0) }) { first, _ in first
    }
    let own = Set(mocks.map(\.definition.name))
    functions = mocks.map(\.definition) + (base?.functions ?? []).filter { !own.contains($0.name) }
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
          over: provider,
          clock: mock.clock,
          deadlines: mock.deadlines
        )
      )
    }
    let known = Set(providers.map(\.namespace))
    return result + overlays.filter { !known.contains($0.namespace) }
  }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    let name = invocation.function.description
    guard let mock = mocks[name] else {
      guard let base else {
        throw CallFailure(.unknownFunction, "\(name) is not a function of \(namespace).")
      }
      return try await base.invoke(invocation)
    }
    guard let answer = next(of: mock, for: invocation.arguments) else {
      throw CallFailure(
        .functionThrew,
        "The scenario has no answer of \(name) to these arguments.",
        reach: .notSent
      )
    }
    do {
      if case .hang = answer.kind {
        try await clock.sleep(for: .seconds(86_400), on: deadlines)
      } else if answer.after > .zero {
        try await clock.sleep(for: answer.after, on: deadlines)
      }
    } catch {
      throw CallFailure(.cancelled, "\(name) was stopped.", reach: .maybe)
    }
    switch answer.kind {
    case .value(let value): return value
    case .echo: return invocation.arguments
    case .fail(let failure): throw failure
    case .hang: throw CallFailure(.timeout, "\(name) never answered.", reach: .maybe)
    }
  }

  func errorOutput(of call: CallID, attempt: Int) -> String? {
    base?.errorOutput(of: call, attempt: attempt)
  }

  /// The first answer that fits and is not used up, else the last that fits.
  private func next(of mock: Mock, for arguments: JSONValue) -> Answer? {
    let fitting = mock.answers.indices.filter { mock.answers[$0].when?.isValid(arguments) ?? true }
    guard let last = fitting.last else { return nil }
    return taken.withLock { taken in
      let name = mock.definition.name.description
      var counts = taken[name] ?? Array(repeating: 0, count: mock.answers.count)
      let index = fitting.first { counts[$0] < mock.answers[$0].times } ?? last
      counts[index] += 1
      taken[name] = counts
      return mock.answers[index]
    }
  }
}
