import Callboard
import JSONSchema
import Testing

@Suite struct DefinitionLintTests {
  private typealias Rule = DefinitionLint.Rule

  private static func json(_ text: String) -> JSONValue {
    do { return try JSONValue(parsing: text) } catch { preconditionFailure("\(error)") }
  }

  private static func findings(_ definitions: [JSONValue]) -> [DefinitionLint.Finding] {
    DefinitionLint.findings(
      in: definitions.enumerated().map {
        FunctionDraft($1, at: JSONPointer().appending($0))
      }
    )
  }

  private static func rules(
    name: String = "send_wire",
    _ parameters: String,
    strict: Bool = false
  ) -> [String] {
    findings([
      [
        "name": .string(name), "description": "Sends money to an account.",
        "parameters": json(parameters), "strict": .bool(strict),
      ]
    ]).map { "\($0.pointer) \($0.rule.rawValue)" }
  }

  /// The findings of one described property.
  private static func rules(
    ofProperty name: String,
    _ schema: String,
    description: String = "It."
  ) -> [String] {
    var property = json(schema)
    property["description"] = .string(description)
    let parameters: JSONValue = [
      "type": "object", "properties": .object([name: property]),
    ]
    return findings([
      ["name": "send_wire", "description": "Sends money.", "parameters": parameters]
    ]).map(\.rule.rawValue)
  }

  @Test func `a definition as it should be has no finding`() {
    let rules = Self.rules(
      """
      {"type":"object","additionalProperties":false,"required":["amount","to","on"],"properties":{
        "amount":{"type":"number","description":"In USD.","exclusiveMinimum":0},
        "to":{"type":"string","description":"The IBAN.","pattern":"^[A-Z]{2}[0-9]+$"},
        "on":{"type":["string","null"],"description":"The day.","format":"date"}}}
      """,
      strict: true
    )
    #expect(rules == [])
  }

  @Test(arguments: [
    ("send wire", true), ("send.wire", true), ("", true), ("send_über", true),
    (String(repeating: "send", count: 17), true), (String(repeating: "send", count: 16), false),
    ("Send-wire_2", false),
  ])
  func `a name that no model API takes is an error`(name: String, isWrong: Bool) {
    let findings = Self.findings([["name": .string(name), "description": "Sends money."]])
    #expect(findings.contains { $0.rule == .nameInvalid } == isWrong)
    #expect(findings.allSatisfy { $0.rule != .nameInvalid || $0.severity == .error })
  }

  @Test func `two functions of one name are an error at the second`() {
    let one: JSONValue = ["name": "send_wire", "description": "Sends money."]
    let findings = Self.findings([one, one])
    #expect(findings.map(\.rule) == [.nameDuplicate])
    #expect(findings.first?.index == 1)
    #expect(findings.first?.pointer.description == "/1/name")
  }

  @Test func `a hundred and twenty-eight functions are taken and one more is not`() {
    func rules(_ count: Int) -> [Rule] {
      Self.findings(
        (0..<count).map {
          ["name": .string("get_\($0)_thing"), "description": .string("Gets thing number \($0).")]
        }
      ).map(\.rule)
    }
    #expect(rules(128) == [])
    #expect(rules(129) == [.tooManyFunctions])
  }

  @Test(arguments: [
    (#"{"type":"array","items":{}}"#, "/0/parameters parameters-not-object"),
    (#"{"properties":{}}"#, "/0/parameters parameters-not-object"),
    (#""nothing""#, "/0/parameters parameters-not-object"),
    (
      #"{"type":"object","properties":{"a":{"type":"dict"}}}"#,
      "/0/parameters/properties/a/type schema-invalid"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array","description":"A."}}}"#,
      "/0/parameters/properties/a array-without-items"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"integer","description":"A.","maximun":3}}}"#,
      "/0/parameters/properties/a/maximun keyword-unknown"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"integer"}}}"#,
      "/0/parameters/properties/a parameter-undescribed"
    ),
  ])
  func `what is wrong with the parameters is found where it is`(text: String, wanted: String) {
    #expect(Self.rules(text) == [wanted])
  }

  @Test func `strict mode is asked of those who want it, and of no other`() {
    let text = #"{"type":"object","properties":{"a":{"type":"integer","description":"A."}}}"#
    #expect(Self.rules(text) == [])
    #expect(
      Self.rules(text, strict: true) == [
        "/0/parameters strict-mode", "/0/parameters/properties/a strict-mode",
      ]
    )
  }

  @Test func `a missing, an empty and a long description are warnings`() {
    func rules(_ description: JSONValue?) -> [String] {
      var definition: JSONValue = ["name": "send_wire"]
      definition["description"] = description
      return Self.findings([definition]).map { "\($0.severity) \($0.rule.rawValue)" }
    }
    #expect(rules(nil) == ["warning description-missing"])
    #expect(rules(" ") == ["warning description-missing"])
    #expect(rules(.string(String(repeating: "x", count: 1_024))) == [])
    #expect(rules(.string(String(repeating: "x", count: 1_025))) == ["warning description-long"])
  }

  @Test(arguments: [
    ("get_weather", "", true), ("sendWire", "", true), ("bank.send_wire", "", true),
    ("weather_get", "", false), ("weather", "", false), ("defenestrate_user", "", false),
    ("defenestrate_user", "Defenestrates a user.", true),
    ("status", "Status of the order.", false), ("address", "Addresses of people.", false),
  ])
  func `a name begins with a verb`(name: String, description: String, isVerbFirst: Bool) {
    let findings = Self.findings([
      ["name": .string(name), "description": .string(description)]
    ])
    #expect(findings.contains { $0.rule == .nameNotVerbFirst } == !isVerbFirst)
  }

  @Test(arguments: [
    ("get_user", "Gets one.", "get_users", "Gets many.", true),
    ("user_get", "Gets one.", "getUser", "Gets someone.", true),
    ("create_user", "Makes one.", "delete_user", "Removes one.", false),
    (
      "find_house", "Finds properties for sale by city and price.", "search_home",
      "Finds properties for sale by the city and a price.", true
    ),
    (
      "find_house", "Finds properties for sale by city and price.", "search_home",
      "Finds properties for rent by city and street.", false
    ),
  ])
  func `functions that a model can mistake for each other are found`(
    first: String,
    one: String,
    second: String,
    other: String,
    areAlike: Bool
  ) {
    let findings = Self.findings([
      ["name": .string(first), "description": .string(one)],
      ["name": .string(second), "description": .string(other)],
    ])
    let found = findings.filter { $0.rule == .functionsAlike }
    #expect(found.map(\.index) == (areAlike ? [1] : []))
    #expect(found.allSatisfy { $0.message.contains(first) })
  }

  @Test(arguments: [
    (#"{"type":"string"}"#, ["string-unbounded"]), (#"{"type":"string","maxLength":9}"#, []),
    (#"{"type":"string","enum":["a"]}"#, []), (#"{"type":"string","pattern":"^a$"}"#, []),
    (#"{"type":"string","format":"date"}"#, []), (#"{"type":"integer"}"#, []),
    (#"{"type":"array","items":{"type":"string"}}"#, ["string-unbounded"]),
  ])
  func `a text without bounds is found`(schema: String, wanted: [String]) {
    #expect(Self.rules(ofProperty: "note", schema) == wanted)
  }

  @Test(arguments: [
    ("start_date", "format-missing"), ("createdAt", "format-missing"),
    ("email", "format-missing"), ("webhookUrl", "format-missing"),
    ("date_format", "string-unbounded"), ("time_zone", "string-unbounded"),
    ("timeline", "string-unbounded"),
  ])
  func `a text that is a date or its like wants a format`(name: String, wanted: String) {
    #expect(Self.rules(ofProperty: name, #"{"type":"string"}"#) == [wanted])
    #expect(Self.rules(ofProperty: name, #"{"type":"string","format":"x"}"#) == [])
  }

  @Test(arguments: [
    ("weight", "The weight.", true), ("weight", "The weight in kilograms.", false),
    ("weight_kg", "The weight.", false), ("timeoutMs", "How long.", false),
    ("timeout", "How long.", true), ("price", "Price in €.", false), ("count", "How many.", false),
    ("distance", "The distance in the race.", true),
  ])
  func `a number that is a quantity wants its unit`(
    name: String,
    description: String,
    isMissing: Bool
  ) {
    let rules = Self.rules(ofProperty: name, #"{"type":"number"}"#, description: description)
    #expect(rules == (isMissing ? ["unit-missing"] : []))
  }

  @Test(arguments: [("currency", []), ("weight_unit", []), ("payee", ["unit-missing"])])
  func `a parameter beside it may say the unit`(name: String, wanted: [String]) {
    let parameters: JSONValue = [
      "type": "object",
      "properties": .object([
        "amount": ["type": "number", "description": "How much."],
        name: ["type": "string", "maxLength": 3, "description": "It."],
      ]),
    ]
    let findings = Self.findings([
      ["name": "send_wire", "description": "Sends money.", "parameters": parameters]
    ])
    #expect(findings.map(\.rule.rawValue) == wanted)
  }

  @Test func `a name with a verb further back is answered with the verb first`() {
    let findings = Self.findings([["name": "weatherGetToday", "description": "Weather."]])
    #expect(findings.map(\.rule) == [.nameNotVerbFirst])
    #expect(findings.first?.message.hasSuffix("such as get_weather_today") == true)
  }

  @Test func `objects four levels down are taken, and the fifth is a warning`() {
    func rules(_ levels: Int) -> [String] {
      let inner: JSONValue = ["type": "object", "description": "It.", "properties": [:]]
      let nested = (1..<levels).reduce(inner) { inner, _ in
        ["type": "object", "description": "It.", "properties": ["a": inner]]
      }
      return Self.findings([
        ["name": "send_wire", "description": "Sends money.", "parameters": nested]
      ]).map { "\($0.pointer) \($0.rule.rawValue)" }
    }
    #expect(rules(4) == [])
    let place = String(repeating: "/properties/a", count: 4)
    #expect(rules(6) == ["/0/parameters\(place) nesting-deep"])
  }

  @Test func `twenty parameters are taken, and more are a warning`() {
    func rules(_ count: Int) -> [Rule] {
      let properties = (0..<count).map {
        ("p\($0)", ["type": "boolean", "description": "It."] as JSONValue)
      }
      return Self.findings([
        [
          "name": "send_wire", "description": "Sends money.",
          "parameters": ["type": "object", "properties": .object(JSONObject(properties))],
        ]
      ]).map(\.rule)
    }
    #expect(rules(20) == [])
    #expect(rules(21) == [.parametersMany])
  }

  @Test func `a definition that is large is a warning`() {
    let long = String(repeating: "x", count: 20_000)
    let rules = Self.rules(
      ofProperty: "note",
      #"{"type":"string","maxLength":9}"#,
      description: long
    )
    #expect(rules == ["definition-large"])
  }

  @Test func `a definition of callboard's own has the name that model APIs see`() {
    var drafts = ["bank.send_wire", "bank.send wire"].map {
      FunctionDraft(
        ["name": .string($0), "description": .string("Sends \($0).")],
        at: JSONPointer()
      )
    }
    FunctionDraft.assignWireNames(to: &drafts)
    #expect(drafts.map(\.wireName) == ["bank_send_wire", "bank.send wire"])
    let rules = DefinitionLint.findings(in: drafts).filter { $0.rule == .nameInvalid }
    #expect(rules.map(\.index) == [1])
  }
}
