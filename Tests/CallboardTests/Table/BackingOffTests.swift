import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// The row of `backing_off(n)`.
struct BackingOffTests {
  @Test func `after a failure the next attempt is queued`() throws {
    var it = try Situation.backingOff(.idempotent)
    it.wait(1)
    #expect(try it.on(.wake) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 2, joined: nil))
    #expect(it.call.queuedAt == it.now, "its time in the queue counts from here")
  }

  @Test func `after a breaker the same attempt is queued`() throws {
    var it = try Situation.backingOffForBreaker()
    #expect(try it.on(.wake) == .then(.enqueue))
    #expect(it.call.state == .queued(attempt: 1, joined: nil))
  }

  @Test func `every attempt carries the same idempotency key`() throws {
    var it = try Situation.backingOff(.idempotent)
    let key = it.call.idempotencyKey
    try it.on(.wake)
    try it.on(.start(digest: nil))
    #expect(it.call.idempotencyKey == key)
    #expect(it.call.attempts.count == 2)
  }
}
