import Foundation
import Testing

@testable import Callboard

struct LatencyTests {
  @Test func `every quantile is within 6.25 % of the true one`() throws {
    var generator = SeededGenerator(seed: 2)
    for scale in [0.00001, 0.001, 0.25, 30] {
      var histogram = LatencyHistogram()
      var values: [Double] = []
      for _ in 0..<5000 {
        let value = scale * Double.random(in: 0.1...10, using: &generator)
        values.append(value)
        histogram.record(seconds: value)
      }
      values.sort()
      for share in [0.01, 0.5, 0.9, 0.95, 0.99, 1] {
        let truth = values[max(0, Int((share * 5000).rounded(.up)) - 1)]
        let found = try #require(histogram.quantile(share))
        #expect(abs(found - truth) <= truth * 0.0625)
      }
    }
  }

  @Test func `the bound holds at every edge of a bucket`() throws {
    var seconds = 0.000001
    while seconds < 4000 {
      for value in [seconds, seconds.nextUp] {
        var histogram = LatencyHistogram()
        histogram.record(seconds: value)
        let found = try #require(histogram.quantile(0.5))
        #expect(abs(found - value) <= value * 0.0625 + 1e-12)
      }
      seconds *= 1.0905
    }
  }

  @Test func `without any there is no quantile`() {
    #expect(LatencyHistogram().quantile(0.5) == nil)
  }

  @Test(arguments: [0, -5, 1e-9, 1e9, .infinity, .nan, -.infinity])
  func `a duration out of range counts in the nearest bucket`(seconds: Double) {
    var histogram = LatencyHistogram()
    histogram.record(seconds: seconds)
    #expect(histogram.count == 1)
    #expect(histogram.quantile(1) != nil)
  }

  @Test func `merging is recording everything in one`() {
    var one = LatencyHistogram()
    var other = LatencyHistogram()
    var both = LatencyHistogram()
    for index in 1...1000 {
      let value = Double(index) / 100
      if index % 3 == 0 { one.record(seconds: value) } else { other.record(seconds: value) }
      both.record(seconds: value)
    }
    one.merge(other)
    #expect(one.count == 1000)
    for share in [0.1, 0.5, 0.99] { #expect(one.quantile(share) == both.quantile(share)) }
  }

  @Test func `years of merging fill a bucket and stop nothing`() {
    var histogram = LatencyHistogram()
    histogram.record(seconds: 1)
    for _ in 0..<40 { histogram.merge(histogram) }
    histogram.record(seconds: 1)
    #expect(histogram.count == Int(UInt32.max))
    #expect(histogram.quantile(0.5) != nil)
  }
}

struct RecentSeriesTests {
  @Test func `there are sixty steps of 15 seconds, oldest first`() {
    var series = RecentSeries()
    series.record(at: .seconds(1), seconds: 0.5, isError: false)
    series.record(at: .seconds(14.9), seconds: nil, isError: true)
    series.record(at: .seconds(15), seconds: nil, isError: false)
    let steps = series.steps(at: .seconds(20))
    #expect(steps.count == 60)
    #expect(steps.suffix(3).map(\.calls) == [0, 2, 1])
    #expect(steps.suffix(3).map(\.errors) == [0, 1, 0])
    #expect(steps[58].latency?.count == 1)
    #expect(steps[59].latency == nil)
  }

  @Test func `what is older than 15 minutes is gone`() {
    var series = RecentSeries()
    series.record(at: .seconds(10), seconds: nil, isError: false)
    #expect(series.steps(at: .seconds(899)).reduce(0) { $0 + $1.calls } == 1)
    #expect(series.steps(at: .seconds(900)).reduce(0) { $0 + $1.calls } == 0)
    series.record(at: .seconds(910), seconds: nil, isError: false)
    #expect(
      series.steps(at: .seconds(910)).reduce(0) { $0 + $1.calls } == 1,
      "its place is used anew"
    )
  }

  @Test func `merging is recording everything in one`() {
    var one = RecentSeries()
    var other = RecentSeries()
    var both = RecentSeries()
    for second in stride(from: 0, to: 3000, by: 7) {
      let time = Duration.seconds(second)
      let isError = second % 5 == 0
      if second % 2 == 0 {
        one.record(at: time, seconds: 0.1, isError: isError)
      } else {
        other.record(at: time, seconds: 0.1, isError: isError)
      }
      both.record(at: time, seconds: 0.1, isError: isError)
    }
    let now = Duration.seconds(3000)
    one.merge(other, at: now)
    #expect(one.steps(at: now).map(\.calls) == both.steps(at: now).map(\.calls))
    #expect(one.steps(at: now).map(\.errors) == both.steps(at: now).map(\.errors))
    #expect(
      one.steps(at: now).map { $0.latency?.count } == both.steps(at: now).map { $0.latency?.count }
    )
  }

  @Test func `merging takes over nothing that is too old`() {
    var old = RecentSeries()
    old.record(at: .seconds(1), seconds: nil, isError: false)
    var series = RecentSeries()
    series.merge(old, at: .seconds(2000))
    #expect(series.buckets.allSatisfy { $0.calls == 0 })
  }
}
