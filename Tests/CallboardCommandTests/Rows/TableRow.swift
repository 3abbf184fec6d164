import JSONSchema

@testable import Callboard

/// A row of the life of a call, and how to tell from what has happened that it was hit.
struct TableRow: Sendable {
  var words: String
  var isHit: @Sendable (Playback) -> Bool

  init(_ words: String, _ isHit: @escaping @Sendable (Playback) -> Bool) {
    self.words = words
    self.isHit = isHit
  }

  /// One move from a state, by an event's name, to a state, that was stored.
  init(
    _ from: CallState.Word,
    _ event: String,
    to word: CallState.Word,
    durably isDurable: Bool? = nil,
    _ words: String = "",
    _ matches: @escaping @Sendable (Playback.Move) -> Bool = { _ in true }
  ) {
    self.init("\(from.rawValue), \(event) → \(word.rawValue)" + (words.isEmpty ? "" : ": \(words)"))
    {
      $0.moves.contains { move in
        move.from == from && move.name == event && move.to == word && move.isStored
          && (isDurable ?? move.transition?.isDurable) == move.transition?.isDurable
          && matches(move)
      }
    }
  }

  /// One that the table refuses.
  init(
    _ from: CallState.Word,
    _ event: String,
    refused words: String,
    _ matches: @escaping @Sendable (Playback.Move) -> Bool = { _ in true }
  ) {
    self.init("\(from.rawValue), \(event) is refused: \(words)") { playback in
      playback.moves.contains { move in
        guard move.from == from, move.name == event, let error = move.error, matches(move) else {
          return false
        }
        return "\(error)".contains(words)
      }
    }
  }
}

extension Playback.Move {
  var approvals: Int { after?.approval?.approvals.count ?? 0 }
  var needed: Int { after?.approval?.requirement.approvers ?? 1 }

  /// How the attempt failed that the event tells of.
  var attemptFailure: CallFailure? {
    switch event {
    case .attemptFailed(_, let failure, _), .flightFailed(let failure, _),
      .resultRefused(_, let failure):
      failure
    case .stopped(_, let failure): failure
    default: nil
    }
  }

  var reach: CallFailure.Reach? { attemptFailure?.reach }

  /// Whether its attempts were spent.
  var isLastAttempt: Bool { (before.state.attempt ?? 0) >= traits.retry.maxAttempts }

  var isJoined: Bool { if case .queued(_, _?) = before.state { true } else { false } }

  /// Whether another function runs in its place.
  var hasChild: Bool {
    switch before.state {
    case .running(_, _?), .stopping(_, _?): true
    default: false
    }
  }

  var source: CallOutcome.Source? { after?.outcome?.source }
}
