import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BreakerTests {
  private func flaky(
    _ configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  ) -> TestFunction {
    TestFunction("ask", .fail(.maybe())) { definition in
      definition.effect = .read
      definition.retry = RetryPolicy(maxAttempts: 1, cap: .seconds(60))
      definition.breaker = BreakerPolicy(
        consecutiveFailures: 2,
        failureRate: 0,
        openFor: .seconds(30)
      )
      configure(&definition)
    }
  }

  private func breakers(_ rig: Rig) -> [EngineEvent.Kind] {
    rig.events.all.map(\.type).filter { if case .breaker = $0 { true } else { false } }
  }

  @Test func `it opens, refuses without counting the attempt, probes once and closes`() async throws
  {
    let ask = flaky()
    ask.plan(.fail(.maybe()), .fail(.maybe()), .hold(whenCancelled: .maybe), .answer("well"))
    let rig = try Rig(ask)
    _ = await rig.submit("ask")
    #expect(breakers(rig).isEmpty)
    _ = await rig.submit("ask")
    #expect(breakers(rig) == [.breaker(.open)])
    #expect(try rig.function("ask").breaker == .open)

    let first = rig.begin("ask")
    let refused = await rig.events.wait(for: .backingOff, function: "t.ask")
    #expect(refused.cause == "breaker open")
    #expect(refused.call?.attempt == 1)
    #expect(ask.executions == 2)
    let waiting = try #require(refused.call?.id)
    #expect(try rig.row(waiting).until == rig.clock.now + 30)

    rig.clock.advance(by: .seconds(30))
    let probe = await ask.attempt(3)
    #expect(probe.id == waiting)
    // The refusal was no attempt: this is the first.
    #expect(probe.invocation.attempt == 1)
    #expect(breakers(rig) == [.breaker(.open), .breaker(.halfOpen)])

    let second = rig.begin("ask")
    let other = await rig.events.wait(2) { $0.cause == "breaker open" }
    #expect(other.call?.id != waiting)
    #expect(ask.executions == 3)
    probe.answer("well")
    #expect(await first.value.value == "well")
    #expect(breakers(rig) == [.breaker(.open), .breaker(.halfOpen), .breaker(.closed)])
    rig.clock.advance(by: .seconds(1))
    #expect(await second.value.value == "well")
    #expect(ask.executions == 4)
  }

  @Test func `a probe that fails opens it again`() async throws {
    let ask = flaky()
    ask.plan(.fail(.maybe()), .fail(.maybe()), .fail(.maybe()), .answer("well"))
    let rig = try Rig(ask)
    for _ in 0..<2 { _ = await rig.submit("ask") }
    let probe = rig.begin("ask")
    await rig.events.wait(for: .backingOff, function: "t.ask")
    rig.clock.advance(by: .seconds(30))
    #expect(await probe.value.failure?.kind == .connectionFailed)
    #expect(breakers(rig) == [.breaker(.open), .breaker(.halfOpen), .breaker(.open)])
    let later = rig.begin("ask")
    await rig.events.wait(2) { $0.cause == "breaker open" }
    rig.clock.advance(by: .seconds(30))
    #expect(await later.value.value == "well")
  }

  @Test func `a rate over a window with a minimum opens it too`() async throws {
    let ask = flaky {
      $0.breaker = BreakerPolicy(
        consecutiveFailures: 0,
        failureRate: 0.5,
        window: .seconds(60),
        minimumCalls: 4,
        openFor: .seconds(30)
      )
    }
    ask.plan(.fail(.maybe()), .answer(1), .answer(2), .fail(.maybe()))
    let rig = try Rig(ask)
    for _ in 0..<3 { _ = await rig.submit("ask") }
    #expect(breakers(rig).isEmpty)
    _ = await rig.submit("ask")
    #expect(breakers(rig) == [.breaker(.open)])
  }

  @Test func `errors of the caller do not speak against the function`() async throws {
    let ask = flaky()
    ask.plan(.fail(CallFailure(.clientError, "404", reach: .answered)))
    let rig = try Rig(ask)
    for _ in 0..<5 { _ = await rig.submit("ask") }
    #expect(breakers(rig).isEmpty)
    #expect(ask.executions == 5)
  }

  @Test func `waits for it together beyond the longest delay end the call`() async throws {
    let ask = flaky { $0.retry = RetryPolicy(maxAttempts: 1, cap: .seconds(10)) }
    let rig = try Rig(ask)
    for _ in 0..<2 { _ = await rig.submit("ask") }
    let refused = await rig.submit("ask")
    #expect(refused.failure?.kind == .circuitOpen)
    #expect(refused.failure?.reach == .notSent)
    #expect(ask.executions == 2)
    #expect(try rig.call(refused.id).attempts.isEmpty)
  }

  @Test func `a fallback answers where it refuses too long`() async throws {
    let ask = flaky {
      $0.retry = RetryPolicy(maxAttempts: 1, cap: .seconds(10))
      $0.fallback = .value(["price": 100])
    }
    let rig = try Rig(ask)
    for _ in 0..<2 { _ = await rig.submit("ask") }
    let refused = await rig.submit("ask")
    #expect(refused.outcome?.source == .degraded)
    #expect(refused.value == ["price": 100])
    #expect(try rig.call(refused.id).firstFailure?.kind == .circuitOpen)
  }

  @Test func `forced open by hand it stays open until it is reset by hand`() async throws {
    let ask = flaky()
    ask.plan(.answer("well"))
    let rig = try Rig(ask)
    let trip = await rig.engine.perform(.setBreaker("t.ask", from: .closed, to: .open), by: maria)
    #expect(trip.isDone)
    #expect(breakers(rig) == [.breaker(.open)])
    #expect(rig.events.all.last { $0.type == .breaker(.open) }?.by == "maria")
    // Who still sees it closed changes nothing.
    let stale = await rig.engine.perform(.setBreaker("t.ask", from: .closed, to: .open), by: omar)
    #expect(!stale.isDone)

    let waits = rig.begin("ask")
    await rig.events.wait(for: .backingOff, function: "t.ask")
    rig.clock.advance(by: .seconds(30))
    // Its own time is over and nothing is let through: no probe.
    await rig.events.wait(2) { $0.cause == "breaker open" }
    #expect(ask.executions == 0)
    let reset = await rig.engine.perform(.setBreaker("t.ask", from: .open, to: .closed), by: maria)
    #expect(reset.isDone)
    #expect(try rig.function("ask").breaker == .closed)
    rig.clock.advance(by: .seconds(30))
    #expect(await waits.value.value == "well")
  }

  @Test func `a probe that is cancelled leaves room for the next`() async throws {
    let ask = flaky()
    ask.plan(.fail(.maybe()), .fail(.maybe()), .hold(whenCancelled: .maybe), .answer("well"))
    let rig = try Rig(ask)
    for _ in 0..<2 { _ = await rig.submit("ask") }
    rig.clock.advance(by: .seconds(30))
    let probe = rig.begin("ask")
    let attempt = await ask.attempt(3)
    #expect(await rig.cancel(attempt.id).isDone)
    #expect(await probe.value.failure?.kind == .cancelled)
    #expect(await rig.submit("ask").value == "well")
    #expect(breakers(rig).last == .breaker(.closed))
  }
}
