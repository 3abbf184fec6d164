import Callboard
import JSONSchema
import Synchronization

/// A model that takes the turns a test wrote, or holds a turn until the test takes it.
public final class TestModel: Model {
  /// What the model does when it is asked.
  public enum Turn: Sendable {
    case take(ModelTurn)
    case fail(ModelFailure)
    /// Waits until the test answers.
    case hold

    /// Says something and asks for nothing.
    public static func say(_ text: String, tokens: Int = 0) -> Turn {
      .take(ModelTurn(text: text, usage: TokenUsage(input: 0, output: tokens)))
    }

    /// Asks for functions, by the names they have on the wire.
    public static func call(_ calls: (name: String, arguments: String)..., tokens: Int = 0) -> Turn
    {
      .take(TestModel.asking(calls, tokens: tokens))
    }
  }

  /// One time it was asked.
  public struct Asked: Sendable {
    public let request: ModelRequest
    fileprivate let gate: OneShot<Result<ModelTurn, ModelFailure>>

    public func answer(_ turn: ModelTurn) { gate.resolve(.success(turn)) }

    public func say(_ text: String) { answer(ModelTurn(text: text)) }

    public func call(_ calls: (name: String, arguments: String)...) {
      answer(TestModel.asking(calls))
    }

    public func fail(_ failure: ModelFailure) { gate.resolve(.failure(failure)) }

    /// What functions answered to the last turn that asked for any, in the order it hears them.
    public var answers: [String] {
      let last = request.messages.lastIndex { $0.role == .assistant } ?? 0
      return request.messages[last...].filter { $0.role == .tool }.compactMap(\.text)
    }

    /// What it was told of earlier calls.
    public var news: [String] {
      request.messages.filter { $0.author == "callboard" }.compactMap(\.text)
    }
  }

  private struct State {
    var plan: [Turn]
    var asked: [Asked] = []
    var waiters: [(number: Int, gate: OneShot<Asked>)] = []
  }

  public let name: String
  private let state: Mutex<State>

  /// One turn each time it is asked; afterwards it says "done".
  public convenience init(_ turns: Turn..., name: String = "test") {
    self.init(all: turns, name: name)
  }

  public init(all turns: [Turn], name: String = "test") {
    self.name = name
    state = Mutex(State(plan: turns))
  }

  /// How often it was asked.
  public var count: Int { state.withLock { $0.asked.count } }

  /// The time it was asked with this number, counted from 1, once it comes.
  public func asked(_ number: Int) async -> Asked {
    let gate = OneShot<Asked>()
    let known = state.withLock { state -> Asked? in
      if state.asked.count >= number { return state.asked[number - 1] }
      state.waiters.append((number, gate))
      return nil
    }
    if let known { return known }
    return await gate.value
  }

  public func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    let asked = Asked(request: request, gate: OneShot())
    let (turn, waiters) = state.withLock { state -> (Turn, [OneShot<Asked>]) in
      state.asked.append(asked)
      let number = state.asked.count
      let waiters = state.waiters.filter { $0.number == number }.map(\.gate)
      state.waiters.removeAll { $0.number == number }
      return (state.plan.isEmpty ? .say("done") : state.plan.removeFirst(), waiters)
    }
    for waiter in waiters { waiter.resolve(asked) }
    switch turn {
    case .take(let turn):
      if let text = turn.text { onDelta(.text(text)) }
      return turn
    case .fail(let failure): throw failure
    case .hold:
      let result = await withTaskCancellationHandler {
        await asked.gate.value
      } onCancel: {
        asked.fail(ModelFailure(.cancelled, "the turn was stopped"))
      }
      return try result.get()
    }
  }

  private static func asking(
    _ calls: [(name: String, arguments: String)],
    tokens: Int = 0
  ) -> ModelTurn {
    ModelTurn(
      calls: calls.enumerated().map { index, call in
        RequestedCall(id: "call_\(index + 1)", wireName: call.name, arguments: call.arguments)
      },
      finishReason: "tool_calls",
      usage: TokenUsage(input: 0, output: tokens)
    )
  }
}
