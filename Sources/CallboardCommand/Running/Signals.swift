import Callboard
import Dispatch
import Foundation
import Glibc
import Synchronization

/// Where the handler of signals writes their numbers; -1 before there is a place.
private let place = Atomic<Int32>(-1)

/// TERM, INT and HUP of a process without a screen, taken by a thread of its own.
final class Signals: Sendable {
  private struct State {
    var next: (@Sendable () -> Void)?
    var reload: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private let first = OneShot<Int32>()
  private let reading: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { preconditionFailure("no pipe can be made at the start") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    reading = ends[0]
    place.store(ends[1], ordering: .sequentiallyConsistent)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      var byte = UInt8(truncatingIfNeeded: number)
      let before = errno
      _ = write(place.load(ordering: .sequentiallyConsistent), &byte, 1)
      errno = before
    }
    action.sa_flags = SA_RESTART
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaction(number, &action, nil) }
    let thread = Thread { [self] in
      var byte: UInt8 = 0
      while true {
        let count = read(reading, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        take(Int32(byte))
      }
    }
    thread.name = "callboard.signals"
    thread.start()
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
