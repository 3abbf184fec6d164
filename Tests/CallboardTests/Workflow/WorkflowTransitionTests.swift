import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// Every row of a run's table.
struct WorkflowTransitionTests {
  private static let start = Date(timeIntervalSince1970: 1_795_341_600)

  /// A run, and what its last move asked for.
  private struct Scene {
    var run: WorkflowRun
    var generator = SeededGenerator(seed: 3)
    var now = WorkflowTransitionTests.start

    init(_ workflow: Workflow, input: JSONValue = [:]) {
      run = WorkflowRun(
        id: RunID(UUIDv7(at: WorkflowTransitionTests.start, sequence: 0, random: 1)),
        workflow: workflow,
        input: input,
        caller: .caller("agent"),
        startedAt: WorkflowTransitionTests.start
      )
    }

    @discardableResult
    mutating func handle(_ event: WorkflowEvent) throws -> WorkflowEffect {
      now += 1
      return try run.handle(event, now: now, using: &generator)
    }

    /// The steps that began, and what they call.
    mutating func begun(_ event: WorkflowEvent) throws -> [String: JSONValue] {
      guard case .begin(let all) = try handle(event) else { return [:] }
      return Dictionary(
        uniqueKeysWithValues: all.map { beginning in
          switch beginning.task {
          case .call(_, let arguments): (beginning.place.name, arguments)
          case .ask(let model, let system, let prompt):
            (
              beginning.place.name,
              ["model": .string(model), "system": .string(system ?? ""), "prompt": .string(prompt)]
            )
          }
        }
      )
    }

    func work(_ step: String, _ item: Int = 0) throws -> WorkflowRun.Work {
      let step = try #require(run.steps.first { $0.id == step })
      return try #require(step.items[item].work)
    }

    func result(_ step: String, _ value: JSONValue, item: Int = 0) throws -> WorkflowEvent {
      .workEnded(try work(step, item), .result(Payload(value)))
    }

    func failure(
      _ step: String,
      _ kind: CallFailure.Kind = .functionThrew,
      item: Int = 0
    ) throws -> WorkflowEvent {
      .workEnded(try work(step, item), .failure(CallFailure(kind, "boom")))
    }

    var words: [WorkflowRun.StepWord] { run.steps.map(\.state.word) }
  }

  private let maria = Principal.operator("maria")

  private func isEnded(_ effect: WorkflowEffect) -> Bool {
    if case .ended = effect { true } else { false }
  }

  private func stopped(_ effect: WorkflowEffect) -> [WorkflowRun.Work]? {
    if case .stop(let works, _) = effect { works } else { nil }
  }

  private func diligence() throws -> Scene {
    Scene(try Workflow(dueDiligence), input: ["address": "1 Elm St", "ask": 100])
  }

  // MARK: - Running

  @Test func `the guide's example goes through its steps in their order`() throws {
    var scene = try diligence()
    #expect(try scene.begun(.start) == ["validate": ["address": "1 Elm St"]])
    #expect(
      try scene.begun(scene.result("validate", ["zip": "02134", "parcel": "p1"]))
        == ["market": ["zip": "02134"], "compliance": ["parcel": "p1"]]
    )
    #expect(try scene.begun(scene.result("compliance", ["passed": true])) == [:])
    #expect(try scene.begun(scene.result("market", ["median": 90])) == ["offer": ["price": 90]])
    #expect(isEnded(try scene.handle(scene.result("offer", ["id": "o1"]))))
    #expect(scene.run.state == .succeeded)
    #expect(scene.run.output?.original == ["offer": "o1"])
    #expect(scene.run.endedAt == scene.now)
  }

  @Test func `a step that is not required fails, and the run goes on with the default`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    try scene.handle(scene.result("validate", ["zip": "1", "parcel": "p"]))
    try scene.handle(scene.failure("market"))
    #expect(
      try scene.begun(scene.result("compliance", ["passed": true])) == ["offer": ["price": 100]]
    )
    #expect(scene.words == [.succeeded, .failed, .succeeded, .running])
  }

  @Test func `a step whose condition does not hold is skipped, and the run ends without it`() throws
  {
    var scene = try diligence()
    try scene.handle(.start)
    try scene.handle(scene.result("validate", ["zip": "1", "parcel": "p"]))
    try scene.handle(scene.result("market", ["median": 1]))
    #expect(isEnded(try scene.handle(scene.result("compliance", ["passed": false]))))
    #expect(
      scene.run.steps[3].state == .skipped("its condition does not hold at /compliance/passed")
    )
    #expect(scene.run.state == .succeeded)
    #expect(scene.run.output?.original == ["offer": nil])
  }

  @Test func `a required step that fails stops what runs beside it, and then the run has failed`()
    throws
  {
    var scene = try diligence()
    try scene.handle(.start)
    try scene.handle(scene.result("validate", ["zip": "1", "parcel": "p"]))
    let market = try scene.work("market")
    #expect(stopped(try scene.handle(scene.failure("compliance"))) == [market])
    #expect(scene.run.state == .stopping(.failed("step compliance failed: boom")))
    #expect(isEnded(try scene.handle(.workEnded(market, .failure(CallFailure(.cancelled, "c"))))))
    #expect(scene.run.state == .failed("step compliance failed: boom"))
    #expect(scene.words == [.succeeded, .failed, .failed, .waiting])
  }

  @Test func `a failure with nothing beside it ends the run at once`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    #expect(isEnded(try scene.handle(scene.failure("validate"))))
    #expect(scene.run.state == .failed("step validate failed: boom"))
  }

  @Test func `a reference without a value fails its step before anything of it is called`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    // Neither market nor compliance begins: one of them can't.
    let effect = try scene.handle(scene.result("validate", ["zip": "1"]))
    #expect(isEnded(effect))
    #expect(scene.run.openWork.isEmpty)
    guard case .failed(let why) = scene.run.state else { return #expect(Bool(false)) }
    #expect(why.contains("${validate.parcel} has no value"))
  }

  @Test func `a fallback counts in place of a result`() throws {
    var scene = Scene(
      try makeWorkflow(
        ["id": "a", "call": "t.f", "fallback": ["n": "${input.n}"]],
        ["id": "b", "needs": ["a"], "call": "t.g", "with": ["n": "${a.n}"]]
      ),
      input: ["n": 4]
    )
    try scene.handle(.start)
    #expect(try scene.begun(scene.failure("a")) == ["b": ["n": 4]])
    #expect(scene.run.steps[0].items[0].state.failure?.kind == .functionThrew)
  }

  @Test func `no fallback counts where nobody knows whether it was done`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f", "fallback": 1]))
    try scene.handle(.start)
    #expect(isEnded(try scene.handle(scene.failure("a", .outcomeUnknown))))
    #expect(scene.run.state.word == .failed)
  }

  @Test func `an outcome that nobody knows ends the run, also of a step that is not required`()
    throws
  {
    var scene = Scene(
      try makeWorkflow(
        ["id": "a", "call": "t.f", "required": false],
        ["id": "b", "call": "t.f", "needs": ["a"]]
      )
    )
    try scene.handle(.start)
    let work = try scene.work("a")
    #expect(isEnded(try scene.handle(scene.failure("a", .outcomeUnknown))))
    #expect(scene.run.state.word == .failed)
    #expect(
      try scene.begun(.retry(by: maria, known: [work: .result(Payload(1))])).keys.sorted() == ["b"]
    )
  }

  @Test func `without an output a run gives what its steps gave`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f"], ["id": "b", "call": "t.f"]))
    try scene.handle(.start)
    try scene.handle(scene.result("b", 2))
    try scene.handle(scene.result("a", 1))
    #expect(scene.run.output?.original == ["a": 1, "b": 2])
  }

  @Test func `a call that the stopping engine refused begins again`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f"]))
    try scene.handle(.start)
    let before = try scene.work("a")
    #expect(try scene.begun(scene.failure("a", .stopping)).keys.sorted() == ["a"])
    #expect(try scene.work("a") != before)
  }

  @Test func `a model is asked with what was found`() throws {
    var scene = Scene(
      try makeWorkflow([
        "id": "a",
        "ask": ["model": "clerk", "system": "Be brief.", "prompt": "Sum up ${input.text}"],
      ]),
      input: ["text": "it"]
    )
    #expect(
      try scene.begun(.start)
        == ["a": ["model": "clerk", "system": "Be brief.", "prompt": "Sum up it"]]
    )
  }

  // MARK: - For each

  private func each(_ most: Int = 5, parallel: Int = 2, required: Bool = true) throws -> Workflow {
    try makeWorkflow(
      [
        "id": "a", "call": "t.f", "required": .bool(required),
        "for_each": [
          "in": "${input.list}", "most": .integer(Int64(most)),
          "parallel": .integer(Int64(parallel)),
        ],
        "with": ["v": "${item.v}", "i": "${index}"],
      ],
      output: ["all": "${a ?? []}"]
    )
  }

  private let list: JSONValue = ["list": [["v": "x"], ["v": "y"], ["v": "z"]]]

  @Test func `each item is called, so many at one time, and the results are in their order`() throws
  {
    var scene = Scene(try each(), input: list)
    #expect(
      try scene.begun(.start) == ["a[0]": ["v": "x", "i": 0], "a[1]": ["v": "y", "i": 1]]
    )
    #expect(try scene.begun(scene.result("a", "Y", item: 1)) == ["a[2]": ["v": "z", "i": 2]])
    try scene.handle(scene.result("a", "Z", item: 2))
    try scene.handle(scene.result("a", "X", item: 0))
    #expect(scene.run.output?.original == ["all": ["X", "Y", "Z"]])
  }

  @Test func `no items are a result without any`() throws {
    var scene = Scene(try each(), input: ["list": []])
    #expect(isEnded(try scene.handle(.start)))
    #expect(scene.run.output?.original == ["all": []])
  }

  @Test func `more items than the bound, or no array, fail the step`() throws {
    var scene = Scene(try each(2), input: list)
    #expect(isEnded(try scene.handle(.start)))
    #expect(
      scene.run.state == .failed("step a failed: for_each got 3 items, more than the 2 it may have")
    )
    var other = Scene(try each(), input: ["list": "x"])
    #expect(isEnded(try other.handle(.start)))
    #expect(other.run.state == .failed("step a failed: for_each takes an array, and got string"))
  }

  @Test func `of an optional step no item begins after one has failed, and those under way end`()
    throws
  {
    var scene = Scene(try each(required: false), input: list)
    try scene.handle(.start)
    #expect(try scene.begun(scene.failure("a", item: 0)) == [:])
    #expect(scene.run.state == .running)
    #expect(isEnded(try scene.handle(scene.result("a", "Y", item: 1))))
    #expect(scene.run.output?.original == ["all": []])
  }

  @Test func `no more steps are under way at one time than the workflow says`() throws {
    var scene = Scene(
      try makeWorkflow(
        ["id": "a", "call": "t.f"],
        ["id": "b", "call": "t.f"],
        ["id": "c", "call": "t.f"],
        parallel: 2
      )
    )
    #expect(try scene.begun(.start).keys.sorted() == ["a", "b"])
    #expect(try scene.begun(scene.result("a", 1)).keys.sorted() == ["c"])
  }

  // MARK: - Time

  @Test func `a step whose time is over is stopped, and has failed once it has stopped`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f", "timeout": "30s"]))
    try scene.handle(.start)
    let work = try scene.work("a")
    #expect(stopped(try scene.handle(.timedOut(work))) == [work])
    #expect(throws: IllegalRunMove.self) { try scene.handle(.timedOut(work)) }
    #expect(isEnded(try scene.handle(scene.failure("a", .cancelled))))
    #expect(scene.run.steps[0].items[0].state.failure?.kind == .timeout)
  }

  @Test func `a result that came although its time was over counts`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f", "timeout": "30s"]))
    try scene.handle(.start)
    try scene.handle(.timedOut(try scene.work("a")))
    #expect(isEnded(try scene.handle(scene.result("a", 1))))
    #expect(scene.run.state == .succeeded)
  }

  // MARK: - Cancelling and retrying

  @Test func `a cancelled run ends when what was under way has ended`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    let work = try scene.work("validate")
    #expect(stopped(try scene.handle(.cancel(by: maria))) == [work])
    #expect(throws: IllegalRunMove.self) { try scene.handle(.cancel(by: maria)) }
    #expect(isEnded(try scene.handle(scene.failure("validate", .cancelled))))
    #expect(scene.run.state == .cancelled)
  }

  @Test func `what is lost stops the run`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    let work = try scene.work("validate")
    #expect(stopped(try scene.handle(.lost("gone"))) == [work])
    #expect(stopped(try scene.handle(.lost("gone"))) == [work])
    try scene.handle(scene.failure("validate", .cancelled))
    #expect(scene.run.state == .failed("gone"))
  }

  @Test func `a retry begins with what failed, and keeps what has finished`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    try scene.handle(scene.result("validate", ["zip": "1", "parcel": "p"]))
    try scene.handle(scene.result("market", ["median": 7]))
    try scene.handle(scene.failure("compliance"))
    let begun = try scene.begun(.retry(by: maria, known: [:]))
    #expect(begun == ["compliance": ["parcel": "p"]])
    #expect(scene.run.retries == 1)
    #expect(scene.run.people.map(\.name) == ["agent", "maria"])
    #expect(
      try scene.begun(scene.result("compliance", ["passed": true])) == ["offer": ["price": 7]]
    )
  }

  @Test func `a retry waits for a call that is still open, and takes a result that came late`()
    throws
  {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f"], ["id": "b", "call": "t.f"]))
    try scene.handle(.start)
    let (first, second) = (try scene.work("a"), try scene.work("b"))
    try scene.handle(scene.failure("a", .outcomeUnknown))
    try scene.handle(scene.failure("b", .outcomeUnknown))
    let known: [WorkflowRun.Work: WorkflowRun.Known] = [
      first: .open, second: .result(Payload("late")),
    ]
    #expect(try scene.begun(.retry(by: maria, known: known)) == [:])
    #expect(scene.words == [.running, .succeeded])
    #expect(scene.run.openWork == [first])
    #expect(isEnded(try scene.handle(scene.result("a", 1))))
    #expect(scene.run.output?.original == ["a": 1, "b": "late"])
  }

  @Test func `a retry of a for each keeps the items that have finished`() throws {
    var scene = Scene(try each(parallel: 1), input: list)
    try scene.handle(.start)
    try scene.handle(scene.result("a", "X", item: 0))
    try scene.handle(scene.failure("a", item: 1))
    #expect(scene.run.state.word == .failed)
    #expect(try scene.begun(.retry(by: maria, known: [:])) == ["a[1]": ["v": "y", "i": 1]])
    try scene.handle(scene.result("a", "Y", item: 1))
    try scene.handle(scene.result("a", "Z", item: 2))
    #expect(scene.run.output?.original == ["all": ["X", "Y", "Z"]])
  }

  @Test func `an optional step that was only stopped is done on a retry, one that failed is not`()
    throws
  {
    var scene = Scene(
      try makeWorkflow(
        ["id": "a", "call": "t.f", "required": false],
        ["id": "b", "call": "t.f", "required": false],
        ["id": "c", "call": "t.f"]
      )
    )
    try scene.handle(.start)
    try scene.handle(scene.failure("a"))
    try scene.handle(scene.failure("c"))
    try scene.handle(scene.failure("b", .cancelled))
    #expect(try scene.begun(.retry(by: maria, known: [:])).keys.sorted() == ["b", "c"])
  }

  // MARK: - What is not in the table

  @Test func `what is not in the table throws, and changes nothing`() throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f", "timeout": 5]))
    #expect(throws: IllegalRunMove.self) { try scene.handle(.retry(by: maria, known: [:])) }
    try scene.handle(.start)
    let work = try scene.work("a")
    #expect(throws: IllegalRunMove.self) { try scene.handle(.start) }
    let revision = scene.run.revision
    for event: WorkflowEvent in [.start, .retry(by: maria, known: [:])] {
      #expect(throws: IllegalRunMove.self) { try scene.handle(event) }
    }
    #expect(scene.run.revision == revision)
    try scene.handle(.workEnded(work, .result(Payload(1))))
    let all: [WorkflowEvent] = [
      .start, .workEnded(work, .result(Payload(1))), .timedOut(work), .cancel(by: maria), .lost(""),
      .retry(by: maria, known: [:]),
    ]
    for event in all {
      #expect(throws: IllegalRunMove.self) { try scene.handle(event) }
    }
    #expect(scene.run.state == .succeeded)
  }

  @Test(arguments: [true, false]) func `an ended run takes nothing but a retry`(
    _ isCancelled: Bool
  ) throws {
    var scene = Scene(try makeWorkflow(["id": "a", "call": "t.f", "timeout": 5]))
    try scene.handle(.start)
    let work = try scene.work("a")
    if isCancelled { try scene.handle(.cancel(by: maria)) }
    try scene.handle(scene.failure("a"))
    let none: [WorkflowEvent] = [
      .start, .workEnded(work, .result(Payload(1))), .timedOut(work), .cancel(by: maria), .lost(""),
    ]
    for event in none {
      #expect(throws: IllegalRunMove.self) { try scene.handle(event) }
    }
    #expect(try scene.begun(.retry(by: maria, known: [:])).keys.sorted() == ["a"])
  }

  @Test func `a run is read as it was written`() throws {
    var scene = try diligence()
    try scene.handle(.start)
    try scene.handle(scene.result("validate", ["zip": "1", "parcel": "p"]))
    try scene.handle(scene.failure("market"))
    var run = scene.run
    run = run.mapping { payload, _ in
      var payload = payload
      payload.redact { _ in nil }
      return payload
    }
    let written = try JSONValue(encoding: run)
    let read = try written.decode(as: WorkflowRun.self)
    #expect(try JSONValue(encoding: read) == written)
    #expect(read.workflow.steps.map(\.id) == ["validate", "market", "compliance", "offer"])
  }
}
