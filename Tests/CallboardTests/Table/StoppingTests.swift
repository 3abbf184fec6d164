import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `stopping`.
struct StoppingTests {
  /// How an attempt stops, and how far it said that it had got.
  enum Stop: String, CaseIterable {
    case silent, timedOut, notSent, maybe, failedNotSent, failedMaybe

    var event: CallEvent {
      switch self {
      case .silent: .stopped(attempt: 1, nil)
      case .timedOut: .stopTimedOut(attempt: 1)
      case .notSent: .stopped(attempt: 1, CallFailure(.cancelled, "stopped", reach: .notSent))
      case .maybe: .stopped(attempt: 1, CallFailure(.cancelled, "stopped", reach: .maybe))
      case .failedNotSent: .attemptFailed(attempt: 1, Situation.failure, stale: nil)
      case .failedMaybe:
        .attemptFailed(attempt: 1, CallFailure(.timeout, "No answer.", reach: .maybe), stale: nil)
      }
    }

    var wasSent: Bool { self != .notSent && self != .failedNotSent }
  }

  @Test(arguments: Stop.allCases, FunctionEffect.allCases)
  func `a stopped call is cancelled, but a write that may have acted is unknown`(
    stop: Stop,
    effect: FunctionEffect
  ) throws {
    var it = try Situation.stopping(effect)
    let move = try it.on(stop.event)
    if effect == .write, stop.wasSent {
      #expect(it.call.state == .unknown(attempt: 1))
      #expect(move == .durably(.none))
    } else {
      #expect(it.call.state == .cancelled)
      #expect(it.call.outcome?.failure?.kind == .cancelled)
      #expect(it.call.outcome?.failure?.message == "maria cancelled this call.")
      #expect(it.call.history.last?.by == "maria")
      #expect(move == Transition(effect: .answer, isDurable: effect == .write))
    }
    #expect(it.call.attempts.first?.endedAt == it.now)
  }

  @Test func `why a stopped write is unknown is kept`() throws {
    var it = try Situation.stopping(.write)
    try it.on(Stop.failedMaybe.event)
    #expect(it.call.firstFailure?.message == "No answer.")
  }

  @Test(arguments: [FunctionEffect.read: false, .idempotent: false, .write: true])
  func `a result that comes first counts`(effect: FunctionEffect, isDurable: Bool) throws {
    var it = try Situation.stopping(effect)
    let move = try it.on(.attemptSucceeded(attempt: 1, ["id": 7]))
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
    #expect(it.call.outcome == .result(Payload(["id": 7]), .attempt))
  }

  @Test func `a result that can't be used counts as while running`() throws {
    let refused = CallFailure(.resultTooBig, "It is too big.", reach: .answered)
    var read = try Situation.stopping(.read)
    try read.on(.resultRefused(attempt: 1, refused))
    #expect(read.call.state == .failed)
    var write = try Situation.stopping(.write)
    #expect(try write.on(.resultRefused(attempt: 1, refused)) == .durably(.answer))
    #expect(write.call.state == .succeeded)
  }

  @Test(arguments: [FunctionEffect.read: false, .idempotent: false, .write: true])
  func `an answered failure that comes first counts, and nothing is tried again`(
    effect: FunctionEffect,
    isDurable: Bool
  ) throws {
    var it = try Situation.stopping(effect)
    let failure = CallFailure(.serverError, "503", reach: .answered, isRetryable: true)
    let move = try it.on(.attemptFailed(attempt: 1, failure, stale: nil))
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
    #expect(it.call.outcome == .failure(failure))
  }

  @Test func `a call is cancelled once`() throws {
    for var it in [try Situation.stopping(), try Situation.stoppingChild()] {
      #expect(it.refuses(.cancel(by: Situation.bo)) is IllegalMove)
    }
  }

  // MARK: With a fallback under way

  @Test(arguments: [FunctionEffect.idempotent: false, .write: true])
  func `a cancelled fallback cancels its parent`(effect: FunctionEffect, isDurable: Bool) throws {
    var it = try Situation.stoppingChild(effect)
    let child = try #require(it.child)
    let move = try it.on(
      .childEnded(child, .failure(CallFailure(.cancelled, "maria cancelled this call.")))
    )
    #expect(it.call.state == .cancelled)
    #expect(move == Transition(effect: .answer, isDurable: isDurable))
  }

  @Test func `a fallback that answers before it is stopped answers for its parent`() throws {
    var it = try Situation.stoppingChild()
    let child = try #require(it.child)
    try it.on(.childEnded(child, .result(Payload(["id": 8]), .attempt)))
    #expect(it.call.outcome == .result(Payload(["id": 8]), .degraded))
  }

  @Test func `a fallback that fails before it is stopped leaves the first failure`() throws {
    var it = try Situation.stoppingChild()
    let child = try #require(it.child)
    try it.on(.childEnded(child, .failure(CallFailure(.clientError, "404", reach: .answered))))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome == .failure(Situation.failure))
  }

  // MARK: Restart

  @Test(arguments: FunctionEffect.allCases, [true, false])
  func `after a restart a stopping write is unknown and everything else cancelled`(
    effect: FunctionEffect,
    ownerIsLive: Bool
  ) throws {
    var it = try Situation.stopping(effect)
    let move = try it.on(.restart(ownerIsLive: ownerIsLive))
    #expect(it.word == (effect == .write ? .unknown : .cancelled))
    #expect(move == (effect == .write ? .durably(.none) : .then(.answer)))
  }

  @Test func `after a restart the cancel goes to the fallback again`() throws {
    var it = try Situation.stoppingChild()
    let child = try #require(it.child)
    #expect(try it.on(.restart(ownerIsLive: false)) == .then(.cancelChild(child)))
  }
}
