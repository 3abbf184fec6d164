import Synchronization

/// Who is told that something changed: once, until they look.
final class Observers: Sendable {
  private struct State {
    var observers: [Int: @Sendable () -> Void] = [:]
    var next = 0
  }

  private let state = Mutex(State())
  /// Set while everybody has been told and nobody has looked: the common case on a busy engine costs one load.
  private let isTold = Atomic<Bool>(false)

  func add(_ observer: @escaping @Sendable () -> Void) -> ObservationToken {
    let key = state.withLock { state in
      state.next += 1
      state.observers[state.next] = observer
      return state.next
    }
    return ObservationToken { [weak self] in
      self?.state.withLock { state in _ = state.observers.removeValue(forKey: key) }
    }
  }

  func changed() {
    guard !isTold.load(ordering: .acquiring),
      !isTold.exchange(true, ordering: .acquiringAndReleasing)
    else { return }
    let observers = state.withLock { Array($0.observers.values) }
    for observer in observers { observer() }
  }

  /// Called before a snapshot is made: what changes from here on is told again.
  func rearm() { isTold.store(false, ordering: .releasing) }
}
