import Callboard
import CallboardModels
import CallboardYAML
import Foundation
import JSONSchema

/// Builds a ``Scenario`` from a file, on top of a configuration.
struct ScenarioReader {
  private let document: YAMLDocument
  private var reader: ConfigurationReader
  private var root: JSONValue { document.value }
  /// Names that steps give to calls and conversations.
  private var callNames: Set<String> = []
  private var conversationNames: Set<String> = []

  private init(document: YAMLDocument, folder: URL) {
    self.document = document
    reader = ConfigurationReader(document: document, folder: folder)
  }

  /// Reads a scenario and the configuration it stands on.
  ///
  /// A `configuration` that is named on the command line wins over the one that the scenario names.
  static func read(
    _ path: String,
    configuration: String?,
    environment: [String: String]
  ) throws -> Scenario {
    do {
      let document = try YAMLDocument(file: path)
        .expanding(environment: environment, except: ConfigurationFile.isTemplate)
      if let wrong = Diagnostics(document.check(against: ScenarioSchema.compiled)) { throw wrong }
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      var base = Configuration()
      if let named = configuration {
        base = try ConfigurationFile.load(named, environment: environment)
      } else if let own = document.value["config"]?.stringValue {
        base = try ConfigurationFile.load(
          URL(fileURLWithPath: own, relativeTo: folder).path,
          environment: environment
        )
      } else if document.value["functions"] == nil {
        base = try ConfigurationFile.load(nil, environment: environment)
      }
      var reader = ScenarioReader(document: document, folder: folder)
      let scenario = reader.scenario(on: base)
      if let wrong = Diagnostics(reader.reader.problems) { throw wrong }
      return scenario
    } catch let wrong as Diagnostic {
      throw Failure(.fileIsWrong, wrong.description)
    } catch let wrong as Diagnostics {
      throw Failure(.fileIsWrong, wrong.description)
    }
  }

  private mutating func scenario(on base: Configuration) -> Scenario {
    let fileName = URL(fileURLWithPath: document.file).deletingPathExtension().lastPathComponent
    var scenario = Scenario(name: root["name"]?.stringValue ?? fileName, file: document.file)
    scenario.description = root["description"]?.stringValue ?? ""
    scenario.proves = reader.strings(root["proves"])
    scenario.seed = UInt64(root["seed"]?.intValue ?? 1)
    scenario.timeout = reader.duration(root["timeout"], at: at("timeout")) ?? .seconds(60)
    for definition in base.definitions {
      reader.parameters[definition.name.description] = definition.parameters
    }
    scenario.mocks = mocks()
    var configuration = base
    configuration.conversations = []
    configuration.engine.name = scenario.name
    if root["approvals"] != nil {
      configuration.engine.rules = ApprovalRules(
        reader.approvals(in: root["approvals"], at: at("approvals"))
      )
    } else if base.definitions.isEmpty {
      // A scenario of its own that says nothing about approvals is not about them.
      configuration.engine.rules = ApprovalRules([ApprovalRules.Rule(asks: false)])
    }
    if root["access"] != nil {
      configuration.engine.access = AccessPolicy(
        reader.access(in: root["access"], at: at("access"))
      )
    }
    if root["deciders"] != nil {
      configuration.engine.deciding = reader.deciders(in: root["deciders"], at: at("deciders"))
    }
    configuration.engine.secrets += reader.strings(root["secrets"])
    let people = reader.people(in: root, at: JSONPointer())
    if people.operators != nil {
      configuration.people.operators = people.operators
      configuration.engine.operators = people.operators
    }
    if people.callers != nil { configuration.people.callers = people.callers }
    configuration.scripts.merge(reader.scripts(at: at("scripts"))) { $1 }
    scenario.configuration = configuration
    collectNames()
    scenario.decisions = list("decisions").map { decisionRule($0, at: $1) }
    let models = Set(configuration.models.map(\.name) + configuration.scripts.keys)
    scenario.steps = list("do").compactMap { step($0, at: $1, models: models) }
    if !scenario.decisions.contains(where: \.decision.settles), !scenario.decidesInSteps {
      // Nobody finds out, so the model hears at once that an outcome is unknown.
      scenario.configuration.engine.conversationLimits.unknownWait = 0
    }
    reader.limits(root["limits"], at: at("limits"), into: &scenario.configuration.engine)
    scenario.expectations = Expectations(root["expect"]) { value, tokens in
      reader.checkSchema(value, at: JSONPointer(tokens: ["expect"] + tokens))
    }
    checkExpectedNames()
    checkFunctions(scenario)
    return scenario
  }

  private func at(_ key: String) -> JSONPointer { JSONPointer(tokens: [key]) }

  private func list(_ key: String) -> [(JSONValue, JSONPointer)] {
    (root[key]?.arrayValue ?? []).enumerated().map { ($1, at(key).appending($0)) }
  }

  // MARK: - Functions

  private mutating func mocks() -> [MockProvider.Mock] {
    var mocks: [MockProvider.Mock] = []
    for (name, value) in root["functions"]?.objectValue ?? JSONObject() {
      let pointer = at("functions").appending(name)
      guard let qualified = FunctionName(name) else {
        reader.report(pointer, "is no function name; write namespace.name")
        continue
      }
      let definition = reader.definition(value, name: qualified, at: pointer)
      let answers = (value["answers"]?.arrayValue ?? []).enumerated().map {
        answer($1, of: name, at: pointer.appending("answers").appending($0))
      }
      mocks.append(
        MockProvider.Mock(
          definition: definition,
          answers: answers.isEmpty ? [MockProvider.Answer(kind: .echo)] : answers
        )
      )
    }
    return mocks
  }

  private mutating func answer(
    _ value: JSONValue,
    of function: String,
    at pointer: JSONPointer
  ) -> MockProvider.Answer {
    let kinds = ["value", "echo", "hang", "fail"].filter { value[$0] != nil }
    if kinds.count > 1 {
      reader.report(pointer, "has \(kinds.joined(separator: " and ")); keep one of them")
    }
    let kind: MockProvider.Answer.Kind
    if let fail = value["fail"] {
      kind = .fail(failure(fail, of: function, at: pointer.appending("fail")))
    } else if value["hang"] != nil {
      kind = .hang
    } else if let result = value["value"] {
      kind = .value(result)
    } else {
      kind = .echo
    }
    var answer = MockProvider.Answer(kind: kind)
    if let schema = value["when"] {
      answer.when = reader.checkSchema(schema, at: pointer.appending("when"))
    }
    answer.times = value["times"]?.intValue ?? 1
    answer.after = reader.duration(value["after"], at: pointer.appending("after")) ?? .zero
    return answer
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

  private mutating func checkFunctions(_ scenario: Scenario) {
    let mocked = Set(scenario.mocks.map(\.definition.name))
    let definitions =
      scenario.mocks.map(\.definition)
      + scenario.configuration.definitions.filter { !mocked.contains($0.name) }
    if reader.problems.isEmpty {
      reader.checkRegistry(definitions, secrets: scenario.configuration.secrets)
    }
  }

  // MARK: - Steps

  private mutating func collectNames() {
    for (value, _) in list("do") {
      let calls =
        (value["together"]?.arrayValue ?? []) + [value["call"] ?? .null, value["decide"] ?? .null]
      callNames.formUnion(calls.compactMap { $0["name"]?.stringValue })
      if let name = value["conversation"]?["name"]?.stringValue { conversationNames.insert(name) }
    }
  }

  private mutating func step(
    _ value: JSONValue,
    at pointer: JSONPointer,
    models: Set<String>
  ) -> Scenario.Step? {
    let keys = (value.objectValue?.keys ?? []).filter { $0 != "as" && $0 != "refused" }
    guard let key = keys.first, keys.count == 1 else {
      reader.report(
        pointer,
        keys.isEmpty
          ? "does nothing; say what"
          : "does \(keys.joined(separator: " and ")); make it \(keys.count) steps"
      )
      return nil
    }
    guard let part = value[key] else { return nil }
    let place = pointer.appending(key)
    let person = person(value["as"], at: pointer.appending("as"))
    let action: Scenario.Step.Action
    switch key {
    case "call": action = .calls([call(part)])
    case "together": action = .calls((part.arrayValue ?? []).map(call))
    case "conversation":
      var plan = reader.conversation(part, at: place, models: models)
      if part["caller"] == nil { plan.caller = "caller" }
      action = .conversation(
        .init(name: part["name"]?.stringValue, plan: plan, waits: part["wait"]?.boolValue ?? true)
      )
    case "pause": action = .pause(reader.duration(part, at: place) ?? .zero)
    case "advance": action = .advance(reader.duration(part, at: place) ?? .zero)
    case "until": action = .until(pattern(part, at: place))
    case "disable", "enable":
      action = .toggle(part.stringValue ?? "", on: key == "enable", by: person)
    case "hold", "release": action = .hold(key == "hold", by: person)
    case "trip": action = .breaker(part.stringValue ?? "", to: .open, by: person)
    case "reset": action = .breaker(part.stringValue ?? "", to: .closed, by: person)
    case "clear_cache": action = .clearCache(part.stringValue ?? "", by: person)
    case "stop": action = .stop(conversation: part.stringValue ?? "", by: person)
    case "message":
      action = .message(
        conversation: part["to"]?.stringValue ?? "",
        text: part["text"]?.stringValue ?? "",
        by: person
      )
    case "decide":
      guard let decision = decision(part, at: place) else { return nil }
      let name = part["call"]?.stringValue
      if let name { checkName(name, among: callNames, "call", at: place.appending("call")) }
      action = .decide(
        .init(
          call: name,
          on: reader.pattern(part["on"]),
          isStale: part["stale"]?.boolValue ?? false,
          digest: part["digest"]?.stringValue,
          person: self.person(part["as"], at: place.appending("as")),
          name: part["name"]?.stringValue,
          decision: decision
        )
      )
    default: return nil
    }
    return Scenario.Step(
      action: action,
      refused: value["refused"]?.stringValue ?? part["refused"]?.stringValue,
      place: "do[\(pointer.tokens.last ?? "")] \(key)"
    )
  }

  private func call(_ value: JSONValue) -> Scenario.CallPlan {
    let arguments: Scenario.CallPlan.Arguments =
      value["raw"]?.stringValue.map { .text($0) } ?? .value(value["with"] ?? [:])
    return Scenario.CallPlan(
      name: value["name"]?.stringValue,
      function: value["function"]?.stringValue ?? "",
      arguments: arguments,
      caller: value["as"]?.stringValue ?? "caller",
      waits: value["wait"]?.boolValue ?? true
    )
  }

  private mutating func person(_ value: JSONValue?, at pointer: JSONPointer) -> String {
    guard let name = value?.stringValue else { return "operator" }
    return name
  }

  private mutating func decisionRule(
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> Scenario.DecisionRule {
    var rule = Scenario.DecisionRule(
      person: person(value["as"], at: pointer.appending("as")),
      decision: decision(value, at: pointer) ?? .approve
    )
    rule.on = reader.pattern(value["on"])
    rule.call = value["call"]?.stringValue
    if let schema = value["when"] {
      rule.when = reader.checkSchema(schema, at: pointer.appending("when"))
    }
    rule.caller = reader.pattern(value["caller"])
    rule.times = value["times"]?.intValue
    rule.after = reader.duration(value["after"], at: pointer.appending("after")) ?? .zero
    return rule
  }

  private mutating func decision(_ value: JSONValue, at pointer: JSONPointer) -> Scenario.Decision?
  {
    let known = ["approve", "deny", "edit", "extend", "undo", "settle", "run_again", "cancel"]
    let found = known.filter { value[$0] != nil }
    guard let key = found.first, found.count == 1 else {
      reader.report(
        pointer,
        found.isEmpty
          ? "decides nothing; write one of \(known.joined(separator: ", "))"
          : "has \(found.joined(separator: " and ")); keep one of them"
      )
      return nil
    }
    switch key {
    case "approve": return .approve
    case "deny": return .deny(value["deny"]?.stringValue ?? "")
    case "edit": return .edit(value["edit"]?.objectValue ?? JSONObject())
    case "extend": return .extend
    case "undo": return .undo
    case "run_again": return .runAgain
    case "cancel": return .cancel
    default:
      let settle = value["settle"]
      if let result = settle?["happened"] { return .settle(.happened(Payload(result))) }
      return .settle(.didNotHappen(evidence: settle?["did_not_happen"]?.stringValue ?? ""))
    }
  }

  private mutating func pattern(_ value: JSONValue, at pointer: JSONPointer) -> EventPattern {
    if let call = value["call"]?.stringValue {
      checkName(call, among: callNames, "call", at: pointer.appending("call"))
    }
    return EventPattern(value)
  }

  private mutating func checkName(
    _ name: String,
    among known: Set<String>,
    _ what: String,
    at pointer: JSONPointer
  ) {
    guard !known.contains(name) else { return }
    let near = nearest(to: name, among: known.sorted()).map { "did you mean \($0)?" }
    reader.report(
      pointer,
      "is “\(name)”, which no \(what) of this scenario is called; \(near ?? "give one this name")"
    )
  }

  /// An expectation about a name that nothing has would never be looked at.
  private mutating func checkExpectedNames() {
    for (section, keys) in [
      ("calls", ["call", "runs_again", "same_key_as", "other_key_than"]), ("events", ["call"]),
      ("never_events", ["call"]), ("answers", []), ("conversations", []),
    ] {
      for (index, value) in (root["expect"]?[section]?.arrayValue ?? []).enumerated() {
        let pointer = JSONPointer(tokens: ["expect", section, String(index)])
        for key in keys {
          guard let name = value[key]?.stringValue else { continue }
          checkName(name, among: callNames, "call", at: pointer.appending(key))
        }
        guard let name = value["conversation"]?.stringValue else { continue }
        checkName(
          name,
          among: conversationNames,
          "conversation",
          at: pointer.appending("conversation")
        )
      }
    }
  }
}

extension EventPattern {
  init(_ value: JSONValue) {
    type = NamePattern(value["type"]?.stringValue ?? "*")
    function = value["function"]?.stringValue.map { NamePattern($0) }
    call = value["call"]?.stringValue
    attempt = value["attempt"]?.intValue
    by = value["by"]?.stringValue
    failure = value["failure"]?.stringValue
    source = value["source"]?.stringValue
    cause = value["cause"]?.stringValue
    count = value["count"]?.intValue ?? 1
    if let start = value["after"] { after = .event(EventPattern(start)) }
    if let end = value["before"] { before = .event(EventPattern(end)) }
  }
}
