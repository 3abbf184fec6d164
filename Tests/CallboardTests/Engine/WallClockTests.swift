import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// Stored deadlines are moments of the wall clock, and that clock may be set.
@Suite(.timeLimit(.minutes(10)))
struct WallClockTests {
  private func waiting(
    _ rule: ApprovalRules.Rule
  ) async throws -> (rig: Rig, wire: TestFunction, id: CallID) {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [rule])
    return (rig, wire, await rig.submit("wire").id)
  }

  @Test func `an approval expires when the wall clock is set past its end`() async throws {
    let (rig, _, id) = try await waiting(asking("wire", expires: 1800))
    rig.clock.advance(by: .seconds(60))
    rig.clock.setWall(by: 3600)
    #expect(try rig.row(id).state == .awaitingApproval)
    rig.clock.advance(by: .seconds(2))
    await eventually { rig.store.call(id)?.state.word == .expired }
  }

  @Test func `an approval ends at its moment, also where the wall clock was set back`() async throws
  {
    let (rig, _, id) = try await waiting(asking("wire", expires: 1800))
    rig.clock.setWall(by: -600)
    rig.clock.advance(by: .seconds(2399))
    #expect(try rig.row(id).state == .awaitingApproval)
    rig.clock.advance(by: .seconds(1))
    await eventually { rig.store.call(id)?.state.word == .expired }
  }

  @Test func `the grace time of an approval is over when the wall clock is set past it`()
    async throws
  {
    let (rig, wire, id) = try await waiting(asking("wire", grace: 60))
    #expect(try await rig.approve(id).isDone)
    rig.clock.advance(by: .seconds(10))
    #expect(try rig.row(id).state == .approved)
    rig.clock.setWall(by: 50)
    rig.clock.advance(by: .seconds(2))
    _ = await wire.attempt(1)
  }

  @Test func `a call that was approved long ago by the clock that was set starts no more`()
    async throws
  {
    let (rig, _, id) = try await waiting(asking("wire", grace: 60))
    #expect(try await rig.approve(id).isDone)
    rig.clock.setWall(by: 3600)
    rig.clock.advance(by: .seconds(2))
    await eventually { rig.store.call(id)?.state.word == .expired }
  }

  /// Ahead, the wait is over at once; back, it is not longer than it was.
  @Test(arguments: [(3600.0, 2), (-3600.0, 20)])
  func `a call that backs off waits no longer, however the wall clock is set`(
    by seconds: Double,
    within limit: Int
  ) async throws {
    let look = TestFunction("look", .fail(.answered(retryable: true, after: 15)), .answer("1")) {
      $0.effect = .read
    }
    let rig = try Rig(look)
    let call = rig.begin("look")
    // By the wall clock and by the other: no other wait of a call has two.
    await eventually { rig.engine.deadlines.count == 2 }
    rig.clock.setWall(by: seconds)
    rig.clock.advance(by: .seconds(limit))
    #expect(await call.value.value == "1")
  }
}
