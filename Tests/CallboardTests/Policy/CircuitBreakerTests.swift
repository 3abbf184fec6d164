import Testing

@testable import Callboard

struct CircuitBreakerTests {
  /// A breaker whose moves can stand in an expectation.
  final class Breaker {
    private var breaker: CircuitBreaker

    init(_ policy: BreakerPolicy) { breaker = CircuitBreaker(policy: policy) }

    var state: CircuitBreaker.State { breaker.state }
    var isForced: Bool { breaker.isForced }
    func admit(at now: Duration) -> CircuitBreaker.Admission { breaker.admit(at: now) }
    var epoch: Int { breaker.epoch }
    func succeeded(at now: Duration, since epoch: Int? = nil) -> Bool {
      breaker.succeeded(at: now, since: epoch)
    }
    func failed(at now: Duration, since epoch: Int? = nil) -> Bool {
      breaker.failed(at: now, since: epoch)
    }
    func abandoned(since epoch: Int? = nil) { breaker.abandoned(since: epoch) }
    func trip(at now: Duration) { breaker.trip(at: now) }
    func reset() { breaker.reset() }
  }

  static func consecutive(_ count: Int = 3) -> Breaker {
    Breaker(
      BreakerPolicy(consecutiveFailures: count, failureRate: 0, openFor: .seconds(30))
    )
  }

  static func byRate() -> Breaker {
    Breaker(
      BreakerPolicy(
        consecutiveFailures: 0,
        failureRate: 0.5,
        window: .seconds(60),
        minimumCalls: 10,
        openFor: .seconds(30)
      )
    )
  }

  /// Opened at 0 s: a probe may go at 30 s.
  static func opened() -> Breaker {
    let breaker = consecutive(1)
    _ = breaker.failed(at: .zero)
    return breaker
  }

  @Test func `failures one after another open it, and each but the last says nothing`() {
    let breaker = Self.consecutive(3)
    #expect(!breaker.failed(at: .seconds(1)))
    #expect(!breaker.failed(at: .seconds(2)))
    #expect(breaker.admit(at: .seconds(2)) == .admitted)
    #expect(breaker.failed(at: .seconds(3)))
    #expect(breaker.state == .open)
    #expect(breaker.admit(at: .seconds(3)) == .refused(until: .seconds(33)))
  }

  @Test func `a success between failures starts the count anew`() {
    let breaker = Self.consecutive(3)
    _ = breaker.failed(at: .zero)
    _ = breaker.failed(at: .zero)
    #expect(!breaker.succeeded(at: .zero), "nothing closes that was not open")
    _ = breaker.failed(at: .zero)
    #expect(!breaker.failed(at: .zero))
    #expect(breaker.state == .closed)
  }

  @Test func `half of ten calls failing opens it, not before the tenth`() {
    let breaker = Self.byRate()
    for second in 0..<4 { _ = breaker.succeeded(at: .seconds(second)) }
    for second in 4..<9 { #expect(!breaker.failed(at: .seconds(second))) }
    #expect(breaker.failed(at: .seconds(9)))
  }

  @Test func `less than half of many calls failing leaves it closed`() {
    let breaker = Self.byRate()
    for second in 0..<50 {
      _ = breaker.succeeded(at: .seconds(second))
      if second % 2 == 1 { #expect(!breaker.failed(at: .seconds(second))) }
    }
    #expect(breaker.state == .closed)
  }

  @Test func `what lies before the window does not count`() {
    let breaker = Self.byRate()
    for _ in 0..<9 { #expect(!breaker.failed(at: .seconds(1))) }
    #expect(!breaker.failed(at: .seconds(61)), "nine failures of a minute ago are forgotten")
    let other = Self.byRate()
    for _ in 0..<9 { _ = other.failed(at: .seconds(1)) }
    #expect(other.failed(at: .seconds(50)), "and those of this minute are not")
  }

  @Test func `switched off both ways it never opens`() {
    let breaker = Breaker(BreakerPolicy(consecutiveFailures: 0, failureRate: 0))
    for second in 0..<1000 { #expect(!breaker.failed(at: .seconds(second))) }
    #expect(breaker.state == .closed)
  }

  @Test func `when its time is over exactly one probe goes`() {
    let breaker = Self.opened()
    #expect(breaker.admit(at: .seconds(29.999)) == .refused(until: .seconds(30)))
    #expect(breaker.admit(at: .seconds(30)) == .admitted)
    #expect(breaker.state == .halfOpen)
    for _ in 0..<5 {
      #expect(breaker.admit(at: .seconds(30)) == .refused(until: .seconds(31)))
    }
  }

  @Test func `a probe that succeeds closes it, and the past is forgotten`() {
    let breaker = Self.consecutive(2)
    _ = breaker.failed(at: .zero)
    _ = breaker.failed(at: .zero)
    _ = breaker.admit(at: .seconds(30))
    #expect(breaker.succeeded(at: .seconds(31)))
    #expect(breaker.state == .closed)
    #expect(!breaker.failed(at: .seconds(32)), "one new failure is one failure")
    #expect(breaker.admit(at: .seconds(32)) == .admitted)
  }

  @Test func `a probe that fails opens it for its time again`() {
    let breaker = Self.opened()
    _ = breaker.admit(at: .seconds(30))
    #expect(breaker.failed(at: .seconds(35)))
    #expect(breaker.admit(at: .seconds(64)) == .refused(until: .seconds(65)))
    #expect(breaker.admit(at: .seconds(65)) == .admitted)
  }

  @Test func `an abandoned probe lets another one go`() {
    let breaker = Self.opened()
    _ = breaker.admit(at: .seconds(30))
    breaker.abandoned()
    #expect(breaker.state == .halfOpen)
    #expect(breaker.admit(at: .seconds(30)) == .admitted)
    #expect(breaker.admit(at: .seconds(30)) == .refused(until: .seconds(31)))
  }

  @Test func `what ends after it opened moves nothing`() {
    let breaker = Self.opened()
    #expect(!breaker.failed(at: .seconds(5)))
    #expect(!breaker.succeeded(at: .seconds(6)))
    #expect(breaker.state == .open)
    #expect(
      breaker.admit(at: .seconds(29)) == .refused(until: .seconds(30)),
      "its time stays the same"
    )
  }

  @Test func `while it is half open only the probe's end counts`() {
    let breaker = Self.consecutive(1)
    let before = breaker.epoch
    #expect(breaker.failed(at: .zero, since: before))
    #expect(breaker.admit(at: .seconds(30)) == .admitted)
    let probe = breaker.epoch
    // Attempts that began before it opened end now, one well and one not.
    #expect(!breaker.succeeded(at: .seconds(31), since: before))
    #expect(!breaker.failed(at: .seconds(31), since: before))
    breaker.abandoned(since: before)
    #expect(breaker.state == .halfOpen)
    #expect(breaker.admit(at: .seconds(31)) != .admitted)
    #expect(breaker.succeeded(at: .seconds(32), since: probe))
    #expect(breaker.state == .closed)
  }

  @Test func `tripped by hand it stays open until it is reset by hand`() {
    let breaker = Self.consecutive()
    breaker.trip(at: .seconds(10))
    #expect(breaker.isForced)
    #expect(breaker.admit(at: .seconds(3600)) == .refused(until: .seconds(3630)))
    #expect(!breaker.succeeded(at: .seconds(3600)))
    #expect(!breaker.failed(at: .seconds(3600)))
    #expect(breaker.state == .open)
    breaker.reset()
    #expect(!breaker.isForced)
    #expect(breaker.admit(at: .seconds(3600)) == .admitted)
  }

  @Test func `reset by hand it forgets what it had counted`() {
    let breaker = Self.consecutive(3)
    _ = breaker.failed(at: .zero)
    _ = breaker.failed(at: .zero)
    breaker.reset()
    #expect(!breaker.failed(at: .zero))
    #expect(breaker.state == .closed)
  }
}
