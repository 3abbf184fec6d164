import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CacheTests {
  private func cached(
    _ plan: TestFunction.Behaviour = .echo,
    scope: CachePolicy.Scope = .caller,
    attempts: Int = 1
  ) -> TestFunction {
    TestFunction("look", plan) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(ttl: .seconds(300), scope: scope)
      definition.retry = RetryPolicy(maxAttempts: attempts)
    }
  }

  @Test func `an answer is used again until its time to live is over`() async throws {
    let look = cached()
    let rig = try Rig(look)
    let first = await rig.submit("look", ["city": "Bern", "size": 3])
    #expect(first.outcome?.source == .attempt)
    rig.clock.advance(by: .seconds(299))
    // The same arguments in another order are the same arguments.
    let second = await rig.submit("look", ["size": 3.0, "city": "Bern"])
    #expect(second.outcome?.source == .hit)
    #expect(second.value == first.value)
    #expect(rig.events.states(of: second.id) == [.received, .queued, .succeeded])
    #expect(rig.events.all(of: second.id).last?.source == .hit)
    #expect(look.executions == 1)
    rig.clock.advance(by: .seconds(1))
    let third = await rig.submit("look", ["city": "Bern", "size": 3])
    #expect(third.outcome?.source == .attempt)
    #expect(look.executions == 2)
  }

  @Test func `other arguments are another question`() async throws {
    let look = cached()
    let rig = try Rig(look)
    _ = await rig.submit("look", ["city": "Bern"])
    _ = await rig.submit("look", ["city": "Basel"])
    #expect(look.executions == 2)
  }

  @Test func `identical calls share one execution`() async throws {
    let look = cached(.hold(whenCancelled: .maybe))
    let rig = try Rig(look)
    let leader = rig.begin("look", ["city": "Bern"])
    let attempt = await look.attempt(1)
    let followers = (0..<20).map { _ in rig.begin("look", ["city": "Bern"]) }
    await rig.events.wait(20) { $0.cause == "joined an identical call" }
    attempt.answer(["found": 7])
    #expect(await leader.value.outcome?.source == .attempt)
    for follower in followers {
      let submission = await follower.value
      #expect(submission.outcome?.source == .shared)
      #expect(submission.value == ["found": 7])
      #expect(!rig.events.states(of: submission.id).contains(.running))
    }
    #expect(look.executions == 1)
    // All 21 had asked the cache, and 20 of them were answered by another's work.
    #expect(rig.header.cacheHits == 20)
    #expect(rig.header.cacheLookups == 21)
  }

  @Test func `a follower of a failed call goes on by its own count`() async throws {
    let look = cached(attempts: 2)
    look.plan(.fail(.maybe()), .hold(whenCancelled: .maybe), .answer("mine"))
    let rig = try Rig(look)
    let leader = rig.begin("look")
    let failed = await rig.events.wait(for: .backingOff, function: "t.look")
    rig.clock.advance(by: .seconds(1))
    let second = await look.attempt(2)
    #expect(second.invocation.attempt == 2)
    let follower = rig.begin("look")
    let joined = await rig.events.wait { $0.cause == "joined an identical call" }
    let id = try #require(joined.call?.id)
    #expect(joined.call?.attempt == 1)
    second.fail(.maybe())
    // The leader has spent its two attempts, and the follower only its first.
    #expect(await leader.value.failure?.kind == .connectionFailed)
    #expect(rig.events.states(of: failed.call?.id ?? id).last == .failed)
    let waits = await rig.events.wait(for: .backingOff, of: id)
    #expect(waits.call?.attempt == 1)
    rig.clock.advance(by: .seconds(1))
    #expect(await follower.value.value == "mine")
    #expect(rig.events.all(of: id).last { $0.call?.state == .running }?.call?.attempt == 2)
    #expect(look.executions == 3)
  }

  @Test func `followers of a cancelled call do not end with it`() async throws {
    let look = cached()
    look.plan(.hold(whenCancelled: .maybe), .answer("fresh"))
    let rig = try Rig(look)
    let leader = rig.begin("look")
    let attempt = await look.attempt(1)
    let follower = rig.begin("look")
    await rig.events.wait { $0.cause == "joined an identical call" }
    #expect(await rig.cancel(attempt.id).isDone)
    #expect(await leader.value.failure?.kind == .cancelled)
    let submission = await follower.value
    #expect(submission.value == "fresh")
    #expect(submission.outcome?.source == .attempt)
    #expect(look.executions == 2)
  }

  @Test func `a cancelled follower leaves the flight, and the flight goes on`() async throws {
    let look = cached(.hold(whenCancelled: .maybe))
    let rig = try Rig(look)
    let leader = rig.begin("look")
    let attempt = await look.attempt(1)
    let follower = rig.begin("look")
    let joined = await rig.events.wait { $0.cause == "joined an identical call" }
    let id = try #require(joined.call?.id)
    #expect(await rig.cancel(id).isDone)
    #expect(await follower.value.failure?.kind == .cancelled)
    attempt.answer("found")
    #expect(await leader.value.value == "found")
    #expect(rig.events.states(of: id).last == .cancelled)
  }

  @Test func `a function that writes is never cached and never shared`() async throws {
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe)) { $0.effect = .write }
    let rig = try Rig(wire)
    let first = rig.begin("wire", ["amount": 5])
    _ = await wire.attempt(1)
    // Equal ones wait for a person, and run by themselves when they are approved.
    let others = [await rig.submit("wire", ["amount": 5]), await rig.submit("wire", ["amount": 5])]
    for other in others { #expect(try await rig.approve(other.id).isDone) }
    for number in 1...3 { await wire.attempt(number).answer(.integer(Int64(number))) }
    #expect(await first.value.outcome?.source == .attempt)
    for other in others { #expect(await rig.engine.outcome(of: other.id)?.source == .attempt) }
    #expect(wire.executions == 3)
    let joined = rig.events.all { $0.cause?.contains("identical") == true || $0.source == .hit }
    #expect(joined.isEmpty)
  }

  @Test(arguments: [FunctionEffect.write, .idempotent])
  func `a cache on a function that changes something is refused`(_ effect: FunctionEffect) throws {
    let wire = TestFunction("wire") { definition in
      definition.effect = effect
      definition.cache = CachePolicy()
    }
    let mistake = #expect(throws: ConfigurationMistake.self) { try Rig(wire) }
    #expect(mistake?.path == "functions.t.wire.cache")
  }

  @Test func `a read without a cache runs each time`() async throws {
    let look = TestFunction("look") { $0.effect = .read }
    let rig = try Rig(look)
    for _ in 0..<3 { #expect(await rig.submit("look").outcome?.source == .attempt) }
    #expect(look.executions == 3)
    #expect(rig.header.cacheLookups == 0)
  }

  @Test func `an answer belongs to its caller unless it is shared`() async throws {
    let mine = cached(scope: .caller)
    let rig = try Rig(mine)
    _ = await rig.submit("look")
    #expect(await rig.submit("look", by: .caller("other")).outcome?.source == .attempt)
    #expect(await rig.submit("look", by: .caller("other")).outcome?.source == .hit)
    #expect(mine.executions == 2)

    let ours = cached(scope: .shared)
    let shared = try Rig(ours)
    _ = await shared.submit("look")
    #expect(await shared.submit("look", by: .caller("other")).outcome?.source == .hit)
    #expect(ours.executions == 1)
  }

  @Test func `a cleared cache answers nothing`() async throws {
    let look = cached()
    let rig = try Rig(look)
    _ = await rig.submit("look")
    let reply = await rig.engine.perform(.clearCache(function: "t.look"), by: maria)
    #expect(reply == .done("1 cached answers forgotten"))
    let event = await rig.events.wait(for: .function(.cacheCleared))
    #expect(event.function == "t.look")
    #expect(event.by == "maria")
    #expect(await rig.submit("look").outcome?.source == .attempt)
    #expect(look.executions == 2)
  }

  @Test func `a failure is not kept`() async throws {
    let look = cached()
    look.plan(.fail(.answered(retryable: false)), .answer("well"))
    let rig = try Rig(look)
    #expect(await rig.submit("look").failure != nil)
    #expect(await rig.submit("look").value == "well")
    #expect(await rig.submit("look").outcome?.source == .hit)
    #expect(look.executions == 2)
  }

  @Test func `secrets in a cached answer reach the caller and not the events`() async throws {
    let look = TestFunction("look", .answer(["token": "abc"])) { definition in
      definition.effect = .read
      definition.cache = CachePolicy()
      definition.secrets = ["token"]
    }
    let rig = try Rig(look)
    for source in [CallOutcome.Source.attempt, .hit] {
      let submission = await rig.submit("look")
      #expect(submission.outcome?.source == source)
      #expect(submission.value == ["token": "abc"])
      #expect(rig.events.all(of: submission.id).last?.value == ["token": .string(Redactor.mark)])
    }
  }
}
