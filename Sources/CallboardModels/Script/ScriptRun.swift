import Callboard
import JSONSchema

/// What templates and conditions of a script see.
struct ScriptContext: Sendable {
  /// The names that every script has.
  static let names = ["results", "last", "calls", "message", "vars", "turn", "round"]

  var variables = JSONObject()
  /// Results by the `id` of their call.
  var calls = JSONObject()
  /// Results of the last turn's calls, null while they are out.
  var results: [JSONValue] = []
  var message = ""
  var turn = 1
  var round = 1

  func lookUp(_ name: String) -> JSONValue? {
    switch name {
    case "results": .array(results)
    case "last": results.last ?? .null
    case "calls": .object(calls)
    case "message": .string(message)
    case "vars": .object(variables)
    case "turn": .integer(Int64(turn))
    case "round": .integer(Int64(round))
    case _: variables[name] ?? calls[name]
    }
  }

  var json: JSONValue {
    var object = JSONObject()
    for name in Self.names { object[name] = lookUp(name) }
    return .object(object)
  }
}

/// Where a conversation stands in its script: a value that is moved by the conversation's messages.
///
/// Reading the messages again leads to the same place, so nothing of this is stored.
struct ScriptRun {
  let script: Script
  private(set) var context = ScriptContext()
  private var position = 0
  /// The turn that was taken at `position` and may be taken again.
  private var repeating: Script.Turn?
  private var hasSpoken = false
  private var hasCallsOut = false
  private var wasInterrupted = false
  /// Which result belongs to which call of the last turn, by the id on the wire.
  private var awaited: [String: (index: Int, name: String?)] = [:]

  /// What the model does next.
  struct Act {
    var before: Script.Turn?
    var main: Script.Turn?

    var calls: [Script.ScriptedCall] { (before?.calls ?? []) + (main?.calls ?? []) }
    var failure: Script.Failure? { before?.failure ?? main?.failure }
  }

  /// Why a script has nothing to say, as the rest of a sentence.
  struct Ended: Error {
    var reason: String
  }

  init(script: Script, variables: JSONObject) {
    self.script = script
    context.variables = variables
  }

  /// The place that a conversation's messages lead to.
  static func reading(
    _ messages: [Message],
    of script: Script,
    variables: JSONObject
  ) -> ScriptRun {
    var run = ScriptRun(script: script, variables: variables)
    for message in messages { run.read(message) }
    return run
  }

  private mutating func read(_ message: Message) {
    switch message.role {
    case .system: break
    case .user:
      context.message = message.text ?? ""
      wasInterrupted = hasSpoken
    case .tool:
      guard let id = message.answers, let call = awaited[id] else { return }
      let result = Self.result(in: message.text ?? "")
      context.results[call.index] = result
      if let name = call.name { context.calls[name] = result }
    case .assistant:
      // A failure leaves no message, so those that stood before this one are over.
      let act = try? next(failures: .max)
      hasSpoken = true
      wasInterrupted = false
      hasCallsOut = !message.calls.isEmpty
      context.results = Array(repeating: .null, count: message.calls.count)
      context.turn += 1
      awaited = [:]
      let names = act?.calls.map(\.id) ?? []
      for (index, call) in message.calls.enumerated() {
        awaited[call.id] = (index, index < names.count ? names[index] : nil)
      }
    }
  }

  /// What a call gave: a degraded answer counts as its result, a text that is no JSON as itself.
  private static func result(in text: String) -> JSONValue {
    guard let answer = try? JSONValue(parsing: text, options: .lenient) else {
      return .string(text)
    }
    guard answer["degraded"]?.boolValue == true, let result = answer["result"] else {
      return answer
    }
    return result
  }

  /// Takes the next turn, when the model has failed so many times since its last answer.
  mutating func next(failures: Int) throws(Ended) -> Act {
    var failures = failures
    guard wasInterrupted else { return Act(main: try nextMain(&failures)) }
    // A person who answers the model brings the next turn; one who breaks in is answered besides.
    if !hasCallsOut, let main = try? nextMain(&failures) { return Act(main: main) }
    let answer = script.onMessage.first { $0.holds(context) } ?? Self.acknowledgement
    leave(answer)
    if !answer.calls.isEmpty || answer.next == .end { return Act(before: answer) }
    return Act(before: answer, main: try? nextMain(&failures))
  }

  private mutating func leave(_ answer: Script.Turn) {
    switch answer.next {
    case .following: break
    case .step(let step): go(to: step)
    case .end: go(to: script.steps.count)
    }
  }

  private mutating func go(to step: Int) {
    position = step
    repeating = nil
    context.round = 1
  }

  private mutating func nextMain(_ failures: inout Int) throws(Ended) -> Script.Turn {
    let start = self
    // Each pass moves to another step; so many without a word mean that they lead round in a ring.
    for _ in 0...script.steps.count * 2 + 2 {
      guard position < script.steps.count else {
        self = start
        throw Ended(reason: "has no turn for this: it ended after \(start.context.turn - 1) turns")
      }
      if let turn = repeating {
        context.round += 1
        if let repetition = turn.repetition, context.round <= repetition.atMost,
          repetition.condition.map({ $0.isValid(context.json) }) ?? true
        {
          return turn
        }
        move(on: turn)
        continue
      }
      guard let turn = script.steps[position].turns.first(where: { $0.holds(context) }) else {
        go(to: position + 1)
        continue
      }
      if turn.isJump {
        move(on: turn)
        continue
      }
      if let failure = turn.failure {
        let isOver = failure.times.map { failures >= $0 } ?? (failures == .max)
        guard isOver else { return turn }
        if failures != .max { failures -= failure.times ?? 0 }
        var rest = turn
        rest.failure = nil
        if rest.isJump {
          move(on: turn)
          continue
        }
        return take(rest)
      }
      return take(turn)
    }
    self = start
    throw Ended(
      reason: "goes round from label to label without a word; give one of them something to say"
    )
  }

  private mutating func take(_ turn: Script.Turn) -> Script.Turn {
    if turn.repetition != nil {
      repeating = turn
    } else {
      move(on: turn)
    }
    return turn
  }

  private mutating func move(on turn: Script.Turn) {
    switch turn.next {
    case .following: go(to: position + 1)
    case .step(let step): go(to: step)
    case .end: go(to: script.steps.count)
    }
  }

  /// The answer to a person in a script that has none.
  private static let acknowledgement: Script.Turn = {
    var turn = Script.Turn()
    turn.say = Template(plain: "I have read your message, and take it into account.")
    return turn
  }()
}

extension Script.Turn {
  fileprivate func holds(_ context: ScriptContext) -> Bool {
    condition.map { $0.isValid(context.json) } ?? true
  }
}
