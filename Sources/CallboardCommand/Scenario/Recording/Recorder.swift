import Callboard
import Foundation
import JSONSchema
import Synchronization

/// Takes down what models and functions answer while a scenario is played.
final class Recorder: Tape {
  private struct State {
    var talks: [ConversationID: Int] = [:]
    /// In the order in which they began; what has not ended is taken for stopped.
    var turns: [RecordedTurn] = []
    var attempts: [RecordedAttempt] = []
  }

  private let clock: ScenarioClock
  private let state = Mutex(State())

  init(clock: ScenarioClock) { self.clock = clock }

  func laid(over model: any Model) -> any Model {
    TapedModel(name: model.name) { [self] request, tell async throws(ModelFailure) in
      try await take(request, of: model, tell)
    }
  }

  private func take(
    _ request: ModelRequest,
    of model: any Model,
    _ tell: @escaping TapedModel.Tell
  ) async throws(ModelFailure) -> ModelTurn {
    let start = clock.monotonic
    let offers = Self.offers(of: request)
    let place = state.withLock { state in
      let talk = state.talks[request.conversation] ?? state.talks.count + 1
      state.talks[request.conversation] = talk
      state.turns.append(
        RecordedTurn(
          talk: talk,
          model: model.name,
          turn: request.turn,
          messages: request.messages,
          offers: offers,
          took: 0,
          answer: .stopped
        )
      )
      return state.turns.count - 1
    }
    let answer: Result<ModelTurn, ModelFailure>
    do throws(ModelFailure) {
      answer = .success(
        try await model.respond(to: request) { [self] delta in
          if case .startedOver(let failure, let wait) = delta {
            let retry = RecordedTurn.Retry(failure: failure, wait: wait / .seconds(1))
            state.withLock { $0.turns[place].retries.append(retry) }
          }
          tell(delta)
        }
      )
    } catch {
      answer = .failure(error)
    }
    state.withLock { state in
      state.turns[place].took = (clock.monotonic - start) / .seconds(1)
      state.turns[place].answer = Self.recorded(answer)
    }
    return try answer.get()
  }

  /// A hash of what each function is described as, by its name.
  static func offers(of request: ModelRequest) -> [String: String] {
    request.tools.reduce(into: [:]) { offers, tool in
      let form: JSONValue = [.string(tool.description), tool.parameters]
      let hash = EngineEvent.Excerpt(of: form.canonicalBytes()).sha256
      offers[tool.function.description] = String(hash.prefix(16))
    }
  }

  func laid(over provider: any FunctionProvider) -> any FunctionProvider {
    TapedProvider(base: provider) { [self] invocation async throws(CallFailure) in
      try await take(invocation, by: provider)
    } wrote: { call, attempt in
      provider.errorOutput(of: call, attempt: attempt)
    }
  }

  private func take(
    _ invocation: Invocation,
    by provider: any FunctionProvider
  ) async throws(CallFailure) -> JSONValue {
    let start = clock.monotonic
    let place = state.withLock { state in
      state.attempts.append(
        RecordedAttempt(
          function: invocation.function.description,
          arguments: invocation.arguments,
          attempt: invocation.attempt,
          took: 0,
          answer: .stopped
        )
      )
      return state.attempts.count - 1
    }
    let answer = await withTaskCancellationHandler {
      do throws(CallFailure) {
        return Result<JSONValue, CallFailure>.success(try await provider.invoke(invocation))
      } catch {
        return .failure(error)
      }
    } onCancel: {
      // Until it stops.
      state.withLock { $0.attempts[place].ignoredStop = true }
    }
    let recorded = Self.recorded(answer)
    let wrote = provider.errorOutput(of: invocation.call, attempt: invocation.attempt)
    state.withLock { state in
      state.attempts[place].took = (clock.monotonic - start) / .seconds(1)
      state.attempts[place].answer = recorded
      state.attempts[place].errorOutput = wrote
      if recorded == .stopped { state.attempts[place].ignoredStop = false }
    }
    return try answer.get()
  }

  private static func recorded(_ answer: Result<ModelTurn, ModelFailure>) -> RecordedTurn.Answer {
    switch answer {
    case .success(let turn): .turn(turn)
    case .failure(let failure) where failure.kind == .cancelled: .stopped
    case .failure(let failure): .failure(failure)
    }
  }

  private static func recorded(
    _ answer: Result<JSONValue, CallFailure>
  ) -> RecordedAttempt.Answer {
    switch answer {
    case .success(let value): .result(value)
    case .failure(let failure) where failure.kind == .cancelled && Task.isCancelled: .stopped
    case .failure(let failure): .failure(failure)
    }
  }

  /// All of it, without secrets.
  func play(of scenario: Scenario, _ events: [EngineEvent]) -> RecordedPlay {
    let (turns, attempts) = state.withLock { ($0.turns, $0.attempts) }
    let veil = Veil(for: scenario, about: Self.values(turns, attempts))
    return RecordedPlay(
      scenario: scenario.name,
      seed: scenario.seed,
      turns: turns.map(veil.over),
      attempts: attempts.map(veil.over),
      events: events.map { veil.over($0.json) }
    )
  }

  /// Everything that secrets may stand in.
  static func values(_ turns: [RecordedTurn], _ attempts: [RecordedAttempt]) -> [JSONValue] {
    var values: [JSONValue] = []
    for attempt in attempts {
      values.append(attempt.arguments)
      if case .result(let value) = attempt.answer { values.append(value) }
    }
    for turn in turns {
      var calls = turn.messages.flatMap(\.calls)
      if case .turn(let answer) = turn.answer { calls += answer.calls }
      values += calls.compactMap { Veil.document($0.arguments) }
      values += turn.messages.compactMap { $0.text.flatMap(Veil.document) }
    }
    return values
  }
}
