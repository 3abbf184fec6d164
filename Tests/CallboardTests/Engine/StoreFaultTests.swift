import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(2)))
struct StoreFaultTests {
  private let full = StoreFault("the disk is full")

  @Test func `a call that can't be stored has not happened, and its caller hears why`() async throws
  {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, store: store)
    store.fail(full)
    let failure = await rig.submit("look").failure
    #expect(failure?.kind == .storeFailed)
    #expect(failure?.message == "the disk is full")
    #expect(look.executions == 0)
    #expect(rig.header.storeFault == "the disk is full")
    #expect(rig.header.live == 0)
  }

  @Test func `a decision that can't be stored is refused, and counts once the fault is over`()
    async throws
  {
    let store = FaultyStore()
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    let waiting = await rig.submit("wire")
    store.fail(full)
    let refused = try await rig.approve(waiting.id)
    #expect(!refused.isDone)
    #expect(try rig.row(waiting.id).state == .awaitingApproval)
    #expect(rig.header.waiting == 1)
    store.fail(nil)
    try await rig.approve(waiting.id)
    #expect(await rig.engine.outcome(of: waiting.id)?.value != nil)
    #expect(wire.executions == 1)
    #expect(rig.header.storeFault == nil)
    let recovered = rig.events.all { $0.type == .engine(.storeRecovered) }
    #expect(recovered.map(\.cause) == ["it could not write before: the disk is full"])
  }

  @Test func `a run again that can't be stored is refused`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, store: store)
    let first = await rig.submit("look")
    store.fail(full)
    let reply = try await rig.runAgain(first.id)
    #expect(!reply.isDone)
    #expect(look.executions == 1)
  }
}
