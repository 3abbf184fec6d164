import JSONSchema

/// The values of a call as they are, for one person to look at.
///
/// Not `Codable`: nothing stores it, and only the control socket sends it, to a peer who may see it.
public struct Originals: Sendable, Equatable {
  public var call: CallID
  public var revision: Int
  public var proposed: JSONValue?
  public var decided: JSONValue?
  public var result: JSONValue?
  public var lateResult: JSONValue?

  public init(call: CallID, revision: Int) {
    self.call = call
    self.revision = revision
  }

  public init(_ call: Call) {
    self.call = call.id
    revision = call.revision
    proposed = call.proposed?.original
    decided = call.decided?.original
    result = call.outcome?.value?.original
    lateResult = call.lateResult?.original
  }
}

extension Call {
  /// The same with originals where marks are, to be drawn for one person and then forgotten.
  public func showing(_ originals: Originals) -> Call {
    var call = self
    if let value = originals.proposed { call.proposed = Payload(value) }
    if let value = originals.decided { call.decided = Payload(value) }
    if let value = originals.lateResult { call.lateResult = Payload(value) }
    if let value = originals.result, case .result(_, let source) = call.outcome {
      call.outcome = .result(Payload(value), source)
    }
    return call
  }
}

/// What came of asking for originals.
public enum Revelation: Sendable, Equatable {
  case originals(Originals)
  /// Nothing is shown; why.
  case refused(String)
}

/// Originals that were asked for: nothing waits for them, whoever asked looks again.
public final class RevealTicket: Sendable {
  private let box = OneShot<Revelation>()

  public init() {}

  /// What came of it, once there is something.
  public var answer: Revelation? { box.current }

  public func answer(_ revelation: Revelation) { box.resolve(revelation) }
}
