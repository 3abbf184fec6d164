import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The rows of `received`.
struct ReceivedTests {
  @Test func `a call that needs nobody is queued`() throws {
    var it = try Situation.received()
    let move = try it.on(
      .admitted(arguments: ["amount": 5, "currency": "EUR"], definitionHash: "hash-1", rule: nil)
    )
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
    #expect(move == .then(.enqueue))
    #expect(it.call.decided?.original == ["amount": 5, "currency": "EUR"])
    #expect(
      it.call.proposed?.original == Situation.arguments,
      "what the model proposed is kept beside it"
    )
    #expect(it.call.definitionHash == "hash-1")
    #expect(it.call.queuedAt == it.now)
    #expect(it.call.approval == nil)
  }

  @Test func `a call that needs approval is held on disk before its runner returns`() throws {
    var it = try Situation.received()
    let move = try it.on(
      .approvalNeeded(
        Situation.requirement(expires: 600),
        arguments: ["amount": 5],
        definitionHash: "hash-1",
        digest: "d"
      )
    )
    #expect(it.call.state == .awaitingApproval)
    #expect(move == .durably(.ask(expires: it.now + 600)))
    #expect(it.call.approval?.digest == "d")
    #expect(it.call.approval?.approvals == [])
    #expect(it.call.approval?.isUsed == false)
    #expect(it.call.definitionHash == "hash-1")
    #expect(it.call.history.last?.cause == "held by rule 1: payments.*")
  }

  @Test func `where nobody can give the approval it is denied, with the rule`() throws {
    var it = try Situation.received()
    let move = try it.on(.nobodyToAsk(rule: "rule 1: payments.*"))
    #expect(it.call.state == .denied)
    #expect(move == .then(.answer))
    #expect(it.call.outcome?.failure?.kind == .nobodyToAsk)
    #expect(it.call.outcome?.failure?.message.contains("rule 1: payments.*") == true)
    #expect(it.call.history.last?.cause.contains("rule 1: payments.*") == true)
  }

  @Test func `a refused call is rejected with the reason`() throws {
    var it = try Situation.received()
    let failure = CallFailure(.notAllowed, "agent-1 may not call payments.send.")
    #expect(try it.on(.refused(failure)) == .then(.answer))
    #expect(it.call.state == .rejected)
    #expect(it.call.outcome == .failure(failure))
  }
}
