import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// Two functions of a server, of which a test changes one.
private struct Server {
  let rig: Rig
  let provider: DriftingProvider
  let pay = TestFunction("pay", parameters: amounts)
  let refund = TestFunction("refund", parameters: amounts)

  init(grace: Double = 0, store: any Store = InMemoryStore()) throws {
    let provider = DriftingProvider(
      try NativeProvider(namespace: "t", [pay.native, refund.native])
    )
    self.provider = provider
    rig = try Rig(
      all: [pay, refund],
      rules: [asking("pay", grace: grace), asking("refund", grace: grace)],
      store: store
    ) { _ in
    } wrap: { _ in
      provider
    }
  }

  func drift() {
    provider.announce("pay") {
      $0.parameters = [
        "type": "object",
        "properties": ["amount": ["type": "number", "maximum": 100]],
      ]
    }
  }

  func comeBack() { provider.announce("pay") { $0.parameters = amounts } }

  func give(_ function: String) async throws -> Grant {
    let draft = GrantDraft(function: function, seconds: 3600)
    #expect(await rig.engine.perform(.grant(draft, waiting: []), by: maria).isDone)
    return try #require(rows.first).grant
  }

  var rows: [GrantRow] {
    guard case .grants(let rows) = rig.engine.snapshot(of: .grants).body else { return [] }
    return rows
  }
}

/// A grant is for the definition that its giver knew, and for no other one in between.
@Suite(.timeLimit(.minutes(10)))
struct VoidGrantTests {
  @Test func `a grant that drift has made void stays void when the old definition returns`()
    async throws
  {
    let it = try Server()
    let grant = try await it.give("t.pay")
    #expect(await it.rig.submit("pay", ["amount": 1]).value != nil)
    it.drift()
    it.comeBack()
    #expect(await it.rig.submit("pay", ["amount": 2]).isPending)
    let row = try #require(it.rows.first)
    #expect(row.state == .void)
    #expect(row.uses == 1)
    #expect(
      row.voidCause?.contains("the definition of t.pay has changed: + amount: maximum") == true
    )
    let told = it.rig.events.all { $0.type == .engine(.grantVoid) }
    #expect(told.map(\.grant) == [grant.id])
    #expect(told.first?.function == "t.pay")
    #expect(told.first?.cause?.contains("given by maria, is void") == true)
    let late = await it.rig.engine.perform(.revokeGrant(grant.id), by: maria)
    #expect(late.message.contains("already void"))
    // Whoever wants it again gives it again.
    _ = try await it.give("t.pay")
    #expect(await it.rig.submit("pay", ["amount": 3]).value != nil)
  }

  @Test func `it is void for good after a restart too, and the report tells of it`() async throws {
    let store = InMemoryStore()
    let first = try Server(store: store)
    try first.rig.engine.takeUp()
    let since = first.rig.clock.now
    let grant = try await first.give("t.pay")
    first.drift()
    await first.rig.engine.stop(patience: .zero)
    let later = try Server(store: store)
    try later.rig.engine.takeUp()
    #expect(await later.rig.submit("pay", ["amount": 1]).isPending)
    #expect(later.rows.map(\.state) == [.void])
    #expect(later.rows.first?.void.map(\.function) == ["t.pay"])
    let query = Query.report(since: since, until: later.rig.clock.now.addingTimeInterval(60))
    @Sendable func found() -> ShiftReport? {
      if case .report(let report) = later.rig.engine.snapshot(of: query).body {
        report
      } else {
        nil
      }
    }
    await eventually { found() != nil }
    let report = try #require(found())
    #expect(report.grants.map(\.kind) == [.given, .void])
    #expect(report.grants.last?.giver == "maria")
    let lines = report.sections(in: .gmt).first { $0.title.hasPrefix("grants given") }?.lines
    #expect(
      lines?.last?.contains(
        "\(grant.id.short) of maria is void for t.pay: its definition has changed: + amount: maximum"
      ) == true
    )
  }

  @Test func `it stands on for the functions that have not changed`() async throws {
    let it = try Server()
    _ = try await it.give("t.*")
    it.drift()
    it.comeBack()
    #expect(await it.rig.submit("pay", ["amount": 1]).isPending)
    #expect(await it.rig.submit("refund", ["amount": 1]).value != nil)
    let row = try #require(it.rows.first)
    #expect(row.state == .valid)
    #expect(row.functions == ["t.refund"])
    #expect(row.void.map(\.function) == ["t.pay"])
  }

  @Test func `what it had approved asks a person, though the definition is the old one again`()
    async throws
  {
    let it = try Server(grace: 30)
    _ = try await it.give("t.*")
    let call = await it.rig.submit("pay", ["amount": 1]).id
    #expect(try it.rig.call(call).state.word == .approved)
    it.drift()
    it.comeBack()
    it.rig.clock.advance(by: .seconds(31))
    await eventually { (try? it.rig.call(call).state.word) == .awaitingApproval }
    #expect(it.pay.executions == 0)
  }

  @Test func `a function that goes and comes back as it was leaves a grant as it was`() async throws
  {
    let it = try Server()
    _ = try await it.give("t.pay")
    var gone: FunctionDefinition?
    it.provider.announce { functions in
      gone = functions.first { $0.name.name == "pay" }
      functions.removeAll { $0.name.name == "pay" }
    }
    #expect(it.rows.first?.absent == ["t.pay"])
    let back = try #require(gone)
    it.provider.announce { $0.append(back) }
    #expect(await it.rig.submit("pay", ["amount": 1]).value != nil)
  }
}
