import Callboard
import Synchronization

/// Cuts an attempt off when nothing has come for a while, or when it has taken too long altogether.
///
/// Each piece that comes only notes the time; the timer looks at the note when it fires, so a stream of thousands of
/// pieces schedules nothing.
final class AttemptWatch: Sendable {
  enum Reason: Sendable {
    case silent
    case long
  }

  private struct State {
    var lastSign: Duration
    var silence: Duration?
    var reason: Reason?
    var hasBegun = false
    var isOver = false
    var cut: (@Sendable () -> Void)?
    var tokens: [DeadlineQueue.Token] = []
  }

  private let state: Mutex<State>
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue

  /// Watches for a silence that is too long; nil: as long as the whole may take.
  init(silence: Duration?, clock: any EngineClock, deadlines: DeadlineQueue) {
    self.clock = clock
    self.deadlines = deadlines
    state = Mutex(State(lastSign: clock.monotonic, silence: silence))
  }

  /// Starts to watch; `cut` is called at most once, and must not block.
  func start(total: Duration, cut: @escaping @Sendable () -> Void) {
    state.withLock { $0.cut = cut }
    let token = deadlines.schedule(at: clock.monotonic + total) { [weak self] in self?.end(.long) }
    keep(token)
    look()
  }

  /// Something came.
  func sign() {
    let now = clock.monotonic
    state.withLock {
      $0.lastSign = now
      $0.hasBegun = true
    }
  }

  /// From now on this much silence is the most, if that is less than before.
  func expectEnd(within silence: Duration) {
    state.withLock {
      $0.lastSign = clock.monotonic
      $0.silence = min($0.silence ?? silence, silence)
    }
    look()
  }

  /// Nothing is cut off any more.
  func stop() {
    let tokens = state.withLock { state in
      state.isOver = true
      state.cut = nil
      defer { state.tokens = [] }
      return state.tokens
    }
    for token in tokens { deadlines.cancel(token) }
  }

  /// Why the attempt was cut off, if it was, and whether anything had come.
  var verdict: (reason: Reason, hasBegun: Bool)? {
    state.withLock { state in state.reason.map { ($0, state.hasBegun) } }
  }

  private func look() {
    let deadline: Duration? = state.withLock { state in
      guard !state.isOver, state.reason == nil, let silence = state.silence else { return nil }
      return state.lastSign + silence
    }
    guard let deadline else { return }
    if deadline <= clock.monotonic {
      end(.silent)
    } else {
      keep(deadlines.schedule(at: deadline) { [weak self] in self?.look() })
    }
  }

  private func keep(_ token: DeadlineQueue.Token) {
    let isOver = state.withLock { state in
      if !state.isOver { state.tokens.append(token) }
      return state.isOver
    }
    if isOver { deadlines.cancel(token) }
  }

  private func end(_ reason: Reason) {
    let cut = state.withLock { state -> (@Sendable () -> Void)? in
      guard !state.isOver, state.reason == nil else { return nil }
      state.reason = reason
      return state.cut
    }
    cut?()
  }
}
