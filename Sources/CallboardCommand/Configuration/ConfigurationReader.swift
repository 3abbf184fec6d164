import Callboard
import CallboardModels
import CallboardProviders
import CallboardSQLite
import CallboardYAML
import Foundation
import JSONSchema

/// Builds a ``Configuration`` from a document that fits the schema, and collects what a schema cannot see.
struct ConfigurationReader {
  let document: YAMLDocument
  /// Relative paths in the file are meant from here.
  let folder: URL
  var problems: [Diagnostic] = []
  var warnings: [Diagnostic] = []
  /// Where each function is written.
  private(set) var places: [FunctionName: JSONPointer] = [:]
  /// The schemas of the functions whose definitions are known, for the conditions of rules.
  var parameters: [String: JSONValue] = [:]
  private var root: JSONValue { document.value }

  init(document: YAMLDocument, folder: URL) {
    self.document = document
    self.folder = folder
  }

  /// Reads a file whole: the schema first, then what it cannot see.
  static func read(_ document: YAMLDocument, folder: URL) throws(Diagnostics) -> Configuration {
    if let wrong = Diagnostics(document.check(against: ConfigurationSchema.compiled)) {
      throw wrong
    }
    var reader = ConfigurationReader(document: document, folder: folder)
    let configuration = reader.configuration()
    if let wrong = Diagnostics(reader.problems) { throw wrong }
    return configuration
  }

  private mutating func configuration() -> Configuration {
    var result = Configuration()
    result.providers = providers()
    result.scripts = scripts(at: JSONPointer(tokens: ["scripts"]))
    result.models = models(into: &result.scripts)
    result.engine = engine()
    result.store = store(root["store"], at: JSONPointer(tokens: ["store"]))
    result.control = control(root["control"])
    result.people = people(in: root, at: JSONPointer())
    result.engine.operators = result.people.operators
    checkDeciders(
      in: root["deciders"],
      at: JSONPointer(tokens: ["deciders"]),
      operators: result.people.operators
    )
    let models = Set(result.models.map(\.name) + result.scripts.keys)
    result.conversations = (root["conversations"]?.arrayValue ?? []).enumerated().map {
      conversation($1, at: JSONPointer(tokens: ["conversations"]).appending($0), models: models)
    }
    result.engine.secretValues = secretValues()
    result.engine.workflows = workflows(
      root["workflows"],
      at: JSONPointer(tokens: ["workflows"]),
      functions: result.definitions,
      models: result.models.map(\.name)
    )
    if problems.isEmpty { checkWhole(result) }
    result.warnings = warnings
    result.sections = root.objectValue ?? JSONObject()
    return result
  }

  // MARK: - Secrets

  /// Keys and passwords that the file, or the environment through it, gives to models, servers and programs: these are
  /// shown nowhere, whoever repeats them.
  private func secretValues() -> [String] {
    var found: Set<String> = []
    func add(_ text: String) {
      found.insert(text)
      // Of `Bearer …` and its like the token is the secret.
      if let last = text.split(separator: " ").last { found.insert(String(last)) }
    }
    func search(_ value: JSONValue, at pointer: JSONPointer) {
      switch value {
      case .null, .bool, .integer, .double, .decimal: break
      case .string(let text):
        if isSecret(pointer) { add(text) }
      case .array(let items):
        for (index, item) in items.enumerated() { search(item, at: pointer.appending(index)) }
      case .object(let members):
        for (key, member) in members { search(member, at: pointer.appending(key)) }
      }
    }
    for section in ["providers", "models"] {
      if let value = root[section] { search(value, at: JSONPointer(tokens: [section])) }
    }
    return found.sorted()
  }

  /// Model keys; headers and variables that come from the environment, or whose names say that they are secret.
  private func isSecret(_ pointer: JSONPointer) -> Bool {
    let tokens = pointer.tokens
    guard let name = tokens.last?.lowercased() else { return false }
    if tokens.first == "models", tokens.count == 3, name == "key" { return true }
    guard let group = tokens.dropLast().last, ["headers", "environment"].contains(group) else {
      return false
    }
    let words = ["auth", "key", "token", "secret", "passw", "credential", "cookie"]
    return document.isFromEnvironment(pointer) || words.contains { name.contains($0) }
  }

  // MARK: - Providers

  private mutating func providers() -> [Configuration.ProviderPlan] {
    var plans: [Configuration.ProviderPlan] = []
    for (namespace, value) in root["providers"]?.objectValue ?? JSONObject() {
      let pointer = JSONPointer(tokens: ["providers", namespace])
      let functions = value["functions"]?.arrayValue ?? []
      let list = pointer.appending("functions")
      func definitions(
        _ reader: inout ConfigurationReader
      ) -> [(FunctionDefinition, JSONValue, JSONPointer)] {
        functions.enumerated().compactMap { index, value in
          let place = list.appending(index)
          let name = value["name"]?.stringValue ?? ""
          guard let qualified = FunctionName(namespace: namespace, name: name) else {
            reader.report(
              place.appending("name"),
              "is “\(name)”, which is no name; use letters, digits, _, - and ."
            )
            return nil
          }
          return (reader.definition(value, name: qualified, at: place), value, place)
        }
      }
      switch value["type"]?.stringValue {
      case "http":
        let read = definitions(&self)
        let http = read.map { httpFunction($0.0, $0.1, at: $0.2) }
        let url = value["url"]?.stringValue ?? ""
        let headers = pairs(value["headers"])
        report(
          HTTPProvider.problems(
            namespace: namespace,
            baseURL: url,
            headers: headers,
            functions: http
          ),
          under: pointer
        )
        plans.append(.init(namespace: namespace, kind: .http(url: url, headers: headers, http)))
      case "program":
        let read = definitions(&self)
        let programs = read.map { programFunction($0.0, $0.1, at: $0.2) }
        report(ProgramProvider.problems(namespace: namespace, functions: programs), under: pointer)
        plans.append(.init(namespace: namespace, kind: .program(programs)))
      case "demo":
        let read = definitions(&self)
        for (definition, _, place) in read
        where !DemoWorld.functions.contains(definition.name.description) {
          let near = nearest(to: definition.name.description, among: DemoWorld.functions)
          report(
            place.appending("name"),
            "names \(definition.name), which the demo's world has not"
              + (near.map { "; did you mean \($0)?" }
                ?? "; it has \(DemoWorld.functions.joined(separator: ", "))")
          )
        }
        plans.append(.init(namespace: namespace, kind: .demo(read.map(\.0))))
      default: break
      }
    }
    return plans
  }

  /// Name, schema and policies of one function.
  mutating func definition(
    _ value: JSONValue,
    name: FunctionName,
    at pointer: JSONPointer
  ) -> FunctionDefinition {
    if places[name] != nil { report(pointer, "is the second function called \(name); rename one") }
    places[name] = pointer
    var definition = FunctionDefinition(
      name: name,
      description: value["description"]?.stringValue ?? ""
    )
    if let parameters = value["parameters"] {
      definition.parameters = parameters
      checkSchema(parameters, at: pointer.appending("parameters"))
    }
    parameters[name.description] = definition.parameters
    if let effect = value["effect"]?.stringValue.flatMap(FunctionEffect.init(rawValue:)) {
      definition.effect = effect
    }
    definition.timeout =
      duration(value["timeout"], at: pointer.appending("timeout")) ?? definition.timeout
    definition.retry = retry(value["retry"], definition.retry, at: pointer.appending("retry"))
    definition.breaker = breaker(value["breaker"], at: pointer.appending("breaker"))
    if let cache = value["cache"] {
      let scope = cache["scope"]?.stringValue.flatMap(CachePolicy.Scope.init(rawValue:)) ?? .caller
      let ttl = duration(cache["ttl"], at: pointer.appending("cache").appending("ttl"))
      definition.cache = CachePolicy(ttl: ttl ?? .seconds(300), scope: scope)
    }
    definition.slots = value["slots"]?.intValue
    definition.maxQueue =
      duration(value["max_queue"], at: pointer.appending("max_queue")) ?? definition.maxQueue
    definition.maxResultBytes = value["max_result"]?.intValue ?? definition.maxResultBytes
    definition.secrets = strings(value["secrets"])
    definition.failsCleanly = value["fails_cleanly"]?.boolValue ?? false
    if let schema = value["result"] {
      definition.resultSchema = schema
      checkSchema(schema, at: pointer.appending("result"))
    }
    definition.fallback = fallback(value["fallback"], at: pointer.appending("fallback"))
    definition.checks = checks(value["check"], at: pointer.appending("check"))
    definition.check = check(value["outcome_check"], at: pointer.appending("outcome_check"))
    return definition
  }

  private mutating func retry(
    _ value: JSONValue?,
    _ standard: RetryPolicy,
    at pointer: JSONPointer
  ) -> RetryPolicy {
    var retry = standard
    retry.maxAttempts = value?["attempts"]?.intValue ?? retry.maxAttempts
    retry.base = duration(value?["base"], at: pointer.appending("base")) ?? retry.base
    retry.cap = duration(value?["cap"], at: pointer.appending("cap")) ?? retry.cap
    return retry
  }

  private mutating func breaker(_ value: JSONValue?, at pointer: JSONPointer) -> BreakerPolicy {
    var breaker = BreakerPolicy()
    breaker.consecutiveFailures = value?["failures"]?.intValue ?? breaker.consecutiveFailures
    breaker.failureRate = value?["rate"]?.doubleValue ?? breaker.failureRate
    breaker.window = duration(value?["window"], at: pointer.appending("window")) ?? breaker.window
    breaker.minimumCalls = value?["minimum"]?.intValue ?? breaker.minimumCalls
    breaker.openFor = duration(value?["open"], at: pointer.appending("open")) ?? breaker.openFor
    return breaker
  }

  private mutating func fallback(
    _ value: JSONValue?,
    at pointer: JSONPointer
  ) -> FunctionDefinition.Fallback? {
    guard let value else { return nil }
    if let fixed = value["value"] { return .value(fixed) }
    if value["stale"] != nil { return .staleCache }
    let text = value["function"]?.stringValue ?? ""
    guard let name = FunctionName(text) else {
      report(
        pointer.appending("function"),
        "is “\(text)”, which is no function name; write namespace.name"
      )
      return nil
    }
    return .function(name)
  }

  private mutating func httpFunction(
    _ definition: FunctionDefinition,
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> HTTPFunction {
    var function = HTTPFunction(
      definition: definition,
      method: value["method"]?.stringValue ?? "GET",
      path: value["path"]?.stringValue ?? "",
      headers: pairs(value["headers"])
    )
    if value["fails_cleanly"] != nil {
      report(
        pointer.appending("fails_cleanly"),
        "means nothing for an HTTP function: a 4xx says that nothing was done, a 5xx or a cut connection "
          + "never does; take it out"
      )
    }
    switch value["query"] {
    case .array(let names)?: function.query = .arguments(names.compactMap(\.stringValue))
    case .string?: function.query = .rest
    default: break
    }
    switch value["body"] {
    case .string("none")?: function.body = HTTPFunction.Body.none
    case .string("json")?: function.body = .json
    case .string("form")?: function.body = .form
    case let body?: function.body = body["argument"]?.stringValue.map { .jsonArgument($0) }
    case nil: break
    }
    switch value["answer"] {
    case .string("text")?: function.result = .text
    case let answer?: function.result = answer["pointer"]?.stringValue.map { .pointer($0) } ?? .json
    case nil: break
    }
    return function
  }

  private func programFunction(
    _ definition: FunctionDefinition,
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> ProgramFunction {
    ProgramFunction(
      definition: definition,
      run: strings(value["run"]),
      mayBeginWithDash: Set(strings(value["may_begin_with_dash"])),
      stdin: value["stdin"]?.stringValue.flatMap(ProgramFunction.Stdin.init(rawValue:))
        ?? .arguments,
      environment: pairs(value["environment"]),
      workingDirectory: value["working_directory"]?.stringValue.map { path in
        URL(fileURLWithPath: path, relativeTo: folder).path
      },
      result: value["output"]?.stringValue.flatMap(ProgramFunction.Result.init(rawValue:)) ?? .json
    )
  }

  // MARK: - Models, scripts and conversations

  mutating func scripts(at pointer: JSONPointer) -> [String: Script] {
    guard document.value.value(at: pointer) != nil else { return [:] }
    do throws(Diagnostics) {
      let scripts = try Script.load(document, at: pointer)
      return Dictionary(scripts.map { ($0.name, $0) }) { first, _ in first }
    } catch {
      problems += error.all
      return [:]
    }
  }

  private mutating func models(into scripts: inout [String: Script]) -> [Configuration.ModelPlan] {
    var plans: [Configuration.ModelPlan] = []
    for (name, value) in root["models"]?.objectValue ?? JSONObject() {
      let pointer = JSONPointer(tokens: ["models", name])
      if value["type"]?.stringValue == "openai" {
        plans.append(.init(name: name, kind: .openAI(openAI(value, at: pointer))))
        continue
      }
      let script = value["script"]?.stringValue ?? ""
      var known = scripts
      if let file = value["file"]?.stringValue {
        known = loadScripts(file: file, at: pointer.appending("file"))
        scripts.merge(known) { first, _ in first }
      }
      if known[script] == nil {
        let near = nearest(to: script, among: known.keys.sorted()).map { "; did you mean \($0)?" }
        report(
          pointer.appending("script"),
          "is “\(script)”, which no script is called\(near ?? "; add it to scripts")"
        )
      }
      plans.append(.init(name: name, kind: .script(script)))
    }
    return plans
  }

  private mutating func loadScripts(file: String, at pointer: JSONPointer) -> [String: Script] {
    do {
      let path = URL(fileURLWithPath: file, relativeTo: folder).path
      let scripts = try Script.load(try YAMLDocument(file: path))
      return Dictionary(scripts.map { ($0.name, $0) }) { first, _ in first }
    } catch let wrong as Diagnostics {
      problems += wrong.all
    } catch {
      report(pointer, "cannot be used: \(error)")
    }
    return [:]
  }

  private mutating func openAI(
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> Configuration.ModelPlan.OpenAI {
    var plan = Configuration.ModelPlan.OpenAI(
      url: value["url"]?.stringValue ?? "",
      model: value["model"]?.stringValue ?? ""
    )
    plan.key = value["key"]?.stringValue
    plan.headers = pairs(value["headers"]).map { ($0.name, $0.value) }
    plan.stream = value["stream"]?.boolValue ?? true
    plan.body = value["body"]?.objectValue ?? JSONObject()
    if let total = duration(value["timeout"], at: pointer.appending("timeout")) {
      plan.timeouts.total = total
    }
    if let silence = duration(value["silence"], at: pointer.appending("silence")) {
      plan.timeouts.silence = silence
    }
    plan.retry = retry(value["retry"], plan.retry, at: pointer.appending("retry"))
    return plan
  }

  mutating func conversation(
    _ value: JSONValue,
    at pointer: JSONPointer,
    models: Set<String>
  ) -> Configuration.ConversationPlan {
    let model = value["model"]?.stringValue ?? value["script"]?.stringValue ?? ""
    if !models.contains(model) {
      let near = nearest(to: model, among: models.sorted()).map { "; did you mean \($0)?" }
      let key = value["model"] == nil ? "script" : "model"
      report(
        pointer.appending(key),
        "is “\(model)”, which is neither a model nor a script\(near ?? "; add it")"
      )
    }
    var plan = Configuration.ConversationPlan(
      title: value["title"]?.stringValue,
      caller: value["caller"]?.stringValue ?? model,
      model: model
    )
    plan.system = value["system"]?.stringValue
    plan.messages = value["messages"]?.stringValue.map { [$0] } ?? strings(value["messages"])
    plan.parallel = value["parallel"]?.boolValue ?? true
    if value["tool_choice_after"]?.stringValue == "none" { plan.toolChoiceAfter = .none }
    switch value["tool_choice"]?.stringValue {
    case nil, "auto"?: break
    case "none"?: plan.toolChoice = .none
    case "required"?: plan.toolChoice = .required
    case let text?:
      if let name = FunctionName(text) {
        plan.toolChoice = .function(name)
      } else {
        report(
          pointer.appending("tool_choice"),
          "is “\(text)”; write auto, none, required, or a function as namespace.name"
        )
      }
    }
    return plan
  }

  // MARK: - Engine and people

  private mutating func store(_ value: JSONValue?, at pointer: JSONPointer) -> StorePlan {
    guard let value else { return .unsaid }
    guard let file = value["file"]?.stringValue else { return .memory }
    let path = resolved(file)
    var place = KeyFile.Place.beside(store: path)
    if let key = value["key_file"]?.stringValue { place = .file(resolved(key)) }
    if let name = value["key_variable"]?.stringValue { place = .environment(name) }
    var plan = StorePlan.File(path: path, key: place)
    let keep = value["keep"]
    plan.retention.age =
      seconds(keep?["time"], at: pointer.appending("keep").appending("time"))
      ?? plan.retention.age
    plan.retention.calls = keep?["calls"]?.intValue ?? plan.retention.calls
    plan.retention.bytes = keep?["bytes"]?.intValue ?? plan.retention.bytes
    return .file(plan)
  }

  /// A path of the file, which is meant from the file's own folder.
  func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path, relativeTo: folder).path
  }

  private mutating func engine() -> EngineConfiguration {
    var engine = EngineConfiguration(name: root["name"]?.stringValue ?? "callboard")
    engine.rules = ApprovalRules(
      approvals(in: root["approvals"], at: JSONPointer(tokens: ["approvals"]))
    )
    engine.access = AccessPolicy(access(in: root["access"], at: JSONPointer(tokens: ["access"])))
    engine.deciding = deciders(in: root["deciders"], at: JSONPointer(tokens: ["deciders"]))
    engine.secrets = strings(root["secrets"])
    engine.reportSums = reportSums(in: root["report"], at: JSONPointer(tokens: ["report"]))
    limits(root["limits"], at: JSONPointer(tokens: ["limits"]), into: &engine)
    return engine
  }

  mutating func limits(
    _ value: JSONValue?,
    at pointer: JSONPointer,
    into engine: inout EngineConfiguration
  ) {
    engine.slots = value?["slots"]?.intValue ?? engine.slots
    engine.queue = value?["queue"]?.intValue ?? engine.queue
    engine.held = value?["held"]?.intValue ?? engine.held
    engine.conversations = value?["conversations"]?.intValue ?? engine.conversations
    engine.maxMessageBytes = value?["message"]?.intValue ?? engine.maxMessageBytes
    engine.maxAnswerBytes = value?["answer"]?.intValue ?? engine.maxAnswerBytes
    engine.maxArgumentBytes = value?["arguments"]?.intValue ?? engine.maxArgumentBytes
    engine.cacheEntries = value?["cache_entries"]?.intValue ?? engine.cacheEntries
    engine.cacheBytes = value?["cache_bytes"]?.intValue ?? engine.cacheBytes
    let conversation = value?["conversation"]
    let place = pointer.appending("conversation")
    var limits = engine.conversationLimits
    limits.turns = conversation?["turns"]?.intValue ?? limits.turns
    limits.calls = conversation?["calls"]?.intValue ?? limits.calls
    limits.tokens = conversation?["tokens"]?.intValue ?? limits.tokens
    limits.transcript = conversation?["transcript"]?.intValue ?? limits.transcript
    limits.seconds = seconds(conversation?["time"], at: place.appending("time")) ?? limits.seconds
    limits.unknownWait =
      seconds(conversation?["unknown_wait"], at: place.appending("unknown_wait"))
      ?? limits.unknownWait
    engine.conversationLimits = limits
  }

  mutating func people(in root: JSONValue, at pointer: JSONPointer) -> People {
    var people = People()
    if let operators = root["operators"]?.objectValue {
      var byUser: [UInt32: String] = [:]
      people.operators = operators.map { name, value in
        let uid = value["uid"]?.intValue.flatMap { UInt32(exactly: $0) }
        if let uid, let other = byUser.updateValue(name, forKey: uid) {
          report(
            pointer.appending("operators").appending(name).appending("uid"),
            "is \(uid), which \(other) has already; one person has one name"
          )
        }
        return Principal(
          name: name,
          uid: uid,
          roles: roles(value["roles"]) ?? [.operator, .viewer, .caller],
          isShared: value["shared"]?.boolValue ?? false
        )
      }
    }
    people.callers = root["callers"]?.objectValue?.map { name, value in
      Principal(name: name, roles: roles(value["roles"]) ?? [.caller])
    }
    return people
  }

  private func roles(_ value: JSONValue?) -> Set<Principal.Role>? {
    value?.arrayValue.map {
      Set($0.compactMap { $0.stringValue.flatMap(Principal.Role.init(rawValue:)) })
    }
  }

  // MARK: - The whole

  /// What the engine itself would refuse: names, fallbacks, rings, functions that scripts ask for.
  private mutating func checkWhole(_ configuration: Configuration) {
    checkRegistry(configuration.definitions, secrets: configuration.secrets)
    checkFunctions(of: configuration.scripts.values.filter { root["scripts"]?[$0.name] != nil })
    checkPatterns(configuration.definitions)
    checkApprovers(configuration)
  }

  mutating func checkRegistry(_ definitions: [FunctionDefinition], secrets: [String]) {
    let spaces = Dictionary(grouping: definitions) { String($0.name.namespace) }
    do throws(ConfigurationMistake) {
      let registry = try FunctionRegistry(
        spaces.keys.sorted().map { Definitions(namespace: $0, functions: spaces[$0] ?? []) },
        secrets: secrets
      )
      for notice in registry.notices {
        warnings.append(document.diagnostic(at: pointer(to: notice.path), notice.message))
      }
    } catch {
      report(error)
    }
  }

  mutating func checkFunctions(of scripts: [Script]) {
    let known = Set(places.keys)
    for script in scripts.sorted(by: { $0.name < $1.name }) {
      warnings += script.unknownFunctions(among: known, in: document)
    }
  }

  /// A rule for a function that there is not is a slip of the pen, or a rule for later: said, not refused.
  private mutating func checkPatterns(_ definitions: [FunctionDefinition]) {
    for section in ["approvals", "access", "deciders"] {
      for (index, rule) in (root[section]?.arrayValue ?? []).enumerated() {
        guard let text = rule["function"]?.stringValue else { continue }
        let pattern = NamePattern(text)
        guard !definitions.contains(where: { pattern.matches($0.name.description) }) else {
          continue
        }
        let near = nearest(to: text, among: definitions.map(\.name.description)).map {
          "; did you mean \($0)?"
        }
        warnings.append(
          document.diagnostic(
            at: JSONPointer(tokens: [section, String(index), "function"]),
            "is “\(text)”, which matches no function\(near ?? "")"
          )
        )
      }
    }
  }

  /// Only what functions are called: enough to check a registry without starting anything.
  private struct Definitions: FunctionProvider {
    var namespace: String
    var functions: [FunctionDefinition]
    var identity: String { "" }
    var summary: String { "" }

    func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
      throw CallFailure(.internalFault, "This is only a description.")
    }
  }

  // MARK: - Small parts

  mutating func duration(_ value: JSONValue?, at pointer: JSONPointer) -> Duration? {
    guard let text = value?.stringValue else { return nil }
    do throws(DurationError) {
      return try Duration(callboard: text)
    } catch {
      report(pointer, "is \(error)")
      return nil
    }
  }

  mutating func seconds(_ value: JSONValue?, at pointer: JSONPointer) -> Double? {
    duration(value, at: pointer).map { $0 / .seconds(1) }
  }

  func strings(_ value: JSONValue?) -> [String] {
    (value?.arrayValue ?? []).compactMap(\.stringValue)
  }

  func pairs(_ value: JSONValue?) -> [(name: String, value: String)] {
    (value?.objectValue ?? JSONObject()).map { (name: $0, value: $1.stringValue ?? "") }
  }

  @discardableResult
  mutating func checkSchema(_ value: JSONValue, at pointer: JSONPointer) -> Schema? {
    do throws(SchemaError) {
      return try Schema(value)
    } catch {
      let inner = (try? JSONPointer(parsing: error.pointer)) ?? JSONPointer()
      report(
        JSONPointer(tokens: pointer.tokens + inner.tokens),
        "is no JSON Schema that can be used: \(error.reason)"
      )
      return nil
    }
  }

  mutating func report(_ pointer: JSONPointer, _ sentence: String) {
    var sentence = sentence
    // What came from the environment may be a key, and is not repeated.
    if document.isFromEnvironment(pointer), let text = root.value(at: pointer)?.stringValue,
      !text.isEmpty
    {
      sentence = sentence.replacing(text, with: "…")
    }
    problems.append(document.diagnostic(at: pointer, sentence))
  }

  /// A mistake that the engine found, at the place where that function is written.
  mutating func report(_ mistake: ConfigurationMistake) {
    report(pointer(to: mistake.path), mistake.message)
  }

  /// Where the path of what the engine found stands in the file.
  private func pointer(to path: String) -> JSONPointer {
    let tokens = path.split(separator: ".").map(String.init)
    for (name, place) in places where (path + ".").hasPrefix("functions.\(name).") {
      let key = tokens.dropFirst(1 + name.description.split(separator: ".").count)
      return JSONPointer(tokens: place.tokens + key)
    }
    return JSONPointer(tokens: tokens)
  }

  private mutating func report(_ found: [ProviderConfigurationError], under pointer: JSONPointer) {
    for problem in found {
      let tokens = problem.path.split { ".[]".contains($0) }.map(String.init)
      report(JSONPointer(tokens: pointer.tokens + tokens), problem.message)
    }
  }
}
