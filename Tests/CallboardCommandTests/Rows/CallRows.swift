import Foundation
import JSONSchema

@testable import Callboard
@testable import CallboardCommand

/// The table of `calls.md`, from being received to every end.
enum CallRows {
  static let all: [TableRow] =
    received + awaiting + approved + queued + running + stopping + backingOff + unknown + ended

  // MARK: received

  private static func rejected(_ kind: CallFailure.Kind) -> TableRow {
    TableRow(.received, "refused", to: .rejected, kind.rawValue) { $0.failure?.kind == kind }
  }

  private static let received: [TableRow] = [
    TableRow(.received, "admitted", to: .queued) { $0.transition?.effect == .enqueue },
    TableRow(.received, "approvalNeeded", to: .awaitingApproval, durably: true),
    TableRow(.received, "nobodyToAsk", to: .denied, "with the rule") {
      $0.failure?.message.contains("rule") == true
    },
    rejected(.unknownFunction),
    rejected(.invalidArguments),
    rejected(.notAllowed),
    rejected(.functionOff),
    rejected(.engineHeld),
    rejected(.queueFull),
  ]

  // MARK: awaiting approval

  private static let awaiting: [TableRow] = [
    TableRow(.awaitingApproval, "approve", refused: "changed since you saw it"),
    TableRow(.awaitingApproval, "approve", refused: "not the ones you saw"),
    TableRow(.awaitingApproval, "approve", refused: "you asked for it yourself"),
    TableRow(.awaitingApproval, "approve", refused: "you approved it already"),
    TableRow("awaiting_approval, approve without the right is refused") {
      $0.refused("takes the role operator")
    },
    TableRow("every refusal to approve is audited, with who it was refused to") { playback in
      let refused = playback.moves.filter { $0.name == "approve" && $0.error != nil }
      return !refused.isEmpty
        && refused.allSatisfy { move in
          playback.contains(.engine(.decisionRefused)) { $0.call?.id == move.id && $0.by != nil }
        }
    },
    TableRow(.awaitingApproval, "approve", to: .awaitingApproval, durably: true, "k of n") {
      $0.approvals < $0.needed
    },
    TableRow(.awaitingApproval, "approve", to: .approved, durably: true, "n of n, with grace"),
    TableRow(.awaitingApproval, "approve", to: .queued, durably: true, "n of n, n over 1") {
      $0.needed > 1 && $0.transition?.effect == .startRunner
    },
    TableRow(.awaitingApproval, "approve", to: .queued, durably: true, "by one, no grace") {
      $0.needed == 1
    },
    TableRow(
      .awaitingApproval,
      "edit",
      to: .awaitingApproval,
      durably: true,
      "approvals void, same expiry"
    ) {
      !($0.before.approval?.approvals.isEmpty ?? true) && $0.approvals == 0
        && $0.after?.revision == $0.before.revision + 1
        && $0.after?.approval?.expiresAt == $0.before.approval?.expiresAt
    },
    TableRow("awaiting_approval, edit that the rules would let pass still waits") { playback in
      playback.moves.contains { move in
        guard case .edit(_, let arguments, _, _, _) = move.event, move.to == .awaitingApproval
        else { return false }
        return playback.requirement(of: move.before, with: arguments) == nil
      }
    },
    TableRow("awaiting_approval, edit, invalid: the errors go to the editor") {
      $0.refused("do not fit the schema")
    },
    TableRow(.awaitingApproval, "deny", to: .denied, durably: true),
    TableRow(.awaitingApproval, "extend", to: .awaitingApproval, durably: true, "later") {
      guard let before = $0.before.approval, let after = $0.after?.approval else { return false }
      return after.expiresAt > before.expiresAt && after.expiresAt < after.latestExpiry
    },
    TableRow(.awaitingApproval, "extend", to: .awaitingApproval, durably: true, "cut at max_wait") {
      $0.after?.approval?.expiresAt == $0.after?.approval?.latestExpiry
    },
    TableRow(.awaitingApproval, "extend", refused: "all the time its rule gives"),
    TableRow(.awaitingApproval, "expire", to: .expired, durably: true),
  ]

  // MARK: approved

  private static let approved: [TableRow] = [
    TableRow(.approved, "undo", to: .awaitingApproval, durably: true, "without that approval") {
      $0.approvals == ($0.before.approval?.approvals.count ?? 0) - 1
    },
    TableRow(.approved, "deny", to: .denied, durably: true),
    TableRow(.approved, "graceOver", to: .queued) { $0.transition?.effect == .enqueue },
  ]

  // MARK: queued

  private static let queued: [TableRow] = [
    TableRow(.queued, "cacheHit", to: .succeeded) { $0.source == .hit && $0.effect == .read },
    TableRow(.queued, "cacheHit", to: .succeeded, "its approval is used") {
      $0.before.approval?.isUsed == false && $0.after?.approval?.isUsed == true
    },
    TableRow(.queued, "join", to: .queued),
    TableRow(.queued, "flightSucceeded", to: .succeeded) { $0.source == .shared },
    TableRow(.queued, "flightFailed", to: .backingOff, "by its own count"),
    TableRow(.queued, "flightFailed", to: .failed, "by its own policy"),
    TableRow(.queued, "flightEnded", to: .queued, "not joined any more") {
      if case .queued(_, nil)? = $0.after?.state { true } else { false }
    },
    TableRow(.queued, "start", to: .running, durably: false, "read") {
      $0.effect == .read && $0.transition?.effect == .invoke(attempt: 1)
    },
    TableRow(.queued, "start", to: .running, durably: false, "idempotent") {
      $0.effect == .idempotent
    },
    TableRow(.queued, "start", to: .running, durably: true, "write") { $0.effect == .write },
    TableRow(.queued, "start", to: .running, "its approval is used") {
      $0.before.approval?.isUsed == false && $0.after?.approval?.isUsed == true
    },
    TableRow(.queued, "breakerOpen", to: .backingOff, "the attempt is not counted") {
      if case .backingOff(_, _, false)? = $0.after?.state { true } else { false }
    },
    TableRow(.queued, "breakerOpen", to: .succeeded, "too long: the fallback") {
      $0.source == .degraded
    },
    TableRow(.queued, "breakerOpen", to: .failed, "too long: circuit_open") {
      $0.failure?.kind == .circuitOpen
    },
    TableRow("queued, its function is off: stays, and starts when it is on") {
      $0.stays(from: SwitchRows.isOff, to: SwitchRows.isOn).contains {
        $0.first == .queued && $0.last == .queued && $0.meanwhile.isEmpty && $0.runs(in: $0.later)
      }
    },
    TableRow("queued, the engine is held: stays, and starts when it is released") {
      $0.stays(from: SwitchRows.isHeld, to: SwitchRows.isReleased).contains {
        $0.first == .queued && $0.last == .queued && $0.meanwhile.isEmpty && $0.runs(in: $0.later)
      }
    },
    TableRow(.queued, "definitionChangedAtSlot", to: .awaitingApproval, "where a rule asks"),
    TableRow(.queued, "definitionChangedAtSlot", to: .failed, "where none does") {
      $0.failure?.kind == .definitionChanged
    },
    TableRow(.queued, "start", to: .expired, "start-by passed") { $0.before.attempts.isEmpty },
    TableRow(.queued, "queueTimeout", to: .expired, "never started"),
    TableRow(.queued, "queueTimeout", to: .failed, "it had tried") {
      $0.failure?.kind == .queueTimeout
    },
    TableRow(
      .queued,
      "grantsEnded",
      to: .awaitingApproval,
      durably: true,
      "its grant is valid no longer"
    ),
  ]

  // MARK: running

  private static func failed(
    _ reach: CallFailure.Reach,
    _ effect: FunctionEffect,
    to word: CallState.Word,
    durably isDurable: Bool? = nil,
    _ words: String = "",
    _ matches: @escaping @Sendable (Playback.Move) -> Bool = { _ in true }
  ) -> TableRow {
    let what = "\(effect.rawValue), \(reach.rawValue)" + (words.isEmpty ? "" : ", \(words)")
    return TableRow(.running, "attemptFailed", to: word, durably: isDurable, what) {
      $0.effect == effect && $0.reach == reach && matches($0)
    }
  }

  private static let running: [TableRow] = [
    TableRow(.running, "attemptSucceeded", to: .succeeded, durably: false, "read") {
      $0.effect == .read
    },
    TableRow(.running, "attemptSucceeded", to: .succeeded, durably: true, "write") {
      $0.effect == .write
    },
    refusedResult(.resultTooBig, .read, to: .failed),
    refusedResult(.resultTooBig, .idempotent, to: .failed),
    refusedResult(.invalidResult, .read, to: .failed),
    refusedResult(.invalidResult, .idempotent, to: .failed),
    refusedResult(.resultTooBig, .write, to: .succeeded),
    refusedResult(.invalidResult, .write, to: .succeeded),
    failed(.notSent, .read, to: .backingOff),
    failed(.notSent, .idempotent, to: .backingOff),
    failed(.notSent, .write, to: .backingOff),
    failed(.notSent, .write, to: .failed, durably: true, "attempts spent") { $0.isLastAttempt },
    failed(.notSent, .write, to: .succeeded, durably: true, "attempts spent, fallback") {
      $0.isLastAttempt && $0.source == .degraded
    },
    failed(.answered, .read, to: .backingOff, "retryable"),
    failed(.answered, .idempotent, to: .backingOff, "retryable"),
    failed(.answered, .read, to: .failed, "retryable, attempts spent") {
      $0.isLastAttempt && $0.attemptFailure?.isRetryable == true
    },
    failed(.answered, .write, to: .failed, durably: true, "retryable") {
      $0.attemptFailure?.isRetryable == true
    },
    failed(.answered, .read, to: .succeeded, "final, fallback") {
      $0.attemptFailure?.isRetryable == false && $0.source == .degraded
    },
    failed(.answered, .read, to: .failed, "final, no fallback") {
      $0.attemptFailure?.isRetryable == false
    },
    failed(.answered, .idempotent, to: .failed, "final, whatever its fallback") {
      $0.attemptFailure?.isRetryable == false && $0.traits.fallback != nil
    },
    failed(.answered, .write, to: .failed, durably: true, "final") {
      $0.attemptFailure?.isRetryable == false
    },
    failed(.maybe, .read, to: .backingOff),
    failed(.maybe, .idempotent, to: .backingOff),
    failed(.maybe, .write, to: .unknown, durably: true),
    failed(.maybe, .write, to: .unknown, durably: true, "never its fallback") {
      $0.traits.fallback != nil
    },
    TableRow(.running, "attemptFailed", to: .succeeded, "a static value") {
      if case .value? = $0.traits.fallback { $0.source == .degraded } else { false }
    },
    TableRow(.running, "attemptFailed", to: .succeeded, "the stale answer") {
      if case .staleCache? = $0.traits.fallback { $0.source == .degraded } else { false }
    },
    TableRow(.running, "attemptFailed", to: .failed, "no stale answer is there") {
      if case .staleCache? = $0.traits.fallback { true } else { false }
    },
    TableRow(.running, "attemptFailed", to: .running, "another function, as a linked call") {
      if case .startChild? = $0.transition?.effect { true } else { false }
    },
    TableRow("running(child): its slot is given back, and it has no time limit") { playback in
      // One that needs the only slot starts while the first has a child, which lasts longer than its attempt might.
      playback.moves.contains { move in
        guard case .startChild? = move.transition?.effect, let slots = playback.slots(of: move),
          slots == 1
        else { return false }
        return playback.moves.contains { other in
          other.position > move.position && other.name == "start"
            && other.before.function == move.before.function && other.id != move.id
        }
      }
    },
    TableRow(.running, "childEnded", to: .succeeded) { $0.source == .degraded },
    TableRow(.running, "childEnded", to: .failed, "with the first failure") {
      $0.failure == $0.before.firstFailure
    },
    TableRow(.running, "cancel", to: .stopping, durably: true, "its attempt is stopped") {
      if case .stopAttempt? = $0.transition?.effect { true } else { false }
    },
    TableRow(.running, "cancel", to: .stopping, durably: true, "it goes to the child") {
      if case .cancelChild? = $0.transition?.effect { true } else { false }
    },
  ]

  private static func refusedResult(
    _ kind: CallFailure.Kind,
    _ effect: FunctionEffect,
    to word: CallState.Word
  ) -> TableRow {
    let what = "\(effect.rawValue), \(kind.rawValue)" + (word == .succeeded ? ", withheld" : "")
    return TableRow(.running, "resultRefused", to: word, what) {
      $0.effect == effect && $0.attemptFailure?.kind == kind
        && (word == .failed || $0.after?.outcome?.value?.original["withheld"] == true)
    }
  }

  // MARK: stopping

  private static let stopping: [TableRow] = [
    TableRow(.stopping, "stopped", to: .cancelled, "read") { $0.effect == .read },
    TableRow(.stopping, "stopped", to: .cancelled, "idempotent") { $0.effect == .idempotent },
    TableRow("stopping, write that was not sent → cancelled") {
      $0.moves.contains {
        $0.from == .stopping && $0.to == .cancelled && $0.effect == .write && $0.reach == .notSent
      }
    },
    TableRow(.stopping, "stopped", to: .unknown, durably: true, "write, maybe") {
      $0.effect == .write
    },
    TableRow(.stopping, "attemptSucceeded", to: .succeeded, "the result came first"),
    TableRow(.stopping, "attemptFailed", to: .failed, "an answered failure came first") {
      $0.reach == .answered
    },
    TableRow(.stopping, "resultRefused", to: .succeeded, "a result that is withheld came first"),
    TableRow(.stopping, "stopTimedOut", to: .cancelled, "read, not stopped in 5 s") {
      $0.effect == .read
    },
    TableRow(.stopping, "stopTimedOut", to: .unknown, durably: true, "write, not stopped in 5 s") {
      $0.effect == .write
    },
    TableRow("stopping, not stopped in 5 s: its slot stays taken until it is") { playback in
      playback.moves.contains { move in
        guard move.name == "stopTimedOut", playback.slots(of: move) == 1,
          let late = playback.lateness(of: move),
          let next = playback.events.first(where: {
            $0.type == .call(.running) && $0.call?.function == move.before.function
              && $0.call?.id != move.id
          })
        else { return false }
        return next.seq > late.seq || next.time >= late.time
      }
    },
    TableRow(.stopping, "childEnded", to: .succeeded, "the fallback's answer came first"),
    TableRow(.stopping, "childEnded", to: .cancelled, "stopped with its fallback"),
    TableRow(.stopping, "childEnded", to: .failed, "its fallback failed first"),
    TableRow(.stopping, "cancel", refused: "is stopping now"),
  ]

  // MARK: backing off

  private static let backingOff: [TableRow] = [
    TableRow(.backingOff, "wake", to: .queued, "n + 1") {
      $0.after?.state.attempt == ($0.before.state.attempt ?? 0) + 1
    },
    TableRow(.backingOff, "wake", to: .queued, "n after a breaker") {
      $0.after?.state.attempt == $0.before.state.attempt
    },
  ]

  // MARK: unknown

  private static func settled(_ happened: Bool) -> @Sendable (Playback.Move) -> Bool {
    { move in
      guard case .settle(let settlement, _) = move.event else { return false }
      if case .happened = settlement { return happened }
      return !happened
    }
  }

  private static let unknown: [TableRow] = [
    TableRow(.unknown, "settle", to: .succeeded, durably: true, "it happened", settled(true)),
    TableRow(.unknown, "settle", to: .failed, durably: true, "it did not", settled(false)),
    TableRow(.unknown, "rerunStarted", to: .unknown, durably: true),
    TableRow("unknown, run again: the same key and arguments, and it always asks") { playback in
      playback.moves.contains { move in
        guard case .settles(let other)? = move.before.link, move.name == "approvalNeeded",
          let first = playback.moves.last(where: { $0.id == other })?.before
        else { return false }
        return first.idempotencyKey == move.before.idempotencyKey
          && first.decided?.original == move.before.proposed?.original
      }
    },
    TableRow("unknown, run again asks also where no rule does") { playback in
      playback.moves.contains { move in
        guard case .settles? = move.before.link,
          case .approvalNeeded(let requirement, _, _, _) = move.event
        else { return false }
        return requirement.rule == "an unknown outcome is run again"
      }
    },
    TableRow("unknown, a second run again is refused while one is under way") {
      $0.refused("run again with the same key") || $0.refused("it is being run again right now")
    },
    TableRow(.unknown, "rerunEnded", to: .failed, durably: true, "superseded") {
      $0.failure?.kind == .superseded
    },
    TableRow(.unknown, "rerunEnded", to: .unknown, "any other end: unchanged"),
    TableRow(.unknown, "settle", refused: "it is being run again right now"),
    TableRow("unknown, settling cancels a run again that has not started") {
      endsRerun($0) { $0.name == "settle" }
    },
    TableRow("unknown, a late result cancels a run again that has not started") {
      endsRerun($0) { $0.name == "lateResult" }
    },
    TableRow(.unknown, "lateResult", to: .unknown, "evidence") { $0.after?.lateResult != nil },
  ]

  /// Whether a run again that waited was cancelled in the moment at which this happened to what it runs again.
  private static func endsRerun(
    _ playback: Playback,
    _ by: (Playback.Move) -> Bool
  ) -> Bool {
    playback.moves.contains { rerun in
      guard case .settles(let unknown)? = rerun.before.link, rerun.name == "cancel",
        rerun.before.attempts.isEmpty, rerun.to == .cancelled
      else { return false }
      return playback.moves.contains {
        $0.id == unknown && by($0) && $0.error == nil && abs($0.position - rerun.position) <= 4
      }
    }
  }

  // MARK: ended

  private static let ended: [TableRow] = [
    TableRow("ended, run again: a new linked call with a new key") { playback in
      playback.moves.contains { move in
        guard case .again(let other)? = move.before.link, move.from == .received,
          let first = playback.moves.last(where: { $0.id == other })?.before
        else { return false }
        return first.idempotencyKey != move.before.idempotencyKey
      }
    },
    TableRow("ended, run again of one that failed goes down the whole road") {
      $0.moves.contains { move in
        if case .again? = move.before.link { move.name == "admitted" } else { false }
      }
    },
    TableRow("ended, run again of one that succeeded asks first, also where no rule does") {
      $0.moves.contains { move in
        guard case .again? = move.before.link,
          case .approvalNeeded(let requirement, _, _, _) = move.event
        else { return false }
        return requirement.rule == "a call that succeeded is run again"
      }
    },
    TableRow("ended, late result: audit only") { playback in
      playback.contains(.engine(.lateResult)) { event in
        guard let id = event.call?.id else { return false }
        return playback.moves.last { $0.id == id }?.after?.state.isEnded == true
      }
    },
  ]
}

extension Playback {
  /// nil: there is no mock of it.
  func definition(of function: String) -> FunctionDefinition? {
    scenario.mocks.first { $0.definition.name.description == function }?.definition
  }

  /// What the rules would say to these arguments of a call; nil: nobody needs to be asked.
  func requirement(of call: Call, with arguments: JSONValue) -> ApprovalRequirement? {
    definition(of: call.function).flatMap {
      scenario.configuration.engine.rules.requirement(
        for: arguments,
        function: $0,
        caller: call.caller
      )
    }
  }

  /// How many attempts at its function there may be at one time.
  func slots(of move: Move) -> Int? { definition(of: move.before.function)?.slots }

  /// When an attempt that did not stop answered after all.
  func lateness(of move: Move) -> EngineEvent? {
    events.first {
      $0.call?.id == move.id
        && ($0.type == .engine(.lateResult) || $0.cause?.contains("a late result came") == true)
    }
  }
}
