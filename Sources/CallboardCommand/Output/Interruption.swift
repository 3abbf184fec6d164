import Callboard
import Foundation
import Glibc
import Synchronization

/// Where the handler of signals writes their numbers; -1 before there is a place.
private let place = Atomic<Int32>(-1)

/// Ctrl-C, a polite kill and a closed terminal, where no screen takes them: what runs is stopped in order, and the exit
/// says so.
final class Interruption: Sendable {
  /// What one signal after another does.
  typealias Step = @Sendable () async -> Void

  private struct State {
    /// Signals so far; those of one hang-up count as one.
    var count = 0
    var steps: [Step] = []
    var tasks: [Task<Void, Never>] = []
    var leaving: @Sendable () -> ExitStatus = { .interrupted }
  }

  private static let numbers = [SIGINT, SIGTERM, SIGHUP]

  private let state = Mutex(State())
  private let heedsHangUp: Bool

  /// Takes INT, TERM and HUP over, until the process ends; a screen that comes up later takes them for as long as it
  /// stands.
  ///
  /// One hang-up sends several HUPs, the kernel's and the shell's, some milliseconds apart. So a HUP after another signal
  /// is the same wish again and changes nothing; where hang-ups are not heeded, because they are why everything is being
  /// stopped, none changes anything.
  init(heedsHangUp: Bool = true) {
    self.heedsHangUp = heedsHangUp
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
    for number in Self.numbers where !Self.isIgnored(number) { sigaction(number, &action, nil) }
    let thread = Thread { [self] in
      // Whoever started this process may have blocked them, and the threads of the pool do.
      var own = sigset_t()
      sigemptyset(&own)
      for number in Self.numbers { sigaddset(&own, number) }
      pthread_sigmask(SIG_UNBLOCK, &own, nil)
      var byte: UInt8 = 0
      while true {
        let count = read(reading, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        caught(Int32(byte))
      }
    }
    thread.name = "callboard.signals"
    thread.start()
  }

  /// Started with nohup, or in the background of a script: stays so.
  private static func isIgnored(_ number: Int32) -> Bool {
    var now = sigaction()
    guard sigaction(number, nil, &now) == 0 else { return false }
    return unsafeBitCast(now.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  var isCaught: Bool { state.withLock { $0.count > 0 } }

  private func caught(_ number: Int32) {
    let leaving = state.withLock { state -> (@Sendable () -> ExitStatus)? in
      if number == SIGHUP, !heedsHangUp || state.count > 0 { return nil }
      state.count += 1
      if !state.steps.isEmpty {
        let step = state.steps.removeFirst()
        state.tasks.append(Task { await step() })
        return nil
      }
      return state.count > 1 ? state.leaving : nil
    }
    if let leaving { Glibc.exit(leaving().rawValue) }
  }

  /// Runs `work`, and beside it a step for each signal that comes; then throws, once `work` and the steps have ended.
  ///
  /// A signal for which no step is left ends the process at once, with the number that `leaving` gives.
  func watching<Outcome: Sendable>(
    _ steps: [Step],
    leaving: @escaping @Sendable () -> ExitStatus = { .interrupted },
    _ work: () async throws -> Outcome
  ) async throws -> Outcome {
    let isLate = state.withLock { state in
      guard state.count == 0 else { return true }
      state.steps = steps
      state.leaving = leaving
      return false
    }
    if isLate { throw Failure(.interrupted, "Interrupted.") }
    let result: Result<Outcome, any Error>
    do {
      result = .success(try await work())
    } catch {
      result = .failure(error)
    }
    let tasks = state.withLock { state in
      defer {
        state.steps = []
        state.tasks = []
      }
      return state.tasks
    }
    for task in tasks { await task.value }
    guard isCaught else { return try result.get() }
    switch result {
    case .success: throw Failure(.interrupted, "Interrupted.")
    // Worse than to be interrupted: whoever tries again has to hear of it.
    case .failure(let failure as Failure) where failure.status == .outcomeUnknown: throw failure
    case .failure(let error): throw Failure(.interrupted, "Interrupted: \(error)")
    }
  }
}
