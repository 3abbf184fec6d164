/// When a breaker opens and for how long.
public struct BreakerPolicy: Sendable, Hashable, Codable {
  /// Failures one after another that open it; 0: not counted this way.
  public var consecutiveFailures: Int
  /// Share of failures within the window that opens it, 0 to 1; 0: not counted this way.
  public var failureRate: Double
  public var window: Duration
  /// Fewest calls in the window before the rate says anything.
  public var minimumCalls: Int
  /// Time until one probe is let through.
  public var openFor: Duration

  /// 5 in a row, or half of at least 10 in a minute; a probe after 30 s.
  ///
  /// Low minimums, because a function may be called rarely: resilience4j's 100 would never trip.
  public init(
    consecutiveFailures: Int = 5,
    failureRate: Double = 0.5,
    window: Duration = .seconds(60),
    minimumCalls: Int = 10,
    openFor: Duration = .seconds(30)
  ) {
    self.consecutiveFailures = consecutiveFailures
    self.failureRate = failureRate
    self.window = window
    self.minimumCalls = minimumCalls
    self.openFor = openFor
  }
}

/// Stops calling a function that keeps failing, and lets one probe through after a pause.
///
/// Times are monotonic, counted from any fixed start.
public struct CircuitBreaker: Sendable {
  /// Whether it lets attempts through.
  public enum State: String, Sendable, Codable {
    /// Every attempt.
    case closed
    /// None, until its time is over.
    case open
    /// One, whose end decides.
    case halfOpen = "half_open"
  }

  /// What an attempt at the slot is told.
  public enum Admission: Sendable, Equatable {
    case admitted
    /// Comes again at this time: open until then, or waiting for the probe's end.
    case refused(until: Duration)
  }

  public internal(set) var policy: BreakerPolicy
  public private(set) var state: State = .closed
  /// When a probe may go, while open.
  public private(set) var opensUntil: Duration = .zero
  /// Tripped by an operator: stays open until reset.
  public private(set) var isForced = false
  /// Counts changes of state: the end of an attempt that began before the last one says nothing of now.
  public private(set) var epoch = 0
  private var consecutive = 0
  private var probing = false
  private var buckets = [Bucket](repeating: Bucket(), count: 10)

  private struct Bucket: Sendable {
    var epoch: Int64 = -1
    var calls = 0
    var failures = 0
  }

  public init(policy: BreakerPolicy) {
    self.policy = policy
  }

  /// Asks for leave to run one attempt.
  ///
  /// While half open exactly one is admitted.
  public mutating func admit(at now: Duration) -> Admission {
    switch state {
    case .closed: return .admitted
    case .open:
      if isForced { return .refused(until: now + policy.openFor) }
      guard now >= opensUntil else { return .refused(until: opensUntil) }
      state = .halfOpen
      epoch += 1
      probing = true
      return .admitted
    case .halfOpen:
      guard probing else {
        probing = true
        return .admitted
      }
      return .refused(until: now + min(policy.openFor, .seconds(1)))
    }
  }

  /// Counts an attempt that ended well; `epoch` is the breaker's when it began, nil: now.
  ///
  /// Returns true when that closed the breaker.
  public mutating func succeeded(at now: Duration, since epoch: Int? = nil) -> Bool {
    guard epoch ?? self.epoch == self.epoch else { return false }
    consecutive = 0
    record(failed: false, at: now)
    guard state == .halfOpen else { return false }
    close()
    return true
  }

  /// Counts an attempt that failed in a way that speaks against the function's health.
  ///
  /// Returns true when that opened the breaker. `epoch` as in ``succeeded(at:since:)``.
  public mutating func failed(at now: Duration, since epoch: Int? = nil) -> Bool {
    guard epoch ?? self.epoch == self.epoch else { return false }
    consecutive += 1
    record(failed: true, at: now)
    switch state {
    case .open: return false
    case .halfOpen:
      open(at: now)
      return true
    case .closed:
      let total = totals(at: now)
      let inARow = policy.consecutiveFailures > 0 && consecutive >= policy.consecutiveFailures
      let byRate =
        policy.failureRate > 0 && total.calls >= policy.minimumCalls
        && Double(total.failures) >= policy.failureRate * Double(total.calls)
      guard inARow || byRate else { return false }
      open(at: now)
      return true
    }
  }

  /// Takes back an admission whose attempt never told anything about the function's health.
  public mutating func abandoned(since epoch: Int? = nil) {
    if epoch ?? self.epoch == self.epoch { probing = false }
  }

  /// Opens it by hand until `reset`.
  public mutating func trip(at now: Duration) {
    open(at: now)
    isForced = true
  }

  /// Closes it by hand and forgets what it had counted.
  public mutating func reset() {
    close()
    buckets = [Bucket](repeating: Bucket(), count: buckets.count)
  }

  private mutating func open(at now: Duration) {
    state = .open
    epoch += 1
    probing = false
    opensUntil = now + policy.openFor
  }

  private mutating func close() {
    state = .closed
    epoch += 1
    probing = false
    isForced = false
    consecutive = 0
    // What was counted while it was failing must not open it again at the first new failure.
    buckets = [Bucket](repeating: Bucket(), count: buckets.count)
  }

  private func step(at now: Duration) -> Int64 {
    let width = max(policy.window / buckets.count, .milliseconds(1))
    return Int64(now / width)
  }

  private mutating func record(failed: Bool, at now: Duration) {
    guard policy.failureRate > 0 else { return }
    let epoch = step(at: now)
    let index = Int(epoch % Int64(buckets.count))
    if buckets[index].epoch != epoch { buckets[index] = Bucket(epoch: epoch) }
    buckets[index].calls += 1
    if failed { buckets[index].failures += 1 }
  }

  private func totals(at now: Duration) -> (calls: Int, failures: Int) {
    let oldest = step(at: now) - Int64(buckets.count) + 1
    return buckets.reduce(into: (calls: 0, failures: 0)) { total, bucket in
      guard bucket.epoch >= oldest else { return }
      total.calls += bucket.calls
      total.failures += bucket.failures
    }
  }
}
