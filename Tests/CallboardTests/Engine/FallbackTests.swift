import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct FallbackTests {
  private func failing(
    _ name: String = "ask",
    _ plan: TestFunction.Behaviour = .fail(.answered(retryable: false)),
    fallback: FunctionDefinition.Fallback,
    ttl: Duration? = nil
  ) -> TestFunction {
    TestFunction(name, plan) { definition in
      definition.effect = .read
      definition.fallback = fallback
      definition.cache = ttl.map { CachePolicy(ttl: $0) }
      definition.retry = RetryPolicy(maxAttempts: 1)
    }
  }

  @Test func `a value answers in its place, and the model is told`() async throws {
    let rig = try Rig(failing(fallback: .value(["price": 100])))
    let model = TestModel(.call(("t_ask", "{}")))
    _ = try rig.talk(model)
    let heard = try JSONValue(parsing: try #require(await model.asked(2).answers.first))
    #expect(heard["degraded"] == true)
    #expect(heard["result"] == ["price": 100])
    #expect(heard["note"]?.stringValue?.contains("it said no") == true)
    #expect(rig.events.all { $0.type == .call(.succeeded) }.map(\.source) == [.degraded])
  }

  @Test func `a stale answer stands in, and without one the failure stands`() async throws {
    let ask = failing(fallback: .staleCache, ttl: .seconds(60))
    ask.plan(.answer("old"), .fail(.answered(retryable: false)))
    let rig = try Rig(ask)
    _ = await rig.submit("ask")
    rig.clock.advance(by: .seconds(61))
    let stale = await rig.submit("ask")
    #expect(stale.value == "old")
    #expect(stale.outcome?.source == .degraded)
    #expect(ask.executions == 2)
    let never = await rig.submit("ask", ["other": true])
    #expect(never.failure?.kind == .serverError)
  }

  @Test func `a write has no fallback for what may have happened`() async throws {
    let wire = TestFunction("wire", .fail(.maybe())) { $0.fallback = .value("nothing") }
    let rig = try Rig(wire)
    let submission = await rig.submit("wire")
    #expect(submission.isPending)
    #expect(rig.events.states(of: submission.id).last == .unknown)
  }

  @Test func `another function answers as a linked call, down the whole road`() async throws {
    let ask = failing(fallback: .function(try #require(FunctionName("t.other"))))
    let other = TestFunction("other", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.slots = 1
    }
    let rig = try Rig(ask, other)
    let submission = rig.begin("ask", ["n": 1])
    let attempt = await other.attempt(1)
    let parent = try #require(rig.events.all { $0.call?.function == "t.ask" }.first?.call?.id)
    #expect(try rig.call(parent).state == .running(attempt: 1, child: attempt.id))
    #expect(try rig.call(attempt.id).link == .fallback(for: parent))
    #expect(attempt.invocation.arguments == ["n": 1])
    // The parent waits without a slot and without a time limit.
    #expect(try rig.function("ask").running == 0)
    rig.clock.advance(by: .seconds(29))
    attempt.answer("instead")
    let result = await submission.value
    #expect(result.value == "instead")
    #expect(result.outcome?.source == .degraded)
    #expect(rig.events.all(of: attempt.id).last?.source == .attempt)
  }

  @Test func `a fallback that fails too leaves the first failure`() async throws {
    let ask = failing(fallback: .function(try #require(FunctionName("t.other"))))
    let other = TestFunction("other", .fail(CallFailure(.clientError, "404", reach: .answered)))
    let rig = try Rig(ask, other)
    let submission = await rig.submit("ask")
    #expect(submission.failure?.kind == .serverError)
    #expect(rig.events.all { $0.type == .call(.failed) }.count == 2)
  }

  @Test func `a fallback that needs approval waits for it`() async throws {
    let ask = failing(fallback: .function(try #require(FunctionName("t.other"))))
    let other = TestFunction("other", .answer("instead"))
    let rig = try Rig(ask, other, rules: [asking("other"), free])
    let submission = rig.begin("ask")
    let asks = await rig.events.wait(for: .awaitingApproval, function: "t.other")
    #expect(try await rig.approve(try #require(asks.call?.id)).isDone)
    #expect(await submission.value.value == "instead")
  }

  @Test func `cancelling goes to the fallback's call`() async throws {
    let ask = failing(fallback: .function(try #require(FunctionName("t.other"))))
    let other = TestFunction("other", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let rig = try Rig(ask, other)
    let submission = rig.begin("ask")
    let attempt = await other.attempt(1)
    let parent = try #require(rig.events.all { $0.call?.function == "t.ask" }.first?.call?.id)
    #expect(await rig.cancel(parent).isDone)
    #expect(await submission.value.failure?.kind == .cancelled)
    await rig.events.wait(for: .cancelled, of: attempt.id)
    await eventually { rig.engine.liveCalls == 0 }
    #expect(other.running == 0)
  }

  @Test func `fallbacks that form a ring are refused`() throws {
    let a = failing("a", fallback: .function(try #require(FunctionName("t.b"))))
    let b = failing("b", fallback: .function(try #require(FunctionName("t.a"))))
    let mistake = #expect(throws: ConfigurationMistake.self) { try Rig(a, b) }
    #expect(mistake?.message == "fallbacks form a ring: t.a → t.b → t.a; break it")
  }
}
