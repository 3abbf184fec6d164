import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// A call somewhere on its road, its function and a moment: what the rows of the table are tried on.
///
/// Calls get where they are by events of the table, never by setting a state.
struct Situation {
  var call: Call
  var function: FunctionDefinition?
  var now: Date
  private var generator = SeededGenerator(seed: 7)

  static let start = Date(timeIntervalSince1970: 1_795_341_600)
  static let agent = Principal.caller("agent-1")
  static let maria = Principal.operator("maria", uid: 1001)
  static let bo = Principal.operator("bo", uid: 1002)
  static let viewer = Principal.viewer("vic", uid: 1003)
  static let arguments: JSONValue = ["amount": 5]
  static let grant = GrantID(UUIDv7(at: start, sequence: 3, random: 44))
  static let digest = "digest of what was asked"
  static let failure = CallFailure(
    .connectionFailed,
    "The connection was refused.",
    isRetryable: true
  )

  init(
    _ effect: FunctionEffect = .write,
    attempts: Int = 3,
    fallback: FunctionDefinition.Fallback? = nil
  ) throws {
    let id = CallID(UUIDv7(at: Self.start, sequence: 1, random: 42))
    call = Call(
      id: id,
      function: "payments.send",
      caller: Self.agent,
      receivedAt: Self.start,
      idempotencyKey: "key-1",
      proposed: Self.arguments
    )
    let name = try #require(FunctionName("payments.send"))
    function = FunctionDefinition(
      name: name,
      description: "Sends money.",
      effect: effect,
      retry: RetryPolicy(maxAttempts: attempts, base: .milliseconds(200), cap: .seconds(30)),
      fallback: fallback
    )
    now = Self.start
  }

  var word: CallState.Word { call.state.word }

  var seen: Seen { Seen(revision: call.revision, digest: call.approval?.digest ?? "") }

  /// Everything there is to know about the call, with what is hidden from view.
  var everything: String { String(reflecting: call) }

  /// Moves the call, and checks what holds for every move.
  @discardableResult
  mutating func on(_ event: CallEvent) throws -> Transition {
    let before = call
    let move = try call.handle(event, function: function, now: now, using: &generator)
    let steps = call.history.count - before.history.count
    #expect((0...1).contains(steps), "one event, one step at most")
    #expect(call.revision - before.revision == steps, "the revision counts the steps")
    #expect(steps == 1 || "\(call)" == "\(before)", "what changes something is a step")
    if steps == 1 {
      #expect(call.history.last?.state == call.state.word)
      #expect(call.history.last?.attempt == call.state.attempt)
      #expect(call.history.last?.at == now)
      #expect(call.history.last?.cause.isEmpty == false)
    }
    #expect((move.effect == .answer) == call.state.isEnded)
    #expect(
      (call.outcome != nil) == call.state.isEnded,
      "an outcome is an end, and an end has an outcome"
    )
    #expect(call.endedAt == (call.state.isEnded ? now : nil))
    return move
  }

  /// Expects a refusal, and nothing changed.
  mutating func refuses(
    _ event: CallEvent,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> (any Error)? {
    let before = everything
    var copy = generator
    do {
      _ = try call.handle(event, function: function, now: now, using: &copy)
      Issue.record("\(event.name) was not refused in \(call.state)", sourceLocation: sourceLocation)
      return nil
    } catch {
      #expect(
        everything == before,
        "a refused event changes nothing",
        sourceLocation: sourceLocation
      )
      return error
    }
  }

  mutating func wait(_ seconds: Double) { now += seconds }
}

// MARK: - Ways to each state

extension Situation {
  static func received(_ effect: FunctionEffect = .write) throws -> Situation {
    try Situation(effect)
  }

  static func awaiting(
    _ effect: FunctionEffect = .write,
    approvers: Int = 1,
    expires: Double = 900,
    maxWait: Double = 3600,
    grace: Double = 0
  ) throws -> Situation {
    var it = try Situation(effect)
    try it.on(
      .approvalNeeded(
        requirement(approvers: approvers, expires: expires, maxWait: maxWait, grace: grace),
        arguments: arguments,
        definitionHash: "hash-1",
        digest: digest
      )
    )
    return it
  }

  static func requirement(
    rule: String = "rule 1: payments.*",
    approvers: Int = 1,
    expires: Double = 900,
    maxWait: Double = 3600,
    grace: Double = 0
  ) -> ApprovalRequirement {
    ApprovalRequirement(
      rule: rule,
      approvers: approvers,
      expires: expires,
      maxWait: maxWait,
      grace: grace
    )
  }

  /// Approved by maria, with 30 s to take it back.
  static func approved(_ effect: FunctionEffect = .write, approvers: Int = 1) throws -> Situation {
    var it = try awaiting(effect, approvers: approvers, grace: 30)
    if approvers > 1 { try it.approve(by: bo) }
    try it.approve(by: maria)
    return it
  }

  static func queued(
    _ effect: FunctionEffect = .write,
    attempts: Int = 3,
    fallback: FunctionDefinition.Fallback? = nil
  ) throws -> Situation {
    var it = try Situation(effect, attempts: attempts, fallback: fallback)
    try it.on(.admitted(arguments: arguments, definitionHash: "hash-1", rule: nil))
    return it
  }

  /// Queued after an approval that is not used yet.
  static func queuedByApproval(_ effect: FunctionEffect = .write) throws -> Situation {
    var it = try awaiting(effect)
    try it.approve(by: maria)
    return it
  }

  static let leader = CallID(UUIDv7(at: start, sequence: 0, random: 9))

  static func joined(
    attempts: Int = 3,
    fallback: FunctionDefinition.Fallback? = nil
  ) throws -> Situation {
    var it = try queued(.read, attempts: attempts, fallback: fallback)
    try it.on(.join(leader: leader, digest: nil))
    return it
  }

  static func running(
    _ effect: FunctionEffect = .write,
    attempts: Int = 3,
    fallback: FunctionDefinition.Fallback? = nil
  ) throws -> Situation {
    var it = try queued(effect, attempts: attempts, fallback: fallback)
    try it.on(.start(digest: nil))
    return it
  }

  static func runningChild(_ effect: FunctionEffect = .write) throws -> Situation {
    let other = try #require(FunctionName("payments.send_slowly"))
    var it = try running(effect, attempts: 1, fallback: .function(other))
    try it.on(.attemptFailed(attempt: 1, failure, stale: nil))
    return it
  }

  static func stopping(_ effect: FunctionEffect = .write) throws -> Situation {
    var it = try running(effect)
    try it.on(.cancel(by: maria))
    return it
  }

  static func stoppingChild(_ effect: FunctionEffect = .write) throws -> Situation {
    var it = try runningChild(effect)
    try it.on(.cancel(by: maria))
    return it
  }

  static func backingOff(_ effect: FunctionEffect = .write) throws -> Situation {
    var it = try running(effect)
    try it.on(.attemptFailed(attempt: 1, failure, stale: nil))
    return it
  }

  static func backingOffForBreaker(_ effect: FunctionEffect = .write) throws -> Situation {
    var it = try queued(effect)
    try it.on(.breakerOpen(until: it.now + 10, stale: nil, digest: nil))
    return it
  }

  static func unknown() throws -> Situation {
    var it = try running(.write)
    try it.on(
      .attemptFailed(
        attempt: 1,
        CallFailure(.timeout, "No answer came.", reach: .maybe),
        stale: nil
      )
    )
    return it
  }

  static let rerun = CallID(UUIDv7(at: start, sequence: 5, random: 11))

  static func unknownRunAgain() throws -> Situation {
    var it = try unknown()
    try it.on(.rerunStarted(rerun, by: maria))
    return it
  }

  static func ended(_ word: CallState.Word, _ effect: FunctionEffect = .write) throws -> Situation {
    var it: Situation
    switch word {
    case .succeeded:
      it = try running(effect)
      try it.on(.attemptSucceeded(attempt: 1, ["ok": true]))
    case .failed:
      it = try running(effect)
      try it.on(
        .attemptFailed(attempt: 1, CallFailure(.clientError, "404", reach: .answered), stale: nil)
      )
    case .rejected:
      it = try received(effect)
      try it.on(.refused(CallFailure(.functionOff, "It is off.")))
    case .denied:
      it = try awaiting(effect)
      try it.on(.deny(it.seen, reason: "no", by: maria))
    case .expired:
      it = try awaiting(effect)
      it.wait(900)
      try it.on(.expire)
    case .cancelled:
      it = try queued(effect)
      try it.on(.cancel(by: maria))
    case .received, .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff,
      .unknown:
      it = try received(effect)
      Issue.record("\(word) is not an end")
    }
    #expect(it.word == word)
    return it
  }

  var child: CallID? {
    switch call.state {
    case .running(_, let child), .stopping(_, let child): child
    case .received, .awaitingApproval, .approved, .queued, .backingOff, .unknown, .succeeded,
      .failed,
      .rejected, .denied, .expired, .cancelled:
      nil
    }
  }

  @discardableResult
  mutating func approve(
    by person: Principal,
    seen: Seen? = nil,
    isHeld: Bool = false,
    requesters: [Principal] = [],
    lapsed: [Principal] = []
  ) throws -> Transition {
    try on(
      .approve(
        seen ?? self.seen,
        by: person,
        isHeld: isHeld,
        requesters: requesters,
        lapsed: lapsed
      )
    )
  }

  mutating func refusesApproval(
    by person: Principal,
    seen: Seen? = nil,
    isHeld: Bool = false,
    requesters: [Principal] = [],
    lapsed: [Principal] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> DecisionRefused? {
    let event = CallEvent.approve(
      seen ?? self.seen,
      by: person,
      isHeld: isHeld,
      requesters: requesters,
      lapsed: lapsed
    )
    return refuses(event, sourceLocation: sourceLocation) as? DecisionRefused
  }
}
