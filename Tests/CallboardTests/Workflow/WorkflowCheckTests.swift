import JSONSchema
import Testing

@testable import Callboard

/// What is wrong with a workflow is said before anything of it runs.
struct WorkflowCheckTests {
  private static func function(
    _ name: String,
    _ parameters: JSONValue = ["type": "object"],
    _ result: JSONValue? = nil
  ) throws -> FunctionDefinition {
    var definition = FunctionDefinition(
      name: try #require(FunctionName("t." + name)),
      description: name,
      parameters: parameters
    )
    definition.resultSchema = result
    return definition
  }

  private static func functions() throws -> [FunctionDefinition] {
    [
      try function(
        "validate",
        [
          "type": "object", "properties": ["address": ["type": "string"]], "required": ["address"],
          "additionalProperties": false,
        ],
        [
          "type": "object",
          "properties": [
            "zip": ["type": "string"], "parcel": ["type": "string"],
            "owners": [
              "type": "array",
              "items": ["type": "object", "properties": ["id": ["type": "integer"]]],
            ],
          ],
        ]
      ),
      try function(
        "market",
        ["type": "object", "properties": ["zip": ["type": "string"]]],
        [
          "type": "object", "properties": ["median": ["type": "number"]],
        ]
      ),
      try function("compliance"),
      try function(
        "offer",
        [
          "type": "object",
          "properties": ["price": ["type": "number"], "kind": ["enum": ["cash", "loan"]]],
          "required": ["price"],
        ]
      ),
    ]
  }

  private func check(_ document: JSONValue) throws -> [String] {
    let workflow = try Workflow(document)
    return WorkflowCheck(functions: try Self.functions(), models: ["clerk"])
      .mistakes(in: workflow).map(\.description)
  }

  private func check(_ steps: JSONValue..., output: JSONValue? = nil) throws -> [String] {
    var document: JSONValue = [
      "workflow": "w",
      "input": [
        "type": "object",
        "properties": [
          "address": ["type": "string"], "ask": ["type": "number"], "note": ["type": "string"],
          "tags": ["type": "array", "items": ["type": "string"]],
        ],
        "required": ["address", "ask", "tags"],
      ],
      "steps": .array(steps),
    ]
    if let output { document["output"] = output }
    return try check(document)
  }

  private let validate: JSONValue = [
    "id": "validate", "call": "t.validate", "with": ["address": "${input.address}"],
  ]

  @Test func `the guide's example has no mistakes`() throws {
    #expect(try check(dueDiligence) == [])
  }

  @Test func `a wrong reference is told with its place and the nearest right name`() throws {
    let document = try Workflow([
      "workflow": "w",
      "steps": [
        validate,
        [
          "id": "market", "needs": ["validate"], "call": "t.market",
          "with": ["zip": "in ${validate.zipp}"],
        ],
      ],
    ])
    let mistakes = WorkflowCheck(functions: try Self.functions(), models: []).mistakes(in: document)
    let mistake = try #require(mistakes.first { $0.message.contains("zipp") })
    #expect(mistake.pointer.description == "/steps/1/with/zip")
    #expect(mistake.offset == 5)
    #expect(mistake.message == "validate has no member “zipp”; did you mean zip?")
  }

  @Test func `names that are not there are told`() throws {
    let found = try check(
      ["id": "a", "call": "t.valdate"],
      ["id": "b", "ask": ["model": "clark", "prompt": "${inptu.ask}"]],
      ["id": "c", "call": "t.validate", "with": ["addres": 1]]
    )
    #expect(found.count == 5)
    #expect(found[0].contains("there is no function t.valdate; did you mean t.validate?"))
    #expect(found[1].contains("there is no model clark; did you mean clerk?"))
    #expect(found[2].contains("there is no step “inptu”; did you mean input?"))
    #expect(found[3].contains("t.validate takes no “addres”; did you mean address?"))
    #expect(found[4].contains("t.validate needs address"))
  }

  @Test func `a step that is not waited for can't be used`() throws {
    let found = try check(
      validate,
      ["id": "market", "call": "t.market", "with": ["zip": "${validate.zip}"]]
    )
    #expect(
      found == [
        "/steps/1/with/zip: step market does not wait for validate; add it to needs: [validate]"
      ]
    )
  }

  @Test func `what an optional step gives needs a default`() throws {
    let market: JSONValue = ["id": "market", "call": "t.market", "required": false]
    func offer(_ price: JSONValue) -> JSONValue {
      ["id": "offer", "needs": ["market"], "call": "t.offer", "with": ["price": price]]
    }
    let found = try check(market, offer("${market.median}"))
    #expect(found.count == 1)
    #expect(found[0].contains("market may have no result (it is not required)"))
    #expect(found[0].contains("${market.median ?? …}"))
    #expect(try check(market, offer("${market.median ?? input.ask}")) == [])
    #expect(try check(market, offer("${market.median ?? 1}")) == [])
    var sure = market
    sure["fallback"] = ["median": 5]
    #expect(try check(sure, offer("${market.median}")) == [])
  }

  @Test func `what an input need not have needs a default`() throws {
    let found = try check(validate, output: ["n": "${input.note}"])
    #expect(found.first?.contains("input.note is not required of the input") == true)
    #expect(try check(validate, output: ["n": "${input.note ?? ''}"]) == [])
  }

  @Test
  func `a step that may be skipped needs a default in another step, and is null in the output`()
    throws
  {
    var maybe: JSONValue = ["id": "a", "call": "t.market", "when": ["required": ["input"]]]
    let found = try check(
      maybe,
      ["id": "b", "needs": ["a"], "call": "t.offer", "with": ["price": "${a.median}"]],
      output: "${a.median}"
    )
    #expect(found.count == 1)
    #expect(found.first?.contains("a may have no result (it has a when)") == true)
    maybe["required"] = false
    #expect(
      try check(maybe, output: "${a.median}").first?.contains("a may have no result") == true
    )
  }

  @Test func `what is no array can't be gone through`() throws {
    func each(_ items: JSONValue) throws -> [String] {
      try check(
        validate,
        [
          "id": "a", "call": "t.market", "with": ["zip": "10115"],
          "for_each": ["in": items, "most": 3],
        ]
      )
    }
    #expect(try each("${input.tags}") == [])
    #expect(try each(["1", "2"]) == [])
    #expect(
      try each("${input.address}")
        == ["/steps/1/for_each/in: input.address is string, and for_each takes an array"]
    )
    #expect(
      try each("all of ${input.tags}").first?.contains("a text with ${…} in it is string") == true
    )
    #expect(try each("tags").first?.contains("is string, and for_each takes an array") == true)
  }

  @Test func `values and types that a function does not take are told`() throws {
    let found = try check(
      ["id": "a", "call": "t.offer", "with": ["price": "${input.address}", "kind": "cahs"]],
      ["id": "b", "call": "t.offer", "with": ["price": "about ${input.ask}"]],
      ["id": "c", "call": "t.offer", "with": ["price": "${input.tags[0].x}"]]
    )
    #expect(found.count == 4, "\(found)")
    #expect(found[0].contains("input.address is string, and price takes number"))
    #expect(found[1].contains("did you mean"))
    #expect(found[2].contains("a text with ${…} in it is string, and price takes number"))
    #expect(found[3].contains("input.tags[0] is string, and has no member “x”"))
  }

  @Test func `each item of an array is known by its schema`() throws {
    let each: JSONValue = ["in": "${validate.owners}", "most": 5]
    #expect(
      try check(
        validate,
        [
          "id": "b", "needs": ["validate"], "for_each": each, "call": "t.compliance",
          "with": ["id": "${item.id}", "n": "${index}"],
        ]
      ) == []
    )
    let found = try check(
      validate,
      [
        "id": "b", "needs": ["validate"], "for_each": each, "call": "t.compliance",
        "with": ["id": "${item.idd}"],
      ],
      ["id": "c", "call": "t.compliance", "with": ["id": "${item.id}"]]
    )
    #expect(found.first?.contains("item has no member “idd”; did you mean id?") == true)
    #expect(found.last?.contains("“item” is there only in a step with for_each") == true)
  }

  @Test func `a condition names only what can be there`() throws {
    let found = try check(
      validate,
      [
        "id": "b", "needs": ["validate"], "call": "t.market",
        "when": ["required": ["valdate"], "properties": ["valdate": ["required": ["zip"]]]],
      ]
    )
    #expect(found.count == 2)
    #expect(found.allSatisfy { $0.contains("there is no step “valdate”; did you mean validate?") })
  }

  // MARK: - By itself

  private func document(_ steps: JSONValue...) -> JSONValue {
    ["workflow": "w", "steps": .array(steps)]
  }

  @Test func `steps that wait for each other are told with their ring`() {
    let found = mistakes(
      of: document(
        ["id": "a", "call": "t.f", "needs": ["c"]],
        ["id": "b", "call": "t.f", "needs": ["a"]],
        ["id": "c", "call": "t.f", "needs": ["b"]]
      )
    )
    #expect(
      found == ["/steps/0/needs: these steps wait for each other: a → c → b → a; take one need out"]
    )
  }

  @Test func `needs and ids that can't be are told`() {
    let found = mistakes(
      of: document(
        ["id": "first", "call": "t.f", "needs": ["frist", "first"]],
        ["id": "first", "call": "t.f"],
        ["id": "input", "call": "t.f"]
      )
    )
    #expect(found.count == 4)
    #expect(found.contains { $0.contains("step first needs itself") })
    #expect(found.contains { $0.contains("is called “first” already") })
    #expect(found.contains { $0.contains("“input” stands for something else") })
  }

  @Test func `a step does one thing`() {
    #expect(mistakes(of: document(["id": "a"])).first?.contains("does nothing") == true)
    #expect(
      mistakes(of: document(["id": "a", "call": "t.f", "ask": ["model": "m", "prompt": "p"]]))
        .first?.contains("call and ask") == true
    )
  }

  @Test func `a condition that holds because something is missing is told`() {
    let found = mistakes(
      of: document(
        ["id": "a", "call": "t.f"],
        ["id": "b", "needs": ["a"], "call": "t.f", "when": ["properties": ["a": ["const": 1]]]]
      )
    )
    #expect(
      found == ["/steps/1/when/properties/a: also holds when a is missing; add required: [a]"]
    )
  }

  @Test(arguments: ["1x", "", "5m1h", "-3s", "0s"]) func `a time that is none is told`(
    _ text: String
  ) {
    let found = mistakes(of: document(["id": "a", "call": "t.f", "timeout": .string(text)]))
    #expect(found.first?.contains("write a time above 0") == true)
  }

  @Test func `a time is read in its units`() throws {
    let workflow = try Workflow(
      document(
        ["id": "a", "call": "t.f", "timeout": "1h30m"],
        ["id": "b", "call": "t.f", "timeout": "250ms"]
      )
    )
    #expect(workflow.steps.map(\.timeout) == [5400, 0.25])
  }

  @Test func `a key that is not known is told`() {
    #expect(mistakes(of: document(["id": "a", "call": "t.f", "neds": []])).count == 1)
    #expect(mistakes(of: ["workflow": "w", "steps": []]).count == 1)
  }
}
