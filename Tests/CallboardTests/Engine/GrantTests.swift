import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

@Suite(.timeLimit(.minutes(10)))
struct GrantTests {
  private let wire = TestFunction("wire", parameters: amounts)

  private func draft(
    _ function: String = "t.wire",
    when: JSONValue? = nil,
    seconds: Double = 600,
    limit: Int? = nil
  ) -> GrantDraft {
    GrantDraft(function: function, when: when, seconds: seconds, limit: limit)
  }

  private let small: JSONValue = [
    "properties": ["amount": ["type": "number", "maximum": 100]], "required": ["amount"],
  ]

  /// Gives a grant and returns it.
  private func give(
    _ rig: Rig,
    _ draft: GrantDraft,
    waiting: [SeenCall] = [],
    by person: Principal = maria
  ) async throws -> Grant {
    let reply = await rig.engine.perform(.grant(draft, waiting: waiting), by: person)
    #expect(reply.isDone, "\(reply.message)")
    return try #require(rows(rig).first).grant
  }

  /// The newest first.
  private func rows(_ rig: Rig) -> [GrantRow] {
    guard case .grants(let rows) = rig.engine.snapshot(of: .grants).body else { return [] }
    return rows
  }

  private func preview(
    _ rig: Rig,
    _ draft: GrantDraft,
    by person: Principal = maria
  ) throws
    -> GrantPreview
  {
    guard
      case .grantPreview(let preview) = rig.engine.snapshot(
        of: .grantPreview(draft, by: person)
      ).body
    else { throw Missing(what: "preview") }
    return preview
  }

  // MARK: - What it serves

  @Test func `a call that a grant covers runs, and each place that tells of it names the grant`()
    async throws
  {
    let rig = try Rig(wire, rules: [asking("wire")])
    let grant = try await give(rig, draft())
    let done = await rig.submit("wire", ["amount": 1])
    #expect(done.value == ["amount": 1])
    let call = try rig.call(done.id)
    #expect(call.approval?.approvals.map(\.grant) == [grant.id])
    #expect(call.approval?.approvals.map(\.by.name) == ["maria"])
    #expect(call.approval?.isUsed == true)
    #expect(
      call.history.map(\.state) == [.received, .awaitingApproval, .queued, .running, .succeeded]
    )
    #expect(call.history.compactMap(\.grant) == [grant.id])
    let told = rig.events.all(of: done.id).filter { $0.grant != nil }
    #expect(told.map(\.type) == [.call(.queued)])
    #expect(told.first?.by == "maria")
    #expect(told.first?.cause == "approved ahead, by grant \(grant.id.short)")
    #expect(told.first.flatMap { EngineEvent($0.json)?.grant } == grant.id)
    #expect(rows(rig).map(\.uses) == [1])
    let given = try #require(rig.events.all { $0.type == .engine(.granted) }.first)
    #expect(given.grant == grant.id)
    #expect(given.by == "maria")
  }

  @Test func `it covers by name and arguments, and until its end`() async throws {
    let other = TestFunction("other", parameters: amounts)
    let rig = try Rig(wire, other, rules: [asking("wire"), asking("other")])
    _ = try await give(rig, draft(when: small, seconds: 60))
    #expect(await rig.submit("wire", ["amount": 100]).value != nil)
    #expect(await rig.submit("wire", ["amount": 101]).isPending)
    #expect(await rig.submit("other", ["amount": 1]).isPending)
    rig.clock.advance(by: .seconds(60))
    #expect(await rig.submit("wire", ["amount": 2]).isPending)
    #expect(rows(rig).map(\.state) == [.over])
  }

  @Test func `of two approvals it is one, its giver's`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    _ = try await give(rig, draft())
    let call = await rig.submit("wire", ["amount": 1])
    #expect(call.isPending)
    #expect(try rig.row(call.id).approvalsGiven == 1)
    let window = Principal.operator("maria-2", uid: 501)
    for person in [maria, window] {
      #expect(try await rig.approve(call.id, by: person).message.contains("another person"))
    }
    #expect(try await rig.approve(call.id, by: omar).isDone)
    await rig.events.wait(for: .succeeded, of: call.id)
    // Two grants of two people are two approvals; two of one person are one.
    _ = try await give(rig, draft())
    #expect(await rig.submit("wire", ["amount": 2]).isPending)
    _ = try await give(rig, draft(), by: omar)
    #expect(await rig.submit("wire", ["amount": 3]).value != nil)
  }

  @Test func `a shared account completes no quorum by a grant`() async throws {
    var desk = Principal.operator("desk", uid: 600)
    desk.isShared = true
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    _ = try await give(rig, draft())
    _ = try await give(rig, draft(), by: desk)
    let call = await rig.submit("wire", ["amount": 1])
    #expect(call.isPending)
    #expect(try rig.row(call.id).approvalsGiven == 1)
    // Given first, it is the first of two like any other approval.
    let first = try Rig(wire, rules: [asking("wire", approvers: 2)])
    _ = try await give(first, draft(), by: desk)
    _ = try await give(first, draft())
    #expect(await first.submit("wire", ["amount": 1]).value != nil)
  }

  @Test func `nobody who asked is served by their own grant`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")])
    _ = try await give(rig, draft())
    let own = Principal(name: "maria-bot", uid: 501, roles: [.caller])
    #expect(await rig.submit("wire", ["amount": 1], by: own).isPending)
    let quorum = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let model = TestModel(.hold, .say("done"))
    _ = try await give(quorum, draft())
    let talk = try quorum.talk(model)
    let asked = await model.asked(1)
    #expect(await quorum.engine.perform(.message(talk, "pay them"), by: maria).isDone)
    asked.call(("t_wire", #"{"amount":5}"#))
    let id = try #require(
      await quorum.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(try quorum.row(id).approvalsGiven == 0)
  }

  @Test func `calls of a conversation are served too`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")])
    let grant = try await give(rig, draft())
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#)), .say("done"))
    let talk = try rig.talk(model)
    #expect(await rig.engine.ended(talk)?.state == .finished)
    let told = await rig.events.wait(for: .queued, function: "t.wire")
    #expect(told.grant == grant.id)
  }

  @Test func `no grant covers a twin, a run again or what was edited`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")])
    _ = try await give(rig, draft(when: small))
    let first = await rig.submit("wire", ["amount": 1])
    #expect(first.value != nil)
    let twin = await rig.submit("wire", ["amount": 1])
    #expect(try rig.call(twin.id).approval?.requirement.twin == first.id)
    #expect(try rig.row(twin.id).state == .awaitingApproval)
    let denied = await rig.submit("wire", ["amount": 500])
    #expect(try await rig.deny(denied.id, by: omar).isDone)
    #expect(try await rig.runAgain(denied.id, ["amount": 2]).isDone)
    let again = await rig.events.wait(for: .awaitingApproval, function: "t.wire", 4)
    #expect(try rig.row(#require(again.call?.id)).approvalsGiven == 0)
    let edited = await rig.submit("wire", ["amount": 600])
    #expect(try await rig.edit(edited.id, ["amount": 3], by: omar).isDone)
    #expect(try rig.row(edited.id).approvalsGiven == 0)
    #expect(rows(rig).map(\.uses) == [1])
  }

  @Test func `an edit voids what a grant approved`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    _ = try await give(rig, draft(limit: 1))
    let call = await rig.submit("wire", ["amount": 1])
    #expect(rows(rig).map(\.state) == [.used])
    #expect(try await rig.edit(call.id, ["amount": 2], by: omar).isDone)
    #expect(try rig.row(call.id).approvalsGiven == 0)
    // What it has not used it has again.
    #expect(rows(rig).map(\.uses) == [0])
  }

  @Test func `of another definition than its giver knew it is void`() async throws {
    let store = InMemoryStore()
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    _ = try await give(rig, draft())
    await rig.engine.stop(patience: .zero)
    let changed = TestFunction(
      "wire",
      parameters: ["type": "object", "properties": ["amount": ["type": "number", "minimum": 0]]]
    )
    let later = try Rig(changed, rules: [asking("wire")], store: store)
    try later.engine.takeUp()
    #expect(await later.submit("wire", ["amount": 1]).isPending)
    #expect(rows(later).map(\.state) == [.void])
    #expect(rows(later).flatMap(\.void).map(\.function) == ["t.wire"])
  }

  @Test func `it serves as many calls as its limit says, and counts only what ran`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", grace: 10)])
    _ = try await give(rig, draft(limit: 2))
    let denied = await rig.submit("wire", ["amount": 1])
    #expect(try rig.row(denied.id).state == .approved)
    #expect(try await rig.deny(denied.id, by: omar).isDone)
    #expect(rows(rig).map(\.uses) == [0])
    let undone = await rig.submit("wire", ["amount": 2])
    #expect(try await rig.undo(undone.id).isDone)
    #expect(try rig.row(undone.id).state == .awaitingApproval)
    #expect(rows(rig).map(\.uses) == [0])
    for amount in 3...4 {
      let call = await rig.submit("wire", ["amount": .integer(Int64(amount))])
      #expect(try rig.row(call.id).state == .approved)
    }
    #expect(rows(rig).map(\.state) == [.used])
    #expect(
      try rig.row(await rig.submit("wire", ["amount": 5]).id).state == .awaitingApproval
    )
    rig.clock.advance(by: .seconds(10))
    await rig.events.wait(for: .succeeded, function: "t.wire", 2)
    #expect(rows(rig).map(\.uses) == [2])
  }

  @Test func `while its function is off a grant approves nothing`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")])
    let waits = await rig.submit("wire", ["amount": 1])
    await rig.hold(true)
    let seen = try rig.seen(waits.id)
    _ = try await give(rig, draft(), waiting: [SeenCall(waits.id, seen)])
    #expect(try rig.row(waits.id).state == .awaitingApproval)
    #expect(rows(rig).map(\.uses) == [0])
  }

  // MARK: - How wide

  @Test func `it is at most as wide as its giver's right`() async throws {
    let large = try Schema([
      "properties": ["amount": ["type": "number", "exclusiveMinimum": 100]], "required": ["amount"],
    ])
    let rig = try Rig(wire, rules: [asking("wire")]) { configuration in
      configuration.deciding = DecidingPolicy([
        DecidingPolicy.Rule(when: large, operators: ["omar"]),
        DecidingPolicy.Rule(acts: [.grant], operators: ["omar", "maria"]),
      ])
    }
    _ = try await give(rig, draft())
    #expect(await rig.submit("wire", ["amount": 100]).value != nil)
    #expect(await rig.submit("wire", ["amount": 101]).isPending)
    let ines = Principal.operator("ines", uid: 504)
    let refused = await rig.engine.perform(.grant(draft(), waiting: []), by: ines)
    #expect(refused.message == "by the rules of deciders you may approve no call of t.wire")
    #expect(rig.audited().last?.by == "ines")
    let looks = await rig.engine.perform(.grant(draft(), waiting: []), by: vera)
    #expect(!looks.isDone)
  }

  @Test func `a grant of somebody who is no operator any more serves nothing`() async throws {
    let store = InMemoryStore()
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    _ = try await give(rig, draft())
    await rig.engine.stop(patience: .zero)
    let later = try Rig(wire, rules: [asking("wire")], store: store) { configuration in
      configuration.operators = [Principal.viewer("maria", uid: 501), omar]
    }
    try later.engine.takeUp()
    #expect(await later.submit("wire", ["amount": 1]).isPending)
    #expect(rows(later).map(\.state) == [.void])
  }

  @Test func `it has an end, a function and a condition that says what it means`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")])
    let wrong: [(GrantDraft, String)] = [
      (draft(seconds: 0), "a grant ends between"),
      (draft(seconds: 8 * 86400), "a grant ends between"),
      (draft("t.wired"), "there is no function t.wired; did you mean t.wire?"),
      (draft(limit: 0), "it would serve no call"),
      (
        draft(when: ["properties": ["amount": ["maximum": 5]]]), "also holds when amount is missing"
      ),
      (draft(when: ["required": ["amount"], "properties": ["amont": true], "not": true]), "not"),
      (draft(when: ["tpye": "object"]), "no keyword of JSON Schema; did you mean type?"),
      (draft(when: ["type": 7]), "no JSON Schema that can be used"),
    ]
    for (draft, why) in wrong {
      let reply = await rig.engine.perform(.grant(draft, waiting: []), by: maria)
      #expect(!reply.isDone)
      #expect(reply.message.contains(why), "\(reply.message)")
    }
    #expect(rows(rig).isEmpty)
    #expect(rig.audited().count == wrong.count)
  }

  @Test func `a condition on a secret field is refused, since it would be kept in clear`()
    async throws
  {
    let pay = TestFunction(
      "pay",
      parameters: [
        "type": "object", "properties": ["card": ["type": "string"]], "required": ["card"],
      ]
    ) { $0.secrets = ["card"] }
    let rig = try Rig(pay, rules: [asking("pay")])
    let when: JSONValue = ["required": ["card"], "properties": ["card": ["const": "4111"]]]
    let reply = await rig.engine.perform(.grant(draft("t.pay", when: when), waiting: []), by: maria)
    #expect(reply.message.contains("about a secret"), "\(reply.message)")
  }

  // MARK: - What waits already

  @Test func `what waits already is approved only where its giver named it as it was`() async throws
  {
    let rig = try Rig(wire, rules: [asking("wire")])
    var waiting: [SeenCall] = []
    for amount in 1...4 {
      let id = await rig.submit("wire", ["amount": .integer(Int64(amount))]).id
      waiting.append(SeenCall(id, try rig.seen(id)))
    }
    let shown = try preview(rig, draft())
    #expect(shown.refusal == nil)
    #expect(Set(shown.waiting) == Set(waiting))
    #expect(shown.starting == 4)
    #expect(shown.functions == ["t.wire"])
    #expect(try preview(rig, draft(limit: 2)).waiting.count == 2)
    #expect(
      try preview(
        rig,
        draft(when: ["required": ["amount"], "properties": ["amount": ["maximum": 2]]])
      ).waiting.count == 2
    )
    // Not named, they wait on.
    _ = try await give(rig, draft(when: small))
    #expect(try waiting.allSatisfy { try rig.row($0.call).state == .awaitingApproval })
    // Named, they run, but for what has changed since.
    #expect(try await rig.edit(waiting[3].call, ["amount": 9], by: omar).isDone)
    let reply = await rig.engine.perform(.grant(draft(), waiting: waiting), by: maria)
    #expect(reply.message.hasSuffix("3 of 4 waiting calls approved, 1 had changed or gone"))
    await rig.events.wait(for: .succeeded, function: "t.wire", 3)
    #expect(try rig.row(waiting[3].call).state == .awaitingApproval)
    #expect(rows(rig).map(\.uses) == [3, 0])
  }

  @Test func `the look ahead counts what a quorum leaves waiting`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let first = await rig.submit("wire", ["amount": 1])
    _ = await rig.submit("wire", ["amount": 2])
    #expect(try await rig.approve(first.id, by: omar).isDone)
    let shown = try preview(rig, draft())
    #expect(shown.waiting.count == 2)
    #expect(shown.starting == 1)
    #expect(try preview(rig, draft("t.none")).refusal?.contains("no function") == true)
  }

  // MARK: - Its end

  @Test func `revoked, it approves nothing, and what it approved asks a person before it starts`()
    async throws
  {
    let busy = TestFunction("wire", .hold(whenCancelled: .maybe), .echo, parameters: amounts) {
      $0.slots = 1
    }
    let rig = try Rig(busy, rules: [asking("wire")])
    let grant = try await give(rig, draft())
    let running = rig.begin("wire", ["amount": 1])
    let attempt = await busy.attempt(1)
    let queued = rig.begin("wire", ["amount": 2])
    await rig.queued("wire", 1)
    #expect(await rig.engine.perform(.revokeGrant(grant.id), by: omar).isDone)
    let revoked = try #require(rig.events.all { $0.type == .engine(.grantRevoked) }.first)
    #expect(revoked.grant == grant.id)
    #expect(revoked.by == "omar")
    attempt.answer("done")
    // What runs goes on; what did not start does not.
    #expect(await running.value.value == "done")
    let asked = await rig.events.wait(for: .awaitingApproval, function: "t.wire", 3)
    #expect(asked.seq > revoked.seq)
    #expect(asked.cause == "the grant that approved it is valid no longer")
    let id = try #require(asked.call?.id)
    #expect(try rig.row(id).approvalsGiven == 0)
    #expect(try await rig.approve(id, by: omar).isDone)
    await rig.events.wait(for: .succeeded, of: id)
    _ = await queued.value
    #expect(await rig.submit("wire", ["amount": 3]).isPending)
    let twice = await rig.engine.perform(.revokeGrant(grant.id), by: maria)
    #expect(twice.message == "already ended: omar, 0 s ago")
    #expect(rows(rig).first?.revoked?.by == "omar")
    #expect(rows(rig).map(\.uses) == [1])
  }

  @Test func `revoked while another approval is missing, it is counted no longer`() async throws {
    let wire = TestFunction("wire", .echo, parameters: amounts)
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let grant = try await give(rig, draft())
    let id = await rig.submit("wire", ["amount": 1]).id
    #expect(try rig.row(id).approvalsGiven == 1)
    #expect(await rig.engine.perform(.revokeGrant(grant.id), by: omar).isDone)
    #expect(try rig.row(id).approvalsGiven == 0)
    #expect(try await rig.approve(id, by: omar).isDone)
    #expect(try rig.row(id).state == .awaitingApproval)
    #expect(try rig.row(id).approvalsGiven == 1)
    #expect(try await rig.approve(id, by: maria).isDone)
    await rig.events.wait(for: .succeeded, of: id)
  }

  @Test func `an attempt after its end asks too, also where others went before`() async throws {
    let flaky = TestFunction("wire", .fail(.notSent()), .echo, parameters: amounts) { definition in
      definition.retry = RetryPolicy(maxAttempts: 5, base: .seconds(30), cap: .seconds(30))
    }
    let rig = try Rig(flaky, rules: [asking("wire")])
    let grant = try await give(rig, draft(seconds: 3600))
    let call = rig.begin("wire", ["amount": 1])
    let failed = await rig.events.wait(for: .backingOff, function: "t.wire")
    let id = try #require(failed.call?.id)
    #expect(await rig.engine.perform(.revokeGrant(grant.id), by: omar).isDone)
    rig.clock.advance(by: .seconds(30))
    await rig.events.wait(for: .awaitingApproval, function: "t.wire", 2)
    #expect(flaky.executions == 1)
    #expect(try await rig.approve(id, by: omar).isDone)
    let done = await rig.events.wait(for: .succeeded, of: id)
    #expect(done.call?.attempt == nil)
    #expect(try rig.call(id).attempts.map(\.number) == [1, 2])
    _ = await call.value
  }

  @Test func `no attempt is numbered after a revocation`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")]) { $0.slots = 4 }
    let grant = try await give(rig, draft())
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<400 {
        group.addTask { _ = await rig.submit("wire", ["amount": .integer(Int64(number))]) }
      }
      group.addTask {
        for _ in 0..<20 { await Task.yield() }
        _ = await rig.engine.perform(.revokeGrant(grant.id), by: omar)
      }
    }
    let revoked = try #require(rig.events.all { $0.type == .engine(.grantRevoked) }.first)
    let started = rig.events.all { $0.type == .call(.running) }
    #expect(started.allSatisfy { $0.seq < revoked.seq })
    #expect(rows(rig).first?.uses == started.count)
    #expect(rig.header.waiting == 400 - started.count)
  }

  // MARK: - A restart

  @Test func `it survives a restart with its count, and so does its end`() async throws {
    let store = InMemoryStore()
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    let kept = try await give(rig, draft(limit: 2))
    let gone = try await give(rig, draft(when: small), by: omar)
    #expect(await rig.submit("wire", ["amount": 1]).value != nil)
    #expect(await rig.engine.perform(.revokeGrant(gone.id), by: omar).isDone)
    await rig.engine.stop(patience: .zero)
    let later = try Rig(wire, rules: [asking("wire")], store: store)
    try later.engine.takeUp()
    #expect(rows(later).map(\.grant) == [gone, kept])
    #expect(rows(later).map(\.state) == [.revoked, .valid])
    #expect(rows(later).map(\.uses) == [0, 1])
    #expect(await later.submit("wire", ["amount": 2]).value != nil)
    #expect(await later.submit("wire", ["amount": 3]).isPending)
  }

  @Test func `a store that can't write gives no grant and counts none`() async throws {
    let store = FaultyStore()
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    store.fail(StoreFault("the disk is full"))
    let reply = await rig.engine.perform(.grant(draft(), waiting: []), by: maria)
    #expect(!reply.isDone)
    #expect(rows(rig).isEmpty)
  }

  // MARK: - As it is typed

  @Test func `what is typed becomes a draft, or a sentence`() throws {
    let typed = try GrantDraft(
      parsing: #"payments.* for 2h limit 5 when {"required": ["amount"]}"#
    )
    #expect(
      typed
        == GrantDraft(
          function: "payments.*",
          when: ["required": ["amount"]],
          seconds: 7200,
          limit: 5
        )
    )
    #expect(try GrantDraft(parsing: "t.wire for 30m").seconds == 1800)
    for (text, why) in [
      ("", "write FUNCTION"), ("t.wire", "a grant has an end"), ("t.wire for ever", "for 30m"),
      ("t.wire for 2h limit none", "a number of calls"), ("t.wire for 2h when {", "when needs"),
      ("t.wire since 2h", "“since” is not understood"),
    ] {
      #expect {
        try GrantDraft(parsing: text)
      } throws: {
        "\($0)".contains(why)
      }
    }
  }
}
