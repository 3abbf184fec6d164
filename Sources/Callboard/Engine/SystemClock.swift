import Foundation
import Synchronization

/// The machine's clock; one thread sleeps for all deadline queues on it.
public final class SystemClock: EngineClock {
  private struct Sleeper {
    var queues: [ObjectIdentifier: (queue: WeakQueue, deadline: Duration)] = [:]
    var isRunning = false
    /// When the thread looks again by itself; nil while it is awake.
    var wakesAt: Duration?
  }

  private struct WeakQueue: Sendable {
    weak let queue: DeadlineQueue?
  }

  private let start = ContinuousClock.now
  private let sleeper = Mutex(Sleeper())
  private let signal = MonotonicSemaphore()

  public init() {}

  public var now: Date { Date() }

  public var monotonic: Duration { ContinuousClock.now - start }

  public func wake(_ queue: DeadlineQueue, at deadline: Duration) {
    let (mustStart, mustWake) = sleeper.withLock { sleeper in
      let key = ObjectIdentifier(queue)
      // Two schedulers may arrive in the other order: the earlier deadline wins, and a stale one is harmless.
      let first = min(sleeper.queues[key]?.deadline ?? deadline, deadline)
      sleeper.queues[key] = (WeakQueue(queue: queue), first)
      defer { sleeper.isRunning = true }
      return (!sleeper.isRunning, sleeper.wakesAt.map { deadline < $0 } ?? false)
    }
    if mustStart {
      let thread = Thread { [self] in run() }
      thread.name = "callboard.deadlines"
      thread.start()
    } else if mustWake {
      signal.signal()
    }
  }

  private func run() {
    while true {
      let now = monotonic
      let due: [DeadlineQueue] = sleeper.withLock { sleeper in
        var due: [DeadlineQueue] = []
        for (key, entry) in sleeper.queues where entry.deadline <= now {
          sleeper.queues[key] = nil
          if let queue = entry.queue.queue { due.append(queue) }
        }
        return due
      }
      for queue in due {
        guard let next = queue.fire(at: monotonic) else { continue }
        sleeper.withLock { sleeper in
          let key = ObjectIdentifier(queue)
          let known = sleeper.queues[key]?.deadline ?? next
          sleeper.queues[key] = (WeakQueue(queue: queue), min(known, next))
        }
      }
      guard due.isEmpty else { continue }
      let first = sleeper.withLock { sleeper in
        let first = sleeper.queues.values.map(\.deadline).min()
        sleeper.wakesAt = first ?? .seconds(Int64.max)
        return first
      }
      defer { sleeper.withLock { $0.wakesAt = nil } }
      if let first {
        // A machine that sleeps meanwhile does not count that in a wait, but does in the deadline.
        _ = signal.wait(atMost: min(first - monotonic, .seconds(30)))
      } else {
        signal.wait()
      }
    }
  }
}
