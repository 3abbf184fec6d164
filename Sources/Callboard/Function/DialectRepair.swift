import JSONSchema

/// Turns a function definition as people publish them into one that is valid JSON Schema, and says what it changed.
///
/// Known are the type names of Python, Java and JavaScript (`dict`, `float`, `tuple`, `HashMap`, `any`…), `required`
/// and `optional` on a property, defaults that are no value of their property, and names that no model API takes.
public struct DialectRepair: Sendable {
  /// The name in letters, digits, `_` and `-`, at most 64 of them.
  public private(set) var name: String
  public private(set) var description: String
  /// The root is an object.
  public private(set) var parameters: JSONValue
  public private(set) var changes: [Change] = []

  public struct Change: Sendable, Hashable {
    /// Where in the definition, as it was.
    public var pointer: JSONPointer
    public var message: String
  }

  /// Repairs `{ name, description, parameters }`.
  public init(_ definition: JSONValue) {
    let found = definition["name"]?.stringValue ?? ""
    name = Self.wireName(found)
    description = definition["description"]?.stringValue ?? ""
    parameters = ["type": "object", "properties": [:]]
    if name != found {
      tell(
        JSONPointer(tokens: ["name"]),
        found.isEmpty
          ? "there is no name; it is called \(name)"
          : "“\(found)” is called \(name), as model APIs take names"
      )
    }
    if let described = definition["description"], described.stringValue == nil, !described.isNull {
      description = described.serialized()
      tell(JSONPointer(tokens: ["description"]), "was no text; it is one")
    }
    let keyword = ["parameters", "input_schema", "inputSchema"].first { definition[$0] != nil }
    let place = JSONPointer(tokens: [keyword ?? "parameters"])
    if let keyword, let written = definition[keyword], !written.isNull {
      parameters = root(written, at: place)
    } else {
      tell(place, "there are none; the function takes no arguments")
    }
  }

  /// Gives it another name, where this one is taken.
  public mutating func rename(to name: String) { self.name = name }

  /// A name for model APIs: what they do not take becomes `_`.
  public static func wireName(_ name: String) -> String {
    let letters = name.unicodeScalars.map { letter -> Character in
      switch letter {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-": Character(letter)
      default: "_"
      }
    }
    return letters.isEmpty ? "function" : String(letters.prefix(WireName.limit))
  }

  private mutating func tell(_ pointer: JSONPointer, _ message: String) {
    changes.append(Change(pointer: pointer, message: message))
  }

  private mutating func root(_ value: JSONValue, at pointer: JSONPointer) -> JSONValue {
    guard value.objectValue != nil else {
      tell(pointer, "was no JSON Schema; the function takes no arguments")
      return parameters
    }
    var isRequired: Bool?
    if Self.isBareProperties(value) {
      tell(pointer, "was a map of properties; it is the schema of an object that has them")
      let start = changes.count
      let object: JSONValue = ["type": "object", "properties": value]
      let repaired = schema(object, at: pointer, isRequired: &isRequired)
      // In the definition they stand one level higher.
      for index in changes[start...].indices
      where changes[index].pointer.tokens.dropFirst(pointer.tokens.count).first == "properties" {
        changes[index].pointer.tokens.remove(at: pointer.tokens.count)
      }
      return repaired
    }
    var schema = schema(value, at: pointer, isRequired: &isRequired).objectValue ?? JSONObject()
    if schema["type"]?.stringValue != "object" {
      let was = schema["type"].map { "type \($0.serialized()) became object" }
      schema["type"] = nil
      schema = JSONObject([("type", JSONValue.string("object"))] + schema.map { ($0, $1) })
      tell(pointer, was ?? "type: object was added")
    }
    return .object(schema)
  }

  /// Whether these are schemas by name, without the schema of the object around them.
  private static func isBareProperties(_ value: JSONValue) -> Bool {
    guard let members = value.objectValue, !members.isEmpty else { return false }
    let keywords = [
      "properties", "patternProperties", "additionalProperties", "propertyNames", "$defs",
      "definitions", "items", "not", "if", "then", "else", "contains", "default", "const",
    ]
    return !members.keys.contains { keywords.contains($0) }
      && members.values.allSatisfy { member in
        ["type", "description", "enum", "$ref", "anyOf", "oneOf", "allOf"]
          .contains { member[$0] != nil }
      }
  }

  // MARK: - Schemas

  /// `isRequired` is what the schema says of the property that it describes, where it says something.
  private mutating func schema(
    _ value: JSONValue,
    at pointer: JSONPointer,
    isRequired: inout Bool?
  ) -> JSONValue {
    if let name = value.stringValue {
      tell(pointer, "was the name of a type; it is a schema")
      return schema(["type": .string(name)], at: pointer, isRequired: &isRequired)
    }
    guard var schema = value.objectValue else {
      if value.boolValue != nil { return value }
      tell(pointer, "was no schema; it takes any value")
      return [:]
    }
    type(of: &schema, at: pointer)
    requirement(of: &schema, at: pointer, isRequired: &isRequired)
    nullable(&schema, at: pointer)
    bounds(of: &schema, at: pointer)
    if let text = schema["description"], text.stringValue == nil {
      schema["description"] = text.isNull ? nil : .string(text.serialized())
      tell(pointer.appending("description"), "was no text")
    }
    if let values = schema["enum"], values.arrayValue?.isEmpty ?? true {
      schema["enum"] = nil
      tell(pointer.appending("enum"), "was \(values.serialized()), which no value meets; left out")
    }
    parts(of: &schema, at: pointer)
    fallback(of: &schema, at: pointer)
    return .object(schema)
  }

  private mutating func schema(_ value: JSONValue, at pointer: JSONPointer) -> JSONValue {
    var isRequired: Bool?
    return schema(value, at: pointer, isRequired: &isRequired)
  }

  private mutating func parts(of schema: inout JSONObject, at pointer: JSONPointer) {
    properties(of: &schema, at: pointer)
    if let items = schema["items"]?.arrayValue {
      schema["items"] = nil
      schema["prefixItems"] = items.isEmpty ? nil : .array(items)
      tell(pointer.appending("items"), "was a list of schemas; it is prefixItems")
    }
    for keyword in ["items", "additionalProperties", "not", "if", "then", "else", "contains"] {
      if let part = schema[keyword] {
        schema[keyword] = self.schema(part, at: pointer.appending(keyword))
      }
    }
    for keyword in ["anyOf", "oneOf", "allOf", "prefixItems"] {
      guard let all = schema[keyword]?.arrayValue else { continue }
      var repaired: [JSONValue] = []
      for (index, part) in all.enumerated() {
        repaired.append(self.schema(part, at: pointer.appending(keyword).appending(index)))
      }
      schema[keyword] = .array(repaired)
    }
    for keyword in ["$defs", "definitions", "patternProperties"] {
      guard let all = schema[keyword]?.objectValue else { continue }
      var repaired = JSONObject()
      for (name, part) in all {
        repaired[name] = self.schema(part, at: pointer.appending(keyword).appending(name))
      }
      schema[keyword] = .object(repaired)
    }
  }

  private mutating func properties(of schema: inout JSONObject, at pointer: JSONPointer) {
    if let properties = schema["properties"], properties.objectValue == nil {
      schema["properties"] = nil
      tell(pointer.appending("properties"), "was no object; left out")
    }
    var required = requiredNames(of: &schema, at: pointer)
    if let properties = schema["properties"]?.objectValue {
      var repaired = JSONObject()
      for (name, part) in properties {
        let place = pointer.appending("properties").appending(name)
        var isRequired: Bool?
        repaired[name] = self.schema(part, at: place, isRequired: &isRequired)
        guard let isRequired else { continue }
        let isListed = required?.contains(name) ?? false
        if isRequired, !isListed {
          required = (required ?? []) + [name]
          tell(place, "is required, by the list of the object around it")
        } else if !isRequired, isListed {
          tell(place, "was called optional, but is listed as required; it is required")
        } else {
          tell(
            place,
            "said itself that it is \(isRequired ? "required" : "optional"); that is for the list of the object around it"
          )
        }
      }
      schema["properties"] = .object(repaired)
    }
    if let required {
      schema["required"] = .array(required.map(JSONValue.string))
    }
  }

  /// The list of an object's required properties, each once; nil where there is none.
  private mutating func requiredNames(
    of schema: inout JSONObject,
    at pointer: JSONPointer
  ) -> [String]? {
    guard let written = schema["required"] else { return nil }
    let place = pointer.appending("required")
    schema["required"] = nil
    if let name = written.stringValue {
      tell(place, "was one name; it is a list")
      return [name]
    }
    guard let items = written.arrayValue else {
      tell(place, "was no list of names; left out")
      return nil
    }
    var names: [String] = []
    for name in items.compactMap(\.stringValue) where !names.contains(name) { names.append(name) }
    if names.count != items.count { tell(place, "named something twice, or no property") }
    return names
  }

  /// `required: true` and `optional: true` stand on a property in some dialects.
  private mutating func requirement(
    of schema: inout JSONObject,
    at pointer: JSONPointer,
    isRequired: inout Bool?
  ) {
    if let flag = schema["required"].flatMap(Self.flag) {
      schema["required"] = nil
      isRequired = flag
    }
    if let written = schema["optional"] {
      schema["optional"] = nil
      if let flag = Self.flag(written) {
        isRequired = isRequired ?? !flag
      } else {
        tell(pointer.appending("optional"), "is no keyword of JSON Schema; left out")
      }
    }
  }

  private static func flag(_ value: JSONValue) -> Bool? {
    switch value.stringValue?.lowercased() {
    case "true", "yes": true
    case "false", "no": false
    case .some: nil
    case nil: value.boolValue
    }
  }

  private mutating func nullable(_ schema: inout JSONObject, at pointer: JSONPointer) {
    guard let flag = schema["nullable"].flatMap(Self.flag) else { return }
    schema["nullable"] = nil
    guard flag, let type = schema["type"]?.stringValue else {
      tell(pointer.appending("nullable"), "is no keyword of JSON Schema; left out")
      return
    }
    schema["type"] = [.string(type), "null"]
    if let values = schema["enum"]?.arrayValue, !values.contains(.null) {
      schema["enum"] = .array(values + [.null])
    }
    tell(pointer.appending("nullable"), "became the type null beside \(type)")
  }

  private mutating func bounds(of schema: inout JSONObject, at pointer: JSONPointer) {
    for (own, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
      guard let isExclusive = schema[own]?.boolValue else { continue }
      schema[own] = isExclusive ? schema[bound] : nil
      if isExclusive { schema[bound] = nil }
      tell(pointer.appending(own), "was true or false, as draft 4 has it; it is a number")
    }
    for keyword in [
      "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
      "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    ] {
      guard let value = schema[keyword], value.doubleValue == nil else { continue }
      let number = value.stringValue.flatMap { try? JSONValue(parsing: $0) }
      schema[keyword] = number?.doubleValue == nil ? nil : number
      tell(
        pointer.appending(keyword),
        "was \(value.serialized()), which is no number; \(schema[keyword] == nil ? "left out" : "it is \(schema[keyword] ?? .null)")"
      )
    }
  }

  /// What is filled in for a missing argument has to be a value of it.
  private mutating func fallback(of schema: inout JSONObject, at pointer: JSONPointer) {
    guard let standard = schema["default"] else { return }
    let place = pointer.appending("default")
    var bare = schema
    bare["default"] = nil
    let words = ["none", "null", "nil", "undefined"]
    let isListed = schema["enum"]?.arrayValue?.contains(standard) ?? false
    if let word = standard.stringValue, words.contains(word.lowercased()), !isListed {
      schema["default"] = nil
      tell(place, "was “\(word)”, which means none; left out")
      return
    }
    // A part may refer to what only the whole has; then nothing can be said of its default here.
    guard let compiled = try? Schema(.object(bare)), !compiled.isValid(standard) else { return }
    let read = standard.stringValue.flatMap { text in
      try? JSONValue(parsing: ["True": "true", "False": "false"][text] ?? text)
    }
    if let read, compiled.isValid(read) {
      schema["default"] = read
      tell(place, "was the text \(standard.serialized()); it is the value \(read.serialized())")
    } else {
      schema["default"] = nil
      tell(place, "was \(standard.serialized()), which the property does not take; left out")
    }
  }

  // MARK: - Types

  private mutating func type(of schema: inout JSONObject, at pointer: JSONPointer) {
    guard let written = schema["type"] else { return }
    let place = pointer.appending("type")
    let names: [String]
    switch written {
    case .string(let text): names = Self.alternatives(text)
    case .array(let items): names = items.flatMap { Self.alternatives($0.stringValue ?? "") }
    case .null, .bool, .integer, .double, .decimal, .object:
      schema["type"] = nil
      tell(place, "was \(written.serialized()), which names no type; it takes any value")
      return
    }
    var types: [String] = []
    var added = ""
    for name in names {
      guard let type = Self.type(named: name) else {
        schema["type"] = nil
        let isAny = Self.anything.contains(name.lowercased())
        tell(
          place,
          isAny
            ? "\(written.serialized()) was left out: it takes any value"
            : "\(written.serialized()) is no type that is known; it takes any value"
        )
        return
      }
      if !types.contains(type.name) { types.append(type.name) }
      if let format = type.format, schema["format"] == nil {
        schema["format"] = .string(format)
        added = ", and format: \(format) was added"
      }
      if let inner = Self.inner(of: name), type.name == "array", schema["items"] == nil {
        schema["items"] = ["type": .string(inner)]
      }
      if let value = Self.inner(of: name).map({ Self.split($0, at: ",") })?.dropFirst().first,
        type.name == "object", schema["additionalProperties"] == nil,
        !Self.anything.contains(value.lowercased())
      {
        schema["additionalProperties"] = ["type": .string(value)]
      }
    }
    let repaired: JSONValue =
      types.count == 1 ? .string(types[0]) : .array(types.map(JSONValue.string))
    guard repaired != written else { return }
    schema["type"] = repaired
    tell(place, "\(written.serialized()) became \(repaired.serialized())\(added)")
  }

  /// `int | None`, `string or null`, `Optional[str]`, `Union[int, str]`.
  private static func alternatives(_ text: String) -> [String] {
    let text = trimmed(text[...])
    let lower = text.lowercased()
    if lower.hasPrefix("optional["), let inner = inner(of: text) {
      return alternatives(inner) + ["null"]
    }
    if lower.hasPrefix("union["), let inner = inner(of: text) {
      return split(inner, at: ",").flatMap(alternatives)
    }
    let parts = split(text, at: "|")
    if parts.count > 1 { return parts }
    let words = text.split(separator: " ")
    if words.count == 3, words[1].lowercased() == "or" {
      return [String(words[0]), String(words[2])]
    }
    return [text]
  }

  /// The parts of a text between marks that stand in no brackets.
  private static func split(_ text: String, at mark: Character) -> [String] {
    var parts: [Substring] = []
    var depth = 0
    var start = text.startIndex
    for index in text.indices {
      switch text[index] {
      case "[", "<": depth += 1
      case "]", ">": depth -= 1
      case mark where depth == 0:
        parts.append(text[start..<index])
        start = text.index(after: index)
      default: break
      }
    }
    parts.append(text[start...])
    return parts.map(trimmed)
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first?.isWhitespace ?? false { text.removeFirst() }
    while text.last?.isWhitespace ?? false { text.removeLast() }
    return String(text)
  }

  /// What stands in the brackets of `List<String>`, `list[int]`, or before those of `int[]`.
  private static func inner(of name: String) -> String? {
    if name.hasSuffix("[]"), name.count > 2 { return String(name.dropLast(2)) }
    guard let open = name.firstIndex(where: { $0 == "[" || $0 == "<" }), let last = name.last,
      last == "]" || last == ">"
    else { return nil }
    let inner = trimmed(name[name.index(after: open)...].dropLast())
    return inner.isEmpty ? nil : inner
  }

  private static let anything: Set<String> = [
    "", "any", "unknown", "mixed", "variant", "anything", "anytype", "all",
  ]

  private static let known: [String: [String]] = [
    "object": [
      "object", "dict", "dictionary", "hashmap", "map", "hashtable", "treemap", "linkedhashmap",
      "mapping", "struct", "json", "hash", "record",
    ],
    "array": [
      "array", "arraylist", "list", "linkedlist", "tuple", "set", "hashset", "vector", "sequence",
      "collection", "queue", "stack", "iterable",
    ],
    "string": [
      "string", "str", "text", "char", "character", "varchar", "date", "datetime", "uuid", "email",
      "url", "uri",
    ],
    "integer": [
      "integer", "int", "long", "short", "byte", "bigint", "biginteger", "int8", "int16", "int32",
      "int64", "uint", "uint8", "uint16", "uint32", "uint64",
    ],
    "number": [
      "number", "float", "double", "decimal", "bigdecimal", "numeric", "real", "float32",
      "float64",
    ],
    "boolean": ["boolean", "bool"],
    "null": ["null", "none", "nonetype", "nil", "void", "undefined"],
  ]

  private static let standard: [String: String] = known.reduce(into: [:]) { table, entry in
    for name in entry.value { table[name] = entry.key }
  }

  private static let formats = [
    "date": "date", "datetime": "date-time", "uuid": "uuid", "email": "email", "url": "uri",
    "uri": "uri",
  ]

  private static func type(named name: String) -> (name: String, format: String?)? {
    if name.hasSuffix("[]"), name.count > 2 { return ("array", nil) }
    let bare = trimmed(name.prefix { $0 != "<" && $0 != "[" }).lowercased()
    return standard[bare].map { ($0, formats[bare]) }
  }
}
