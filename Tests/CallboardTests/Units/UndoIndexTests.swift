import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct UndoIndexTests {
  private func approved(
    _ number: UInt64,
    by people: [Principal],
    at seconds: Double = 0,
    grace: Double = 30
  ) throws -> Situation {
    var it = try Situation.received()
    it.call = Call(
      id: CallID(UUIDv7(high: 1, low: number)),
      function: "payments.send",
      caller: Situation.agent,
      receivedAt: Situation.start,
      idempotencyKey: "k",
      proposed: [:]
    )
    var requirement = Situation.requirement(approvers: people.count)
    requirement.grace = grace
    try it.on(.approvalNeeded(requirement, arguments: [:], definitionHash: "h", digest: "d"))
    it.wait(seconds)
    for person in people { try it.approve(by: person) }
    return it
  }

  @Test func `each person has their latest approval, while its grace time runs`() throws {
    let index = UndoIndex()
    let first = try approved(1, by: [Situation.maria], at: 1)
    let second = try approved(2, by: [Situation.maria, Situation.bo], at: 5, grace: 10)
    index.update(first.call)
    index.update(second.call)
    let now = second.now
    #expect(index.latest(at: now).map(\.call) == [second.call.id, second.call.id])
    #expect(Set(index.latest(at: now).map(\.by)) == [Situation.maria, Situation.bo])
    // Over there: what she decided before is the latest that is left.
    #expect(index.latest(at: now + 10).map(\.call) == [first.call.id])
    #expect(index.latest(at: now + 10).first?.until == first.now + 30)
    #expect(index.latest(at: now + 30).isEmpty)
  }

  @Test func `what has moved on, or was never stored, can't be taken back`() throws {
    let index = UndoIndex()
    var it = try approved(1, by: [Situation.maria])
    index.update(it.call)
    try it.on(.undo(it.seen, by: Situation.maria))
    index.update(it.call)
    #expect(index.latest(at: it.now).isEmpty)
    let other = try approved(2, by: [Situation.maria])
    index.update(other.call)
    index.remove(other.call.id)
    #expect(index.latest(at: other.now).isEmpty)
  }

  @Test func `an approval by a grant is no decision of that moment`() throws {
    let index = UndoIndex()
    var it = try Situation.awaiting(grace: 30)
    try it.on(
      .approveByGrant(
        Situation.grant,
        by: Situation.maria,
        seen: it.seen,
        isHeld: false,
        requesters: [],
        lapsed: []
      )
    )
    #expect(it.word == .approved)
    index.update(it.call)
    #expect(index.latest(at: it.now).isEmpty)
  }
}
