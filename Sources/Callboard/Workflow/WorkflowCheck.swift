import JSONSchema

/// Checks what a workflow refers to before anything of it runs: functions, their arguments, and what steps give.
public struct WorkflowCheck: Sendable {
  /// The functions there are.
  public var functions: [String: FunctionDefinition]
  /// Names of the models there are.
  public var models: Set<String>

  public init(functions: some Sequence<FunctionDefinition>, models: some Sequence<String>) {
    self.functions = Dictionary(functions.map { ($0.name.description, $0) }) { first, _ in first }
    self.models = Set(models)
  }

  /// Everything that is wrong, in the order of the document; none where it can run.
  public func mistakes(in workflow: Workflow) -> [WorkflowMistake] {
    var found: [WorkflowMistake] = []
    let steps = JSONPointer().appending("steps")
    for (index, step) in workflow.steps.enumerated() {
      let place = steps.appending(index)
      let before = workflow.before(step)
      var roots = self.roots(of: workflow, before)
      found += conditionMistakes(step, before, in: workflow, at: place.appending("when"))
      if let repetition = step.repetition {
        found += mistakes(in: repetition.items, roots, step: step, workflow)
        found += arrayMistakes(repetition.items, roots, at: place)
        roots["item"] = Root(
          schema: element(of: repetition.items, roots),
          mayBeMissing: false
        )
        roots["index"] = Root(schema: ["type": "integer"], mayBeMissing: false)
      }
      switch step.action {
      case .call(let function, let arguments):
        found += mistakes(in: arguments, roots, step: step, workflow)
        found += callMistakes(function, arguments, roots, at: place)
      case .ask(let question):
        if !models.contains(question.model) {
          found.append(
            WorkflowMistake(
              place.appending("ask").appending("model"),
              "there is no model \(question.model)" + (didYouMean(question.model, models) ?? "")
            )
          )
        }
        found += mistakes(in: question.prompt, roots, step: step, workflow)
        if let system = question.system {
          found += mistakes(in: system, roots, step: step, workflow)
        }
      }
      if let fallback = step.fallback {
        found += mistakes(in: fallback, roots, step: step, workflow)
      }
    }
    if let output = workflow.output {
      var all = roots(of: workflow, Set(workflow.steps.map(\.id)))
      // What its condition passed over is null in the output.
      for step in workflow.steps where step.isRequired { all[step.id]?.mayBeMissing = false }
      found += mistakes(in: output, all, step: nil, workflow)
    }
    return found
  }

  /// What a name in the context may stand for.
  private struct Root {
    /// nil: any JSON.
    var schema: JSONValue?
    var mayBeMissing: Bool
  }

  private func roots(of workflow: Workflow, _ before: Set<String>) -> [String: Root] {
    var roots = ["input": Root(schema: workflow.input, mayBeMissing: false)]
    for step in workflow.steps where before.contains(step.id) {
      var schema = result(of: step)
      if step.repetition != nil {
        schema = ["type": "array", "items": schema ?? true]
      }
      // What stands in for a result need not look like one.
      if step.fallback != nil { schema = nil }
      roots[step.id] = Root(schema: schema, mayBeMissing: step.mayBeMissing)
    }
    return roots
  }

  private func result(of step: Workflow.Step) -> JSONValue? {
    switch step.action {
    case .call(let function, _): functions[function]?.resultSchema
    case .ask: Self.answerSchema
    }
  }

  /// What the turn of a model gives.
  static let answerSchema: JSONValue = [
    "type": "object", "properties": ["text": ["type": "string"]], "required": ["text"],
    "additionalProperties": false,
  ]

  // MARK: - References

  private func mistakes(
    in template: WorkflowTemplate,
    _ roots: [String: Root],
    step: Workflow.Step?,
    _ workflow: Workflow
  ) -> [WorkflowMistake] {
    var found: [WorkflowMistake] = []
    for place in template.references {
      func report(_ path: WorkflowReference.Path, _ message: String) {
        found.append(WorkflowMistake(place.pointer, offset: path.offset, message))
      }
      var missing: (WorkflowReference.Path, String)?
      for path in place.reference.paths {
        guard let root = roots[path.root] else {
          report(path, unknown(path.root, roots, step: step, workflow))
          missing = nil
          continue
        }
        if let mistake = mistake(in: path, root.schema) { report(path, mistake) }
        if root.mayBeMissing {
          missing = (path, "\(path.root) may have no result\(Self.why(workflow.step(path.root)))")
        } else if path.root == "input", mayBeAbsent(path, in: workflow.input) {
          missing = (path, "\(path) is not required of the input, and has no default there")
        } else {
          // This one always has a value: those after it never count.
          missing = nil
          break
        }
      }
      if let missing, !place.reference.hasDefault {
        report(
          missing.0,
          "\(missing.1); write what counts then: ${\(place.reference.text) ?? …}"
        )
      }
    }
    return found
  }

  private static func why(_ step: Workflow.Step?) -> String {
    guard let step else { return "" }
    return step.condition != nil ? " (it has a when)" : " (it is not required)"
  }

  private func unknown(
    _ name: String,
    _ roots: [String: Root],
    step: Workflow.Step?,
    _ workflow: Workflow
  ) -> String {
    if name == step?.id { return "step \(name) can't use its own result" }
    if Workflow.reserved.contains(name) {
      return "“\(name)” is there only in a step with for_each"
    }
    if workflow.step(name) != nil, let step {
      return workflow.step(name).map { workflow.before($0).contains(step.id) } == true
        ? "step \(name) comes after \(step.id), which can't use its result"
        : "step \(step.id) does not wait for \(name); add it to needs: [\((step.needs + [name]).joined(separator: ", "))]"
    }
    let known = roots.keys.sorted()
    let near = didYouMean(name, known + workflow.steps.map(\.id))
    return "there is no step “\(name)”" + (near ?? "; there is \(known.joined(separator: ", "))")
  }

  /// What is wrong with the members of a path, by the schema of what it begins with.
  private func mistake(in path: WorkflowReference.Path, _ schema: JSONValue?) -> String? {
    guard let whole = schema else { return nil }
    var schema = whole
    var walked = path.root
    for member in path.members {
      guard let known = Self.resolved(schema, in: whole), !Self.isOpen(known) else { return nil }
      let types = Self.types(of: known)
      switch member {
      case .key(let key):
        if let types, !types.contains("object") {
          return
            "\(walked) is \(types.sorted().joined(separator: " or ")), and has no member “\(key)”"
        }
        let properties = known["properties"]?.objectValue
        if let next = properties?[key] {
          schema = next
        } else if let properties, !properties.isEmpty, Self.isClosed(known) {
          return "\(walked) has no member “\(key)”"
            + (didYouMean(key, properties.keys)
              ?? "; it has \(properties.keys.joined(separator: ", "))")
        } else {
          return nil
        }
      case .index:
        if let types, !types.contains("array") {
          return "\(walked) is \(types.sorted().joined(separator: " or ")), and has no elements"
        }
        guard let items = known["items"], known["prefixItems"] == nil else { return nil }
        schema = items
      }
      walked += member.description
    }
    return nil
  }

  /// The schema that a path ends at, where that can be said.
  private func schema(at path: WorkflowReference.Path, _ roots: [String: Root]) -> JSONValue? {
    guard let whole = roots[path.root]?.schema else { return nil }
    var schema = whole
    for member in path.members {
      guard let known = Self.resolved(schema, in: whole), !Self.isOpen(known) else { return nil }
      let next: JSONValue? =
        switch member {
        case .key(let key): known["properties"]?[key]
        case .index: known["prefixItems"] == nil ? known["items"] : nil
        }
      guard let next else { return nil }
      schema = next
    }
    return Self.resolved(schema, in: whole).flatMap { Self.isOpen($0) ? nil : $0 }
  }

  /// What is known to be no array, and can't be gone through.
  private func arrayMistakes(
    _ items: WorkflowTemplate,
    _ roots: [String: Root],
    at place: JSONPointer
  ) -> [WorkflowMistake] {
    let takes = "for_each takes an array"
    guard let reference = items.references.first, items.source.stringValue != nil else {
      guard items.source.arrayValue == nil else { return [] }
      let spot = place.appending("for_each").appending("in")
      return [WorkflowMistake(spot, "is \(items.source.typeName), and \(takes)")]
    }
    return mismatches(reference, roots, takes) { $0 == "array" }
  }

  private func element(of items: WorkflowTemplate, _ roots: [String: Root]) -> JSONValue? {
    guard let place = items.references.first, place.isWhole, place.reference.paths.count == 1,
      let path = place.reference.paths.first
    else { return nil }
    return schema(at: path, roots)?["items"]
  }

  /// Whether an input that its schema admits may lack what a path names.
  private func mayBeAbsent(_ path: WorkflowReference.Path, in whole: JSONValue) -> Bool {
    var schema = whole
    for member in path.members {
      guard let known = Self.resolved(schema, in: whole), !Self.isOpen(known),
        case .key(let key) = member, let next = known["properties"]?[key]
      else { return false }
      let required = (known["required"]?.arrayValue ?? []).compactMap(\.stringValue)
      if !required.contains(key), next["default"] == nil { return true }
      schema = next
    }
    return false
  }

  // MARK: - Schemas

  /// A schema, or the one of the same document that it stands for.
  private static func resolved(_ schema: JSONValue, in whole: JSONValue) -> JSONValue? {
    var schema = schema
    // A reference may lead to another one, and around.
    for _ in 0..<16 {
      guard let reference = schema["$ref"]?.stringValue else { return schema }
      guard reference.hasPrefix("#"),
        let pointer = try? JSONPointer(parsing: String(reference.dropFirst())),
        let found = whole.value(at: pointer)
      else { return nil }
      schema = found
    }
    return nil
  }

  /// Whether more than its own `properties` says what there may be.
  private static func isOpen(_ schema: JSONValue) -> Bool {
    guard let object = schema.objectValue else { return true }
    let words = [
      "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$dynamicRef",
      "patternProperties",
    ]
    return words.contains { object[$0] != nil }
  }

  /// Whether only members that it names are meant, be it that it says so or only by naming them.
  private static func isClosed(_ schema: JSONValue) -> Bool {
    if let additional = schema["additionalProperties"] { return additional == false }
    return schema["properties"]?.objectValue?.isEmpty == false
  }

  private static func types(of schema: JSONValue) -> Set<String>? {
    if let type = schema["type"]?.stringValue { return [type] }
    if let types = schema["type"]?.arrayValue { return Set(types.compactMap(\.stringValue)) }
    return nil
  }

  // MARK: - Calls

  private func callMistakes(
    _ name: String,
    _ arguments: WorkflowTemplate,
    _ roots: [String: Root],
    at place: JSONPointer
  ) -> [WorkflowMistake] {
    guard !name.hasPrefix(WorkflowProvider.name + ".") else {
      return [
        WorkflowMistake(place.appending("call"), "\(name) is a workflow, which no step may call")
      ]
    }
    guard let function = functions[name] else {
      return [
        WorkflowMistake(
          place.appending("call"),
          "there is no function \(name)" + (didYouMean(name, functions.keys.sorted()) ?? "")
        )
      ]
    }
    var found: [WorkflowMistake] = []
    let with = place.appending("with")
    let whole = function.parameters
    guard let schema = Self.resolved(whole, in: whole), !Self.isOpen(schema) else { return [] }
    let properties = schema["properties"]?.objectValue ?? JSONObject()
    let given = arguments.source.objectValue ?? JSONObject()
    for (key, value) in given {
      let spot = with.appending(key)
      guard let property = properties[key] else {
        if Self.isClosed(schema) {
          found.append(
            WorkflowMistake(
              spot,
              isAboutKey: true,
              "\(name) takes no “\(key)”"
                + (didYouMean(key, properties.keys)
                  ?? (properties.isEmpty
                    ? "; it takes no arguments"
                    : "; it takes \(properties.keys.joined(separator: ", "))"))
            )
          )
        }
        continue
      }
      let references = arguments.references.filter { $0.pointer.tokens.starts(with: spot.tokens) }
      if references.isEmpty {
        found += valueMistakes(value, property, whole, at: spot)
      } else if let only = references.first, only.pointer == spot {
        found += typeMistakes(only, property, whole, roots, name: key)
      }
    }
    for required in (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
    where given[required] == nil && properties[required]?["default"] == nil {
      found.append(
        WorkflowMistake(
          given.isEmpty ? place.appending("call") : with,
          "\(name) needs \(required); write with: { \(required): … }"
        )
      )
    }
    return found
  }

  /// A value that stands in the workflow itself.
  private func valueMistakes(
    _ value: JSONValue,
    _ property: JSONValue,
    _ whole: JSONValue,
    at spot: JSONPointer
  ) -> [WorkflowMistake] {
    // What it refers to in its own document is not at hand here.
    guard !Self.refers(property), let schema = try? Schema(property) else { return [] }
    return schema.validate(value, stopAtFirst: true).map { error in
      let inner = (try? JSONPointer(parsing: error.path))?.tokens ?? []
      let near = error.suggestion.map { "; did you mean \($0)?" } ?? ""
      return WorkflowMistake(
        JSONPointer(tokens: spot.tokens + inner),
        "is \(error.found); expected \(error.expected)" + near
      )
    }
  }

  private static func refers(_ schema: JSONValue) -> Bool {
    switch schema {
    case .null, .bool, .integer, .double, .decimal, .string: false
    case .array(let items): items.contains(where: refers)
    case .object(let object): object["$ref"] != nil || object.values.contains(where: refers)
    }
  }

  /// A value of another type than the one that is taken, where both are known.
  private func typeMistakes(
    _ place: WorkflowTemplate.Place,
    _ property: JSONValue,
    _ whole: JSONValue,
    _ roots: [String: Root],
    name: String
  ) -> [WorkflowMistake] {
    guard let wanted = Self.resolved(property, in: whole).flatMap(Self.types) else { return [] }
    let takes = "\(name) takes \(wanted.sorted().joined(separator: " or "))"
    return mismatches(place, roots, takes) { type in
      wanted.contains(type) || type == "integer" && wanted.contains("number")
        || type == "number" && wanted.contains("integer")
    }
  }

  /// What is known to be of no type that fits.
  private func mismatches(
    _ place: WorkflowTemplate.Place,
    _ roots: [String: Root],
    _ takes: String,
    fits: (String) -> Bool
  ) -> [WorkflowMistake] {
    func mistake(_ what: String, _ types: Set<String>, at offset: Int) -> WorkflowMistake {
      WorkflowMistake(
        place.pointer,
        offset: offset,
        "\(what) is \(types.sorted().joined(separator: " or ")), and \(takes)"
      )
    }
    guard place.isWhole else {
      return fits("string") ? [] : [mistake("a text with ${…} in it", ["string"], at: 0)]
    }
    return place.reference.paths.compactMap { path in
      guard let types = schema(at: path, roots).flatMap(Self.types),
        !types.contains(where: fits)
      else { return nil }
      return mistake("\(path)", types, at: path.offset)
    }
  }

  // MARK: - Conditions

  /// Names that a condition asks for and that can't be there.
  private func conditionMistakes(
    _ step: Workflow.Step,
    _ before: Set<String>,
    in workflow: Workflow,
    at place: JSONPointer
  ) -> [WorkflowMistake] {
    guard let condition = step.condition else { return [] }
    let known = before.union(["input"])
    var found: [WorkflowMistake] = []
    func look(_ schema: JSONValue, _ place: JSONPointer) {
      func report(_ name: String, _ spot: JSONPointer, isAboutKey: Bool) {
        guard !known.contains(name) else { return }
        found.append(
          WorkflowMistake(
            spot,
            isAboutKey: isAboutKey,
            unknown(name, roots(of: workflow, before), step: step, workflow)
          )
        )
      }
      for name in schema["properties"]?.objectValue?.keys ?? [] {
        report(name, place.appending("properties").appending(name), isAboutKey: true)
      }
      for (index, name) in (schema["required"]?.arrayValue ?? []).enumerated() {
        report(
          name.stringValue ?? "",
          place.appending("required").appending(index),
          isAboutKey: false
        )
      }
      for word in ["allOf", "anyOf", "oneOf"] {
        for (index, part) in (schema[word]?.arrayValue ?? []).enumerated() {
          look(part, place.appending(word).appending(index))
        }
      }
    }
    look(condition, place)
    return found
  }
}
