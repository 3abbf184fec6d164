import Synchronization

/// A value that is set once and awaited by one task.
///
/// The first `resolve` wins; later ones do nothing. The waiting task is resumed outside the lock.
public final class OneShot<Value: Sendable>: Sendable {
  private enum State: Sendable {
    case empty
    case waiting(UnsafeContinuation<Value, Never>)
    case resolved(Value)
  }

  private let state = Mutex<State>(.empty)

  public init() {}

  /// Sets the value.
  ///
  /// Returns false when it already had one.
  @discardableResult
  public func resolve(_ value: Value) -> Bool {
    let (won, waiter): (Bool, UnsafeContinuation<Value, Never>?) = state.withLock { state in
      switch state {
      case .empty:
        state = .resolved(value)
        return (true, nil)
      case .waiting(let continuation):
        state = .resolved(value)
        return (true, continuation)
      case .resolved: return (false, nil)
      }
    }
    waiter?.resume(returning: value)
    return won
  }

  /// The value, now or when it is set.
  ///
  /// One task may wait.
  public var value: Value {
    get async {
      await withUnsafeContinuation { continuation in
        let ready: Value? = state.withLock { state in
          switch state {
          case .empty:
            state = .waiting(continuation)
            return nil
          case .waiting: preconditionFailure("a OneShot has one waiter")
          case .resolved(let value): return value
          }
        }
        if let ready { continuation.resume(returning: ready) }
      }
    }
  }

  /// The value, if it has been set.
  public var current: Value? {
    state.withLock { state in
      if case .resolved(let value) = state { value } else { nil }
    }
  }
}
