import CallboardTesting
import Testing

@testable import Callboard

@Suite(.timeLimit(.minutes(10)))
struct UnstoredEventsTests {
  @Test func `events that were too many to be kept are missed in the log, and it says how many`()
    async throws
  {
    let store = FaultyStore()
    let rig = try Rig(TestFunction("wire"), store: store)
    store.fail(StoreFault("the disk is full"))
    let many = (1...Limit.unstoredEvents.value + 6).map { number in
      EngineEvent(time: rig.clock.now, type: .engine(.notified), cause: "\(number)")
    }
    _ = await rig.engine.perform(.hold(from: false, to: true), by: maria)
    rig.engine.unstored.keep(many, settings: [:])
    store.fail(nil)
    rig.clock.advance(by: Engine.probeInterval)
    let gap = await rig.events.wait { $0.cause?.contains("are missing") == true }
    // The hold and the first six of them.
    #expect(gap.type == .engine(.storeFailed))
    #expect(gap.cause?.hasPrefix("7 events before these are missing") == true)
    let last = "\(many.count)"
    await rig.events.wait { $0.cause == last }
    let told = rig.events.all { $0.type == .engine(.notified) }
    #expect(told.count == Limit.unstoredEvents.value)
    #expect(told.first?.cause == "7")
  }
}
