import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct WaitingIndexTests {
  func waiting(_ number: UInt64, expires: Double) -> Situation? {
    guard var it = try? Situation.received() else { return nil }
    it.call = Call(
      id: CallID(UUIDv7(high: 1, low: number)),
      function: "payments.send",
      caller: Situation.agent,
      receivedAt: Situation.start,
      idempotencyKey: "k",
      proposed: [:]
    )
    _ = try? it.on(
      .approvalNeeded(
        Situation.requirement(expires: expires),
        arguments: [:],
        definitionHash: "h",
        digest: "d"
      )
    )
    return it
  }

  func unknown(_ number: UInt64, after seconds: Double) -> Situation? {
    guard var it = try? Situation.received() else { return nil }
    it.call = Call(
      id: CallID(UUIDv7(high: 1, low: number)),
      function: "payments.send",
      caller: Situation.agent,
      receivedAt: Situation.start,
      idempotencyKey: "k",
      proposed: [:]
    )
    _ = try? it.on(.admitted(arguments: [:], definitionHash: "h", rule: nil))
    _ = try? it.on(.start(digest: nil))
    it.wait(seconds)
    _ = try? it.on(
      .attemptFailed(attempt: 1, CallFailure(.timeout, "t", reach: .maybe), stale: nil)
    )
    return it
  }

  func lows(_ index: WaitingIndex) -> [UInt64] { index.ids.map(\.uuid.low) }

  @Test func `unknown outcomes come first, oldest first, then approvals by the time left`() throws {
    let index = WaitingIndex()
    let all = try [
      #require(waiting(1, expires: 900)), #require(unknown(2, after: 50)),
      #require(waiting(3, expires: 60)),
      #require(unknown(4, after: 10)), #require(waiting(5, expires: 300)),
      #require(waiting(6, expires: 300)),
    ]
    for it in all { index.update(it.call, from: .received) }
    #expect(lows(index) == [4, 2, 3, 5, 6, 1])
  }

  @Test func `what was decided leaves, what got more time moves`() throws {
    let index = WaitingIndex()
    var first = try #require(waiting(1, expires: 60))
    var second = try #require(waiting(2, expires: 100))
    index.update(first.call, from: .received)
    index.update(second.call, from: .received)
    try first.on(.extend(first.seen, by: Situation.maria))
    index.update(first.call, from: .awaitingApproval)
    #expect(lows(index) == [2, 1])
    try second.approve(by: Situation.maria)
    index.update(second.call, from: .awaitingApproval)
    #expect(lows(index) == [1])
  }

  @Test func `a note on an unknown call leaves it in its place`() throws {
    let index = WaitingIndex()
    var older = try #require(unknown(1, after: 10))
    let newer = try #require(unknown(2, after: 50))
    index.update(older.call, from: .running)
    index.update(newer.call, from: .running)
    older.wait(500)
    try older.on(.lateResult(attempt: 1, 1))
    index.update(older.call, from: .unknown)
    #expect(lows(index) == [1, 2])
  }

  @Test func `what never needed a person is not in it`() throws {
    let index = WaitingIndex()
    index.update(try Situation.queued().call, from: .received)
    #expect(index.ids.isEmpty)
  }

  @Test func `a window stands around its anchor, or where the anchor was`() throws {
    let index = WaitingIndex()
    for number in 0..<100 {
      index.update(
        try #require(waiting(UInt64(number), expires: Double(100 + number))).call,
        from: .received
      )
    }
    let anchor = CallID(UUIDv7(high: 1, low: 50))
    let window = index.window(anchor: anchor, fallback: 0, before: 5, after: 5)
    #expect(window.ids.map(\.uuid.low) == Array(45...55))
    #expect(window.first == 45)
    #expect(window.total == 100)
    #expect(window.anchor == 50)
    let gone = index.window(
      anchor: CallID(UUIDv7(high: 9, low: 9)),
      fallback: 99,
      before: 5,
      after: 5
    )
    #expect(gone.ids.map(\.uuid.low) == Array(94...99))
    #expect(gone.anchor == nil)
    let top = index.window(anchor: nil, fallback: 0, before: 5, after: 2)
    #expect(top.ids.map(\.uuid.low) == [0, 1, 2])
    let none = WaitingIndex().window(anchor: anchor, fallback: 3, before: 5, after: 5)
    #expect(none.ids.isEmpty && none.total == 0)
  }
}
