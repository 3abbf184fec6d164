import Callboard
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// `callboard functions lint` and `callboard functions import` from outside.
@Suite struct DefinitionCommandTests {
  private static let good = """
    {"name": "send_wire", "description": "Sends money to an account.", "parameters": {"type": "object",
     "properties": {"amount": {"type": "number", "description": "In USD."}}, "required": ["amount"]}}
    """

  private func lint(
    _ text: String,
    _ name: String = "tools.json",
    _ options: String...
  )
    async throws -> Program.Ended
  {
    let scratch = try Scratch()
    _ = try scratch.file(name, text)
    return try await Program.run(["functions", "lint", name] + options, folder: scratch.path)
  }

  private func lines(_ text: String) throws -> [JSONValue] {
    try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  @Test func `definitions in order end with 0 and nothing on stdout`() async throws {
    for text in [
      "[\(Self.good)]", Self.good, #"{"tools":[{"type":"function","function":\#(Self.good)}]}"#,
      Self.good.replacingOccurrences(of: "\n", with: " ") + "\n",
    ] {
      let ended = try await lint(text)
      #expect(ended.status == 0, "\(ended)")
      #expect(ended.output == "")
      #expect(ended.error == "1 function: 0 errors, 0 warnings\n")
    }
  }

  @Test func `an error ends with 65, and says where it is`() async throws {
    let text = """
      [
        {"type": "function", "function": {
          "name": "send wire",
          "description": "Sends money.",
          "parameters": {"type": "object"}
        }}
      ]
      """
    let ended = try await lint(text)
    #expect(ended.status == 65)
    #expect(
      ended.output.hasPrefix("tools.json:3: error: send wire: /0/function/name: "),
      "\(ended)"
    )
    #expect(ended.output.hasSuffix("[name-invalid]\n"))
    let line = try #require(lines(try await lint(text, "t.json", "--output", "jsonl").output).first)
    #expect(line["line"] == 3)
    #expect(line["severity"] == "error")
    #expect(line["rule"] == "name-invalid")
    #expect(line["function"] == "send wire")
    #expect(line["pointer"] == "/0/function/name")
    let whole = try JSONValue(
      parsing: try await lint(text, "tools.json", "--output", "json").output
    )
    #expect(whole.arrayValue?.count == 1)
  }

  @Test func `warnings alone end with 0`() async throws {
    let ended = try await lint(Self.good.replacingOccurrences(of: "In USD.", with: ""))
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("warning: send_wire: /parameters/properties/amount: "))
    #expect(ended.output.contains("[parameter-undescribed]"))
    #expect(ended.error == "1 function: 0 errors, 2 warnings\n")
  }

  @Test func `a definition a line is told with its line`() async throws {
    let line = Self.good.replacingOccurrences(of: "\n", with: " ")
    let other = line.replacingOccurrences(of: "send_wire", with: "send.wire")
    let ended = try await lint("\(line)\n\n\(other)\n", "tools.jsonl", "--output", "jsonl")
    #expect(ended.status == 65)
    let findings = try lines(ended.output)
    #expect(findings.contains { $0["rule"] == "name-invalid" && $0["line"] == 3 }, "\(ended)")
  }

  @Test func `a configuration is linted as it is, and its names are those on the wire`()
    async throws
  {
    let text = """
      providers:
        bank:
          type: http
          url: ${BANK_URL}
          functions:
            - name: wire
              path: /wire
              parameters: { type: object, properties: { to: { type: dict } } }
      """
    let ended = try await lint(text, "callboard.yaml", "--output", "jsonl")
    #expect(ended.status == 65)
    let findings = try lines(ended.output)
    #expect(Set(findings.map { $0["function"] }) == ["bank.wire"])
    let rules = Dictionary(
      uniqueKeysWithValues: findings.map { ($0["rule"]?.stringValue, $0["line"]?.intValue) }
    )
    #expect(
      rules == ["name-not-verb-first": 6, "description-missing": 6, "schema-invalid": 8],
      "\(ended)"
    )
  }

  @Test func `the project's own example has no error`() async throws {
    let ended = try await Program.run(["functions", "lint", Project.path("config/callboard.yaml")])
    #expect(ended.status == 0, "\(ended)")
  }

  @Test(arguments: [
    ("[", ":1:2: "), ("[1]", "/0 is no definition"), ("{}", "no definitions of functions"),
    ("a: [", ":1:"), ("name", "no definitions of functions"),
  ])
  func `a file that holds no definitions ends with 65 and says why`(
    text: String,
    words: String
  )
    async throws
  {
    for command in [["lint"], ["import", "--from", "openai"]] {
      let scratch = try Scratch()
      _ = try scratch.file("tools.json", text)
      let ended = try await Program.run(
        ["functions"] + command + ["tools.json"],
        folder: scratch.path
      )
      #expect(ended.status == 65, "\(ended)")
      #expect(ended.output == "")
      #expect(ended.error.contains("tools.json"))
      #expect(ended.error.contains(words), "\(ended.error)")
    }
  }

  private func imported(_ text: String, _ options: String...) async throws -> Program.Ended {
    try await Program.run(
      ["functions", "import", "--from", "openai", "-"] + options,
      input: text
    )
  }

  @Test func `an import is a configuration that can be used, and says what it changed`()
    async throws
  {
    let text = """
      {"tools": [{"type": "function", "function": {"name": "math.sum", "description": "Adds ${HOME} up: 1 + 1.",
        "parameters": {"type": "dict", "properties": {"a": {"type": "float"}}, "required": ["a"]}}},
        {"name": "math sum", "description": "yes", "parameters": {"type": "object", "properties": {}}}]}
      """
    let ended = try await imported(text, "--namespace", "calculator")
    #expect(ended.status == 0, "\(ended)")
    #expect(
      ended.error == """
        standard input:1: math_sum: /tools/0/function/name: “math.sum” is called math_sum, as model APIs take names
        standard input:2: math_sum: /tools/0/function/parameters/type: "dict" became "object"
        standard input:2: math_sum: /tools/0/function/parameters/properties/a/type: "float" became "number"
        standard input:3: math_sum: /tools/1/name: “math sum” is called math_sum, as model APIs take names
        standard input:3: math_sum: /tools/1: there is one of this name already; it is called math_sum_2

        """
    )
    let configuration = try ConfigurationFile.read(
      YAMLDocument(text: ended.output, file: "imported.yaml"),
      environment: ["HOME": "/root"]
    )
    let definitions = configuration.definitions
    #expect(
      definitions.map(\.name.description) == ["calculator.math_sum", "calculator.math_sum_2"]
    )
    #expect(definitions.map(\.description) == ["Adds ${HOME} up: 1 + 1.", "yes"])
    #expect(definitions.first?.effect == .write)
    #expect(
      definitions.first?.parameters == [
        "type": "object", "properties": ["a": ["type": "number"]], "required": ["a"],
      ]
    )
  }

  @Test func `a definition that can't be repaired is left out, told, and ends with 65`()
    async throws
  {
    let wrong = """
      [\(Self.good), {"name": "broken", "parameters": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}]
      """
    let ended = try await imported(wrong)
    #expect(ended.status == 65)
    #expect(ended.output.contains("name: send_wire"))
    #expect(!ended.output.contains("broken"))
    #expect(ended.error.contains("broken: /1: left out, because"), "\(ended.error)")
  }

  @Test func `what is no function is left out, told, and ends with 65`() async throws {
    let ended = try await imported(
      """
      [{"type": "web_search"},
       \(Self.good)]
      """
    )
    #expect(ended.status == 65)
    #expect(ended.output.contains("name: send_wire"))
    #expect(
      ended.error.hasPrefix(
        "standard input:1: /0: left out, because it is no function but of type “web_search”\n"
      ),
      "\(ended.error)"
    )
    #expect(ended.error.contains("1 of 2 definitions had to be left out"))
  }

  @Test func `a strict import says what it changed and what a person has to decide`() async throws {
    let text = """
      {"name": "send_wire", "description": "Sends.", "parameters": {"type": "object", "properties": {
        "memo": {"type": "string"}, "more": {"type": "object"}}, "required": ["more"]}}
      """
    let ended = try await imported(text, "--strict")
    #expect(ended.status == 0, "\(ended)")
    #expect(
      ended.error.contains(
        "send_wire: /parameters/properties/memo: was optional; is required and may be null\n"
      ),
      "\(ended.error)"
    )
    #expect(
      ended.error.contains(
        "send_wire: /parameters/properties/more: not strict yet: it takes members"
      ),
      "\(ended.error)"
    )
    let document = try YAMLDocument(text: ended.output, file: "imported.yaml")
    let parameters = document.value["providers"]?["imported"]?["functions"]?[0]?["parameters"]
    #expect(parameters?["additionalProperties"] == false)
    #expect(parameters?["properties"]?["memo"] == ["type": ["string", "null"]])
  }

  @Test(arguments: ["--namespace a.b", "--from swagger"])
  func `a namespace or a form that is none ends with 64`(option: String) async throws {
    let arguments = ["functions", "import", "--from", "openai", "-"]
    let ended = try await Program.run(arguments + option.split(separator: " ").map(String.init))
    #expect(ended.status == 64, "\(ended)")
  }

  @Test(.needs(sharedData: "function-calling"))
  func `every published definition is imported into a configuration that loads`() async throws {
    let file = SharedData.folder("function-calling").appending(path: "functions.jsonl")
    let raw = try Data(contentsOf: file).split(separator: UInt8(ascii: "\n"))
      .map { try JSONValue(parsing: [UInt8]($0))["raw"] ?? .null }
    var imported = ImportedFunctions(namespace: "bfcl", isStrict: false)
    imported.add(
      try DefinitionFile.parse(JSONValue.array(raw).serialized(), path: "functions.json")
    )
    #expect(imported.leftOut == 0)
    let configuration = try ConfigurationFile.read(
      YAMLDocument(text: imported.yaml, file: "imported.yaml"),
      environment: [:]
    )
    #expect(configuration.definitions.count == 1324)
    for (definition, source) in zip(configuration.definitions, raw) {
      #expect(definition.description == source["description"]?.stringValue)
      #expect(definition.parameters == DialectRepair(source).parameters)
    }
  }
}
