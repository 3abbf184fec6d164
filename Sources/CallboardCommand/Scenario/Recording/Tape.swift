import Callboard
import JSONSchema

/// Stands between an engine and its models and functions: to take down what they answer, or to answer in their place.
protocol Tape: Sendable {
  func laid(over model: any Model) -> any Model
  func laid(over provider: any FunctionProvider) -> any FunctionProvider
}

extension Tape {
  /// Workflows that are offered as functions run in the engine, and their steps are what counts.
  func laid(over providers: [any FunctionProvider]) -> [any FunctionProvider] {
    providers.map { $0.namespace == WorkflowProvider.name ? $0 : laid(over: $0) }
  }

  func laid(over models: [any Model]) -> [any Model] { models.map { laid(over: $0) } }
}

/// A provider whose attempts go another way.
struct TapedProvider: FunctionProvider {
  let base: any FunctionProvider
  let answer: @Sendable (Invocation) async throws(CallFailure) -> JSONValue
  let wrote: @Sendable (CallID, Int) -> String?

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
    try await answer(invocation)
  }

  func errorOutput(of call: CallID, attempt: Int) -> String? { wrote(call, attempt) }
}

/// A model whose turns go another way.
struct TapedModel: Model {
  typealias Tell = @Sendable (ModelDelta) -> Void

  let name: String
  let answer: @Sendable (ModelRequest, @escaping Tell) async throws(ModelFailure) -> ModelTurn

  func respond(
    to request: ModelRequest,
    onDelta: @escaping Tell
  ) async throws(ModelFailure) -> ModelTurn {
    try await answer(request, onDelta)
  }
}
