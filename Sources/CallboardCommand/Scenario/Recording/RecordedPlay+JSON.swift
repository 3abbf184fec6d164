import Callboard
import JSONSchema

extension JSONValue {
  /// How long something took: no less than nothing, and no more than a year.
  fileprivate var seconds: Double? {
    doubleValue.flatMap { (0...31_536_000).contains($0) ? $0 : nil }
  }
}

extension RecordedTurn {
  /// `told`: how many messages the turn before it in this conversation was told, which are not repeated.
  func json(told: Int) -> JSONValue {
    var object: JSONObject = [
      "conversation": .integer(Int64(talk)), "model": .string(model), "turn": .integer(Int64(turn)),
      "told_before": .integer(Int64(told)),
      "messages": .array(messages.dropFirst(told).map(\.recorded)),
      "offers": .object(
        JSONObject(offers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
      ),
      "took": .double(took),
    ]
    if !retries.isEmpty {
      object["retries"] = .array(
        retries.map { ["wait": .double($0.wait), "failure": $0.failure.recorded] }
      )
    }
    switch answer {
    case .turn(let turn): object["answer"] = turn.recorded
    case .failure(let failure): object["failure"] = failure.recorded
    case .stopped: object["stopped"] = true
    }
    return .object(object)
  }

  /// `before`: what the turn before it in this conversation was told; nil where this is none.
  init?(_ json: JSONValue, before: (Int) -> [Message]) {
    guard let talk = json["conversation"]?.intValue, let model = json["model"]?.stringValue,
      let turn = json["turn"]?.intValue, let told = json["told_before"]?.intValue,
      let took = json["took"]?.seconds, let messages = json["messages"]?.arrayValue
    else { return nil }
    let said = before(talk)
    guard told >= 0, told <= said.count, talk > 0 else { return nil }
    let new = messages.compactMap(Message.init(recorded:))
    guard new.count == messages.count else { return nil }
    self.talk = talk
    self.model = model
    self.turn = turn
    self.messages = Array(said.prefix(told)) + new
    self.took = took
    offers = (json["offers"]?.objectValue ?? JSONObject()).reduce(into: [:]) {
      $0[$1.key] = $1.value.stringValue
    }
    for retry in json["retries"]?.arrayValue ?? [] {
      guard let wait = retry["wait"]?.seconds,
        let failure = retry["failure"].flatMap(ModelFailure.init(recorded:))
      else { return nil }
      retries.append(Retry(failure: failure, wait: wait))
    }
    if let turn = json["answer"].flatMap(ModelTurn.init(recorded:)) {
      answer = .turn(turn)
    } else if let failure = json["failure"].flatMap(ModelFailure.init(recorded:)) {
      answer = .failure(failure)
    } else if json["stopped"]?.boolValue == true {
      answer = .stopped
    } else {
      return nil
    }
  }
}

extension RecordedAttempt {
  var json: JSONValue {
    var object: JSONObject = [
      "function": .string(function), "arguments": arguments, "attempt": .integer(Int64(attempt)),
      "took": .double(took),
    ]
    switch answer {
    case .result(let value): object["result"] = value
    case .failure(let failure): object["failure"] = failure.recorded
    case .stopped: object["stopped"] = true
    }
    if let errorOutput { object["stderr"] = .string(errorOutput) }
    if ignoredStop { object["ignored_stop"] = true }
    return .object(object)
  }

  init?(_ json: JSONValue) {
    guard let function = json["function"]?.stringValue, let arguments = json["arguments"],
      let attempt = json["attempt"]?.intValue, let took = json["took"]?.seconds
    else { return nil }
    self.function = function
    self.arguments = arguments
    self.attempt = attempt
    self.took = took
    errorOutput = json["stderr"]?.stringValue
    ignoredStop = json["ignored_stop"]?.boolValue ?? false
    if let result = json["result"] {
      answer = .result(result)
    } else if let failure = json["failure"].flatMap(CallFailure.init(recorded:)) {
      answer = .failure(failure)
    } else if json["stopped"]?.boolValue == true {
      answer = .stopped
    } else {
      return nil
    }
  }
}

extension Message {
  fileprivate var recorded: JSONValue {
    var object: JSONObject = ["role": .string(role.rawValue)]
    if let text { object["text"] = .string(text) }
    if !calls.isEmpty { object["calls"] = .array(calls.map(\.recorded)) }
    if let answers { object["answers"] = .string(answers) }
    if let author { object["author"] = .string(author) }
    return .object(object)
  }

  fileprivate init?(recorded json: JSONValue) {
    guard let role = json["role"]?.stringValue.flatMap(Role.init(rawValue:)) else { return nil }
    let calls = json["calls"]?.arrayValue ?? []
    self.init(
      role,
      json["text"]?.stringValue,
      calls: calls.compactMap(RequestedCall.init(recorded:)),
      answers: json["answers"]?.stringValue,
      author: json["author"]?.stringValue
    )
    guard self.calls.count == calls.count else { return nil }
  }
}

extension RequestedCall {
  fileprivate var recorded: JSONValue {
    ["id": .string(id), "name": .string(wireName), "arguments": .string(arguments)]
  }

  fileprivate init?(recorded json: JSONValue) {
    guard let id = json["id"]?.stringValue, let name = json["name"]?.stringValue,
      let arguments = json["arguments"]?.stringValue
    else { return nil }
    self.init(id: id, wireName: name, arguments: arguments)
  }
}

extension ModelTurn {
  fileprivate var recorded: JSONValue {
    var object = JSONObject()
    if let text { object["text"] = .string(text) }
    if let refusal { object["refusal"] = .string(refusal) }
    if !calls.isEmpty { object["calls"] = .array(calls.map(\.recorded)) }
    if let finishReason { object["finish_reason"] = .string(finishReason) }
    if let usage {
      object["usage"] = [
        "input": .integer(Int64(usage.input)), "output": .integer(Int64(usage.output)),
      ]
    }
    return .object(object)
  }

  fileprivate init?(recorded json: JSONValue) {
    guard json.objectValue != nil else { return nil }
    let calls = json["calls"]?.arrayValue ?? []
    self.init(
      text: json["text"]?.stringValue,
      refusal: json["refusal"]?.stringValue,
      calls: calls.compactMap(RequestedCall.init(recorded:)),
      finishReason: json["finish_reason"]?.stringValue
    )
    guard self.calls.count == calls.count else { return nil }
    if let input = json["usage"]?["input"]?.intValue,
      let output = json["usage"]?["output"]?.intValue
    {
      usage = TokenUsage(input: input, output: output)
    }
  }
}

extension ModelFailure {
  fileprivate var recorded: JSONValue {
    ["kind": .string(kind.rawValue), "message": .string(message)]
  }

  fileprivate init?(recorded json: JSONValue) {
    guard let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)),
      let message = json["message"]?.stringValue
    else { return nil }
    self.init(kind, message)
  }
}

extension CallFailure {
  fileprivate var recorded: JSONValue {
    var object: JSONObject = [
      "kind": .string(kind.rawValue), "message": .string(message),
      "reach": .string(reach.rawValue), "retryable": .bool(isRetryable),
    ]
    if let pointer { object["pointer"] = .string(pointer) }
    if let retryAfter { object["retry_after"] = .double(retryAfter) }
    return .object(object)
  }

  fileprivate init?(recorded json: JSONValue) {
    guard let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)),
      let message = json["message"]?.stringValue,
      let reach = json["reach"]?.stringValue.flatMap(Reach.init(rawValue:)),
      let isRetryable = json["retryable"]?.boolValue
    else { return nil }
    self.init(
      kind,
      message,
      pointer: json["pointer"]?.stringValue,
      reach: reach,
      isRetryable: isRetryable,
      retryAfter: json["retry_after"]?.seconds
    )
  }
}
