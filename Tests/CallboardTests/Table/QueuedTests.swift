import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `queued(n)`.
struct QueuedTests {
  // MARK: Cache and flights

  @Test func `a cached answer ends a read and uses its approval`() throws {
    var it = try Situation.queuedByApproval(.read)
    #expect(try it.on(.cacheHit(["rate": 3], digest: Situation.digest)) == .then(.answer))
    #expect(it.call.state == .succeeded)
    #expect(it.call.outcome == .result(Payload(["rate": 3]), .hit))
    #expect(it.call.approval?.isUsed == true)
    #expect(it.call.attempts.isEmpty)
  }

  @Test(arguments: [FunctionEffect.idempotent, .write])
  func `only a read is answered from the cache or joins another call`(effect: FunctionEffect) throws
  {
    var it = try Situation.queued(effect)
    #expect(it.refuses(.cacheHit(1, digest: nil)) is IllegalMove)
    #expect(it.refuses(.join(leader: Situation.leader, digest: nil)) is IllegalMove)
  }

  @Test func `a read joins an identical call that is running and waits for it`() throws {
    var it = try Situation.queued(.read)
    #expect(
      try it.on(.join(leader: Situation.leader, digest: nil)) == .then(.join(Situation.leader))
    )
    #expect(it.call.state == .queued(attempt: 1, joined: Situation.leader))
  }

  @Test func `a joined call succeeds with what it waited for, and its approval is used`() throws {
    var it = try Situation.queuedByApproval(.read)
    try it.on(.join(leader: Situation.leader, digest: Situation.digest))
    #expect(try it.on(.flightSucceeded(["rate": 3])) == .then(.answer))
    #expect(it.call.outcome == .result(Payload(["rate": 3]), .shared))
    #expect(it.call.approval?.isUsed == true)
  }

  @Test func `a failed flight counts as the joined call's own attempt`() throws {
    var it = try Situation.joined(attempts: 2)
    let retryable = CallFailure(.serverError, "503", reach: .answered, isRetryable: true)
    let move = try it.on(.flightFailed(retryable, stale: nil))
    guard case .backingOff(1, let until, true) = it.call.state else {
      Issue.record("it is \(it.call.state)")
      return
    }
    #expect(move == .then(.sleep(until: until)))
    try it.on(.wake)
    try it.on(.join(leader: Situation.leader, digest: nil))
    #expect(try it.on(.flightFailed(retryable, stale: nil)) == .then(.answer))
    #expect(it.call.state == .failed)
  }

  @Test func `a joined call falls back by its own policy`() throws {
    var it = try Situation.joined(attempts: 1, fallback: .staleCache)
    try it.on(.flightFailed(Situation.failure, stale: ["rate": 2]))
    #expect(it.call.outcome == .result(Payload(["rate": 2]), .degraded))
  }

  @Test func `when a flight ends otherwise the call takes its place again`() throws {
    var it = try Situation.joined()
    let queuedAt = it.call.queuedAt
    it.wait(5)
    #expect(try it.on(.flightEnded) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(it.call.queuedAt == queuedAt, "its time in the queue goes on counting")
  }

  // MARK: Starting

  @Test(arguments: [FunctionEffect.read, .idempotent])
  func `a call that changes nothing, or nothing twice, starts without waiting for the disk`(
    effect: FunctionEffect
  ) throws {
    var it = try Situation.queued(effect)
    #expect(try it.on(.start(digest: nil)) == .then(.invoke(attempt: 1)))
    #expect(it.call.state == .running(attempt: 1, child: nil))
    #expect(it.call.attempts == [Call.Attempt(number: 1, startedAt: it.now)])
  }

  @Test func `a write starts only when its intent is on disk`() throws {
    var it = try Situation.queued(.write)
    #expect(try it.on(.start(digest: nil)) == .durably(.invoke(attempt: 1)))
  }

  @Test func `the start uses the approval`() throws {
    var it = try Situation.queuedByApproval()
    #expect(try it.on(.start(digest: Situation.digest)) == .durably(.invoke(attempt: 1)))
    #expect(it.call.approval?.isUsed == true)
  }

  @Test(arguments: ["another digest", nil])
  func `what was approved has to be what starts`(digest: String?) throws {
    var it = try Situation.queuedByApproval()
    #expect(try it.on(.start(digest: digest)) == .then(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .definitionChanged)
    #expect(it.call.attempts.isEmpty)
    #expect(it.call.approval?.isUsed == false)
  }

  @Test func `a decision of five minutes ago still starts a call`() throws {
    var it = try Situation.queuedByApproval()
    it.wait(300)
    #expect(try it.on(.start(digest: Situation.digest)) == .durably(.invoke(attempt: 1)))
  }

  @Test func `an older decision starts nothing: the call expires`() throws {
    var it = try Situation.queuedByApproval()
    it.wait(300.001)
    #expect(try it.on(.start(digest: Situation.digest)) == .then(.answer))
    #expect(it.call.state == .expired)
    #expect(it.call.attempts.isEmpty)
  }

  @Test func `an older decision is answered by no cache and no flight, and waits for no breaker`()
    throws
  {
    let fresh: [CallEvent] = [
      .cacheHit(1, digest: Situation.digest),
      .join(leader: Situation.leader, digest: Situation.digest),
      .breakerOpen(until: Situation.start + 400, stale: nil, digest: Situation.digest),
    ]
    for event in fresh {
      var it = try Situation.queuedByApproval(.read)
      it.wait(300)
      try it.on(event)
      #expect(it.call.state != .expired)
      it = try Situation.queuedByApproval(.read)
      it.wait(300.001)
      #expect(try it.on(event) == .then(.answer))
      #expect(it.call.state == .expired)
      #expect(it.call.approval?.isUsed == false)
    }
  }

  @Test(arguments: ["another digest", nil])
  func
    `what is not what was approved is answered by no cache and no flight, and waits for no breaker`(
      digest: String?
    ) throws
  {
    let events: [CallEvent] = [
      .cacheHit(1, digest: digest), .join(leader: Situation.leader, digest: digest),
      .breakerOpen(until: Situation.start + 400, stale: 1, digest: digest),
    ]
    for event in events {
      var it = try Situation.queuedByApproval(.read)
      #expect(try it.on(event) == .then(.answer))
      #expect(it.call.state == .failed)
      #expect(it.call.outcome?.failure?.kind == .definitionChanged)
      #expect(it.call.approval?.isUsed == false)
    }
  }

  @Test func `a later attempt asks neither for the digest nor for the age of the decision`() throws
  {
    var it = try Situation.queuedByApproval(.idempotent)
    try it.on(.start(digest: Situation.digest))
    try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    it.wait(400)
    try it.on(.wake)
    #expect(try it.on(.start(digest: nil)) == .then(.invoke(attempt: 2)))
    #expect(it.call.attempts.map(\.number) == [1, 2])
  }

  @Test
  func `the approval of a call whose flight failed is checked and used when it starts itself`()
    throws
  {
    var it = try Situation.queuedByApproval(.read)
    try it.on(.join(leader: Situation.leader, digest: Situation.digest))
    try it.on(.flightFailed(Situation.failure, stale: nil))
    try it.on(.wake)
    var other = it
    #expect(try it.on(.start(digest: Situation.digest)) == .then(.invoke(attempt: 2)))
    #expect(it.call.approval?.isUsed == true)
    try other.on(.start(digest: "another digest"))
    #expect(other.call.state == .failed)
  }

  // MARK: The breaker

  @Test func `an open breaker puts the call off without counting an attempt`() throws {
    var it = try Situation.queued()
    let until = it.now + 30
    #expect(
      try it.on(.breakerOpen(until: until, stale: nil, digest: nil)) == .then(.sleep(until: until))
    )
    #expect(it.call.state == .backingOff(attempt: 1, until: until, countsAttempt: false))
    it.wait(30)
    #expect(try it.on(.wake) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(it.call.attempts.isEmpty)
  }

  @Test func `waits for the breaker together beyond the longest delay end the call`() throws {
    var it = try Situation.queued(.idempotent)
    try it.on(.breakerOpen(until: it.now + 20, stale: nil, digest: nil))
    it.wait(20)
    try it.on(.wake)
    #expect(
      try it.on(.breakerOpen(until: it.now + 10.5, stale: nil, digest: nil)) == .then(.answer)
    )
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .circuitOpen)
    #expect(it.call.outcome?.failure?.reach == .notSent)
  }

  @Test func `a breaker time that has passed already takes nothing off the waits`() throws {
    var it = try Situation.queued()
    try it.on(.breakerOpen(until: it.now - 100, stale: nil, digest: nil))
    #expect(it.call.breakerWait == 0)
  }

  @Test func `a breaker that stays open is a case for the fallback`() throws {
    var it = try Situation.queued(.read, fallback: .value(["rate": 1]))
    #expect(try it.on(.breakerOpen(until: it.now + 31, stale: nil, digest: nil)) == .then(.answer))
    #expect(it.call.outcome == .result(Payload(["rate": 1]), .degraded))
    var write = try Situation.queued(.write, fallback: .value(["rate": 1]))
    #expect(
      try write.on(.breakerOpen(until: write.now + 31, stale: nil, digest: nil))
        == .durably(.answer),
      "what became of a write is on disk before anyone hears it"
    )
  }

  // MARK: Definitions, and waiting too long

  @Test func `a changed definition asks where a rule asks`() throws {
    var it = try Situation.queuedByApproval()
    it.wait(10)
    let move = try it.on(
      .definitionChangedAtSlot(
        Situation.requirement(rule: "rule 2"),
        definitionHash: "hash-2",
        digest: "d2"
      )
    )
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: it.now + 900)))
    #expect(it.call.approval?.approvals == [])
    #expect(it.call.approval?.digest == "d2")
    #expect(it.call.approval?.requirement.rule == "rule 2")
    #expect(it.call.definitionHash == "hash-2")
  }

  @Test func `a changed definition that no rule asks about fails the call`() throws {
    var it = try Situation.queued()
    let move = try it.on(.definitionChangedAtSlot(nil, definitionHash: "hash-2", digest: "d2"))
    #expect(move == .then(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .definitionChanged)
  }

  @Test(arguments: [0.0, 30])
  func `a later attempt too is asked about anew, and keeps its number`(grace: Double) throws {
    var it = try Situation.backingOff(.idempotent)
    try it.on(.wake)
    try it.on(
      .definitionChangedAtSlot(
        Situation.requirement(grace: grace),
        definitionHash: "hash-2",
        digest: "d2"
      )
    )
    try it.approve(by: Situation.maria)
    if grace > 0 { try it.on(.graceOver) }
    #expect(it.call.state == .queued(attempt: 2, joined: nil))
    try it.on(.start(digest: "d2"))
    #expect(it.call.attempts.map(\.number) == [1, 2])
  }

  @Test func `a call that waited too long and never started expires`() throws {
    var it = try Situation.queued()
    #expect(try it.on(.queueTimeout) == .then(.answer))
    #expect(it.call.state == .expired)
    #expect(it.call.outcome?.failure?.kind == .expired)
    var joined = try Situation.joined()
    try joined.on(.queueTimeout)
    #expect(joined.call.state == .expired)
  }

  @Test(arguments: [FunctionEffect.idempotent: false, .write: true])
  func `a call that failed before and then waited too long fails`(
    effect: FunctionEffect,
    isDurable: Bool
  ) throws {
    var it = try Situation.backingOff(effect)
    try it.on(.wake)
    let move = try it.on(.queueTimeout)
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .queueTimeout)
  }
}
