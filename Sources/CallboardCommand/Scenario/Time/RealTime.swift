import Callboard
import JSONSchema

/// A function provider that takes real time: a scenario's clock does not go ahead of it.
struct RealTimeProvider: FunctionProvider {
  let base: any FunctionProvider
  let clock: ScenarioClock

  var namespace: String { base.namespace }
  var identity: String { base.identity }
  var summary: String { base.summary }
  var functions: [FunctionDefinition] { base.functions }
  var definitionsAreLocal: Bool { base.definitionsAreLocal }

  func identity(of function: FunctionName) -> String { base.identity(of: function) }

  func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken? {
    base.onChange(changed)
  }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    try await clock.inRealTime { () async throws(CallFailure) in try await base.invoke(invocation) }
  }

  func errorOutput(of call: CallID, attempt: Int) -> String? {
    base.errorOutput(of: call, attempt: attempt)
  }
}

/// A model that takes real time: a scenario's clock does not go ahead of it.
struct RealTimeModel: Model {
  let base: any Model
  let clock: ScenarioClock

  var name: String { base.name }

  func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    try await clock.inRealTime { () async throws(ModelFailure) in
      try await base.respond(to: request, onDelta: onDelta)
    }
  }
}

/// What a scenario has beside and around the models of its configuration.
struct ModelOverlay: Sendable {
  let clock: ScenarioClock
  /// For turns that are steps of workflows, which name a model: its scripts.
  let scripted: [any Model]

  func laid(over models: [any Model]) -> [any Model] {
    let names = Set(models.map(\.name))
    return models.map { RealTimeModel(base: $0, clock: clock) }
      + scripted.filter { !names.contains($0.name) }
  }
}
