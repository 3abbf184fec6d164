import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct ScenarioRowTests {
  private func rows(
    _ text: String,
    beside: (name: String, text: String)? = nil
  ) throws -> [Scenario] {
    let scratch = try Scratch()
    if let beside { _ = try scratch.file(beside.name, beside.text) }
    let file = try scratch.file("scenario.yaml", text)
    return try ScenarioReader.readRows(file, configuration: nil, environment: [:])
  }

  private let body = """
    name: amounts
    functions:
      pay.send:
        effect: write
        parameters: { type: object, properties: { amount: { type: number }, memo: { type: string } } }
        answers: [{ echo: true }]
    approvals: [{ function: pay.send, when: { properties: { amount: { type: number, maximum: 100 } }, required: [amount] }, approval: never }, { function: pay.send }]
    do: [{ call: { name: paid, function: pay.send, with: { amount: "${each.amount}", memo: "for ${each.name}, ${each.amount}" } } }]
    expect: { calls: [{ call: paid, state: "${each.state}", proposed: { const: { amount: "${each.amount}", memo: "for ${each.name}, ${each.amount}" } } }] }

    """

  @Test func `a scenario is played once for each row, which is a result of its own`() async throws {
    let scenarios = try rows(
      body + """
        each:
          - { name: small, amount: 5, state: succeeded }
          - { name: large, amount: 5000, state: denied }
          - { name: wrong, amount: 6, state: denied }
        """
    )
    #expect(scenarios.map(\.name) == ["amounts [small]", "amounts [large]", "amounts [wrong]"])
    var statuses: [CallboardCommand.ExitStatus] = []
    for scenario in scenarios {
      let result = try await ScenarioRunner(scenario, events: nil).run()
      #expect(result.name == scenario.name)
      statuses.append(result.status)
    }
    #expect(statuses == [.done, .done, .failed])
  }

  @Test(arguments: [
    ("rows.csv", "name,amount,state\nsmall,5,succeeded\r\n\"large, \"\"very\"\"\",5000,denied\n"),
    (
      "rows.json",
      #"[{"name":"small","amount":5,"state":"succeeded"},{"name":"large, \"very\"","amount":5000,"state":"denied"}]"#
    ),
    (
      "rows.yaml",
      "- { name: small, amount: 5, state: succeeded }\n- { name: 'large, \"very\"', amount: 5000, state: denied }\n"
    ),
  ])
  func `rows come from a file beside the scenario`(name: String, text: String) async throws {
    let scenarios = try rows(body + "each: { file: \(name) }", beside: (name, text))
    #expect(scenarios.map(\.name) == ["amounts [small]", #"amounts [large, "very"]"#])
    for scenario in scenarios {
      let result = try await ScenarioRunner(scenario, events: nil).run()
      #expect(result.status == .done, "\(result.lines)")
    }
  }

  @Test func `in a table what stands in quotes is a text, and numbers are numbers`() throws {
    let rows = try CSVText.rows(
      "\u{FEFF}a,b,c,d\n1,\"1\",true,\n\n-2.5,null,01,x y\n\"two\nlines\",\"\",1,2"
    )
    #expect(
      rows.map { JSONValue.object($0).serialized() } == [
        #"{"a":1,"b":"1","c":true,"d":""}"#, #"{"a":-2.5,"b":null,"c":"01","d":"x y"}"#,
        #"{"a":"two\nlines","b":"","c":1,"d":2}"#,
      ]
    )
  }

  @Test(arguments: [
    ("a,b\n1", 2, "1 fields and 2 columns"), ("a,a\n1,2", 1, "the same name"),
    ("a\n\"x", 2, "not closed"), ("a\n\"x\"y", 2, "follows a closing quote"),
    ("a\nx\"y\"", 2, "in the midst"), ("a,\n1,2", 1, "has none"),
    ("a\n\"x\ny\"\n1,2", 4, "2 fields"),
  ])
  func `a table that is wrong is told with its line`(text: String, line: Int, words: String) throws
  {
    let fault = #expect(throws: CSVText.Fault.self) { try CSVText.rows(text) }
    #expect(fault?.line == line)
    #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
  }

  @Test(arguments: [
    ("each: [{ name: a, amuont: 5, state: failed }]", "did you mean amuont?"),
    ("each: []", "has no rows"), ("each: [5]", "is no row"), ("each: 5", "write a list of rows"),
    ("each: { file: nothing.csv }", "can't be read"),
    ("each: { file: nothing.yaml }", "no such file"),
    ("each: [{ name: a, amount: 5, state: odd }]", "state is “odd”"),
  ])
  func `rows that are wrong are told before anything is played`(each: String, words: String) throws
  {
    let told = try Played.fault(body + each)
    #expect(told.contains(words) || told.contains("\"odd\"") && words.contains("odd"), "\(told)")
  }

  @Test func `a reference that is meant for a template stays`() async throws {
    let scenarios = try rows(
      """
      each: [{ n: 1 }]
      functions: { a.b: { answers: [{ value: { row: "${each.n}", arg: "${args.x}", text: "$${each.n}" } }] } }
      do: [{ call: { function: a.b, with: { x: 2 } } }]
      expect: { calls: [{ result: { const: { row: 1, arg: 2, text: "${each.n}" } } }] }
      """
    )
    let result = try await ScenarioRunner(scenarios[0], events: nil).run()
    // What is expected is no template, so its $$ stays as it is.
    #expect(result.checks.allSatisfy { $0.came != nil }, "\(result.lines)")
    #expect(scenarios[0].name == "scenario [row 1]")
  }
}
