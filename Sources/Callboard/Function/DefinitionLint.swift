import JSONSchema

/// Says what of some definitions a model API will refuse, and what makes models fail with them.
public struct DefinitionLint {
  /// One thing about one definition, with a sentence that says what to do.
  public struct Finding: Sendable, Hashable {
    public var rule: Rule
    /// The function's name as it was written; empty where it has none, or where all of them are meant.
    public var function: String
    /// Which of the drafts; nil: all of them.
    public var index: Int?
    /// Where in the document.
    public var pointer: JSONPointer
    public var message: String

    public var severity: Severity { rule.severity }
  }

  public enum Severity: String, Sendable, CaseIterable {
    /// A model API refuses the definition.
    case error
    /// Models fail more often with it.
    case warning
  }

  /// What is looked for.
  public enum Rule: String, Sendable, CaseIterable {
    case nameInvalid = "name-invalid"
    case nameDuplicate = "name-duplicate"
    case tooManyFunctions = "too-many-functions"
    case parametersNotObject = "parameters-not-object"
    case schemaInvalid = "schema-invalid"
    case arrayWithoutItems = "array-without-items"
    case strictMode = "strict-mode"
    case textRuleUnknown = "text-rule-unknown"

    case descriptionMissing = "description-missing"
    case descriptionLong = "description-long"
    case definitionLarge = "definition-large"
    case parameterUndescribed = "parameter-undescribed"
    case nameNotVerbFirst = "name-not-verb-first"
    case functionsAlike = "functions-alike"
    case keywordUnknown = "keyword-unknown"
    case stringUnbounded = "string-unbounded"
    case unitMissing = "unit-missing"
    case formatMissing = "format-missing"
    case nestingDeep = "nesting-deep"
    case parametersMany = "parameters-many"
    case textRuleOpen = "text-rule-open"
    case hiddenCharacter = "hidden-character"

    public var severity: Severity {
      switch self {
      case .nameInvalid, .nameDuplicate, .tooManyFunctions, .parametersNotObject,
        .schemaInvalid, .arrayWithoutItems, .strictMode, .textRuleUnknown:
        .error
      case .descriptionMissing, .descriptionLong, .definitionLarge, .parameterUndescribed,
        .nameNotVerbFirst,
        .functionsAlike, .keywordUnknown, .stringUnbounded, .unitMissing, .formatMissing,
        .nestingDeep, .parametersMany, .textRuleOpen, .hiddenCharacter:
        .warning
      }
    }
  }

  enum Limits {
    /// Longer descriptions have been refused with `string_above_max_length`, and cost tokens with every request.
    static let description = 1_024
    static let definitionBytes = 16_384
    /// Objects within objects, the parameters themselves being the first.
    static let levels = 4
    static let parameters = 20
  }

  private var findings: [Finding] = []
  private var draft: FunctionDraft
  private var index: Int?

  private init(_ draft: FunctionDraft, index: Int?) {
    self.draft = draft
    self.index = index
  }

  /// Everything there is to say of functions that are offered together, in their order.
  public static func findings(in drafts: [FunctionDraft]) -> [Finding] {
    var alike = AlikeFunctions()
    var names: [String: Int] = [:]
    var all: [Finding] = []
    if drafts.count > Catalogue.offerLimit {
      all.append(
        Finding(
          rule: .tooManyFunctions,
          function: "",
          index: nil,
          pointer: JSONPointer(),
          message:
            "there are \(drafts.count) functions, and a model API takes \(Catalogue.offerLimit) with a request; offer fewer, by caller or by task"
        )
      )
    }
    for (index, draft) in drafts.enumerated() {
      var lint = DefinitionLint(draft, index: index)
      lint.naming()
      if let first = names[draft.wireName] {
        lint.report(
          .nameDuplicate,
          ["name"],
          "is the name of function \(first + 1) too; names have to differ"
        )
      } else {
        names[draft.wireName] = index
        if let (other, how) = alike.add(draft) {
          lint.report(
            .functionsAlike,
            ["name"],
            "has nearly the same \(how) as \(other); say in both descriptions when to use which, or make them one"
          )
        }
      }
      lint.describing()
      lint.parameters()
      all += lint.findings
    }
    return all
  }

  private mutating func report(_ rule: Rule, _ path: [String], _ message: String) {
    report(rule, at: JSONPointer(tokens: draft.place.tokens + path), message)
  }

  private mutating func report(_ rule: Rule, at pointer: JSONPointer, _ message: String) {
    findings.append(
      Finding(rule: rule, function: draft.name, index: index, pointer: pointer, message: message)
    )
  }

  // MARK: - Name and description

  private mutating func naming() {
    guard !draft.name.isEmpty else {
      report(.nameInvalid, [], "has no name; give it one, a verb first")
      return
    }
    if DialectRepair.wireName(draft.wireName) != draft.wireName {
      report(
        .nameInvalid,
        ["name"],
        "“\(draft.wireName)” is no name for a model API; use 1 to \(WireName.limit) letters, digits, _ and -, such as \(DialectRepair.wireName(draft.wireName))"
      )
    }
    let own = draft.name.split(separator: ".").last.map(String.init) ?? draft.name
    let words = Words.of(own)
    guard let first = words.first, !Words.isVerb(first, described: draft.description ?? "") else {
      return
    }
    let verb = words.first { Words.verbs.contains($0) } ?? "get"
    let better = [verb] + words.filter { $0 != verb }
    report(
      .nameNotVerbFirst,
      ["name"],
      "“\(own)” does not begin with a verb; say what it does, such as \(better.joined(separator: "_"))"
    )
  }

  private mutating func describing() {
    let description = draft.description ?? ""
    if let hidden = TextRule.text.refused(in: description) {
      report(
        .hiddenCharacter,
        ["description"],
        "holds \(hidden.words) as character \(hidden.position), which models read and people do not see; remove it"
      )
    }
    if description.allSatisfy(\.isWhitespace) {
      report(
        .descriptionMissing,
        [],
        "has no description; say what it does, when to use it, and what it answers"
      )
    } else if description.count > Limits.description {
      report(
        .descriptionLong,
        ["description"],
        "has \(description.count) characters, and some model APIs take \(Limits.description); say it in fewer"
      )
    }
  }

  // MARK: - Parameters

  private mutating func parameters() {
    guard let parameters = draft.parameters else {
      if draft.isStrict {
        report(.strictMode, [], "is strict and has no parameters; write an empty object of them")
      }
      return
    }
    let place = draft.place.appending(draft.parametersKey)
    guard let root = parameters.objectValue, root["type"]?.stringValue == "object" else {
      let found = parameters["type"].map { "type \($0.serialized())" } ?? "no type"
      report(
        .parametersNotObject,
        at: place,
        "has \(found), and a model API wants an object; write type: object"
      )
      return
    }
    do throws(SchemaError) {
      _ = try Schema(parameters)
    } catch {
      let inner = (try? JSONPointer(parsing: error.pointer)) ?? JSONPointer()
      report(
        .schemaInvalid,
        at: JSONPointer(tokens: place.tokens + inner.tokens),
        "is no JSON Schema that can be used: \(error.reason)"
      )
      return
    }
    for word in Schema.unknownKeywords(in: parameters) {
      report(
        .keywordUnknown,
        at: JSONPointer(tokens: place.tokens + word.pointer.tokens),
        "“\(word.keyword)” says nothing in JSON Schema; \(word.nearest.map { "did you mean \($0)?" } ?? "say it in the description")"
      )
    }
    texts(of: parameters, at: place)
    if draft.isStrict {
      for problem in StrictMode.problems(in: parameters) {
        report(
          .strictMode,
          at: JSONPointer(tokens: place.tokens + problem.pointer.tokens),
          problem.message
        )
      }
    }
    size(of: parameters, at: place)
    let count = root["properties"]?.objectValue?.count ?? 0
    if count > Limits.parameters {
      report(
        .parametersMany,
        at: place.appending("properties"),
        "has \(count) parameters, of which models forget some; take at most \(Limits.parameters), or make it several functions"
      )
    }
    walk(root, at: place, level: 0)
  }

  /// What arguments may hold that nobody sees, and what the definition itself holds of that.
  private mutating func texts(of parameters: JSONValue, at place: JSONPointer) {
    for mistake in TextRule.mistakes(in: parameters) {
      report(
        .textRuleUnknown,
        at: JSONPointer(tokens: place.tokens + mistake.pointer.tokens),
        mistake.sentence
      )
    }
    for (pointer, value) in Schema.values(of: TextRule.keyword, in: parameters)
    where value.stringValue == TextRule.any.rawValue {
      report(
        .textRuleOpen,
        at: JSONPointer(tokens: place.tokens + pointer.tokens),
        "lets through characters that nobody who approves can see; write text, or line"
      )
    }
    for (pointer, value) in Schema.values(of: "description", in: parameters) {
      guard let hidden = value.stringValue.flatMap(TextRule.text.refused(in:)) else { continue }
      report(
        .hiddenCharacter,
        at: JSONPointer(tokens: place.tokens + pointer.tokens),
        "holds \(hidden.words) as character \(hidden.position), which models read and people do not see; remove it"
      )
    }
  }

  private mutating func size(of parameters: JSONValue, at place: JSONPointer) {
    let bytes = parameters.serializedBytes().count
    guard bytes > Limits.definitionBytes else { return }
    report(
      .definitionLarge,
      at: place,
      "takes \(bytes) bytes, which every request pays for; name fewer values and describe them in fewer words"
    )
  }

  private mutating func walk(_ schema: JSONObject, at pointer: JSONPointer, level: Int) {
    var level = level
    if StrictMode.isObject(schema) {
      level += 1
      if level == Limits.levels + 1 {
        report(
          .nestingDeep,
          at: pointer,
          "is an object more than \(Limits.levels) levels down, where models lose their way; put it further up"
        )
      }
    }
    if StrictMode.types(of: schema).contains("array"), schema["items"] == nil,
      schema["prefixItems"] == nil
    {
      report(
        .arrayWithoutItems,
        at: pointer,
        "is an array of anything, which model APIs refuse; say with items what it holds"
      )
    }
    let properties = schema["properties"]?.objectValue ?? JSONObject()
    let hasUnit = properties.keys.contains(where: Words.isUnit)
    for (name, value) in properties {
      guard let part = value.objectValue else { continue }
      let place = pointer.appending("properties").appending(name)
      property(name, part, at: place, hasUnit: hasUnit)
      walk(part, at: place, level: level)
    }
    for keyword in ["items", "additionalProperties"] {
      guard let part = schema[keyword]?.objectValue else { continue }
      let place = pointer.appending(keyword)
      if isUnbounded(part) { report(.stringUnbounded, at: place, Self.unbounded) }
      walk(part, at: place, level: level)
    }
    for keyword in ["anyOf", "oneOf", "allOf", "prefixItems"] {
      for (index, value) in (schema[keyword]?.arrayValue ?? []).enumerated() {
        guard let part = value.objectValue else { continue }
        // A branch is the same value again, not one further down.
        let isSame = keyword != "prefixItems" && StrictMode.isObject(part)
        walk(
          part,
          at: pointer.appending(keyword).appending(index),
          level: isSame && StrictMode.isObject(schema) ? level - 1 : level
        )
      }
    }
    for keyword in ["$defs", "definitions"] {
      for (name, value) in schema[keyword]?.objectValue ?? JSONObject() {
        guard let part = value.objectValue else { continue }
        walk(part, at: pointer.appending(keyword).appending(name), level: 0)
      }
    }
  }

  private static let unbounded =
    "takes a text of any length; give it maxLength, enum, pattern or format"

  private func isUnbounded(_ schema: JSONObject) -> Bool {
    StrictMode.types(of: schema).contains("string")
      && ["maxLength", "enum", "const", "pattern", "format"].allSatisfy { schema[$0] == nil }
  }

  /// `hasUnit`: whether another parameter beside it says the unit.
  private mutating func property(
    _ name: String,
    _ schema: JSONObject,
    at pointer: JSONPointer,
    hasUnit: Bool
  ) {
    let description = schema["description"]?.stringValue ?? ""
    if description.allSatisfy(\.isWhitespace), schema["$ref"] == nil {
      report(
        .parameterUndescribed,
        at: pointer,
        "“\(name)” has no description; say what it means and give an example"
      )
    }
    if isUnbounded(schema) {
      if let format = Words.format(ofParameter: name) {
        report(
          .formatMissing,
          at: pointer,
          "“\(name)” is a text in no form that is checked; write format: \(format)"
        )
      } else {
        report(.stringUnbounded, at: pointer, "“\(name)” \(Self.unbounded)")
      }
    }
    let types = StrictMode.types(of: schema)
    if types.contains("number") || types.contains("integer"), schema["enum"] == nil,
      !hasUnit, Words.needsUnit(name), !Words.nameUnit(name, description)
    {
      report(
        .unitMissing,
        at: pointer,
        "“\(name)” is a number without its unit; name it in the description, such as in seconds, metres or USD"
      )
    }
  }
}

/// Finds functions that a model can mistake for each other.
private struct AlikeFunctions {
  private var words: [String: Int] = [:]
  private var named: [[String]: String] = [:]
  private var described: [(name: String, words: [Int])] = []

  /// The name of an earlier function that this one is like, and whether in name or description.
  mutating func add(_ draft: FunctionDraft) -> (String, String)? {
    let name = Words.of(draft.name).map(Words.singular).sorted()
    let set = Set(Words.of(draft.description ?? "").map(Words.singular))
    let ids = set.subtracting(Words.empty).map { word -> Int in
      if let id = words[word] { return id }
      words[word] = words.count
      return words.count - 1
    }.sorted()
    defer {
      if named[name] == nil { named[name] = draft.name }
      described.append((draft.name, ids))
    }
    if let other = named[name] { return (other, "name") }
    guard ids.count >= 4 else { return nil }
    for other in described where Self.areAlike(ids, other.words) {
      return (other.name, "description")
    }
    return nil
  }

  /// Whether at least nine of ten words are the same.
  private static func areAlike(_ left: [Int], _ right: [Int]) -> Bool {
    guard min(left.count, right.count) * 10 >= max(left.count, right.count) * 9 else {
      return false
    }
    var (a, b, common) = (0, 0, 0)
    while a < left.count, b < right.count {
      if left[a] == right[b] {
        common += 1
        a += 1
        b += 1
      } else if left[a] < right[b] {
        a += 1
      } else {
        b += 1
      }
    }
    return common * 10 >= (left.count + right.count - common) * 9
  }
}
