import Callboard
import Glibc
import Synchronization

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
    // Where they were ignored when this process was started they stay so.
    SignalPipe.take([SIGINT, SIGTERM, SIGHUP], heedsIgnored: false) { [self] in caught($0) }
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
