import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The table "at any time".
struct AnyTimeTests {
  // MARK: Cancel

  static let waiting: [EveryPairTests.Place] = [
    .received, .awaiting, .approved, .queued, .joined, .backingOff, .backingOffForBreaker,
  ]

  @Test(arguments: waiting)
  func `a person's cancel ends what is not running, on disk`(place: EveryPairTests.Place) throws {
    var it = try #require(try place.situation(.read))
    #expect(try it.on(.cancel(by: Situation.maria)) == .durably(.answer))
    #expect(it.call.state == .cancelled)
    #expect(it.call.outcome?.failure?.kind == .cancelled)
    #expect(it.call.outcome?.failure?.message == "maria cancelled this call.")
    #expect(it.call.history.last?.by == "maria")
  }

  @Test(arguments: waiting)
  func `the engine's own cancel waits for no disk`(place: EveryPairTests.Place) throws {
    var it = try #require(try place.situation(.read))
    #expect(try it.on(.cancel(by: nil)) == .then(.answer))
    #expect(it.call.state == .cancelled)
  }

  @Test func `the outcome of a write that has tried is on disk, also when nobody cancelled it`()
    throws
  {
    var it = try Situation.backingOff(.write)
    #expect(try it.on(.cancel(by: nil)) == .durably(.answer))
  }

  // MARK: Definitions

  @Test func `a changed definition voids the approvals of what waits`() throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.maria)
    let move = try it.on(.definitionDrifted)
    #expect(it.call.state == .awaitingApproval)
    #expect(it.call.approval?.approvals == [])
    #expect(move.effect == .ask(expires: Situation.start + 900))
  }

  @Test func `a changed definition takes an approved call back, on disk`() throws {
    var it = try Situation.approved()
    #expect(try it.on(.definitionDrifted) == .durably(.ask(expires: Situation.start + 900)))
    #expect(it.call.state == .awaitingApproval)
    #expect(it.call.approval?.approvals == [])
    #expect(it.call.approval?.decidedAt == nil)
  }

  @Test func `an accepted definition is asked about anew`() throws {
    var it = try Situation.awaiting()
    try it.on(.definitionDrifted)
    let rule = Situation.requirement(rule: "rule 3", approvers: 2)
    let move = try it.on(
      .definitionAccepted(
        arguments: ["amount": 5, "note": ""],
        requirement: rule,
        definitionHash: "hash-2",
        digest: "d2"
      )
    )
    #expect(move == .durably(.ask(expires: Situation.start + 900)))
    #expect(it.call.approval?.requirement == rule)
    #expect(it.call.approval?.digest == "d2")
    #expect(it.call.definitionHash == "hash-2")
    #expect(it.call.decided?.original == ["amount": 5, "note": ""])
    #expect(
      it.refusesApproval(
        by: Situation.maria,
        seen: Seen(revision: it.call.revision, digest: Situation.digest)
      ) == .otherDigest
    )
  }

  @Test func `arguments that no longer fit an accepted definition fail the call`() throws {
    var it = try Situation.awaiting()
    let failure = CallFailure(.invalidArguments, "amount is gone")
    #expect(try it.on(.argumentsNoLongerFit(failure)).effect == .answer)
    #expect(it.call.state == .failed)
    #expect(it.call.outcome == .failure(failure))
  }

  @Test(arguments: [EveryPairTests.Place.queued, .backingOff, .running, .unknown])
  func `a changed definition moves nothing that meets it at its slot, runs or is unknown`(
    place: EveryPairTests.Place
  ) throws {
    var it = try #require(try place.situation(.write))
    #expect(it.refuses(.definitionDrifted) is IllegalMove)
  }

  // MARK: Functions that go

  @Test func `a removed function rejects what was not admitted yet`() throws {
    var it = try Situation.received()
    #expect(try it.on(.functionRemoved) == .then(.answer))
    #expect(it.call.state == .rejected)
    #expect(it.call.outcome?.failure?.kind == .functionRemoved)
  }

  @Test(arguments: [EveryPairTests.Place.awaiting, .approved, .queued, .joined, .backingOff])
  func `a removed function fails what waits`(place: EveryPairTests.Place) throws {
    var it = try #require(try place.situation(.read))
    #expect(try it.on(.functionRemoved) == .then(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .functionRemoved)
  }

  @Test(arguments: [EveryPairTests.Place.running, .runningChild, .stopping, .unknown])
  func `what runs goes on without its function, and what is unknown is left to be settled`(
    place: EveryPairTests.Place
  ) throws {
    var it = try #require(try place.situation(.write))
    #expect(it.refuses(.functionRemoved) is IllegalMove)
  }

  // MARK: Restart

  @Test func `after a restart a received call of a live owner is admitted anew`() throws {
    var it = try Situation.received()
    #expect(try it.on(.restart(ownerIsLive: true)) == .then(.admit))
    #expect(it.call.state == .received)
  }

  @Test(arguments: [EveryPairTests.Place.queued, .joined])
  func `after a restart a queued call of a live owner takes its place again`(
    place: EveryPairTests.Place
  ) throws {
    var it = try #require(try place.situation(.read))
    let queuedAt = it.call.queuedAt
    it.wait(60)
    #expect(try it.on(.restart(ownerIsLive: true)) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(it.call.queuedAt == queuedAt)
  }

  @Test func `after a restart a queued call keeps the number of its attempt`() throws {
    var it = try Situation.backingOff(.idempotent)
    try it.on(.wake)
    try it.on(.restart(ownerIsLive: true))
    #expect(it.call.state == .queued(attempt: 2, joined: nil))
  }

  @Test(arguments: [EveryPairTests.Place.received, .queued, .joined])
  func `after a restart nobody waits for the call of an owner that is gone`(
    place: EveryPairTests.Place
  ) throws {
    var it = try #require(try place.situation(.read))
    #expect(try it.on(.restart(ownerIsLive: false)) == .then(.answer))
    #expect(it.call.state == .cancelled)
    #expect(it.call.outcome?.failure?.kind == .engineStopped)
  }

  @Test(arguments: [true, false])
  func `after a restart a call goes on waiting for its approval`(ownerIsLive: Bool) throws {
    var it = try Situation.awaiting(approvers: 2)
    try it.approve(by: Situation.bo)
    it.wait(899)
    #expect(
      try it.on(.restart(ownerIsLive: ownerIsLive)) == .then(.ask(expires: Situation.start + 900))
    )
    #expect(it.call.approval?.approvals.map(\.by) == [Situation.bo])
    it.wait(1)
    #expect(try it.on(.restart(ownerIsLive: ownerIsLive)) == .durably(.answer))
    #expect(it.call.state == .expired)
  }

  @Test(arguments: [true, false])
  func `after a restart a grace time goes on, or is over`(ownerIsLive: Bool) throws {
    var it = try Situation.approved()
    it.wait(29)
    #expect(
      try it.on(.restart(ownerIsLive: ownerIsLive))
        == .then(.waitGrace(until: Situation.start + 30))
    )
    it.wait(1)
    #expect(try it.on(.restart(ownerIsLive: ownerIsLive)) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
  }

  @Test(arguments: [FunctionEffect.read, .idempotent], [true, false])
  func `after a restart what may be repeated is tried again with the same key`(
    effect: FunctionEffect,
    ownerIsLive: Bool
  ) throws {
    var it = try Situation.running(effect)
    let key = it.call.idempotencyKey
    it.wait(5)
    #expect(try it.on(.restart(ownerIsLive: ownerIsLive)) == .then(.sleep(until: it.now)))
    #expect(it.call.state == .backingOff(attempt: 1, until: it.now, countsAttempt: true))
    try it.on(.wake)
    #expect(try it.on(.start(digest: nil)) == .then(.invoke(attempt: 2)))
    #expect(it.call.idempotencyKey == key)
  }

  @Test(arguments: [true, false])
  func `after a restart a running write is unknown, on disk`(ownerIsLive: Bool) throws {
    var it = try Situation.running(.write)
    #expect(try it.on(.restart(ownerIsLive: ownerIsLive)) == .durably(.none))
    #expect(it.call.state == .unknown(attempt: 1))
    #expect(it.call.attempts.first?.endedAt == it.now)
  }

  @Test func `after a restart a call goes on waiting for its fallback`() throws {
    var it = try Situation.runningChild()
    let state = it.call.state
    #expect(try it.on(.restart(ownerIsLive: false)) == .then(.none))
    #expect(it.call.state == state)
  }

  @Test(arguments: [EveryPairTests.Place.backingOff, .backingOffForBreaker])
  func `after a restart a call that backs off does so until its stored time`(
    place: EveryPairTests.Place
  ) throws {
    var it = try #require(try place.situation(.write))
    guard case .backingOff(_, let until, _) = it.call.state else {
      Issue.record("it is \(it.call.state)")
      return
    }
    it.wait(3600)
    #expect(try it.on(.restart(ownerIsLive: false)) == .then(.sleep(until: until)))
  }

  @Test func `after a restart an unknown call stays unknown`() throws {
    var it = try Situation.unknownRunAgain()
    #expect(try it.on(.restart(ownerIsLive: false)) == .then(.none))
    #expect(it.call.state == .unknown(attempt: 1))
    #expect(it.call.rerun == Situation.rerun)
  }
}
