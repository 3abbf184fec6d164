import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `unknown`.
struct UnknownTests {
  @Test func `settled as happened, the call succeeded with what the person knows`() throws {
    var it = try Situation.unknown()
    let move = try it.on(.settle(.happened(Payload(["reference": "TX-9"])), by: Situation.maria))
    #expect(move == .durably(.answer))
    #expect(it.call.outcome == .result(Payload(["reference": "TX-9"]), .settled))
    #expect(it.call.history.last?.by == "maria")
  }

  @Test func `settled as not happened, the call failed with the evidence`() throws {
    var it = try Situation.unknown()
    let move = try it.on(
      .settle(.didNotHappen(evidence: "no entry at the bank"), by: Situation.maria)
    )
    #expect(move == .durably(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .didNotHappen)
    #expect(it.call.outcome?.failure?.message.contains("no entry at the bank") == true)
  }

  @Test func `who may only look settles nothing`() throws {
    var it = try Situation.unknown()
    #expect(
      it.refuses(.settle(.didNotHappen(evidence: ""), by: Situation.viewer)) as? DecisionRefused
        == .noRight(needs: "operator")
    )
  }

  @Test func `running it again leaves it unknown, on disk`() throws {
    var it = try Situation.unknown()
    #expect(try it.on(.rerunStarted(Situation.rerun, by: Situation.maria)) == .durably(.none))
    #expect(it.call.state == .unknown(attempt: 1))
    #expect(it.call.rerun == Situation.rerun)
  }

  @Test func `while it is run again it is neither run again nor settled`() throws {
    var it = try Situation.unknownRunAgain()
    #expect(
      it.refuses(.rerunStarted(Situation.leader, by: Situation.bo)) as? DecisionRefused
        == .rerunIsLive
    )
    #expect(
      it.refuses(.settle(.happened(Payload(1)), by: Situation.bo)) as? DecisionRefused
        == .rerunIsLive
    )
  }

  @Test func `a retry that succeeds supersedes it, and the turn gets that result`() throws {
    var it = try Situation.unknownRunAgain()
    let move = try it.on(.rerunEnded(Situation.rerun, .result(Payload(["id": 9]), .attempt)))
    #expect(move == .durably(.answer))
    #expect(it.call.state == .failed)
    #expect(it.call.outcome?.failure?.kind == .superseded)
    #expect(it.call.rerun == nil)
    #expect(ModelAnswer.text(for: it.call) == #"{"id":9}"#)
  }

  @Test func `a retry that ends otherwise leaves it unknown, and free to be settled`() throws {
    for outcome in [CallOutcome.failure(CallFailure(.denied, "no")), nil] {
      var it = try Situation.unknownRunAgain()
      #expect(try it.on(.rerunEnded(Situation.rerun, outcome)) == .then(.none))
      #expect(it.call.state == .unknown(attempt: 1))
      #expect(it.call.rerun == nil)
      try it.on(.settle(.happened(Payload(1)), by: Situation.maria))
      #expect(it.call.state == .succeeded)
    }
  }

  @Test func `a late result is evidence and settles nothing`() throws {
    var it = try Situation.unknown()
    #expect(try it.on(.lateResult(attempt: 1, ["id": 7])) == .then(.none))
    #expect(it.call.state == .unknown(attempt: 1))
    #expect(it.call.lateResult?.original == ["id": 7])
    #expect(it.call.outcome == nil)
  }

  @Test func `an unknown call can't be cancelled`() throws {
    var it = try Situation.unknown()
    #expect(it.refuses(.cancel(by: Situation.maria)) is IllegalMove)
  }

  @Test(arguments: CallState.Word.allCases.filter(\.isEnded))
  func `after the end a late result changes nothing`(word: CallState.Word) throws {
    var it = try Situation.ended(word)
    #expect(it.refuses(.lateResult(attempt: 1, 1)) is IllegalMove)
  }
}
