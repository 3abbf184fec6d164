import Callboard
import Foundation
import Synchronization

/// One engine's time in a scenario: when it is over, nothing of that engine goes on, as after kill -9.
///
/// Its tasks run by way of this executor and its timers by this queue, so both can be dropped: what a dead engine's task
/// waited for may still come, and finds nobody.
final class Life: TaskExecutor {
  let deadlines: DeadlineQueue
  private let clock: MortalClock
  private let executor: ScenarioExecutor
  private let going = Mutex<[Going]>([])

  /// Something that one may wait for; over also when this life is.
  final class Going: Sendable {
    fileprivate let isOver = OneShot<Void>()
    fileprivate let isCounted: Bool

    fileprivate init(isCounted: Bool) { self.isCounted = isCounted }

    var end: Void { get async { await isOver.value } }
  }

  init(on executor: ScenarioExecutor, clock: ScenarioClock) {
    self.executor = executor
    self.clock = MortalClock(clock)
    deadlines = DeadlineQueue(clock: self.clock)
  }

  var isOver: Bool { clock.isOver }

  /// The scenario's clock, which wakes nobody who is dead.
  private final class MortalClock: EngineClock {
    let base: ScenarioClock
    private let hasEnded = Atomic<Bool>(false)

    init(_ base: ScenarioClock) { self.base = base }

    var isOver: Bool { hasEnded.load(ordering: .acquiring) }
    var now: Date { base.now }
    var monotonic: Duration { base.monotonic }

    func wake(_ queue: DeadlineQueue, at deadline: Duration) {
      if !isOver { base.wake(queue, at: deadline) }
    }

    func end(_ queue: DeadlineQueue) {
      hasEnded.store(true, ordering: .releasing)
      base.forget(queue)
    }
  }

  func enqueue(_ job: consuming ExecutorJob) { executor.enqueue(job, of: self) }

  /// Does something of this engine's, as its own task.
  ///
  /// `isCounted`: `ended` waits for it; else whoever began it may.
  @discardableResult
  func begin(
    isCounted: Bool = true,
    _ body: @escaping @Sendable () async -> Void
  ) -> Going {
    let going = Going(isCounted: isCounted)
    self.going.withLock { $0.append(going) }
    if isOver { going.isOver.resolve(()) }
    Task(executorPreference: self) {
      await body()
      going.isOver.resolve(())
    }
    return going
  }

  /// From here on nothing of it goes on, and nobody waits for it.
  func end() {
    clock.end(deadlines)
    for going in going.withLock({ $0 }) { going.isOver.resolve(()) }
  }

  /// Waits for everything that was begun and is counted.
  func ended() async {
    for going in going.withLock({ $0 }) where going.isCounted { await going.end }
  }
}
