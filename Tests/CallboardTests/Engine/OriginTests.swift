import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// Where a value came from, and how often it was used before, as the engine tells it.
@Suite(.timeLimit(.minutes(10)))
struct OriginTests {
  private static func wire(
    _ configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  )
    -> TestFunction
  {
    TestFunction("wire", configure: configure)
  }

  /// Lets what goes to `friend` run, and asks about the rest.
  private static func rules() throws -> [ApprovalRules.Rule] {
    [
      ApprovalRules.Rule(
        when: try Schema(["properties": ["payee": ["const": "stranger"]], "required": ["payee"]])
      ), free,
    ]
  }

  private func uses(_ rig: Rig, _ id: CallID, _ field: String) throws -> ArgumentOrigin.Uses? {
    try rig.detail(id).origins.first { $0.pointer.description == "/" + field }?.uses
  }

  @Test func `a new payee is told from one that was paid before`() async throws {
    let rig = try Rig(Self.wire { $0.effect = .idempotent }, rules: try Self.rules())
    for _ in 0..<41 { _ = await rig.submit("wire", ["payee": "friend", "account": "DE89 3704"]) }
    let waiting = await rig.submit("wire", ["payee": "stranger", "account": "DE89 3704"])
    #expect(try uses(rig, waiting.id, "payee") == .init(count: 0, of: 41, isAll: true))
    #expect(try uses(rig, waiting.id, "account") == .init(count: 41, of: 41, isAll: true))
    #expect(try rig.detail(waiting.id).origins.allSatisfy { $0.source == nil }, "no conversation")
  }

  @Test func `the same value in another field is another thing, and failures do not count`()
    async throws
  {
    let wire = TestFunction("wire", .echo, .fail(.answered(retryable: false)), .echo)
    let rig = try Rig(wire, rules: try Self.rules())
    _ = await rig.submit("wire", ["payee": "friend", "memo": "stranger"])
    _ = await rig.submit("wire", ["payee": "someone"])
    let waiting = await rig.submit("wire", ["payee": "stranger", "lines": ["friend", 1234.0]])
    #expect(try uses(rig, waiting.id, "payee") == .init(count: 0, of: 1, isAll: true))
  }

  @Test func `it says how far it looked`() async throws {
    let rig = try Rig(Self.wire { $0.effect = .idempotent }, rules: try Self.rules())
    for number in 0..<230 {
      _ = await rig.submit("wire", ["payee": number < 30 ? "stranger2" : "friend"])
    }
    let waiting = await rig.submit("wire", ["payee": "stranger", "count": 1000])
    #expect(try uses(rig, waiting.id, "payee") == .init(count: 0, of: 200, isAll: false))
  }

  @Test func `the count follows what happens while somebody looks, at a bounded pace`()
    async throws
  {
    let rig = try Rig(Self.wire { $0.effect = .idempotent }, rules: try Self.rules())
    let waiting = await rig.submit("wire", ["payee": "stranger"])
    #expect(try uses(rig, waiting.id, "payee")?.of == 0)
    _ = await rig.submit("wire", ["payee": "friend"])
    #expect(try uses(rig, waiting.id, "payee")?.of == 0)
    rig.clock.advance(by: .seconds(2))
    #expect(try uses(rig, waiting.id, "payee")?.of == 1)
  }

  @Test func `a call is not among those before it, nor is what came after it`() async throws {
    let rig = try Rig(Self.wire { $0.effect = .idempotent }, rules: try Self.rules())
    _ = await rig.submit("wire", ["payee": "friend"])
    let waiting = await rig.submit("wire", ["payee": "stranger"])
    rig.clock.advance(by: .seconds(3))
    #expect(try await rig.approve(waiting.id).isDone)
    await rig.events.wait(for: .succeeded, of: waiting.id)
    rig.clock.advance(by: .seconds(3))
    #expect(try uses(rig, waiting.id, "payee") == .init(count: 0, of: 1, isAll: true))
    let other = await rig.submit("wire", ["payee": "stranger"])
    rig.clock.advance(by: .seconds(3))
    #expect(try uses(rig, other.id, "payee") == .init(count: 1, of: 2, isAll: true))
    #expect(try await rig.approve(other.id).isDone)
    await rig.events.wait(for: .succeeded, of: other.id)
    rig.clock.advance(by: .seconds(3))
    #expect(try uses(rig, waiting.id, "payee") == .init(count: 0, of: 1, isAll: true))
  }

  @Test func `a secret is found and counted, and not told`() async throws {
    let card = "5105 1051 0510 5100"
    let wire = Self.wire { $0.secrets = ["code"] }
    let sealer = Sealer(Sealer.MasterKey())
    let clock = ManualClock()
    let engine = Engine(
      EngineConfiguration(rules: ApprovalRules([asking("wire")]), seed: 3),
      registry: try FunctionRegistry([
        try NativeProvider(namespace: "t", [wire.native])
      ]),
      clock: clock,
      sealer: sealer
    )
    let paid = await engine.submit(
      "t.wire",
      ["code": "open sesame", "card": .string(card)],
      by: agent
    )
    guard case .call(let first?) = engine.snapshot(of: .call(paid.id)).body,
      let seen = first.row.digest
    else { throw Missing(what: "the first call") }
    #expect(
      await engine.perform(
        .approve(paid.id, Seen(revision: first.row.revision, digest: seen)),
        by: maria
      ).isDone
    )
    _ = await engine.outcome(of: paid.id)
    clock.advance(by: .seconds(5))
    let waiting = await engine.submit("t.wire", ["code": "open sesame", "card": "none"], by: agent)
    guard case .call(let detail?) = engine.snapshot(of: .call(waiting.id)).body else {
      throw Missing(what: "the second call")
    }
    let uses = Dictionary(
      uniqueKeysWithValues: detail.origins.map { ($0.pointer.description, $0.uses) }
    )
    #expect(uses["/code"] == .init(count: 1, of: 1, isAll: true))
    #expect(uses["/card"] == .init(count: 0, of: 1, isAll: true))
    let told = try JSONValue(encoding: detail.origins).serialized()
    #expect(!told.contains("sesame") && !told.contains("5105"))
  }

  @Test func `in a conversation each value has its message`() async throws {
    let rig = try Rig(Self.wire(), rules: [asking("wire")])
    let model = TestModel(
      .call(("t_wire", #"{"payee":"Lakeside","memo":"from nowhere","again":"go and pay"}"#))
    )
    let talk = try rig.engine.start(
      ConversationRequest(
        title: "a talk",
        caller: agent,
        model: model.name,
        messages: ["go and pay Lakeside"]
      ),
      model: model
    )
    let asked = await rig.events.wait(for: .call(.awaitingApproval))
    let id = try #require(asked.call?.id)
    #expect(asked.call?.conversation == talk)
    let sources = Dictionary(
      uniqueKeysWithValues: try rig.detail(id).origins.map { ($0.pointer.description, $0.source) }
    )
    #expect(sources["/payee"] == .message(author: "agent", turn: 0))
    #expect(sources["/again"] == .message(author: "agent", turn: 0))
    #expect(sources["/memo"] == .nowhere)
  }
}
