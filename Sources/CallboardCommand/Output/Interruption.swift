import Dispatch
import Glibc
import Synchronization

/// Ctrl-C and a polite kill, for commands without a screen: what runs is stopped in order, and the exit says so.
final class Interruption: Sendable {
  private struct State {
    var isCaught = false
    var stop: (@Sendable () -> Void)?
    var sources: [any DispatchSourceSignal] = []
  }

  private let state = Mutex(State())

  /// Takes INT, TERM and HUP over, until the process ends.
  ///
  /// A second one ends it at once.
  init() {
    // A source takes its signal over a moment after its resume; one that comes before is not to be lost.
    let ready = DispatchSemaphore(value: 0)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      state.withLock {
        $0.sources.append(Self.source(number, ready) { [weak self] in self?.caught() })
      }
      ready.wait()
    }
  }

  private static func source(
    _ number: Int32,
    _ ready: DispatchSemaphore,
    _ handler: @escaping @Sendable () -> Void
  ) -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler(handler: handler)
    source.setRegistrationHandler { ready.signal() }
    source.resume()
    return source
  }

  var isCaught: Bool { state.withLock { $0.isCaught } }

  private func caught() {
    let (isSecond, stop) = state.withLock { state in
      defer { state.isCaught = true }
      return (state.isCaught, state.stop)
    }
    if isSecond { Glibc.exit(ExitStatus.interrupted.rawValue) }
    stop?()
  }

  /// Runs `work`, and `stop` beside it when a signal comes first; then throws, once `work` has ended.
  func watching<Outcome: Sendable>(
    stop: @escaping @Sendable () async -> Void,
    _ work: () async throws -> Outcome
  ) async throws -> Outcome {
    let isLate = state.withLock { state in
      state.stop = { Task { await stop() } }
      return state.isCaught
    }
    if isLate { throw Failure(.interrupted, "Interrupted.") }
    defer { state.withLock { $0.stop = nil } }
    let result: Result<Outcome, any Error>
    do {
      result = .success(try await work())
    } catch {
      result = .failure(error)
    }
    guard isCaught else { return try result.get() }
    if case .failure(let error) = result { throw Failure(.interrupted, "Interrupted: \(error)") }
    throw Failure(.interrupted, "Interrupted.")
  }
}
