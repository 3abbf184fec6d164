import Foundation
import JSONSchema
import Synchronization

/// Workflows as functions: a model that calls one has it run, and hears what it gives.
///
/// The run has the call's idempotency key for its id, so calling it twice is calling it once: after a restart the call
/// finds its run where that has got to. Each step is a call of its own, with its rules.
public final class WorkflowProvider: FunctionProvider {
  /// No step of a workflow may call what is in it: runs would start runs for ever.
  public static let name = "workflows"

  public let namespace = WorkflowProvider.name
  public let identity = "callboard"
  public let summary = "workflows of the configuration, in this process"
  public let functions: [FunctionDefinition]
  private let workflows: [String: Workflow]
  private let engine = Mutex<Weak>(Weak())

  private struct Weak {
    weak var engine: Engine?
  }

  /// Of these those that are offered; `slots`: how many attempts the engine makes at one time.
  public init(_ workflows: [Workflow], slots: Int) {
    let offered = workflows.filter(\.isOffered)
    self.workflows = Dictionary(offered.map { ($0.name, $0) }) { first, _ in first }
    functions = offered.compactMap { workflow in
      FunctionName(namespace: Self.name, name: workflow.name).map { name in
        var definition = FunctionDefinition(
          name: name,
          description: workflow.description.isEmpty
            ? "Runs the workflow \(workflow.name)." : workflow.description,
          parameters: workflow.input,
          effect: .idempotent
        )
        // Its steps have limits of their own, and people may take their time.
        definition.timeout = .seconds(7 * 86_400)
        // Its steps need slots too.
        definition.slots = max(1, slots / 2 / offered.count)
        return definition
      }
    }
  }

  /// The engine that runs them.
  public func serve(_ engine: Engine) { self.engine.withLock { $0.engine = engine } }

  public func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    guard let engine = engine.withLock({ $0.engine }) else {
      throw CallFailure(.engineStopped, "No engine runs workflows here.", isRetryable: true)
    }
    let name = String(invocation.function.name)
    guard let workflow = workflows[name], let id = RunID(invocation.idempotencyKey) else {
      throw CallFailure(.unknownFunction, "There is no workflow \(name).")
    }
    if !engine.hasRun(id) {
      let caller = engine.caller(of: invocation.call) ?? .caller(invocation.caller)
      do throws(ConfigurationMistake) {
        _ = try engine.start(workflow, input: invocation.arguments, by: caller, id: id)
      } catch {
        throw CallFailure(.functionThrew, error.message, reach: .answered)
      }
    }
    let run = await withTaskCancellationHandler {
      await engine.ended(id)
    } onCancel: {
      Task(executorPreference: engine.executor) { await engine.giveUp(id) }
    }
    guard let run else {
      throw CallFailure(.functionThrew, "Its run is kept no longer.", reach: .maybe)
    }
    switch run.state {
    case .succeeded: return run.output?.shown ?? .null
    case .failed(let why): throw CallFailure(.functionThrew, why, reach: .answered)
    case .cancelled:
      throw CallFailure(.cancelled, "Its run was cancelled.", reach: .answered)
    case .running, .stopping:
      throw CallFailure(
        .engineStopped,
        "The engine stopped before its run ended.",
        reach: .maybe,
        isRetryable: true
      )
    }
  }
}

extension Engine {
  func hasRun(_ id: RunID) -> Bool { runs[id] != nil || store.run(id) != nil }

  /// Who a call that lives is made for.
  func caller(of id: CallID) -> Principal? { table.withShard(of: id) { $0.calls[id]?.call.caller } }

  /// Cancels a run that nobody waits for any more; not where the engine stops, after which it goes on.
  func giveUp(_ id: RunID) async {
    guard !isStopping, let live = runs[id] else { return }
    _ = await cancelRun(id, by: live.run.caller)
  }
}
