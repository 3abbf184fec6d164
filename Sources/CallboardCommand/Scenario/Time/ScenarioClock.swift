import Callboard
import Foundation
import Synchronization

/// The time of a scenario: it stands still while anything is on its way, and goes on to the next deadline when nothing is.
///
/// While something takes real time, such as a program or an HTTP server, it runs with the machine's; where the
/// scenario says `clock: real` it always does. Steps may set it forward at any time.
final class ScenarioClock: EngineClock {
  private struct Follower: Sendable {
    let key: ObjectIdentifier
    weak var queue: DeadlineQueue?
    /// The first moment at which it is looked after already, while time runs by itself.
    var alarm: Duration?
  }

  private struct State {
    /// How far it is ahead of the machine's, while it runs with that.
    var ahead = Duration.zero
    /// Where it stands; nil while it runs.
    var standsAt: Duration?
    /// What takes real time now.
    var works = 0
    /// In the order in which each had something to wait for first, so that what is due at one moment has an order, too.
    var followers: [Follower] = []
    var onWake: (@Sendable () -> Void)?

    subscript(key: ObjectIdentifier) -> Follower? {
      get { followers.first { $0.key == key } }
      set {
        switch (followers.firstIndex { $0.key == key }, newValue) {
        case (let index?, let follower?): followers[index] = follower
        case (let index?, nil): followers.remove(at: index)
        case (nil, let follower?): followers.append(follower)
        case (nil, nil): break
        }
      }
    }
  }

  /// One for all scenarios: it has a thread of its own, which stays.
  static let machine = SystemClock()

  private let base = ScenarioClock.machine
  private let start: Date
  private let alarms: DeadlineQueue
  private let state: Mutex<State>

  /// `isReal`: it runs with the machine's from beginning to end.
  init(isReal: Bool) {
    alarms = DeadlineQueue(clock: base)
    start = base.now
    var state = State()
    if isReal {
      state.works = 1
      state.ahead = .zero - base.monotonic
    } else {
      state.standsAt = .zero
    }
    self.state = Mutex(state)
  }

  var now: Date { start.addingTimeInterval(monotonic / .seconds(1)) }
  var monotonic: Duration { state.withLock { $0.standsAt ?? base.monotonic + $0.ahead } }

  /// Whom to tell that something waits for another moment than before.
  func onWake(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.onWake = wake } }

  func wake(_ queue: DeadlineQueue, at deadline: Duration) {
    let key = ObjectIdentifier(queue)
    typealias Todo = (alarm: Duration?, onWake: (@Sendable () -> Void)?)
    let todo = state.withLock { state -> Todo in
      var follower = state[key] ?? Follower(key: key, queue: queue)
      follower.queue = queue
      defer { state[key] = follower }
      if state.standsAt != nil { return (nil, state.onWake) }
      if let alarm = follower.alarm, alarm <= deadline { return (nil, nil) }
      follower.alarm = deadline
      return (deadline - state.ahead, nil)
    }
    todo.onWake?()
    if let alarm = todo.alarm { setAlarm(key, at: alarm) }
  }

  /// Nothing in this queue comes any more.
  func forget(_ queue: DeadlineQueue) {
    state.withLock { $0[ObjectIdentifier(queue)] = nil }
  }

  /// Sets the time forward in one go, and does at once what is due by then.
  func advance(by duration: Duration) {
    let keys = state.withLock { state in
      if let at = state.standsAt { state.standsAt = at + duration } else { state.ahead += duration }
      return state.followers.map(\.key)
    }
    for key in keys { fire(key) }
  }

  // MARK: - Standing still

  /// Does what is due now; returns the next deadline, nil where there is none or time runs by itself.
  func fireDue() -> Duration? {
    let (now, queues) = state.withLock { state in
      (state.standsAt, state.followers.compactMap(\.queue))
    }
    guard let now else { return nil }
    for queue in queues { queue.fire(at: now) }
    return queues.compactMap { $0.firstDue(at: now) }.min()
  }

  /// Goes on to a deadline, unless something takes real time meanwhile.
  func pass(to deadline: Duration) {
    state.withLock { state in
      guard let at = state.standsAt, deadline > at else { return }
      state.standsAt = deadline
    }
  }

  var isStanding: Bool { state.withLock { $0.standsAt != nil } }

  /// Does something that takes real time: meanwhile time runs with the machine's.
  func inRealTime<Outcome, Failure: Error>(
    _ body: () async throws(Failure) -> Outcome
  ) async throws(Failure) -> Outcome {
    beginRealTime()
    defer { endRealTime() }
    return try await body()
  }

  private func beginRealTime() {
    let keys = state.withLock { state -> [ObjectIdentifier] in
      state.works += 1
      guard let at = state.standsAt else { return [] }
      state.standsAt = nil
      state.ahead = at - base.monotonic
      for index in state.followers.indices { state.followers[index].alarm = at }
      return state.followers.map(\.key)
    }
    // Not here: what is due acts on whatever thread it is fired on.
    for key in keys { setAlarm(key, at: .zero) }
  }

  private func endRealTime() {
    let onWake = state.withLock { state in
      state.works -= 1
      guard state.works == 0 else { return nil as (@Sendable () -> Void)? }
      state.standsAt = base.monotonic + state.ahead
      return state.onWake
    }
    onWake?()
  }

  // MARK: - Running

  private func setAlarm(_ key: ObjectIdentifier, at moment: Duration) {
    alarms.schedule(at: max(moment, .zero)) { [weak self] in
      guard let self, !isStanding else { return }
      fire(key)
    }
  }

  private func fire(_ key: ObjectIdentifier) {
    let queue = state.withLock { state in
      state[key]?.alarm = nil
      return state[key]?.queue
    }
    guard let queue else {
      state.withLock { $0[key] = nil }
      return
    }
    if let next = queue.fire(at: monotonic) { wake(queue, at: next) }
  }
}
