import Callboard
import Foundation
import Synchronization

/// A clock that stands still until a test moves it.
public final class ManualClock: EngineClock {
  private struct State {
    var now: Date
    var monotonic: Duration = .zero
    var queues: [ObjectIdentifier: Weak] = [:]
  }

  private struct Weak: Sendable {
    weak let queue: DeadlineQueue?
  }

  private let state: Mutex<State>

  /// Starts at 2026-11-22 10:00:00 UTC unless said.
  public init(now: Date = Date(timeIntervalSince1970: 1_795_341_600)) {
    state = Mutex(State(now: now))
  }

  public var now: Date { state.withLock { $0.now } }
  public var monotonic: Duration { state.withLock { $0.monotonic } }

  /// Fires at once what is due already, as a real clock would.
  public func wake(_ queue: DeadlineQueue, at deadline: Duration) {
    let now = state.withLock { state in
      state.queues[ObjectIdentifier(queue)] = Weak(queue: queue)
      return state.monotonic
    }
    if deadline <= now { queue.fire(at: now) }
  }

  /// Moves both times on, and fires every deadline on the way, in order.
  public func advance(by duration: Duration) {
    let target = monotonic + duration
    while true {
      let queues = state.withLock { $0.queues.values.compactMap(\.queue) }
      let next = queues.compactMap { $0.fire(at: monotonic) }.min()
      guard let next, next <= target else { break }
      move(to: next)
    }
    move(to: target)
    for queue in state.withLock({ $0.queues.values.compactMap(\.queue) }) { queue.fire(at: target) }
  }

  /// Somebody sets the wall clock: nothing is told of it, as on a real machine.
  public func setWall(by seconds: TimeInterval) {
    state.withLock { $0.now += seconds }
  }

  private func move(to monotonic: Duration) {
    state.withLock { state in
      guard monotonic > state.monotonic else { return }
      state.now += (monotonic - state.monotonic) / .seconds(1)
      state.monotonic = monotonic
    }
  }
}
