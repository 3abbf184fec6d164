import Callboard
import Synchronization

/// Every event of an engine from now on, in order, and a way to wait for those that matter.
public struct EventRecorder: Sendable {
  private let log = Log()
  private let token: ObservationToken

  public init(_ engine: Engine) {
    let log = log
    token = engine.follow { log.take($0) }
  }

  /// What has come so far.
  public var all: [EngineEvent] { log.state.withLock { $0.events } }

  public func all(where matches: (EngineEvent) -> Bool) -> [EngineEvent] { all.filter(matches) }

  /// The events of one call.
  public func all(of call: CallID) -> [EngineEvent] { all { $0.call?.id == call } }

  /// The states that a call went through, in words.
  public func states(of call: CallID) -> [CallState.Word] {
    all(of: call).compactMap { event in
      if case .call(let word) = event.type { word } else { nil }
    }
  }

  /// The event that makes it `count` of those that match, now or when it comes.
  @discardableResult
  public func wait(
    _ count: Int = 1,
    where matches: @escaping @Sendable (EngineEvent) -> Bool
  ) async -> EngineEvent {
    let gate = OneShot<EngineEvent>()
    let found = log.state.withLock { state -> EngineEvent? in
      var left = count
      for event in state.events where matches(event) {
        left -= 1
        if left == 0 { return event }
      }
      state.waiters.append(Waiter(matches: matches, left: left, gate: gate))
      return nil
    }
    if let found { return found }
    return await gate.value
  }

  /// The event of this type.
  @discardableResult
  public func wait(for type: EngineEvent.Kind, _ count: Int = 1) async -> EngineEvent {
    await wait(count) { $0.type == type }
  }

  /// The event that brought a call into this state; `attempt` where that is told.
  @discardableResult
  public func wait(
    for state: CallState.Word,
    of call: CallID,
    attempt: Int? = nil
  ) async -> EngineEvent {
    await wait { event in
      event.type == .call(state) && event.call?.id == call
        && (attempt == nil || event.call?.attempt == attempt)
    }
  }

  /// The event that brought the `count`th call of a function into this state.
  @discardableResult
  public func wait(
    for state: CallState.Word,
    function: String,
    _ count: Int = 1
  ) async -> EngineEvent {
    await wait(count) { $0.type == .call(state) && $0.call?.function == function }
  }

  private struct Waiter {
    var matches: @Sendable (EngineEvent) -> Bool
    var left: Int
    var gate: OneShot<EngineEvent>
  }

  private final class Log: Sendable {
    struct State {
      var events: [EngineEvent] = []
      var waiters: [Waiter] = []
    }

    let state = Mutex(State())

    func take(_ event: EngineEvent) {
      let ready: [OneShot<EngineEvent>] = state.withLock { state in
        state.events.append(event)
        var ready: [OneShot<EngineEvent>] = []
        for index in state.waiters.indices where state.waiters[index].matches(event) {
          state.waiters[index].left -= 1
          if state.waiters[index].left == 0 { ready.append(state.waiters[index].gate) }
        }
        if !ready.isEmpty { state.waiters.removeAll { $0.left == 0 } }
        return ready
      }
      for gate in ready { gate.resolve(event) }
    }
  }
}

/// Lets other tasks run until a condition holds that no event tells of.
public func eventually(_ condition: @Sendable () -> Bool) async {
  while !condition() { await Task.yield() }
}
