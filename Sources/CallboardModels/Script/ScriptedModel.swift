import Callboard
import JSONSchema
import Synchronization

/// A model that follows a ``Script``: for demonstrations, scenarios and tests, without a network.
///
/// One is made for each conversation. What it says is a function of the script, the seed, the ordinal and the messages
/// it is shown; only how often a `fail` with `times` has happened is kept here, and begins anew with the process.
public final class ScriptedModel: Model {
  public let name: String
  public let script: Script
  private let seed: UInt64
  private let ordinal: Int
  private let variables: JSONObject
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue
  private let failures = Mutex<[Place: Int]>([:])

  /// Where a model has failed so many times.
  private struct Place: Hashable {
    var conversation: ConversationID
    var turn: Int
  }

  /// A model for the conversation of its script that has this ordinal; others draw other values.
  public init(
    name: String,
    script: Script,
    seed: UInt64,
    ordinal: Int,
    clock: any EngineClock,
    deadlines: DeadlineQueue
  ) {
    self.name = name
    self.script = script
    self.seed = seed
    self.ordinal = ordinal
    self.clock = clock
    self.deadlines = deadlines
    var context = ScriptContext()
    for (name, draw) in script.variables {
      // By name, so that one more variable does not change the others.
      var generator = SeededGenerator(
        seed: seed,
        UInt64(bitPattern: Int64(ordinal)),
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
      )
      let seen = context
      context.variables[name] = draw.value(using: &generator) { seen.lookUp($0) }
    }
    variables = context.variables
  }

  /// The conversation's title; the script's name where it gives none.
  public var title: String {
    script.title.map { text(of: $0) } ?? script.name
  }

  /// The messages that begin the conversation: the script's `system` and `user`.
  public var opening: [Message] {
    let system = script.system.map { [Message(.system, text(of: $0))] } ?? []
    return system + script.opening.map { Message(.user, text(of: $0)) }
  }

  public func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    var run = ScriptRun.reading(request.messages, of: script, variables: variables)
    let number = run.context.turn
    let place = Place(conversation: request.conversation, turn: number)
    let act: ScriptRun.Act
    do throws(ScriptRun.Ended) {
      act = try run.next(failures: failures.withLock { $0[place] ?? 0 })
    } catch {
      throw ModelFailure(.scriptEnded, "script \(script.name) \(error.reason)")
    }
    let context = run.context
    var generator = SeededGenerator(
      seed: seed,
      UInt64(bitPattern: Int64(ordinal)),
      UInt64(bitPattern: Int64(number))
    )
    let pause = (act.main?.pause ?? act.before?.pause)?.draw(using: &generator) ?? .zero
    try await wait(pause)
    if let failure = act.failure {
      failures.withLock { $0[place, default: 0] += 1 }
      throw ModelFailure(failure.kind, failure.message.text(context.lookUp))
    }
    let words = [act.before?.say, act.main?.say].compactMap { $0?.text(context.lookUp) }
      .filter { !$0.isEmpty }
      .joined(separator: "\n\n")
    try await tell(words, over: act.main?.over ?? act.before?.over ?? .zero, onDelta)
    var calls: [RequestedCall] = []
    for call in act.calls {
      let offer = request.tools.first { $0.function == call.function }
      let wireName = offer?.wireName ?? Self.wireName(of: call.function)
      onDelta(.callBegan(wireName: wireName))
      calls.append(
        RequestedCall(
          id: "call_\(number)_\(calls.count + 1)",
          wireName: wireName,
          arguments: call.text(context)
        )
      )
    }
    return ModelTurn(
      text: words.isEmpty ? nil : words,
      calls: calls,
      finishReason: calls.isEmpty ? "stop" : "tool_calls",
      usage: act.main?.usage ?? act.before?.usage
        ?? Self.estimate(of: request, words: words, calls: calls)
    )
  }

  private func text(of template: Template) -> String {
    var context = ScriptContext()
    context.variables = variables
    return template.text(context.lookUp)
  }

  private func wait(_ duration: Duration) async throws(ModelFailure) {
    guard !Task.isCancelled else { throw stopped }
    guard duration > .zero else { return }
    do {
      try await clock.sleep(for: duration, on: deadlines)
    } catch {
      throw stopped
    }
  }

  private var stopped: ModelFailure {
    ModelFailure(.cancelled, "script \(script.name) was stopped")
  }

  /// Tells the words one by one, spread evenly; the last comes at the end of the time.
  private func tell(
    _ text: String,
    over duration: Duration,
    _ onDelta: (ModelDelta) -> Void
  ) async throws(ModelFailure) {
    let words = Self.words(of: text)
    for word in words {
      try await wait(duration / words.count)
      onDelta(.text(word))
    }
  }

  /// The words, each with the white space that follows it: joined they are the text.
  static func words(of text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isAfterSpace = false
    for character in text {
      if isAfterSpace, !character.isWhitespace {
        words.append(word)
        word = ""
      }
      word.append(character)
      isAfterSpace = character.isWhitespace
    }
    if !word.isEmpty { words.append(word) }
    return words
  }

  /// What a function is called that the request does not offer: the engine will say that there is no such function.
  private static func wireName(of function: FunctionName) -> String {
    String(function.description.map { $0 == "." ? "_" : $0 }.prefix(64))
  }

  private static func estimate(
    of request: ModelRequest,
    words: String,
    calls: [RequestedCall]
  ) -> TokenUsage {
    func size(_ calls: [RequestedCall]) -> Int {
      calls.reduce(0) { $0 + $1.wireName.utf8.count + $1.arguments.utf8.count }
    }
    let input = request.messages.reduce(0) { $0 + ($1.text?.utf8.count ?? 0) + size($1.calls) }
    return TokenUsage(input: input / 4 + 1, output: (words.utf8.count + size(calls)) / 4 + 1)
  }
}

extension Script.ScriptedCall {
  fileprivate func text(_ context: ScriptContext) -> String {
    switch arguments {
    case .value(let template): template.value(context.lookUp).serialized()
    case .text(let template): template.text(context.lookUp)
    }
  }
}
