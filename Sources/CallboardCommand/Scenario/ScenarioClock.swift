import Callboard
import Foundation
import Synchronization

/// The machine's clock, which the steps of a scenario can set forward: what waits for minutes is played in no time.
final class ScenarioClock: EngineClock {
  private struct Follower: Sendable {
    weak var queue: DeadlineQueue?
    /// The first moment at which it is looked after already.
    var alarm: Duration?
  }

  private struct State {
    var ahead = Duration.zero
    var followers: [ObjectIdentifier: Follower] = [:]
  }

  private let base = SystemClock()
  private let alarms: DeadlineQueue
  private let state = Mutex(State())

  init() { alarms = DeadlineQueue(clock: base) }

  var now: Date { base.now.addingTimeInterval(state.withLock { $0.ahead } / .seconds(1)) }
  var monotonic: Duration { base.monotonic + state.withLock { $0.ahead } }

  func wake(_ queue: DeadlineQueue, at deadline: Duration) {
    let key = ObjectIdentifier(queue)
    let wait = state.withLock { state -> Duration? in
      var follower = state.followers[key] ?? Follower(queue: queue)
      follower.queue = queue
      defer { state.followers[key] = follower }
      if let alarm = follower.alarm, alarm <= deadline { return nil }
      follower.alarm = deadline
      return deadline - state.ahead
    }
    guard let wait else { return }
    alarms.schedule(at: max(wait, .zero)) { [weak self] in self?.fire(key) }
  }

  /// Sets the time forward, and does at once what is due by then.
  func advance(by duration: Duration) {
    let keys = state.withLock { state in
      state.ahead += duration
      return Array(state.followers.keys)
    }
    for key in keys { fire(key) }
  }

  private func fire(_ key: ObjectIdentifier) {
    let queue = state.withLock { state in
      state.followers[key]?.alarm = nil
      return state.followers[key]?.queue
    }
    guard let queue else {
      state.withLock { $0.followers[key] = nil }
      return
    }
    if let next = queue.fire(at: monotonic) { wake(queue, at: next) }
  }
}
