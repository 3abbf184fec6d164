import Callboard
import Foundation
import JSONSchema
import Testing

@Suite struct DialectRepairTests {
  private static func json(_ text: String) -> JSONValue {
    do { return try JSONValue(parsing: text) } catch { preconditionFailure("\(error)") }
  }

  /// A definition with one property, which is required unless said.
  private static func repair(_ property: String, required: String = "") -> DialectRepair {
    DialectRepair(
      json(
        #"{"name":"f","parameters":{"type":"object","properties":{"a":\#(property)}\#(required)}}"#
      )
    )
  }

  @Test(arguments: [
    ("dict", "object"), ("HashMap", "object"), ("Hashtable", "object"), ("map", "object"),
    ("float", "number"), ("double", "number"), ("Decimal", "number"), ("tuple", "array"),
    ("ArrayList", "array"), ("Array", "array"), ("list", "array"), ("set", "array"),
    ("String", "string"), ("str", "string"), ("char", "string"), ("int", "integer"),
    ("long", "integer"), ("byte", "integer"), ("Bigint", "integer"), ("bool", "boolean"),
    ("Boolean", "boolean"), ("NoneType", "null"),
  ])
  func `a type of another language is called what JSON Schema calls it`(
    name: String,
    type: String
  ) throws {
    let repaired = Self.repair(#"{"type":"\#(name)"}"#)
    #expect(repaired.parameters["properties"]?["a"] == ["type": .string(type)])
    let change = try #require(repaired.changes.first)
    #expect(repaired.changes.count == 1)
    #expect(change.pointer.description == "/parameters/properties/a/type")
    #expect(change.message == #""\#(name)" became "\#(type)""#)
  }

  @Test(arguments: ["any", "", "Any", "Frobnicator"])
  func `a type that says nothing is left out`(name: String) {
    let repaired = Self.repair(#"{"type":"\#(name)","description":"D."}"#)
    #expect(repaired.parameters["properties"]?["a"] == ["description": "D."])
    #expect(repaired.changes.count == 1)
  }

  @Test(arguments: [
    (#"{"type":"List<String>"}"#, #"{"type":"array","items":{"type":"string"}}"#),
    (#"{"type":"int[]"}"#, #"{"type":"array","items":{"type":"integer"}}"#),
    (#"{"type":"Optional[str]"}"#, #"{"type":["string","null"]}"#),
    (#"{"type":"int | None"}"#, #"{"type":["integer","null"]}"#),
    (#"{"type":"string or int"}"#, #"{"type":["string","integer"]}"#),
    (#"{"type":["str","null"]}"#, #"{"type":["string","null"]}"#),
    (
      #"{"type":"Dict[str, int]"}"#,
      #"{"type":"object","additionalProperties":{"type":"integer"}}"#
    ),
    (
      #"{"type":"Map<String, List<Float>>"}"#,
      #"{"type":"object","additionalProperties":{"type":"array","items":{"type":"number"}}}"#
    ),
    (#"{"type":"Dict[str, Any]"}"#, #"{"type":"object"}"#),
    (
      #"{"type":"Union[Dict[str, int], str]"}"#,
      #"{"type":["object","string"],"additionalProperties":{"type":"integer"}}"#
    ),
    (#"{"type":"date"}"#, #"{"type":"string","format":"date"}"#),
    (#""float""#, #"{"type":"number"}"#),
    (#"{"type":"integer","nullable":true}"#, #"{"type":["integer","null"]}"#),
    (
      #"{"type":"tuple","items":[{"type":"int"}]}"#,
      #"{"type":"array","prefixItems":[{"type":"integer"}]}"#
    ),
    (
      #"{"type":"dict","additionalProperties":{"type":"float"}}"#,
      #"{"type":"object","additionalProperties":{"type":"number"}}"#
    ),
    (
      #"{"type":"number","minimum":1,"exclusiveMinimum":true}"#,
      #"{"type":"number","exclusiveMinimum":1}"#
    ),
    (#"{"type":"number","maximum":"5"}"#, #"{"type":"number","maximum":5}"#),
    (#"{"type":"string","enum":"a, b"}"#, #"{"type":"string"}"#),
    (
      #"{"type":"object","properties":{"type":{"type":"dict"}}}"#,
      #"{"type":"object","properties":{"type":{"type":"object"}}}"#
    ),
  ])
  func `what a dialect says is said in JSON Schema`(text: String, wanted: String) {
    let repaired = Self.repair(text)
    #expect(repaired.parameters["properties"]?["a"] == Self.json(wanted))
    #expect(!repaired.changes.isEmpty)
  }

  @Test(arguments: [
    (#"{"type":"string","default":"None"}"#, nil),
    (#"{"type":"integer","default":"null"}"#, nil),
    (#"{"type":"integer","default":"5 years"}"#, nil),
    (#"{"type":"integer","default":"5"}"#, "5"),
    (#"{"type":"boolean","default":"True"}"#, "true"),
    (#"{"type":"string","default":"none","enum":["none","all"]}"#, #""none""#),
    (#"{"type":"dict","default":{}}"#, "{}"),
  ])
  func `a default is a value of its property, or left out`(text: String, wanted: String?) {
    let repaired = Self.repair(text)
    #expect(repaired.parameters["properties"]?["a"]?["default"] == wanted.map(Self.json))
  }

  @Test(arguments: [
    (#"{"type":"string","required":true}"#, "", #"["a"]"#),
    (#"{"type":"string","required":"true"}"#, "", #"["a"]"#),
    (#"{"type":"string","required":false}"#, "", nil),
    (#"{"type":"string","optional":true}"#, "", nil),
    (#"{"type":"string","optional":false}"#, "", #"["a"]"#),
    (#"{"type":"string","optional":"true"}"#, #","required":["a"]"#, #"["a"]"#),
    (#"{"type":"string"}"#, #","required":["a","a"]"#, #"["a"]"#),
    (#"{"type":"string"}"#, #","required":"a""#, #"["a"]"#),
    (#"{"type":"string"}"#, #","required":null"#, nil),
  ])
  func `what a property says of being required goes into the list around it`(
    property: String,
    required: String,
    wanted: String?
  ) {
    let repaired = Self.repair(property, required: required)
    #expect(repaired.parameters["required"] == wanted.map(Self.json))
    #expect(repaired.parameters["properties"]?["a"] == ["type": "string"])
    #expect(repaired.changes.isEmpty == (property == #"{"type":"string"}"# && required.isEmpty))
  }

  @Test func `a definition in good order is left as it is`() {
    let definition = Self.json(
      """
      {"name":"send_wire","description":"Sends.","parameters":{"type":"object","required":["to"],
        "additionalProperties":false,"properties":{"to":{"type":"string","maxLength":34},
        "amount":{"type":["number","null"],"default":null,"enum":[1,null]}}}}
      """
    )
    let repaired = DialectRepair(definition)
    #expect(repaired.changes.isEmpty)
    #expect(repaired.parameters == definition["parameters"])
    #expect(repaired.name == "send_wire")
  }

  @Test(arguments: [
    ("math.sum", "math_sum"), ("get weather", "get_weather"), ("größe", "gr__e"),
    ("", "function"), (String(repeating: "x", count: 70), String(repeating: "x", count: 64)),
  ])
  func `a name becomes one that model APIs take, and that is told`(name: String, wanted: String) {
    let repaired = DialectRepair(["name": .string(name), "parameters": ["type": "object"]])
    #expect(repaired.name == wanted)
    #expect(repaired.changes.map(\.pointer.description) == ["/name"])
  }

  @Test(arguments: [#"{"name":"f"}"#, #"{"name":"f","parameters":null}"#])
  func `parameters that were made up are told`(text: String) {
    let repaired = DialectRepair(Self.json(text))
    #expect(repaired.parameters == ["type": "object", "properties": [:]])
    #expect(repaired.changes.map(\.pointer.description) == ["/parameters"])
    #expect(
      repaired.changes.map(\.message) == ["there are none; the function takes no arguments"]
    )
  }

  @Test func `a format that comes with a type is told`() {
    let repaired = Self.repair(#"{"type":"datetime"}"#)
    #expect(
      repaired.parameters["properties"]?["a"] == ["type": "string", "format": "date-time"]
    )
    #expect(
      repaired.changes.map(\.message) == [
        #""datetime" became "string", and format: date-time was added"#
      ]
    )
  }

  @Test func `a bare map of properties is the schema of an object that has them`() {
    let repaired = DialectRepair(
      Self.json(
        #"{"name":"f","parameters":{"q":{"type":"str","required":true},"type":{"description":"A kind."}}}"#
      )
    )
    #expect(
      repaired.parameters
        == Self.json(
          #"{"type":"object","properties":{"q":{"type":"string"},"type":{"description":"A kind."}},"required":["q"]}"#
        )
    )
    #expect(
      repaired.changes.map { "\($0.pointer): \($0.message)" } == [
        "/parameters: was a map of properties; it is the schema of an object that has them",
        #"/parameters/q/type: "str" became "string""#,
        "/parameters/q: is required, by the list of the object around it",
      ]
    )
  }
}

private let publishedDefinitions = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "shared/data/function-calling")

/// Real definitions as they were published, beside a mapping of them to JSON Schema by others.
@Suite(
  .enabled(
    if: FileManager.default.fileExists(atPath: publishedDefinitions.path),
    "there is no shared/data/function-calling beside the project"
  )
)
struct PublishedDefinitionTests {
  private static func lines(_ name: String) throws -> [JSONValue] {
    try Data(contentsOf: publishedDefinitions.appending(path: name)).split(
      separator: UInt8(ascii: "\n")
    )
    .map { try JSONValue(parsing: [UInt8]($0)) }
  }

  @Test func `every repaired definition has the name and the verdicts of the mapping`() throws {
    var schemas: [String: Schema] = [:]
    for line in try Self.lines("functions.jsonl") {
      let repaired = DialectRepair(try #require(line["raw"]))
      let id = try #require(line["fid"]?.stringValue)
      #expect(repaired.name == line["tool"]?["function"]?["name"]?.stringValue)
      #expect(repaired.description == line["raw"]?["description"]?.stringValue)
      #expect(!repaired.changes.isEmpty, "each of them calls an object dict")
      schemas[id] = try Schema(repaired.parameters)
    }
    #expect(schemas.count == 1324)
    var count = 0
    for mutant in try Self.lines("mutants.jsonl") {
      count += 1
      let schema = try #require(schemas[mutant["fid"]?.stringValue ?? ""])
      let arguments = try #require(mutant["arguments"])
      #expect(schema.isValid(arguments) == mutant["reference_valid"]?.boolValue, "\(mutant)")
    }
    #expect(count == 7766)
  }

  @Test func `what strict mode makes of them is strict, or told`() throws {
    var strict = 0
    for line in try Self.lines("functions.jsonl") {
      let repaired = DialectRepair(try #require(line["raw"]))
      let conversion = StrictMode.convert(repaired.parameters)
      #expect(StrictMode.problems(in: conversion.parameters) == conversion.remaining)
      _ = try Schema(conversion.parameters)
      if conversion.remaining.isEmpty { strict += 1 }
    }
    #expect(strict > 1000)
  }
}
