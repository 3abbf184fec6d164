@testable import Callboard

/// Every reason for which a decision does not count, by the words that tell it.
///
/// A new reason does not compile before it is named here.
enum Refusal: CaseIterable {
  case stale, otherDigest, requester, twice, noRight, notADecider, notApprovedByYou, sharedAccount
  case noGrant, held, definitionNotAccepted, tooLate, extendedBefore, longestWait, rerunIsLive
  case wrongState

  init(_ reason: DecisionRefused) {
    self =
      switch reason {
      case .stale: .stale
      case .otherDigest: .otherDigest
      case .requester: .requester
      case .twice: .twice
      case .noRight: .noRight
      case .notADecider: .notADecider
      case .notApprovedByYou: .notApprovedByYou
      case .sharedAccount: .sharedAccount
      case .noGrant: .noGrant
      case .held: .held
      case .definitionNotAccepted: .definitionNotAccepted
      case .tooLate: .tooLate
      case .extendedBefore: .extendedBefore
      case .longestWait: .longestWait
      case .rerunIsLive: .rerunIsLive
      case .wrongState: .wrongState
      }
  }

  /// What its sentence has, and that of no other.
  private var words: String {
    switch self {
    case .stale: "changed since you saw it"
    case .otherDigest: "the arguments are not the ones you saw"
    case .requester: "you asked for it yourself"
    case .twice: "you approved it already"
    case .noRight: "that takes the role"
    case .notADecider: "of deciders"
    case .notApprovedByYou: "nothing of yours to take back"
    case .sharedAccount: "a shared account"
    case .noGrant: "no grant covers"
    case .held: "the function is off: "
    case .definitionNotAccepted: "nobody has accepted it"
    case .tooLate: "the time for it is over"
    case .extendedBefore: "you gave it more time before"
    case .longestWait: "all the time its rule gives"
    case .rerunIsLive: "it is being run again right now"
    case .wrongState: "it is running now"
    }
  }

  func isHit(_ playback: Playback) -> Bool {
    playback.refused(words)
      || playback.moves.contains { ($0.error as? DecisionRefused).map(Refusal.init) == self }
  }
}
