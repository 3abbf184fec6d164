import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// Runs on an engine: their steps are ordinary calls.
@Suite(.timeLimit(.minutes(10)))
struct WorkflowRunTests {
  private func start(_ rig: Rig, _ document: JSONValue, input: JSONValue = [:]) throws -> RunID {
    try rig.engine.start(try Workflow(document), input: input, by: agent)
  }

  private func detail(_ rig: Rig, _ id: RunID) throws -> RunDetail {
    guard case .run(let detail?) = rig.engine.snapshot(of: .run(id)).body else {
      throw Missing(what: "run \(id)")
    }
    return detail
  }

  private static func read(_ name: String, _ plan: TestFunction.Behaviour...) -> TestFunction {
    TestFunction(name, all: plan) { $0.effect = .read }
  }

  private func diligence() -> [TestFunction] {
    [
      Self.read("validate", .answer(["zip": "02134", "parcel": "p1"])),
      Self.read("market", .answer(["median": 425000])),
      Self.read("compliance", .answer(["passed": true])),
      TestFunction("offer", .answer(["id": "o1"])),
    ]
  }

  @Test func `the guide's example runs, with the offer held for a person`() async throws {
    let functions = diligence()
    let rig = try Rig(
      all: functions,
      rules: [ApprovalRules.Rule(function: "t.offer"), ApprovalRules.Rule(asks: false)]
    )
    let run = try start(rig, dueDiligence, input: ["address": "1 Elm St", "ask": 450000])
    let event = await rig.events.wait(for: .awaitingApproval, function: "t.offer")
    let call = try #require(event.call)
    #expect(call.step == StepPlace(run: run, step: "offer"))
    let waiting = try detail(rig, run)
    #expect(waiting.row.needsPerson)
    #expect(waiting.row.doing == "waiting for you")
    #expect(waiting.steps.map(\.state) == [.succeeded, .succeeded, .succeeded, .running])
    #expect(waiting.steps[3].calls.map(\.id) == [call.id])
    try await rig.approve(call.id)
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.state == .succeeded)
    #expect(ended.output?.shown == ["offer": "o1"])
    #expect(functions[3].invocations.map(\.arguments) == [["price": 425000]])
    #expect(functions.map(\.executions) == [1, 1, 1, 1])
  }

  @Test func `its events say which run and step they are about, and are read as they were written`()
    async throws
  {
    let rig = try Rig(Self.read("look", .answer(1)))
    let run = try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.look"]]])
    _ = await rig.engine.ended(run)
    let told = rig.events.all { $0.run == run }
    #expect(told.map(\.type) == [.workflow(.running), .workflow(.succeeded)])
    #expect(told.first?.workflow == "w")
    #expect(told.last?.cause == "a succeeded")
    let calls = rig.events.all { $0.call?.step?.run == run }
    #expect(calls.first?.type == .call(.received))
    #expect(calls.first.map { $0.seq > told[0].seq } == true)
    for event in told + calls {
      let read = try #require(EngineEvent(event.json))
      #expect(read.json == event.json)
    }
  }

  @Test func `a run that is refused says why, and nothing of it begins`() async throws {
    let rig = try Rig(
      all: diligence(),
      configure: { configuration in
        configuration.workflows = (try? [Workflow(dueDiligence)]) ?? []
      }
    )
    func message(_ name: String, _ input: JSONValue) -> String {
      do throws(ConfigurationMistake) {
        _ = try rig.engine.start(workflow: name, input: input, by: agent)
        return ""
      } catch {
        return error.message
      }
    }
    #expect(message("due-dilligence", [:]).contains("did you mean due-diligence?"))
    #expect(message("due-diligence", ["address": 1, "ask": 2]).contains("does not fit"))
    #expect(rig.events.all { $0.run != nil }.isEmpty)
    #expect(message("due-diligence", ["address": "a", "ask": 2]) == "")
  }

  @Test func `a run that refers to a function that is not there does not begin`() throws {
    let rig = try Rig(Self.read("look"))
    #expect(throws: ConfigurationMistake.self) {
      try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.lok"]]])
    }
  }

  @Test func `steps run at one time, and their calls are retried as others are`() async throws {
    let (one, two) = (
      Self.read("one", .fail(CallFailure(.connectionFailed, "no", isRetryable: true)), .answer(1)),
      Self.read("two", .hold(whenCancelled: .notSent))
    )
    let rig = try Rig(one, two)
    let run = try start(
      rig,
      ["workflow": "w", "steps": [["id": "a", "call": "t.one"], ["id": "b", "call": "t.two"]]]
    )
    let held = await two.attempt(1)
    await rig.advance(by: .seconds(1)) { one.executions == 2 }
    held.answer(2)
    #expect(await rig.engine.ended(run)?.output?.shown == ["a": 1, "b": 2])
  }

  @Test func `a required step that fails stops what runs beside it`() async throws {
    let bad = Self.read("bad", .fail(CallFailure(.functionThrew, "boom", reach: .answered)))
    let slow = Self.read("slow", .hold(whenCancelled: .notSent))
    let rig = try Rig(bad, slow)
    let run = try start(
      rig,
      [
        "workflow": "w",
        "steps": [
          ["id": "s", "call": "t.slow"],
          ["id": "b", "call": "t.bad"],
          ["id": "after", "needs": ["b"], "call": "t.slow"],
        ],
      ]
    )
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.state == .failed("step b failed: boom"))
    #expect(ended.steps.map(\.state.word) == [.failed, .failed, .waiting])
    #expect(slow.executions <= 1)
  }

  @Test func `a denied step fails its run with the reason`() async throws {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [ApprovalRules.Rule(function: "t.*")])
    let run = try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.wire"]]])
    let call = try #require(await rig.events.wait(for: .call(.awaitingApproval)).call)
    _ = await rig.engine.perform(
      .deny(call.id, try rig.seen(call.id), reason: "not today", stopConversation: false),
      by: maria
    )
    let ended = try #require(await rig.engine.ended(run))
    #expect(
      ended.state == .failed("step a failed: A person denied this call: not today")
    )
    #expect(wire.executions == 0)
  }

  @Test func `a cancelled run tells its calls to stop, and ends when they have`() async throws {
    let slow = Self.read("slow", .hold(whenCancelled: .notSent))
    let rig = try Rig(slow)
    let run = try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.slow"]]])
    _ = await slow.attempt(1)
    #expect(await rig.engine.perform(.cancelRun(run), by: maria).isDone)
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.state == .cancelled)
    let late = await rig.engine.perform(.cancelRun(run), by: maria)
    #expect(!late.isDone)
    #expect(late.message.contains("been cancelled already"))
  }

  @Test func `a person who may only look cancels nothing`() async throws {
    let slow = Self.read("slow", .hold(whenCancelled: .notSent))
    let rig = try Rig(slow)
    let run = try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.slow"]]])
    #expect(!(await rig.engine.perform(.cancelRun(run), by: vera).isDone))
  }

  @Test func `an unknown outcome keeps the run waiting, and a retry never repeats it`() async throws
  {
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .answer("again"))
    let rig = try Rig(wire)
    let run = try start(rig, ["workflow": "w", "steps": [["id": "a", "call": "t.wire"]]])
    let attempt = await wire.attempt(1)
    #expect(await rig.engine.perform(.cancelRun(run), by: maria).isDone)
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.steps[0].items[0].state.failure?.kind == .outcomeUnknown)
    #expect(try rig.call(attempt.id).state.word == .unknown)
    let reply = await rig.engine.perform(.retryRun(run, revision: ended.revision), by: maria)
    #expect(reply.isDone, "\(reply.message)")
    #expect(try detail(rig, run).row.needsPerson)
    #expect(wire.executions == 1)
    let settled = await rig.engine.perform(
      .settle(attempt.id, revision: try rig.call(attempt.id).revision, .happened(Payload("yes"))),
      by: maria
    )
    #expect(settled.isDone)
    #expect(await rig.engine.ended(run)?.output?.shown == ["a": "yes"])
    #expect(wire.executions == 1)
  }

  @Test func `with nobody to settle it an unknown outcome fails the run`() async throws {
    let wire = TestFunction("wire", .fail(CallFailure(.connectionFailed, "cut", reach: .maybe)))
    let rig = try Rig(wire, configure: { $0.isUnattended = true })
    let run = try start(
      rig,
      ["workflow": "w", "steps": [["id": "a", "call": "t.wire", "fallback": 1]]]
    )
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.state.word == .failed)
    #expect(ended.steps[0].items[0].state.failure?.kind == .outcomeUnknown)
  }

  @Test func `a step whose time is over is stopped, and the time people take is not counted`()
    async throws
  {
    let slow = Self.read("slow", .hold(whenCancelled: .notSent))
    let rig = try Rig(slow, rules: [ApprovalRules.Rule(function: "t.slow", expires: 3600)])
    let run = try start(
      rig,
      ["workflow": "w", "steps": [["id": "a", "call": "t.slow", "timeout": "10s"]]]
    )
    let call = try #require(await rig.events.wait(for: .call(.awaitingApproval)).call)
    rig.clock.advance(by: .seconds(600))
    #expect(try rig.call(call.id).state.word == .awaitingApproval)
    try await rig.approve(call.id)
    _ = await slow.attempt(1)
    await rig.advance(by: .seconds(1)) {
      (try? rig.call(call.id).state.word) != .running
    }
    let ended = try #require(await rig.engine.ended(run))
    #expect(ended.state == .failed("step a failed: It was not done within 10 s."))
  }

  @Test func `whoever started a run may not be one of two who approve its calls`() async throws {
    let rig = try Rig(
      TestFunction("wire"),
      rules: [ApprovalRules.Rule(function: "t.*", approvers: 2)]
    )
    let run = try rig.engine.start(
      try Workflow(["workflow": "w", "steps": [["id": "a", "call": "t.wire"]]]),
      input: [:],
      by: maria
    )
    let call = try #require(await rig.events.wait(for: .call(.awaitingApproval)).call)
    let reply = try await rig.approve(call.id, by: maria)
    #expect(!reply.isDone)
    #expect(try await rig.approve(call.id, by: omar).isDone)
    _ = run
  }

  @Test func `a run goes on when a store that failed works again, and does each step once`()
    async throws
  {
    let store = FaultyStore()
    let (look, wire) = (Self.read("look", .answer(["n": 1])), TestFunction("wire", .answer("sent")))
    let rig = try Rig(all: [look, wire], store: store)
    for left in 0..<10 {
      store.fail(StoreFault("the disk is full"), after: left)
      let run = try start(
        rig,
        [
          "workflow": "w",
          "steps": [
            ["id": "look", "call": "t.look"],
            [
              "id": "wire", "needs": ["look"], "call": "t.wire",
              "with": ["n": .integer(Int64(left))],
            ],
          ],
        ]
      )
      for _ in 0..<200 { await Task.yield() }
      store.fail(nil)
      await rig.advance(by: .seconds(1)) { rig.store.run(run)?.run.state.word.isLive == false }
      let ended = try #require(rig.store.run(run)?.run)
      if ended.state != .succeeded {
        // A write is rejected while the store fails; nothing of it was done.
        #expect(
          ended.state
            == .failed("step wire failed: Calls that change things are stopped: the disk is full")
        )
      }
    }
    #expect(wire.executions <= 10)
    #expect(look.executions <= 10)
  }

  @Test func `many runs do each step once`() async throws {
    let step = TestFunction("step", .yield(3)) { $0.effect = .idempotent }
    let rig = try Rig(step)
    let steps = (0..<10).map { number -> JSONValue in
      [
        "id": .string("s\(number)"), "call": "t.step",
        "needs": number == 0 ? [] : [.string("s\(number - 1)")],
        "with": ["run": "${input.n}", "step": .integer(Int64(number))],
      ]
    }
    let workflow = try Workflow(["workflow": "w", "steps": .array(steps), "output": "${s9.run}"])
    var runs: [RunID] = []
    for number in 0..<100 {
      runs.append(
        try rig.engine.start(workflow, input: ["n": .integer(Int64(number))], by: agent)
      )
    }
    for (number, run) in runs.enumerated() {
      #expect(await rig.engine.ended(run)?.output?.shown == .integer(Int64(number)))
    }
    #expect(step.executions == 1000)
    #expect(Set(step.invocations.map(\.arguments)).count == 1000)
  }

  @Test func `a model's turn is a step, and its words are the result`() async throws {
    let clerk = TestModel(.call(("t_look", "{}")), .say("fine"), name: "clerk")
    let look = Self.read("look", .answer(1))
    let engine = Engine(
      EngineConfiguration(rules: ApprovalRules([ApprovalRules.Rule(asks: false)]), seed: 1),
      registry: try FunctionRegistry([try NativeProvider(namespace: "t", [look.native])]),
      models: [clerk],
      clock: ManualClock()
    )
    let run = try engine.start(
      try Workflow([
        "workflow": "w",
        "steps": [["id": "a", "ask": ["model": "clerk", "prompt": "How is ${input.what}?"]]],
        "output": "${a.text}",
      ]),
      input: ["what": "it"],
      by: agent
    )
    #expect(await engine.ended(run)?.output?.shown == "fine")
    #expect(await clerk.asked(1).request.messages.last?.text == "How is it?")
    #expect(look.executions == 1)
  }
}

/// Workflows that models call as functions.
@Suite(.timeLimit(.minutes(10)))
struct WorkflowProviderTests {
  private struct Office {
    var engine: Engine
    var store: InMemoryStore
    var step: TestFunction

    init(_ plan: TestFunction.Behaviour..., store: InMemoryStore = InMemoryStore()) throws {
      let step = TestFunction("step", all: plan) { $0.effect = .read }
      let workflow = try Workflow([
        "workflow": "double", "description": "Does it twice.", "offer": true,
        "input": ["type": "object", "properties": ["n": ["type": "integer"]], "required": ["n"]],
        "steps": [
          ["id": "one", "call": "t.step", "with": ["n": "${input.n}"]],
          ["id": "two", "needs": ["one"], "call": "t.step", "with": ["n": "${one.n}"]],
        ],
        "output": "${two.n}",
      ])
      let provider = WorkflowProvider([workflow], slots: 16)
      engine = Engine(
        EngineConfiguration(rules: ApprovalRules([ApprovalRules.Rule(asks: false)]), seed: 3),
        registry: try FunctionRegistry([
          try NativeProvider(namespace: "t", [step.native]), provider,
        ]),
        store: store,
        clock: ManualClock()
      )
      provider.serve(engine)
      self.store = store
      self.step = step
    }

    var runs: [WorkflowRun] { store.runs(HistoryQuery()).items }
  }

  @Test func `calling it runs its steps, and gives its output`() async throws {
    let office = try Office(.echo)
    let submission = await office.engine.submit("workflows.double", ["n": 4], by: agent)
    guard case .finished(_, .result(let value, _)) = submission else {
      return #expect(Bool(false), "\(submission)")
    }
    #expect(value.shown == 4)
    #expect(office.step.executions == 2)
    #expect(office.runs.map(\.caller.name) == ["agent"])
    let offers = try office.engine.offers(to: agent)
    #expect(offers.contains { $0.wireName == "workflows_double" })
  }

  @Test func `an input that does not fit is the call's failure`() async throws {
    let office = try Office(.echo)
    let submission = await office.engine.submit("workflows.double", ["n": "x"], by: agent)
    guard case .finished(_, .failure(let failure)) = submission else {
      return #expect(Bool(false), "\(submission)")
    }
    #expect(failure.kind == .invalidArguments)
    #expect(office.runs.isEmpty)
  }

  @Test func `a step that fails is the call's failure, with its sentence`() async throws {
    let office = try Office(.fail(CallFailure(.functionThrew, "boom", reach: .answered)))
    let submission = await office.engine.submit("workflows.double", ["n": 1], by: agent)
    guard case .finished(_, .failure(let failure)) = submission else {
      return #expect(Bool(false), "\(submission)")
    }
    #expect(failure.message == "step one failed: boom")
  }

  @Test func `cancelling the call cancels its run`() async throws {
    let office = try Office(.hold(whenCancelled: .notSent))
    let task = Task { await office.engine.submit("workflows.double", ["n": 1], by: agent) }
    _ = await office.step.attempt(1)
    guard case .calls(let page) = office.engine.snapshot(of: .calls(ListQuery())).body,
      let row = page.rows.first(where: { $0.function == "workflows.double" })
    else { return #expect(Bool(false)) }
    _ = await office.engine.perform(.cancel(row.id, revision: row.revision), by: maria)
    guard case .finished(_, .failure(let failure)) = await task.value else {
      return #expect(Bool(false))
    }
    #expect(failure.kind == .cancelled)
    await eventually { office.runs.first?.state == .cancelled }
  }

  @Test func `no step of a workflow calls a workflow`() throws {
    let workflow = try makeWorkflow(["id": "a", "call": "workflows.double"])
    let found = WorkflowCheck(functions: [], models: []).mistakes(in: workflow)
    #expect(found.map(\.message) == ["workflows.double is a workflow, which no step may call"])
  }
}
