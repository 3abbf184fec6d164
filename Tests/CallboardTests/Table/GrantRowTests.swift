import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of grants, twins and look-ups.
struct GrantRowTests {
  private func ahead(
    _ it: Situation,
    by person: Principal = Situation.maria,
    requesters: [Principal] = [],
    lapsed: [Principal] = [],
    isHeld: Bool = false
  ) -> CallEvent {
    .approveByGrant(
      Situation.grant,
      by: person,
      seen: it.seen,
      isHeld: isHeld,
      requesters: requesters,
      lapsed: lapsed
    )
  }

  @Test func `a grant is an approval like any other, and is named where it counts`() throws {
    var it = try Situation.awaiting()
    let move = try it.on(ahead(it))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(move == .durably(.startRunner))
    #expect(it.call.approval?.approvals.map(\.grant) == [Situation.grant])
    #expect(it.call.history.last?.grant == Situation.grant)
    #expect(it.call.history.last?.by == "maria")
    var graced = try Situation.awaiting(grace: 30)
    #expect(try graced.on(ahead(graced)) == .durably(.waitGrace(until: graced.now + 30)))
  }

  @Test func `it is bound by the same rules`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.on(ahead(it))
    #expect(it.refuses(ahead(it)) as? DecisionRefused == .twice)
    var desk = Situation.bo
    desk.isShared = true
    #expect(it.refuses(ahead(it, by: desk)) as? DecisionRefused == .sharedAccount)
    #expect(
      it.refuses(ahead(it, by: Situation.bo, requesters: [Situation.bo])) as? DecisionRefused
        == .requester
    )
    #expect(it.refuses(ahead(it, by: Situation.bo, isHeld: true)) as? DecisionRefused == .held)
    it.wait(900)
    #expect(it.refuses(ahead(it, by: Situation.bo)) as? DecisionRefused == .tooLate)
  }

  @Test func `no grant covers a twin`() throws {
    var it = try Situation()
    var requirement = Situation.requirement()
    requirement.twin = Situation.leader
    try it.on(
      .approvalNeeded(requirement, arguments: [:], definitionHash: "h", digest: "d")
    )
    #expect(it.refuses(ahead(it)) as? DecisionRefused == .noGrant)
    #expect(!it.call.servesGrants)
  }

  @Test func `an edit voids it, and none covers what was edited`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.on(ahead(it))
    try it.on(
      .edit(it.seen, arguments: ["amount": 6], requirement: nil, digest: "d2", by: Situation.bo)
    )
    #expect(it.call.approval?.approvals == [])
    #expect(it.refuses(ahead(it)) as? DecisionRefused == .noGrant)
  }

  @Test func `an edit finds the twin of what it is now`() throws {
    var it = try Situation.awaiting()
    var requirement = Situation.requirement()
    requirement.twin = Situation.leader
    try it.on(
      .edit(it.seen, arguments: [:], requirement: requirement, digest: "d2", by: Situation.bo)
    )
    #expect(it.call.approval?.requirement.twin == Situation.leader)
  }

  @Test func `a drift voids it`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.on(ahead(it))
    try it.on(.definitionDrifted)
    #expect(it.call.approval?.approvals == [])
  }

  @Test func `where it ends before the start, the call waits again with the approvals that stand`()
    throws
  {
    var it = try Situation.awaiting(approvers: 2)
    try it.on(.approve(it.seen, by: Situation.bo, isHeld: false, requesters: [], lapsed: []))
    try it.on(ahead(it))
    it.wait(100)
    let move = try it.on(.grantsEnded([Situation.grant]))
    #expect(it.call.state == .awaitingApproval)
    #expect(it.call.history.last?.grant == Situation.grant && it.call.history.last?.by == nil)
    #expect(move == .durably(.ask(expires: Situation.start + 900)), "its time is the rule's")
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.bo])
    #expect(it.call.approval?.decidedAt == nil)
    try it.on(.approve(it.seen, by: Situation.maria, isHeld: false, requesters: [], lapsed: []))
    #expect(it.word == .queued)
  }

  @Test func `after attempts the next one that is approved has the next number`() throws {
    var it = try Situation.awaiting()
    try it.on(ahead(it))
    try it.on(.start(digest: it.call.approval?.digest))
    try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    it.wait(60)
    try it.on(.wake)
    it.wait(1000)
    let move = try it.on(.grantsEnded([Situation.grant]))
    #expect(move == .durably(.ask(expires: it.now + 900)), "it was used: this is another question")
    #expect(it.call.approval?.isUsed == false)
    try it.on(.approve(it.seen, by: Situation.bo, isHeld: false, requesters: [], lapsed: []))
    #expect(it.call.state == .queued(attempt: 2, joined: nil))
  }

  @Test func `the end of a grant is nothing to a call that nobody approved`() throws {
    var it = try Situation.queued()
    #expect(it.refuses(.grantsEnded([Situation.grant])) is IllegalMove)
  }

  @Test func `a look-up is noted on the unknown call and changes nothing of it`() throws {
    var it = try Situation.unknown()
    let state = it.call.state
    #expect(
      try it.on(.checkStarted(Situation.leader, "payments.find", by: Situation.maria))
        == .durably(.none)
    )
    #expect(it.call.state == state)
    #expect(it.call.check == Situation.leader)
    try it.on(.settle(.happened(Payload(1)), by: Situation.maria))
    #expect(it.word == .succeeded)
  }

  @Test func `grant, twin and look-up are read as they were written`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.on(ahead(it))
    let read = try JSONValue(parsing: String(decoding: it.call.storedForm(), as: UTF8.self))
      .decode(as: Call.self)
    #expect(read.history.last?.grant == Situation.grant)
    #expect(read.approval?.approvals.first?.grant == Situation.grant)
    var unknown = try Situation.unknown()
    try unknown.on(.checkStarted(Situation.leader, "payments.find", by: Situation.maria))
    let again = try JSONValue(
      parsing: String(decoding: unknown.call.storedForm(), as: UTF8.self)
    ).decode(as: Call.self)
    #expect(again.check == Situation.leader)
  }
}
