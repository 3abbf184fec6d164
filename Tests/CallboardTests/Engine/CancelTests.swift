import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CancelTests {
  @Test func `waiting for approval it ends`() async throws {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire")
    #expect(submission.isPending)
    let outcome = Task { await rig.engine.outcome(of: submission.id) }
    #expect(await rig.cancel(submission.id).isDone)
    #expect(await outcome.value?.failure?.kind == .cancelled)
    #expect(rig.events.all(of: submission.id).last?.by == "maria")
    #expect(rig.header.waiting == 0)
  }

  @Test func `approved it ends within its grace time`() async throws {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire", grace: 10)])
    let submission = await rig.submit("wire")
    #expect(try await rig.approve(submission.id).isDone)
    #expect(try rig.row(submission.id).state == .approved)
    #expect(await rig.cancel(submission.id).isDone)
    rig.clock.advance(by: .seconds(60))
    #expect(rig.events.states(of: submission.id).last == .cancelled)
    #expect(wire.executions == 0)
  }

  @Test func `queued it leaves the line, and those behind it move up`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
    let rig = try Rig(look)
    let first = rig.begin("look")
    let attempt = await look.attempt(1)
    let second = rig.begin("look", ["n": 2])
    await rig.queued("look", 1)
    let third = rig.begin("look", ["n": 3])
    await rig.queued("look", 2)
    let queued = rig.events.all { $0.type == .call(.queued) }.compactMap(\.call?.id)
    #expect(await rig.cancel(queued[1]).isDone)
    #expect(await second.value.failure?.kind == .cancelled)
    #expect(try rig.function("look").queued == 1)
    attempt.answer("done")
    #expect(await third.value.value == ["n": 3])
    _ = await first.value
    #expect(look.executions == 2)
  }

  @Test func `backing off it ends at once, without waiting for its time`() async throws {
    let look = TestFunction("look", .fail(.maybe())) { $0.effect = .read }
    let rig = try Rig(look)
    let submission = rig.begin("look")
    let failed = await rig.events.wait(for: .backingOff, function: "t.look")
    #expect(await rig.cancel(try #require(failed.call?.id)).isDone)
    #expect(await submission.value.failure?.kind == .cancelled)
    rig.clock.advance(by: .seconds(60))
    #expect(look.executions == 1)
  }

  @Test(arguments: [
    (FunctionEffect.read, CallFailure.Reach.maybe, CallState.Word.cancelled),
    (.idempotent, .maybe, .cancelled),
    (.read, .answered, .failed),
    (.write, .notSent, .cancelled),
    (.write, .maybe, .unknown),
  ])
  func `running it stops, and is cancelled or unknown by what the attempt may have done`(
    _ effect: FunctionEffect,
    _ reach: CallFailure.Reach,
    _ end: CallState.Word
  ) async throws {
    let job = TestFunction("job", .hold(whenCancelled: reach)) { $0.effect = effect }
    let rig = try Rig(job)
    let submission = rig.begin("job")
    let attempt = await job.attempt(1)
    if reach == .answered {
      // The answer comes before the stop does.
      job.plan(.ignoreCancellation)
      attempt.fail(.answered(retryable: false))
      #expect(await submission.value.failure?.kind == .serverError)
      #expect(!(await rig.cancel(attempt.id)).isDone)
    } else {
      #expect(await rig.cancel(attempt.id).isDone)
      _ = await submission.value
      let states = rig.events.states(of: attempt.id)
      #expect(states.contains(.stopping))
    }
    #expect(rig.events.states(of: attempt.id).last == end)
    await eventually { job.running == 0 }
    await eventually { (try? rig.function("job").running) == 0 }
  }

  @Test(arguments: [
    (FunctionEffect.read, " told to stop"), (.idempotent, " told to stop"),
    (.write, " told to stop; it may have been done already"),
  ])
  func `whoever cancels what runs hears that it is told to stop, and what that means`(
    effect: FunctionEffect,
    words: String
  ) async throws {
    let job = TestFunction("job", .hold(whenCancelled: .maybe)) { $0.effect = effect }
    let rig = try Rig(job)
    let submission = rig.begin("job")
    let reply = await rig.cancel(await job.attempt(1).id)
    #expect(reply.isDone)
    #expect(reply.message.hasSuffix(words), "\(reply)")
    _ = await submission.value
  }

  @Test func `what has not begun is cancelled at once, and is said to be`() async throws {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire")
    let reply = await rig.cancel(submission.id)
    #expect(reply.message.hasSuffix(" cancelled"), "\(reply)")
  }

  @Test func `a result that came before it stopped is its result`() async throws {
    let job = TestFunction("job", .ignoreCancellation)
    let rig = try Rig(job)
    let submission = rig.begin("job")
    let attempt = await job.attempt(1)
    #expect(await rig.cancel(attempt.id).isDone)
    #expect(try rig.row(attempt.id).state == .stopping)
    // Stopping already: there is nothing more to ask for.
    #expect(!(await rig.cancel(attempt.id)).isDone)
    attempt.answer("done")
    #expect(await submission.value.value == "done")
  }

  @Test func `an error that came before it stopped is its failure`() async throws {
    let job = TestFunction("job", .ignoreCancellation)
    let rig = try Rig(job)
    let submission = rig.begin("job")
    let attempt = await job.attempt(1)
    #expect(await rig.cancel(attempt.id).isDone)
    attempt.fail(.answered(retryable: true))
    #expect(await submission.value.failure?.kind == .serverError)
  }

  @Test(arguments: [
    (FunctionEffect.read, CallState.Word.cancelled), (.idempotent, .cancelled), (.write, .unknown),
  ])
  func
    `an attempt that does not stop is given up after 5 seconds, and keeps its slot until it ends`(
      _ effect: FunctionEffect,
      _ end: CallState.Word
    ) async throws
  {
    let job = TestFunction("job", .ignoreCancellation, .echo) { definition in
      definition.effect = effect
      definition.slots = 1
    }
    let rig = try Rig(job)
    let submission = rig.begin("job")
    let attempt = await job.attempt(1)
    #expect(await rig.cancel(attempt.id).isDone)
    rig.clock.advance(by: .milliseconds(4999))
    #expect(try rig.row(attempt.id).state == .stopping)
    rig.clock.advance(by: .milliseconds(1))
    #expect(await submission.value.isPending == (end == .unknown))
    #expect(rig.events.states(of: attempt.id).last == end)
    #expect(try rig.function("job").running == 1)
    let next = rig.begin("job", ["n": 2])
    await rig.queued("job", 1)
    #expect(job.executions == 1)
    attempt.answer("late")
    #expect(await next.value.value == ["n": 2])
  }

  @Test func `an unknown outcome and an ended call are not cancelled`() async throws {
    let job = TestFunction("job", .fail(.maybe()), .echo)
    let rig = try Rig(job)
    let unknown = await rig.submit("job")
    let ended = await rig.submit("job")
    for id in [unknown.id, ended.id] {
      #expect(!(await rig.cancel(id)).isDone)
      #expect(rig.audited(id).count == 1)
    }
    #expect(rig.events.states(of: unknown.id).last == .unknown)
    #expect(rig.events.states(of: ended.id).last == .succeeded)
  }

  @Test func `ended calls run again as new ones, linked and with keys of their own`() async throws {
    let job = TestFunction("job", .fail(.answered(retryable: false)), .echo)
    let rig = try Rig(job)
    let failed = await rig.submit("job", ["n": 1])
    #expect(failed.failure != nil)
    #expect(try await rig.runAgain(failed.id).isDone)
    let again = await rig.events.wait(for: .succeeded, function: "t.job")
    #expect(again.call?.link == .again(failed.id))
    #expect(again.value == ["n": 1])
    #expect(Set(job.invocations.map(\.idempotencyKey)).count == 2)
    // Whose doing it is stands at its first step, and in the stream.
    let rerun = try #require(again.call?.id)
    #expect(try rig.call(rerun).history.first?.by == "maria")
    #expect(rig.events.all { $0.call?.id == rerun }.first?.by == "maria")
    // The one that failed stays as it was.
    #expect(rig.events.states(of: failed.id).last == .failed)
    // What somebody else says instead is what runs.
    #expect(try await rig.runAgain(failed.id, ["n": 2]).isDone)
    #expect(await rig.events.wait(for: .succeeded, function: "t.job", 2).value == ["n": 2])
  }

  @Test func `a call that succeeded asks before it runs again`() async throws {
    let job = TestFunction("job")
    let rig = try Rig(job)
    let done = await rig.submit("job")
    let reply = try await rig.runAgain(done.id)
    #expect(reply.isDone)
    #expect(reply.message.contains("waits for approval"))
    let asks = await rig.events.wait(for: .awaitingApproval, function: "t.job")
    #expect(asks.rule == "a call that succeeded is run again")
    #expect(job.executions == 1)
    #expect(try await rig.approve(try #require(asks.call?.id)).isDone)
    await rig.events.wait(for: .succeeded, function: "t.job", 2)
  }

  @Test func `a call whose secrets are not kept runs again only with new ones`() async throws {
    let job = TestFunction("job") { $0.secrets = ["token"] }
    let rig = try Rig(job)
    let done = await rig.submit("job", ["token": "abc"])
    let reply = try await rig.runAgain(done.id)
    #expect(reply.message.contains("secret fields are not kept"))
    #expect(rig.audited(done.id).map(\.cause) == [reply.message])
  }
}
