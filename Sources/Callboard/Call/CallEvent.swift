import Foundation
import JSONSchema

/// What can happen to a call.
///
/// One case for each event of the table in `calls.md`.
public enum CallEvent: Sendable {
  // received
  /// By which rule it needs nobody; nil where no rule was asked.
  case admitted(arguments: JSONValue, definitionHash: String, rule: String?)
  case approvalNeeded(
    ApprovalRequirement,
    arguments: JSONValue,
    definitionHash: String,
    digest: String
  )
  case nobodyToAsk(rule: String)
  case refused(CallFailure)

  // awaiting approval, approved
  /// `isHeld`: the function is off or the engine held. `requesters`: who may not approve. `lapsed`: who has approved it
  /// and may not any more.
  case approve(Seen, by: Principal, isHeld: Bool, requesters: [Principal], lapsed: [Principal])
  /// Arguments that are valid already, and the requirement of the rules over them; nil keeps the one that stands.
  case edit(
    Seen,
    arguments: JSONValue,
    requirement: ApprovalRequirement?,
    digest: String,
    by: Principal
  )
  /// A grant that covers it, which counts as its giver's approval; `requesters` and `lapsed` as for `approve`.
  case approveByGrant(
    GrantID,
    by: Principal,
    seen: Seen,
    isHeld: Bool,
    requesters: [Principal],
    lapsed: [Principal]
  )
  case deny(Seen, reason: String, by: Principal)
  case extend(Seen, by: Principal)
  case expire
  case undo(Seen, by: Principal)
  case graceOver

  // queued; the digest is what it is now, nil where nothing was approved
  case cacheHit(JSONValue, digest: String?)
  case join(leader: CallID, digest: String?)
  case flightSucceeded(JSONValue)
  case flightFailed(CallFailure, stale: JSONValue?)
  case flightEnded
  /// A slot is free and every check at the slot has passed.
  case start(digest: String?)
  case breakerOpen(until: Date, stale: JSONValue?, digest: String?)
  case definitionChangedAtSlot(ApprovalRequirement?, definitionHash: String, digest: String)
  /// Grants that approved it are valid no longer.
  case grantsEnded(Set<GrantID>)
  case queueTimeout

  // running, stopping, backing off
  case attemptSucceeded(attempt: Int, JSONValue)
  /// The result came and was too big or not what the schema says.
  case resultRefused(attempt: Int, CallFailure)
  case attemptFailed(attempt: Int, CallFailure, stale: JSONValue?)
  case childEnded(CallID, CallOutcome)
  /// The attempt has ended after `cancel`; nil: it said nothing of how far it got.
  case stopped(attempt: Int, CallFailure?)
  case stopTimedOut(attempt: Int)
  case wake

  // unknown and ended
  case settle(Settlement, by: Principal)
  /// The function that looks, by its name.
  case checkStarted(CallID, String, by: Principal)
  case rerunStarted(CallID, by: Principal)
  case rerunEnded(CallID, CallOutcome?)
  case lateResult(attempt: Int, JSONValue)

  // any time
  case cancel(by: Principal?)
  /// The definition is another one now: approvals are void.
  case definitionDrifted
  case definitionAccepted(
    arguments: JSONValue,
    requirement: ApprovalRequirement,
    definitionHash: String,
    digest: String
  )
  case argumentsNoLongerFit(CallFailure)
  case functionRemoved
  /// The engine starts on a store that holds this call; whether its conversation, workflow or approval lives on.
  case restart(ownerIsLive: Bool)
}

/// What has to be done after a call has moved.
///
/// Deciding is `Call.handle`; doing is `CallRunner`.
public enum CallEffect: Sendable, Hashable {
  /// Nothing; the runner stops.
  case none
  /// Held for a person: the runner returns, and nothing waits in memory but the expiry.
  case ask(expires: Date)
  /// The caller's outcome is there.
  case answer
  /// Take a place in the queue.
  case enqueue
  /// As `enqueue`, by a new runner: nobody is waiting on this call's road now.
  case startRunner
  /// Start when the grace time is over, unless undone.
  case waitGrace(until: Date)
  /// Wait for the identical call that is running.
  case join(CallID)
  case invoke(attempt: Int)
  case sleep(until: Date)
  case stopAttempt(attempt: Int)
  /// Run another function in this one's place, under this id.
  case startChild(CallID, FunctionName)
  case cancelChild(CallID)
  /// Go through admission again.
  case admit
}

/// What a move asks for: an effect, and whether it must be on disk before that effect.
public struct Transition: Sendable, Hashable {
  public var effect: CallEffect
  /// **D** in the table.
  public var isDurable: Bool

  static func then(_ effect: CallEffect) -> Transition {
    Transition(effect: effect, isDurable: false)
  }

  static func durably(_ effect: CallEffect) -> Transition {
    Transition(effect: effect, isDurable: true)
  }
}

/// An event that the call's state does not allow: somebody else was faster.
public struct IllegalMove: Error, Sendable, CustomStringConvertible {
  public var state: CallState.Word
  public var event: String

  public var description: String {
    "the call is \(state.rawValue.replacing("_", with: " ")) now; \(event) is no longer possible"
  }
}

/// Why a decision did not count.
///
/// The refusal itself is audited.
public enum DecisionRefused: Error, Sendable, Hashable, Codable {
  case stale(revision: Int, editedBy: String?)
  case otherDigest
  case requester
  case twice
  case noRight(needs: String)
  case notADecider(DecidingAct, Deciders)
  case notApprovedByYou
  case sharedAccount
  /// It is a twin, a run again, or somebody has edited it.
  case noGrant
  case held
  case definitionNotAccepted
  case tooLate
  case extendedBefore
  /// It has all the time that its rule gives.
  case longestWait(until: Date)
  case rerunIsLive
  case wrongState(CallState.Word)
}

extension DecisionRefused: CustomStringConvertible {
  public var description: String {
    switch self {
    case .stale(let revision, let editor):
      "changed since you saw it: it is at revision \(revision) now"
        + (editor.map { ", edited by \($0)" } ?? "") + "; read it again"
    case .otherDigest: "the arguments are not the ones you saw; read it again"
    case .requester: "you asked for it yourself; somebody else must approve"
    case .twice: "you approved it already; another person is needed"
    case .noRight(let needs): "that takes the role \(needs)"
    case .notADecider(let act, let deciders):
      "you may not \(act.words) this call: by rule \(deciders.rule) of deciders, \(deciders.words) may"
    case .notApprovedByYou: "you have not approved it, so there is nothing of yours to take back"
    case .sharedAccount: "a shared account can't give the last of several approvals"
    case .noGrant:
      "no grant covers a call that is equal to an earlier one, runs one again, or was edited"
    case .held: "the function is off or the engine is held; release it first"
    case .definitionNotAccepted:
      "the function's definition has changed and nobody has accepted it; read and accept that first"
    case .tooLate: "the time for it is over"
    case .extendedBefore: "you gave it more time before; somebody else may"
    case .longestWait: "it already has all the time its rule gives (max_wait)"
    case .rerunIsLive: "it is being run again right now; wait for that to end"
    case .wrongState(let word): "it is \(word.rawValue.replacing("_", with: " ")) now"
    }
  }
}
