import Callboard
import Foundation

/// How long something takes: always the same, or drawn anew each time.
struct Latency: Sendable, Hashable {
  var distribution: Distribution
  /// No draw is longer.
  var most: Duration?

  enum Distribution: Sendable, Hashable {
    case fixed(Duration)
    case uniform(from: Duration, to: Duration)
    /// What falls below zero counts as zero.
    case normal(mean: Duration, deviation: Duration)
    case exponential(mean: Duration)
  }

  func draw(using generator: inout some RandomNumberGenerator) -> Duration {
    let seconds: Double
    switch distribution {
    case .fixed(let duration): return bounded(duration)
    case .uniform(let from, let to):
      let (low, high) = (from / .seconds(1), max(from, to) / .seconds(1))
      seconds = low + (high - low) * Self.share(using: &generator)
    case .normal(let mean, let deviation):
      // Box and Muller; the logarithm of 0 is kept out.
      let radius = (-2 * log(1 - Self.share(using: &generator))).squareRoot()
      let angle = 2 * Double.pi * Self.share(using: &generator)
      seconds = mean / .seconds(1) + deviation / .seconds(1) * radius * cos(angle)
    case .exponential(let mean):
      seconds = -log(1 - Self.share(using: &generator)) * (mean / .seconds(1))
    }
    return bounded(.seconds(max(0, seconds)))
  }

  private func bounded(_ duration: Duration) -> Duration {
    most.map { min($0, duration) } ?? duration
  }

  /// From 0 up to and without 1, the same for the same seed everywhere.
  static func share(using generator: inout some RandomNumberGenerator) -> Double {
    Double(generator.next() >> 11) / 9_007_199_254_740_992
  }
}
