/// Counts durations in buckets that grow by an eighth of a power of two: a quantile is within 6.25 % of the true one.
struct LatencyHistogram: Sendable {
  /// 1 µs to about 70 minutes, eight buckets a doubling.
  static let bucketCount = 32 * 8

  private var buckets = [UInt32](repeating: 0, count: bucketCount)
  private(set) var count = 0

  mutating func record(seconds: Double) {
    let bucket = Self.bucket(of: seconds)
    // A full bucket stays full: a function that is called for years must not stop the process.
    guard buckets[bucket] < .max else { return }
    buckets[bucket] += 1
    count += 1
  }

  mutating func merge(_ other: LatencyHistogram) {
    guard other.count > 0 else { return }
    for index in buckets.indices {
      let added = min(other.buckets[index], .max - buckets[index])
      buckets[index] += added
      count += Int(added)
    }
  }

  /// The duration below which this share of them lies, in seconds; nil without any.
  func quantile(_ share: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = Int((share * Double(count)).rounded(.up))
    var seen = 0
    for (index, value) in buckets.enumerated() {
      seen += Int(value)
      if seen >= max(rank, 1) { return Self.middle(of: index) }
    }
    return Self.middle(of: buckets.count - 1)
  }

  private static func bucket(of seconds: Double) -> Int {
    let microseconds = max(seconds * 1_000_000, 1)
    guard microseconds.isFinite else { return bucketCount - 1 }
    let exponent = Int(microseconds.exponent)
    let eighth = Int((microseconds.significand - 1) * 8)
    return min(exponent * 8 + eighth, bucketCount - 1)
  }

  private static func middle(of bucket: Int) -> Double {
    let base = Double(1 << (bucket / 8))
    return base * (1 + (Double(bucket % 8) + 0.5) / 8) / 1_000_000
  }
}

/// Calls, errors and times of the last 15 minutes, in steps of 15 seconds.
struct RecentSeries: Sendable {
  static let step: Double = 15
  static let length = 60

  struct Bucket: Sendable {
    var epoch: Int64 = -1
    var calls = 0
    var errors = 0
    var latency: LatencyHistogram?
  }

  private(set) var buckets = [Bucket](repeating: Bucket(), count: length)

  static func epoch(at monotonic: Duration) -> Int64 { monotonic.components.seconds / Int64(step) }

  mutating func record(at monotonic: Duration, seconds: Double?, isError: Bool) {
    let epoch = Self.epoch(at: monotonic)
    let index = Int(epoch % Int64(Self.length))
    if buckets[index].epoch != epoch { buckets[index] = Bucket(epoch: epoch) }
    buckets[index].calls += 1
    if isError { buckets[index].errors += 1 }
    if let seconds {
      if buckets[index].latency == nil { buckets[index].latency = LatencyHistogram() }
      buckets[index].latency?.record(seconds: seconds)
    }
  }

  /// An error of a call that has not ended.
  mutating func recordError(at monotonic: Duration) {
    let epoch = Self.epoch(at: monotonic)
    let index = Int(epoch % Int64(Self.length))
    if buckets[index].epoch != epoch { buckets[index] = Bucket(epoch: epoch) }
    buckets[index].errors += 1
  }

  mutating func merge(_ other: RecentSeries, at monotonic: Duration) {
    let now = Self.epoch(at: monotonic)
    for index in buckets.indices {
      let theirs = other.buckets[index]
      guard theirs.epoch > now - Int64(Self.length) else { continue }
      if buckets[index].epoch != theirs.epoch {
        guard theirs.epoch > buckets[index].epoch else { continue }
        buckets[index] = theirs
        continue
      }
      buckets[index].calls += theirs.calls
      buckets[index].errors += theirs.errors
      if let latency = theirs.latency {
        if buckets[index].latency == nil { buckets[index].latency = LatencyHistogram() }
        buckets[index].latency?.merge(latency)
      }
    }
  }

  /// The steps of the last 15 minutes, oldest first; empty ones stand for steps without calls.
  func steps(at monotonic: Duration) -> [Bucket] {
    let now = Self.epoch(at: monotonic)
    return (0..<Self.length).map { back in
      let epoch = now - Int64(Self.length - 1 - back)
      guard epoch >= 0 else { return Bucket() }
      let bucket = buckets[Int(epoch % Int64(Self.length))]
      return bucket.epoch == epoch ? bucket : Bucket()
    }
  }
}
