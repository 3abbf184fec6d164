import Callboard
import JSONSchema

/// Functions of all three effects, some of which fail the first time; each act is a line of the ledger of acts.
struct Functions: Sendable {
  let acts: Ledger
  let doom: Doom

  /// Asked of a person, free, read, and idempotent.
  var provider: NativeProvider {
    get throws {
      try NativeProvider(
        namespace: "c",
        [
          function("wire", .write), function("move", .write), function("look", .read),
          function("put", .idempotent),
        ]
      )
    }
  }

  private func function(_ name: String, _ effect: FunctionEffect) -> NativeFunction {
    NativeFunction(name, "Does what \(name) does", parameters: ["type": "object"]) { definition in
      definition.effect = effect
      definition.timeout = .seconds(5)
      definition.retry = RetryPolicy(
        maxAttempts: 5,
        base: .milliseconds(2),
        cap: .milliseconds(20)
      )
      definition.breaker = BreakerPolicy(consecutiveFailures: 0, failureRate: 0)
    } body: { invocation in
      try await act(effect, invocation)
    }
  }

  private func act(_ effect: FunctionEffect, _ invocation: Invocation) async throws -> JSONValue {
    let luck = luck(of: invocation.idempotencyKey)
    if invocation.attempt == 1, luck == 0 {
      throw CallFailure(.connectionFailed, "refused", reach: .notSent, isRetryable: true)
    }
    doom.pass(.beforeEffect)
    acts.note(
      effect.rawValue,
      invocation.idempotencyKey,
      invocation.call.description,
      "\(invocation.attempt)"
    )
    doom.pass(.afterEffect)
    try await Task.sleep(for: .milliseconds(luck % 4))
    if invocation.attempt == 1, luck == 1 {
      throw CallFailure(.connectionFailed, "cut", reach: .maybe, isRetryable: true)
    }
    return ["did": .string(invocation.function.description), "with": invocation.arguments]
  }
}

/// A number below 16 that goes with a text: the same in each life.
func luck(of text: String) -> Int { Int(text.suffix(1), radix: 16) ?? 0 }

/// A model that asks for calls of all effects, then for one that a person must approve, and then is done.
struct Script: Model {
  let name = "script"

  func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    switch request.turn {
    case 1: asking("c_look", "c_put", "c_move")
    case 2: asking("c_wire")
    default: ModelTurn(text: "done")
    }
  }

  private func asking(_ names: String...) -> ModelTurn {
    ModelTurn(
      calls: names.map { RequestedCall(id: "call_" + $0, wireName: $0, arguments: #"{"n":1}"#) },
      finishReason: "tool_calls"
    )
  }
}
