import Synchronization

/// What came in, in order, for a test that waits for some of it.
final class Recorder<Item: Sendable>: Sendable {
  private struct State {
    var items: [Item] = []
    var waiters:
      [(wanted: @Sendable (Item) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  var all: [Item] { state.withLock { $0.items } }

  func add(_ item: Item) {
    let ready = state.withLock { state in
      state.items.append(item)
      let ready = state.waiters.filter { $0.wanted(item) }.map(\.continuation)
      state.waiters.removeAll { $0.wanted(item) }
      return ready
    }
    for continuation in ready { continuation.resume() }
  }

  /// Returns once such an item has come, now or before.
  func wait(_ wanted: @escaping @Sendable (Item) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.items.contains(where: wanted) { return true }
        state.waiters.append((wanted, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}
