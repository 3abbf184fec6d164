import Callboard
import Foundation
import Synchronization

/// The one thread on which everything of a scenario runs, so that it is known when nothing of it is on its way.
///
/// Everything: the engine's tasks, mocks, scripted models, the people that rules stand in for, and the steps. A task
/// that can go on has a job here from the moment at which what it waited for has come. So when no job is left, and
/// nothing takes real time, all that is left waits for a moment: the clock goes on to the first of them. That is
/// decided on this thread, where no job runs meanwhile. One thread also means one order: the same scenario is played
/// the same way each time.
final class ScenarioExecutor: TaskExecutor {
  private struct State {
    /// With the engine that they are of, where they are of one.
    var jobs: [(job: UnownedJob, life: Life?)] = []
    var taken = 0
    var hasThread = false
    var isAsleep = false
    /// The clock has something new to be looked at.
    var isPoked = false
    var isOver = false
    /// How often time went on since a job ran last.
    var passes = 0

    var next: (job: UnownedJob, life: Life?)? {
      mutating get {
        guard taken < jobs.count else {
          jobs.removeAll(keepingCapacity: true)
          taken = 0
          isPoked = false
          return nil
        }
        passes = 0
        defer { taken += 1 }
        return jobs[taken]
      }
    }

    var hasJobs: Bool { taken < jobs.count }

    /// Whoever sleeps has to be woken.
    mutating func wakes() -> Bool {
      defer { isAsleep = false }
      return isAsleep
    }
  }

  /// So often time may go on without a job: a timer that only sets itself anew brings nothing.
  private static let mostPasses = 100_000

  private let state = Mutex(State())
  private let signal = MonotonicSemaphore()
  private let clock: ScenarioClock
  private let nothingLeft = Mutex<@Sendable () -> Void>({})

  init(clock: ScenarioClock) {
    self.clock = clock
    clock.onWake { [weak self] in self?.poke() }
  }

  /// What to do when nothing is on its way and no moment is waited for.
  func onNothingLeft(_ action: @escaping @Sendable () -> Void) {
    nothingLeft.withLock { $0 = action }
  }

  func enqueue(_ job: consuming ExecutorJob) { enqueue(job, of: nil) }

  /// One of an engine is dropped where that engine's life is over when its turn comes.
  func enqueue(_ job: consuming ExecutorJob, of life: Life?) {
    let job = UnownedJob(job)
    let (wakes, starts) = state.withLock { state in
      state.jobs.append((job, life))
      defer { state.hasThread = true }
      return (state.wakes(), !state.hasThread)
    }
    if starts { start() }
    if wakes { signal.signal() }
  }

  /// The thread goes when it has nothing to do; for what comes after that there is another one.
  func end() {
    let wakes = state.withLock { state in
      state.isOver = true
      return state.wakes()
    }
    if wakes { signal.signal() }
  }

  private func poke() {
    let wakes = state.withLock { state in
      state.isPoked = true
      return state.wakes()
    }
    if wakes { signal.signal() }
  }

  private func start() {
    let thread = Thread { [self] in run() }
    thread.name = "callboard.scenario"
    thread.start()
  }

  private func run() {
    while true {
      if let (job, life) = state.withLock({ $0.next }) {
        guard let life else {
          job.runSynchronously(on: asUnownedTaskExecutor())
          continue
        }
        if !life.isOver { job.runSynchronously(on: life.asUnownedTaskExecutor()) }
        continue
      }
      if timePasses() { continue }
      let rest = state.withLock { state -> Rest in
        if state.hasJobs || state.isPoked { return .none }
        if state.isOver {
          state.hasThread = false
          return .forEver
        }
        state.isAsleep = true
        return .untilWoken
      }
      switch rest {
      case .none: break
      case .untilWoken: signal.wait()
      case .forEver: return
      }
    }
  }

  private enum Rest {
    case none
    case untilWoken
    case forEver
  }

  /// No job is left: does what is due, or goes on to when something is; false where that is not for the clock to say.
  private func timePasses() -> Bool {
    guard clock.isStanding else { return false }
    let next = clock.fireDue()
    let (hasJobs, passes, isOver) = state.withLock { state in
      state.passes += 1
      return (state.hasJobs, state.passes, state.isOver)
    }
    if hasJobs { return true }
    guard let next, passes <= Self.mostPasses else {
      if !isOver { nothingLeft.withLock { $0 }() }
      return false
    }
    clock.pass(to: next)
    return true
  }
}
