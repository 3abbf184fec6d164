import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ConversationTests {
  private func held(_ name: String = "look") -> TestFunction {
    TestFunction(name, .hold(whenCancelled: .maybe)) { $0.effect = .read }
  }

  private func state(_ rig: Rig, _ talk: ConversationID) -> Conversation.Word? {
    try? rig.conversation(talk).row.state
  }

  @Test(arguments: [ToolChoice.auto, .none])
  func `a model that must call may speak once it has its answers, or has to`(
    after: ToolChoice
  ) async throws {
    let rig = try Rig(TestFunction("look", .answer(1)) { $0.effect = .read })
    let model = TestModel(.call(("t_look", "{}")), .say("one"))
    let talk = try rig.engine.start(
      ConversationRequest(
        title: "must",
        caller: agent,
        model: model.name,
        messages: ["go"],
        setup: Conversation.Setup(toolChoice: .required, toolChoiceAfter: after)
      ),
      model: model
    )
    #expect(await rig.engine.ended(talk)?.state == .finished)
    #expect(await model.asked(1).request.toolChoice == .required)
    #expect(await model.asked(2).request.toolChoice == after)
  }

  /// Says half a sentence, starts over, and waits before it goes on.
  private struct StumblingModel: Model {
    let name = "stumbling"
    let failure = ModelFailure(.throttled, "model stumbling answered 429")
    let hasSpoken = OneShot<Void>()
    let mayGoOn = OneShot<Void>()
    let last: Result<ModelTurn, ModelFailure>

    func respond(
      to request: ModelRequest,
      onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws(ModelFailure) -> ModelTurn {
      onDelta(.text("Half a"))
      onDelta(.startedOver(failure, wait: .milliseconds(1500)))
      onDelta(.text("Again"))
      hasSpoken.resolve(())
      await mayGoOn.value
      return try last.get()
    }
  }

  @Test func `a turn that starts over is an event, and its first words are gone`() async throws {
    let rig = try Rig()
    let model = StumblingModel(last: .success(ModelTurn(text: "Again.")))
    let talk = try rig.talk(model)
    let event = await rig.events.wait(for: .model(.retrying))
    #expect(event.conversation == talk)
    #expect(event.model == EngineEvent.ModelPart(name: "stumbling", failure: .throttled))
    #expect(event.cause == "model stumbling answered 429; again in 1.5 s")
    await model.hasSpoken.value
    #expect(try rig.conversation(talk).writing == "Again")
    model.mayGoOn.resolve(())
    #expect(await rig.engine.ended(talk)?.state == .finished)
    #expect(!rig.events.all.contains { $0.type == .model(.failed) })
  }

  @Test func `a model that gives no turn is an event before the conversation's end`() async throws {
    let rig = try Rig()
    let talk = try rig.talk(TestModel(.fail(ModelFailure(.serverError, "model test broke"))))
    _ = await rig.engine.ended(talk)
    let told = rig.events.all.filter { $0.conversation == talk }
    #expect(
      told.map(\.type)
        == [.conversation(.thinking), .model(.failed), .conversation(.failed)]
    )
    #expect(told[1].model == EngineEvent.ModelPart(name: "test", failure: .serverError))
    #expect(told[1].json["model"] == ["name": "test", "failure": "server_error"])
    #expect(told[1].cause == "model test broke")
  }

  @Test func `parallel calls run at the same time, and answers come in the order they were asked`()
    async throws
  {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(
      .call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#), ("t_look", #"{"n":3}"#)),
      .say("thanks")
    )
    let talk = try rig.talk(model)
    var attempts: [Int: TestFunction.Attempt] = [:]
    for number in 1...3 {
      let attempt = await look.attempt(number)
      attempts[attempt.invocation.arguments["n"]?.intValue ?? 0] = attempt
    }
    for number in [3, 1, 2] {
      attempts[number]?.answer(.integer(Int64(number * 10)))
      await rig.events.wait(for: .succeeded, of: try #require(attempts[number]?.id))
    }
    let second = await model.asked(2)
    #expect(second.answers == ["10", "20", "30"])
    #expect(
      second.request.messages.suffix(3).map(\.answers) == ["call_1", "call_2", "call_3"]
    )
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .finished)
    #expect(ended?.messages.last?.message.text == "thanks")
    #expect(ended?.turns == 2)
  }

  @Test func `a turn and its calls are stored before any of them is admitted`() async throws {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}"), ("t_look", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    _ = await look.attempt(2)
    let events = rig.events.all { $0.conversation == talk || $0.call?.conversation == talk }
    let turn = try #require(events.firstIndex { $0.type == .conversation(.calling) })
    // One commit has neighbouring numbers, and the calls in it are as received.
    #expect(
      events[turn...].prefix(3).map(\.type.text) == [
        "conversation.calling", "call.received", "call.received",
      ]
    )
    #expect(events[turn...].prefix(3).map(\.seq) == (0..<3).map { events[turn].seq + $0 })
    let queued = events.filter { $0.type == .call(.queued) }.map(\.seq)
    #expect(queued.allSatisfy { $0 > events[turn].seq + 2 })
    #expect(try rig.call(attempt.id).turn == 1)
    look.plan(.echo)
    for number in 1...2 { await look.attempt(number).answer(1) }
    _ = await rig.engine.ended(talk)
  }

  /// Each look at it finds a millisecond more.
  private final class TickingClock: EngineClock {
    let manual = ManualClock()
    private let looks = Atomic<Int>(0)

    var now: Date {
      let look = looks.wrappingAdd(1, ordering: .relaxed).newValue
      return manual.now.addingTimeInterval(Double(look) / 1000)
    }
    var monotonic: Duration { manual.monotonic }

    func wake(_ queue: DeadlineQueue, at deadline: Duration) { manual.wake(queue, at: deadline) }
  }

  @Test func `in the commit of a turn no event is older than the one before it`() async throws {
    let look = TestFunction("look") { $0.effect = .idempotent }
    let engine = Engine(
      EngineConfiguration(rules: ApprovalRules([free]), seed: 7),
      registry: try FunctionRegistry([try NativeProvider(namespace: "t", [look.native])]),
      clock: TickingClock()
    )
    let events = EventRecorder(engine)
    let talk = try engine.start(
      ConversationRequest(title: "t", caller: agent, model: "test", messages: ["go"]),
      model: TestModel(.call(("t_look", "{}"), ("t_look", "{}"), ("t_look", "{}")))
    )
    _ = await engine.ended(talk)
    let all = events.all { $0.conversation == talk || $0.call?.conversation == talk }
    let turn = try #require(all.firstIndex { $0.type == .conversation(.calling) })
    let commit = all[turn...].prefix(4)
    #expect(commit.dropFirst().allSatisfy { $0.type == .call(.received) })
    #expect(commit.map(\.time) == commit.map(\.time).sorted())
  }

  // MARK: - Limits

  @Test func `it stops with a sentence when its turns are used`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.call(("t_look", "{}")), .call(("t_look", "{}")), .call(("t_look", "{}")))
    let talk = try rig.talk(model, limits: ConversationLimits(turns: 2))
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its 2 turns"))
    #expect(model.count == 2)
  }

  @Test func `a turn that asks for more calls than are left runs none of them`() async throws {
    let look = TestFunction("look") { $0.effect = .idempotent }
    let rig = try Rig(look)
    let model = TestModel(
      .call(("t_look", "{}"), ("t_look", "{}")),
      .call(("t_look", "{}"), ("t_look", "{}"))
    )
    let talk = try rig.talk(model, limits: ConversationLimits(calls: 3))
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .failed("stopped: it asked for more than 3 calls"))
    #expect(look.executions == 2)
    #expect(model.count == 2)
    await eventually { rig.engine.liveCalls == 0 }
    #expect(rig.events.all { $0.type == .call(.cancelled) }.count == 2)
  }

  @Test func `a turn that asks for more calls than are left runs none of them, paused or resumed`()
    async throws
  {
    let look = TestFunction("look") { $0.effect = .idempotent }
    let rig = try Rig(look)
    let model = TestModel(.hold)
    let talk = try rig.talk(model, limits: ConversationLimits(calls: 3))
    let asked = await model.asked(1)
    _ = await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria)
    asked.call(
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}"),
      ("t_look", "{}")
    )
    await rig.events.wait(for: .received, function: "t.look", 8)
    _ = await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria)
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .failed("stopped: it asked for more than 3 calls"))
    await eventually { rig.engine.liveCalls == 0 }
    #expect(look.executions == 0)
    #expect(rig.events.all { $0.type == .call(.cancelled) }.count == 8)
    #expect(rig.events.all { $0.type == .call(.queued) }.isEmpty)
    #expect(model.count == 1)
  }

  @Test func `it stops with a sentence when its tokens are used`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.call(("t_look", "{}"), tokens: 60), .call(("t_look", "{}"), tokens: 60))
    let talk = try rig.talk(model, limits: ConversationLimits(tokens: 100))
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .failed("stopped: it has used its 100 tokens"))
    #expect(ended?.usage.total == 120)
  }

  @Test func `its time ends also a turn that the model is taking`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.hold)
    let talk = try rig.talk(model, limits: ConversationLimits(seconds: 60))
    _ = await model.asked(1)
    rig.clock.advance(by: .seconds(59))
    #expect(state(rig, talk) == .thinking)
    rig.clock.advance(by: .seconds(1))
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its time"))
  }

  @Test func `paused while the model takes its turn, its time stands still and the turn goes on`()
    async throws
  {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.hold)
    let talk = try rig.talk(model, limits: ConversationLimits(seconds: 60))
    _ = await model.asked(1)
    rig.clock.advance(by: .seconds(30))
    _ = await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria)
    rig.clock.advance(by: .seconds(100))
    #expect(state(rig, talk) == .paused)
    _ = await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria)
    rig.clock.advance(by: .seconds(29))
    #expect(state(rig, talk) == .thinking)
    rig.clock.advance(by: .seconds(2))
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its time"))
  }

  @Test func `the time that calls take counts`() async throws {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model, limits: ConversationLimits(seconds: 20))
    let attempt = await look.attempt(1)
    rig.clock.advance(by: .seconds(25))
    attempt.answer("done")
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its 20 s"))
  }

  @Test(arguments: [(0.3, "300 ms"), (1.5, "1.5 s"), (1800, "30 min"), (5400, "1 h 30 min")])
  func `the time that it has used is said in its own unit`(
    seconds: Double,
    words: String
  )
    async throws
  {
    let look = held()
    let rig = try Rig(look)
    let talk = try rig.talk(
      TestModel(.call(("t_look", "{}"))),
      limits: ConversationLimits(seconds: seconds)
    )
    let attempt = await look.attempt(1)
    rig.clock.advance(by: .seconds(seconds + 1))
    attempt.answer("done")
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its \(words)"))
  }

  @Test func `its time ends also while its calls run, and they are cancelled`() async throws {
    let look = held()
    let wire = TestFunction("wire")
    let rig = try Rig(look, wire, rules: [asking("wire"), free])
    let model = TestModel(.call(("t_look", "{}"), ("t_wire", "{}")))
    let talk = try rig.talk(model, limits: ConversationLimits(seconds: 20))
    let attempt = await look.attempt(1)
    let waiting = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    // Somebody is asked: its time stands still.
    rig.clock.advance(by: .seconds(600))
    #expect(state(rig, talk) == .calling)
    #expect(try await rig.deny(waiting).isDone)
    rig.clock.advance(by: .seconds(19))
    #expect(state(rig, talk) == .calling)
    rig.clock.advance(by: .seconds(2))
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its 20 s"))
    await rig.events.wait(for: .cancelled, of: attempt.id)
    #expect(rig.events.all(of: attempt.id).allSatisfy { $0.by == nil })
    #expect(model.count == 1)
  }

  @Test func `a pause stops its time also while its calls run`() async throws {
    let look = held()
    let rig = try Rig(look)
    let talk = try rig.talk(
      TestModel(.call(("t_look", "{}"))),
      limits: ConversationLimits(seconds: 20)
    )
    _ = await look.attempt(1)
    rig.clock.advance(by: .seconds(15))
    _ = await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria)
    rig.clock.advance(by: .seconds(10))
    #expect(state(rig, talk) == .paused)
    _ = await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria)
    rig.clock.advance(by: .seconds(4))
    #expect(state(rig, talk) == .calling)
    rig.clock.advance(by: .seconds(1))
    #expect(await rig.engine.ended(talk)?.state == .failed("stopped: it has used its 20 s"))
  }

  @Test func `the time that persons take does not count, however many calls wait at once`()
    async throws
  {
    let look = TestFunction("look", .yield(1))
    let slow = held("slow")
    let rig = try Rig(look, slow, rules: [asking("look"), free])
    let model = TestModel(
      .call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#), ("t_look", #"{"n":3}"#)),
      .call(("t_slow", "{}"))
    )
    let talk = try rig.talk(model, limits: ConversationLimits(seconds: 20))
    await rig.events.wait(for: .awaitingApproval, function: "t.look", 3)
    rig.clock.advance(by: .seconds(600))
    for event in rig.events.all(where: { $0.type == .call(.awaitingApproval) }) {
      #expect(try await rig.approve(try #require(event.call?.id)).isDone)
    }
    let attempt = await slow.attempt(1)
    // Three waits of the same ten minutes are ten minutes: 20 s of its own are too many.
    rig.clock.advance(by: .seconds(19))
    #expect(state(rig, talk) == .calling)
    rig.clock.advance(by: .seconds(2))
    attempt.answer("done")
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .failed("stopped: it has used its 20 s"))
    #expect(model.count == 2)
    #expect(ended.map { abs($0.busySeconds - 20) < 0.01 } == true)
  }

  @Test func `a pause while a call waits for a person is not taken off twice`() async throws {
    let look = TestFunction("look") { $0.effect = .idempotent }
    let rig = try Rig(look, rules: [asking("look")])
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model)
    let id = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.look").call?.id
    )
    rig.clock.advance(by: .seconds(10))
    _ = await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria)
    rig.clock.advance(by: .seconds(100))
    _ = await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria)
    rig.clock.advance(by: .seconds(10))
    #expect(try await rig.approve(id).isDone)
    let ended = await rig.engine.ended(talk)
    #expect(ended.map { abs($0.busySeconds) < 0.001 } == true)
  }

  // MARK: - People

  @Test func `stop cancels its calls and asks nothing more`() async throws {
    let look = held()
    let rig = try Rig(look, TestFunction("wire"), rules: [asking("wire"), free])
    let model = TestModel(.call(("t_look", "{}"), ("t_wire", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    let waiting = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(await rig.engine.perform(.stopConversation(talk), by: maria).isDone)
    #expect(await rig.engine.ended(talk)?.state == .stopped)
    let stopped = await rig.events.wait(for: .cancelled, of: attempt.id)
    let unasked = await rig.events.wait(for: .cancelled, of: waiting)
    #expect(stopped.by == "maria")
    #expect(unasked.by == "maria")
    #expect(unasked.failure?.message == "maria cancelled this call.")
    #expect(rig.events.all(of: attempt.id).first { $0.type == .call(.stopping) }?.by == "maria")
    #expect(model.count == 1)
    #expect(!(await rig.engine.perform(.stopConversation(talk), by: omar)).isDone)
    #expect(!(await rig.engine.perform(.message(talk, "more"), by: omar)).isDone)
  }

  @Test func `stop ends the turn that the model is taking`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.hold)
    let talk = try rig.talk(model)
    _ = await model.asked(1)
    #expect(await rig.engine.perform(.stopConversation(talk), by: maria).isDone)
    #expect(await rig.engine.ended(talk)?.state == .stopped)
  }

  /// Asks how its conversation stands when it is stopped.
  private final class CuriousModel: Model {
    let name = "curious"
    let isAsked = OneShot<ConversationID>()
    let found = OneShot<Conversation.Word?>()
    private let isStopped = OneShot<Void>()
    private let look: @Sendable (ConversationID) -> Conversation.Word?

    init(_ look: @escaping @Sendable (ConversationID) -> Conversation.Word?) { self.look = look }

    func respond(
      to request: ModelRequest,
      onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws(ModelFailure) -> ModelTurn {
      await withTaskCancellationHandler {
        isAsked.resolve(request.conversation)
        await isStopped.value
      } onCancel: {
        found.resolve(look(request.conversation))
        isStopped.resolve(())
      }
      throw ModelFailure(.cancelled, "the turn was stopped")
    }
  }

  @Test func `a model that is stopped may ask for its conversation`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = CuriousModel { try? rig.conversation($0).row.state }
    let talk = try rig.talk(model)
    _ = await model.isAsked.value
    #expect(await rig.engine.perform(.stopConversation(talk), by: maria).isDone)
    #expect(await model.found.value == .stopped)
  }

  @Test func `paused, its calls end and are counted, and the model is asked after the resume`()
    async throws
  {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria).isDone
    )
    attempt.answer("found")
    await rig.events.wait(for: .succeeded, of: attempt.id)
    #expect(state(rig, talk) == .paused)
    #expect(model.count == 1)
    #expect(
      !(await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: omar)).isDone
    )
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: omar).isDone
    )
    #expect(await model.asked(2).answers == [#""found""#])
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `paused while the model writes, the calls of that turn wait for the resume`()
    async throws
  {
    let look = TestFunction("look") { $0.effect = .idempotent }
    let rig = try Rig(look)
    let model = TestModel(.hold)
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria).isDone
    )
    asked.call(("t_look", "{}"))
    await rig.events.wait(for: .received, function: "t.look")
    #expect(state(rig, talk) == .paused)
    #expect(rig.events.all { $0.type == .call(.queued) }.isEmpty)
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria).isDone
    )
    #expect(await rig.engine.ended(talk)?.state == .finished)
    #expect(look.executions == 1)
  }

  @Test func `paused with a message waiting, it stays paused when the model has answered`()
    async throws
  {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.hold)
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    #expect(await rig.engine.perform(.message(talk, "one more thing"), by: maria).isDone)
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria).isDone
    )
    asked.say("here you are")
    await rig.events.wait { $0.cause == "answered" }
    #expect(state(rig, talk) == .paused)
    #expect(model.count == 1)
    #expect(
      await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria).isDone
    )
    #expect(await model.asked(2).request.messages.last?.text == "one more thing")
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `pausing and resuming at any moment asks the model once a turn`() async throws {
    let rig = try Rig(TestFunction("look", .yield(2)) { $0.effect = .idempotent })
    for round in 0..<60 {
      let model = TestModel(.call(("t_look", "{}")), .call(("t_look", "{}")), .say("done"))
      let talk = try rig.talk(model)
      for _ in 0..<round % 12 { await Task.yield() }
      for _ in 0..<3 {
        _ = await rig.engine.perform(.pauseConversation(talk, from: false, to: true), by: maria)
        await Task.yield()
        _ = await rig.engine.perform(.pauseConversation(talk, from: true, to: false), by: maria)
      }
      #expect(await rig.engine.ended(talk)?.state == .finished)
      #expect(model.count == 3)
    }
  }

  @Test func `a message while calls run comes before the model's next turn, after their answers`()
    async throws
  {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    #expect(await rig.engine.perform(.message(talk, "cheaper, please"), by: maria).isDone)
    attempt.answer("found")
    let heard = await model.asked(2).request.messages
    #expect(heard.map(\.role) == [.user, .assistant, .tool, .user])
    #expect(heard.last?.text == "cheaper, please")
    #expect(heard.last?.author == "maria")
    #expect(await rig.engine.ended(talk)?.writers.map(\.name) == ["maria"])
  }

  @Test func `one that has finished takes a message and goes on`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(.say("first"), .say("second"))
    let talk = try rig.talk(model)
    #expect(await rig.engine.ended(talk)?.messages.last?.message.text == "first")
    #expect(await rig.engine.perform(.message(talk, "and?"), by: maria).isDone)
    let ended = await rig.engine.ended(talk)
    #expect(ended?.state == .finished)
    #expect(ended?.messages.map(\.message.text) == ["go", "first", "and?", "second"])
    #expect(!(await rig.engine.perform(.message(talk, ""), by: maria)).isDone)
  }

  // MARK: - Models and functions

  @Test func `a model that fails ends it with the model's sentence`() async throws {
    let rig = try Rig(TestFunction("look") { $0.effect = .idempotent })
    let model = TestModel(
      .fail(ModelFailure(.unauthorised, "the key was refused; check MODEL_KEY"))
    )
    let talk = try rig.talk(model)
    #expect(await rig.engine.ended(talk)?.state == .failed("the key was refused; check MODEL_KEY"))
    #expect(try rig.conversation(talk).failure == "the key was refused; check MODEL_KEY")
    #expect(rig.events.all { $0.type == .conversation(.failed) }.count == 1)
  }

  @Test func `more than 128 functions are refused with a sentence that says what to do`()
    async throws
  {
    let functions = (1...129).map { TestFunction("f\($0)") }
    let rig = try Rig(all: functions)
    let mistake = #expect(throws: ConfigurationMistake.self) { try rig.talk(TestModel()) }
    #expect(mistake?.message.contains("129 functions are on") == true)
    #expect(mistake?.message.contains("switch some off") == true)
    await rig.turn("f7", on: false)
    let model = TestModel()
    let talk = try rig.talk(model)
    #expect(await model.asked(1).request.tools.count == 128)
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `the model is offered what is on when it is asked`() async throws {
    let rig = try Rig(TestFunction("a"), TestFunction("b"))
    let model = TestModel(.hold, .hold)
    let talk = try rig.talk(model)
    let first = await model.asked(1)
    #expect(first.request.tools.map(\.wireName) == ["t_a", "t_b"])
    await rig.turn("a", on: false)
    first.call(("t_b", "{}"))
    let second = await model.asked(2)
    #expect(second.request.tools.map(\.wireName) == ["t_b"])
    second.say("done")
    _ = await rig.engine.ended(talk)
  }

  @Test func `an unknown model is refused with the nearest name`() throws {
    let clock = ManualClock()
    let provider = try NativeProvider(namespace: "t", [TestFunction("look").native])
    let engine = Engine(
      registry: try FunctionRegistry([provider]),
      models: [TestModel(name: "sonnet")],
      clock: clock
    )
    let mistake = #expect(throws: ConfigurationMistake.self) {
      try engine.start(
        ConversationRequest(title: "x", caller: agent, model: "sonet", messages: ["go"])
      )
    }
    #expect(mistake?.message == "there is no model sonet; did you mean sonnet?")
  }

  @Test func `secrets of answers the model has not heard yet are not stored either`() async throws {
    let look = held()
    let rig = try Rig(look)
    let model = TestModel(
      .call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#)),
      .call(("t_look", #"{"n":3}"#))
    )
    let talk = try rig.talk(model)
    for number in 1...3 {
      let attempt = await look.attempt(number)
      _ = await rig.engine.perform(.message(talk, "card 4111 1111 1111 1111"), by: maria)
      attempt.answer(["card": "4111 1111 1111 1111"])
      await rig.events.wait(for: .succeeded, of: attempt.id)
      if number == 1 {
        await eventually { rig.store.conversation(talk)?.answers.count == 1 }
        let open = try #require(rig.store.conversation(talk))
        #expect(open.answers[attempt.id]?.contains("card") == true)
        #expect(open.answers[attempt.id]?.contains("4111 1111") == false)
        #expect(open.pending.count == 1)
        #expect(open.pending.first?.text?.contains("4111 1111") == false)
      }
    }
    #expect(await model.asked(3).answers == [#"{"card":"4111 1111 1111 1111"}"#])
    let ended = await rig.engine.ended(talk)
    let answers = ended?.messages.filter { $0.message.role == .tool }.compactMap(\.message.text)
    #expect(answers?.count == 3)
    #expect(answers?.allSatisfy { $0.contains("card") && !$0.contains("4111 1111") } == true)
    #expect(ended?.answers.isEmpty == true)
  }

  @Test func `secrets reach the model and not the transcript that is shown`() async throws {
    let look = TestFunction("look", .answer(["card": "4111 1111 1111 1111"]))
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", #"{"password":"hunter2"}"#)))
    let talk = try rig.talk(model)
    #expect(await model.asked(2).answers.first?.contains("4111 1111 1111 1111") == true)
    _ = await rig.engine.ended(talk)
    #expect(look.invocations.first?.arguments == ["password": "hunter2"])
    let shown = String(
      decoding: try JSONValue(encoding: try rig.conversation(talk)).serializedBytes(),
      as: UTF8.self
    )
    #expect(!shown.contains("4111 1111"))
    #expect(!shown.contains("hunter2"))
    #expect(
      !rig.events.all.contains {
        "\($0.json)".contains("hunter2") || "\($0.json)".contains("4111 1111")
      }
    )
  }
}
