import Callboard
import Foundation
import Synchronization

/// What a scenario's engines have in common: one store, one clock, the mocks and models; and which of them lives.
final class ScenarioWorld: Sendable {
  private struct Now: Sendable {
    var life: Life
    var store: LifeStore
    var session: EngineSession
    /// An orderly stop that was begun.
    var stop: Life.Going?
    var number = 0
  }

  private let now: Mutex<Now>
  private let make: @Sendable (Life, LifeStore, Int) throws -> EngineSession
  private let store: any Store
  private let executor: ScenarioExecutor
  private let clock: ScenarioClock

  /// `make` makes a session on a store: the first, and one for each restart, by number.
  init(
    on executor: ScenarioExecutor,
    clock: ScenarioClock,
    store: any Store,
    make: @escaping @Sendable (Life, LifeStore, Int) throws -> EngineSession
  ) throws {
    self.executor = executor
    self.clock = clock
    self.store = store
    self.make = make
    let life = Life(on: executor, clock: clock)
    let first = LifeStore(store, of: life)
    now = Mutex(Now(life: life, store: first, session: try make(life, first, 0)))
  }

  var life: Life { now.withLock { $0.life } }
  var session: EngineSession { now.withLock { $0.session } }
  private var current: LifeStore { now.withLock { $0.store } }

  /// Whether the engine has been stopped or has died, and no other one was made yet.
  var isDown: Bool { now.withLock { $0.life.isOver || $0.stop != nil } }

  func fail(_ fault: StoreFault?) { current.fail(fault) }

  func die(at last: @escaping @Sendable (EngineEvent) -> Bool) { current.die(at: last) }

  /// Begins an orderly stop, and does not wait for it.
  func stop() {
    let now = now.withLock { $0 }
    guard now.stop == nil else { return }
    let stop = now.life.begin { await now.session.engine.stop(patience: .whole) }
    self.now.withLock { $0.stop = stop }
  }

  /// Waits for an orderly stop, where one was begun.
  func stopped() async { await now.withLock { $0.stop }?.end }

  /// Ends the engine that there is, as after kill -9 where it was not stopped in order.
  func end() async {
    await stopped()
    let old = now.withLock { $0 }
    old.store.close()
    old.life.end()
    await old.session.abandon()
  }

  /// Makes the next engine on the store of the one that has ended.
  func begin() throws {
    let life = Life(on: executor, clock: clock)
    let next = LifeStore(store, of: life)
    let number = now.withLock { $0.number } + 1
    let session = try make(life, next, number)
    now.withLock { $0 = Now(life: life, store: next, session: session, number: number) }
  }
}
