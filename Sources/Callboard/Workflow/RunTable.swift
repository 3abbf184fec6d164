import Foundation
import JSONSchema
import Synchronization

/// The runs of workflows that live now, each behind a lock of its own.
///
/// A run's lock may be held when a shard's is taken, never the other way round.
final class RunTable: Sendable {
  final class Live: Sendable {
    struct State {
      /// With originals of secrets.
      var run: WorkflowRun
      var generator: SeededGenerator
      /// The store has it.
      var isKnown: Bool
      /// The last commit.
      var ticket = CommitTicket.done
      var waiters: [OneShot<WorkflowRun>] = []
      /// Ends the time of what is under way.
      var timers: [WorkflowRun.Work: DeadlineQueue.Token] = [:]
      /// What the store did not take: it is stored, and done, when the store works again.
      var owed = Owed()
    }

    struct Owed: Sendable {
      var calls: [Call] = []
      var events: [EngineEvent] = []
      var effects: [WorkflowEffect] = []

      var isEmpty: Bool { events.isEmpty }
    }

    let id: RunID
    let state: Mutex<State>
    /// What its input and its calls hide: another call may bring it.
    let secrets: SharedSecrets

    init(_ run: WorkflowRun, seed: UInt64, isKnown: Bool) {
      id = run.id
      secrets = SharedSecrets(KnownSecrets(of: run.payloads))
      state = Mutex(State(run: run, generator: SeededGenerator(seed: seed), isKnown: isKnown))
    }

    var run: WorkflowRun { state.withLock { $0.run } }
  }

  private let lives = Mutex<[RunID: Live]>([:])

  subscript(id: RunID) -> Live? { lives.withLock { $0[id] } }

  /// False where one of that id is there already.
  func insert(_ live: Live) -> Bool {
    lives.withLock { lives in
      guard lives[live.id] == nil else { return false }
      lives[live.id] = live
      return true
    }
  }

  func remove(_ id: RunID) { lives.withLock { _ = $0.removeValue(forKey: id) } }

  var all: [Live] { lives.withLock { Array($0.values) } }

  var count: Int { lives.withLock { $0.count } }
}
