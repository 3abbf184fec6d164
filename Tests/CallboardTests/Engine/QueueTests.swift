import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(2)))
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
