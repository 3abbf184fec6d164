import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RetryTests {
  struct Row: Sendable, CustomStringConvertible {
    var effect: FunctionEffect
    var failure: CallFailure
    var executions: Int
    var end: CallState.Word

    var description: String {
      "\(effect), \(failure.reach), \(failure.isRetryable ? "retryable" : "final")"
    }
  }

  static let rows = [
    Row(effect: .read, failure: .notSent(), executions: 2, end: .failed),
    Row(effect: .idempotent, failure: .notSent(), executions: 2, end: .failed),
    Row(effect: .write, failure: .notSent(), executions: 2, end: .failed),
    Row(effect: .read, failure: .answered(retryable: true), executions: 2, end: .failed),
    Row(effect: .idempotent, failure: .answered(retryable: true), executions: 2, end: .failed),
    Row(effect: .write, failure: .answered(retryable: true), executions: 1, end: .failed),
    Row(effect: .read, failure: .answered(retryable: false), executions: 1, end: .failed),
    Row(effect: .idempotent, failure: .answered(retryable: false), executions: 1, end: .failed),
    Row(effect: .write, failure: .answered(retryable: false), executions: 1, end: .failed),
    Row(effect: .read, failure: .maybe(), executions: 2, end: .failed),
    Row(effect: .idempotent, failure: .maybe(), executions: 2, end: .failed),
    Row(effect: .write, failure: .maybe(), executions: 1, end: .unknown),
  ]

  @Test(arguments: rows) func `reach and effect decide what is tried again`(_ row: Row) async throws
  {
    let ask = TestFunction("ask", .fail(row.failure)) { definition in
      definition.effect = row.effect
      definition.retry = RetryPolicy(maxAttempts: 2)
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    if row.executions == 2 {
      let failed = await rig.events.wait(for: .backingOff, function: "t.ask")
      #expect(failed.failure?.kind == row.failure.kind)
      #expect(failed.call?.attempt == 1)
      rig.clock.advance(by: .seconds(1))
    }
    let submission = await call.value
    #expect(submission.isPending == (row.end == .unknown))
    #expect(rig.events.states(of: submission.id).last == row.end)
    #expect(ask.executions == row.executions)
    #expect(try rig.call(submission.id).attempts.map(\.number) == Array(1...row.executions))
    #expect(Set(ask.invocations.map(\.idempotencyKey)).count == 1)
  }

  @Test func `a thrown error of a write proves nothing, unless the function declares that it does`()
    async throws
  {
    let vague = TestFunction("vague", .raise("boom"))
    let clean = TestFunction("clean", .raise("boom")) { $0.failsCleanly = true }
    let rig = try Rig(vague, clean)
    let unknown = await rig.submit("vague")
    #expect(unknown.isPending)
    #expect(rig.events.states(of: unknown.id).last == .unknown)
    let failed = await rig.submit("clean")
    #expect(failed.failure?.kind == .functionThrew)
    #expect(vague.executions == 1)
    #expect(clean.executions == 1)
  }

  @Test func `it ends as soon as an attempt succeeds`() async throws {
    let ask = TestFunction("ask", .fail(.maybe()), .fail(.notSent()), .answer("well")) {
      definition in
      definition.effect = .read
      definition.retry = RetryPolicy(maxAttempts: 5)
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    for number in 1...2 {
      let id = await ask.attempt(number).id
      await rig.events.wait(for: .backingOff, of: id, attempt: number)
      rig.clock.advance(by: .seconds(1))
    }
    let submission = await call.value
    #expect(submission.value == "well")
    #expect(
      rig.events.states(of: submission.id) == [
        .received, .queued, .running, .backingOff, .queued, .running, .backingOff, .queued,
        .running, .succeeded,
      ]
    )
    #expect(ask.invocations.map(\.attempt) == [1, 2, 3])
  }

  @Test func `the other side's Retry-After is the shortest wait`() async throws {
    let ask = TestFunction("ask", .fail(.answered(retryable: true, after: 120)), .answer("well")) {
      $0.effect = .read
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    let failed = await rig.events.wait(for: .backingOff, function: "t.ask")
    let id = try #require(failed.call?.id)
    #expect(try rig.row(id).until == rig.clock.now + 120)
    rig.clock.advance(by: .seconds(119))
    #expect(try rig.row(id).state == .backingOff)
    #expect(ask.executions == 1)
    rig.clock.advance(by: .seconds(1))
    #expect(await call.value.value == "well")
  }

  @Test func `the wait is random below a bound that doubles`() async throws {
    let ask = TestFunction("ask", .fail(.maybe())) { definition in
      definition.effect = .read
      definition.retry = RetryPolicy(maxAttempts: 6, base: .seconds(1), cap: .seconds(8))
      definition.breaker = BreakerPolicy(consecutiveFailures: 0, failureRate: 0)
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    var waits: [Double] = []
    for attempt in 1...5 {
      let id = await ask.attempt(attempt).id
      await rig.events.wait(for: .backingOff, of: id, attempt: attempt)
      let until = try #require(try rig.row(id).until)
      waits.append(until.timeIntervalSince(rig.clock.now))
      rig.clock.advance(by: .seconds(8))
    }
    _ = await call.value
    #expect(ask.executions == 6)
    for (wait, bound) in zip(waits, [1.0, 2, 4, 8, 8]) {
      #expect(wait >= 0)
      #expect(wait <= bound)
    }
    #expect(Set(waits).count == 5)
  }

  @Test func `an attempt that takes too long is stopped and counts as maybe`() async throws {
    let ask = TestFunction("ask", .hold(whenCancelled: .maybe), .answer("well")) { definition in
      definition.effect = .read
      definition.timeout = .seconds(10)
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    let attempt = await ask.attempt(1)
    rig.clock.advance(by: .seconds(10))
    let failed = await rig.events.wait(for: .backingOff, of: attempt.id)
    #expect(failed.failure?.kind == .timeout)
    #expect(failed.failure?.reach == .maybe)
    rig.clock.advance(by: .seconds(1))
    #expect(await call.value.value == "well")
  }

  @Test func `no retry of a function that was switched off while it ran`() async throws {
    let ask = TestFunction("ask", .hold(whenCancelled: .maybe), .answer("well")) {
      $0.effect = .read
    }
    let rig = try Rig(ask)
    let call = rig.begin("ask")
    let attempt = await ask.attempt(1)
    await rig.turn("ask", on: false)
    attempt.fail(.maybe())
    await rig.events.wait(for: .backingOff, of: attempt.id)
    rig.clock.advance(by: .seconds(1))
    await rig.queued("ask", 1)
    #expect(ask.executions == 1)
    #expect(try rig.row(attempt.id).isHeld)
    await rig.turn("ask", on: true)
    #expect(await call.value.value == "well")
  }
}
