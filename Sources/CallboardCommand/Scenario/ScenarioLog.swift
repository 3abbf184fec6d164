import Callboard
import Synchronization

/// Every event of a scenario's engine, and who waits for which.
final class ScenarioLog: Sendable {
  private struct State {
    var events: [EngineEvent] = []
    var received: [CallID] = []
    var waiters: [Waiter] = []
    var isOver = false
  }

  private struct Waiter {
    var matches: @Sendable (EngineEvent) -> Bool
    /// How many more of them.
    var missing: Int
    /// It is told when nothing is left that could bring it.
    var givesUp: Bool
    var found: OneShot<EngineEvent?>
  }

  private let state = Mutex(State())
  private let needs: AsyncStream<CallID>
  private let needsPerson: AsyncStream<CallID>.Continuation

  init() {
    (needs, needsPerson) = AsyncStream<CallID>.makeStream()
  }

  /// Calls as they come to wait for a person, until the scenario is over.
  ///
  /// One reader.
  var waitingCalls: AsyncStream<CallID> { needs }

  /// Takes an event over; called under the store's lock.
  func add(_ event: EngineEvent) {
    let reached = state.withLock { state -> [OneShot<EngineEvent?>] in
      state.events.append(event)
      if event.type == .call(.received), let id = event.call?.id { state.received.append(id) }
      var reached: [OneShot<EngineEvent?>] = []
      state.waiters = state.waiters.compactMap { waiter in
        guard waiter.matches(event) else { return waiter }
        var waiter = waiter
        waiter.missing -= 1
        guard waiter.missing <= 0 else { return waiter }
        reached.append(waiter.found)
        return nil
      }
      return reached
    }
    for found in reached { found.resolve(event) }
    if case .call(let word) = event.type, word.needsPerson, let id = event.call?.id {
      needsPerson.yield(id)
    }
  }

  var events: [EngineEvent] { state.withLock { $0.events } }
  var count: Int { state.withLock { $0.events.count } }

  /// The call that came after so many others.
  func received(_ index: Int) -> CallID? {
    state.withLock { $0.received.indices.contains(index) ? $0.received[index] : nil }
  }

  /// Waits for an event, counted from a place in the log; nil when the scenario is over before.
  ///
  /// `givesUp`: nil also when nothing is left that could bring it.
  func event(
    from start: Int = 0,
    count: Int = 1,
    givesUp: Bool = false,
    where matches: @escaping @Sendable (EngineEvent) -> Bool
  ) async -> EngineEvent? {
    let found = OneShot<EngineEvent?>()
    state.withLock { state in
      let known = state.events.dropFirst(start).filter(matches)
      if known.count >= count {
        found.resolve(known[known.startIndex + count - 1])
      } else if state.isOver {
        found.resolve(nil)
      } else {
        state.waiters.append(
          Waiter(
            matches: matches,
            missing: count - known.count,
            givesUp: givesUp,
            found: found
          )
        )
      }
    }
    return await found.value
  }

  /// Nothing is left that could bring anything: whoever gives up then hears so; false where nobody does.
  func giveUp() -> Bool {
    let waiters = state.withLock { state in
      defer { state.waiters.removeAll(where: \.givesUp) }
      return state.waiters.filter(\.givesUp)
    }
    for waiter in waiters { waiter.found.resolve(nil) }
    return !waiters.isEmpty
  }

  /// Nobody waits any longer.
  func end() {
    let waiters = state.withLock { state in
      state.isOver = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.found.resolve(nil) }
    needsPerson.finish()
  }
}
