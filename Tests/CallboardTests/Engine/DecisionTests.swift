import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DecisionTests {
  private func wire() -> TestFunction { TestFunction("wire", parameters: amounts) }

  /// Asks above 1,000 only.
  private func aboveThousand(_ approvers: Int = 1) throws -> ApprovalRules.Rule {
    ApprovalRules.Rule(
      function: "t.wire",
      when: try Schema([
        "properties": ["amount": ["exclusiveMinimum": 1000]], "required": ["amount"],
      ]),
      approvers: approvers
    )
  }

  // MARK: - Who may

  @Test func `a caller without the role calls nothing`() async throws {
    let wire = wire()
    let rig = try Rig(wire)
    let refused = await rig.submit("wire", ["amount": 1], by: vera)
    #expect(refused.failure?.kind == .notAllowed)
    #expect(rig.events.states(of: refused.id) == [.received, .rejected])
    #expect(wire.executions == 0)
  }

  @Test func `access rules decide by caller, function and arguments`() async throws {
    let wire = wire()
    let small = try Schema(["properties": ["amount": ["maximum": 10]]])
    let rig = try Rig(wire) { configuration in
      configuration.access = AccessPolicy([
        AccessPolicy.Rule(caller: "intern*", when: small, allows: true),
        AccessPolicy.Rule(caller: "intern*", allows: false),
        AccessPolicy.Rule(caller: "agent", allows: true),
      ])
    }
    #expect(await rig.submit("wire", ["amount": 99]).failure == nil)
    #expect(await rig.submit("wire", ["amount": 9], by: .caller("intern-1")).failure == nil)
    #expect(
      await rig.submit("wire", ["amount": 11], by: .caller("intern-1")).failure?.kind == .notAllowed
    )
    #expect(
      await rig.submit("wire", ["amount": 1], by: .caller("stranger")).failure?.kind == .notAllowed
    )
    #expect(try rig.engine.offers(to: .caller("stranger")).isEmpty)
    #expect(wire.executions == 2)
  }

  @Test func `who may only look decides nothing, and the try is audited`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 1])
    let before = rig.events.states(of: submission.id)
    let seen = try rig.seen(submission.id)
    let requests: [Request] = [
      .approve(submission.id, seen),
      .deny(submission.id, seen, reason: "no", stopConversation: false),
      .edit(submission.id, seen, arguments: ["amount": 2]),
      .extend(submission.id, seen),
      .cancel(submission.id, revision: seen.revision),
      .runAgain(submission.id, revision: seen.revision, arguments: nil),
      .setFunction("t.wire", from: true, to: false),
      .hold(from: false, to: true),
    ]
    for person in [vera, agent] {
      for request in requests { #expect(!(await rig.engine.perform(request, by: person)).isDone) }
    }
    #expect(rig.audited().count == 16)
    #expect(rig.audited(submission.id).count == 12)
    #expect(rig.audited().first?.cause == "that takes the role operator, and vera has not got it")
    #expect(rig.audited().map(\.by).prefix(8) == Array(repeating: "vera", count: 8)[...])
    #expect(rig.events.states(of: submission.id) == before)
    #expect(try rig.function("wire").isOn)
    #expect(rig.header.held == nil)
    #expect(wire.executions == 0)
  }

  // MARK: - Approving

  @Test func `approved it runs, and denied it does not and says why`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire")])
    let yes = await rig.submit("wire", ["amount": 1])
    let no = await rig.submit("wire", ["amount": 2])
    #expect(yes.isPending)
    #expect(rig.header.waiting == 2)
    #expect(wire.executions == 0)
    let outcomes = (
      Task { await rig.engine.outcome(of: yes.id) }, Task { await rig.engine.outcome(of: no.id) }
    )
    #expect(try await rig.approve(yes.id).isDone)
    #expect(try await rig.deny(no.id, "too early").isDone)
    #expect(await outcomes.0.value?.value?.original == ["amount": 1])
    let failure = await outcomes.1.value?.failure
    #expect(failure?.kind == .denied)
    #expect(failure?.message == "A person denied this call: too early")
    #expect(rig.events.all(of: no.id).last?.by == "maria")
    #expect(wire.executions == 1)
    #expect(rig.events.all(of: yes.id).first { $0.type == .call(.queued) }?.by == "maria")
    // Nobody decides twice.
    #expect(
      !(await rig.engine.perform(.approve(no.id, Seen(revision: 0, digest: "")), by: omar)).isDone
    )
  }

  @Test func `an approval of something that has changed since counts for nothing`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 1])
    let old = try rig.seen(submission.id)
    #expect(try await rig.edit(submission.id, ["amount": 2], by: omar).isDone)
    let now = try rig.seen(submission.id)
    let stale = await rig.engine.perform(.approve(submission.id, old), by: maria)
    #expect(stale.message.contains("edited by omar"))
    let other = Seen(revision: now.revision, digest: old.digest)
    #expect(!(await rig.engine.perform(.approve(submission.id, other), by: maria)).isDone)
    #expect(try rig.row(submission.id).state == .awaitingApproval)
    #expect(rig.audited(submission.id).map(\.by) == ["maria", "maria"])
    #expect(try await rig.approve(submission.id).isDone)
    await rig.events.wait(for: .succeeded, of: submission.id)
    #expect(wire.invocations.map(\.arguments) == [["amount": 2]])
  }

  @Test func `two approvers are two people, and none of them asked for it`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let caller = Principal(name: "maria", uid: 501, roles: [.caller])
    let own = await rig.submit("wire", ["amount": 1], by: caller)
    // Another name for the same user id is the same person.
    let window = Principal.operator("maria-2", uid: 501)
    #expect(try await rig.approve(own.id, by: window).message.contains("somebody else"))
    #expect(try await rig.approve(own.id, by: omar).message.contains("more are needed"))
    #expect(try rig.row(own.id).approvalsGiven == 1)
    #expect(try rig.row(own.id).approvalsNeeded == 2)
    #expect(try await rig.approve(own.id, by: omar).message.contains("another person"))
    let alias = Principal.operator("omar-2", uid: 502)
    #expect(try await rig.approve(own.id, by: alias).message.contains("another person"))
    var shared = Principal.operator("desk", uid: 600)
    shared.isShared = true
    #expect(try await rig.approve(own.id, by: shared).message.contains("shared account"))
    #expect(rig.audited(own.id).count == 4)
    #expect(wire.executions == 0)
    #expect(try await rig.approve(own.id, by: .operator("ines", uid: 503)).isDone)
    await rig.events.wait(for: .succeeded, of: own.id)
  }

  @Test func `who wrote in the conversation is not one of its two approvers`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let model = TestModel(.hold, .say("done"))
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    #expect(await rig.engine.perform(.message(talk, "pay them"), by: maria).isDone)
    asked.call(("t_wire", #"{"amount":5}"#))
    let id = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(try await rig.approve(id, by: maria).message.contains("somebody else"))
    #expect(try await rig.approve(id, by: omar).isDone)
    #expect(try await rig.approve(id, by: .operator("ines", uid: 503)).isDone)
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `who pressed run again is not one of its two approvers`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let denied = await rig.submit("wire", ["amount": 1])
    #expect(try await rig.deny(denied.id, by: omar).isDone)
    #expect(try await rig.runAgain(denied.id).isDone)
    let id = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire", 2).call?.id
    )
    #expect(try await rig.approve(id, by: maria).message.contains("somebody else"))
    #expect(try await rig.approve(id, by: omar).isDone)
  }

  // MARK: - Editing

  @Test func `what runs is what was edited`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 5000])
    let before = try rig.call(submission.id)
    rig.clock.advance(by: .seconds(60))
    #expect(try await rig.edit(submission.id, ["amount": 4000]).isDone)
    let after = try rig.call(submission.id)
    #expect(after.revision == before.revision + 1)
    #expect(after.approval?.digest != before.approval?.digest)
    #expect(after.approval?.expiresAt == before.approval?.expiresAt)
    #expect(after.proposed?.shown == ["amount": 5000])
    #expect(try await rig.approve(submission.id, by: omar).isDone)
    let done = await rig.events.wait(for: .succeeded, of: submission.id)
    #expect(done.value == ["amount": 4000])
    #expect(wire.invocations.map(\.arguments) == [["amount": 4000]])
  }

  @Test func `an edit that does not fit the schema changes nothing and says what is wrong`()
    async throws
  {
    let rig = try Rig(wire(), rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 5000])
    let before = try rig.seen(submission.id)
    let reply = try await rig.edit(submission.id, ["amount": "much"])
    guard case .invalid(let errors) = reply else {
      Issue.record("the reply is \(reply)")
      return
    }
    #expect(errors.map(\.path) == ["/amount"])
    #expect(rig.audited(submission.id).map(\.by) == ["maria"])
    #expect(rig.audited().first?.cause?.hasPrefix("The arguments do not fit the schema") == true)
    #expect(try rig.seen(submission.id) == before)
    #expect(try await rig.approve(submission.id).isDone)
  }

  @Test func `an edit voids the approvals given before`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let submission = await rig.submit("wire", ["amount": 1])
    #expect(try await rig.approve(submission.id, by: maria).isDone)
    #expect(try await rig.edit(submission.id, ["amount": 2], by: omar).isDone)
    #expect(try rig.row(submission.id).approvalsGiven == 0)
    #expect(try await rig.approve(submission.id, by: maria).isDone)
    #expect(wire.executions == 0)
    #expect(try await rig.approve(submission.id, by: omar).isDone)
    await rig.events.wait(for: .succeeded, of: submission.id)
  }

  @Test func `no edit leads down to no approval, and one can lead up to more`() async throws {
    let wire = wire()
    let twice = ApprovalRules.Rule(
      function: "t.wire",
      when: try Schema(["properties": ["amount": ["minimum": 10_000]]]),
      approvers: 2
    )
    let rig = try Rig(wire, rules: [twice, try aboveThousand(), free])
    let submission = await rig.submit("wire", ["amount": 5000])
    #expect(try await rig.edit(submission.id, ["amount": 5]).isDone)
    #expect(try rig.row(submission.id).state == .awaitingApproval)
    #expect(wire.executions == 0)
    #expect(try await rig.edit(submission.id, ["amount": 20_000]).isDone)
    #expect(try rig.row(submission.id).approvalsNeeded == 2)
    #expect(try await rig.edit(submission.id, ["amount": 5]).isDone)
    #expect(try rig.row(submission.id).state == .awaitingApproval)
    #expect(await rig.submit("wire", ["amount": 5]).failure == nil)
  }

  @Test func `marks of secrets that an edit left standing become the secrets again`() async throws {
    let wire = TestFunction("wire", parameters: amounts) { $0.secrets = ["account"] }
    let rig = try Rig(wire, rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 5, "account": "CH93-1"])
    let mark = JSONValue.string(Redactor.mark)
    #expect(try rig.call(submission.id).decided?.shown["account"] == mark)
    // A mark where there was none stands for nothing.
    let moved = try await rig.edit(submission.id, ["amount": 6, "account": "new", "other": mark])
    #expect(moved.message.contains("may stand only where it stood"))
    #expect(rig.audited(submission.id).map(\.cause) == [moved.message])
    #expect(try await rig.edit(submission.id, ["amount": 6, "account": mark]).isDone)
    #expect(try await rig.approve(submission.id).isDone)
    await rig.events.wait(for: .succeeded, of: submission.id)
    #expect(wire.invocations.map(\.arguments) == [["amount": 6, "account": "CH93-1"]])
    #expect(!rig.events.all.contains { "\($0.json)".contains("CH93-1") })
  }

  @Test func `an edit is held to what its caller may do`() async throws {
    let wire = wire()
    let small = try Schema(["properties": ["amount": ["maximum": 100]]])
    let rig = try Rig(wire, rules: [asking("wire")]) {
      $0.access = AccessPolicy([AccessPolicy.Rule(caller: "agent", when: small, allows: true)])
    }
    let submission = await rig.submit("wire", ["amount": 50])
    let seen = try rig.seen(submission.id)
    let refused = try await rig.edit(submission.id, ["amount": 500])
    #expect(refused.message.contains("may not call"))
    #expect(try rig.seen(submission.id) == seen)
    #expect(rig.audited(submission.id).map(\.cause) == [refused.message])
    #expect(rig.audited(submission.id).map(\.by) == ["maria"])
  }

  @Test func `what has moved on since it was seen is not cancelled, taken back or run again`()
    async throws
  {
    let wire = wire()
    wire.plan(.fail(.maybe()), .echo)
    let rig = try Rig(wire, rules: [asking("wire", grace: 30)])
    let id = await rig.submit("wire", ["amount": 1]).id
    let asked = try rig.seen(id)
    #expect(try await rig.approve(id, by: maria).isDone)
    let approved = try rig.seen(id)
    let other = Seen(revision: approved.revision, digest: "of something else")
    let stale: [Request] = [
      .cancel(id, revision: asked.revision), .undo(id, asked), .undo(id, other),
      .deny(id, asked, reason: "no", stopConversation: false),
    ]
    for request in stale { #expect(!(await rig.engine.perform(request, by: maria)).isDone) }
    #expect(try rig.seen(id) == approved)
    #expect(rig.audited(id).count == 4)
    #expect(rig.audited(id).first?.cause?.contains("changed since you saw it") == true)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .unknown, of: id)
    func runAgain(_ revision: Int) async -> Reply {
      await rig.engine.perform(.runAgain(id, revision: revision, arguments: nil), by: maria)
    }
    #expect(!(await runAgain(approved.revision)).isDone)
    #expect(try rig.call(id).rerun == nil)
    let unknown = try rig.call(id).revision
    let settle = Request.settle(id, revision: unknown, .didNotHappen(evidence: "none"))
    #expect(await rig.engine.perform(settle, by: omar).isDone)
    #expect(!(await runAgain(unknown)).isDone)
    #expect(rig.header.live == 0)
    #expect(await runAgain(try rig.call(id).revision).isDone)
    #expect(rig.audited(id).count == 6)
  }

  // MARK: - Time

  @Test func `unanswered it expires`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", expires: 60)])
    let submission = await rig.submit("wire", ["amount": 1])
    let seen = try rig.seen(submission.id)
    let outcome = Task { await rig.engine.outcome(of: submission.id) }
    rig.clock.advance(by: .seconds(59))
    #expect(try rig.row(submission.id).state == .awaitingApproval)
    rig.clock.advance(by: .seconds(1))
    #expect(await outcome.value?.failure?.kind == .expired)
    #expect(!(await rig.engine.perform(.approve(submission.id, seen), by: maria)).isDone)
    #expect(wire.executions == 0)
  }

  @Test func `each person can give it more time once, up to the longest wait`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire", expires: 60, maxWait: 150)])
    let submission = await rig.submit("wire", ["amount": 1])
    let id = submission.id
    let start = rig.clock.now
    rig.clock.advance(by: .seconds(50))
    #expect(await rig.engine.perform(.extend(id, try rig.seen(id)), by: maria).isDone)
    #expect(try rig.row(id).expiresAt == start + 120)
    #expect(!(await rig.engine.perform(.extend(id, try rig.seen(id)), by: maria)).isDone)
    #expect(await rig.engine.perform(.extend(id, try rig.seen(id)), by: omar).isDone)
    #expect(try rig.row(id).expiresAt == start + 150)
    let ines = Principal.operator("ines", uid: 503)
    #expect(!(await rig.engine.perform(.extend(id, try rig.seen(id)), by: ines)).isDone)
    rig.clock.advance(by: .seconds(99))
    #expect(try rig.row(id).state == .awaitingApproval)
    rig.clock.advance(by: .seconds(1))
    await rig.events.wait(for: .expired, of: id)
  }

  @Test func `within the grace time an approval is taken back by who gave it`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", grace: 30)])
    let submission = await rig.submit("wire", ["amount": 1])
    let id = submission.id
    #expect(try await rig.approve(id, by: maria).isDone)
    #expect(try rig.row(id).state == .approved)
    #expect(!(try await rig.undo(id, by: omar)).isDone)
    #expect(try await rig.undo(id, by: maria).isDone)
    #expect(try rig.row(id).state == .awaitingApproval)
    #expect(try rig.row(id).approvalsGiven == 0)
    rig.clock.advance(by: .seconds(60))
    #expect(wire.executions == 0)
    #expect(try await rig.approve(id, by: maria).isDone)
    rig.clock.advance(by: .seconds(29))
    #expect(wire.executions == 0)
    rig.clock.advance(by: .seconds(1))
    await rig.events.wait(for: .succeeded, of: id)
    #expect(!(try await rig.undo(id, by: maria)).isDone)
  }

  @Test func `what each person can take back is told to whoever looks`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire", grace: 30)])
    let first = await rig.submit("wire", ["amount": 1]).id
    let second = await rig.submit("wire", ["amount": 2]).id
    let reply = try await rig.approve(first, by: maria)
    #expect(
      reply.message.hasSuffix(
        "approved; it starts in 30 s, and until then you can take that back"
      )
    )
    rig.clock.advance(by: .seconds(10))
    #expect(try await rig.approve(second, by: maria).isDone)
    #expect(rig.header.undoable.map(\.call) == [second])
    #expect(rig.header.undoable.first?.by == maria)
    #expect(try await rig.undo(second, by: maria).isDone)
    #expect(rig.header.undoable.map(\.call) == [first])
    rig.clock.advance(by: .seconds(20))
    #expect(rig.header.undoable.isEmpty)
  }

  @Test func `within the grace time it can still be denied`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire", grace: 30)])
    let submission = await rig.submit("wire", ["amount": 1])
    #expect(try await rig.approve(submission.id, by: maria).isDone)
    #expect(try await rig.deny(submission.id, "stop", by: omar).isDone)
    rig.clock.advance(by: .seconds(60))
    #expect(rig.events.states(of: submission.id).last == .denied)
    #expect(wire.executions == 0)
  }

  @Test(arguments: [299, 301])
  func `what was approved and could not start within five minutes does not run`(
    _ seconds: Int
  ) async throws {
    let busy = TestFunction("busy", .hold(whenCancelled: .maybe)) { $0.timeout = .seconds(3600) }
    let wire = wire()
    let rig = try Rig(busy, wire, rules: [asking("wire"), free]) { $0.slots = 1 }
    let other = rig.begin("busy")
    let attempt = await busy.attempt(1)
    let submission = await rig.submit("wire", ["amount": 5])
    let outcome = Task { await rig.engine.outcome(of: submission.id) }
    #expect(try await rig.approve(submission.id).isDone)
    await rig.queued("wire", 1)
    rig.clock.advance(by: .seconds(seconds))
    attempt.answer("done")
    _ = await other.value
    #expect(await outcome.value?.failure?.kind == (seconds > 300 ? .expired : nil))
    #expect(wire.executions == (seconds > 300 ? 0 : 1))
  }

  // MARK: - What else decides

  @Test func `where nobody can be asked, what needs approval is denied with its rule`() async throws
  {
    let wire = wire()
    let rig = try Rig(wire, rules: [try aboveThousand(), free]) { $0.isUnattended = true }
    let denied = await rig.submit("wire", ["amount": 5000])
    #expect(denied.failure?.kind == .nobodyToAsk)
    #expect(denied.failure?.message.contains("rule 1") == true)
    #expect(rig.events.states(of: denied.id) == [.received, .denied])
    #expect(await rig.submit("wire", ["amount": 5]).failure == nil)
  }

  @Test func `without a rule that matches, a person is asked`() async throws {
    let rig = try Rig(wire(), rules: [])
    let submission = await rig.submit("wire", ["amount": 1])
    #expect(submission.isPending)
    #expect(try rig.row(submission.id).rule == "no rule matches")
  }

  @Test func `a denial can stop the conversation that asked`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire")])
    let model = TestModel(.call(("t_wire", #"{"amount":1}"#), ("t_wire", #"{"amount":2}"#)))
    let talk = try rig.talk(model)
    let id = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    await rig.events.wait(for: .awaitingApproval, function: "t.wire", 2)
    let reply = await rig.engine.perform(
      .deny(id, try rig.seen(id), reason: "no", stopConversation: true),
      by: maria
    )
    #expect(reply.isDone)
    #expect(await rig.engine.ended(talk)?.state == .stopped)
    await eventually { rig.engine.liveCalls == 0 }
    #expect(model.count == 1)
  }

  @Test func `a rehearsal says what would happen, and nothing does`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [try aboveThousand(), free])
    let before = rig.engine.lastSequence
    guard case .runs = rig.engine.rehearse("t.wire", ["amount": 1], by: agent),
      case .asks = rig.engine.rehearse("t.wire", ["amount": 5000], by: agent),
      case .rejected(let failure) = rig.engine.rehearse("t.wire", ["amount": "x"], by: agent)
    else {
      Issue.record("a rehearsal found something else")
      return
    }
    #expect(failure.kind == .invalidArguments)
    #expect(rig.engine.lastSequence == before)
    #expect(wire.executions == 0)
    #expect(rig.header.calls == 0)
  }

  @Test func `of many approvals at once one counts`() async throws {
    let wire = wire()
    let rig = try Rig(wire, rules: [asking("wire")])
    for _ in 0..<50 {
      let submission = await rig.submit("wire", ["amount": 1])
      let seen = try rig.seen(submission.id)
      let replies = await withTaskGroup(of: Reply.self) { group in
        for person in [maria, omar] {
          group.addTask { await rig.engine.perform(.approve(submission.id, seen), by: person) }
        }
        return await group.reduce(into: [Reply]()) { $0.append($1) }
      }
      #expect(replies.filter(\.isDone).count == 1)
      _ = await rig.engine.outcome(of: submission.id)
    }
    #expect(wire.executions == 50)
    #expect(rig.audited().count == 50)
  }
}
