import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `approved`.
struct ApprovedTests {
  @Test func `undo takes back that person's approval only`() throws {
    var it = try Situation.approved(approvers: 2)
    it.wait(5)
    let move = try it.on(.undo(it.seen, by: Situation.maria))
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: Situation.start + 900)))
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.bo])
    #expect(it.call.approval?.decidedAt == nil)
  }

  @Test func `after an undo the same person may approve again`() throws {
    var it = try Situation.approved()
    try it.on(.undo(it.seen, by: Situation.maria))
    #expect(try it.approve(by: Situation.maria) == .durably(.waitGrace(until: it.now + 30)))
  }

  @Test func `who has not approved has nothing to take back`() throws {
    var it = try Situation.approved()
    #expect(it.refuses(.undo(it.seen, by: Situation.bo)) as? DecisionRefused == .notApprovedByYou)
  }

  @Test func `an approved call can be denied while its grace lasts`() throws {
    var it = try Situation.approved()
    #expect(try it.on(.deny(it.seen, reason: "", by: Situation.bo)) == .durably(.answer))
    #expect(it.call.state == .denied)
    #expect(it.call.outcome?.failure?.message == "A person denied this call.")
  }

  @Test func `its grace time is no delay of its start, however long it is`() throws {
    var it = try Situation.approved()
    it.call.approval?.requirement.grace = 1200
    it.wait(1200)
    try it.on(.graceOver)
    it.wait(Approval.startBy)
    #expect(try it.on(.start(digest: Situation.digest)) == .durably(.invoke(attempt: 1)))
  }

  @Test func `when the grace is over the call is queued`() throws {
    var it = try Situation.approved()
    it.wait(30)
    #expect(try it.on(.graceOver) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(it.call.queuedAt == it.now)
  }
}
