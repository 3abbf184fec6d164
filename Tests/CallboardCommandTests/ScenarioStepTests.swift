import Callboard
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct ScenarioStepTests {
  // MARK: - Workflows

  private let deal = """
    functions:
      property.validate: { effect: read, answers: [{ value: { zip: "10115", parcel: p-1 } }] }
      market.analyse: { effect: read, retry: { attempts: 1 }, answers: [{ value: { median: 410000 } }] }
      offers.submit: { effect: write, answers: [{ value: { id: "o-${args.price}" } }] }
    workflows:
      - workflow: deal
        input: { type: object, properties: { ask: { type: number } }, required: [ask] }
        steps:
          - { id: validate, call: property.validate }
          - { id: market, needs: [validate], call: market.analyse, with: { zip: "${validate.zip}" }, required: false }
          - { id: offer, needs: [market], call: offers.submit, with: { price: "${market.median ?? input.ask}" } }
        output: { offer: "${offer.id}" }

    """

  @Test func `a workflow is a step, with what has to become of it and of its steps`() async throws {
    let result = try await Played.scenario(
      deal + """
        approvals: [{ effect: read, approval: never }, { function: offers.submit }]
        decisions: [{ on: offers.submit, approve: true, after: 10m }]
        do:
          - workflow: { run: deal, with: { ask: 7 }, as: agent }
        expect:
          workflows:
            - run: deal
              state: succeeded
              output: { const: { offer: o-410000 } }
              retries: 0
              time: { at_least: 10m }
              steps:
                validate: { state: succeeded, result: { required: [zip] }, calls: 1 }
                offer: { state: succeeded, result: { const: { id: o-410000 } } }
          calls: [{ function: offers.submit, caller: agent, state: succeeded }]
          order: [property.validate, market.analyse, offers.submit]
          events: [{ type: workflow.running, workflow: deal }, { type: workflow.succeeded, workflow: deal }]
        """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `a run fails, is retried from the failed step, and another one is cancelled`()
    async throws
  {
    let result = try await Played.scenario(
      """
      functions:
        a.first: { effect: read, answers: [{ value: 1 }] }
        a.second: { effect: read, retry: { attempts: 1 }, answers: [{ fail: { kind: client_error, message: not today } }, { value: 2 }] }
        a.slow: { effect: read, timeout: 2h, answers: [{ after: 1h, value: 3 }] }
      do:
        - workflow:
            name: twice
            run:
              workflow: inline
              input: { type: object }
              steps: [{ id: first, call: a.first }, { id: second, needs: [first], call: a.second }]
        - retry_run: twice
        - workflow:
            name: slow
            wait: false
            run: { workflow: slow, input: { type: object }, steps: [{ id: only, call: a.slow }] }
        - until: { type: call.running, function: a.slow }
        - cancel_run: slow
        - workflow: { name: wrong, run: { workflow: wrong, input: { type: object, required: [x] }, steps: [{ id: s, call: a.first }] }, refused: does not fit }
      expect:
        workflows:
          - { run: twice, state: succeeded, retries: 1, steps: { first: { calls: 1 }, second: { state: succeeded } } }
          - { run: slow, state: cancelled }
        calls: [{ function: a.first, count: 1 }, { function: a.second, count: 2 }]
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test(arguments: [
    ("{ run: deal, state: failed }", "succeeded"),
    ("{ run: deal, output: { required: [id] } }", "id"),
    ("{ run: deal, steps: { offfer: { state: failed } } }", "did you mean offer?"),
    ("{ run: deal, steps: { offer: { state: failed } } }", "succeeded"),
    ("{ run: deal, steps: { offer: { result: { const: 1 } } } }", "expected"),
    ("{ run: deal, retries: 2 }", "0"),
    ("{ run: deal, time: { at_least: 1h } }", "0 s"),
    ("{ run: deal, failure: lost }", "nothing"),
  ])
  func `what becomes of a run otherwise is told`(expectation: String, came: String) async throws {
    let result = try await Played.scenario(
      deal + """
        do: [{ workflow: { run: deal, with: { ask: 7 } } }]
        expect: { workflows: [\(expectation)] }
        """
    )
    #expect(result.status == .failed)
    let failed = result.checks.compactMap(\.came)
    #expect(failed.count == 1 && failed[0].contains(came), "\(result.lines)")
  }

  @Test(arguments: [
    ("do: [{ workflow: { run: dael } }]", "did you mean deal?"),
    ("do: [{ workflow: { run: ./nothing.yaml } }]", "there is no such file"),
    (
      "do: [{ workflow: { run: { workflow: x, input: { type: object }, steps: [{ id: a, call: a.b }] } } }]",
      "a.b"
    ),
    ("do: [{ workflow: { run: deal, wiht: {} } }]", "did you mean with?"),
    ("do: [{ retry_run: deal }]", "no run of this scenario is called"),
    (
      "do: [{ workflow: { run: deal } }]\nexpect: { workflows: [{ run: daal }] }",
      "did you mean deal?"
    ),
    (
      "do: [{ workflow: { run: deal } }]\nexpect: { never: [offers.send, nobody.calls] }",
      "is “nobody.calls”, which no function of this scenario is called"
    ),
    ("do: [{ workflow: { run: deal } }]\nexpect: { workflows: [{ time: 5 }] }", "write a duration"),
    ("do: [{ workflow: { run: deal } }]\nexpect: { workflows: [{ time: 5x }] }", "unknown unit"),
  ])
  func `a workflow step that is wrong is told before anything is played`(
    text: String,
    words: String
  ) throws {
    let told = try Played.fault(deal + text)
    #expect(told.contains(words), "\(told)")
  }

  // MARK: - Load

  @Test func `a load makes so many calls, so fast, and tells how long they took`() async throws {
    let result = try await Played.scenario(
      """
      functions:
        api.read:
          effect: read
          retry: { attempts: 1 }
          breaker: { failures: 0, rate: 0 }
          answers:
            - { when: { properties: { n: { multipleOf: 100 } } }, times: 1000, fail: { kind: client_error } }
            - { times: 1000, after: 20ms, value: ok }
      do:
        - load: { name: burst, call: { function: api.read, with: { n: "${n}" } }, count: 500, rate: 100/s, parallel: 50 }
      expect:
        loads:
          - load: burst
            count: 500
            states: { succeeded: 495, failed: 5 }
            failures: { client_error: 5 }
            latency: { p50: { at_least: 20ms, at_most: 20ms }, p99: 20ms, max: 20ms }
            throughput: { at_least: 99, at_most: 101 }
            time: { at_least: 4990ms, at_most: 5100ms }
        calls: [{ function: api.read, count: 495, state: succeeded }]
        time: { at_most: 6s }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
    #expect(result.loads.map(\.calls.count) == [500])
    #expect(result.lines.contains { $0.contains("load") && $0.contains("p99 20 ms") })
  }

  @Test func `no more calls of a load run at one time than it says`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read, answers: [{ times: 100, after: 1s, value: ok }] } }
      do:
        - load: { call: { function: api.read }, count: 10, parallel: 5 }
        - load: { name: one, call: { function: api.read }, count: 3 }
      expect:
        loads:
          - { load: load, time: { at_least: 2s, at_most: 2s }, throughput: { at_least: 5, at_most: 5 } }
          - { load: one, time: { at_least: 3s, at_most: 3s } }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `what had to wait for room counts from when it was due`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read, answers: [{ times: 100, after: 1s, value: ok }] } }
      do: [{ load: { call: { function: api.read }, count: 4, rate: 2/s, parallel: 1 } }]
      expect: { loads: [{ latency: { p50: { at_least: 1500ms }, max: { at_least: 2500ms, at_most: 2500ms } } }] }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `percentiles are those of the nearest rank`() {
    var report = LoadReport(name: "l", function: "a.b")
    #expect(report.latency(of: 0.5) == nil)
    report.calls = (1...100).map { .init(state: .succeeded, latency: .milliseconds($0)) }.shuffled()
    #expect(report.latency(of: 0.5) == .milliseconds(50))
    #expect(report.latency(of: 0.99) == .milliseconds(99))
    #expect(report.latency(of: 1) == .milliseconds(100))
  }

  @Test(arguments: [
    ("latency: { p99: 1s }", "2 s"), ("states: { failed: 1 }", "0"), ("count: 3", "2"),
    ("throughput: { at_least: 100 }", "1"), ("time: 1s", "2 s"), ("failures: { timeout: 1 }", "0"),
  ])
  func `a load that goes otherwise is told`(expectation: String, came: String) async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read, answers: [{ times: 9, after: 2s, value: ok }] } }
      do: [{ load: { call: { function: api.read }, count: 2, parallel: 2 } }]
      expect: { loads: [{ \(expectation) }] }
      """
    )
    let failed = result.checks.compactMap(\.came)
    #expect(failed.count == 1 && failed[0].hasPrefix(came), "\(result.lines)")
  }

  @Test(arguments: [
    ("rate: 100", "write a rate such as 100/s"), ("rate: 0/s", "write a rate"),
    ("rate: 1/d", "write a rate"), ("paralel: 3", "did you mean parallel?"),
    ("count: 0", "is 0"),
  ])
  func `a load that is wrong is told before anything is played`(part: String, words: String) throws
  {
    let count = part.hasPrefix("count") ? "" : ", count: 1"
    let told = try Played.fault(
      "functions: { a.b: {} }\ndo: [{ load: { call: { function: a.b }\(count), \(part) } }]"
    )
    #expect(told.contains(words), "\(told)")
    let name = try Played.fault(
      "functions: { a.b: {} }\ndo: [{ load: { name: big, call: { function: a.b }, count: 1 } }]\nexpect: { loads: [{ load: bgi }] }"
    )
    #expect(name.contains("did you mean big?"), "\(name)")
    let kind = try Played.fault(
      "functions: { a.b: {} }\ndo: [{ load: { call: { function: a.b }, count: 1 } }]\nexpect: { loads: [{ failures: { timeot: 1 } }] }"
    )
    #expect(kind.contains("timeot"), "\(kind)")
  }

  // MARK: - Time and cost

  private func costs(_ expect: String) async throws -> ScenarioResult {
    try await Played.scenario(
      """
      functions: { api.read: { effect: read, timeout: 5m, answers: [{ after: 90s, value: 7 }] } }
      scripts:
        hunt:
          turns:
            - { calls: [{ function: api.read, id: r }], usage: { input: 1000, output: 200 } }
            - { say: done, usage: { input: 2000, output: 300 }, end: true }
      prices: { hunt: { input: 2, output: 10 } }
      do: [{ conversation: { name: c, script: hunt } }]
      expect: { \(expect) }
      """
    )
  }

  @Test(arguments: [
    "tokens: 3500", "tokens: { at_most: 3500 }", "cost: { at_least: 0.0109, at_most: 0.0111 }",
    "time: { at_least: 90s, at_most: 91s }",
    "conversations: [{ tokens: 3500, time: { at_least: 90s } }]",
  ])
  func `time, tokens and cost are as they came`(expect: String) async throws {
    let result = try await costs(expect)
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test(arguments: [
    ("tokens: { at_most: 3000 }", "3500"), ("cost: { at_most: 0.01 }", "0.011"),
    ("time: 1m", "1 min 30 s"), ("conversations: [{ tokens: { at_most: 1 } }]", "tokens were 3500"),
    ("calls: [{ function: api.read, time: 1m }]", "it took 1 min 30 s"),
  ])
  func `time, tokens and cost that are too much are told`(expect: String, came: String) async throws
  {
    let result = try await costs(expect)
    let failed = result.checks.compactMap(\.came)
    #expect(failed.count == 1 && failed[0].contains(came), "\(result.lines)")
  }

  @Test func `a cost without a price is told, and not taken for nothing`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: {} }
      scripts: { hunt: { turns: [{ say: done, end: true }] } }
      do: [{ conversation: { script: hunt } }]
      expect: { cost: { at_most: 1 } }
      """
    )
    #expect(result.checks.compactMap(\.came) == ["prices does not say what hunt costs"])
  }
}
