import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct UnknownOutcomeTests {
  private func wire(_ plan: TestFunction.Behaviour = .ignoreCancellation) -> TestFunction {
    TestFunction("wire", plan) { $0.timeout = .seconds(30) }
  }

  /// A call of `t.wire` whose first attempt has timed out.
  private func timedOut(_ rig: Rig, _ wire: TestFunction) async -> TestFunction.Attempt {
    _ = rig.begin("wire", ["amount": 5])
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .unknown, of: attempt.id)
    return attempt
  }

  @Test func `a write that times out is unknown, and is not tried again`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let submission = rig.begin("wire", ["amount": 5])
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    let event = await rig.events.wait(for: .unknown, of: attempt.id)
    #expect(event.failure?.kind == .timeout)
    #expect(event.failure?.reach == .maybe)
    #expect(await submission.value.isPending)
    #expect(rig.header.unknown == 1)
    rig.clock.advance(by: .seconds(3600))
    #expect(wire.executions == 1)
    #expect(try rig.call(attempt.id).state == .unknown(attempt: 1))
  }

  @Test func `it counts as one call and one error, also after somebody has settled it`()
    async throws
  {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    let row = try rig.function("wire")
    #expect(row.calls == 1)
    #expect(row.errors == 1)
    let revision = try rig.call(attempt.id).revision
    let settled = await rig.engine.perform(
      .settle(attempt.id, revision: revision, .happened(Payload("W-17"))),
      by: maria
    )
    #expect(settled.isDone)
    wire.plan(.answer("sent"))
    _ = await rig.submit("wire")
    let after = try rig.function("wire")
    #expect(after.calls == 2)
    #expect(after.errors == 1)
  }

  @Test func `attended, the model hears of it only after the longest wait`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#)), .say("I will not repeat it"))
    let talk = try rig.talk(model)
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .unknown, of: attempt.id)
    rig.clock.advance(by: .seconds(899))
    #expect(model.count == 1)
    #expect(try rig.conversation(talk).row.state == .calling)
    rig.clock.advance(by: .seconds(1))
    let answers = await model.asked(2).answers
    let heard = try JSONValue(parsing: try #require(answers.first))
    #expect(heard["error"]?["kind"] == "outcome_unknown")
    #expect(heard["error"]?["retryable"] == false)
    #expect(heard["error"]?["message"]?.stringValue?.contains("Do not repeat") == true)
    #expect(await rig.engine.ended(talk)?.state == .finished)
    // The call itself stays for a person.
    #expect(try rig.row(attempt.id).state == .unknown)
  }

  @Test func `unattended, the model hears of it at once`() async throws {
    let wire = wire()
    let rig = try Rig(wire) { $0.isUnattended = true }
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#)))
    let talk = try rig.talk(model)
    _ = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    let answers = await model.asked(2).answers
    #expect(answers.first?.contains("outcome_unknown") == true)
    #expect(await rig.engine.ended(talk)?.state == .finished)
    #expect(rig.clock.monotonic == .seconds(30))
  }

  @Test func `a late result is evidence, not an outcome`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    attempt.answer(["reference": "W-17"])
    await rig.events.wait {
      $0.cause?.hasPrefix("a late result came") == true && $0.call?.id == attempt.id
    }
    let call = try rig.call(attempt.id)
    #expect(call.state == .unknown(attempt: 1))
    #expect(call.lateResult?.shown == ["reference": "W-17"])
    #expect(call.outcome == nil)
  }

  @Test func `a late result of a call that has ended goes to the audit only`() async throws {
    let look = TestFunction("look", .ignoreCancellation) { definition in
      definition.effect = .read
      definition.retry = RetryPolicy(maxAttempts: 1)
    }
    let rig = try Rig(look)
    let submission = rig.begin("look")
    let attempt = await look.attempt(1)
    rig.clock.advance(by: .seconds(30))
    #expect(await submission.value.failure?.kind == .timeout)
    attempt.answer("late")
    let event = await rig.events.wait(for: .engine(.lateResult))
    #expect(event.call?.id == attempt.id)
    #expect(try rig.call(attempt.id).outcome?.failure?.kind == .timeout)
  }

  @Test func `a person settles that it happened, and the turn gets what they say`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#)))
    _ = try rig.talk(model)
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .unknown, of: attempt.id)
    let revision = try rig.call(attempt.id).revision
    let reply = await rig.engine.perform(
      .settle(attempt.id, revision: revision, .happened(Payload(["reference": "W-17"]))),
      by: maria
    )
    #expect(reply.isDone)
    let event = await rig.events.wait(for: .succeeded, of: attempt.id)
    #expect(event.source == .settled)
    #expect(event.by == "maria")
    let answers = await model.asked(2).answers
    #expect(answers == [#"{"reference":"W-17"}"#])
    #expect(rig.header.unknown == 0)
  }

  @Test func `a person settles that it did not happen, on evidence`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    let outcome = Task { await rig.engine.outcome(of: attempt.id) }
    let revision = try rig.call(attempt.id).revision
    let reply = await rig.engine.perform(
      .settle(attempt.id, revision: revision, .didNotHappen(evidence: "no line in the statement")),
      by: maria
    )
    #expect(reply.isDone)
    let failure = await outcome.value?.failure
    #expect(failure?.kind == .didNotHappen)
    #expect(failure?.message.contains("no line in the statement") == true)
  }

  @Test func `settling what has changed since, or twice, is refused and audited`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    let revision = try rig.call(attempt.id).revision
    attempt.answer("late")
    await rig.events.wait { $0.cause?.hasPrefix("a late result") == true }
    let stale = await rig.engine.perform(
      .settle(attempt.id, revision: revision, .didNotHappen(evidence: "looked there")),
      by: maria
    )
    #expect(!stale.isDone)
    #expect(try rig.row(attempt.id).state == .unknown)
    let now = try rig.call(attempt.id).revision
    #expect(
      await rig.engine.perform(
        .settle(attempt.id, revision: now, .happened(Payload("yes"))),
        by: omar
      ).isDone
    )
    let second = await rig.engine.perform(
      .settle(attempt.id, revision: now, .didNotHappen(evidence: "looked there")),
      by: maria
    )
    #expect(!second.isDone)
    #expect(second.message.contains("omar"))
    #expect(rig.audited(attempt.id).count == 2)
  }

  @Test func `run again it asks first, keeps its key, and its success supersedes the unknown one`()
    async throws
  {
    let wire = wire()
    wire.plan(.ignoreCancellation, .answer(["reference": "W-18"]))
    // No rule asks: running an unknown outcome again does all the same.
    let rig = try Rig(wire)
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#)))
    _ = try rig.talk(model)
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .unknown, of: attempt.id)
    #expect(try await rig.runAgain(attempt.id).isDone)
    let asks = await rig.events.wait(for: .awaitingApproval, function: "t.wire")
    let rerun = try #require(asks.call?.id)
    #expect(asks.call?.link == .settles(attempt.id))
    #expect(wire.executions == 1)
    #expect(try rig.row(attempt.id).state == .unknown)
    #expect(try await rig.approve(rerun).isDone)
    await rig.events.wait(for: .succeeded, of: rerun)
    let superseded = await rig.events.wait(for: .failed, of: attempt.id)
    #expect(superseded.failure?.kind == .superseded)
    #expect(Set(wire.invocations.map(\.idempotencyKey)).count == 1)
    #expect(wire.invocations.map(\.arguments) == [["amount": 5], ["amount": 5]])
    // The turn that waited gets the result of the call that ran in its place.
    #expect(await model.asked(2).answers == [#"{"reference":"W-18"}"#])
  }

  @Test func `run again without success it stays unknown, and can then be settled`() async throws {
    let wire = wire()
    wire.plan(.ignoreCancellation, .fail(.answered(retryable: false)))
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    _ = try await rig.runAgain(attempt.id)
    let rerun = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(try await rig.approve(rerun).isDone)
    await rig.events.wait { $0.cause == "the call that ran it again did not succeed" }
    #expect(try rig.row(attempt.id).state == .unknown)
    #expect(try rig.call(attempt.id).rerun == nil)
    let revision = try rig.call(attempt.id).revision
    #expect(
      await rig.engine.perform(
        .settle(attempt.id, revision: revision, .happened(Payload(true))),
        by: maria
      ).isDone
    )
  }

  @Test func `one run again at a time, and no settling while it runs`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    _ = try await rig.runAgain(attempt.id)
    let rerun = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(!(try await rig.runAgain(attempt.id, by: omar)).isDone)
    #expect(try await rig.approve(rerun).isDone)
    let second = await wire.attempt(2)
    #expect(second.id == rerun)
    let revision = try rig.call(attempt.id).revision
    let settled = await rig.engine.perform(
      .settle(attempt.id, revision: revision, .happened(Payload(true))),
      by: omar
    )
    #expect(settled.message.contains("being run again"))
    #expect(try rig.row(rerun).state == .running)
    second.answer("done")
    await rig.events.wait(for: .failed, of: attempt.id)
  }

  @Test func `settling ends a run again that has not started`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    _ = try await rig.runAgain(attempt.id)
    let rerun = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    let revision = try rig.call(attempt.id).revision
    #expect(
      await rig.engine.perform(
        .settle(attempt.id, revision: revision, .happened(Payload(true))),
        by: maria
      ).isDone
    )
    #expect(rig.events.states(of: rerun).last == .cancelled)
    #expect(rig.events.states(of: attempt.id).last == .succeeded)
    #expect(wire.executions == 1)
  }

  @Test func `a switched-off function is not run again`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    await rig.turn("wire", on: false)
    #expect(!(try await rig.runAgain(attempt.id)).isDone)
    #expect(try rig.call(attempt.id).rerun == nil)
  }

  @Test func `with other arguments an unknown outcome is not run again`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let attempt = await timedOut(rig, wire)
    let reply = try await rig.runAgain(attempt.id, ["amount": 6])
    #expect(reply.message.contains("same arguments"))
  }

  @Test func `what is settled after the model went on is told before its next turn`() async throws {
    let wire = wire()
    let rig = try Rig(wire) { $0.isUnattended = true }
    let model = TestModel(.call(("t_wire", "{}")), .hold)
    let talk = try rig.talk(model)
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    let second = await model.asked(2)
    let revision = try rig.call(attempt.id).revision
    #expect(
      await rig.engine.perform(
        .settle(attempt.id, revision: revision, .happened(Payload(["reference": "W-17"]))),
        by: maria
      ).isDone
    )
    second.say("I wait")
    let news = await model.asked(3).request.messages.last
    #expect(news?.role == .user)
    #expect(news?.text?.contains("News from callboard") == true)
    #expect(news?.text?.contains("W-17") == true)
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `news for the model are stored, and told in the stream, as soon as they come`()
    async throws
  {
    let wire = wire()
    let rig = try Rig(wire) { $0.isUnattended = true }
    let model = TestModel(.call(("t_wire", "{}")), .hold)
    let talk = try rig.talk(model)
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    let second = await model.asked(2)
    let before = try rig.conversation(talk).row.lastActivity
    rig.clock.advance(by: .seconds(1))
    let settle = Request.settle(
      attempt.id,
      revision: try rig.call(attempt.id).revision,
      .happened(Payload(["card": "4111 1111 1111 1111"]))
    )
    let reply = await rig.engine.perform(settle, by: maria)
    #expect(reply.isDone)
    #expect(!reply.message.contains("conversation"))
    let news = await rig.events.wait { $0.cause == "news of t.wire for the model" }
    #expect(news.type == .conversation(.thinking))
    #expect(news.conversation == talk)
    #expect(try rig.conversation(talk).row.lastActivity == before + 1)
    let stored = try #require(rig.store.conversation(talk)?.pending.first?.text)
    #expect(stored.contains("News from callboard"))
    #expect(!stored.contains("4111 1111"))
    second.say("I wait")
    #expect(await model.asked(3).request.messages.last?.text?.contains("4111 1111") == true)
    _ = await rig.engine.ended(talk)
  }

  @Test func `whoever settles or runs a call again hears that its conversation has ended`()
    async throws
  {
    let wire = wire()
    let rig = try Rig(wire)
    let model = TestModel(.call(("t_wire", #"{"n":1}"#), ("t_wire", #"{"n":2}"#)))
    let talk = try rig.talk(model)
    let attempts = [await wire.attempt(1), await wire.attempt(2)]
    rig.clock.advance(by: .seconds(30))
    for attempt in attempts { await rig.events.wait(for: .unknown, of: attempt.id) }
    #expect(try rig.detail(attempts[0].id).conversationState == .calling)
    #expect(await rig.engine.perform(.stopConversation(talk), by: maria).isDone)
    #expect(try rig.detail(attempts[0].id).conversationState == .stopped)
    let ended = "its conversation has ended, so the model hears nothing of it"
    let again = try await rig.runAgain(attempts[0].id)
    #expect(again.isDone)
    #expect(again.message.contains(ended))
    let settle = Request.settle(
      attempts[1].id,
      revision: try rig.call(attempts[1].id).revision,
      .happened(Payload(true))
    )
    #expect(await rig.engine.perform(settle, by: maria).message.contains(ended))
    let anew = try await rig.runAgain(attempts[1].id)
    #expect(anew.isDone)
    #expect(anew.message.contains(ended))
  }
}
