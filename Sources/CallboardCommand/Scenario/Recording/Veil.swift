import Callboard
import JSONSchema

/// Takes out of a recording what is secret: by field and form, and wherever a secret that was seen stands again.
struct Veil: Sendable {
  private let discretion: Discretion

  /// `values`: everything that secrets may have stood in.
  init(for scenario: Scenario, about values: [JSONValue]) {
    discretion = Discretion(
      about: values,
      fields: scenario.secretFields,
      secretValues: scenario.configuration.engine.secretValues
    )
  }

  /// Secrets may stand in this, too.
  func note(_ value: JSONValue) { discretion.note(value) }

  func over(_ value: JSONValue) -> JSONValue { hiding(discretion.safe(value)) }

  /// A text that is JSON is looked into.
  func over(_ text: String) -> String {
    guard let value = Self.document(text) else { return discretion.hiding(text) }
    let safe = over(value)
    return safe == value ? text : safe.serialized()
  }

  static func document(_ text: String) -> JSONValue? {
    guard let first = text.utf8.first(where: { $0 > UInt8(ascii: " ") }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    else { return nil }
    return try? JSONValue(parsing: text)
  }

  /// In sentences a secret may be named, or be cut.
  private func hiding(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): .string(discretion.hiding(text))
    case .array(let items): .array(items.map(hiding))
    case .object(let object): .object(JSONObject(object.map { ($0.key, hiding($0.value)) }))
    case .null, .bool, .integer, .double, .decimal: value
    }
  }

  func over(_ message: Message) -> Message {
    var safe = message
    safe.text = message.text.map(over)
    safe.calls = message.calls.map(over)
    return safe
  }

  private func over(_ call: RequestedCall) -> RequestedCall {
    var safe = call
    safe.arguments = over(call.arguments)
    return safe
  }

  private func over(_ failure: ModelFailure) -> ModelFailure {
    ModelFailure(failure.kind, over(failure.message))
  }

  func over(_ turn: RecordedTurn) -> RecordedTurn {
    var safe = turn
    safe.messages = turn.messages.map(over)
    safe.retries = turn.retries.map { .init(failure: over($0.failure), wait: $0.wait) }
    switch turn.answer {
    case .turn(var answer):
      answer.text = answer.text.map(over)
      answer.refusal = answer.refusal.map(over)
      answer.calls = answer.calls.map(over)
      safe.answer = .turn(answer)
    case .failure(let failure): safe.answer = .failure(over(failure))
    case .stopped: break
    }
    return safe
  }

  func over(_ attempt: RecordedAttempt) -> RecordedAttempt {
    var safe = attempt
    safe.arguments = over(attempt.arguments)
    safe.errorOutput = attempt.errorOutput.map(over)
    switch attempt.answer {
    case .result(let value): safe.answer = .result(over(value))
    case .failure(var failure):
      failure.message = over(failure.message)
      safe.answer = .failure(failure)
    case .stopped: break
    }
    return safe
  }
}
