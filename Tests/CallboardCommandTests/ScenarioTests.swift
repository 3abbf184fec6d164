import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct ScenarioTests {
  private func play(_ path: String) async throws -> ScenarioResult {
    let scenario = try ScenarioReader.read(path, configuration: nil, environment: [:])
    return try await ScenarioRunner(scenario, events: nil).run()
  }

  private func play(text: String) async throws -> ScenarioResult {
    let scratch = try Scratch()
    return try await play(try scratch.file("scenario.yaml", text))
  }

  @Test func `the folder of scenarios is there`() {
    #expect(Project.scenarios.count >= 11)
  }

  @Test(arguments: Project.scenarios)
  func `every scenario of the project comes as expected`(path: String) async throws {
    let rows = try ScenarioReader.readRows(path, configuration: nil, environment: [:])
    for row in rows {
      let result = try await ScenarioRunner(row, events: nil).run()
      #expect(result.status == .done, "\(result.lines)")
      #expect(!result.checks.isEmpty)
    }
  }

  private let read = """
    functions:
      api.read: { effect: read, answers: [{ value: { price: 7 } }] }
      api.write: { effect: write, answers: [{ echo: true }] }

    """

  @Test func `the report of a scenario that failed shows no secret of what it gave and expected`()
    async throws
  {
    let result = try await play(
      text: """
        name: leak
        secrets: [mytok]
        functions:
          api.write: { effect: write, answers: [{ echo: true }] }
        approvals: [{ approval: never }]
        do:
          - call: { name: a, function: api.write, with: { password: swordfish-1, note: x } }
          - call: { name: b, function: api.write, with: { mytok: swordfish-2 } }
        expect:
          calls:
            - { call: a, state: denied, result: { const: { password: swordfish-3 } } }
            - { call: a, state: failed, says: no swordfish-1 }
            - { call: b, result: { properties: { mytok: { const: swordfish-4 } } } }
        """
    )
    #expect(result.checks.allSatisfy { $0.came != nil }, "\(result.lines)")
    let report = result.lines.joined() + result.json.serialized()
    #expect(!report.contains("swordfish"), "\(report)")
    #expect(report.contains("password"))
  }

  @Test(arguments: [
    ("calls: [{ function: api.read, state: failed }]", "state was succeeded"),
    ("calls: [{ function: api.read, count: 2 }]", "1 of 1"),
    ("calls: [{ function: api.write }]", "no such call"),
    ("calls: [{ function: api.read, attempts: 3 }]", "attempts were 1"),
    ("calls: [{ function: api.read, source: hit }]", "source was attempt"),
    ("calls: [{ function: api.read, failure: timeout }]", "failure was none"),
    ("calls: [{ function: api.read, result: { properties: { price: { const: 8 } } } }]", "/price"),
    ("calls: [{ function: api.read, arguments: { required: [id] } }]", "id"),
    ("order: [api.write, api.read]", "api.read"),
    ("never: [\"api.*\"]", "ran at event"),
    ("events: [{ type: call.succeeded }, { type: call.running }]", "no call.running after event"),
    ("never_events: [{ type: call.running }]", "event "),
    (
      "never_events: [{ type: call.running, after: { type: engine.held } }]",
      "there was no engine.held"
    ),
    ("answers: [{ says: hello }]", "it heard nothing"),
    ("conversations: [{ state: finished }]", "no such conversation"),
  ])
  func `an expectation that does not hold says what came, and ends with 1`(
    expectation: String,
    came: String
  ) async throws {
    let result = try await play(
      text: read + "do: [{ call: { function: api.read } }]\nexpect:\n  \(expectation)\n"
    )
    let failed = result.checks.compactMap(\.came)
    #expect(failed.count == 1, "\(result.lines)")
    #expect(failed.first?.contains(came) == true, "\(failed)")
    #expect(result.status == .failed)
  }

  @Test func `a call that needs approval and gets none ends with 77`() async throws {
    let rule = "approvals: [{ function: api.write }]\ndo: [{ call: { function: api.write } }]\n"
    #expect(try await play(text: read + rule).status == .denied)
    // Somebody is there, but says nothing about this call.
    let people = "decisions: [{ on: api.read, approve: true }]\n"
    #expect(try await play(text: read + people + rule).status == .denied)
    let expected = "expect: { calls: [{ function: api.write, state: denied }] }\n"
    #expect(try await play(text: read + rule + expected).status == .done)
  }

  @Test func `an unknown outcome that nobody expected ends with 74`() async throws {
    let text = """
      functions:
        api.write: { effect: write, timeout: 20ms, answers: [{ hang: true }] }
      do: [{ call: { function: api.write } }]
      """
    #expect(try await play(text: text).status == .outcomeUnknown)
  }

  @Test func `a scenario that does not end in time ends with 75`() async throws {
    let text = """
      timeout: 100ms
      clock: real
      functions:
        api.read: { effect: read, timeout: 1h, answers: [{ hang: true }] }
      do: [{ call: { function: api.read } }]
      """
    #expect(try await play(text: text).status == .outOfTime)
  }

  @Test func `two approvers are two people`() async throws {
    let text =
      read + """
        operators: { maria: { uid: 1 }, bo: { uid: 2 } }
        approvals: [{ function: api.write, approvers: 2 }]
        decisions:
          - { on: api.write, approve: true, as: maria }
          - { on: api.write, approve: true, as: maria }
          - { on: api.write, approve: true, as: bo }
        do: [{ call: { function: api.write } }]
        expect:
          calls: [{ function: api.write, state: succeeded }]
          events:
            - { type: engine.decision_refused, by: maria }
            - { type: call.running, function: api.write }
        """
    let result = try await play(text: text)
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `a rule that runs an unknown call again settles it`() async throws {
    let text = """
      functions:
        api.write:
          effect: write
          timeout: 50ms
          answers: [{ hang: true }, { echo: true }]
      approvals: [{ effect: write, when: { required: [never] }, approval: always }, { approval: never }]
      decisions:
        - { on: api.write, run_again: true, as: maria }
        - { on: api.write, approve: true, as: bo }
      do: [{ call: { name: first, function: api.write, with: { a: 1 } } }]
      expect:
        calls:
          - { call: first, state: failed, failure: superseded }
          - { function: api.write, count: 1, state: succeeded, runs_again: first, same_key_as: first }
      """
    let result = try await play(text: text)
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test(arguments: [
    ("do: [{ cal: { function: api.read } }]", "did you mean call?"),
    ("do: [{}]", "at least 1 property"),
    ("do: [{ call: { function: api.read }, pause: 1s }]", "make it 2 steps"),
    ("do: [{ pause: 1 }]", "write a duration"),
    ("do: [{ decide: { call: nobody, approve: true } }]", "no call of this scenario is called"),
    (
      "do: [{ call: { function: api.read } }]\nexpect: { calls: [{ call: frist }] }",
      "no call of this scenario"
    ),
    ("do: [{ conversation: { script: hunt } }]", "neither a model nor a script"),
    ("functions: { read: {} }\ndo: [{ pause: 1s }]", "write namespace.name"),
    (
      "do: [{ call: { function: api.read } }]\nexpect: { calls: [{ result: { type: objekt } }] }",
      "no JSON Schema"
    ),
  ])
  func `a scenario that is wrong is told with its line before anything is played`(
    text: String,
    words: String
  ) throws {
    let scratch = try Scratch()
    let file = try scratch.file("wrong.yaml", (text.contains("functions:") ? "" : read) + text)
    let error = #expect(throws: Failure.self) {
      try ScenarioReader.read(file, configuration: nil, environment: [:])
    }
    #expect(error?.status == .fileIsWrong)
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("wrong.yaml:") == true)
  }

  @Test func `mocks stand in front of a configuration's own functions`() async throws {
    let text = """
      config: \(Project.path("config/minimal.yaml"))
      functions:
        clock.now: { effect: read, answers: [{ value: noon }] }
      do: [{ call: { function: clock.now } }]
      expect: { calls: [{ function: clock.now, result: { const: noon } }] }
      """
    let result = try await play(text: text)
    #expect(result.status == .done, "\(result.lines)")
  }
}
