import JSONSchema

extension Workflow {
  /// Reads a document, and says everything that is wrong with it by itself: what functions there are is not asked.
  public init(_ document: JSONValue) throws(WorkflowMistakes) {
    let errors = Self.schema.validate(document)
    let found = errors.map { error in
      WorkflowMistake((try? JSONPointer(parsing: error.path)) ?? JSONPointer(), error.message)
    }
    if let mistakes = WorkflowMistakes(found) { throw mistakes }
    var reader = WorkflowReader(document)
    let workflow = reader.workflow()
    if let workflow { reader.checkOrder(of: workflow) }
    if let mistakes = WorkflowMistakes(reader.mistakes) { throw mistakes }
    guard let workflow else { preconditionFailure("what can't be read is a mistake") }
    self = workflow
  }

  /// JSON Schema of a workflow's document.
  public static let documentSchema: JSONValue = [
    "type": "object",
    "required": ["workflow", "steps"],
    "additionalProperties": false,
    "properties": [
      "workflow": [
        "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        "hint": "a name is a letter, and then letters, digits, - and _",
      ],
      "description": ["type": "string"],
      "input": ["type": "object"],
      "parallel": ["type": "integer", "minimum": 1, "maximum": 1000],
      "offer": ["type": "boolean"],
      "steps": [
        "type": "array", "minItems": 1, "maxItems": 1000, "items": ["$ref": "#/$defs/step"],
      ],
      "output": true,
    ],
    "$defs": [
      "step": [
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": [
          "id": [
            "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
            "hint": "an id is a letter or _, and then letters, digits, - and _",
          ],
          "needs": ["type": "array", "items": ["type": "string"]],
          "call": ["type": "string", "minLength": 1],
          "with": ["type": "object"],
          "ask": [
            "type": "object",
            "required": ["model", "prompt"],
            "additionalProperties": false,
            "properties": [
              "model": ["type": "string", "minLength": 1], "system": ["type": "string"],
              "prompt": ["type": "string", "minLength": 1],
            ],
          ],
          "when": ["type": ["object", "boolean"]],
          "required": ["type": "boolean"],
          "timeout": ["type": ["string", "number"], "hint": "write a time such as 30s or 5m"],
          "fallback": true,
          "for_each": [
            "type": "object",
            "required": ["in", "most"],
            "additionalProperties": false,
            "properties": [
              "in": ["type": ["string", "array"]],
              "most": ["type": "integer", "minimum": 1, "maximum": 10_000],
              "parallel": ["type": "integer", "minimum": 1, "maximum": 1000],
            ],
          ],
        ],
      ]
    ],
  ]

  private static let schema: Schema = {
    do {
      return try Schema(documentSchema)
    } catch {
      preconditionFailure("the schema of workflows is one: \(error)")
    }
  }()
}

/// Reads a document that has the form of a workflow.
private struct WorkflowReader {
  let document: JSONValue
  var mistakes: [WorkflowMistake] = []

  init(_ document: JSONValue) { self.document = document }

  mutating func workflow() -> Workflow? {
    let inputPlace = JSONPointer().appending("input")
    let inputSchema = schema(document["input"] ?? ["type": "object"], at: inputPlace)
    var steps: [Workflow.Step] = []
    for (index, step) in (document["steps"]?.arrayValue ?? []).enumerated() {
      let place = JSONPointer().appending("steps").appending(index)
      if let step = self.step(step, at: place) { steps.append(step) }
    }
    let output = document["output"].map {
      WorkflowTemplate($0, at: JSONPointer().appending("output"), &mistakes)
    }
    guard let inputSchema else { return nil }
    return Workflow(document, inputSchema: inputSchema, steps: steps, output: output)
  }

  private mutating func schema(_ value: JSONValue, at place: JSONPointer) -> Schema? {
    do throws(SchemaError) {
      let schema = try Schema(value)
      for unknown in Schema.unknownKeywords(in: value) {
        let near = unknown.nearest.map { "; did you mean \($0)?" } ?? ""
        mistakes.append(
          WorkflowMistake(
            JSONPointer(tokens: place.tokens + unknown.pointer.tokens),
            "\(unknown.keyword) is no keyword of JSON Schema" + near
          )
        )
      }
      return schema
    } catch {
      mistakes.append(WorkflowMistake(place, "is no JSON Schema that can be used: \(error)"))
      return nil
    }
  }

  private mutating func step(_ value: JSONValue, at place: JSONPointer) -> Workflow.Step? {
    func template(_ key: String, _ mistakes: inout [WorkflowMistake]) -> WorkflowTemplate? {
      value[key].map { WorkflowTemplate($0, at: place.appending(key), &mistakes) }
    }
    let id = value["id"]?.stringValue ?? ""
    let action: Workflow.Action
    switch (value["call"]?.stringValue, value["ask"]) {
    case (let function?, nil):
      let arguments =
        template("with", &mistakes)
        ?? WorkflowTemplate(.object(JSONObject()), at: place, &mistakes)
      action = .call(function, with: arguments)
    case (nil, let question?):
      let inner = place.appending("ask")
      action = .ask(
        Workflow.Action.Question(
          model: question["model"]?.stringValue ?? "",
          system: question["system"].map {
            WorkflowTemplate($0, at: inner.appending("system"), &mistakes)
          },
          prompt: WorkflowTemplate(
            question["prompt"] ?? "",
            at: inner.appending("prompt"),
            &mistakes
          )
        )
      )
      if value["with"] != nil {
        mistakes.append(
          WorkflowMistake(
            place.appending("with"),
            isAboutKey: true,
            "arguments belong to call; what a model is asked stands in its prompt"
          )
        )
      }
    case (.some, .some):
      mistakes.append(
        WorkflowMistake(place, "step \(id) has call and ask; a step is one of them")
      )
      return nil
    case (nil, nil):
      mistakes.append(
        WorkflowMistake(place, "step \(id) does nothing; give it call, or ask")
      )
      return nil
    }
    var condition: Schema?
    if let when = value["when"] { condition = self.condition(when, at: place.appending("when")) }
    let timeout = value["timeout"].map { seconds($0, at: place.appending("timeout")) } ?? nil
    let repetition = value["for_each"].map { each in
      Workflow.Repetition(
        items: WorkflowTemplate(
          each["in"] ?? [],
          at: place.appending("for_each").appending("in"),
          &mistakes
        ),
        most: each["most"]?.intValue ?? 0,
        parallel: each["parallel"]?.intValue ?? Limit.workflowParallel.value
      )
    }
    return Workflow.Step(
      id: id,
      needs: (value["needs"]?.arrayValue ?? []).compactMap(\.stringValue),
      action: action,
      condition: value["when"],
      conditionSchema: condition,
      isRequired: value["required"]?.boolValue ?? true,
      timeout: timeout,
      fallback: template("fallback", &mistakes),
      repetition: repetition
    )
  }

  private mutating func condition(_ value: JSONValue, at place: JSONPointer) -> Schema? {
    let schema = schema(value, at: place)
    for loose in ConditionLint.looseProperties(of: value) {
      mistakes.append(
        WorkflowMistake(
          JSONPointer(tokens: place.tokens + loose.pointer.tokens),
          isAboutKey: true,
          "also holds when \(loose.name) is missing; add required: [\(loose.name)]"
        )
      )
    }
    return schema
  }

  private mutating func seconds(_ value: JSONValue, at place: JSONPointer) -> Double? {
    let text = value.stringValue
    let seconds = text.map { Self.seconds($0) } ?? value.doubleValue
    guard let seconds, seconds > 0, seconds <= 36_500 * 86_400 else {
      mistakes.append(
        WorkflowMistake(
          place,
          "is \(value.serialized()); write a time above 0, such as 500ms, 30s, 5m or 1h30m"
        )
      )
      return nil
    }
    return seconds
  }

  /// Of `30s`, or several units from large to small: `1h30m`.
  private static func seconds(_ text: String) -> Double? {
    let units: [(String, Double)] = [("d", 86400), ("h", 3600), ("ms", 0.001), ("m", 60), ("s", 1)]
    var rest = text[...]
    var sum = 0.0
    var last = Double.infinity
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest[number.endIndex...]
      guard let count = Double(number), let unit = units.first(where: { rest.hasPrefix($0.0) }),
        unit.1 < last
      else { return nil }
      last = unit.1
      sum += count * unit.1
      rest = rest.dropFirst(unit.0.count)
    }
    return text.isEmpty ? nil : sum
  }

  // MARK: - The order of steps

  /// Names that are there twice, needs that are not there, and steps that wait for each other.
  mutating func checkOrder(of workflow: Workflow) {
    let steps = JSONPointer().appending("steps")
    var seen: [String: Int] = [:]
    for (index, step) in workflow.steps.enumerated() {
      let place = steps.appending(index)
      if Workflow.reserved.contains(step.id) {
        mistakes.append(
          WorkflowMistake(
            place.appending("id"),
            "“\(step.id)” stands for something else in every workflow; take another id"
          )
        )
      }
      if let first = seen[step.id] {
        mistakes.append(
          WorkflowMistake(
            place.appending("id"),
            "step \(first + 1) is called “\(step.id)” already; take another id"
          )
        )
      }
      seen[step.id] = seen[step.id] ?? index
      for (number, need) in step.needs.enumerated() {
        let spot = place.appending("needs").appending(number)
        if need == step.id {
          mistakes.append(WorkflowMistake(spot, "step \(need) needs itself; take it out"))
        } else if workflow.step(need) == nil {
          let others = workflow.steps.map(\.id).filter { $0 != step.id }
          mistakes.append(
            WorkflowMistake(
              spot,
              "there is no step “\(need)”"
                + (didYouMean(need, others) ?? "; there is \(others.joined(separator: ", "))")
            )
          )
        }
      }
    }
    if let ring = Self.ring(in: workflow),
      let index = workflow.steps.firstIndex(where: { $0.id == ring[0] })
    {
      mistakes.append(
        WorkflowMistake(
          steps.appending(index).appending("needs"),
          "these steps wait for each other: \((ring + [ring[0]]).joined(separator: " → ")); take one need out"
        )
      )
    }
  }

  /// Steps that need each other in a ring, from the first of them on; nil where there are none.
  private static func ring(in workflow: Workflow) -> [String]? {
    var isDone: Set<String> = []
    for step in workflow.steps where !isDone.contains(step.id) {
      var path: [(id: String, rest: [String])] = [(step.id, step.needs)]
      while let last = path.last {
        guard let next = last.rest.first else {
          isDone.insert(last.id)
          path.removeLast()
          continue
        }
        path[path.count - 1].rest.removeFirst()
        if let start = path.firstIndex(where: { $0.id == next }) {
          return path.count - start > 1 ? path[start...].map(\.id) : nil
        }
        guard !isDone.contains(next), let needed = workflow.step(next) else { continue }
        path.append((next, needed.needs))
      }
    }
    return nil
  }
}
