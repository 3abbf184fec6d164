import Callboard
import JSONSchema

/// The version of the control protocol, and how long its messages may be.
///
/// A frame is four bytes, most significant first, that say how long it is, and then one JSON value. The peer begins:
/// `{"callboard": 1}` names the version it speaks. The instance answers with a ``Welcome``, or with
/// `{"refused": "…"}`, a sentence for people, after which it hangs up; these two never change with the version.
public enum ControlProtocol {
  public static let version = 1

  /// What a peer says first.
  static let greetingLimit = 4096
  /// Arguments and results may be as long as the engine takes them, and stand inside a message.
  public static func askLimit(maxArgumentBytes: Int) -> Int {
    2 * max(maxArgumentBytes, Limit.result.value) + (1 << 20)
  }
  /// What an instance says; a snapshot that is longer is replaced by a sentence.
  static let answerLimit = 64 << 20
}

/// What an instance tells a peer of itself.
public struct Welcome: Sendable, Hashable, Codable {
  /// Another each time an instance starts.
  public var instance: String
  /// The name of its configuration.
  public var name: String
  public var pid: Int32
  /// Who the peer is here, by its user id.
  public var you: Principal
}

/// What a peer asks for; each is answered under its own number.
enum Ask: Sendable, Codable {
  /// Snapshots, all of one moment and in one answer.
  case look(id: Int, [Look])
  /// A request, and what to look at once it is answered.
  case request(id: Int, Request, then: [Look])
  case reveal(id: Int, CallID)
  /// One call in the peer's own name; its arguments as a text.
  case call(id: Int, function: String, arguments: String)
  /// What would become of such a call, in the peer's own name or another; nothing of it happens.
  case simulate(id: Int, function: String, arguments: String, caller: String?)
  /// Every event from now on.
  case follow(id: Int)

  var id: Int {
    switch self {
    case .look(let id, _), .request(let id, _, _), .reveal(let id, _), .call(let id, _, _),
      .simulate(let id, _, _, _), .follow(let id):
      id
    }
  }
}

/// One query, and the mark of the answer that the peer has already.
struct Look: Sendable, Hashable, Codable {
  var query: Query
  var have: String?
}

/// What an instance says to a peer that it has let in.
enum Answer: Sendable, Codable {
  case looked(id: Int, Sights)
  /// Without sights for a peer that may not look.
  case replied(id: Int, Reply, Sights?)
  case revealed(id: Int, JSONValue)
  case notRevealed(id: Int, String)
  /// The call is made, and a person has to decide on it, or to say what became of it.
  case waits(id: Int, CallID, CallState.Word)
  case ended(id: Int, EndedCall)
  case simulated(id: Int, Simulation)
  /// There is nobody of that name, in a sentence.
  case nobody(id: Int, String)
  case follows(id: Int)
  /// It was not done, and why.
  case failed(id: Int, String)
  /// Something visible changed since the last look; said once until the next one.
  case changed
  /// Who the peer is here from now on: its name or its roles are others than it was told last.
  case you(Principal)
  /// What happened, and how many events before them were left out because the peer took none.
  case events([JSONValue], lost: Int)
  /// The instance stops.
  case goodbye(String)

  var id: Int? {
    switch self {
    case .looked(let id, _), .replied(let id, _, _), .revealed(let id, _), .notRevealed(let id, _),
      .waits(let id, _, _), .ended(let id, _), .simulated(let id, _), .nobody(let id, _),
      .follows(let id), .failed(let id, _):
      id
    case .changed, .you, .events, .goodbye: nil
    }
  }

  /// Whether more may come under the same number.
  var isLast: Bool {
    switch self {
    case .waits: false
    case .looked, .replied, .revealed, .notRevealed, .ended, .simulated, .nobody, .follows, .failed,
      .changed, .you, .events, .goodbye:
      true
    }
  }
}

/// Snapshots that were asked for together.
struct Sights: Sendable, Codable {
  var header: Header
  /// In the order of the looks.
  var bodies: [Sight]

  enum Sight: Sendable, Codable {
    /// As it was when the peer got this mark.
    case same
    case body(Snapshot.Body, [DefinitionRow], mark: String)
    /// It can't be sent, and why.
    case withheld(String)
  }
}

/// The end of a call that was made over the socket.
public struct EndedCall: Sendable, Codable {
  public var call: CallID
  public var state: CallState.Word?
  public var effect: FunctionEffect?
  /// The result as it may be shown to whoever asked; nil where there is none.
  public var result: JSONValue?
  public var source: CallOutcome.Source?
  public var failure: CallFailure?
  /// What its last attempt wrote beside the result.
  public var errorOutput: String?
}

extension Request {
  /// The request with the values that it brings along, where they would be sent as nothing but a mark.
  var forTheWire: Request {
    guard case .settle(let id, let revision, .happened(let payload)) = self,
      let open = try? payload.original.decode(as: Payload.self)
    else { return self }
    return .settle(id, revision: revision, .happened(open))
  }

  /// What changes with it and is on the screen of whoever sends it.
  var subject: CallID? {
    switch self {
    case .approve(let id, _), .deny(let id, _, _, _), .edit(let id, _, _), .extend(let id, _),
      .undo(let id, _), .settle(let id, _, _), .check(let id, _), .cancel(let id, _),
      .runAgain(let id, _, _):
      id
    case .setFunction, .setProvider, .setBreaker, .clearCache, .hold, .acceptDefinition,
      .declineDefinition, .grant, .revokeGrant, .stopConversation, .pauseConversation, .message,
      .startRun, .cancelRun, .retryRun, .reading, .left:
      nil
    }
  }
}

extension Originals {
  /// The only form in which they leave the process.
  var wire: JSONValue {
    var object: JSONObject = [
      "call": .string(call.description), "revision": .integer(Int64(revision)),
    ]
    object["proposed"] = proposed
    object["decided"] = decided
    object["result"] = result
    object["late_result"] = lateResult
    return .object(object)
  }

  init?(wire: JSONValue) {
    guard let id = wire["call"]?.stringValue.flatMap(CallID.init),
      let revision = wire["revision"]?.intValue
    else { return nil }
    self.init(call: id, revision: revision)
    proposed = wire["proposed"]
    decided = wire["decided"]
    result = wire["result"]
    lateResult = wire["late_result"]
  }
}
