import JSONSchema

/// OpenAI's strict mode: what it asks of the parameters of a function, and how to get there.
public enum StrictMode {
  /// One thing that strict mode does not take, and what to do about it.
  public struct Problem: Sendable, Hashable {
    /// Where in the parameters.
    public var pointer: JSONPointer
    public var message: String
  }

  /// One thing that ``convert(_:)`` changed.
  public struct Change: Sendable, Hashable {
    /// Where in the parameters, as they were.
    public var pointer: JSONPointer
    public var message: String
  }

  /// Parameters as near to strict mode as can be without guessing.
  public struct Conversion: Sendable {
    public var parameters: JSONValue
    public var changes: [Change]
    /// What a person has to decide; none: the parameters are strict.
    public var remaining: [Problem]
  }

  enum Limits {
    static let properties = 5_000
    static let levels = 10
    /// Of all names of properties and definitions and all values of `enum` and `const`.
    static let characters = 120_000
    static let enumValues = 1_000
    /// An enumeration of strings with more values than this has a bound on its characters.
    static let longEnum = 250
    static let longEnumCharacters = 15_000
  }

  /// Keywords outside the subset of JSON Schema that strict mode understands.
  private static let unsupported = [
    "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
    "dependencies", "patternProperties", "propertyNames", "minProperties", "maxProperties",
    "unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains",
    "uniqueItems",
  ]

  /// Everything of these parameters that strict mode would refuse; none means that it takes them.
  public static func problems(in parameters: JSONValue) -> [Problem] {
    var check = Check()
    check.root(parameters)
    return check.problems
  }

  /// Makes parameters strict where that needs no guess.
  ///
  /// An optional property becomes one that may be null and is required; objects take no other members than those
  /// they name; `oneOf` becomes `anyOf`, and an `allOf` of one schema that schema.
  public static func convert(_ parameters: JSONValue) -> Conversion {
    var conversion = Converter()
    let converted = conversion.schema(parameters, at: JSONPointer(), isRoot: true)
    return Conversion(
      parameters: converted,
      changes: conversion.changes,
      remaining: problems(in: converted)
    )
  }

  static func types(of schema: JSONObject) -> [String] {
    switch schema["type"] {
    case .string(let name)?: [name]
    case .array(let names)?: names.compactMap(\.stringValue)
    case .null?, .bool?, .integer?, .double?, .decimal?, .object?, nil: []
    }
  }

  static func isObject(_ schema: JSONObject) -> Bool {
    let types = types(of: schema)
    return types.contains("object") || (types.isEmpty && schema["properties"] != nil)
  }

  // MARK: - Checking

  private struct Check {
    var problems: [Problem] = []
    private var properties = 0
    private var characters = 0
    private var enumValues = 0

    mutating func root(_ parameters: JSONValue) {
      let root = JSONPointer()
      guard let schema = parameters.objectValue, StrictMode.types(of: schema) == ["object"] else {
        report(root, "is not of type object, which the parameters have to be; write type: object")
        return
      }
      if schema["anyOf"] != nil {
        report(root.appending("anyOf"), "can't stand at the top; put it into a property")
      }
      walk(parameters, at: root, level: 0)
      if properties > Limits.properties {
        report(root, "has \(properties) properties; strict mode takes \(Limits.properties)")
      }
      if characters > Limits.characters {
        report(
          root,
          "has \(characters) characters in names and enumerations; strict mode takes \(Limits.characters)"
        )
      }
      if enumValues > Limits.enumValues {
        report(
          root,
          "has \(enumValues) values in enumerations; strict mode takes \(Limits.enumValues)"
        )
      }
    }

    private mutating func report(_ pointer: JSONPointer, _ message: String) {
      problems.append(Problem(pointer: pointer, message: message))
    }

    private mutating func walk(_ value: JSONValue, at pointer: JSONPointer, level: Int) {
      guard let schema = value.objectValue else {
        report(pointer, "says nothing of the value; write an object with a type")
        return
      }
      for keyword in StrictMode.unsupported where schema[keyword] != nil {
        report(
          pointer.appending(keyword),
          "is a keyword that strict mode has not; say it in the description"
        )
      }
      var level = level
      if StrictMode.isObject(schema) {
        level += 1
        if level == Limits.levels + 1 {
          report(
            pointer,
            "is nested more than \(Limits.levels) levels deep; put it further up"
          )
        }
        object(schema, at: pointer)
      }
      if !["type", "enum", "const", "anyOf", "$ref", "allOf", "oneOf"].contains(where: {
        schema[$0] != nil
      }) {
        report(pointer, "takes any value; say of which type it is")
      }
      if StrictMode.types(of: schema).contains("array"), schema["items"] == nil {
        report(pointer, "is an array of anything; say with items what it holds")
      }
      enumeration(schema, at: pointer)
      for (name, part) in schema["properties"]?.objectValue ?? JSONObject() {
        properties += 1
        characters += name.count
        walk(part, at: pointer.appending("properties").appending(name), level: level)
      }
      for keyword in ["$defs", "definitions"] {
        for (name, part) in schema[keyword]?.objectValue ?? JSONObject() {
          characters += name.count
          walk(part, at: pointer.appending(keyword).appending(name), level: 0)
        }
      }
      if let items = schema["items"] {
        walk(items, at: pointer.appending("items"), level: level)
      }
      for keyword in ["anyOf", "oneOf", "allOf"] {
        for (index, part) in (schema[keyword]?.arrayValue ?? []).enumerated() {
          walk(part, at: pointer.appending(keyword).appending(index), level: level)
        }
      }
    }

    private mutating func object(_ schema: JSONObject, at pointer: JSONPointer) {
      let names = schema["properties"]?.objectValue?.keys ?? []
      if schema["additionalProperties"]?.boolValue != false {
        let isMap = names.isEmpty || schema["additionalProperties"]?.objectValue != nil
        report(
          pointer,
          isMap
            ? "takes members of any name; name each in properties, or take an array of { key, value }, and write additionalProperties: false"
            : "takes members it does not name; write additionalProperties: false"
        )
      }
      let required = Set((schema["required"]?.arrayValue ?? []).compactMap(\.stringValue))
      for name in names where !required.contains(name) {
        report(
          pointer.appending("properties").appending(name),
          "is optional; put it into required and let it be null"
        )
      }
      for name in required.subtracting(names).sorted() {
        report(
          pointer.appending("required"),
          "names “\(name)”, which is no property; describe it in properties, or take it out"
        )
      }
    }

    private mutating func enumeration(_ schema: JSONObject, at pointer: JSONPointer) {
      if let text = schema["const"]?.stringValue { characters += text.count }
      guard let values = schema["enum"]?.arrayValue else { return }
      enumValues += values.count
      let length = values.reduce(0) { $0 + ($1.stringValue?.count ?? 0) }
      characters += length
      if values.count > Limits.longEnum, length > Limits.longEnumCharacters {
        report(
          pointer.appending("enum"),
          "has \(values.count) values of \(length) characters; of more than \(Limits.longEnum) values strict mode takes \(Limits.longEnumCharacters) characters"
        )
      }
    }
  }

  // MARK: - Converting

  private struct Converter {
    var changes: [Change] = []

    private mutating func tell(_ pointer: JSONPointer, _ message: String) {
      changes.append(Change(pointer: pointer, message: message))
    }

    mutating func schema(
      _ value: JSONValue,
      at pointer: JSONPointer,
      isRoot: Bool = false
    )
      -> JSONValue
    {
      guard var schema = value.objectValue else { return value }
      unwrapAllOf(&schema, at: pointer)
      if schema["anyOf"] == nil, let branches = schema["oneOf"] {
        schema["oneOf"] = nil
        schema["anyOf"] = branches
        tell(pointer, "oneOf became anyOf: a value may fit more than one of its schemas")
      }
      if schema["type"] == nil, schema["properties"] != nil {
        schema["type"] = "object"
        tell(pointer, "type: object was added")
      }
      for keyword in ["$defs", "definitions"] {
        schema[keyword] = schema[keyword].map { each($0, at: pointer.appending(keyword)) }
      }
      schema["items"] = schema["items"].map { self.schema($0, at: pointer.appending("items")) }
      if let branches = schema["anyOf"]?.arrayValue {
        schema["anyOf"] = .array(
          branches.enumerated().map {
            self.schema($1, at: pointer.appending("anyOf").appending($0))
          }
        )
      }
      if StrictMode.isObject(schema) { object(&schema, at: pointer, isRoot: isRoot) }
      return .object(schema)
    }

    private mutating func each(_ value: JSONValue, at pointer: JSONPointer) -> JSONValue {
      guard let members = value.objectValue else { return value }
      return .object(
        JSONObject(members.map { ($0, schema($1, at: pointer.appending($0))) })
      )
    }

    /// As generators write a reference with a description: `allOf` with one schema.
    private mutating func unwrapAllOf(_ schema: inout JSONObject, at pointer: JSONPointer) {
      guard let all = schema["allOf"]?.arrayValue, all.count == 1, let only = all[0].objectValue,
        only.keys.allSatisfy({ schema[$0] == nil || $0 == "description" })
      else { return }
      schema["allOf"] = nil
      for (key, value) in only where schema[key] == nil { schema[key] = value }
      tell(pointer, "allOf with one schema became that schema")
    }

    private mutating func object(_ schema: inout JSONObject, at pointer: JSONPointer, isRoot: Bool)
    {
      let properties = schema["properties"]?.objectValue ?? JSONObject()
      switch schema["additionalProperties"] {
      case .bool(false)?, .object?: break
      // Without properties it is a map, whose names only a person can know; only at the top it is no argument at all.
      default:
        if isRoot || !properties.isEmpty {
          if schema["properties"] == nil { schema["properties"] = [:] }
          schema["additionalProperties"] = false
          tell(
            pointer,
            "takes no members any more than those it names (additionalProperties: false)"
          )
        }
      }
      var required = schema["required"]?.arrayValue ?? []
      let wasRequired = Set(required.compactMap(\.stringValue))
      var converted = JSONObject()
      for (name, part) in properties {
        let place = pointer.appending("properties").appending(name)
        var part = self.schema(part, at: place)
        if !wasRequired.contains(name) {
          part = optional(part, at: place)
          required.append(.string(name))
        }
        converted[name] = part
      }
      guard schema["properties"] != nil else { return }
      schema["properties"] = .object(converted)
      if !required.isEmpty { schema["required"] = .array(required) }
    }

    private mutating func optional(_ value: JSONValue, at pointer: JSONPointer) -> JSONValue {
      guard var schema = value.objectValue else { return value }
      var message = "was optional; is required and may be null"
      if let standard = schema["default"] {
        schema["default"] = nil
        if !standard.isNull {
          let sentence = "Null means \(standard.serialized())."
          let description = schema["description"]?.stringValue.map { $0 + " " + sentence }
          schema["description"] = .string(description ?? sentence)
          message += ", in place of its default, \(standard.serialized())"
        }
      }
      tell(pointer, message)
      return nullable(schema)
    }

    private func nullable(_ original: JSONObject) -> JSONValue {
      var schema = original
      let types = StrictMode.types(of: schema)
      if let branches = schema["anyOf"]?.arrayValue, types.isEmpty, schema["enum"] == nil {
        let hasNull = branches.contains { $0["type"]?.stringValue == "null" }
        if !hasNull { schema["anyOf"] = .array(branches + [["type": "null"]]) }
        return .object(schema)
      }
      if schema["const"] == nil, schema["$ref"] == nil, schema["anyOf"] == nil, !types.isEmpty {
        if !types.contains("null") {
          schema["type"] = .array((types + ["null"]).map(JSONValue.string))
        }
        if let values = schema["enum"]?.arrayValue, !values.contains(.null) {
          schema["enum"] = .array(values + [.null])
        }
        return .object(schema)
      }
      // What takes any value takes null as well.
      if ["const", "$ref", "anyOf", "enum"].allSatisfy({ schema[$0] == nil }) {
        return .object(schema)
      }
      let description = schema["description"]
      schema["description"] = nil
      var outer: JSONObject = ["anyOf": [.object(schema), ["type": "null"]]]
      outer["description"] = description
      return .object(outer)
    }
  }
}
