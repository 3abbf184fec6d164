import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// A function `pay` of a server, and `look` beside it.
private struct Server {
  let rig: Rig
  let provider: DriftingProvider
  let pay: TestFunction
  let look: TestFunction

  static func parameters(maximum: Int64? = nil, extra: String? = nil) -> JSONValue {
    var amount: JSONObject = ["type": "number", "description": "in USD"]
    if let maximum { amount["maximum"] = .integer(maximum) }
    var properties: JSONObject = ["amount": .object(amount)]
    if let extra { properties[extra] = ["type": "string"] }
    return [
      "type": "object", "properties": .object(properties), "required": ["amount"],
    ]
  }

  init(
    rules: [ApprovalRules.Rule] = [free],
    store: any Store = InMemoryStore(),
    pay: TestFunction = TestFunction("pay", parameters: Server.parameters()),
    announcing change: ((inout FunctionDefinition) -> Void)? = nil
  ) throws {
    self.pay = pay
    look = TestFunction("look")
    let provider = DriftingProvider(
      try NativeProvider(namespace: "t", [pay.native, look.native])
    )
    if let change { provider.announce("pay", change) }
    self.provider = provider
    rig = try Rig(all: [pay, look], rules: rules, store: store) { _ in
    } wrap: { _ in
      provider
    }
  }

  /// What is on the waiting screen of changed definitions.
  var rows: [DefinitionRow] { rig.engine.snapshot(of: .waiting(ListQuery())).definitions }

  func change() throws -> DefinitionChange {
    guard case .function(let detail?) = rig.engine.snapshot(of: .function("t.pay")).body,
      let change = detail.change
    else { throw Missing(what: "a change of t.pay") }
    return change
  }

  func narrow(to maximum: Int64 = 100) {
    provider.announce("pay") { $0.parameters = Server.parameters(maximum: maximum) }
  }

  @discardableResult
  func accept(by person: Principal = maria) async throws -> Reply {
    let row = try change().row
    return await rig.engine.perform(
      .acceptDefinition("t.pay", from: row.from, to: row.to),
      by: person
    )
  }
}

@Suite(.timeLimit(.minutes(10)))
struct DriftTests {
  @Test func `a changed definition holds its function, and no other`() async throws {
    let it = try Server()
    #expect(await it.rig.submit("pay", ["amount": 5]).failure == nil)
    it.narrow()
    let refused = await it.rig.submit("pay", ["amount": 5])
    #expect(refused.failure?.kind == .definitionNotAccepted)
    #expect(refused.failure?.isRetryable == true)
    #expect(it.rig.events.states(of: refused.id) == [.received, .rejected])
    #expect(await it.rig.submit("look").failure == nil)
    #expect(it.pay.executions == 1)
    let event = try #require(it.rig.events.all { $0.type == .function(.changed) }.first)
    #expect(event.function == "t.pay")
    #expect(event.cause == "+ amount: maximum")
    #expect(try event.definition == it.change().row.to)
    #expect(it.rig.header.changedDefinitions == 1)
  }

  @Test func `the difference says what is new, what is gone and what is another`() throws {
    let it = try Server(
      pay: TestFunction("pay", parameters: Server.parameters(maximum: 5, extra: "memo"))
    )
    it.provider.announce("pay") { definition in
      definition.parameters = Server.parameters(maximum: 9, extra: "account")
      definition.parameters["required"] = ["amount", "account"]
      definition.description = "Sends everything"
    }
    #expect(
      try it.change().differences == [
        DefinitionDifference(what: "amount: maximum", before: 5, after: 9),
        DefinitionDifference(what: "memo", before: ["type": "string"], after: nil),
        DefinitionDifference(what: "account", before: nil, after: ["type": "string"]),
        DefinitionDifference(what: "required", before: ["amount"], after: ["amount", "account"]),
        DefinitionDifference(
          what: "description",
          before: "The function pay of a test",
          after: "Sends everything",
          isNotice: true
        ),
      ]
    )
    #expect(it.rows.map(\.summary) == ["~ amount: maximum, - memo, + account and 1 more"])
  }

  @Test func `a changed description is a notice, and holds nothing`() async throws {
    let it = try Server()
    it.provider.announce("pay") { definition in
      definition.description = "Pays, in other words"
      definition.parameters["properties"]?["amount"]?["description"] = "in EUR"
    }
    #expect(it.rows.isEmpty)
    #expect(await it.rig.submit("pay", ["amount": 5]).failure == nil)
    #expect(it.rig.events.all { $0.type == .function(.described) }.count == 1)
    #expect(try it.rig.function("pay").description == "Pays, in other words")
  }

  @Test func `what is not accepted is offered to no model`() throws {
    let it = try Server()
    it.narrow()
    #expect(try it.rig.engine.offers(to: agent).map(\.function.description) == ["t.look"])
  }

  @Test func `accepting takes exactly the definition that was shown`() async throws {
    let it = try Server()
    it.narrow(to: 100)
    let seen = try it.change().row
    it.narrow(to: 200)
    let late = await it.rig.engine.perform(
      .acceptDefinition("t.pay", from: seen.from, to: seen.to),
      by: maria
    )
    #expect(
      late == .refused("the definition of t.pay has changed since you saw it; read it again")
    )
    #expect(it.rig.audited().count == 1)
    #expect(try await it.accept().isDone)
    #expect(await it.rig.submit("pay", ["amount": 150]).failure == nil)
    #expect(await it.rig.submit("pay", ["amount": 250]).failure?.kind == .invalidArguments)
    let event = try #require(it.rig.events.all { $0.type == .function(.accepted) }.first)
    #expect(event.by == "maria")
    // Who comes second is told.
    let again = await it.rig.engine.perform(
      .acceptDefinition("t.pay", from: seen.from, to: event.definition ?? ""),
      by: omar
    )
    #expect(again == .refused("the definition of t.pay is accepted already"))
  }

  @Test func `only an operator accepts`() async throws {
    let it = try Server()
    it.narrow()
    #expect(!(try await it.accept(by: vera)).isDone)
    #expect(it.rows.count == 1)
  }

  @Test func `a declined definition stays held, and can be accepted later`() async throws {
    let it = try Server()
    it.narrow()
    let row = try it.change().row
    let decline = Request.declineDefinition("t.pay", from: row.from, to: row.to)
    #expect(await it.rig.engine.perform(decline, by: omar).isDone)
    #expect(it.rows.first?.declined?.by == "omar")
    #expect(it.rig.header.changedDefinitions == 0)
    #expect(
      await it.rig.engine.perform(decline, by: maria).message.hasPrefix("already declined: omar")
    )
    #expect(await it.rig.submit("pay", ["amount": 5]).failure?.kind == .definitionNotAccepted)
    #expect(try await it.accept().isDone)
    #expect(await it.rig.submit("pay", ["amount": 5]).failure == nil)
  }

  @Test func `a server that takes its change back holds nothing any more`() async throws {
    let it = try Server()
    it.narrow()
    it.provider.announce("pay") { $0.parameters = Server.parameters() }
    #expect(it.rows.isEmpty)
    #expect(await it.rig.submit("pay", ["amount": 500]).failure == nil)
  }

  @Test func `a definition that can't be used is held, and can't be accepted`() async throws {
    let it = try Server()
    it.provider.announce("pay") { $0.parameters = ["type": "object", "properties": 7] }
    #expect(it.rows.count == 1)
    #expect(try it.change().problem != nil)
    #expect(try await it.accept().message.contains("can't be used"))
    #expect(await it.rig.submit("pay", ["amount": 5]).failure?.kind == .definitionNotAccepted)
  }

  // MARK: - What waits

  @Test func `approvals given before are void, and after acceptance it is asked about anew`()
    async throws
  {
    let it = try Server(rules: [asking("pay", approvers: 2)])
    let waiting = await it.rig.submit("pay", ["amount": 5])
    #expect(try await it.rig.approve(waiting.id, by: maria).isDone)
    let before = try it.rig.seen(waiting.id)
    it.narrow()
    #expect(try it.rig.row(waiting.id).approvalsGiven == 0)
    #expect(
      try await it.rig.approve(waiting.id, by: omar).message.contains("nobody has accepted it")
    )
    #expect(try await it.accept().message.contains("1 waiting call is asked about anew"))
    let after = try it.rig.seen(waiting.id)
    #expect(after.digest != before.digest)
    #expect(!(await it.rig.engine.perform(.approve(waiting.id, before), by: omar)).isDone)
    #expect(try await it.rig.approve(waiting.id, by: maria).isDone)
    #expect(try await it.rig.approve(waiting.id, by: omar).isDone)
    await it.rig.events.wait(for: .succeeded, of: waiting.id)
  }

  @Test func `arguments that do not fit the accepted definition fail their call`() async throws {
    let it = try Server(rules: [asking("pay")])
    let waiting = await it.rig.submit("pay", ["amount": 5000])
    it.narrow()
    try await it.accept()
    let failure = try #require(await it.rig.engine.outcome(of: waiting.id)?.failure)
    #expect(failure.kind == .invalidArguments)
    #expect(failure.pointer == "/amount")
    #expect(it.rig.events.states(of: waiting.id).last == .failed)
    #expect(it.pay.executions == 0)
  }

  @Test func `a call whose grace time runs is taken back`() async throws {
    let it = try Server(rules: [asking("pay", grace: 10)])
    let graced = await it.rig.submit("pay", ["amount": 5])
    #expect(try await it.rig.approve(graced.id).isDone)
    it.narrow()
    #expect(try it.rig.row(graced.id).state == .awaitingApproval)
    it.rig.clock.advance(by: .seconds(20))
    #expect(try it.rig.row(graced.id).state == .awaitingApproval)
    #expect(it.pay.executions == 0)
  }

  @Test(arguments: [true, false])
  func `a queued call meets the change at its slot`(asks: Bool) async throws {
    let pay = TestFunction(
      "pay",
      .hold(whenCancelled: .maybe),
      .echo,
      parameters: Server.parameters()
    ) { $0.slots = 1 }
    let it = try Server(rules: asks ? [asking("pay")] : [free], pay: pay)
    var ids: [CallID] = []
    if asks {
      for _ in 0..<2 {
        let waiting = await it.rig.submit("pay", ["amount": 5])
        ids.append(waiting.id)
        try await it.rig.approve(waiting.id)
      }
      _ = await pay.attempt(1)
    }
    let first = asks ? nil : it.rig.begin("pay", ["amount": 5])
    let attempt = await pay.attempt(1)
    let second = asks ? nil : it.rig.begin("pay", ["amount": 6])
    await it.rig.queued("pay", 1)
    it.narrow()
    attempt.answer("done")
    if asks {
      let queued = try #require(ids.last)
      await it.rig.events.wait(where: {
        $0.call?.id == queued && $0.cause?.contains("its definition changed") == true
      })
      #expect(try it.rig.row(queued).state == .awaitingApproval)
      #expect(try await it.rig.approve(queued).message.contains("nobody has accepted it"))
    } else {
      #expect(await first?.value.failure == nil)
      #expect(await second?.value.failure?.kind == .definitionChanged)
    }
    #expect(pay.executions == 1)
  }

  @Test func `what runs goes on, and is not tried again`() async throws {
    let pay = TestFunction(
      "pay",
      .hold(whenCancelled: .maybe),
      parameters: Server.parameters()
    ) { $0.effect = .read }
    let it = try Server(pay: pay)
    let running = it.rig.begin("pay", ["amount": 5])
    let attempt = await pay.attempt(1)
    it.narrow()
    attempt.fail(.notSent())
    #expect(await running.value.failure?.kind == .connectionFailed)
    #expect(pay.executions == 1)
  }

  @Test func `what backs off meets the change at its slot`() async throws {
    let pay = TestFunction("pay", .fail(.notSent()), .echo, parameters: Server.parameters()) {
      $0.effect = .read
    }
    let it = try Server(pay: pay)
    let backing = it.rig.begin("pay", ["amount": 5])
    await it.rig.events.wait { $0.type == .call(.backingOff) }
    it.narrow()
    await it.rig.advance(by: .milliseconds(100)) {
      it.rig.events.all.contains { $0.type == .call(.failed) }
    }
    #expect(await backing.value.failure?.kind == .definitionChanged)
    #expect(pay.executions == 1)
  }

  @Test func `a function that is gone fails what waits, and leaves what runs alone`() async throws {
    let pay = TestFunction(
      "pay",
      .hold(whenCancelled: .maybe),
      parameters: Server.parameters()
    ) { $0.slots = 1 }
    let it = try Server(
      rules: [
        ApprovalRules.Rule(
          when: try Schema(["properties": ["amount": ["minimum": 100]], "required": ["amount"]])
        ), free,
      ],
      pay: pay
    )
    let whole = try #require(it.provider.functions.first { $0.name.name == "pay" })
    let running = it.rig.begin("pay", ["amount": 5])
    let attempt = await pay.attempt(1)
    let queued = it.rig.begin("pay", ["amount": 6])
    await it.rig.queued("pay", 1)
    let waiting = await it.rig.submit("pay", ["amount": 500])
    it.provider.announce { $0.removeAll { $0.name.name == "pay" } }
    #expect(await queued.value.failure?.kind == .functionRemoved)
    #expect(await it.rig.engine.outcome(of: waiting.id)?.failure?.kind == .functionRemoved)
    #expect(await it.rig.submit("pay", ["amount": 5]).failure?.kind == .unknownFunction)
    attempt.answer("done")
    #expect(await running.value.value == "done")
    // It comes back as it was accepted, with its slot.
    it.provider.announce { $0.append(whole) }
    pay.plan(.echo)
    #expect(await it.rig.submit("pay", ["amount": 7]).failure == nil)
    // And held where it is another one.
    it.provider.announce { $0.removeAll { $0.name.name == "pay" } }
    it.provider.announce { functions in
      var other = whole
      other.parameters = Server.parameters(maximum: 1)
      functions.append(other)
    }
    #expect(await it.rig.submit("pay", ["amount": 1]).failure?.kind == .definitionNotAccepted)
  }
}

extension DriftTests {
  // MARK: - Restart

  @Test func `a definition that changed while callboard was away is held, with its difference`()
    async throws
  {
    let store = InMemoryStore()
    let before = try Server(rules: [asking("pay")], store: store)
    try before.rig.engine.takeUpOutcomes()
    let waiting = await before.rig.submit("pay", ["amount": 5])
    await before.rig.engine.stop(patience: .zero)
    let after = try Server(rules: [asking("pay")], store: store) {
      $0.parameters = Server.parameters(maximum: 100)
    }
    try after.rig.engine.takeUp()
    #expect(
      try after.change().differences == [
        DefinitionDifference(what: "amount: maximum", before: nil, after: 100)
      ]
    )
    #expect(try after.rig.row(waiting.id).state == .awaitingApproval)
    #expect(try await after.rig.approve(waiting.id).message.contains("nobody has accepted it"))
    try await after.accept()
    #expect(try await after.rig.approve(waiting.id).isDone)
    await after.rig.events.wait(for: .succeeded, of: waiting.id)
    await after.rig.engine.stop(patience: .zero)
    // Accepted once is accepted after a restart too.
    let last = try Server(store: store) { $0.parameters = Server.parameters(maximum: 100) }
    try last.rig.engine.takeUp()
    #expect(last.rows.isEmpty)
  }

  @Test func `a decline is remembered`() async throws {
    let store = InMemoryStore()
    let before = try Server(store: store)
    try before.rig.engine.takeUpOutcomes()
    before.narrow()
    let row = try before.change().row
    _ = await before.rig.engine.perform(
      .declineDefinition("t.pay", from: row.from, to: row.to),
      by: omar
    )
    await before.rig.engine.stop(patience: .zero)
    let after = try Server(store: store) { $0.parameters = Server.parameters(maximum: 100) }
    try after.rig.engine.takeUp()
    #expect(after.rows.first?.declined?.by == "omar")
    let other = try Server(store: store) { $0.parameters = Server.parameters(maximum: 101) }
    try other.rig.engine.takeUp()
    #expect(other.rows.first?.declined == nil)
  }
}
