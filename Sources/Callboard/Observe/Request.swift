import Foundation
import JSONSchema
import Synchronization

/// What a person or program asks of the engine: the same for the console, the command line and scenarios.
///
/// Requests that decide or switch carry what was seen, and do nothing when that is no longer so: the revision of a
/// call, with the digest where an approval is at stake, or the state of a switch and the one that is wanted.
public enum Request: Sendable, Hashable, Codable {
  case approve(CallID, Seen)
  case deny(CallID, Seen, reason: String, stopConversation: Bool)
  /// New arguments as JSON; validated like the first ones, and the rules run again.
  case edit(CallID, Seen, arguments: JSONValue)
  case extend(CallID, Seen)
  case undo(CallID, Seen)
  case settle(CallID, revision: Int, Settlement)
  /// Runs the function that looks whether a call of unknown outcome has happened; settles nothing.
  case check(CallID, revision: Int)
  case cancel(CallID, revision: Int)
  /// An ended call as a new one, or an unknown one with the same key. `arguments` only for an ended one.
  case runAgain(CallID, revision: Int, arguments: JSONValue?)
  case setFunction(String, from: Bool, to: Bool)
  /// Every function of a provider.
  case setProvider(String, from: Bool, to: Bool)
  case setBreaker(String, from: CircuitBreaker.State, to: CircuitBreaker.State)
  /// nil: of every function.
  case clearCache(function: String?)
  case hold(from: Bool, to: Bool)
  /// Takes exactly the definition that was shown: the hash of the accepted one that was on the screen, and the hash of
  /// the one that is wanted in its place.
  case acceptDefinition(String, from: String, to: String)
  /// Leaves the function held.
  case declineDefinition(String, from: String, to: String)
  /// Approves ahead; `waiting` are calls that wait already and are approved too, as far as they are as they were seen.
  case grant(GrantDraft, waiting: [SeenCall])
  case revokeGrant(GrantID)
  /// From whatever it is doing: what is wanted of it is the same.
  case stopConversation(ConversationID)
  case pauseConversation(ConversationID, from: Bool, to: Bool)
  case message(ConversationID, String)
  /// A run of a workflow of the configuration, under an id that whoever asks has made.
  case startRun(String, input: JSONValue, id: RunID)
  /// From whatever it is doing: what is wanted of it is the same.
  case cancelRun(RunID)
  /// Goes on from what has failed; what has finished stays.
  case retryRun(RunID, revision: Int)
  /// That a person has a call on the screen, or has it no longer; said again every few seconds, and never stored.
  case reading(CallID, isThere: Bool)
  /// Up to which event a person has been told when they leave.
  case left(seq: Int)
}

/// What became of a request, in words for the status row.
public enum Reply: Sendable, Hashable, Codable {
  case done(String)
  /// It counts, and is not kept: the store can't write, and it is forgotten if callboard ends before that.
  case notStored(String)
  /// Nothing happened; why, who was faster, and what to do.
  case refused(String)
  /// The arguments of an edit do not fit the schema; nothing happened.
  case invalid([ValidationError])
  /// The instance went away before it answered: nobody knows whether it was done, and nobody asks again by itself.
  case unknown(String)

  public var isDone: Bool {
    switch self {
    case .done, .notStored: true
    case .refused, .invalid, .unknown: false
    }
  }

  public var message: String {
    switch self {
    case .done(let text), .notStored(let text), .refused(let text), .unknown(let text): text
    case .invalid(let errors): errors.map(\.message).joined(separator: "; ")
    }
  }
}

/// A request that was sent: nothing waits for it, whoever sent it looks again.
public final class RequestTicket: Sendable {
  private let box = OneShot<Reply>()

  public init() {}

  /// The reply, once there is one.
  public var reply: Reply? { box.current }

  /// The reply, awaited.
  ///
  /// One task may wait.
  public var answered: Reply { get async { await box.value } }

  public func answer(_ reply: Reply) { box.resolve(reply) }
}

/// What faces see of an engine: immutable snapshots when they ask, and requests that are never awaited.
public protocol EngineDoor: Sendable {
  func snapshot(of query: Query) -> Snapshot
  /// The same where it is at hand; nil: not yet, and observers are told when it is.
  func glance(of query: Query) -> Snapshot?
  func send(_ request: Request, by principal: Principal) -> RequestTicket
  /// Asks for the originals of a call's secrets; see `Engine.reveal`.
  func reveal(_ id: CallID, by principal: Principal) -> RevealTicket
  /// Calls `changed` after something visible changed, from any thread, at most once until `snapshot` is asked for.
  func observe(_ changed: @escaping @Sendable () -> Void) -> ObservationToken
  /// Who the person at this door is on the other side now; nil: whoever they were said to be.
  var you: Principal? { get }
}

extension EngineDoor {
  /// In the same process everything is at hand.
  public func glance(of query: Query) -> Snapshot? { snapshot(of: query) }
  public var you: Principal? { nil }
}

/// Keeps an observation alive; when it goes, the calls stop.
public final class ObservationToken: Sendable {
  private let cancel: @Sendable () -> Void

  public init(_ cancel: @escaping @Sendable () -> Void) { self.cancel = cancel }

  deinit { cancel() }
}
