import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(2)))
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

  @Test func `what has not ended after its time is stopped`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
    let rig = try Rig(look, wire)
    let calls = [rig.begin("look"), rig.begin("wire")]
    let read = await look.attempt(1)
    let write = await wire.attempt(1)
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(rig.events.states(of: read.id).last == .cancelled)
    #expect(rig.events.states(of: write.id).last == .unknown)
    for call in calls { _ = await call.value }
    #expect(rig.clock.monotonic >= .seconds(10))
  }

  @Test func `an attempt that does not stop does not keep the engine`() async throws {
    let look = TestFunction("look", .ignoreCancellation) { $0.effect = .read }
    let rig = try Rig(look)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    let stopping = await stop(rig)
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(await call.value.failure?.kind == .cancelled)
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

  @Test func `conversations are paused, and their models asked nothing more`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe))
    let rig = try Rig(look)
    let model = TestModel(.call(("t_look", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    let stopping = await stop(rig)
    attempt.answer("done")
    await rig.advance(by: .milliseconds(20)) { isStopped(rig) }
    await stopping.value
    #expect(try rig.conversation(talk).row.state == .paused)
    #expect(model.count == 1)
  }

  @Test func `stopped twice it stops once`() async throws {
    let rig = try Rig(TestFunction("look"))
    await rig.engine.stop()
    await rig.engine.stop()
    #expect(rig.events.all { $0.type == .engine(.stopped) }.count == 1)
  }
}
