/// Decides whether and when a failed attempt is made again: exponential backoff with jitter.
public struct RetryPolicy: Sendable, Hashable, Codable {
  /// All attempts together, the first one too; 1: never again.
  public var maxAttempts: Int
  public var base: Duration
  public var cap: Duration
  public var jitter: Jitter

  public init(
    maxAttempts: Int = 3,
    base: Duration = .milliseconds(200),
    cap: Duration = .seconds(30),
    jitter: Jitter = .full
  ) {
    self.maxAttempts = maxAttempts
    self.base = base
    self.cap = cap
    self.jitter = jitter
  }

  /// How much of a wait is left to chance.
  public enum Jitter: String, Sendable, Hashable, Codable {
    /// All of it, AWS's full jitter: spreads best where many callers fail at once.
    case full
    /// A quarter, as openai-python does: each wait is longer than the one before, which servers of models look for.
    case quarter
  }

  /// How long to wait after `attempt` failed, or nil when its attempts are spent.
  ///
  /// The wait is drawn evenly from 0, or from three quarters, to min(cap, base × 2^(attempt − 1)); a `Retry-After` is its
  /// floor, and is itself cut to ten minutes so that a server cannot park a call for a day.
  public func delay(
    after attempt: Int,
    failure: CallFailure,
    using generator: inout some RandomNumberGenerator
  ) -> Duration? {
    guard attempt < maxAttempts else { return nil }
    // Cap the exponent before multiplying: 2^63 × 200 ms does not fit in a Duration.
    let ceiling = min(cap, base * (1 << min(max(attempt - 1, 0), 30)))
    // 53 random bits as a share of 1: unlike `Double.random`, it takes one draw whatever the generator is.
    let share = Double(generator.next() >> 11) / Double((UInt64(1) << 53) - 1)
    let jittered = jitter == .full ? ceiling * share : ceiling * (1 - share / 4)
    guard let asked = failure.retryAfter, asked.isFinite, asked > 0 else { return jittered }
    return max(jittered, .seconds(min(asked, 600)))
  }
}
