import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rules of `deciders`, and the look-up of an unknown outcome.
@Suite(.timeLimit(.minutes(10)))
struct AuthorityTests {
  private let wire = TestFunction("wire", parameters: amounts)

  private func large() throws -> Schema {
    try Schema([
      "properties": ["amount": ["type": "number", "exclusiveMinimum": 1000]],
      "required": ["amount"],
    ])
  }

  // MARK: - Deciding

  @Test(arguments: [DecidingAct.approve, .deny, .edit, .extend])
  func `who may not do something to a call is refused, and that is audited`(
    act: DecidingAct
  )
    async throws
  {
    let rig = try Rig(wire, rules: [asking("wire")]) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(function: "t.*", acts: [act], operators: ["omar"])
      ])
    }
    let call = await rig.submit("wire", ["amount": 1])
    let seen = try rig.seen(call.id)
    let requests: [DecidingAct: Request] = [
      .approve: .approve(call.id, seen),
      .deny: .deny(call.id, seen, reason: "no", stopConversation: false),
      .edit: .edit(call.id, seen, arguments: ["amount": 2]),
      .extend: .extend(call.id, seen),
    ]
    let request = try #require(requests[act])
    let before = rig.events.states(of: call.id)
    let refused = await rig.engine.perform(request, by: maria)
    #expect(
      refused.message
        == "you may not \(act.words) this call: by rule 1 of deciders, omar may"
    )
    #expect(rig.audited(call.id).map(\.by) == ["maria"])
    #expect(rig.events.states(of: call.id) == before)
    #expect(try rig.detail(call.id).deciders[act]?.operators == ["omar"])
    #expect(await rig.engine.perform(request, by: omar).isDone)
    // The others are everybody's.
    #expect(try rig.detail(call.id).deciders.count == 1)
  }

  @Test func `the first rule that matches caller, function and arguments decides`() async throws {
    let large = try large()
    let rig = try Rig(wire, rules: [asking("wire")]) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(when: large, operators: ["omar"]),
        DecidingPolicy.Rule(caller: "agent", operators: ["maria"]),
        DecidingPolicy.Rule(effect: .read, operators: []),
      ])
    }
    let much = await rig.submit("wire", ["amount": 1001])
    let little = await rig.submit("wire", ["amount": 1000])
    let other = await rig.submit("wire", ["amount": 999], by: .caller("other"))
    #expect(!(try await rig.approve(much.id, by: maria)).isDone)
    #expect(!(try await rig.approve(little.id, by: omar)).isDone)
    #expect(try await rig.approve(much.id, by: omar).isDone)
    #expect(try await rig.approve(little.id, by: maria).isDone)
    // No rule matches: every operator may.
    #expect(try await rig.approve(other.id, by: .operator("ines", uid: 504)).isDone)
  }

  @Test func `an edit needs the right for what it was and for what it becomes`() async throws {
    let large = try large()
    let rig = try Rig(wire, rules: [asking("wire")]) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(when: large, operators: ["omar"])
      ])
    }
    let much = await rig.submit("wire", ["amount": 5000])
    let little = await rig.submit("wire", ["amount": 5])
    #expect(!(try await rig.edit(much.id, ["amount": 6], by: maria)).isDone)
    #expect(!(try await rig.edit(little.id, ["amount": 6000], by: maria)).isDone)
    #expect(try await rig.edit(little.id, ["amount": 7], by: maria).isDone)
    #expect(try await rig.edit(much.id, ["amount": 6], by: omar).isDone)
    // Now it is one that she may decide.
    #expect(try await rig.approve(much.id, by: maria).isDone)
  }

  @Test func `what stops something is open to every operator`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", grace: 60)]) { configuration in
      configuration.deciding = DecidingPolicy([DecidingPolicy.Rule(operators: ["omar"])])
    }
    let waits = await rig.submit("wire", ["amount": 1])
    #expect(await rig.cancel(waits.id, by: maria).isDone)
    let approved = await rig.submit("wire", ["amount": 2])
    #expect(try await rig.approve(approved.id, by: omar).isDone)
    #expect(try await rig.undo(approved.id, by: omar).isDone)
  }

  @Test func `an approval counts only while who gave it may give it`() async throws {
    let ines = Principal.operator("ines", uid: 504)
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)]) {
      $0.operators = [maria, omar, ines]
    }
    let id = await rig.submit("wire", ["amount": 1]).id
    #expect(try await rig.approve(id, by: maria).isDone)
    #expect(try rig.row(id).approvalsGiven == 1)
    var configuration = rig.engine.configuration
    configuration.operators = [.viewer("maria", uid: 501), omar, ines]
    rig.engine.replace(configuration: configuration)
    #expect(try rig.row(id).approvalsGiven == 0)
    #expect(try rig.detail(id).lapsed == [maria])
    let second = try await rig.approve(id, by: omar)
    #expect(second.message.hasSuffix("your approval counts; more are needed"))
    #expect(try rig.row(id).state == .awaitingApproval)
    #expect(wire.executions == 0)
    #expect(try await rig.approve(id, by: ines).isDone)
    await rig.events.wait(for: .succeeded, of: id)
  }

  @Test func `a rule of deciders that changes takes what was approved by it before`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)]) { configuration in
      configuration.operators = [maria, omar]
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(acts: [.approve], operators: ["maria", "omar"])
      ])
    }
    let id = await rig.submit("wire", ["amount": 1]).id
    #expect(try await rig.approve(id, by: maria).isDone)
    var configuration = rig.engine.configuration
    configuration.deciding = DecidingPolicy([
      DecidingPolicy.Rule(acts: [.approve], operators: ["omar"])
    ])
    let provider = try NativeProvider(namespace: "t", [wire.native])
    _ = await rig.engine.reload(
      try FunctionRegistry([provider]),
      configuration,
      by: "test",
      cause: "another rule"
    )
    #expect(try await rig.approve(id, by: omar).isDone)
    #expect(try rig.row(id).state == .awaitingApproval)
    #expect(wire.executions == 0)
  }

  @Test func `settling and running again need their rights`() async throws {
    let job = TestFunction("job", .fail(.maybe()), .fail(.answered(retryable: false)), .echo)
    let rig = try Rig(job) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(acts: [.settle, .runAgain], operators: ["omar"])
      ])
    }
    let unknown = await rig.submit("job", ["n": 1])
    let failed = await rig.submit("job", ["n": 2])
    let settle = Request.settle(
      unknown.id,
      revision: try rig.call(unknown.id).revision,
      .happened(Payload(true))
    )
    #expect(!(await rig.engine.perform(settle, by: maria)).isDone)
    #expect(!(try await rig.runAgain(unknown.id, by: maria)).isDone)
    #expect(!(try await rig.runAgain(failed.id, by: maria)).isDone)
    #expect(rig.audited().count == 3)
    #expect(await rig.engine.perform(settle, by: omar).isDone)
    #expect(try await rig.runAgain(failed.id, by: omar).isDone)
  }

  @Test func `whoever asked stands in the call, so that a screen can say it`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let model = TestModel(.hold, .say("done"))
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    #expect(await rig.engine.perform(.message(talk, "pay them"), by: maria).isDone)
    asked.call(("t_wire", #"{"amount":5}"#))
    let id = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(try rig.detail(id).requesters.map(\.name) == ["agent", "maria"])
  }

  // MARK: - Looking up

  private func checked(_ look: TestFunction, _ job: TestFunction) throws -> Rig {
    try Rig(all: [look, job]) { configuration in
      configuration.conversationLimits.unknownWait = 900
    }
  }

  private func job() throws -> TestFunction {
    let name = try #require(FunctionName("t.look"))
    let pointer = try JSONPointer(parsing: "/who/id")
    return TestFunction("job", .fail(.maybe()), .echo) { definition in
      definition.check = OutcomeCheck(
        function: name,
        arguments: [
          "id": .argument(pointer), "key": .idempotencyKey, "limit": .value(5),
        ]
      )
    }
  }

  @Test func `a look-up is a call of the person, and settles nothing`() async throws {
    let look = TestFunction("look", .answer(["found": true])) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(scope: .shared)
    }
    let rig = try checked(look, try job())
    let unknown = await rig.submit("job", ["who": ["id": "w-1"]])
    #expect(try rig.detail(unknown.id).checkFunction?.description == "t.look")
    for times in 1...2 {
      let revision = try rig.call(unknown.id).revision
      let reply = await rig.engine.perform(.check(unknown.id, revision: revision), by: maria)
      #expect(reply.isDone, "\(reply.message)")
      // Never from the cache: an answer from before is no evidence.
      #expect(look.executions == times)
    }
    let call = try rig.call(unknown.id)
    #expect(call.state == .unknown(attempt: 1))
    #expect(
      look.invocations.last?.arguments
        == ["id": "w-1", "key": .string(call.idempotencyKey), "limit": 5]
    )
    let detail = try rig.detail(unknown.id)
    #expect(detail.check?.row.caller == "maria")
    #expect(detail.check?.outcome?.value?.shown == ["found": true])
    let told = rig.events.all.first { event in event.call?.link == .checks(unknown.id) }
    #expect(told.flatMap { EngineEvent($0.json) }?.call?.link == .checks(unknown.id))
    #expect(call.history.last?.cause == "looked up by t.look")
    #expect(call.history.last?.by == "maria")
  }

  @Test func `what was seen, the right and the state are asked first`() async throws {
    let look = TestFunction("look") { $0.effect = .read }
    let job = try job()
    let rig = try Rig(all: [look, job, wire]) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(function: "t.job", acts: [.settle], operators: ["omar"])
      ])
    }
    let unknown = await rig.submit("job", ["who": ["id": "w-1"]])
    let revision = try rig.call(unknown.id).revision
    #expect(!(await rig.engine.perform(.check(unknown.id, revision: revision), by: maria)).isDone)
    #expect(
      !(await rig.engine.perform(.check(unknown.id, revision: revision - 1), by: omar)).isDone
    )
    let done = await rig.submit("wire", ["amount": 1])
    #expect(!(await rig.engine.perform(.check(done.id, revision: 3), by: omar)).isDone)
    #expect(rig.audited().count == 3)
    #expect(look.executions == 0)
    #expect(await rig.engine.perform(.check(unknown.id, revision: revision), by: omar).isDone)
  }

  @Test func `whoever may settle may look up, also who may call nothing`() async throws {
    let look = TestFunction("look", .answer(["found": true])) { $0.effect = .read }
    let rig = try checked(look, try job())
    let unknown = await rig.submit("job", ["who": ["id": "w-1"]])
    let decider = Principal(name: "dora", uid: 700, roles: [.operator])
    let revision = try rig.call(unknown.id).revision
    let reply = await rig.engine.perform(.check(unknown.id, revision: revision), by: decider)
    #expect(reply.isDone, "\(reply.message)")
    #expect(try rig.detail(unknown.id).check?.row.caller == "dora")
  }

  @Test func `a look-up that fails says so and stays as evidence`() async throws {
    let look = TestFunction("look", .fail(.answered(retryable: false))) { $0.effect = .read }
    let rig = try checked(look, try job())
    let unknown = await rig.submit("job", ["who": ["id": "w-1"]])
    let revision = try rig.call(unknown.id).revision
    let reply = await rig.engine.perform(.check(unknown.id, revision: revision), by: maria)
    #expect(reply.message == "t.look found nothing out: it said no")
    #expect(try rig.detail(unknown.id).check?.outcome?.failure?.message == "it said no")
  }

  @Test func `a check exists, reads, and gets what it needs from what there is`() throws {
    let name = try #require(FunctionName("t.look"))
    let missing = try #require(FunctionName("t.loook"))
    let amount = try JSONPointer(parsing: "/amount")
    let amont = try JSONPointer(parsing: "/amont")
    let needy: JSONValue = [
      "type": "object", "additionalProperties": false, "required": ["id"],
      "properties": ["id": ["type": "string"]],
    ]
    let closed: JSONValue = [
      "type": "object", "additionalProperties": false,
      "properties": ["amount": ["type": "number"]],
    ]
    func mistake(
      _ check: OutcomeCheck,
      effect: FunctionEffect = .write,
      checkEffect: FunctionEffect = .read
    ) -> String? {
      let job = TestFunction("job", parameters: closed) { definition in
        definition.effect = effect
        definition.check = check
      }
      let look = TestFunction("look", parameters: needy) { $0.effect = checkEffect }
      do {
        _ = try Rig(job, look)
        return nil
      } catch {
        return "\(error)"
      }
    }
    let good = OutcomeCheck(function: name, arguments: ["id": .argument(amount)])
    #expect(mistake(good) == nil)
    let wrong: [(String?, String)] = [
      (
        mistake(OutcomeCheck(function: missing, arguments: [:])),
        "there is no function t.loook; did you mean t.look?"
      ),
      (mistake(good, effect: .idempotent), "only what a write has done can be unknown"),
      (mistake(good, checkEffect: .write), "a check must change nothing"),
      (mistake(OutcomeCheck(function: name, arguments: [:])), "t.look needs id"),
      (
        mistake(OutcomeCheck(function: name, arguments: ["id": .value(1), "idd": .value(1)])),
        "t.look takes no idd; did you mean id?"
      ),
      (
        mistake(OutcomeCheck(function: name, arguments: ["id": .argument(amont)])),
        "did you mean /amount?"
      ),
    ]
    for (sentence, part) in wrong {
      #expect(sentence?.contains(part) == true, "\(sentence ?? "nothing")")
      #expect(sentence?.hasPrefix("functions.t.job.outcome_check: ") == true)
    }
  }
}
