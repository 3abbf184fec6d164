/// What becomes of a step of a call that the store did not take.
enum UnstoredStep: Sendable {
  /// A person asked for it: that is refused, and nothing has happened.
  case refused
  /// It has happened, whatever the store says: the call keeps it in memory until it can be stored, and nobody hears
  /// of it before.
  case kept
  /// The call stays as it is stored; the same event comes again when the store works.
  case again
  /// The call stays as it is stored; when the store works it goes on from there, through every check.
  case anew
}

extension CallEvent {
  /// What becomes of the step that this event takes when the store does not take it.
  var unstored: UnstoredStep {
    switch self {
    case .approve, .approveByGrant, .edit, .deny, .extend, .undo, .settle, .checkStarted,
      .rerunStarted, .cancel:
      .refused
    case .flightSucceeded, .flightFailed, .attemptSucceeded, .resultRefused, .attemptFailed,
      .childEnded, .stopped, .stopTimedOut, .rerunEnded, .lateResult, .restart:
      .kept
    case .expire, .graceOver, .flightEnded, .queueTimeout, .wake, .definitionDrifted,
      .definitionAccepted, .argumentsNoLongerFit, .functionRemoved:
      .again
    case .admitted, .approvalNeeded, .nobodyToAsk, .refused, .cacheHit, .join, .start, .breakerOpen,
      .definitionChangedAtSlot, .grantsEnded:
      .anew
    }
  }

  /// Whether the step is taken back where the store finds out late that it can't store it: a person's word, and what
  /// has not been done yet.
  var isRevocable: Bool {
    switch unstored {
    case .refused, .anew: true
    case .kept, .again: false
    }
  }
}
