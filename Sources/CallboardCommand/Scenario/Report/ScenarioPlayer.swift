import Callboard
import Synchronization

/// Plays scenarios, some of them at one time, each on an engine of its own.
final class ScenarioPlayer: Sendable {
  private struct State {
    var runners: [Int: ScenarioRunner] = [:]
    var isInterrupted = false
    var results: [Int: ScenarioResult] = [:]
    /// How many were handed on.
    var told = 0
    var unknown: [String] = []
  }

  private let jobs: Int
  private let events: EventFile?
  private let isRecording: Bool
  private let recording: Mutex<Recording?>
  private let state = Mutex(State())

  /// `isRecording`: results hold what models and functions answered; `recording`: that is what they answer.
  init(
    jobs: Int,
    events: EventFile?,
    isRecording: Bool = false,
    replaying recording: Recording? = nil
  ) {
    self.jobs = max(1, jobs)
    self.events = events
    self.isRecording = isRecording
    self.recording = Mutex(recording)
  }

  /// Plays them all; each result is handed on once all before it have been.
  ///
  /// Where one can't be played at all, that is its result, and the others go on.
  func play(
    _ scenarios: [Scenario],
    _ tell: @escaping @Sendable (ScenarioResult) -> Void
  ) async {
    await withTaskGroup(of: Void.self) { group in
      for (index, scenario) in scenarios.enumerated() {
        if index >= jobs { await group.next() }
        guard !state.withLock({ $0.isInterrupted }) else { break }
        // Here, where they are in their order: several may have one name.
        let play = recording.withLock { recording in
          recording.map { _ in recording?.take(scenario) }
        }
        group.addTask {
          let result = await self.result(of: scenario, index, play)
          self.ended(index, result, tell)
        }
      }
    }
  }

  /// `play`: what is replayed; of those that are to be, nil where the recording has none.
  private func result(
    of scenario: Scenario,
    _ index: Int,
    _ play: RecordedPlay??
  ) async -> ScenarioResult {
    let runner: ScenarioRunner
    do {
      if case .some(nil) = play {
        throw Failure(
          .fileIsWrong,
          "the recording has no play of it; it is found by its name, and each play is used once"
        )
      }
      runner = try ScenarioRunner(
        scenario,
        events: events,
        isRecorded: isRecording,
        replaying: play ?? nil
      )
    } catch {
      var result = ScenarioResult(
        name: scenario.name,
        file: scenario.file,
        seconds: 0,
        calls: 0,
        checks: [],
        conversations: []
      )
      result.notes = ["it can't be played: \(error)"]
      result.statuses = [(error as? Failure)?.status ?? .fault]
      return result
    }
    let isInterrupted = state.withLock { state in
      state.runners[index] = runner
      return state.isInterrupted
    }
    if isInterrupted { await runner.interrupt() }
    let result = await runner.run()
    state.withLock { state in
      state.runners[index] = nil
      if state.isInterrupted { state.unknown += runner.unknownOutcomes }
    }
    return result
  }

  private func ended(
    _ index: Int,
    _ result: ScenarioResult,
    _ tell: @Sendable (ScenarioResult) -> Void
  ) {
    // Under the lock, so that they are told in their order.
    state.withLock { state in
      state.results[index] = result
      while let next = state.results.removeValue(forKey: state.told) {
        state.told += 1
        if !state.isInterrupted { tell(next) }
      }
    }
  }

  // MARK: - After a signal

  private var runners: [ScenarioRunner] { state.withLock { Array($0.runners.values) } }

  /// What runs has its time to end; nothing new begins.
  func interrupt() async {
    state.withLock { $0.isInterrupted = true }
    await withTaskGroup(of: Void.self) { group in
      for runner in runners { group.addTask { await runner.interrupt() } }
    }
  }

  /// Gives what runs no more time after that.
  func hurry() { for runner in runners { runner.hurry() } }

  func leave() -> ExitStatus { ExitStatus.worst(runners.map { $0.leave() } + [.interrupted]) }

  /// A line for each call of which nobody knows whether it happened, of those that were interrupted.
  var unknownOutcomes: [String] { state.withLock { $0.unknown } }
}
