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

  // MARK: - What was checked

  private struct Checked {
    var catalogue: Catalogue
    /// The workflows that were looked at last, with what is wrong with each.
    var workflows: [(workflow: Workflow, mistakes: [WorkflowMistake])] = []
  }

  private let checked = Mutex<Checked?>(nil)
  private static let checkedLimit = 32

  /// What is wrong with a workflow, by `check`; asked once for as long as the functions are the same.
  func mistakes(
    in workflow: Workflow,
    with catalogue: Catalogue,
    _ check: () -> [WorkflowMistake]
  ) -> [WorkflowMistake] {
    let known = checked.withLock { checked -> [WorkflowMistake]? in
      guard let checked, checked.catalogue === catalogue else { return nil }
      return checked.workflows.first { $0.workflow.isSame(as: workflow) }?.mistakes
    }
    if let known { return known }
    let mistakes = check()
    checked.withLock { checked in
      var next = checked ?? Checked(catalogue: catalogue)
      if next.catalogue !== catalogue { next = Checked(catalogue: catalogue) }
      if next.workflows.count == Self.checkedLimit { next.workflows.removeFirst() }
      next.workflows.append((workflow, mistakes))
      checked = next
    }
    return mistakes
  }

  // MARK: - All of them

  var all: [Live] { lives.withLock { Array($0.values) } }

  var count: Int { lives.withLock { $0.count } }
}
