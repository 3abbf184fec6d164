import Callboard
import JSONSchema

/// Keeps what an engine that has just died would still do in its last moment from reaching functions and models.
struct LifeTape: Tape {
  let life: Life
  /// Recording or replaying, where that is done.
  let base: (any Tape)?

  func laid(over provider: any FunctionProvider) -> any FunctionProvider {
    let provider = base?.laid(over: provider) ?? provider
    return TapedProvider(base: provider) { invocation async throws(CallFailure) in
      await hangIfOver()
      return try await provider.invoke(invocation)
    } wrote: {
      provider.errorOutput(of: $0, attempt: $1)
    }
  }

  func laid(over model: any Model) -> any Model {
    let model = base?.laid(over: model) ?? model
    return TapedModel(name: model.name) { request, tell async throws(ModelFailure) in
      await hangIfOver()
      return try await model.respond(to: request, onDelta: tell)
    }
  }

  private func hangIfOver() async {
    if life.isOver { await OneShot<Void>().value }
  }
}
