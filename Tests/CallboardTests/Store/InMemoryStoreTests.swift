import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// What only the store in memory does: it forgets.
@Suite(.timeLimit(.minutes(10)))
struct InMemoryStoreTests {
  private func call(_ number: Int, ended: Bool) throws -> Call {
    var call = Call(
      id: CallID(
        UUIDv7(at: Date(timeIntervalSince1970: 1_795_341_600), sequence: 0, random: UInt64(number))
      ),
      function: "t.f",
      caller: .caller("agent"),
      receivedAt: Date(timeIntervalSince1970: 1_795_341_600),
      idempotencyKey: "k",
      proposed: ["text": .string(String(repeating: "x", count: 1000))]
    )
    if ended {
      var generator = SeededGenerator(seed: 1)
      _ = try call.handle(
        .refused(CallFailure(.notAllowed, "no")),
        function: nil,
        now: call.receivedAt,
        using: &generator
      )
    }
    return call
  }

  private func count(_ store: InMemoryStore) -> Int { store.calls(HistoryQuery()).total }

  @Test func `of ended calls it keeps the newest, and live ones all`() throws {
    let store = InMemoryStore(keptCalls: 10)
    let live = try call(1, ended: false)
    _ = try store.commit(StoreChange(calls: [CallChange(live)]))
    for number in 2...5000 {
      _ = try store.commit(StoreChange(calls: [CallChange(try call(number, ended: true))]))
    }
    #expect(count(store) == 11)
    #expect(store.call(live.id) != nil)
    let listed = store.calls(HistoryQuery(ListQuery(after: 100))).items
    #expect(listed.map { $0.id.uuid.low & 0xFFFF } == (4991...5000).reversed() + [1])
  }

  @Test func `ended calls together take no more bytes than they may`() throws {
    let store = InMemoryStore(keptCalls: 10_000, keptBytes: 20_000)
    for number in 1...500 {
      _ = try store.commit(StoreChange(calls: [CallChange(try call(number, ended: true))]))
    }
    #expect(count(store) > 5)
    #expect(count(store) < 20)
  }

  @Test func `a conversation that is taken up again and again counts once, at its last end`()
    async throws
  {
    let store = InMemoryStore(keptConversations: 2)
    let rig = try Rig(TestFunction("look"), store: store)
    let first = try rig.talk(TestModel())
    _ = await rig.engine.ended(first)
    let second = try rig.talk(TestModel())
    _ = await rig.engine.ended(second)
    for _ in 0..<5 {
      #expect(await rig.engine.perform(.message(first, "and?"), by: maria).isDone)
      _ = await rig.engine.ended(first)
    }
    #expect(store.conversation(first) != nil)
    #expect(store.conversation(second) != nil)
    // The second one's end is older than the last one of the first.
    let third = try rig.talk(TestModel())
    _ = await rig.engine.ended(third)
    #expect(store.conversation(first) != nil)
    #expect(store.conversation(second) == nil)
    #expect(store.conversations(HistoryQuery()).total == 2)
  }

  @Test func `it keeps the newest events, and their numbers`() throws {
    let store = InMemoryStore(keptEvents: 5)
    for _ in 1...12 {
      let event = EngineEvent(
        time: Date(timeIntervalSince1970: 1_795_341_600),
        type: .engine(.started)
      )
      _ = try store.commit(StoreChange(events: [event]))
    }
    #expect(store.lastSequence == 12)
    #expect(store.events(after: 0, limit: 100).map(\.seq) == [8, 9, 10, 11, 12])
    #expect(store.events(after: 9, limit: 2).map(\.seq) == [10, 11])
  }
}
