import Foundation
import JSONSchema

/// The table of `calls.md`: one pure function moves a call. It reads no clock, rolls no dice and does no I/O.
extension Call {
  /// Moves the call, or throws `IllegalMove` or `DecisionRefused` and leaves it as it was.
  ///
  /// `function` is nil when no such function exists: then nothing is retried and everything is a `write`.
  public mutating func handle(
    _ event: CallEvent,
    function: FunctionDefinition?,
    now: Date,
    using generator: inout some RandomNumberGenerator
  ) throws -> Transition {
    try handle(event, FunctionTraits(function), now: now, using: &generator)
  }

  mutating func handle(
    _ event: CallEvent,
    _ traits: FunctionTraits,
    now: Date,
    using generator: inout some RandomNumberGenerator
  ) throws -> Transition {
    var transition = try row(event, traits, at: now, using: &generator)
    // What became of a write that has started is on disk before anyone hears it, whatever ended it.
    let hasStarted = !attempts.isEmpty || firstFailure != nil
    if traits.effect == .write, hasStarted, state.isEnded { transition.isDurable = true }
    return transition
  }

  /// The row of the table for this state and event.
  private mutating func row(
    _ event: CallEvent,
    _ traits: FunctionTraits,
    at now: Date,
    using generator: inout some RandomNumberGenerator
  ) throws -> Transition {
    switch (state, event) {
    // MARK: received
    case (.received, .admitted(let arguments, let hash, let rule)):
      decided = Payload(arguments)
      definitionHash = hash
      admissionRule = rule
      return queue(attempt: 1, at: now, cause: "admitted")

    case (.received, .approvalNeeded(let requirement, let arguments, let hash, let digest)):
      decided = Payload(arguments)
      definitionHash = hash
      return ask(requirement, digest: digest, at: now, cause: "held by " + requirement.rule)

    case (.received, .nobodyToAsk(let rule)):
      let failure = CallFailure(
        .nobodyToAsk,
        "This call needs a person's approval (\(rule)) and nobody is there to give it."
      )
      admissionRule = rule
      return end(.denied, .failure(failure), at: now, cause: "nobody to ask, by " + rule)

    case (.received, .refused(let failure)):
      return end(.rejected, .failure(failure), at: now, cause: failure.message)

    // MARK: awaiting approval
    case (
      .awaitingApproval, .approve(let seen, let person, let isHeld, let requesters, let lapsed)
    ):
      return try approve(
        seen,
        by: person,
        isHeld: isHeld,
        requesters: requesters,
        lapsed: lapsed,
        at: now
      )

    case (
      .awaitingApproval,
      .approveByGrant(let grant, let giver, let seen, let isHeld, let requesters, let lapsed)
    ):
      return try approve(
        seen,
        by: giver,
        isHeld: isHeld,
        requesters: requesters,
        lapsed: lapsed,
        grant: grant,
        at: now
      )

    case (
      .awaitingApproval, .edit(let seen, let arguments, let requirement, let digest, let person)
    ):
      try check(seen, by: person)
      guard var approval else { throw illegal(event) }
      lastSeen = seen
      decided = Payload(arguments)
      editedBy = person
      approval.approvals = []
      approval.digest = digest
      if let requirement { approval.require(requirement) }
      self.approval = approval
      step(
        .awaitingApproval,
        at: now,
        cause: "edited; approvals given before are void",
        by: person.name
      )
      return .durably(.ask(expires: approval.expiresAt))

    case (.awaitingApproval, .deny(let seen, let reason, let person)),
      (.approved, .deny(let seen, let reason, let person)):
      try check(seen, by: person)
      lastSeen = seen
      let failure = CallFailure(
        .denied,
        reason.isEmpty ? "A person denied this call." : "A person denied this call: \(reason)"
      )
      return end(
        .denied,
        .failure(failure),
        at: now,
        cause: reason.isEmpty ? "denied" : "denied: \(reason)",
        by: person.name,
        durably: true
      )

    case (.awaitingApproval, .extend(let seen, let person)):
      try check(seen, by: person)
      guard var approval else { throw illegal(event) }
      guard approval.expiresAt > now else { throw DecisionRefused.tooLate }
      guard !approval.extendedBy.contains(where: person.isSamePerson) else {
        throw DecisionRefused.extendedBefore
      }
      let later = min(
        approval.expiresAt.addingTimeInterval(approval.requirement.expires),
        approval.latestExpiry
      )
      guard later > approval.expiresAt else {
        throw DecisionRefused.longestWait(until: approval.expiresAt)
      }
      lastSeen = seen
      approval.expiresAt = later
      approval.extendedBy.append(person)
      self.approval = approval
      step(.awaitingApproval, at: now, cause: "given more time", by: person.name)
      return .durably(.ask(expires: later))

    case (.awaitingApproval, .expire):
      // Somebody may have given it more time while the timer was on its way.
      guard let approval, approval.expiresAt <= now else { throw illegal(event) }
      let failure = CallFailure(
        .expired,
        "Nobody approved this call in time, so it did not run."
      )
      return end(.expired, .failure(failure), at: now, cause: "expired unanswered", durably: true)

    // MARK: approved
    case (.approved, .undo(let seen, let person)):
      try check(seen, by: person)
      guard var approval,
        let mine = approval.approvals.lastIndex(where: { $0.by.isSamePerson(as: person) })
      else { throw DecisionRefused.notApprovedByYou }
      lastSeen = seen
      approval.approvals.remove(at: mine)
      approval.decidedAt = nil
      self.approval = approval
      step(.awaitingApproval, at: now, cause: "approval taken back", by: person.name)
      return .durably(.ask(expires: approval.expiresAt))

    case (.approved, .graceOver):
      return queue(attempt: nextAttempt, at: now, cause: "grace time over")

    // MARK: queued
    case (.queued(_, nil), .grantsEnded(let grants)):
      guard var approval else { throw illegal(event) }
      let cause = "the grant that approved it is valid no longer"
      // Of several, none is named: then they all are meant.
      let named = grants.count == 1 ? grants.first : nil
      let standing = approval.approvals.filter { $0.grant.map { !grants.contains($0) } ?? true }
      guard !approval.isUsed else {
        return ask(
          approval.requirement,
          digest: approval.digest,
          approvals: standing,
          at: now,
          cause: cause,
          grant: named
        )
      }
      // Nothing has come of that approval: it is still the same question, and has its time.
      approval.approvals = standing
      approval.decidedAt = nil
      self.approval = approval
      step(.awaitingApproval, at: now, cause: cause, grant: named)
      return .durably(.ask(expires: approval.expiresAt))

    case (.queued(_, nil), .cacheHit(_, let digest))
    where traits.effect == .read && isNotAsApproved(digest, at: now),
      (.queued(_, nil), .join(_, let digest))
    where traits.effect == .read && isNotAsApproved(digest, at: now),
      (.queued(_, nil), .breakerOpen(_, _, let digest)) where isNotAsApproved(digest, at: now),
      (.queued(_, nil), .start(let digest)) where isNotAsApproved(digest, at: now):
      return endNotAsApproved(digest, at: now)

    case (.queued(_, nil), .cacheHit(let value, _)) where traits.effect == .read:
      approval?.isUsed = true
      return end(.succeeded, .result(Payload(value), .hit), at: now, cause: "answered from cache")

    case (.queued(let attempt, nil), .join(let leader, _)) where traits.effect == .read:
      state = .queued(attempt: attempt, joined: leader)
      step(.queued, at: now, cause: "joined an identical call", changesState: false)
      return .then(.join(leader))

    case (.queued(_, _?), .flightSucceeded(let value)):
      approval?.isUsed = true
      return end(
        .succeeded,
        .result(Payload(value), .shared),
        at: now,
        cause: "shared with an identical call"
      )

    case (.queued(let attempt, _?), .flightFailed(let failure, let stale)):
      return attemptFailed(attempt, failure, traits, stale: stale, at: now, using: &generator)

    case (.queued(let attempt, _?), .flightEnded):
      return queue(
        attempt: attempt,
        at: now,
        cause: "the identical call ended otherwise",
        keepsPlace: true
      )

    case (.queued(let attempt, nil), .start):
      if let approval, !approval.isUsed { self.approval?.isUsed = true }
      state = .running(attempt: attempt, child: nil)
      attempts.append(Attempt(number: attempt, startedAt: now))
      step(.running, at: now, cause: "started", changesState: false)
      return traits.effect == .write
        ? .durably(.invoke(attempt: attempt)) : .then(.invoke(attempt: attempt))

    case (.queued(let attempt, nil), .breakerOpen(let until, let stale, _)):
      let wait = max(0, until.timeIntervalSince(now))
      guard breakerWait + wait <= traits.longestDelay else {
        let failure = CallFailure(
          .circuitOpen,
          "\(function) keeps failing and is not called for now.",
          isRetryable: true
        )
        return fallBackOrFail(attempt, failure, traits, stale: stale, at: now, using: &generator)
      }
      breakerWait += wait
      state = .backingOff(attempt: attempt, until: until, countsAttempt: false)
      step(.backingOff, at: now, cause: "breaker open", changesState: false)
      return .then(.sleep(until: until))

    case (.queued, .definitionChangedAtSlot(let requirement?, let hash, let digest)):
      definitionHash = hash
      return ask(
        requirement,
        digest: digest,
        at: now,
        cause: "its definition changed; held by " + requirement.rule
      )

    case (.queued, .definitionChangedAtSlot):
      let failure = CallFailure(
        .definitionChanged,
        "The function's definition changed before this call could start, so it did not run."
      )
      return end(.failed, .failure(failure), at: now, cause: "definition changed")

    case (.queued, .queueTimeout):
      if attempts.isEmpty {
        let failure = CallFailure(
          .expired,
          "It waited too long for its turn, so it did not run.",
          isRetryable: true
        )
        return end(.expired, .failure(failure), at: now, cause: "waited too long in the queue")
      }
      let failure = CallFailure(
        .queueTimeout,
        "It failed, and then waited too long for another try.",
        isRetryable: true
      )
      return end(.failed, .failure(failure), at: now, cause: "waited too long in the queue")

    // MARK: running
    case (.running(let attempt, nil), .attemptSucceeded(let number, let value))
    where number == attempt:
      close(attempt, nil, at: now)
      return end(.succeeded, .result(Payload(value), .attempt), at: now, cause: "succeeded")

    case (.running(let attempt, nil), .resultRefused(let number, let failure))
    where number == attempt:
      close(attempt, failure, at: now)
      return resultRefused(failure, traits, at: now)

    case (.running(let attempt, nil), .attemptFailed(let number, let failure, let stale))
    where number == attempt:
      close(attempt, failure, at: now)
      return attemptFailed(attempt, failure, traits, stale: stale, at: now, using: &generator)

    case (.running(_, let child?), .childEnded(let ended, let outcome)) where ended == child:
      if case .result(let payload, _) = outcome {
        return end(
          .succeeded,
          .result(Payload(payload.original), .degraded),
          at: now,
          cause: "answered by its fallback"
        )
      }
      let failure = firstFailure ?? CallFailure(.internalFault, "Its fallback failed.")
      return end(.failed, .failure(failure), at: now, cause: "its fallback did not succeed")

    case (.running(let attempt, nil), .cancel(let person)):
      state = .stopping(attempt: attempt, child: nil)
      step(.stopping, at: now, cause: "cancel asked for", by: person?.name, changesState: false)
      return .durably(.stopAttempt(attempt: attempt))

    case (.running(let attempt, let child?), .cancel(let person)):
      // The attempt itself is over. What is left to stop is the child, and only its end says how this one ends.
      state = .stopping(attempt: attempt, child: child)
      step(.stopping, at: now, cause: "cancel asked for", by: person?.name, changesState: false)
      return .durably(.cancelChild(child))

    // MARK: stopping
    case (.stopping(let attempt, nil), .stopped(let number, let failure)) where number == attempt:
      close(attempt, failure, at: now)
      return stopped(traits, failure, at: now)

    case (.stopping(let attempt, nil), .attemptSucceeded(let number, let value))
    where number == attempt:
      close(attempt, nil, at: now)
      return end(
        .succeeded,
        .result(Payload(value), .attempt),
        at: now,
        cause: "its result came before it stopped"
      )

    case (.stopping(let attempt, nil), .resultRefused(let number, let failure))
    where number == attempt:
      close(attempt, failure, at: now)
      return resultRefused(failure, traits, at: now)

    case (.stopping(let attempt, nil), .attemptFailed(let number, let failure, _))
    where number == attempt:
      close(attempt, failure, at: now)
      if failure.reach == .answered {
        return end(
          .failed,
          .failure(failure),
          at: now,
          cause: "failed before it stopped: \(failure.message)"
        )
      }
      return stopped(traits, failure, at: now)

    case (.stopping(let attempt, nil), .stopTimedOut(let number)) where number == attempt:
      close(attempt, nil, at: now)
      return stopped(traits, nil, at: now)

    case (.stopping(_, let child?), .childEnded(let ended, let outcome)) where ended == child:
      switch outcome {
      case .result(let payload, _):
        return end(
          .succeeded,
          .result(Payload(payload.original), .degraded),
          at: now,
          cause: "its fallback's answer came before it stopped"
        )
      case .failure(let failure) where failure.kind == .cancelled:
        return end(
          .cancelled,
          .failure(cancelled(by: stoppedBy)),
          at: now,
          cause: "stopped with its fallback",
          by: stoppedBy
        )
      case .failure(let failure):
        return end(
          .failed,
          .failure(firstFailure ?? failure),
          at: now,
          cause: "its fallback failed before it stopped"
        )
      }

    // MARK: backing off
    case (.backingOff(let attempt, _, let counts), .wake):
      return queue(
        attempt: counts ? attempt + 1 : attempt,
        at: now,
        cause: counts ? "trying again" : "the breaker may let it through"
      )

    // MARK: unknown
    case (.unknown, .settle(let settlement, let person)):
      guard person.mayDecide else { throw DecisionRefused.noRight(needs: "operator") }
      guard rerun == nil else { throw DecisionRefused.rerunIsLive }
      switch settlement {
      case .happened(let payload):
        return end(
          .succeeded,
          .result(payload, .settled),
          at: now,
          cause: "settled: it happened",
          by: person.name,
          durably: true
        )
      case .didNotHappen(let evidence):
        let failure = CallFailure(
          .didNotHappen,
          "A person found that it did not happen: \(evidence)",
          reach: .answered
        )
        return end(
          .failed,
          .failure(failure),
          at: now,
          cause: "settled: it did not happen, \(evidence)",
          by: person.name,
          durably: true
        )
      }

    case (.unknown, .checkStarted(let other, let function, let person)):
      check = other
      step(.unknown, at: now, cause: "looked up by \(function)", by: person.name)
      return .durably(.none)

    case (.unknown, .rerunStarted(let other, let person)):
      guard rerun == nil else { throw DecisionRefused.rerunIsLive }
      rerun = other
      step(.unknown, at: now, cause: "run again with the same key", by: person.name)
      return .durably(.none)

    case (.unknown, .rerunEnded(let other, let outcome)) where rerun == other:
      rerun = nil
      guard case .result(let payload, _) = outcome else {
        step(.unknown, at: now, cause: "the call that ran it again did not succeed")
        return .then(.none)
      }
      let failure = CallFailure(
        .superseded,
        "It was run again with the same key, and that succeeded.",
        reach: .answered
      )
      lateResult = Payload(payload.original)
      return end(
        .failed,
        .failure(failure),
        at: now,
        cause: "superseded by the call that ran it again",
        durably: true
      )

    case (.unknown, .lateResult(_, let value)):
      lateResult = Payload(value)
      step(.unknown, at: now, cause: "a late result came: evidence, not an outcome")
      return .then(.none)

    // MARK: cancel at any time
    case (.received, .cancel(let person)), (.awaitingApproval, .cancel(let person)),
      (.approved, .cancel(let person)), (.queued, .cancel(let person)),
      (.backingOff, .cancel(let person)):
      return end(
        .cancelled,
        .failure(cancelled(by: person?.name)),
        at: now,
        cause: "cancelled",
        by: person?.name,
        durably: person != nil
      )

    // MARK: definitions and functions that change
    case (.awaitingApproval, .definitionDrifted), (.approved, .definitionDrifted):
      guard var approval else { throw illegal(event) }
      approval.approvals = []
      approval.decidedAt = nil
      self.approval = approval
      step(
        .awaitingApproval,
        at: now,
        cause: "its definition changed; approvals given before are void"
      )
      return .durably(.ask(expires: approval.expiresAt))

    case (
      .awaitingApproval, .definitionAccepted(let arguments, let requirement, let hash, let digest)
    ):
      guard var approval else { throw illegal(event) }
      decided = Payload(arguments)
      definitionHash = hash
      approval.require(requirement)
      approval.approvals = []
      approval.digest = digest
      self.approval = approval
      step(.awaitingApproval, at: now, cause: "its new definition was accepted; approve it anew")
      return .durably(.ask(expires: approval.expiresAt))

    case (.awaitingApproval, .argumentsNoLongerFit(let failure)):
      return end(
        .failed,
        .failure(failure),
        at: now,
        cause: failure.kind == .invalidArguments
          ? "its arguments do not fit the new definition" : failure.message,
        durably: true
      )

    case (.received, .functionRemoved):
      return end(.rejected, .failure(removed), at: now, cause: "function removed")

    case (.awaitingApproval, .functionRemoved), (.approved, .functionRemoved),
      (.queued, .functionRemoved), (.backingOff, .functionRemoved):
      return end(.failed, .failure(removed), at: now, cause: "function removed")

    // MARK: restart
    case (.received, .restart(true)): return .then(.admit)

    case (.queued, .restart(true)):
      return queue(
        attempt: state.attempt ?? 1,
        at: now,
        cause: "engine restarted",
        keepsPlace: true
      )

    case (.received, .restart(false)), (.queued, .restart(false)):
      return end(.cancelled, .failure(engineStopped), at: now, cause: "the engine stopped")

    case (.awaitingApproval, .restart):
      guard let approval else { throw illegal(event) }
      guard approval.expiresAt > now else {
        return try row(.expire, traits, at: now, using: &generator)
      }
      return .then(.ask(expires: approval.expiresAt))

    case (.approved(let until), .restart):
      return until > now
        ? .then(.waitGrace(until: until))
        : queue(attempt: nextAttempt, at: now, cause: "grace time over")

    case (.running(_, _?), .restart), (.unknown, .restart): return .then(.none)

    case (.running(let attempt, nil), .restart):
      close(attempt, nil, at: now)
      if traits.effect == .write {
        return becomeUnknown(attempt, at: now, cause: "the engine stopped while it ran")
      }
      state = .backingOff(attempt: attempt, until: now, countsAttempt: true)
      step(.backingOff, at: now, cause: "the engine stopped while it ran", changesState: false)
      return .then(.sleep(until: now))

    case (.stopping(let attempt, nil), .restart):
      close(attempt, nil, at: now)
      return stopped(traits, nil, at: now)

    case (.stopping(_, let child?), .restart): return .then(.cancelChild(child))

    case (.backingOff(_, let until, _), .restart): return .then(.sleep(until: until))

    default: throw illegal(event)
    }
  }
}

/// What of a function the table looks at.
struct FunctionTraits: Sendable {
  var effect: FunctionEffect
  var retry: RetryPolicy
  var fallback: FunctionDefinition.Fallback?

  init(_ function: FunctionDefinition?) {
    effect = function?.effect ?? .write
    retry = function?.retry ?? RetryPolicy(maxAttempts: 1)
    fallback = function?.fallback
  }

  /// Of a function there is not.
  static let unknown = FunctionTraits(nil)

  /// Waits for a breaker together may last as long as the breaker's own backoff could.
  var longestDelay: Double { retry.cap / .seconds(1) }
}

// MARK: - The pieces of a move

extension Call {
  private mutating func approve(
    _ seen: Seen,
    by person: Principal,
    isHeld: Bool,
    requesters: [Principal],
    lapsed: [Principal],
    grant: GrantID? = nil,
    at now: Date
  ) throws -> Transition {
    try check(seen, by: person)
    guard var approval else { throw DecisionRefused.wrongState(state.word) }
    guard !isHeld else { throw DecisionRefused.held }
    guard approval.expiresAt > now else { throw DecisionRefused.tooLate }
    guard !person.isSamePerson(as: caller), !requesters.contains(where: person.isSamePerson) else {
      throw DecisionRefused.requester
    }
    let void = approval.approvals.filter { given in
      lapsed.contains { $0.isSamePerson(as: given.by) }
    }
    approval.approvals.removeAll(where: void.contains)
    guard !approval.approvals.contains(where: { $0.by.isSamePerson(as: person) }) else {
      throw DecisionRefused.twice
    }
    let needed = approval.requirement.approvers
    let completes = approval.approvals.count + 1 >= needed
    guard !(completes && needed > 1 && person.isShared) else { throw DecisionRefused.sharedAccount }
    if grant != nil { try checkServesGrants() }
    let ahead = grant.map { " ahead, by grant \($0.short)" } ?? ""
    let names = void.map(\.by.name).joined(separator: ", ")
    let rest = void.isEmpty ? "" : "; not counted, being valid no longer: \(names)"
    if grant == nil { lastSeen = seen }
    approval.approvals.append(
      Decision(by: person, at: now, revision: seen.revision, digest: seen.digest, grant: grant)
    )
    guard completes else {
      self.approval = approval
      step(
        .awaitingApproval,
        at: now,
        cause: "approved\(ahead), \(approval.approvals.count) of \(needed)\(rest)",
        by: person.name,
        grant: grant
      )
      return .durably(.ask(expires: approval.expiresAt))
    }
    approval.decidedAt = now
    self.approval = approval
    guard approval.requirement.grace > 0 else {
      state = .queued(attempt: nextAttempt, joined: nil)
      queuedAt = now
      step(
        .queued,
        at: now,
        cause: "approved" + ahead + rest,
        by: person.name,
        grant: grant,
        changesState: false
      )
      return .durably(.startRunner)
    }
    let until = now.addingTimeInterval(approval.requirement.grace)
    state = .approved(until: until)
    step(
      .approved,
      at: now,
      cause: "approved" + ahead + rest,
      by: person.name,
      grant: grant,
      changesState: false
    )
    return .durably(.waitGrace(until: until))
  }

  /// No grant covers a twin, a run again, or what somebody has edited.
  var servesGrants: Bool {
    guard approval?.requirement.twin == nil, editedBy == nil else { return false }
    switch link {
    case .again, .settles: return false
    case .fallback, .checks, nil: return true
    }
  }

  private func checkServesGrants() throws {
    guard servesGrants else { throw DecisionRefused.noGrant }
  }

  /// A decision counts only on what was before the decider's eyes.
  private func check(_ seen: Seen, by person: Principal) throws {
    guard person.mayDecide else { throw DecisionRefused.noRight(needs: "operator") }
    guard seen.revision == revision else {
      throw DecisionRefused.stale(revision: revision, editedBy: editedBy?.name)
    }
    guard seen.digest == approval?.digest else { throw DecisionRefused.otherDigest }
  }

  private mutating func ask(
    _ requirement: ApprovalRequirement,
    digest: String,
    approvals: [Decision] = [],
    at now: Date,
    cause: String,
    grant: GrantID? = nil
  ) -> Transition {
    let approval = Approval(
      requirement: requirement,
      askedAt: now,
      digest: digest,
      approvals: approvals
    )
    self.approval = approval
    state = .awaitingApproval
    step(.awaitingApproval, at: now, cause: cause, grant: grant, changesState: false)
    return .durably(.ask(expires: approval.expiresAt))
  }

  private mutating func queue(
    attempt: Int,
    at now: Date,
    cause: String,
    keepsPlace: Bool = false
  ) -> Transition {
    state = .queued(attempt: attempt, joined: nil)
    if !keepsPlace || queuedAt == nil { queuedAt = now }
    step(.queued, at: now, cause: cause, changesState: false)
    return .then(.enqueue)
  }

  /// The rows "failed, …" of `running`, and of a joined flight.
  private mutating func attemptFailed(
    _ attempt: Int,
    _ failure: CallFailure,
    _ traits: FunctionTraits,
    stale: JSONValue?,
    at now: Date,
    using generator: inout some RandomNumberGenerator
  ) -> Transition {
    let mayRepeat: Bool
    switch (failure.reach, traits.effect) {
    case (.notSent, _): mayRepeat = true
    case (.answered, .read), (.answered, .idempotent): mayRepeat = failure.isRetryable
    case (.maybe, .read), (.maybe, .idempotent): mayRepeat = true
    case (.answered, .write):
      return end(.failed, .failure(failure), at: now, cause: failure.message)
    case (.maybe, .write):
      firstFailure = failure
      return becomeUnknown(attempt, at: now, cause: failure.message)
    }
    guard mayRepeat else {
      guard traits.effect == .read else {
        return end(.failed, .failure(failure), at: now, cause: failure.message)
      }
      return fallBackOrFail(attempt, failure, traits, stale: stale, at: now, using: &generator)
    }
    guard let delay = traits.retry.delay(after: attempt, failure: failure, using: &generator) else {
      return fallBackOrFail(attempt, failure, traits, stale: stale, at: now, using: &generator)
    }
    let until = now.addingTimeInterval(delay / .seconds(1))
    state = .backingOff(attempt: attempt, until: until, countsAttempt: true)
    step(.backingOff, at: now, cause: failure.message, changesState: false)
    return .then(.sleep(until: until))
  }

  private mutating func fallBackOrFail(
    _ attempt: Int,
    _ failure: CallFailure,
    _ traits: FunctionTraits,
    stale: JSONValue?,
    at now: Date,
    using generator: inout some RandomNumberGenerator
  ) -> Transition {
    firstFailure = failure
    switch traits.fallback {
    case .value(let value):
      return end(
        .succeeded,
        .result(Payload(value), .degraded),
        at: now,
        cause: "fallback value: \(failure.message)"
      )
    case .staleCache:
      guard let stale else { break }
      return end(
        .succeeded,
        .result(Payload(stale), .degraded),
        at: now,
        cause: "stale answer: \(failure.message)"
      )
    case .function(let name):
      let child = CallID(UUIDv7(at: now, sequence: 0, random: generator.next()))
      state = .running(attempt: attempt, child: child)
      step(
        .running,
        at: now,
        cause: "falls back to \(name): \(failure.message)",
        changesState: false
      )
      return .then(.startChild(child, name))
    case nil: break
    }
    return end(.failed, .failure(failure), at: now, cause: failure.message)
  }

  private mutating func resultRefused(
    _ failure: CallFailure,
    _ traits: FunctionTraits,
    at now: Date
  ) -> Transition {
    guard traits.effect == .write else {
      return end(.failed, .failure(failure), at: now, cause: failure.message)
    }
    let withheld: JSONValue = [
      "withheld": true, "reason": .string(failure.message),
    ]
    return end(
      .succeeded,
      .result(Payload(withheld), .attempt),
      at: now,
      cause: "succeeded; its result is withheld: \(failure.message)"
    )
  }

  /// The end of an attempt after `cancel`; without a failure nobody knows how far it got.
  private mutating func stopped(
    _ traits: FunctionTraits,
    _ failure: CallFailure?,
    at now: Date
  ) -> Transition {
    let attempt = state.attempt ?? 1
    guard traits.effect == .write, (failure?.reach ?? .maybe) == .maybe else {
      var ended = cancelled(by: stoppedBy)
      ended.reach = failure?.reach ?? .maybe
      return end(
        .cancelled,
        .failure(ended),
        at: now,
        cause: "stopped",
        by: stoppedBy
      )
    }
    firstFailure = failure
    return becomeUnknown(attempt, at: now, cause: "stopped while it may have acted")
  }

  private mutating func becomeUnknown(_ attempt: Int, at now: Date, cause: String) -> Transition {
    state = .unknown(attempt: attempt)
    step(.unknown, at: now, cause: cause, changesState: false)
    return .durably(.none)
  }

  /// Whether it was approved, and may not start by that: it is another thing, or the decision is too old.
  private func isNotAsApproved(_ digest: String?, at now: Date) -> Bool {
    guard let approval, !approval.isUsed else { return false }
    return approval.digest != digest || startsTooLate(at: now)
  }

  private mutating func endNotAsApproved(_ digest: String?, at now: Date) -> Transition {
    guard approval?.digest != digest else { return endTooLate(at: now) }
    let failure = CallFailure(
      .definitionChanged,
      "What was approved is not what would run now, so it did not run."
    )
    return end(.failed, .failure(failure), at: now, cause: "digest differs at the start")
  }

  /// Whether its approval is too old for a first start; its grace time is not its own delay.
  private func startsTooLate(at now: Date) -> Bool {
    guard let approval, !approval.isUsed, let decided = approval.decidedAt else { return false }
    return now.timeIntervalSince(decided) > Approval.startBy + approval.requirement.grace
  }

  private mutating func endTooLate(at now: Date) -> Transition {
    let failure = CallFailure(
      .expired,
      "It was approved, but could not start within five minutes, so it did not run."
    )
    return end(
      .expired,
      .failure(failure),
      at: now,
      cause: "not started within 5 minutes of its approval"
    )
  }

  /// The number of an attempt that starts after a decision: approval may be asked anew after some have failed.
  private var nextAttempt: Int { (attempts.last?.number ?? 0) + 1 }

  private mutating func close(_ attempt: Int, _ failure: CallFailure?, at now: Date) {
    guard let last = attempts.indices.last, attempts[last].number == attempt else { return }
    attempts[last].endedAt = now
    attempts[last].failure = failure
  }

  private mutating func end(
    _ word: CallState.Word,
    _ outcome: CallOutcome,
    at now: Date,
    cause: String,
    by person: String? = nil,
    durably: Bool = false
  ) -> Transition {
    switch word {
    case .succeeded: state = .succeeded
    case .failed: state = .failed
    case .rejected: state = .rejected
    case .denied: state = .denied
    case .expired: state = .expired
    case .cancelled: state = .cancelled
    case .received, .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff,
      .unknown:
      preconditionFailure("\(word) is not an end")
    }
    self.outcome = outcome
    endedAt = now
    step(word, at: now, cause: cause, by: person, changesState: false)
    return durably ? .durably(.answer) : .then(.answer)
  }

  /// Notes one change; `changesState` sets the plain states that carry nothing.
  private mutating func step(
    _ word: CallState.Word,
    at now: Date,
    cause: String,
    by person: String? = nil,
    grant: GrantID? = nil,
    changesState: Bool = true
  ) {
    if changesState, word == .awaitingApproval { state = .awaitingApproval }
    revision += 1
    history.append(
      Step(
        at: now,
        state: word,
        attempt: state.attempt,
        cause: cause,
        by: person,
        grant: grant
      )
    )
  }

  private func cancelled(by person: String?) -> CallFailure {
    CallFailure(
      .cancelled,
      person.map { "\($0) cancelled this call." } ?? "This call was cancelled."
    )
  }

  /// Who asked for the cancel that it is stopping after.
  private var stoppedBy: String? { history.last { $0.state == .stopping }?.by }

  private var removed: CallFailure {
    CallFailure(.functionRemoved, "\(function) no longer exists.")
  }

  private var engineStopped: CallFailure {
    CallFailure(.engineStopped, "The engine stopped before this call could run.")
  }

  private func illegal(_ event: CallEvent) -> IllegalMove {
    IllegalMove(state: state.word, event: event.name)
  }
}

extension CallEvent {
  /// The event's name in words, for refusals.
  var name: String {
    switch self {
    case .admitted: "admission"
    case .approvalNeeded: "asking for approval"
    case .nobodyToAsk: "denial for want of an approver"
    case .refused: "rejection"
    case .approve: "approving it"
    case .approveByGrant: "approving it by a grant"
    case .edit: "editing it"
    case .deny: "denying it"
    case .extend: "giving it more time"
    case .expire: "expiry"
    case .undo: "taking the approval back"
    case .graceOver: "the end of its grace time"
    case .cacheHit: "an answer from cache"
    case .join: "joining an identical call"
    case .flightSucceeded, .flightFailed, .flightEnded: "the end of an identical call"
    case .start: "starting it"
    case .breakerOpen: "waiting for the breaker"
    case .definitionChangedAtSlot, .definitionDrifted: "a changed definition"
    case .grantsEnded: "the end of a grant"
    case .queueTimeout: "the end of its time in the queue"
    case .attemptSucceeded: "a result"
    case .resultRefused: "a refused result"
    case .attemptFailed: "a failure"
    case .childEnded: "the end of its fallback"
    case .stopped, .stopTimedOut: "having stopped"
    case .wake: "waking up"
    case .settle: "settling it"
    case .checkStarted: "looking it up"
    case .rerunStarted, .rerunEnded: "running it again"
    case .lateResult: "a late result"
    case .cancel: "cancelling it"
    case .definitionAccepted: "accepting its definition"
    case .argumentsNoLongerFit: "arguments that no longer fit"
    case .functionRemoved: "the function's removal"
    case .restart: "a restart"
    }
  }
}
