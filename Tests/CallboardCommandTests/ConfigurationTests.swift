import Callboard
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct ConfigurationTests {
  /// What is wrong with a text, as it is told.
  private func complaints(_ text: String, environment: [String: String] = [:]) throws -> [String] {
    let document = try YAMLDocument(text: text, file: "callboard.yaml")
    do throws(Diagnostics) {
      _ = try ConfigurationFile.read(document, environment: environment)
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  private func warnings(_ text: String) throws -> [String] {
    let document = try YAMLDocument(text: text, file: "callboard.yaml")
    return try ConfigurationFile.read(document, environment: [:]).warnings.map(\.description)
  }

  private func configuration(_ path: String) throws -> Configuration {
    try ConfigurationFile.load(Project.path(path), environment: [:])
  }

  /// A configuration with one program function, and more lines in it.
  private func function(effect: String = "effect: read", _ more: String...) -> String {
    let lines = ["name: now", effect] + more + ["run: [date]"]
    let body = lines.map { "        " + $0 }.joined(separator: "\n")
    return "providers:\n  clock:\n    type: program\n    functions:\n      -" + body.dropFirst(7)
  }

  private var program: String { function() }

  @Test func `the example configuration is in order and warns of nothing`() throws {
    let configuration = try configuration("config/callboard.yaml")
    #expect(configuration.warnings.map(\.description) == [])
    #expect(configuration.definitions.map(\.name.description).contains("crm.refund"))
    #expect(configuration.models.map(\.name) == ["assistant", "rehearsal"])
  }

  @Test func `every key of the schema stands in the example`() throws {
    let text = try String(contentsOfFile: Project.path("config/callboard.yaml"), encoding: .utf8)
    let keys = ConfigurationSchema.document["properties"]?.objectValue?.keys ?? []
    #expect(keys.filter { !text.contains("\($0):") } == [])
  }

  @Test func `the example with llmock is in order, and so is its scenario`() throws {
    let scenario = try ScenarioReader.read(
      Project.path("config/examples/llmock/talk.yaml"),
      configuration: nil,
      environment: [:]
    )
    #expect(scenario.configuration.warnings.map(\.description) == [])
    #expect(scenario.configuration.models.map(\.name) == ["llmock"])
    #expect(!scenario.steps.isEmpty)
  }

  @Test func `the minimal configuration has eight lines and runs its function`()
    async throws
  {
    let text = try String(contentsOfFile: Project.path("config/minimal.yaml"), encoding: .utf8)
    #expect(text.split(separator: "\n").count == 8)
    let session = try EngineSession(try configuration("config/minimal.yaml"), isUnattended: true)
    let submission = await session.engine.submit("clock.now", [:], by: .caller("test"))
    guard case .finished(_, .result(let payload, _)) = submission else {
      Issue.record("\(submission)")
      return
    }
    #expect(payload.shown.stringValue?.contains("UTC") == true)
    await session.close(patience: .zero)
  }

  @Test func `the demo that callboard carries is config/demo.yaml`() throws {
    let text = try String(contentsOfFile: Project.path("config/demo.yaml"), encoding: .utf8)
    #expect(text == demoYAML + "\n", "run config/embed-demo.sh")
    _ = try Demo.configuration()
  }

  @Test func `an unknown key is told with its line and the nearest right word`() throws {
    let found = try complaints(function("retyr: { attempts: 2 }"))
    #expect(
      found == [
        "callboard.yaml:7:9: providers.clock.functions[0]: “retyr” is not known here; did you mean retry?"
      ]
    )
  }

  @Test func `everything that is wrong is told at once, in the order of the lines`() throws {
    let found = try complaints(function("timeout: 5", "slots: 0") + "\nlimits: { slts: 1 }")
    #expect(found.map { $0.split(separator: ":")[1] } == ["7", "8", "10"], "\(found)")
  }

  @Test(arguments: [
    ("timeout: 5", "write a duration"),
    ("timeout: 5 parsecs", "unit"),
    ("cache: { ttl: 5m, scope: everybody }", "scope"),
    ("slots: 0", "slots"),
    ("retry: { attempts: 0 }", "use 1 to run once without retry"),
    ("breaker: { rate: 3 }", "write a share from 0 to 1"),
    ("parameters: { type: objekt }", "parameters"),
    ("fallback: { function: clock.then }", "there is no function clock.then"),
    ("fallback: { function: clock.now }", "ring"),
    ("fallback: { stale: true }", "needs a cache"),
    ("output: xml", "output"),
    ("stdin: tty", "stdin"),
  ])
  func `a wrong policy names its line and what to do`(line: String, words: String) throws {
    let found = try complaints(function(line))
    #expect(found.count == 1, "\(found)")
    #expect(found.first?.contains(words) == true, "\(found)")
    #expect(found.first?.hasPrefix("callboard.yaml:7:") == true, "\(found)")
  }

  @Test func `a wrong effect is told with the nearest right one`() throws {
    let found = try complaints(function(effect: "effect: raed"))
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("callboard.yaml:6:") == true, "\(found)")
    #expect(found.first?.contains("did you mean") == true, "\(found)")
  }

  @Test func `a cache on anything but a read is refused at its line`() throws {
    let found = try complaints(function(effect: "effect: write", "cache: {}"))
    #expect(found.count == 1)
    #expect(found.first?.contains("only functions with effect read may be cached") == true)
    #expect(found.first?.hasPrefix("callboard.yaml:7:") == true, "\(found)")
  }

  @Test func `a condition that lets calls pass because a key is missing is refused`() throws {
    let rule =
      "\napprovals:\n  - { when: { properties: { amount: { type: number, maximum: 10 } } }, approval: never }"
    let found = try complaints(program + rule)
    #expect(found.count == 1)
    #expect(
      found.first?.contains("also holds when amount is missing; add required: [amount]") == true,
      "\(found)"
    )
    #expect(
      try complaints(program + rule.replacing("} } }, app", with: "} }, required: [amount] }, app"))
        == []
    )
  }

  @Test func `what checks nothing in the parameters of a function is warned of at its line`() throws
  {
    let parameters =
      "parameters: { type: object, unit: EUR, properties: { at: { format: clocktime } } }"
    let found = try warnings(function(effect: "effect: read", parameters))
    #expect(found.count == 2)
    #expect(found.allSatisfy { $0.hasPrefix("callboard.yaml:7:") }, "\(found)")
    #expect(found.first?.contains("“unit” is no keyword of JSON Schema") == true, "\(found)")
    #expect(found.last?.contains("“clocktime” is no format that is known") == true, "\(found)")
  }

  @Test func `a misspelt keyword in a condition is an error, for it would be passed over`() throws {
    let rule =
      "\napprovals:\n  - { when: { properties: { amount: { maximun: 50 } }, required: [amount] }, approval: never }"
    let found = try complaints(program + rule)
    #expect(
      found.contains {
        $0.contains("“maximun” is no keyword of JSON Schema; did you mean maximum?")
      },
      "\(found)"
    )
  }

  @Test func `an unknown format in a condition is an error, for it would check nothing`() throws {
    let rule =
      "\napprovals:\n  - { when: { properties: { to: { format: emial } }, required: [to] }, approval: never }"
    let found = try complaints(program + rule)
    #expect(
      found.contains { $0.contains("“emial” is no format that is known; did you mean email?") },
      "\(found)"
    )
  }

  @Test(arguments: [
    "not: { required: [amount] }", "if: { required: [amount] }, then: false",
    "dependencies: { amount: { properties: { amount: { maximum: 10 } } } }",
    "dependentRequired: { amount: [to] }",
    "dependentSchemas: { amount: { properties: { amount: { maximum: 10 } } } }",
    "additionalProperties: { type: number, maximum: 10 }", "unevaluatedProperties: false",
    "propertyNames: { enum: [to] }", "patternProperties: { '^a': { maximum: 10 } }",
    "maxProperties: 1", "oneOf: [{ required: [amount] }, {}]",
    "required: [to], properties: { to: { type: array, contains: { const: a }, minContains: 0 } }",
    "required: [to], properties: { to: { type: array, items: { const: a } } }",
    "$defs: { a: { required: [amount] } }, $ref: '#/$defs/a'",
  ])
  func `what opens may not rest on words that hold for a missing key`(words: String) throws {
    let rule = "\napprovals:\n  - { when: { \(words) }, approval: never }"
    let found = try complaints(program + rule)
    #expect(found.contains { $0.contains("may pass unasked") }, "\(found)")
    #expect(try complaints(program + rule.replacing(", approval: never", with: "")) == [])
    let access = "\naccess:\n  - { when: { \(words) }, allow: true }"
    #expect(try complaints(program + access).contains { $0.contains("may pass unasked") })
  }

  @Test func `what opens names the type of what it looks at, or its function's parameters do`()
    throws
  {
    func rule(_ function: String, _ amount: String) -> String {
      "\napprovals:\n  - { \(function)when: { properties: { amount: \(amount) }, required: [amount] }, approval: never }"
    }
    func functionWith(amount: String) -> String {
      self.function(
        effect: "effect: write",
        "parameters: { type: object, properties: { amount: \(amount) } }"
      )
    }
    let typed = functionWith(amount: "{ type: integer }")
    let loose = functionWith(amount: "{ type: [integer, string] }")
    let exact = "function: clock.now, "
    for text in [
      program + rule("", "{ maximum: 10 }"), program + rule(exact, "{ maximum: 10 }"),
      loose + rule(exact, "{ maximum: 10 }"),
      // It may also match what only a server knows.
      typed + rule("function: 'clock.*', ", "{ maximum: 10 }"),
    ] {
      let found = try complaints(text)
      #expect(found.count == 1, "\(found)")
      #expect(
        found.first?.contains(
          "also holds when amount has a value of another type; add type: number, or calls with one pass unasked"
        ) == true,
        "\(found)"
      )
    }
    #expect(try complaints(typed + rule(exact, "{ maximum: 10 }")) == [])
    #expect(try complaints(loose + rule(exact, "{ type: number, maximum: 10 }")) == [])
    #expect(try complaints(program + rule("", "{ type: integer, maximum: 10 }")) == [])
  }

  @Test(arguments: [
    ("{ required: [a], properties: { a: { type: number, maximum: 1 } } }", []),
    ("{ required: [a], properties: { a: { maximum: 1 } } }", ["maximum"]),
    ("{ required: [a], properties: { a: { type: [number, 'null'], maximum: 1 } } }", ["maximum"]),
    ("{ required: [a], properties: { a: { enum: [1, 2.5, 7], maximum: 3 } } }", []),
    ("{ required: [a], properties: { a: { enum: [1, x], maximum: 3 } } }", ["maximum"]),
    ("{ required: [a], properties: { a: { const: x } } }", []),
    ("{ required: [a], properties: { a: { type: number, pattern: x } } }", ["pattern"]),
    ("{ required: [a], properties: { a: { pattern: '^x' } } }", ["pattern"]),
    ("{ required: [a], properties: { a: { type: array, maxItems: 3 } } }", []),
    ("{ required: [a], properties: { a: { required: [b] } } }", ["required"]),
    ("{ required: [a], properties: { a: { type: object, required: [b] } } }", []),
    (
      "{ allOf: [{ required: [a], properties: { a: { type: number } } }, { properties: { a: { maximum: 1 } } }] }",
      []
    ),
    (
      "{ required: [a], anyOf: [{ properties: { a: { type: number } } }, { properties: { a: { maximum: 1 } } }] }",
      ["maximum"]
    ),
    ("{ required: [a], properties: { a: { type: string, title: A, minLength: 2 } } }", []),
    ("{ required: [a], properties: { a: { type: string, not: { const: x } } } }", ["not"]),
  ])
  func `conditions that open are linted for what holds for values of other types`(
    schema: String,
    keywords: [String]
  ) throws {
    let value = try YAMLDocument(text: schema, file: "x").value
    #expect(OpeningLint.findings(of: value, parameters: nil).map(\.keyword) == keywords)
  }

  @Test func `a condition that asks because a key is missing is a warning`() throws {
    let rule = "\napprovals:\n  - { when: { properties: { amount: { minimum: 10 } } } }"
    let found = try warnings(program + rule)
    #expect(found.count == 1)
    #expect(found.first?.contains("if that is not meant") == true)
  }

  @Test(arguments: [
    ("{ properties: { a: { const: 1 } }, required: [a] }", []),
    ("{ properties: { a: { const: 1 } } }", ["a"]),
    ("{ properties: { a: true } }", []),
    ("{ required: [a], properties: { a: { properties: { b: { const: 1 } } } } }", ["b"]),
    (
      "{ anyOf: [{ properties: { a: { const: 1 } } }, { properties: { b: { const: 2 } }, required: [b] }] }",
      ["a"]
    ),
    ("{ allOf: [{ required: [a] }, { properties: { a: { const: 1 } } }] }", []),
  ])
  func `conditions are linted for keys that may be missing`(schema: String, loose: [String]) throws
  {
    let value = try YAMLDocument(text: schema, file: "x").value
    #expect(ConditionLint.looseProperties(of: value).map(\.name) == loose)
  }

  @Test func `a rule for a function that there is not is a warning with the nearest name`() throws {
    let found = try warnings(program + "\napprovals:\n  - { function: clock.nwo }")
    #expect(
      found.first?.contains("matches no function; did you mean clock.now?") == true,
      "\(found)"
    )
  }

  @Test func `a missing environment variable is told by name`() throws {
    let text =
      program
      + "\nmodels:\n  m: { type: openai, url: https://example.com, model: x, key: \"${NO_SUCH_KEY}\" }"
    #expect(try complaints(text).first?.contains("NO_SUCH_KEY") == true)
    #expect(try complaints(text, environment: ["NO_SUCH_KEY": "k"]) == [])
  }

  @Test func `a provider's own mistakes are told at their lines`() throws {
    let text = """
      providers:
        api:
          type: http
          url: ftp://example.com
          functions:
            - { name: get, path: "/x/{city}" }
      """
    let found = try complaints(text)
    #expect(
      found.contains { $0.hasPrefix("callboard.yaml:4:") && $0.contains("only http and https") },
      "\(found)"
    )
    #expect(found.contains { $0.hasPrefix("callboard.yaml:6:") }, "\(found)")
  }

  @Test func `a policy that means nothing for HTTP is refused at its line`() throws {
    let text = """
      providers:
        api:
          type: http
          url: https://example.com
          functions:
            - name: pay
              path: /pay
              fails_cleanly: true
      """
    let found = try complaints(text)
    #expect(found.count == 1, "\(found)")
    #expect(found.first?.hasPrefix("callboard.yaml:8:") == true, "\(found)")
    #expect(found.first?.contains("a 4xx says that nothing was done") == true, "\(found)")
  }

  @Test func `a model that a conversation names has to be there`() throws {
    let found = try complaints(program + "\nconversations:\n  - { model: gpt }")
    #expect(found.first?.contains("neither a model nor a script") == true)
  }

  @Test
  func `without operators whoever starts callboard has every right, with them only who is listed`()
  {
    #expect(People().principal(uid: 7, login: "kim").mayDecide)
    let maria = Principal(name: "maria", uid: 7, roles: [.operator])
    let people = People(operators: [maria])
    #expect(people.principal(uid: 7, login: "kim") == maria)
    #expect(people.principal(uid: 8, login: "eve").roles.isEmpty)
  }

  @Test func `the schema of configurations is JSON that other tools read`() throws {
    let text = ConfigurationSchema.document.serialized(pretty: true)
    let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect(parsed?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
  }

  @Test func `there is no configuration is a sentence that says what to do`() throws {
    let scratch = try Scratch()
    let error = #expect(throws: Failure.self) {
      try ConfigurationFile.defaultPath(environment: ["XDG_CONFIG_HOME": scratch.path])
    }
    #expect(error?.status == .usage)
    #expect(error?.description.contains("callboard demo") == true)
  }
}
