import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `awaiting_approval`.
struct AwaitingApprovalTests {
  // MARK: Approving

  @Test func `the only approval needed queues the call, on disk, and starts a runner`() throws {
    var it = try Situation.awaiting()
    it.wait(60)
    let seen = it.seen
    let move = try it.approve(by: Situation.maria)
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(move == .durably(.startRunner))
    #expect(it.call.approval?.decidedAt == it.now)
    #expect(it.call.approval?.isUsed == false, "only the start uses it")
    #expect(
      it.call.approval?.approvals
        == [Decision(by: Situation.maria, at: it.now, revision: seen.revision, digest: seen.digest)]
    )
    #expect(it.call.history.last?.by == "maria")
    #expect(it.call.queuedAt == it.now)
  }

  @Test func `with a grace time the last approval can still be taken back`() throws {
    var it = try Situation.awaiting(grace: 30)
    let move = try it.approve(by: Situation.maria)
    #expect(it.call.state == .approved(until: it.now + 30))
    #expect(move == .durably(.waitGrace(until: it.now + 30)))
  }

  @Test func `one approval of two is kept and leaves the call waiting`() throws {
    var it = try Situation.awaiting(approvers: 2)
    let move = try it.approve(by: Situation.maria)
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: Situation.start + 900)))
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.maria])
    #expect(it.call.approval?.decidedAt == nil)
    #expect(try it.approve(by: Situation.bo) == .durably(.startRunner))
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.maria, Situation.bo])
  }

  @Test func `an approval of an earlier revision is refused and says who edited`() throws {
    var it = try Situation.awaiting()
    let seen = it.seen
    try it.on(
      .edit(seen, arguments: ["amount": 6], requirement: nil, digest: "d2", by: Situation.bo)
    )
    let refusal = it.refusesApproval(by: Situation.maria, seen: seen)
    #expect(refusal == .stale(revision: it.call.revision, editedBy: "bo"))
    #expect(refusal?.description.contains("edited by bo") == true)
  }

  @Test func `an approval of other arguments than those that wait is refused`() throws {
    var it = try Situation.awaiting()
    let seen = Seen(revision: it.call.revision, digest: "of something else")
    #expect(it.refusesApproval(by: Situation.maria, seen: seen) == .otherDigest)
  }

  @Test func `who asked for a call can't approve it`() throws {
    var it = try Situation.awaiting()
    let sameName = Principal.operator("agent-1")
    #expect(it.refusesApproval(by: sameName) == .requester)
  }

  @Test func `whoever is named as a requester can't approve, in another window neither`() throws {
    var it = try Situation.awaiting(approvers: 2)
    let window = Principal.operator("maria on the other terminal", uid: 1001)
    #expect(it.refusesApproval(by: window, requesters: [Situation.maria]) == .requester)
  }

  @Test func `two windows of one person give one approval`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.maria)
    let window = Principal.operator("maria on the other terminal", uid: 1001)
    #expect(it.refusesApproval(by: window) == .twice)
    #expect(it.refusesApproval(by: Situation.maria) == .twice)
  }

  @Test func `who may only look can't decide anything`() throws {
    var it = try Situation.awaiting()
    let viewer = Situation.viewer
    #expect(it.refusesApproval(by: viewer) == .noRight(needs: "operator"))
    for event: CallEvent in [
      .edit(it.seen, arguments: [:], requirement: nil, digest: "d", by: viewer),
      .deny(it.seen, reason: "", by: viewer),
      .extend(it.seen, by: viewer),
    ] {
      #expect(it.refuses(event) as? DecisionRefused == .noRight(needs: "operator"))
    }
  }

  @Test func `a shared account can give the first of two approvals and not the last`() throws {
    let desk = Principal(name: "desk", uid: 1010, roles: [.operator], isShared: true)
    var it = try Situation.awaiting(approvers: 2)
    var other = it
    try it.approve(by: desk)
    #expect(try it.approve(by: Situation.maria) == .durably(.startRunner))
    try other.approve(by: Situation.maria)
    #expect(other.refusesApproval(by: desk) == .sharedAccount)
  }

  @Test func `an approval of somebody who may not any more completes nothing`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.maria)
    let li = Principal.operator("li", uid: 1004)
    let move = try it.approve(by: Situation.bo, lapsed: [Situation.maria])
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: Situation.start + 900)))
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.bo])
    #expect(
      it.call.history.last?.cause
        == "approved, 1 of 2; not counted, being valid no longer: maria"
    )
    #expect(try it.approve(by: li) == .durably(.startRunner))
  }

  @Test func `somebody who may again approves again`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.maria)
    try it.approve(by: Situation.bo, lapsed: [Situation.maria])
    #expect(try it.approve(by: Situation.maria) == .durably(.startRunner))
  }

  @Test func `nothing is approved while the function is off or the engine is held`() throws {
    var it = try Situation.awaiting()
    #expect(it.refusesApproval(by: Situation.maria, isHeld: true) == .held)
  }

  @Test func `an approval at the expiry comes too late`() throws {
    var it = try Situation.awaiting(expires: 900)
    it.wait(900)
    #expect(it.refusesApproval(by: Situation.maria) == .tooLate)
    it.wait(-0.001)
    #expect(try it.approve(by: Situation.maria) == .durably(.startRunner))
  }

  // MARK: Editing

  @Test func `an edit voids the approvals given and keeps the expiry`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.maria)
    it.wait(100)
    let revision = it.call.revision
    let move = try it.on(
      .edit(it.seen, arguments: ["amount": 6], requirement: nil, digest: "d2", by: Situation.bo)
    )
    #expect(it.call.state == .awaitingApproval)
    #expect(it.call.revision == revision + 1)
    #expect(it.call.approval?.approvals == [])
    #expect(it.call.approval?.digest == "d2")
    #expect(it.call.decided?.original == ["amount": 6])
    #expect(it.call.proposed?.original == Situation.arguments)
    #expect(it.call.editedBy == Situation.bo)
    #expect(move == .durably(.ask(expires: Situation.start + 900)))
    #expect(
      it.call.approval?.requirement.approvers == 2,
      "the rules never lead down to no approval"
    )
  }

  @Test func `after an edit the rule that matches now asks, and bounds the time`() throws {
    var it = try Situation.awaiting(maxWait: 1800)
    let rule = Situation.requirement(rule: "rule 2", approvers: 2, expires: 600, maxWait: 1000)
    try it.on(
      .edit(it.seen, arguments: ["amount": 5000], requirement: rule, digest: "d2", by: Situation.bo)
    )
    #expect(it.call.approval?.requirement == rule)
    #expect(it.call.approval?.expiresAt == Situation.start + 900, "the expiry stays")
    #expect(it.call.approval?.latestExpiry == Situation.start + 1000)
    try it.on(.extend(it.seen, by: Situation.maria))
    #expect(it.call.approval?.expiresAt == Situation.start + 1000)
  }

  @Test func `an edit has to name what it saw`() throws {
    var it = try Situation.awaiting()
    let stale = Seen(revision: it.call.revision - 1, digest: Situation.digest)
    let other = Seen(revision: it.call.revision, digest: "d0")
    #expect(
      it.refuses(.edit(stale, arguments: [:], requirement: nil, digest: "d", by: Situation.bo))
        as? DecisionRefused == .stale(revision: it.call.revision, editedBy: nil)
    )
    #expect(
      it.refuses(.edit(other, arguments: [:], requirement: nil, digest: "d", by: Situation.bo))
        as? DecisionRefused == .otherDigest
    )
  }

  // MARK: Denying, extending, expiring

  @Test(arguments: [1, 2])
  func `one person is enough to deny, however many must approve`(approvers: Int) throws {
    var it = try Situation.awaiting(approvers: approvers)
    let move = try it.on(.deny(it.seen, reason: "wrong account", by: Situation.maria))
    #expect(it.call.state == .denied)
    #expect(move == .durably(.answer))
    #expect(it.call.outcome?.failure?.kind == .denied)
    #expect(it.call.outcome?.failure?.message == "A person denied this call: wrong account")
    #expect(it.call.history.last?.by == "maria")
  }

  @Test func `a denial of what has changed since is refused`() throws {
    var it = try Situation.awaiting()
    let seen = it.seen
    try it.on(.edit(seen, arguments: [:], requirement: nil, digest: "d2", by: Situation.bo))
    #expect(
      it.refuses(.deny(seen, reason: "", by: Situation.maria)) as? DecisionRefused
        == .stale(revision: it.call.revision, editedBy: "bo")
    )
  }

  @Test func `more time is the rule's own again, up to its longest wait, once a person`() throws {
    var it = try Situation.awaiting(expires: 900, maxWait: 2000)
    it.wait(10)
    let move = try it.on(.extend(it.seen, by: Situation.maria))
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: Situation.start + 1800)))
    #expect(
      it.refuses(.extend(it.seen, by: Situation.maria)) as? DecisionRefused == .extendedBefore
    )
    #expect(
      try it.on(.extend(it.seen, by: Situation.bo))
        == .durably(.ask(expires: Situation.start + 2000))
    )
    let third = Principal.operator("li", uid: 1004)
    let most = it.refuses(.extend(it.seen, by: third)) as? DecisionRefused
    #expect(most == .longestWait(until: Situation.start + 2000))
    #expect(most?.description.contains("all the time its rule gives (max_wait)") == true)
  }

  @Test func `a call whose time is over gets no more of it`() throws {
    var it = try Situation.awaiting(expires: 900)
    it.wait(900)
    #expect(it.refuses(.extend(it.seen, by: Situation.maria)) as? DecisionRefused == .tooLate)
  }

  @Test func `an unanswered call expires, on disk, and did not run`() throws {
    var it = try Situation.awaiting(expires: 900)
    it.wait(900)
    #expect(try it.on(.expire) == .durably(.answer))
    #expect(it.call.state == .expired)
    #expect(it.call.outcome?.failure?.kind == .expired)
    #expect(it.call.attempts.isEmpty)
  }

  @Test func `a timer that was set before more time was given expires nothing`() throws {
    var it = try Situation.awaiting(expires: 900)
    it.wait(899)
    try it.on(.extend(it.seen, by: Situation.maria))
    it.wait(1)
    #expect(it.refuses(.expire) is IllegalMove)
  }
}
