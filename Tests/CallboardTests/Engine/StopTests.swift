import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct StopTests {
  private func stop(_ rig: Rig) async -> Task<Void, Never> {
    let stopping = Task { await rig.engine.stop() }
    await rig.events.wait(for: .engine(.stopping))
    return stopping
  }

  private func isStopped(_ rig: Rig) -> Bool {
    !rig.events.all { $0.type == .engine(.stopped) }.isEmpty
  }

  @Test func `new calls are rejected, and running ones get their time`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe))
    let rig = try Rig(look)
    let running = rig.begin("look")
    let attempt = await look.attempt(1)
    let stopping = await stop(rig)
    #expect(await rig.submit("look").failure?.kind == .stopping)
    for _ in 0..<50 { rig.clock.advance(by: .milliseconds(20)) }
    #expect(!isStopped(rig))
    #expect(try rig.row(attempt.id).state == .running)
    attempt.answer("done")
    #expect(await running.value.value == "done")
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(await rig.submit("look").failure?.kind == .stopping)
  }

  @Test func `what has not ended after its time is stopped, and left as a restart would find it`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      // Its attempts are spent, which ends no call that a restart may repeat.
      definition.retry = RetryPolicy(maxAttempts: 1)
    }
    let put = TestFunction("put", .hold(whenCancelled: .maybe)) { $0.effect = .idempotent }
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
    let rig = try Rig(look, put, wire)
    let calls = [rig.begin("look"), rig.begin("put"), rig.begin("wire")]
    let read = await look.attempt(1)
    let idempotent = await put.attempt(1)
    let write = await wire.attempt(1)
    // Others may wait for a call than who made it.
    let waiting = [read.id, write.id].map { id in Task { await rig.engine.outcome(of: id) } }
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    let heard = [await waiting[0].value?.failure, await waiting[1].value?.failure]
    #expect(heard.map(\.?.kind) == [.engineStopped, .outcomeUnknown])
    #expect(heard.map(\.?.reach) == [.maybe, .maybe])
    #expect(heard.map(\.?.isRetryable) == [true, false])
    for id in [read.id, idempotent.id] {
      let last = try #require(rig.events.all(of: id).last)
      #expect(last.type == .call(.backingOff))
      #expect(last.cause == "the engine stopped while it ran")
      let stored = try #require(rig.store.call(id))
      guard case .backingOff(1, let until, true) = stored.state else {
        Issue.record("it is \(stored.state)")
        continue
      }
      #expect(until <= rig.clock.now)
      #expect(stored.attempts.first?.endedAt != nil)
    }
    #expect(rig.events.states(of: write.id).last == .unknown)
    for call in calls {
      let submission = await call.value
      if submission.id != write.id { #expect(submission.failure?.kind == .engineStopped) }
    }
    #expect(rig.clock.monotonic >= .seconds(10))
    // Advanced while others have their turn, so by more where the machine is busy.
    #expect(rig.clock.monotonic < .seconds(60))
  }

  @Test(arguments: FunctionEffect.allCases)
  func `a call of any effect has ten seconds to end`(effect: FunctionEffect) async throws {
    let act = TestFunction("act", .hold(whenCancelled: .maybe)) { $0.effect = effect }
    let rig = try Rig(act)
    let running = rig.begin("act")
    _ = await act.attempt(1)
    #expect(rig.engine.snapshot(of: .header).header.running == 1)
    #expect(rig.engine.snapshot(of: .header).header.runningWrites == (effect == .write ? 1 : 0))
    let stopping = Task { await rig.engine.stop(patience: .whole) }
    await rig.events.wait(for: .engine(.stopping))
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    _ = await running.value
    #expect(rig.clock.monotonic >= .seconds(10))
    #expect(rig.engine.snapshot(of: .header).header.runningWrites == 0)
  }

  @Test func `whoever asks a second time gives what runs no more time`() async throws {
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
    let rig = try Rig(wire)
    let running = rig.begin("wire")
    let attempt = await wire.attempt(1)
    let stopping = await stop(rig)
    rig.engine.hurry()
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    _ = await running.value
    #expect(rig.clock.monotonic < .seconds(10))
    #expect(rig.events.states(of: attempt.id).last == .unknown)
  }

  @Test
  func
    `an attempt that its call has given up is waited for, so that no program outlives the engine`()
    async throws
  {
    let look = TestFunction("look", .ignoreCancellation) { definition in
      definition.effect = .read
      definition.timeout = .seconds(1)
      definition.retry = RetryPolicy(maxAttempts: 1)
    }
    let rig = try Rig(look)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    rig.clock.advance(by: .seconds(1))
    #expect(await call.value.failure?.kind == .timeout)
    let stopping = await stop(rig)
    for _ in 0..<50 { rig.clock.advance(by: .milliseconds(20)) }
    #expect(!isStopped(rig))
    attempt.answer("late")
    await rig.events.wait(for: .engine(.lateResult))
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
  }

  @Test func `a call that was cancelled before the engine stopped stays cancelled`() async throws {
    let look = TestFunction("look", .ignoreCancellation) { $0.effect = .read }
    let rig = try Rig(look)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    #expect(await rig.cancel(attempt.id).isDone)
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(await call.value.failure?.kind == .cancelled)
    attempt.answer("late")
  }

  @Test func `what backs off when the engine stops is tried no more`() async throws {
    let look = TestFunction("look", .fail(.notSent()), .echo)
    let rig = try Rig(look)
    let call = rig.begin("look")
    let id = try #require(await rig.events.wait(for: .backingOff, function: "t.look").call?.id)
    let stopping = await stop(rig)
    await stopping.value
    rig.clock.advance(by: .seconds(60))
    #expect(await call.value.failure?.kind == .engineStopped)
    #expect(try rig.row(id).state == .backingOff)
    #expect(look.executions == 1)
  }

  @Test func `an attempt that does not stop does not keep the engine`() async throws {
    let look = TestFunction("look", .ignoreCancellation) { $0.effect = .read }
    let rig = try Rig(look)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(await call.value.failure?.kind == .engineStopped)
    #expect(try rig.row(attempt.id).state == .backingOff)
    attempt.answer("late")
  }

  @Test func `what is queued stays and does not start, and whoever waits for it is told`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
    let rig = try Rig(look, TestFunction("wire"), rules: [asking("wire"), free])
    let running = rig.begin("look")
    let attempt = await look.attempt(1)
    let queued = rig.begin("look")
    await rig.queued("look", 1)
    let waiting = await rig.submit("wire")
    let outcome = Task { await rig.engine.outcome(of: waiting.id) }
    let stopping = await stop(rig)
    attempt.answer("done")
    #expect(await running.value.value == "done")
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(look.executions == 1)
    let left = await queued.value
    #expect(left.failure?.kind == .engineStopped)
    #expect(await outcome.value?.failure?.kind == .engineStopped)
    #expect(try rig.row(left.id).state == .queued)
    #expect(try rig.row(waiting.id).state == .awaitingApproval)
  }

  @Test func `whoever waits for a call that waits on is told not to ask for it a second time`()
    async throws
  {
    let rig = try Rig(TestFunction("wire"), rules: [asking("wire")], store: FaultyStore())
    let waiting = await rig.submit("wire")
    let outcome = Task { await rig.engine.outcome(of: waiting.id) }
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    let failure = try #require(await outcome.value?.failure)
    #expect(failure.kind == .engineStopped)
    #expect(failure.reach == .notSent)
    #expect(!failure.isRetryable)
    #expect(failure.message.contains("The call waits on"))
  }

  @Test func `conversations stay where they are, and their models are asked nothing more`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe))
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    let stopping = await stop(rig)
    attempt.answer("done")
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(try rig.conversation(talk).row.state == .thinking)
    #expect(try rig.conversation(talk).transcript.last?.message.role == .tool)
    #expect(model.count == 1)
  }

  /// Is not answered, and tells when its turn was stopped.
  private struct SilentModel: Model {
    let name = "silent"
    let isAsked = OneShot<Void>()
    let isStopped = OneShot<Void>()

    func respond(
      to request: ModelRequest,
      onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws(ModelFailure) -> ModelTurn {
      isAsked.resolve(())
      await withTaskCancellationHandler {
        await isStopped.value
      } onCancel: {
        isStopped.resolve(())
      }
      throw ModelFailure(.cancelled, "the turn was stopped")
    }
  }

  @Test func `a conversation whose model thinks has not failed, and can go on after a restart`()
    async throws
  {
    let rig = try Rig(TestFunction("look"))
    let model = SilentModel()
    let talk = try rig.talk(model)
    await model.isAsked.value
    await rig.engine.stop()
    await model.isStopped.value
    // No event tells that the turn is over: where it made one, it is the failure that must not come.
    for _ in 0..<1000 { await Task.yield() }
    #expect(rig.store.conversation(talk)?.state == .thinking)
    #expect(rig.events.all { $0.type == .conversation(.failed) }.isEmpty)
    #expect(await rig.engine.ended(talk)?.state.word == .thinking)
  }

  @Test func `a stopped engine asks no model, and nobody waits for the answer`() async throws {
    let rig = try Rig(TestFunction("look"))
    await rig.engine.stop()
    let model = TestModel()
    let talk = try rig.talk(model)
    #expect(await rig.engine.ended(talk)?.state == .thinking)
    #expect(model.count == 0)
  }

  @Test func `stopped twice it stops once`() async throws {
    let rig = try Rig(TestFunction("look"))
    await rig.engine.stop()
    await rig.engine.stop()
    #expect(rig.events.all { $0.type == .engine(.stopped) }.count == 1)
  }
}
