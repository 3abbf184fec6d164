import Callboard
import Testing

@testable import CallboardCommand

/// Steps that happen to the engine itself, or around it.
@Suite struct ScenarioWorldTests {
  private func comes(_ text: String) async throws {
    let result = try await Played.scenario(text)
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `a killed engine does nothing more, and the next one goes on with what was stored`()
    async throws
  {
    try await comes(
      """
      functions:
        api.read: { effect: read, timeout: 1h, answers: [{ times: 1, after: 1m, value: of the dead }, { times: 9, value: "${count}" }] }
      do:
        - call: { name: a, function: api.read, wait: false }
        - until: { type: call.running, call: a }
        - restart: { after: 10s }
        - until: { type: call.succeeded, call: a }
        - pause: 1h
      expect:
        calls: [{ call: a, state: succeeded, attempts: 2, result: { const: 2 }, time: { at_least: 10s, at_most: 11s } }]
        events: [{ type: engine.started }, { type: call.backing_off, call: a }, { type: engine.recovered }, { type: call.succeeded, call: a }]
        never_events: [{ type: engine.stopping, before: { type: engine.recovered } }, { type: engine.late_result }]
      """
    )
  }

  @Test func `an engine that dies at an event does nothing of what comes after it`() async throws {
    try await comes(
      """
      functions: { api.post: { effect: write, answers: [{ times: 9, value: "${count}" }] } }
      do:
        - die: { type: call.running, function: api.post }
        - call: { name: a, function: api.post, wait: false }
        - restart: true
        - decide: { call: a, run_again: true, name: b, as: bo }
        - decide: { call: b, approve: true, as: maria }
        - until: { type: call.succeeded, call: b }
      expect:
        calls:
          - { call: a, state: failed, failure: superseded }
          - { call: b, state: succeeded, result: { const: 1 } }
      """
    )
  }

  @Test func `an engine that does not die is told, and the scenario goes on`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read } }
      do:
        - die: { type: call.failed }
        - call: { function: api.read }
        - restart: true
        - call: { name: after, function: api.read }
      expect: { calls: [{ call: after, state: succeeded }] }
      """
    )
    #expect(result.checks.compactMap(\.came) == ["it never came"])
    #expect(result.checks.first?.expected == "do[2] restart after call.failed")
  }

  @Test(.timeLimit(.minutes(1)))
  func `a scenario that is interrupted while its engine is dead ends at once`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "scenario.yaml",
      """
      clock: real
      functions: { api.post: { effect: write, timeout: 2h, answers: [{ after: 1h, value: late }] } }
      do:
        - die: { type: call.running }
        - call: { function: api.post, wait: false }
        - restart: { after: 1h }
      """
    )
    let scenario = try ScenarioReader.read(file, configuration: nil, environment: [:])
    let runner = try ScenarioRunner(scenario, events: nil)
    let run = Task { await runner.run() }
    _ = await runner.log.event { $0.type == .call(.running) }
    await runner.interrupt()
    #expect(await run.value.calls == 1)
  }

  @Test func `secrets of what waits are there after a restart`() async throws {
    try await comes(
      """
      functions: { api.post: { effect: write, secrets: [word], answers: [{ when: { properties: { word: { const: swordfish } } }, value: it fits }, { value: it does not }] } }
      approvals: [{ function: api.post }]
      do:
        - call: { name: a, function: api.post, with: { word: swordfish } }
        - restart: true
        - decide: { call: a, approve: true }
        - until: { type: call.succeeded, call: a }
      expect: { calls: [{ call: a, result: { const: it fits } }] }
      """
    )
  }

  @Test func `a stopped engine takes nothing more, and leaves what waits as it is`() async throws {
    try await comes(
      """
      functions:
        api.post: { effect: write, answers: [{ times: 9, echo: true }] }
        api.read: { effect: read, timeout: 1h, answers: [{ after: 3s, value: ok }] }
      approvals: [{ function: api.post }, { approval: never }]
      do:
        - call: { name: waits, function: api.post }
        - call: { name: runs, function: api.read, wait: false }
        - decide: { call: waits, extend: true }
        - stop_engine: true
        - call: { name: late, function: api.read, wait: false }
      expect:
        calls:
          - { call: waits, state: awaiting_approval }
          - { call: runs, state: succeeded, time: { at_least: 3s, at_most: 3s } }
          - { call: late, state: rejected, failure: stopping }
        events: [{ type: engine.stopping }, { type: call.succeeded, call: runs }, { type: engine.stopped }]
      """
    )
  }

  @Test func `a store that fails says why, and whoever was refused hears it`() async throws {
    try await comes(
      """
      functions: { api.post: { effect: write, answers: [{ times: 9, echo: true }] } }
      do:
        - store: { fails: the cable is out }
        - call: { function: api.post, with: { n: 1 } }
          refused: the cable is out
        - store: works
        - call: { name: after, function: api.post, with: { n: 1 } }
      expect:
        calls: [{ function: api.post, count: 1, state: succeeded }]
        events: [{ type: engine.store_recovered, cause: the cable is out }]
      """
    )
    let result = try await Played.scenario(
      """
      functions: { api.post: { effect: write } }
      do:
        - store: fails
        - call: { function: api.post }
        - store: works
      """
    )
    let came = result.checks.compactMap(\.came)
    #expect(came.count == 1 && came[0].contains("the disk is full"), "\(result.lines)")
  }

  @Test func `a call that has to be refused and is not is told`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read } }
      do:
        - call: { function: api.read }
          refused: not today
      """
    )
    #expect(result.checks.compactMap(\.came) == ["it was done"])
  }

  @Test func `a function that ignores its stop answers late`() async throws {
    try await comes(
      """
      functions: { api.read: { effect: read, timeout: 5s, retry: { attempts: 1 }, answers: [{ after: 1m, ignores_stop: true, value: late }] } }
      do:
        - call: { name: a, function: api.read }
        - until: { type: engine.late_result }
      expect:
        calls: [{ call: a, state: failed, failure: timeout }]
        time: { at_least: 1m, at_most: 1m }
      """
    )
  }

  @Test func `another definition waits for somebody, also over a restart, and can be taken back`()
    async throws
  {
    try await comes(
      """
      functions: { api.read: { effect: read, parameters: { type: object }, answers: [{ times: 9, value: ok }] } }
      do:
        - call: { function: api.read }
        - definition: { function: api.read, parameters: { type: object, properties: { n: { type: integer } } } }
        - definition: { function: api.read, description: says nothing of it }
        - restart: true
        - call: { name: held, function: api.read }
        - definition: { function: api.read, decline: true }
        - definition: { function: api.read, parameters: { type: object } }
        - call: { name: as_before, function: api.read }
        - definition: { function: api.read, removed: true }
        - call: { name: gone, function: api.read }
      expect:
        calls:
          - { call: held, state: rejected, failure: definition_not_accepted }
          - { call: as_before, state: succeeded }
          - { call: gone, state: rejected, failure: unknown_function }
      """
    )
  }

  @Test func `a change that nobody waits for can't be accepted`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.read: { effect: read } }
      do: [{ definition: { function: api.read, accept: true } }]
      """
    )
    #expect(result.checks.compactMap(\.came) == ["no changed definition waits for anybody"])
  }

  @Test(arguments: [
    ("restart: false", "expected true"),
    ("restart: { after: 5x }", "unknown unit"),
    ("restart: { afer: 5m }", "did you mean after?"),
    ("die: { call: a }", "type"),
    ("die: { type: call.running, call: b }", "no call of this scenario is called"),
    ("store: full", "expected one of \"fails\", \"works\""),
    ("store: { fails: \"\" }", "fails"),
    ("stop_engine: yes_please", "write true"),
    ("definition: { function: api.reda, removed: true }", "did you mean api.read?"),
    ("definition: { function: api.read }", "write what it is now"),
    ("definition: { function: api.read, removed: true, accept: true }", "write what it is now"),
    ("definition: { function: api.read, parameters: { type: objekt } }", "no JSON Schema"),
    ("grant: { function: api.read }", "for"),
    ("grant: { function: api.read, for: 5x }", "unknown unit"),
    ("grant: { function: api.read, for: 1h, waiting: [b] }", "no call of this scenario is called"),
    ("revoke_grant: g", "no grant before this of this scenario is called"),
    ("pause_conversation: t", "no conversation of this scenario is called"),
  ])
  func `a step that is wrong is told with its line before anything is played`(
    step: String,
    words: String
  ) throws {
    let told = try Played.fault(
      "functions: { api.read: {} }\ndo:\n  - call: { name: a, function: api.read }\n  - \(step)\n"
    )
    #expect(told.contains(words), "\(told)")
    #expect(told.contains("scenario.yaml:4:"), "\(told)")
  }
}
