import Foundation
import Testing

@testable import Callboard

struct RetryPolicyTests {
  @Test func `with a quarter left to chance each wait is longer than the one before`() {
    let policy = RetryPolicy(
      maxAttempts: 5,
      base: .milliseconds(500),
      cap: .seconds(8),
      jitter: .quarter
    )
    let failure = CallFailure(.serverError, "down")
    for seed in 0..<200 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let waits = (1...4).compactMap {
        policy.delay(after: $0, failure: failure, using: &generator)
      }
      #expect(waits.count == 4)
      #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 < $1 })
      #expect(waits[0] >= .milliseconds(375) && waits[0] <= .milliseconds(500))
    }
  }

  /// Gives the same bits again and again: `.max` is the greatest draw and 1 the least.
  ///
  /// Never 0: drawing evenly rejects it, and would ask for ever.
  struct FixedGenerator: RandomNumberGenerator {
    var bits: UInt64
    func next() -> UInt64 { bits }
  }

  let failure = CallFailure(.connectionFailed, "refused")

  @Test(arguments: [1: 200, 2: 400, 3: 800, 7: 12_800, 8: 25_600, 9: 30_000, 1000: 30_000])
  func `the longest wait doubles with each attempt, up to the cap`(attempt: Int, milliseconds: Int)
  {
    let policy = RetryPolicy(maxAttempts: 1001)
    var highest = FixedGenerator(bits: .max)
    let delay = policy.delay(after: attempt, failure: failure, using: &highest)
    let ceiling = Duration.milliseconds(milliseconds)
    #expect(delay.map { $0 <= ceiling && $0 > ceiling * 0.999 } == true)
  }

  @Test func `the wait is drawn from the whole range, from nothing on`() throws {
    let policy = RetryPolicy()
    var lowest = FixedGenerator(bits: 1)
    #expect(policy.delay(after: 2, failure: failure, using: &lowest) == .zero)
    var generator = SeededGenerator(seed: 3)
    let waits = try (0..<2000).map { _ in
      try #require(policy.delay(after: 2, failure: failure, using: &generator)) / .seconds(1)
    }
    #expect(waits.allSatisfy { (0...0.4).contains($0) })
    let quarters = Dictionary(grouping: waits) { min(Int($0 / 0.1), 3) }.mapValues(\.count)
    #expect((0..<4).allSatisfy { (400...600).contains(quarters[$0] ?? 0) }, "even over the range")
  }

  @Test(arguments: [1: false, 2: true, 3: true, 1000: true])
  func `after the last attempt there is no other`(attempt: Int, isSpent: Bool) {
    var generator = SeededGenerator(seed: 1)
    let delay = RetryPolicy(maxAttempts: 2).delay(
      after: attempt,
      failure: failure,
      using: &generator
    )
    #expect((delay == nil) == isSpent)
  }

  @Test func `one attempt is one attempt, whatever the server asks`() {
    var generator = SeededGenerator(seed: 1)
    let asked = CallFailure(.throttled, "429", retryAfter: 1)
    #expect(RetryPolicy(maxAttempts: 1).delay(after: 1, failure: asked, using: &generator) == nil)
  }

  @Test func `Retry-After is the least wait, also beyond the cap`() {
    var generator = SeededGenerator(seed: 1)
    let asked = CallFailure(.throttled, "429", retryAfter: 45)
    #expect(RetryPolicy().delay(after: 1, failure: asked, using: &generator) == .seconds(45))
    var highest = FixedGenerator(bits: .max)
    let short = CallFailure(.throttled, "429", retryAfter: 0.05)
    let delay = RetryPolicy().delay(after: 1, failure: short, using: &highest)
    #expect(
      delay.map { $0 > .milliseconds(199) } == true,
      "a shorter one takes nothing off the jitter"
    )
  }

  @Test(arguments: [601, 86_400, 1e300])
  func `a server can't park a call for longer than ten minutes`(seconds: Double) {
    var generator = SeededGenerator(seed: 1)
    let asked = CallFailure(.throttled, "429", retryAfter: seconds)
    #expect(RetryPolicy().delay(after: 1, failure: asked, using: &generator) == .seconds(600))
  }

  @Test(arguments: [Double.nan, .infinity, -5, 0])
  func `a Retry-After that is no time is passed over`(seconds: Double) {
    var lowest = FixedGenerator(bits: 1)
    let asked = CallFailure(.throttled, "429", retryAfter: seconds)
    #expect(RetryPolicy().delay(after: 1, failure: asked, using: &lowest) == .zero)
  }
}
