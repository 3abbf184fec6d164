import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct QueueTests {
  @Test func `a call that finds the queue full is rejected`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.slots = 1 }
    let rig = try Rig(look) { $0.queue = 2 }
    let calls = (0..<3).map { _ in rig.begin("look") }
    _ = await look.attempt(1)
    await rig.queued("look", 2)
    let refused = await rig.submit("look")
    #expect(refused.failure?.kind == .queueFull)
    #expect(refused.failure?.isRetryable == true)
    #expect(rig.events.states(of: refused.id) == [.received, .rejected])
    look.plan(.echo)
    await look.attempt(1).answer("done")
    for call in calls { #expect(await call.value.failure == nil) }
    #expect(await rig.submit("look").failure == nil)
  }

  @Test func `of calls that come all at once no more wait than the queue holds`() async throws {
    for _ in 0..<20 {
      let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.slots = 1 }
      let rig = try Rig(look) { $0.queue = 5 }
      let calls = (0..<200).map { _ in rig.begin("look") }
      await eventually { rig.events.all { $0.type == .call(.rejected) }.count >= 194 }
      #expect(rig.events.all { $0.type == .call(.queued) }.count == 6)
      look.plan(.echo)
      await look.attempt(1).answer("done")
      var refused = 0
      for call in calls where await call.value.failure?.kind == .queueFull { refused += 1 }
      #expect(refused == 194)
    }
  }

  @Test func `only new calls count against the queue's bound`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
    let rule = ApprovalRules.Rule(
      function: "t.look",
      when: try Schema(["required": ["ask"]])
    )
    let rig = try Rig(look, rules: [rule, free]) { $0.queue = 1 }
    let running = rig.begin("look")
    let attempt = await look.attempt(1)
    let approved = await rig.submit("look", ["ask": true])
    #expect(try await rig.approve(approved.id).isDone)
    await rig.queued("look", 1)
    let new = rig.begin("look")
    await rig.queued("look", 2)
    #expect(await rig.submit("look").failure?.kind == .queueFull)
    attempt.answer("done")
    for call in [running, new] { #expect(await call.value.failure == nil) }
    #expect(await rig.engine.outcome(of: approved.id)?.failure == nil)
  }

  @Test func `whatever takes a call out of the queue gives its place to another`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { definition in
      definition.slots = 1
      definition.timeout = .seconds(3600)
    }
    let cached = TestFunction("cached", .answer(1)) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(ttl: .seconds(60))
    }
    let rig = try Rig(look, cached) { $0.queue = 1 }
    let running = rig.begin("look")
    _ = await look.attempt(1)
    // Run, answered from the cache, cancelled, too late, and in line: each in the one place there is.
    #expect(await rig.submit("cached").failure == nil)
    #expect(await rig.submit("cached").outcome?.source == .hit)
    let cancelled = rig.begin("look")
    let id = try #require(await rig.events.wait(for: .queued, function: "t.look", 2).call?.id)
    await rig.queued("look", 1)
    #expect(await rig.submit("cached").failure?.kind == .queueFull)
    #expect(await rig.cancel(id).isDone)
    #expect(await cancelled.value.failure?.kind == .cancelled)
    let late = rig.begin("look")
    await rig.queued("look", 1)
    rig.clock.advance(by: .seconds(900))
    #expect(await late.value.failure?.kind == .expired)
    let last = rig.begin("look")
    await rig.queued("look", 1)
    look.plan(.echo)
    await look.attempt(1).answer("done")
    #expect(await last.value.failure == nil)
    _ = await running.value
    #expect(await rig.submit("look").failure == nil)
  }

  @Test func `a call that waits too long for its turn expires, if it never ran`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { definition in
      definition.slots = 1
      definition.timeout = .seconds(3600)
    }
    let rig = try Rig(look)
    _ = rig.begin("look")
    _ = await look.attempt(1)
    let waits = rig.begin("look")
    await rig.queued("look", 1)
    rig.clock.advance(by: .seconds(899))
    #expect(try rig.function("look").queued == 1)
    rig.clock.advance(by: .seconds(1))
    #expect(await waits.value.failure?.kind == .expired)
    #expect(try rig.function("look").queued == 0)
    #expect(look.executions == 1)
  }

  @Test func `held calls wait no longer than others`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.slots = 1 }
    let rig = try Rig(look)
    _ = rig.begin("look")
    let attempt = await look.attempt(1)
    let waits = rig.begin("look")
    await rig.queued("look", 1)
    await rig.turn("look", on: false)
    attempt.answer("done")
    rig.clock.advance(by: .seconds(900))
    #expect(await waits.value.failure?.kind == .expired)
  }

  @Test func `a call that waits too long for another try has failed`() async throws {
    let look = TestFunction("look", .fail(.maybe()), .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.slots = 1
      definition.timeout = .seconds(3600)
      definition.maxQueue = .seconds(60)
    }
    let rig = try Rig(look)
    let first = rig.begin("look", ["n": 1])
    let failed = await rig.events.wait(for: .backingOff, function: "t.look")
    _ = rig.begin("look", ["n": 2])
    _ = await look.attempt(2)
    rig.clock.advance(by: .seconds(1))
    await rig.queued("look", 1)
    rig.clock.advance(by: .seconds(60))
    let submission = await first.value
    #expect(submission.id == failed.call?.id)
    #expect(submission.failure?.kind == .queueTimeout)
    #expect(rig.events.states(of: submission.id).last == .failed)
  }

  @Test func `no more run at a time than a function has slots`() async throws {
    let look = TestFunction("look", .yield(20)) { $0.slots = 3 }
    let rig = try Rig(look)
    let calls = (0..<60).map { _ in rig.begin("look") }
    for call in calls { #expect(await call.value.failure == nil) }
    #expect(look.peak <= 3)
    #expect(look.executions == 60)
  }

  @Test func `no more run at a time than the engine has slots`() async throws {
    let a = TestFunction("a", .hold(whenCancelled: .maybe))
    let b = TestFunction("b", .hold(whenCancelled: .maybe))
    let rig = try Rig(a, b) { $0.slots = 2 }
    let calls = [rig.begin("a"), rig.begin("a")]
    _ = await a.attempt(2)
    let waits = rig.begin("b")
    await rig.queued("b", 1)
    #expect(rig.header.running == 2)
    await a.attempt(1).answer(1)
    let attempt = await b.attempt(1)
    attempt.answer("done")
    #expect(await waits.value.value == "done")
    await a.attempt(2).answer(2)
    for call in calls { _ = await call.value }
  }

  @Test func `who came first runs first`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
    let rig = try Rig(look)
    let first = rig.begin("look", ["n": 0])
    _ = await look.attempt(1)
    var calls: [Task<Submission, Never>] = []
    for number in 1...8 {
      calls.append(rig.begin("look", ["n": .integer(Int64(number))]))
      await rig.queued("look", number)
    }
    await look.attempt(1).answer("done")
    for call in [first] + calls { _ = await call.value }
    #expect(look.invocations.map { $0.arguments["n"]?.intValue } == Array(0...8))
  }

  @Test func `a full function does not stand in the way of another`() async throws {
    let slow = TestFunction("slow", .hold(whenCancelled: .maybe)) { $0.slots = 1 }
    let fast = TestFunction("fast")
    let rig = try Rig(slow, fast)
    let calls = [rig.begin("slow"), rig.begin("slow")]
    _ = await slow.attempt(1)
    await rig.queued("slow", 1)
    #expect(await rig.submit("fast").failure == nil)
    slow.plan(.echo)
    await slow.attempt(1).answer("done")
    for call in calls { _ = await call.value }
  }
}
