import Callboard
import CallboardModels
import JSONSchema
import Synchronization

extension Scenario {
  /// A run of a workflow.
  struct WorkflowStep: Sendable {
    var name: String
    var workflow: Workflow
    var input: JSONValue
    var caller: String
    var waits = true
  }
}

extension Scenario {
  /// Its scripts as models of workflows, each by its own name and by that of the model that the configuration gives it.
  func scriptedModels(clock: any EngineClock, deadlines: DeadlineQueue) -> [any Model] {
    var names = Dictionary(configuration.scripts.keys.map { ($0, $0) }) { first, _ in first }
    for plan in configuration.models {
      if case .script(let script) = plan.kind { names[plan.name] = script }
    }
    return names.sorted { $0.key < $1.key }.compactMap { name, script in
      configuration.scripts[script].map {
        ScriptedModel(
          name: name,
          script: $0,
          seed: seed,
          ordinal: 1,
          clock: clock,
          deadlines: deadlines
        )
      }
    }
  }
}

extension ScenarioRunner {
  /// Starts a run; whether it begins or is refused has to be as the step says.
  func begin(_ start: Scenario.WorkflowStep, _ step: Scenario.Step) async {
    let id: RunID
    do throws(ConfigurationMistake) {
      id = try engine.start(start.workflow, input: start.input, by: caller(start.caller))
    } catch {
      switch step.refused {
      case nil: mishap("\(step.place) begins", "it was refused: \(error.message)")
      case let words? where error.message.contains(words): break
      case let words?:
        mishap("\(step.place) is refused: “\(words)”", "it was refused: \(error.message)")
      }
      return
    }
    if let words = step.refused { mishap("\(step.place) is refused: “\(words)”", "it began") }
    state.withLock { state in
      state.runs[start.name] = id
      if start.waits { state.awaitedRuns.insert(start.name) }
    }
    await wait(for: id, isAwaited: start.waits)
  }

  private func wait(for id: RunID, isAwaited: Bool) async {
    let going = world.life.begin { [engine] in _ = await engine.ended(id) }
    if isAwaited { await going.end }
  }

  func cancel(run name: String, as person: String, _ step: Scenario.Step) async {
    guard let id = run(name, at: step) else { return }
    await ask(.cancelRun(id), as: person, step)
  }

  /// Has an ended run go on from what failed; one that was waited for at first is waited for again.
  func retry(run name: String, as person: String, _ step: Scenario.Step) async {
    guard let id = run(name, at: step) else { return }
    guard case .run(let detail?) = engine.snapshot(of: .run(id)).body else {
      return mishap(step.place, "the run is kept no longer")
    }
    let reply = await ask(.retryRun(id, revision: detail.row.revision), as: person, step)
    guard reply.isDone else { return }
    await wait(for: id, isAwaited: state.withLock { $0.awaitedRuns.contains(name) })
  }

  private func run(_ name: String, at step: Scenario.Step) -> RunID? {
    let known = state.withLock { $0.runs }
    if known[name] == nil { mishap("\(step.place) finds the run \(name)", "it has not begun") }
    return known[name]
  }

  /// The runs that have ended, with what each of their steps gave.
  func endedRuns() async -> [RunID: WorkflowRun] {
    var ended: [RunID: WorkflowRun] = [:]
    for id in state.withLock({ Array($0.runs.values) }) {
      guard case .run(let detail?) = engine.snapshot(of: .run(id)).body, !detail.row.state.isLive
      else { continue }
      ended[id] = await engine.ended(id)
    }
    return ended
  }
}
