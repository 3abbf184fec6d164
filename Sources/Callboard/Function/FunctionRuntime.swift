import Foundation
import Synchronization

/// What changes while a function is used: its breaker and its counters.
final class FunctionRuntime: Sendable {
  struct Counters: Sendable {
    var calls = 0
    var errors = 0
    var cacheHits = 0
    var cacheLookups = 0
    var latency = LatencyHistogram()
    var lastFailure: (at: Date, message: String)?
    var lastSuccess: Date?
  }

  private struct State: Sendable {
    var breaker: CircuitBreaker
    var breakerChanged: Switched?
    var counters = Counters()
  }

  private let state: Mutex<State>

  init(_ definition: FunctionDefinition) {
    state = Mutex(State(breaker: CircuitBreaker(policy: definition.breaker)))
  }

  func withBreaker<Result>(_ body: (inout CircuitBreaker) -> Result) -> Result {
    state.withLock { body(&$0.breaker) }
  }

  func count(_ body: (inout Counters) -> Void) {
    state.withLock { body(&$0.counters) }
  }

  var counters: Counters { state.withLock { $0.counters } }
  var breaker: CircuitBreaker { state.withLock { $0.breaker } }
  var epoch: Int { state.withLock { $0.breaker.epoch } }
  var isClosed: Bool { state.withLock { $0.breaker.state == .closed } }
}
