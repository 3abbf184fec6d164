import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct BoundaryTests {
  private static func parsed(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: text)
  }

  private static let schemas = [
    #"{ "type": "object" }"#,
    #"{ "type": "object", "additionalProperties": false, "required": ["zip"], "properties": { "zip": { "type": "string", "minLength": 5, "maxLength": 5 }, "note": { "type": "string" } } }"#,
    #"{ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer", "minimum": 1, "maximum": 10 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "number", "multipleOf": 0.25, "minimum": 0.3, "maximum": 2.1 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "integer", "multipleOf": 5, "minimum": -7, "maximum": 12 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "integer", "minimum": 3, "exclusiveMinimum": 3 } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": ["integer", "null"] } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "number", "maximum": -2.5 } } }"#,
    #"{ "type": "object", "properties": { "kind": { "enum": ["flat", "house", 3, null] }, "only": { "const": 7 }, "is": { "type": "boolean" } } }"#,
    #"{ "type": "object", "properties": { "zip": { "type": "string", "pattern": "^[0-9]{5}$" }, "code": { "type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3 } } }"#,
    #"{ "type": "object", "properties": { "day": { "type": "string", "format": "date" }, "at": { "type": "string", "format": "date-time" }, "mail": { "type": "string", "format": "email" }, "id": { "type": "string", "format": "uuid" }, "link": { "type": "string", "format": "uri" }, "host": { "type": "string", "format": "hostname" }, "v4": { "type": "string", "format": "ipv4" }, "v6": { "type": "string", "format": "ipv6" }, "time": { "type": "string", "format": "time" }, "for": { "type": "string", "format": "duration" }, "to": { "type": "string", "format": "json-pointer" }, "like": { "type": "string", "format": "regex" }, "own": { "type": "string", "format": "unheard-of" } } }"#,
    #"{ "type": "object", "properties": { "list": { "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": { "type": "integer", "minimum": 0 } }, "any": { "type": "array" }, "words": { "type": "array", "maxItems": 2, "items": { "type": "string", "maxLength": 4 } } } }"#,
    #"{ "type": "object", "required": ["who"], "properties": { "who": { "type": "object", "additionalProperties": false, "required": ["name"], "properties": { "name": { "type": "string", "minLength": 1 }, "age": { "type": "integer", "minimum": 0, "maximum": 150 } } } } }"#,
    ##"{ "type": "object", "properties": { "a": { "$ref": "#/$defs/a~1b" }, "c": { "$ref": "#/$defs/c", "maximum": 3 } }, "$defs": { "a/b": { "type": "string" }, "c": { "type": "integer", "minimum": 2 } } }"##,
    ##"{ "type": "object", "properties": { "next": { "$ref": "#" }, "n": { "type": "integer" } } }"##,
    #"{ "type": "object", "properties": { "long": { "type": "string", "minLength": 0, "maxLength": 0 }, "huge": { "type": "string", "maxLength": 1000000 } } }"#,
    #"{ "type": "object", "properties": { "old": { "type": "string", "examples": ["x1"], "pattern": "^x[0-9]$" } }, "additionalProperties": { "type": "integer" } }"#,
    #"{ "type": "object", "properties": { "a~b/c": { "type": "integer", "minimum": 0 } }, "required": ["a~b/c"] }"#,
  ]

  private static let joined = [
    #"{ "type": "object", "required": ["a"], "properties": { "a": { "type": "integer", "minimum": 0 }, "b": { "type": "integer" } }, "dependentRequired": { "b": ["c"] } }"#,
    #"{ "type": "object", "properties": { "a": { "allOf": [{ "type": "integer" }, { "minimum": 5 }] }, "b": { "anyOf": [{ "type": "string" }, { "type": "null" }] } } }"#,
    #"{ "type": "object", "properties": { "kind": { "enum": ["a", "b"] }, "n": { "type": "integer", "minimum": 0 } }, "if": { "properties": { "kind": { "const": "a" } } }, "then": { "properties": { "n": { "maximum": 5 } } } }"#,
    #"{ "type": "object", "minProperties": 1, "maxProperties": 2, "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } } }"#,
    #"{ "type": "object", "properties": { "n": { "type": "integer", "not": { "const": 0 } } } }"#,
  ]

  @Test(arguments: schemas + joined)
  func `what is claimed of each case is what the validator says, and where`(text: String) throws {
    let document = try Self.parsed(text)
    let schema = try Schema(document)
    let cases = try BoundaryArguments.cases(of: document)
    #expect(!cases.isEmpty)
    for found in cases {
      let errors = schema.validate(found.arguments)
      if found.isValid {
        #expect(errors.isEmpty, "\(found.what): \(found.excerpt) \(errors)")
      } else {
        #expect(
          errors.contains { $0.path == found.pointer },
          "\(found.what) at \(found.pointer): \(found.excerpt) \(errors)"
        )
      }
    }
  }

  @Test(arguments: schemas + joined)
  func `the same schema gives the same cases, none twice`(text: String) throws {
    let document = try Self.parsed(text)
    let cases = try BoundaryArguments.cases(of: document)
    #expect(cases == (try BoundaryArguments.cases(of: document)))
    #expect(Set(cases.map { "\($0.isValid)\($0.arguments.serialized())" }).count == cases.count)
  }

  private func cases(_ property: String, of type: String = "v") throws -> [BoundaryCase] {
    try BoundaryArguments.cases(
      of: try Self.parsed(
        #"{ "type": "object", "required": ["v"], "properties": { "v": \#(property) } }"#
      )
    )
  }

  private func values(_ cases: [BoundaryCase], isValid: Bool) -> Set<String> {
    Set(cases.filter { $0.isValid == isValid }.compactMap { $0.arguments["v"]?.serialized() })
  }

  @Test(arguments: [
    (
      #"{ "type": "integer", "minimum": 1, "maximum": 10 }"#, ["1", "10"],
      ["0", "11", "null", "\"text\""]
    ),
    (#"{ "type": "integer", "exclusiveMinimum": 1, "maximum": 9 }"#, ["2", "9"], ["1", "10"]),
    (#"{ "type": "number", "minimum": 0.5 }"#, ["0.5"], ["-0.5"]),
    (
      #"{ "type": "integer", "multipleOf": 5, "minimum": 3, "maximum": 22 }"#, ["5", "20"],
      ["0", "25"]
    ),
    (
      #"{ "type": "string", "minLength": 2, "maxLength": 4 }"#, ["\"aa\"", "\"aaaa\""],
      ["\"a\"", "\"aaaaa\"", "7.5"]
    ),
    (#"{ "type": "string" }"#, ["\"\""], ["null", "[]", "{}", "true"]),
    (#"{ "enum": ["x", "y"] }"#, ["\"x\"", "\"y\""], ["\"yx\""]),
    (
      #"{ "type": "array", "maxItems": 2, "items": { "type": "integer" } }"#, ["[]", "[1,1]"],
      ["[1,1,1]"]
    ),
    (
      #"{ "type": "array", "minItems": 2, "uniqueItems": true, "items": { "type": "integer" } }"#,
      ["[1,2]"], ["[1]", "[1,1]"]
    ),
    (#"{ "type": "string", "format": "date" }"#, ["\"2024-02-29\""], ["\"2023-02-29\""]),
    (#"{ "type": "boolean" }"#, ["true", "false"], ["null", "\"text\""]),
  ])
  func `bounds and what lies just beyond are among the cases`(
    property: String,
    valid: [String],
    invalid: [String]
  ) throws {
    let found = try cases(property)
    #expect(values(found, isValid: true).isSuperset(of: valid), "\(values(found, isValid: true))")
    #expect(
      values(found, isValid: false).isSuperset(of: invalid),
      "\(values(found, isValid: false))"
    )
    let missing = found.first { $0.what.contains("without the required v") }
    #expect(missing?.pointer == "")
    #expect(missing?.arguments == [:])
  }

  @Test func `an unknown property is invalid where there may be none`() throws {
    let closed = try BoundaryArguments.cases(
      of: [
        "type": "object", "additionalProperties": false, "properties": ["a": ["type": "integer"]],
      ]
    )
    #expect(
      closed.contains { !$0.isValid && $0.arguments["unheard_of"] != nil && $0.pointer == "" }
    )
    let open = try BoundaryArguments.cases(of: ["type": "object"])
    #expect(open.contains { $0.isValid && $0.arguments["unheard_of"] != nil })
  }

  @Test func `arguments that are given stand in for what can't be made up`() throws {
    let schema = try Self.parsed(
      #"{ "type": "object", "required": ["iban"], "properties": { "iban": { "type": "string", "pattern": "^DE[0-9]{20}$" }, "n": { "type": "integer", "minimum": 0 } } }"#
    )
    let error = #expect(throws: BoundaryArguments.Impossible.self) {
      try BoundaryArguments.cases(of: schema)
    }
    #expect(error?.reason.contains("give some with `with`") == true)
    let cases = try BoundaryArguments.cases(of: schema, given: ["iban": "DE12345678901234567890"])
    #expect(cases.contains { !$0.isValid && $0.pointer == "/n" })
    #expect(cases.contains { !$0.isValid && $0.pointer == "/iban" })
  }

  // MARK: - Played

  private let function = """
    functions:
      market.find:
        effect: read
        parameters:
          type: object
          additionalProperties: false
          required: [zip]
          properties:
            zip: { type: string, minLength: 5, maxLength: 5 }
            price: { type: integer, minimum: 1, maximum: 1000000 }
        answers: [{ times: 1000, echo: true }]

    """

  @Test func `invalid boundary arguments are rejected where they are, and valid ones run`()
    async throws
  {
    let result = try await Played.scenario(
      function + """
        do:
          - boundary: { function: market.find }
        expect:
          calls:
            - { state: succeeded, count: { at_least: 5 } }
            - { state: rejected, failure: invalid_arguments, count: { at_least: 10 } }
        """
    )
    #expect(result.status == .done, "\(result.lines)")
    #expect(result.checks.count > 20)
  }

  @Test func `a boundary that is not kept is told with the arguments and what came`() async throws {
    let result = try await Played.scenario(
      """
      functions:
        market.find:
          effect: read
          parameters: { type: object, required: [from, to], properties: { from: { type: integer, minimum: 0 }, to: { type: integer, minimum: 0 } } }
          check: to > from
          answers: [{ times: 1000, echo: true }]
      do:
        - boundary: { function: market.find, with: { from: 1, to: 2 } }
      """
    )
    #expect(result.status == .failed)
    let failed = result.checks.first { $0.came != nil }
    #expect(failed?.expected.contains("is no invalid_arguments") == true, "\(result.lines)")
    #expect(failed?.came?.contains("it was rejected") == true)
    #expect(failed?.came?.contains(#""to""#) == true)
  }

  @Test(arguments: [
    ("market.fnd", "did you mean market.find?"),
    ("market.find, with: { zip: \"1\" }", "/zip"),
    ("market.find, onyl: valid", "did you mean only?"),
  ])
  func `a boundary step that is wrong is told before anything is played`(
    step: String,
    words: String
  ) throws {
    let told = try Played.fault(function + "do: [{ boundary: { function: \(step) } }]")
    #expect(told.contains(words), "\(told)")
  }
}
