import Callboard
import JSONSchema
import Synchronization

/// A native function that does what a test says: it counts its executions, and can hold them until released.
public final class TestFunction: Sendable {
  /// What one execution does.
  public enum Behaviour: Sendable {
    case answer(JSONValue)
    /// Answers with its arguments.
    case echo
    case fail(CallFailure)
    /// Throws an error that is no `CallFailure`, as Swift code does.
    case raise(String)
    /// Waits until the test ends the attempt; one that is cancelled says that it got this far.
    case hold(whenCancelled: CallFailure.Reach)
    /// Waits until the test ends the attempt, and does not listen when it is cancelled.
    case ignoreCancellation
    /// Lets other tasks run this many times, and then answers with its arguments.
    case yield(Int)
  }

  /// One execution, as far as a test can reach into it.
  public struct Attempt: Sendable {
    public let invocation: Invocation
    fileprivate let gate: OneShot<Result<JSONValue, CallFailure>>

    public var id: CallID { invocation.call }

    public func answer(_ value: JSONValue) { gate.resolve(.success(value)) }

    public func fail(_ failure: CallFailure) { gate.resolve(.failure(failure)) }
  }

  private struct State {
    var plan: [Behaviour]
    var attempts: [Attempt] = []
    var waiters: [(number: Int, gate: OneShot<Attempt>)] = []
    var running = 0
    var peak = 0
  }

  public let name: String
  private let parameters: JSONValue
  private let configure: @Sendable (inout FunctionDefinition) -> Void
  private let state: Mutex<State>

  /// `plan` holds one behaviour an execution; the last one stands for all that follow.
  public convenience init(
    _ name: String,
    _ plan: Behaviour...,
    parameters: JSONValue = ["type": "object"],
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  ) {
    self.init(name, all: plan, parameters: parameters, configure: configure)
  }

  public init(
    _ name: String,
    all plan: [Behaviour],
    parameters: JSONValue = ["type": "object"],
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void
  ) {
    self.name = name
    self.parameters = parameters
    self.configure = configure
    state = Mutex(State(plan: plan.isEmpty ? [.echo] : plan))
  }

  /// For `NativeProvider`.
  public var native: NativeFunction {
    NativeFunction(
      name,
      "The function \(name) of a test",
      parameters: parameters,
      configure: configure
    ) { [self] in try await run($0) }
  }

  /// How often it has been run.
  public var executions: Int { state.withLock { $0.attempts.count } }

  public var invocations: [Invocation] { state.withLock { $0.attempts.map(\.invocation) } }

  /// Most executions at one time so far.
  public var peak: Int { state.withLock { $0.peak } }

  /// Executions under way.
  public var running: Int { state.withLock { $0.running } }

  /// Replaces what is planned for the executions to come.
  public func plan(_ plan: Behaviour...) { state.withLock { $0.plan = plan } }

  /// The execution with this number, counted from 1, once it has begun: its time-out runs by then.
  public func attempt(_ number: Int) async -> Attempt {
    let gate = OneShot<Attempt>()
    let begun = state.withLock { state -> Attempt? in
      if state.attempts.count >= number { return state.attempts[number - 1] }
      state.waiters.append((number, gate))
      return nil
    }
    if let begun { return begun }
    return await gate.value
  }

  private func run(_ invocation: Invocation) async throws -> JSONValue {
    let attempt = Attempt(invocation: invocation, gate: OneShot())
    let (behaviour, waiters) = state.withLock { state -> (Behaviour, [OneShot<Attempt>]) in
      state.attempts.append(attempt)
      state.running += 1
      state.peak = max(state.peak, state.running)
      let number = state.attempts.count
      let waiters = state.waiters.filter { $0.number == number }.map(\.gate)
      state.waiters.removeAll { $0.number == number }
      return (state.plan.count > 1 ? state.plan.removeFirst() : state.plan[0], waiters)
    }
    defer { state.withLock { $0.running -= 1 } }
    for waiter in waiters { waiter.resolve(attempt) }
    switch behaviour {
    case .answer(let value): return value
    case .echo: return invocation.arguments
    case .fail(let failure): throw failure
    case .raise(let text): throw Raised(description: text)
    case .hold(let reach):
      return try await withTaskCancellationHandler {
        await attempt.gate.value
      } onCancel: {
        attempt.fail(CallFailure(.cancelled, "stopped while it ran", reach: reach))
      }.get()
    case .ignoreCancellation: return try await attempt.gate.value.get()
    case .yield(let times):
      for _ in 0..<times { await Task.yield() }
      return invocation.arguments
    }
  }

  private struct Raised: Error, CustomStringConvertible {
    var description: String
  }
}
