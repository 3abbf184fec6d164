import Glibc
import Synchronization

/// A semaphore whose waits no change of the wall clock makes longer or shorter.
///
/// On Linux `DispatchSemaphore` waits against the wall clock: set back by an hour, it wakes an hour late. This one waits on
/// a condition of the monotonic clock, and a poll that finds nothing costs one load of an atomic.
///
/// Sendable: `lock` and `condition` are touched by the pthread functions alone, which are made to be called from any
/// thread; `signals` and `sleepers` are atomic.
package final class MonotonicSemaphore: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Signals that nobody has taken.
  private let signals = Atomic<Int>(0)
  /// Threads that wait, or are about to: they look at `signals` once more after they are counted here.
  private let sleepers = Atomic<Int>(0)

  package init() {
    pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(lock)
    condition.deallocate()
    lock.deallocate()
  }

  package func signal() {
    signals.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    // Whoever was counted as a sleeper and had not seen the signal waits by the time the lock is free.
    pthread_mutex_lock(lock)
    pthread_mutex_unlock(lock)
    pthread_cond_signal(condition)
  }

  /// Takes a signal that is there; never sleeps.
  package func poll() -> Bool {
    var known = signals.load(ordering: .acquiring)
    while known > 0 {
      let (isTaken, now) = signals.compareExchange(
        expected: known,
        desired: known - 1,
        ordering: .sequentiallyConsistent
      )
      if isTaken { return true }
      known = now
    }
    return false
  }

  /// Waits for a signal, however long it takes.
  package func wait() { _ = sleep(until: nil) }

  /// Waits for a signal for so long; false when none came.
  ///
  /// A wait of zero is a poll.
  package func wait(atMost time: Duration) -> Bool {
    if poll() { return true }
    guard time > .zero else { return false }
    return sleep(until: Self.deadline(after: time))
  }

  private func sleep(until deadline: timespec?) -> Bool {
    pthread_mutex_lock(lock)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer {
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(lock)
    }
    while !poll() {
      guard var deadline else {
        pthread_cond_wait(condition, lock)
        continue
      }
      // A signal may have come in the last moment.
      if pthread_cond_timedwait(condition, lock, &deadline) == ETIMEDOUT { return poll() }
    }
    return true
  }

  /// Far away rather than never: a day on, whoever waits looks again.
  private static func deadline(after time: Duration) -> timespec {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    let (seconds, attoseconds) = min(time, .seconds(86_400)).components
    let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
    deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    return deadline
  }
}
