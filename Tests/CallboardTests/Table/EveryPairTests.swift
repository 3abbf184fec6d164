import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// Every state with every event: what the table lists moves the call, and nothing else does.
struct EveryPairTests {
  enum Place: String, CaseIterable {
    case received, awaiting, approved, queued, joined, running, runningChild, stopping,
      stoppingChild
    case backingOff, backingOffForBreaker, unknown, unknownRunAgain
    case succeeded, failed, rejected, denied, expired, cancelled

    func situation(_ effect: FunctionEffect) throws -> Situation? {
      switch self {
      case .received: try .received(effect)
      case .awaiting: try .awaiting(effect)
      case .approved: try .approved(effect)
      case .queued: try .queued(effect)
      case .joined: effect == .read ? try .joined() : nil
      case .running: try .running(effect)
      case .runningChild: try .runningChild(effect)
      case .stopping: try .stopping(effect)
      case .stoppingChild: try .stoppingChild(effect)
      case .backingOff: try .backingOff(effect)
      case .backingOffForBreaker: try .backingOffForBreaker(effect)
      case .unknown: effect == .write ? try .unknown() : nil
      case .unknownRunAgain: effect == .write ? try .unknownRunAgain() : nil
      case .succeeded: try .ended(.succeeded, effect)
      case .failed: try .ended(.failed, effect)
      case .rejected: try .ended(.rejected, effect)
      case .denied: try .ended(.denied, effect)
      case .expired: try .ended(.expired, effect)
      case .cancelled: try .ended(.cancelled, effect)
      }
    }

    /// The events that the table lists here.
    func listed(_ effect: FunctionEffect) -> Set<Name> {
      switch self {
      case .received:
        [.admitted, .approvalNeeded, .nobodyToAsk, .refused, .cancel, .functionRemoved, .restart]
      case .awaiting:
        [
          .approve, .approveByGrant, .edit, .deny, .extend, .expire, .cancel, .definitionDrifted,
          .definitionAccepted,
          .argumentsNoLongerFit, .functionRemoved, .restart,
        ]
      case .approved:
        [.undo, .deny, .graceOver, .cancel, .definitionDrifted, .functionRemoved, .restart]
      case .queued:
        Set([
          .start, .breakerOpen, .definitionChangedAtSlot, .queueTimeout, .cancel, .functionRemoved,
          .restart,
        ]).union(effect == .read ? [.cacheHit, .join] : [])
      case .joined:
        [
          .flightSucceeded, .flightFailed, .flightEnded, .definitionChangedAtSlot, .queueTimeout,
          .cancel,
          .functionRemoved, .restart,
        ]
      case .running: [.attemptSucceeded, .resultRefused, .attemptFailed, .cancel, .restart]
      case .runningChild: [.childEnded, .cancel, .restart]
      case .stopping:
        [.stopped, .stopTimedOut, .attemptSucceeded, .resultRefused, .attemptFailed, .restart]
      case .stoppingChild: [.childEnded, .restart]
      case .backingOff, .backingOffForBreaker: [.wake, .cancel, .functionRemoved, .restart]
      case .unknown: [.settle, .checkStarted, .rerunStarted, .lateResult, .restart]
      case .unknownRunAgain: [.checkStarted, .rerunEnded, .lateResult, .restart]
      case .succeeded, .failed, .rejected, .denied, .expired, .cancelled: []
      }
    }
  }

  /// The events, without what they carry.
  enum Name: String, CaseIterable {
    case admitted, approvalNeeded, nobodyToAsk, refused
    case approve, approveByGrant, edit, deny, extend, expire, undo, graceOver
    case cacheHit, join, flightSucceeded, flightFailed, flightEnded
    case start, breakerOpen, definitionChangedAtSlot, grantsEnded, queueTimeout
    case attemptSucceeded, resultRefused, attemptFailed, childEnded, stopped, stopTimedOut, wake
    case settle, checkStarted, rerunStarted, rerunEnded, lateResult
    case cancel, definitionDrifted, definitionAccepted, argumentsNoLongerFit, functionRemoved,
      restart

    /// An event that fits the call as well as any of its name can.
    func event(for it: Situation) -> CallEvent {
      let attempt = it.call.state.attempt ?? 1
      let failure = CallFailure(.serverError, "It failed.", reach: .answered)
      let requirement = Situation.requirement()
      let child = it.child ?? Situation.rerun
      switch self {
      case .admitted: return .admitted(arguments: [:], definitionHash: "h", rule: nil)
      case .approvalNeeded:
        return .approvalNeeded(requirement, arguments: [:], definitionHash: "h", digest: "d")
      case .nobodyToAsk: return .nobodyToAsk(rule: "rule 1")
      case .refused: return .refused(failure)
      case .approve:
        return .approve(it.seen, by: Situation.maria, isHeld: false, requesters: [], lapsed: [])
      case .approveByGrant:
        return .approveByGrant(
          Situation.grant,
          by: Situation.maria,
          seen: it.seen,
          isHeld: false,
          requesters: [],
          lapsed: []
        )
      case .edit:
        return .edit(
          it.seen,
          arguments: [:],
          requirement: requirement,
          digest: "d",
          by: Situation.maria
        )
      case .deny: return .deny(it.seen, reason: "no", by: Situation.maria)
      case .extend: return .extend(it.seen, by: Situation.maria)
      case .expire: return .expire
      case .undo: return .undo(it.seen, by: Situation.maria)
      case .graceOver: return .graceOver
      case .cacheHit: return .cacheHit(1, digest: nil)
      case .join: return .join(leader: Situation.leader, digest: nil)
      case .flightSucceeded: return .flightSucceeded(1)
      case .flightFailed: return .flightFailed(failure, stale: nil)
      case .flightEnded: return .flightEnded
      case .start: return .start(digest: it.call.approval?.digest)
      case .breakerOpen: return .breakerOpen(until: it.now + 1, stale: nil, digest: nil)
      case .definitionChangedAtSlot:
        return .definitionChangedAtSlot(requirement, definitionHash: "h2", digest: "d2")
      case .grantsEnded: return .grantsEnded([Situation.grant])
      case .queueTimeout: return .queueTimeout
      case .attemptSucceeded: return .attemptSucceeded(attempt: attempt, 1)
      case .resultRefused: return .resultRefused(attempt: attempt, failure)
      case .attemptFailed: return .attemptFailed(attempt: attempt, failure, stale: nil)
      case .childEnded: return .childEnded(child, .result(Payload(1), .attempt))
      case .stopped: return .stopped(attempt: attempt, nil)
      case .stopTimedOut: return .stopTimedOut(attempt: attempt)
      case .wake: return .wake
      case .settle: return .settle(.didNotHappen(evidence: "the bank says so"), by: Situation.maria)
      case .checkStarted:
        return .checkStarted(Situation.leader, "payments.find", by: Situation.maria)
      case .rerunStarted: return .rerunStarted(Situation.leader, by: Situation.maria)
      case .rerunEnded: return .rerunEnded(Situation.rerun, .result(Payload(1), .attempt))
      case .lateResult: return .lateResult(attempt: attempt, 1)
      case .cancel: return .cancel(by: Situation.maria)
      case .definitionDrifted: return .definitionDrifted
      case .definitionAccepted:
        return .definitionAccepted(
          arguments: [:],
          requirement: requirement,
          definitionHash: "h2",
          digest: "d2"
        )
      case .argumentsNoLongerFit: return .argumentsNoLongerFit(failure)
      case .functionRemoved: return .functionRemoved
      case .restart: return .restart(ownerIsLive: true)
      }
    }
  }

  /// The name of an event, without a `default`: so the compiler asks for the pairs of a new one.
  private static func name(of event: CallEvent) -> Name {
    switch event {
    case .admitted: .admitted
    case .approvalNeeded: .approvalNeeded
    case .nobodyToAsk: .nobodyToAsk
    case .refused: .refused
    case .approve: .approve
    case .approveByGrant: .approveByGrant
    case .edit: .edit
    case .deny: .deny
    case .extend: .extend
    case .expire: .expire
    case .undo: .undo
    case .graceOver: .graceOver
    case .cacheHit: .cacheHit
    case .join: .join
    case .flightSucceeded: .flightSucceeded
    case .flightFailed: .flightFailed
    case .flightEnded: .flightEnded
    case .start: .start
    case .breakerOpen: .breakerOpen
    case .definitionChangedAtSlot: .definitionChangedAtSlot
    case .grantsEnded: .grantsEnded
    case .queueTimeout: .queueTimeout
    case .attemptSucceeded: .attemptSucceeded
    case .resultRefused: .resultRefused
    case .attemptFailed: .attemptFailed
    case .childEnded: .childEnded
    case .stopped: .stopped
    case .stopTimedOut: .stopTimedOut
    case .wake: .wake
    case .settle: .settle
    case .checkStarted: .checkStarted
    case .rerunStarted: .rerunStarted
    case .rerunEnded: .rerunEnded
    case .lateResult: .lateResult
    case .cancel: .cancel
    case .definitionDrifted: .definitionDrifted
    case .definitionAccepted: .definitionAccepted
    case .argumentsNoLongerFit: .argumentsNoLongerFit
    case .functionRemoved: .functionRemoved
    case .restart: .restart
    }
  }

  @Test(arguments: Place.allCases, FunctionEffect.allCases)
  func `what the table lists moves the call, and everything else throws and changes nothing`(
    place: Place,
    effect: FunctionEffect
  ) throws {
    guard let fresh = try place.situation(effect) else { return }
    for name in Name.allCases {
      var it = fresh
      if name == .expire { it.wait(900) }
      let event = name.event(for: it)
      #expect(Self.name(of: event) == name)
      guard place.listed(effect).contains(name) else {
        let error = it.refuses(event)
        // A person whose decision comes during a run again hears why; everything else is an illegal move.
        if place == .unknownRunAgain, [.settle, .rerunStarted].contains(name) {
          #expect(error as? DecisionRefused == .rerunIsLive)
        } else {
          let illegal = error as? IllegalMove
          #expect(illegal?.state == fresh.word, "\(name.rawValue) in \(place.rawValue)")
          #expect(illegal?.event == event.name)
        }
        continue
      }
      #expect(throws: Never.self, "\(name.rawValue) in \(place.rawValue)") { _ = try it.on(event) }
    }
  }

  @Test(arguments: [Place.running, .stopping])
  func `events of another attempt are late results and move nothing`(place: Place) throws {
    var it = try #require(try place.situation(.idempotent))
    for event: CallEvent in [
      .attemptSucceeded(attempt: 2, 1), .resultRefused(attempt: 2, Situation.failure),
      .attemptFailed(attempt: 2, Situation.failure, stale: nil), .stopped(attempt: 2, nil),
      .stopTimedOut(attempt: 2),
    ] {
      #expect(it.refuses(event) is IllegalMove)
    }
  }

  @Test func `the end of a call that is no fallback of this one moves nothing`() throws {
    for var it in [try Situation.runningChild(), try Situation.stoppingChild()] {
      #expect(
        it.refuses(.childEnded(Situation.leader, .result(Payload(1), .attempt))) is IllegalMove
      )
    }
  }

  @Test func `the end of a call that is no retry of this one moves nothing`() throws {
    var it = try Situation.unknownRunAgain()
    #expect(it.refuses(.rerunEnded(Situation.leader, .result(Payload(1), .attempt))) is IllegalMove)
  }

  @Test func `an illegal move names the state the call is in and what is no longer possible`()
    throws
  {
    var it = try Situation.ended(.succeeded)
    let error = it.refuses(.cancel(by: Situation.maria))
    #expect(
      error.map { "\($0)" } == "the call is succeeded now; cancelling it is no longer possible"
    )
    var other = try Situation.backingOff()
    let second = other.refuses(.graceOver)
    #expect(
      second.map { "\($0)" }
        == "the call is backing off now; the end of its grace time is no longer possible"
    )
  }

  @Test func `a function that is not there is a write that runs once`() throws {
    var it = try Situation.running(.read)
    it.function = nil
    let move = try it.on(
      .attemptFailed(attempt: 1, CallFailure(.timeout, "No answer.", reach: .maybe), stale: nil)
    )
    #expect(it.word == .unknown)
    #expect(move == .durably(.none))
    var other = try Situation.running(.read)
    other.function = nil
    try other.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    #expect(other.word == .failed)
    var queued = try Situation.queued(.read)
    queued.function = nil
    #expect(queued.refuses(.cacheHit(1, digest: nil)) is IllegalMove)
    #expect(queued.refuses(.join(leader: Situation.leader, digest: nil)) is IllegalMove)
  }

  @Test(arguments: FunctionEffect.allCases)
  func `every state word is reached on some road`(effect: FunctionEffect) throws {
    let reached = Set(try Place.allCases.compactMap { try $0.situation(effect)?.word })
    let missing = Set(CallState.Word.allCases).subtracting(reached)
    #expect(missing == (effect == .write ? [] : [.unknown]))
  }
}
