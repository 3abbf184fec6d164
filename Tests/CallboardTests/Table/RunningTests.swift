import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `running(n)`.
struct RunningTests {
  @Test(arguments: [FunctionEffect.read: false, .idempotent: false, .write: true])
  func `a result is the answer, and a write's is on disk before anyone hears it`(
    effect: FunctionEffect,
    isDurable: Bool
  ) throws {
    var it = try Situation.running(effect)
    it.wait(2)
    let move = try it.on(.attemptSucceeded(attempt: 1, ["id": 7]))
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
    #expect(it.call.state == .succeeded)
    #expect(it.call.outcome == .result(Payload(["id": 7]), .attempt))
    #expect(it.call.attempts.first?.endedAt == it.now)
    #expect(it.call.duration == 2)
  }

  @Test(arguments: [FunctionEffect.read, .idempotent])
  func `a result that is too big or wrong fails what can be done again`(
    effect: FunctionEffect
  ) throws {
    let refused = CallFailure(.resultTooBig, "It is too big.", reach: .answered)
    var it = try Situation.running(effect, fallback: .value(1))
    #expect(try it.on(.resultRefused(attempt: 1, refused)) == .then(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome == .failure(refused))
  }

  @Test func `a write whose result can't be used has happened all the same`() throws {
    let refused = CallFailure(.invalidResult, "It is not what was promised.", reach: .answered)
    var it = try Situation.running(.write)
    #expect(try it.on(.resultRefused(attempt: 1, refused)) == .durably(.answer))
    #expect(it.call.state == .succeeded)
    #expect(
      it.call.outcome
        == .result(Payload(["withheld": true, "reason": "It is not what was promised."]), .attempt)
    )
  }

  // MARK: Failures

  /// One kind of failure, and what becomes of the call while attempts are left, when they are spent, and when they are
  /// spent and there is a fallback.
  struct Row: CustomTestStringConvertible {
    var reach: CallFailure.Reach
    var effect: FunctionEffect
    var isRetryable: Bool
    var left: CallState.Word
    var spent: CallState.Word
    var withFallback: CallState.Word

    init(
      _ reach: CallFailure.Reach,
      _ effect: FunctionEffect,
      retryable: Bool,
      _ left: CallState.Word,
      _ spent: CallState.Word,
      _ withFallback: CallState.Word
    ) {
      self.reach = reach
      self.effect = effect
      isRetryable = retryable
      self.left = left
      self.spent = spent
      self.withFallback = withFallback
    }

    var testDescription: String {
      "\(reach.rawValue), \(effect.rawValue), \(isRetryable ? "retryable" : "final")"
    }
  }

  static let rows = [
    Row(.notSent, .read, retryable: true, .backingOff, .failed, .succeeded),
    Row(.notSent, .read, retryable: false, .backingOff, .failed, .succeeded),
    Row(.notSent, .idempotent, retryable: true, .backingOff, .failed, .succeeded),
    Row(.notSent, .idempotent, retryable: false, .backingOff, .failed, .succeeded),
    Row(.notSent, .write, retryable: true, .backingOff, .failed, .succeeded),
    Row(.notSent, .write, retryable: false, .backingOff, .failed, .succeeded),
    Row(.answered, .read, retryable: true, .backingOff, .failed, .succeeded),
    Row(.answered, .read, retryable: false, .failed, .failed, .succeeded),
    Row(.answered, .idempotent, retryable: true, .backingOff, .failed, .succeeded),
    Row(.answered, .idempotent, retryable: false, .failed, .failed, .failed),
    Row(.answered, .write, retryable: true, .failed, .failed, .failed),
    Row(.answered, .write, retryable: false, .failed, .failed, .failed),
    Row(.maybe, .read, retryable: true, .backingOff, .failed, .succeeded),
    Row(.maybe, .read, retryable: false, .backingOff, .failed, .succeeded),
    Row(.maybe, .idempotent, retryable: true, .backingOff, .failed, .succeeded),
    Row(.maybe, .idempotent, retryable: false, .backingOff, .failed, .succeeded),
    Row(.maybe, .write, retryable: true, .unknown, .unknown, .unknown),
    Row(.maybe, .write, retryable: false, .unknown, .unknown, .unknown),
  ]

  @Test func `the table of failures has every combination once`() {
    let combinations = Set(Self.rows.map(\.testDescription))
    #expect(Self.rows.count == 18)
    #expect(combinations.count == 18)
  }

  @Test(arguments: rows)
  func `how far a failure reached and what the function does decide what happens`(row: Row) throws {
    let failure = CallFailure(
      .serverError,
      "It broke.",
      reach: row.reach,
      isRetryable: row.isRetryable
    )
    let cases: [(attempts: Int, fallback: FunctionDefinition.Fallback?, expected: CallState.Word)] =
      [
        (3, nil, row.left), (1, nil, row.spent), (1, .value("instead"), row.withFallback),
      ]
    for (attempts, fallback, expected) in cases {
      var it = try Situation.running(row.effect, attempts: attempts, fallback: fallback)
      it.wait(1)
      let move = try it.on(.attemptFailed(attempt: 1, failure, stale: nil))
      #expect(it.word == expected)
      #expect(it.call.attempts.first?.failure == failure)
      #expect(it.call.attempts.first?.endedAt == it.now)
      let isDurable = row.effect == .write && expected != .backingOff
      #expect(
        move.isDurable == isDurable,
        "outcomes of a write are on disk before anyone hears them"
      )
      switch expected {
      case .backingOff:
        guard case .backingOff(1, let until, true) = it.call.state else {
          Issue.record("it is \(it.call.state)")
          continue
        }
        #expect(until >= it.now && until <= it.now + 0.2)
        #expect(move.effect == .sleep(until: until))
      case .failed: #expect(it.call.outcome == .failure(failure))
      case .succeeded: #expect(it.call.outcome == .result(Payload("instead"), .degraded))
      case .unknown:
        #expect(move.effect == .none)
        #expect(it.call.firstFailure == failure)
      default: Issue.record("\(expected) is not expected anywhere")
      }
    }
  }

  @Test func `the last attempt's failure finishes the call`() throws {
    var it = try Situation.running(.idempotent, attempts: 2)
    try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    try it.on(.wake)
    try it.on(.start(digest: nil))
    let last = CallFailure(.timeout, "No answer.", reach: .maybe)
    #expect(try it.on(.attemptFailed(attempt: 2, last, stale: nil)) == .then(.answer))
    #expect(it.call.outcome == .failure(last))
    #expect(it.call.attempts.map(\.failure) == [Situation.failure, last])
  }

  @Test func `a server that names a time is not asked again before it`() throws {
    var it = try Situation.running(.read)
    let failure = CallFailure(
      .throttled,
      "429",
      reach: .answered,
      isRetryable: true,
      retryAfter: 45
    )
    try it.on(.attemptFailed(attempt: 1, failure, stale: nil))
    #expect(it.call.state == .backingOff(attempt: 1, until: it.now + 45, countsAttempt: true))
  }

  // MARK: Fallbacks

  @Test func `a stale answer stands in where there is one, and says that it is degraded`() throws {
    var it = try Situation.running(.read, attempts: 1, fallback: .staleCache)
    #expect(
      try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: ["rate": 2])) == .then(.answer)
    )
    #expect(it.call.outcome == .result(Payload(["rate": 2]), .degraded))
    #expect(it.call.firstFailure == Situation.failure)
  }

  @Test func `without a stale answer the failure stands`() throws {
    var it = try Situation.running(.read, attempts: 1, fallback: .staleCache)
    try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    #expect(it.call.outcome == .failure(Situation.failure))
  }

  @Test func `another function answers in a linked call, and the parent waits for it`() throws {
    let other = try #require(FunctionName("payments.other"))
    var it = try Situation.running(.idempotent, attempts: 1, fallback: .function(other))
    let move = try it.on(.attemptFailed(attempt: 1, Situation.failure, stale: nil))
    let child = try #require(it.child)
    #expect(it.call.state == .running(attempt: 1, child: child))
    #expect(move == .then(.startChild(child, other)))
    #expect(it.call.attempts.first?.endedAt == it.now, "the attempt itself is over")
  }

  @Test(arguments: [FunctionEffect.idempotent: false, .write: true])
  func `the fallback's answer is the parent's, degraded`(
    effect: FunctionEffect,
    isDurable: Bool
  ) throws {
    var it = try Situation.runningChild(effect)
    let child = try #require(it.child)
    let move = try it.on(.childEnded(child, .result(Payload(["id": 8]), .attempt)))
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
    #expect(it.call.outcome == .result(Payload(["id": 8]), .degraded))
  }

  @Test(arguments: [FunctionEffect.idempotent: false, .write: true])
  func `when the fallback does not succeed the first failure stands`(
    effect: FunctionEffect,
    isDurable: Bool
  ) throws {
    for kind in [CallFailure.Kind.denied, .cancelled, .clientError] {
      var it = try Situation.runningChild(effect)
      let child = try #require(it.child)
      let move = try it.on(.childEnded(child, .failure(CallFailure(kind, "no"))))
      #expect(move == Transition(effect: .answer, isDurable: isDurable))
      #expect(it.call.state == .failed)
      #expect(it.call.outcome == .failure(Situation.failure))
    }
  }

  // MARK: Cancelling

  @Test(arguments: FunctionEffect.allCases)
  func `cancelling stops the attempt, on disk first`(effect: FunctionEffect) throws {
    var it = try Situation.running(effect)
    #expect(try it.on(.cancel(by: Situation.maria)) == .durably(.stopAttempt(attempt: 1)))
    #expect(it.call.state == .stopping(attempt: 1, child: nil))
    #expect(it.call.history.last?.by == "maria")
  }

  @Test func `cancelling a call that waits for its fallback goes to the fallback, on disk first`()
    throws
  {
    var it = try Situation.runningChild()
    let child = try #require(it.child)
    #expect(try it.on(.cancel(by: Situation.maria)) == .durably(.cancelChild(child)))
    #expect(it.call.state == .stopping(attempt: 1, child: child))
  }
}
