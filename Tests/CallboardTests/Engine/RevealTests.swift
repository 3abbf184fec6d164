import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

@Suite(.timeLimit(.minutes(10)))
struct RevealTests {
  private let rosa = Principal(name: "rosa", uid: 504, roles: [.viewer, .revealer])
  private let arguments: JSONValue = ["amount": 5, "password": "hunter2"]

  private func desk(sealer: Sealer? = nil, store: any Store = InMemoryStore()) throws -> Desk {
    let pay = NativeFunction("pay", "Pays.", parameters: amounts) { _ in
      ["api_key": "k-8812", "done": true]
    }
    return try Desk(pay, sealer: sealer, store: store)
  }

  private struct Desk {
    let engine: Engine
    let events: EventRecorder

    init(_ function: NativeFunction, sealer: Sealer?, store: any Store) throws {
      engine = Engine(
        EngineConfiguration(rules: ApprovalRules([asking("pay")]), seed: 7),
        registry: try FunctionRegistry([try NativeProvider(namespace: "t", [function])]),
        store: store,
        clock: ManualClock(),
        sealer: sealer
      )
      events = EventRecorder(engine)
    }

    func seen(_ id: CallID) throws -> Seen {
      guard case .call(let detail?) = engine.snapshot(of: .call(id)).body,
        let digest = detail.row.digest
      else { throw Missing(what: "call \(id)") }
      #expect(detail.call.isMarked)
      return Seen(revision: detail.row.revision, digest: digest)
    }

    var revealed: [EngineEvent] { events.all { $0.type == .engine(.revealed) } }
  }

  @Test func `a person with the right sees a waiting call as it is, and that is on record`()
    async throws
  {
    let desk = try desk()
    let id = await desk.engine.submit("t.pay", arguments, by: agent).id
    let before = try desk.seen(id)
    guard case .originals(let originals) = await desk.engine.reveal(id, by: rosa) else {
      Issue.record("nothing was revealed")
      return
    }
    #expect(originals.decided == arguments)
    #expect(originals.revision == before.revision)
    #expect(desk.revealed.map(\.by) == ["rosa"])
    #expect(desk.revealed.first?.call?.id == id)
    #expect(desk.events.all.allSatisfy { !$0.json.serialized().contains("hunter2") })
    // What is approved is the same, whoever has looked.
    #expect(try desk.seen(id) == before)
    #expect(await desk.engine.perform(.approve(id, before), by: maria).isDone)
  }

  @Test(arguments: [maria, vera]) func `without the right nothing is shown, and that is on record`(
    person: Principal
  ) async throws {
    let desk = try desk()
    let id = await desk.engine.submit("t.pay", arguments, by: agent).id
    guard case .refused(let why) = await desk.engine.reveal(id, by: person) else {
      Issue.record("it was revealed to \(person.name)")
      return
    }
    #expect(why == "that takes the role revealer, and \(person.name) has not")
    #expect(desk.revealed.isEmpty)
    let refused = desk.events.all { $0.type == .engine(.decisionRefused) }
    #expect(refused.map(\.by) == [person.name])
    #expect(refused.first?.call?.id == id)
  }

  @Test func `an ended call is opened with the store's key, and with no other`() async throws {
    let key = Sealer.MasterKey()
    let store = InMemoryStore()
    let desk = try desk(sealer: Sealer(key), store: store)
    let id = await desk.engine.submit("t.pay", arguments, by: agent).id
    _ = await desk.engine.perform(.approve(id, try desk.seen(id)), by: maria)
    _ = await desk.engine.outcome(of: id)
    guard case .originals(let originals) = await desk.engine.reveal(id, by: rosa) else {
      Issue.record("nothing was revealed")
      return
    }
    #expect(originals.decided == arguments)
    #expect(originals.result?["api_key"] == "k-8812")
    let other = try self.desk(sealer: Sealer(Sealer.MasterKey()), store: store)
    guard case .refused(let why) = await other.engine.reveal(id, by: rosa) else {
      Issue.record("another key has opened it")
      return
    }
    #expect(why.contains("can't be opened with this key"))
    #expect(other.revealed.isEmpty)
  }

  @Test func `what can't be put on record is not shown`() async throws {
    let store = FaultyStore()
    let desk = try desk(store: store)
    let id = await desk.engine.submit("t.pay", arguments, by: agent).id
    store.fail(StoreFault("the disk is full"))
    guard case .refused(let why) = await desk.engine.reveal(id, by: rosa) else {
      Issue.record("it was revealed without a record")
      return
    }
    #expect(why.contains("the disk is full"))
  }
}
