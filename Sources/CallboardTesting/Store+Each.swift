import Callboard
import Dispatch

extension Store {
  /// Stores changes with events, each on disk before the next, with which it would else share an entry of the audit log.
  ///
  /// Blocks for as long as that takes.
  public func commitEach(_ changes: [StoreChange]) throws {
    let written = DispatchSemaphore(value: 0)
    let token = follow { _ in written.signal() }
    defer { withExtendedLifetime(token) {} }
    for change in changes {
      _ = try commit(change)
      for _ in change.events { written.wait() }
    }
  }
}
