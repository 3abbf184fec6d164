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
  /// What `interrupt` did.
  enum Interruption: Sendable {
    /// The runner that waits hears of it.
    case told
    /// The runner is busy with the attempt: whoever interrupted goes on with the call.
    case overtook
    /// It had ended before.
    case late
  }

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
    var isOvertaken = false
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
  func resolve(_ result: Result<JSONValue, CallFailure>) -> Bool {
    let (isFirst, waiter) = state.withLock {
      state -> (Bool, UnsafeContinuation<AttemptEnd, Never>?) in
      guard state.end == nil else { return (false, nil) }
      state.end = .result(result)
      return (true, state.waiter.take())
    }
    waiter?.resume(returning: .result(result))
    return isFirst
  }

  /// Ends the wait for the attempt.
  func interrupt(_ end: AttemptEnd) -> Interruption {
    let (done, waiter) = state.withLock {
      state -> (Interruption, UnsafeContinuation<AttemptEnd, Never>?) in
      guard state.end == nil else { return (.late, nil) }
      state.end = end
      state.isOvertaken = state.isStarting
      return (state.isStarting ? .overtook : .told, state.waiter.take())
    }
    waiter?.resume(returning: end)
    return done
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
      if state.isOvertaken {
        state.task = task
        return (.overtaken, state.isCancelled)
      }
      if let end = state.end { return (.ended(end), false) }
      state.task = task
      return (.underWay, state.isCancelled)
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
