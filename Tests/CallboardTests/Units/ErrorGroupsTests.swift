import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct ErrorGroupsTests {
  func call(_ function: String, _ number: UInt64 = 1, conversation: UInt64? = nil) -> Call {
    Call(
      id: CallID(UUIDv7(high: 1, low: number)),
      function: function,
      caller: Situation.agent,
      conversation: conversation.map { ConversationID(UUIDv7(high: 2, low: $0)) },
      receivedAt: Situation.start,
      idempotencyKey: "k",
      proposed: nil
    )
  }

  @Test func `failures are grouped by function and kind, the most frequent first`() {
    let groups = ErrorGroups()
    func record(_ kind: CallFailure.Kind, _ function: String, times: Int) {
      for _ in 0..<times {
        groups.record(
          CallFailure(kind, "x"),
          call: call(function),
          heard: "h",
          at: Situation.start,
          monotonic: .zero
        )
      }
    }
    record(.timeout, "a.b", times: 2)
    record(.clientError, "a.b", times: 3)
    record(.timeout, "c.d", times: 2)
    let rows = groups.rows(monotonic: .zero)
    #expect(rows.map(\.id) == ["a.b client_error", "a.b timeout", "c.d timeout"])
    #expect(rows.map(\.count) == [3, 2, 2])
  }

  @Test
  func `a group tells when, how often lately, in how many conversations, and what was said last`() {
    let groups = ErrorGroups()
    let failure = CallFailure(.timeout, "x")
    for (number, second) in [(1, 0), (2, 120), (3, 390)] as [(UInt64, Int)] {
      groups.record(
        failure,
        call: call("a.b", number, conversation: number % 2),
        heard: "heard \(number)",
        at: Situation.start + Double(second),
        monotonic: .seconds(second)
      )
    }
    let row = groups.rows(monotonic: .seconds(390)).first
    #expect(row?.count == 3)
    #expect(row?.recent == 2, "of the last five minutes")
    #expect(row?.first == Situation.start)
    #expect(row?.last == Situation.start + 390)
    #expect(row?.conversations == 2)
    #expect(row?.heard == "heard 3")
    #expect(row?.sample == CallID(UUIDv7(high: 1, low: 3)))
    #expect(groups.rows(monotonic: .seconds(1000)).first?.recent == 0)
  }

  @Test func `names that a model makes up share one group a kind in the end`() {
    let groups = ErrorGroups()
    for number in 0..<2000 {
      groups.record(
        CallFailure(.unknownFunction, "x"),
        call: call("made.up\(number)"),
        heard: "h",
        at: Situation.start,
        monotonic: .zero
      )
    }
    let rows = groups.rows(monotonic: .zero)
    #expect(rows.count == 501)
    #expect(rows.first?.function == "others")
    #expect(rows.first?.count == 1500)
  }
}
