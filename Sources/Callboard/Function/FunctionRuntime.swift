import Foundation
import Synchronization

/// What changes while a function is used: its breaker and its counters.
final class FunctionRuntime: Sendable {
  struct Counters: Sendable {
    /// Those that have ended or whose outcome became unknown, each once.
    var calls = 0
    var errors = 0
    var cacheHits = 0
    var cacheLookups = 0
    var latency = LatencyHistogram()
    /// Of an attempt.
    var lastFailure: (at: Date, message: String)?
    var lastSuccess: Date?
  }

  private struct State: Sendable {
    var breaker: CircuitBreaker
    var counters = Counters()
  }

  private let state: Mutex<State>
  /// The breaker's epoch, and in the lowest bit whether it is closed: for a look without the lock.
  private let glance: Atomic<Int>

  init(_ definition: FunctionDefinition) {
    let breaker = CircuitBreaker(policy: definition.breaker)
    glance = Atomic(Self.glance(at: breaker))
    state = Mutex(State(breaker: breaker))
  }

  /// Takes the limits of a definition that came later; counts and states stay.
  func update(_ definition: FunctionDefinition) {
    withBreaker { $0.policy = definition.breaker }
  }

  func withBreaker<Result>(_ body: (inout CircuitBreaker) -> Result) -> Result {
    state.withLock { state in
      defer { glance.store(Self.glance(at: state.breaker), ordering: .releasing) }
      return body(&state.breaker)
    }
  }

  func count(_ body: (inout Counters) -> Void) {
    state.withLock { body(&$0.counters) }
  }

  var counters: Counters { state.withLock { $0.counters } }
  var breaker: CircuitBreaker { state.withLock { $0.breaker } }
  var epoch: Int { glance.load(ordering: .acquiring) >> 1 }
  var isClosed: Bool { glance.load(ordering: .acquiring) & 1 == 1 }

  private static func glance(at breaker: CircuitBreaker) -> Int {
    breaker.epoch << 1 | (breaker.state == .closed ? 1 : 0)
  }
}
