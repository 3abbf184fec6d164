import Foundation

/// Where a call is on its road.
///
/// `calls.md` holds the table of all moves; `Call+Transitions.swift` is that table.
public enum CallState: Sendable, Hashable, Codable {
  /// Known, and not yet admitted.
  case received
  /// Held for a person; who and until when is in the call's `approval`.
  case awaitingApproval
  /// Decided; starts when the grace time is over, until when it can be undone.
  case approved(until: Date)
  /// Waits for a slot, or, when `joined`, for an identical call that is running.
  case queued(attempt: Int, joined: CallID?)
  /// An attempt is under way, or, when there is a `child`, its fallback is.
  case running(attempt: Int, child: CallID?)
  /// Cancelled, and its attempt, or the fallback that is its `child`, has not ended yet.
  case stopping(attempt: Int, child: CallID?)
  /// Waits to be queued again; `countsAttempt` is false after a breaker refused, when the number stays.
  case backingOff(attempt: Int, until: Date, countsAttempt: Bool)
  /// A `write` that may have happened; a person settles it.
  case unknown(attempt: Int)
  case succeeded
  case failed
  case rejected
  case denied
  case expired
  case cancelled

  /// The state's word, the same in the console, JSON, tables and metrics.
  public enum Word: String, Sendable, Hashable, Codable, CaseIterable {
    case received
    case awaitingApproval = "awaiting_approval"
    case approved
    case queued
    case running
    case stopping
    case backingOff = "backing_off"
    case unknown
    case succeeded
    case failed
    case rejected
    case denied
    case expired
    case cancelled

    /// An ended call never changes.
    public var isEnded: Bool {
      switch self {
      case .succeeded, .failed, .rejected, .denied, .expired, .cancelled: true
      case .received, .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff,
        .unknown:
        false
      }
    }

    /// Whether it is on the list of what needs a person.
    public var needsPerson: Bool { self == .awaitingApproval || self == .unknown }
  }

  public var word: Word {
    switch self {
    case .received: .received
    case .awaitingApproval: .awaitingApproval
    case .approved: .approved
    case .queued: .queued
    case .running: .running
    case .stopping: .stopping
    case .backingOff: .backingOff
    case .unknown: .unknown
    case .succeeded: .succeeded
    case .failed: .failed
    case .rejected: .rejected
    case .denied: .denied
    case .expired: .expired
    case .cancelled: .cancelled
    }
  }

  public var isEnded: Bool { word.isEnded }

  /// The attempt it is at, counted from 1; nil before the first is queued and after the end.
  public var attempt: Int? {
    switch self {
    case .queued(let attempt, _), .running(let attempt, _), .stopping(let attempt, _),
      .backingOff(let attempt, _, _), .unknown(let attempt):
      attempt
    case .received, .awaitingApproval, .approved, .succeeded, .failed, .rejected, .denied,
      .expired, .cancelled:
      nil
    }
  }
}

extension CallState.Word {
  /// Whether a call that ends so counts as an error: it failed, or was refused for what it was.
  ///
  /// One that a person had settled has been counted when it became unknown, and refusals because somebody held or
  /// switched something are nobody's error.
  public func countsAsError(_ failure: CallFailure.Kind?) -> Bool {
    switch (self, failure) {
    case (.failed, .didNotHappen), (.failed, .superseded): false
    case (.failed, _): true
    case (.rejected, .functionOff), (.rejected, .engineHeld), (.rejected, .stopping),
      (.rejected, .definitionNotAccepted):
      false
    case (.rejected, _): true
    default: false
    }
  }
}
