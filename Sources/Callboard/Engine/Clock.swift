import Foundation
import Synchronization

/// The time, passed in: wall time for what is stored and shown, monotonic time for timers.
public protocol EngineClock: Sendable {
  /// Wall time.
  var now: Date { get }
  /// Time since a fixed moment, never set back, in seconds and their fractions.
  var monotonic: Duration { get }
  /// Tells a deadline queue when to look again. Called outside its lock, whenever its first deadline changed.
  func wake(_ queue: DeadlineQueue, at deadline: Duration)
}

extension EngineClock {
  /// Returns when the time has come, or throws when the task was cancelled first.
  public func sleep(for duration: Duration, on deadlines: DeadlineQueue) async throws {
    let gate = OneShot<Bool>()
    let token = deadlines.schedule(at: monotonic + duration) { gate.resolve(true) }
    let elapsed = await withTaskCancellationHandler {
      await gate.value
    } onCancel: {
      gate.resolve(false)
    }
    deadlines.cancel(token)
    if !elapsed { throw CancellationError() }
  }
}
