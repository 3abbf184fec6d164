import Callboard
import CallboardModels
import CallboardYAML
import Foundation
import JSONSchema

/// Builds a ``Scenario`` from a file, on top of a configuration.
struct ScenarioReader {
  let document: YAMLDocument
  var reader: ConfigurationReader
  var root: JSONValue { document.value }
  /// Names that steps give to calls and conversations.
  var callNames: Set<String> = []
  var conversationNames: Set<String> = []
  var runNames: Set<String> = []
  var loadNames: Set<String> = []
  var grantNames: Set<String> = []
  /// What it stands on.
  var base = Configuration()
  var mocked: [FunctionDefinition] = []
  var scriptNames: [String] = []
  /// Conversations of recordings that steps name.
  var talks: [Scenario.RecordedTalk] = []

  private init(document: YAMLDocument, folder: URL) {
    self.document = document
    reader = ConfigurationReader(document: document, folder: folder)
  }

  /// Reads a scenario that is played once, or its first row, and the configuration it stands on.
  static func read(
    _ path: String,
    configuration: String?,
    environment: [String: String]
  ) throws -> Scenario {
    let rows = try readRows(path, configuration: configuration, environment: environment)
    guard let first = rows.first else { throw Failure(.fileIsWrong, "\(path) has no rows") }
    return first
  }

  /// Reads a scenario, once for each of its rows, and the configuration it stands on.
  ///
  /// A `configuration` that is named on the command line wins over the one that the scenario names.
  static func readRows(
    _ path: String,
    configuration: String?,
    environment: [String: String]
  ) throws -> [Scenario] {
    do {
      let document = try YAMLDocument(file: path)
        .expanding(environment: environment, except: ConfigurationFile.isTemplate)
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      guard let rows = try ScenarioRows.read(document, folder: folder) else {
        return [try read(document, folder, configuration, environment)]
      }
      var scenarios: [Scenario] = []
      var problems: [Diagnostic] = []
      for row in rows {
        do {
          let filled = try ScenarioRows.fill(document, with: row)
          var scenario = try read(filled, folder, configuration, environment)
          scenario.name += " [\(row.name)]"
          scenarios.append(scenario)
        } catch let wrong as Diagnostics {
          problems += wrong.all.filter { !problems.contains($0) }
        }
      }
      if let wrong = Diagnostics(problems) { throw wrong }
      return scenarios
    } catch let wrong as Diagnostic {
      throw Failure(.fileIsWrong, wrong.description)
    } catch let wrong as Diagnostics {
      throw Failure(.fileIsWrong, wrong.description)
    }
  }

  private static func read(
    _ document: YAMLDocument,
    _ folder: URL,
    _ configuration: String?,
    _ environment: [String: String]
  ) throws -> Scenario {
    if let wrong = Diagnostics(document.check(against: ScenarioSchema.compiled)) { throw wrong }
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
  }

  private mutating func scenario(on base: Configuration) -> Scenario {
    let fileName = URL(fileURLWithPath: document.file).deletingPathExtension().lastPathComponent
    var scenario = Scenario(name: root["name"]?.stringValue ?? fileName, file: document.file)
    scenario.description = root["description"]?.stringValue ?? ""
    scenario.proves = reader.strings(root["proves"])
    scenario.seed = UInt64(root["seed"]?.intValue ?? 1)
    scenario.timeout = reader.duration(root["timeout"], at: at("timeout")) ?? .seconds(60)
    scenario.hasRealClock = root["clock"]?.stringValue == "real"
    for definition in base.definitions {
      reader.parameters[definition.name.description] = definition.parameters
    }
    self.base = base
    scenario.mocks = mocks(over: base)
    mocked = scenario.mocks.map(\.definition)
    scenario.faults = faults()
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
    scriptNames = configuration.scripts.keys.sorted()
    configuration.engine.workflows = workflows()
    scenario.configuration = configuration
    collectNames()
    scenario.decisions = list("decisions").map { decisionRule($0, at: $1) }
    let models = Set(configuration.models.map(\.name) + configuration.scripts.keys)
    scenario.steps = list("do").compactMap { value, place in
      step(value, at: place, models: models, workflows: configuration.engine.workflows)
    }
    scenario.talks = talks
    if !scenario.decisions.contains(where: \.decision.settles), !scenario.decidesInSteps {
      // Nobody finds out, so the model hears at once that an outcome is unknown.
      scenario.configuration.engine.conversationLimits.unknownWait = 0
    }
    reader.limits(root["limits"], at: at("limits"), into: &scenario.configuration.engine)
    scenario.expectations = Expectations(root["expect"]) { value, tokens in
      reader.checkSchema(value, at: JSONPointer(tokens: ["expect"] + tokens))
    }
    readBounds()
    scenario.prices = prices()
    checkExpectedNames(configuration.engine.workflows)
    checkFunctions(scenario)
    return scenario
  }

  func at(_ key: String) -> JSONPointer { JSONPointer(tokens: [key]) }

  func list(_ key: String) -> [(JSONValue, JSONPointer)] {
    (root[key]?.arrayValue ?? []).enumerated().map { ($1, at(key).appending($0)) }
  }

  // MARK: - Functions

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
      if let load = value["load"] { loadNames.insert(load["name"]?.stringValue ?? "load") }
      let calls =
        (value["together"]?.arrayValue ?? []) + [value["call"] ?? .null, value["decide"] ?? .null]
      callNames.formUnion(calls.compactMap { $0["name"]?.stringValue })
      if let name = value["conversation"]?["name"]?.stringValue { conversationNames.insert(name) }
    }
  }

  private mutating func step(
    _ value: JSONValue,
    at pointer: JSONPointer,
    models: Set<String>,
    workflows: [Workflow]
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
      var part = part
      var models = models
      let talk = recordedTalk(part, at: place)
      if let talk {
        talks.append(talk)
        part["model"] = .string(talk.name)
        models.insert(talk.name)
      } else if part["recording"] != nil {
        return nil
      }
      var plan = reader.conversation(part, at: place, models: models)
      if part["caller"] == nil { plan.caller = "caller" }
      if let talk, plan.messages.isEmpty {
        plan.messages = talk.opening.filter { $0.role == .user }.compactMap(\.text)
        plan.system = plan.system ?? talk.opening.first { $0.role == .system }?.text
      }
      action = .conversation(
        .init(name: part["name"]?.stringValue, plan: plan, waits: part["wait"]?.boolValue ?? true)
      )
    case "workflow":
      guard let step = workflowStep(part, at: place, among: workflows) else { return nil }
      action = step
    case "cancel_run", "retry_run":
      let name = part.stringValue ?? ""
      checkName(name, among: runNames, "run", at: place)
      action = key == "cancel_run" ? .cancelRun(name, by: person) : .retryRun(name, by: person)
    case "load": action = loadStep(part, at: place)
    case "boundary":
      guard let step = boundaryStep(part, at: place) else { return nil }
      action = step
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
    default:
      guard let step = worldStep(key, part, at: place) else { return nil }
      action = .world(step, by: person)
    }
    return Scenario.Step(
      action: action,
      refused: value["refused"]?.stringValue ?? part["refused"]?.stringValue,
      place: "do[\(pointer.tokens.last ?? "")] \(key)"
    )
  }

  func call(_ value: JSONValue) -> Scenario.CallPlan {
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

  mutating func person(_ value: JSONValue?, at pointer: JSONPointer) -> String {
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
    let known = [
      "approve", "deny", "edit", "extend", "undo", "settle", "run_again", "cancel", "let_expire",
    ]
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
    case "let_expire": return .letExpire
    default:
      let settle = value["settle"]
      if let result = settle?["happened"] { return .settle(.happened(Payload(result))) }
      return .settle(.didNotHappen(evidence: settle?["did_not_happen"]?.stringValue ?? ""))
    }
  }

  mutating func pattern(_ value: JSONValue, at pointer: JSONPointer) -> EventPattern {
    if let call = value["call"]?.stringValue {
      checkName(call, among: callNames, "call", at: pointer.appending("call"))
    }
    return EventPattern(value)
  }

  mutating func checkName(
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
  private mutating func checkExpectedNames(_ workflows: [Workflow]) {
    let functions = Set(
      definitions.map(\.name.description)
        + workflows.map { "\(WorkflowProvider.name).\($0.name)" }
    )
    for section in ["never", "order"] {
      for (index, value) in (root["expect"]?[section]?.arrayValue ?? []).enumerated() {
        let pattern = NamePattern(value.stringValue ?? "")
        guard !functions.contains(where: pattern.matches) else { continue }
        checkName(
          pattern.text,
          among: functions,
          "function",
          at: JSONPointer(tokens: ["expect", section, String(index)])
        )
      }
    }
    for (section, keys) in [
      ("calls", ["call", "runs_again", "same_key_as", "other_key_than"]), ("events", ["call"]),
      ("never_events", ["call"]), ("answers", []), ("conversations", []), ("workflows", []),
      ("loads", []),
    ] {
      for (index, value) in (root["expect"]?[section]?.arrayValue ?? []).enumerated() {
        let pointer = JSONPointer(tokens: ["expect", section, String(index)])
        for key in keys {
          guard let name = value[key]?.stringValue else { continue }
          checkName(name, among: callNames, "call", at: pointer.appending(key))
        }
        if let name = value["run"]?.stringValue {
          checkName(name, among: runNames, "run", at: pointer.appending("run"))
        }
        if let name = value["load"]?.stringValue {
          checkName(name, among: loadNames, "load", at: pointer.appending("load"))
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
    workflow = value["workflow"]?.stringValue
    cause = value["cause"]?.stringValue
    count = value["count"]?.intValue ?? 1
    if let start = value["after"] { after = .event(EventPattern(start)) }
    if let end = value["before"] { before = .event(EventPattern(end)) }
  }
}
