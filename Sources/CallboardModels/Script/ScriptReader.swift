import Callboard
import CallboardYAML
import JSONSchema

/// Builds a ``Script`` from a value that fits the schema, and collects what a schema cannot see.
struct ScriptReader {
  let document: YAMLDocument
  let root: JSONPointer
  var problems: [Diagnostic] = []

  private var labels: [String: Int] = [:]
  /// Names that templates may begin with: variables so far, then all ids of calls.
  private var variables: Set<String> = []
  private var ids: Set<String> = []
  private var functions: [(name: FunctionName, at: JSONPointer)] = []

  init(document: YAMLDocument, root: JSONPointer) {
    self.document = document
    self.root = root
  }

  mutating func read(_ value: JSONValue, into script: inout Script) {
    let turns = value["turns"]?.arrayValue ?? []
    collectNames(turns: turns, onMessage: value["on_message"])
    script.variables = variables(value["vars"], at: root.appending("vars"))
    script.title = template(value["title"], at: root.appending("title"))
    script.system = template(value["system"], at: root.appending("system"))
    script.opening = opening(value["user"], at: root.appending("user"))
    let defaults = Defaults(
      pause: pause(value["after"], at: root.appending("after")),
      over: duration(value["over"], at: root.appending("over"))
    )
    for (index, turn) in turns.enumerated() {
      let pointer = root.appending("turns").appending(index)
      script.steps.append(step(turn, at: pointer, isLast: index == turns.count - 1, defaults))
    }
    let onMessage = root.appending("on_message")
    switch value["on_message"] {
    case .array(let branches)?:
      script.onMessage = branches.enumerated().map {
        self.turn($1, at: onMessage.appending($0), mayEnd: true, defaults)
      }
    case let single?:
      script.onMessage = [turn(single, at: onMessage, mayEnd: true, defaults)]
    case nil: break
    }
    script.functions = functions
  }

  private struct Defaults {
    var pause: Script.Pause?
    var over: Duration?
  }

  // MARK: Names

  private mutating func collectNames(turns: [JSONValue], onMessage: JSONValue?) {
    func branches(_ value: JSONValue) -> [JSONValue] { value["choose"]?.arrayValue ?? [value] }
    for (index, turn) in turns.enumerated() {
      guard let label = turn["label"]?.stringValue else { continue }
      if labels[label] != nil {
        report(
          root.appending("turns").appending(index).appending("label"),
          "is “\(label)”, which an earlier turn has already; choose another"
        )
      }
      labels[label] = index
    }
    let answers = onMessage?.arrayValue ?? onMessage.map { [$0] } ?? []
    for turn in turns.flatMap(branches) + answers {
      for call in turn["calls"]?.arrayValue ?? [] {
        if let id = call["id"]?.stringValue { ids.insert(id) }
      }
    }
  }

  private mutating func variables(
    _ value: JSONValue?,
    at pointer: JSONPointer
  ) -> [(name: String, draw: Draw)] {
    var list: [(name: String, draw: Draw)] = []
    for (name, value) in value?.objectValue ?? JSONObject() {
      let place = pointer.appending(name)
      if ScriptContext.names.contains(name) {
        report(place, "has a name that every script has already; choose another")
      } else if ids.contains(name) {
        report(place, "has the name of a call's id; choose another")
      }
      list.append((name, draw(value, at: place)))
      variables.insert(name)
    }
    return list
  }

  private mutating func draw(_ value: JSONValue, at pointer: JSONPointer) -> Draw {
    if let choices = value["pick"]?.arrayValue {
      let place = pointer.appending("pick")
      return .pick(
        choices.enumerated().map { valueTemplate($1, at: place.appending($0), inVariables: true) }
      )
    }
    if let range = value["between"]?.arrayValue, range.count == 2 {
      guard let draw = Draw(between: range[0], range[1], step: value["step"]) else {
        report(
          pointer.appending("between"),
          "is no range of numbers; write [lower, upper], and a step above 0 if any"
        )
        return .value(.constant(.null))
      }
      return draw
    }
    return .value(valueTemplate(value, at: pointer, inVariables: true))
  }

  // MARK: Turns

  private mutating func opening(_ value: JSONValue?, at pointer: JSONPointer) -> [Template] {
    switch value {
    case .array(let messages)?:
      messages.enumerated().compactMap { template($1, at: pointer.appending($0)) }
    case let single?: [template(single, at: pointer)].compactMap { $0 }
    case nil: []
    }
  }

  private mutating func step(
    _ value: JSONValue,
    at pointer: JSONPointer,
    isLast: Bool,
    _ defaults: Defaults
  ) -> Script.Step {
    guard let branches = value["choose"]?.arrayValue else {
      return Script.Step(turns: [turn(value, at: pointer, mayEnd: !isLast, defaults)])
    }
    for key in value.objectValue?.keys ?? [] where !["choose", "label"].contains(key) {
      report(
        pointer.appending(key),
        "stands beside choose, where it is never used; move it into the branches"
      )
    }
    let place = pointer.appending("choose")
    for (index, branch) in branches.dropLast().enumerated() where branch["if"] == nil {
      report(
        place.appending(index),
        "has no if, so the branches after it are never taken; move it to the end"
      )
    }
    return Script.Step(
      turns: branches.enumerated().map {
        turn($1, at: place.appending($0), mayEnd: !isLast, defaults)
      }
    )
  }

  /// Reads one turn; `mayEnd` says whether something follows that can take the results of its calls.
  private mutating func turn(
    _ value: JSONValue,
    at pointer: JSONPointer,
    mayEnd: Bool,
    _ defaults: Defaults
  ) -> Script.Turn {
    var turn = Script.Turn()
    turn.condition = schema(value["if"], at: pointer.appending("if"))
    turn.pause = pause(value["after"], at: pointer.appending("after")) ?? defaults.pause
    turn.over = duration(value["over"], at: pointer.appending("over")) ?? defaults.over
    turn.say = template(value["say"], at: pointer.appending("say"))
    for (index, call) in (value["calls"]?.arrayValue ?? []).enumerated() {
      guard let call = self.call(call, at: pointer.appending("calls").appending(index)) else {
        continue
      }
      turn.calls.append(call)
    }
    turn.failure = failure(value["fail"], at: pointer.appending("fail"))
    if let usage = value["usage"] {
      turn.usage = TokenUsage(
        input: usage["input"]?.intValue ?? 0,
        output: usage["output"]?.intValue ?? 0
      )
    }
    turn.next = next(value, at: pointer)
    turn.repetition = repetition(value["repeat"], at: pointer.appending("repeat"))
    if turn.repetition != nil, turn.isJump {
      report(pointer.appending("repeat"), "repeats a turn that says and does nothing; remove it")
    }
    if !turn.calls.isEmpty, turn.next == .end || turn.next == .following && !mayEnd {
      report(
        pointer.appending("calls"),
        "asks for calls, but no turn follows that takes their results; add one that says what became of them"
      )
    }
    return turn
  }

  private mutating func call(_ value: JSONValue, at pointer: JSONPointer) -> Script.ScriptedCall? {
    let text = value["function"]?.stringValue ?? ""
    guard let function = FunctionName(text) else {
      report(
        pointer.appending("function"),
        "is “\(text)”, which is no function name; write namespace.name"
      )
      return nil
    }
    functions.append((function, pointer.appending("function")))
    let id = value["id"]?.stringValue
    if let id, ScriptContext.names.contains(id) {
      report(
        pointer.appending("id"),
        "is “\(id)”, a name that every script has already; choose another"
      )
    }
    if let raw = value["raw"] {
      if value["with"] != nil {
        report(pointer.appending("raw"), "stands beside with; keep one of them")
      }
      guard let text = template(raw, at: pointer.appending("raw")) else { return nil }
      return Script.ScriptedCall(function: function, id: id, arguments: .text(text))
    }
    let arguments = valueTemplate(
      value["with"] ?? .object(JSONObject()),
      at: pointer.appending("with"),
      inVariables: false
    )
    return Script.ScriptedCall(function: function, id: id, arguments: .value(arguments))
  }

  private mutating func failure(_ value: JSONValue?, at pointer: JSONPointer) -> Script.Failure? {
    guard let value else { return nil }
    guard let kind = value["kind"]?.stringValue.flatMap(ModelFailure.Kind.init(rawValue:)) else {
      return nil
    }
    let message = value["message"] ?? "The script says that the model fails here."
    guard let template = template(message, at: pointer.appending("message")) else { return nil }
    return Script.Failure(kind: kind, message: template, times: value["times"]?.intValue)
  }

  private mutating func next(_ value: JSONValue, at pointer: JSONPointer) -> Script.Next {
    let ends = value["end"]?.boolValue ?? false
    guard let label = value["goto"]?.stringValue else { return ends ? .end : .following }
    if ends { report(pointer.appending("end"), "stands beside goto; keep one of them") }
    guard let step = labels[label] else {
      let meant = nearest(to: label, among: labels.keys.sorted())
      let advice = meant.map { "did you mean \($0)?" } ?? "give the turn it means a label"
      report(pointer.appending("goto"), "leads to “\(label)”, a label that no turn has; \(advice)")
      return .following
    }
    return .step(step)
  }

  private mutating func repetition(
    _ value: JSONValue?,
    at pointer: JSONPointer
  ) -> Script.Repetition? {
    guard let value else { return nil }
    if let times = value.intValue { return Script.Repetition(atMost: times) }
    return Script.Repetition(
      atMost: value["at_most"]?.intValue ?? 1,
      condition: schema(value["while"], at: pointer.appending("while"))
    )
  }

  // MARK: Small parts

  private mutating func pause(_ value: JSONValue?, at pointer: JSONPointer) -> Script.Pause? {
    guard let text = value?.stringValue else { return nil }
    do {
      return try Script.Pause(text)
    } catch {
      report(pointer, "is \(error), or a range such as 0.5s..2s")
      return nil
    }
  }

  private mutating func duration(_ value: JSONValue?, at pointer: JSONPointer) -> Duration? {
    guard let text = value?.stringValue else { return nil }
    do {
      return try Duration(callboard: text)
    } catch {
      report(pointer, "is \(error)")
      return nil
    }
  }

  private mutating func schema(_ value: JSONValue?, at pointer: JSONPointer) -> Schema? {
    guard let value else { return nil }
    checkNames(of: value, at: pointer)
    do {
      return try Schema(value)
    } catch {
      let inner = (try? JSONPointer(parsing: error.pointer)) ?? JSONPointer()
      report(
        JSONPointer(tokens: pointer.tokens + inner.tokens),
        "is no JSON Schema: \(error.reason)"
      )
      return nil
    }
  }

  /// A condition on a name that nothing has would hold, or not, for ever.
  private mutating func checkNames(of schema: JSONValue, at pointer: JSONPointer) {
    for key in schema["properties"]?.objectValue?.keys ?? [] {
      checkContextName(key, at: pointer.appending("properties").appending(key))
    }
    for (index, key) in (schema["required"]?.arrayValue ?? []).enumerated() {
      guard let key = key.stringValue else { continue }
      checkContextName(key, at: pointer.appending("required").appending(index))
    }
    for word in ["allOf", "anyOf", "oneOf"] {
      for (index, part) in (schema[word]?.arrayValue ?? []).enumerated() {
        checkNames(of: part, at: pointer.appending(word).appending(index))
      }
    }
    if let part = schema["not"] { checkNames(of: part, at: pointer.appending("not")) }
    checkMembers(of: schema["properties"]?["vars"], among: variables, at: pointer, "vars")
    checkMembers(of: schema["properties"]?["calls"], among: ids, at: pointer, "calls")
  }

  private mutating func checkContextName(_ name: String, at pointer: JSONPointer) {
    guard !ScriptContext.names.contains(name) else { return }
    let meant =
      variables.contains(name)
      ? "vars: { properties: { \(name): … } }"
      : ids.contains(name)
        ? "calls: { properties: { \(name): … } }"
        : nearest(to: name, among: ScriptContext.names)
    let advice =
      meant.map { "did you mean \($0)?" }
      ?? "known are \(ScriptContext.names.joined(separator: ", "))"
    report(pointer, "asks about “\(name)”, which a condition does not see; \(advice)")
  }

  private mutating func checkMembers(
    of schema: JSONValue?,
    among known: Set<String>,
    at pointer: JSONPointer,
    _ group: String
  ) {
    for name in schema?["properties"]?.objectValue?.keys ?? [] where !known.contains(name) {
      let place = pointer.appending("properties").appending(group).appending("properties")
        .appending(name)
      let advice = nearest(to: name, among: known.sorted()).map { "did you mean \($0)?" }
      report(
        place,
        "asks about “\(name)”, which is not among the script's \(group)\(advice.map { "; \($0)" } ?? "")"
      )
    }
  }

  private mutating func template(_ value: JSONValue?, at pointer: JSONPointer) -> Template? {
    guard let text = value?.stringValue else { return nil }
    return template(text, at: pointer, inVariables: false)
  }

  private mutating func template(
    _ text: String,
    at pointer: JSONPointer,
    inVariables: Bool
  ) -> Template? {
    do throws(TemplateError) {
      let template = try Template(parsing: text)
      for (root, step) in template.roots {
        checkRoot(root, step, at: pointer, inVariables: inVariables)
      }
      return template
    } catch {
      report(pointer, error.problem)
      return nil
    }
  }

  private mutating func checkRoot(
    _ root: String,
    _ step: Template.Step?,
    at pointer: JSONPointer,
    inVariables: Bool
  ) {
    var name = root
    var known = variables
    if !inVariables { known.formUnion(ids) }
    if root == "vars" || root == "calls", case .key(let member)? = step {
      name = member
      known = root == "vars" ? variables : ids
    } else if !inVariables, ScriptContext.names.contains(root) {
      return
    }
    guard !known.contains(name) else { return }
    let words = known.sorted() + (inVariables ? [] : ScriptContext.names)
    let meant = nearest(to: name, among: words)
    let advice =
      meant.map { "did you mean ${\($0)}?" }
      ?? (inVariables
        ? "a variable may use those above it"
        : "name a variable, the id of a call, or \(ScriptContext.names.joined(separator: ", "))")
    report(pointer, "uses ${\(name)}, which is not there; \(advice)")
  }

  private mutating func valueTemplate(
    _ value: JSONValue,
    at pointer: JSONPointer,
    inVariables: Bool
  ) -> ValueTemplate {
    var found: [(String, JSONPointer)] = []
    var templates: [JSONPointer: Template] = [:]
    _ = ValueTemplate(value, at: pointer) { text, place in
      found.append((text, place))
      return nil
    }
    for (text, place) in found {
      templates[place] = template(text, at: place, inVariables: inVariables)
    }
    return ValueTemplate(value, at: pointer) { _, place in templates[place] }
  }

  private mutating func report(_ pointer: JSONPointer, _ sentence: String) {
    problems.append(document.diagnostic(at: pointer, sentence))
  }
}
