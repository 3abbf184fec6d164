import JSONSchema
import Synchronization

/// How an attempt ended, for the runner that waits for it.
enum AttemptEnd: Sendable {
  case result(Result<JSONValue, CallFailure>)
  case timedOut
  /// It was told to stop and did not within 5 seconds.
  case wouldNotStop
}

/// Where an attempt and the runner that waits for its end meet.
///
/// An attempt starts on its runner's own thread and stays there until it first waits: most ends cost no change of
/// task. Whoever interrupts it during that time finds no runner waiting, overtakes it and goes on in its place;
/// the runner leaves the call when it is back. So a function that blocks its thread is timed out like any other.
final class AttemptGate: Sendable {
  /// How far it was when its first part was over.
  enum Start: Sendable {
    case ended(AttemptEnd)
    case underWay
    /// Somebody else goes on with the call.
    case overtaken
  }

  private struct State {
    var end: AttemptEnd?
    var waiter: UnsafeContinuation<AttemptEnd, Never>?
    var isStarting = true
    var isCancelled = false
    /// Valid while it is starting: whoever started it has its task until then.
    nonisolated(unsafe) var current: UnsafeCurrentTask?
    var task: Task<Void, Never>?
  }

  private let state = Mutex(State())

  /// The attempt begins, in this task.
  func begin(_ current: UnsafeCurrentTask?) {
    nonisolated(unsafe) let current = current
    state.withLock { state in
      state.current = current
      if state.isCancelled { current?.cancel() }
    }
  }

  /// The attempt's own end.
  ///
  /// Returns false when its runner has gone on without.
  func resolve(_ result: Result<JSONValue, CallFailure>) -> Bool { close(.result(result)) != nil }

  /// Ends the wait for the attempt.
  ///
  /// Returns true when that overtook its runner: whoever interrupted goes on with the call.
  func interrupt(_ end: AttemptEnd) -> Bool { close(end) == true }

  /// Sets the end and tells the runner; whether it was still starting, nil when it had ended before.
  private func close(_ end: AttemptEnd) -> Bool? {
    let (wasStarting, waiter) = state.withLock {
      state -> (Bool?, UnsafeContinuation<AttemptEnd, Never>?) in
      guard state.end == nil else { return (nil, nil) }
      state.end = end
      return (state.isStarting, state.waiter.take())
    }
    waiter?.resume(returning: end)
    return wasStarting
  }

  /// Cancels the attempt's task, now or as soon as it begins.
  func cancel() {
    let task = state.withLock { state -> Task<Void, Never>? in
      state.isCancelled = true
      // Under the lock, so that the task is still there.
      state.current?.cancel()
      return state.task
    }
    task?.cancel()
  }

  /// The attempt's first part is over.
  func started(_ task: Task<Void, Never>) -> Start {
    let (start, isCancelled) = state.withLock { state -> (Start, Bool) in
      state.isStarting = false
      state.current = nil
      if case .result? = state.end, let end = state.end { return (.ended(end), false) }
      state.task = task
      return (state.end == nil ? .underWay : .overtaken, state.isCancelled)
    }
    if isCancelled { task.cancel() }
    return start
  }

  /// The end, now or when it comes.
  ///
  /// Only the runner waits.
  var value: AttemptEnd {
    get async {
      await withUnsafeContinuation { continuation in
        let ready = state.withLock { state -> AttemptEnd? in
          if state.end == nil { state.waiter = continuation }
          return state.end
        }
        if let ready { continuation.resume(returning: ready) }
      }
    }
  }
}
