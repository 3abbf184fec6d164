import Callboard
import CallboardYAML
import JSONSchema

/// The sections `functions` and `faults` of a scenario.
extension ScenarioReader {
  mutating func mocks(over base: Configuration) -> [Mock] {
    let known = Dictionary(base.definitions.map { ($0.name, $0) }) { first, _ in first }
    var mocks: [Mock] = []
    for (name, value) in root["functions"]?.objectValue ?? JSONObject() {
      let pointer = at("functions").appending(name)
      guard let qualified = FunctionName(name) else {
        reader.report(pointer, "is no function name; write namespace.name")
        continue
      }
      let behind = known[qualified]
      var definition = reader.definition(value, name: qualified, at: pointer)
      if let behind { definition.takeUnsaid(from: behind, said: value) }
      reader.parameters[name] = definition.parameters
      let answers = (value["answers"]?.arrayValue ?? []).enumerated().map {
        answer(
          $1,
          of: name,
          hasFunction: behind != nil,
          at: pointer.appending("answers").appending($0)
        )
      }
      let unsaid = Mock.Answer(kind: behind == nil ? .echo : .pass)
      mocks.append(Mock(definition: definition, answers: answers.isEmpty ? [unsaid] : answers))
    }
    return mocks
  }

  private mutating func answer(
    _ value: JSONValue,
    of function: String,
    hasFunction: Bool,
    at pointer: JSONPointer
  ) -> Mock.Answer {
    let kinds = ["value", "values", "echo", "hang", "fail", "pass"].filter { value[$0] != nil }
    if kinds.count > 1 {
      reader.report(pointer, "has \(kinds.joined(separator: " and ")); keep one of them")
    }
    var answer: Mock.Answer
    if let fail = value["fail"] {
      answer = Mock.Answer(kind: .fail(failure(fail, of: function, at: pointer.appending("fail"))))
    } else if value["hang"] != nil {
      answer = Mock.Answer(kind: .hang)
    } else if value["pass"] != nil {
      answer = Mock.Answer(kind: .pass)
      if !hasFunction {
        reader.report(
          pointer.appending("pass"),
          "hands on to \(function), which the configuration has not; give a value"
        )
      }
    } else if let list = value["values"]?.arrayValue {
      let place = pointer.appending("values")
      answer = Mock.Answer(
        kind: .sequence(list.enumerated().map { template($1, at: place.appending($0)) })
      )
      answer.times = list.count
    } else if let result = value["value"] {
      answer = Mock.Answer(kind: .value(template(result, at: pointer.appending("value"))))
    } else {
      answer = Mock.Answer(kind: .echo)
    }
    if let schema = value["when"] {
      answer.when = reader.checkSchema(schema, at: pointer.appending("when"))
    }
    answer.times = value["times"]?.intValue ?? answer.times
    answer.ignoresStop = value["ignores_stop"] != nil
    answer.after = latency(value["after"], at: pointer.appending("after"))
    return answer
  }

  /// A value whose `${…}` stand for what is known where it is used.
  mutating func template(
    _ value: JSONValue,
    at pointer: JSONPointer,
    knowing names: [String] = Mock.names
  ) -> WorkflowTemplate {
    var mistakes: [WorkflowMistake] = []
    let template = WorkflowTemplate(value, at: pointer, &mistakes)
    for place in template.references {
      for path in place.reference.paths where !names.contains(path.root) {
        let near = nearest(to: path.root, among: names).map { "did you mean \($0)?" }
        mistakes.append(
          WorkflowMistake(
            place.pointer,
            offset: path.offset,
            "is about “\(path.root)”, which nothing is called here; "
              + (near ?? "known are \(names.joined(separator: ", "))")
          )
        )
      }
    }
    let found = WorkflowFile.diagnostics(mistakes, in: document, at: JSONPointer())
    reader.problems += found?.all ?? []
    return template
  }

  private mutating func failure(
    _ value: JSONValue,
    of function: String,
    at pointer: JSONPointer
  ) -> CallFailure {
    let kind = value["kind"]?.stringValue.flatMap(CallFailure.Kind.init(rawValue:)) ?? .serverError
    let reach = value["reach"]?.stringValue.flatMap(CallFailure.Reach.init(rawValue:)) ?? .answered
    let isRetryable: Bool =
      switch kind {
      case .timeout, .connectionFailed, .throttled, .serverError: true
      default: false
      }
    let pause = reader.seconds(value["retry_after"], at: pointer.appending("retry_after"))
    return CallFailure(
      kind,
      value["message"]?.stringValue ?? "\(function) failed, as the scenario says.",
      reach: reach,
      isRetryable: value["retryable"]?.boolValue ?? isRetryable,
      retryAfter: pause
    )
  }

  // MARK: - Faults

  mutating func faults() -> [Fault] {
    list("faults").flatMap { fault($0, at: $1) }
  }

  /// One fault for each thing that it does.
  private mutating func fault(_ value: JSONValue, at pointer: JSONPointer) -> [Fault] {
    var effects: [Fault.Effect] = []
    if let delay = latency(value["delay"], at: pointer.appending("delay")) {
      effects.append(.delay(delay))
    }
    let ends = ["fail", "down", "hang", "truncate"].filter { value[$0] != nil }
    if ends.count > 1 {
      reader.report(pointer, "has \(ends.joined(separator: " and ")); keep one of them")
    }
    if ends.isEmpty, effects.isEmpty {
      reader.report(pointer, "does nothing; write one of delay, fail, down, hang and truncate")
    }
    let name = value["on"]?.stringValue ?? "the function"
    switch ends.first {
    case "fail":
      let fail = value["fail"] ?? .null
      effects.append(.fail(failure(fail, of: name, at: pointer.appending("fail"))))
    case "down":
      effects.append(
        .fail(
          CallFailure(
            .connectionFailed,
            "\(name) is down, as the scenario says.",
            reach: .notSent,
            isRetryable: true
          )
        )
      )
    case "hang": effects.append(.hang)
    case "truncate": effects.append(.truncate(cut(value["truncate"] ?? .null)))
    default: break
    }
    let during = value["during"]
    let place = pointer.appending("during")
    let from = reader.duration(during?["from"], at: place.appending("from")) ?? .zero
    let to = reader.duration(during?["to"], at: place.appending("to")) ?? .seconds(Int64.max / 4)
    if to < from { reader.report(place, "ends before it begins") }
    let first = value["attempts"]?["from"]?.intValue ?? 1
    let last = value["attempts"]?["to"]?.intValue ?? .max
    if last < first { reader.report(pointer.appending("attempts"), "ends before it begins") }
    let schema = value["when"].flatMap {
      reader.checkSchema($0, at: pointer.appending("when"))
    }
    return effects.map { effect in
      Fault(
        on: reader.pattern(value["on"]),
        caller: reader.pattern(value["caller"]),
        when: schema,
        attempts: value["attempts"] == nil ? nil : first...max(first, last),
        during: during == nil ? nil : from..<max(from, to),
        probability: value["probability"]?.doubleValue,
        times: value["times"]?.intValue,
        effect: effect
      )
    }
  }

  private func cut(_ value: JSONValue) -> Fault.Cut {
    value["share"]?.doubleValue.map { .share($0) } ?? .bytes(value["bytes"]?.intValue ?? 0)
  }

  mutating func latency(_ value: JSONValue?, at pointer: JSONPointer) -> Latency? {
    guard let value else { return nil }
    if value.stringValue != nil {
      return reader.duration(value, at: pointer).map { Latency(distribution: .fixed($0)) }
    }
    func length(_ part: String, _ key: String, _ reader: inout ConfigurationReader) -> Duration {
      reader.duration(value[part]?[key], at: pointer.appending(part).appending(key)) ?? .zero
    }
    let kinds = ["uniform", "normal", "exponential"].filter { value[$0] != nil }
    guard let kind = kinds.first, kinds.count == 1 else {
      reader.report(
        pointer,
        kinds.isEmpty
          ? "draws nothing; write one of uniform, normal and exponential"
          : "has \(kinds.joined(separator: " and ")); keep one of them"
      )
      return nil
    }
    let distribution: Latency.Distribution
    switch kind {
    case "uniform":
      let (from, to) = (length(kind, "from", &reader), length(kind, "to", &reader))
      if to < from {
        reader.report(pointer.appending(kind), "goes down; write the smaller one first")
      }
      distribution = .uniform(from: from, to: to)
    case "normal":
      distribution = .normal(
        mean: length(kind, "mean", &reader),
        deviation: length(kind, "deviation", &reader)
      )
    default: distribution = .exponential(mean: length(kind, "mean", &reader))
    }
    let most = reader.duration(value["at_most"], at: pointer.appending("at_most"))
    return Latency(distribution: distribution, most: most)
  }
}

extension FunctionDefinition {
  /// Has what another definition has wherever the scenario says nothing of its own.
  fileprivate mutating func takeUnsaid(from behind: FunctionDefinition, said: JSONValue) {
    func isSaid(_ key: String) -> Bool { said[key] != nil }
    let own = self
    self = behind
    if isSaid("description") { description = own.description }
    if isSaid("parameters") { parameters = own.parameters }
    if isSaid("effect") { effect = own.effect }
    if isSaid("timeout") { timeout = own.timeout }
    if isSaid("retry") { retry = own.retry }
    if isSaid("breaker") { breaker = own.breaker }
    if isSaid("cache") { cache = own.cache }
    if isSaid("slots") { slots = own.slots }
    if isSaid("max_queue") { maxQueue = own.maxQueue }
    if isSaid("max_result") { maxResultBytes = own.maxResultBytes }
    if isSaid("secrets") { secrets = own.secrets }
    if isSaid("fails_cleanly") { failsCleanly = own.failsCleanly }
    if isSaid("result") { resultSchema = own.resultSchema }
    if isSaid("fallback") { fallback = own.fallback }
    if isSaid("check") { checks = own.checks }
    if isSaid("outcome_check") { check = own.check }
  }
}
