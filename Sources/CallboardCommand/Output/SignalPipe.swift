import Foundation
import Glibc
import Synchronization

/// Where the handler of signals writes their numbers; -1 before there is a place.
private let place = Atomic<Int32>(-1)

/// Takes signals over, until the process ends or a screen takes them for as long as it stands.
///
/// The handler only writes a byte; what is to be done is done on a thread of its own, one signal after the other.
enum SignalPipe {
  /// `heedsIgnored`: takes also what was ignored when the process was started, with nohup or in the background of a script.
  static func take(
    _ numbers: [Int32],
    heedsIgnored: Bool,
    _ act: @escaping @Sendable (Int32) -> Void
  ) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { preconditionFailure("no pipe can be made at the start") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let reading = ends[0]
    place.store(ends[1], ordering: .sequentiallyConsistent)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      var byte = UInt8(truncatingIfNeeded: number)
      let before = errno
      _ = write(place.load(ordering: .sequentiallyConsistent), &byte, 1)
      errno = before
    }
    action.sa_flags = SA_RESTART
    for number in numbers where heedsIgnored || !isIgnored(number) {
      sigaction(number, &action, nil)
    }
    let thread = Thread {
      // Whoever started this process may have blocked them, and the threads of the pool do.
      var own = sigset_t()
      sigemptyset(&own)
      for number in numbers { sigaddset(&own, number) }
      pthread_sigmask(SIG_UNBLOCK, &own, nil)
      var byte: UInt8 = 0
      while true {
        let count = read(reading, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        act(Int32(byte))
      }
    }
    thread.name = "callboard.signals"
    thread.start()
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var now = sigaction()
    guard sigaction(number, nil, &now) == 0 else { return false }
    return unsafeBitCast(now.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
