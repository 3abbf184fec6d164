import Callboard
import Glibc
import Synchronization

/// TERM, INT and HUP of a process without a screen, taken by a thread of its own.
final class Signals: Sendable {
  private struct State {
    var next: (@Sendable () -> Void)?
    var reload: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private let first = OneShot<Int32>()

  init() {
    SignalPipe.take([SIGTERM, SIGINT, SIGHUP], heedsIgnored: true) { [self] in take($0) }
  }

  /// Waits for TERM or INT and says which came; `reload` is called at each HUP until then.
  func stop(reload: @escaping @Sendable () -> Void) async -> Int32 {
    state.withLock { $0.reload = reload }
    return await first.value
  }

  /// What a further TERM or INT does.
  func onNext(_ act: @escaping @Sendable () -> Void) { state.withLock { $0.next = act } }

  private func take(_ number: Int32) {
    if number == SIGHUP {
      state.withLock { $0.reload }?()
    } else if !first.resolve(number) {
      state.withLock { $0.next }?()
    }
  }
}
