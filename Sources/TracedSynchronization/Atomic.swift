/// What may stand in an `Atomic`.
public protocol AtomicRepresentable {}

public enum AtomicLoadOrdering {
  case relaxed
  case acquiring
  case sequentiallyConsistent
}

public enum AtomicStoreOrdering {
  case relaxed
  case releasing
  case sequentiallyConsistent
}

public enum AtomicUpdateOrdering {
  case relaxed
  case acquiring
  case releasing
  case acquiringAndReleasing
  case sequentiallyConsistent
}

/// An atomic value, under a lock that the thread sanitizer sees.
///
/// Stronger than any ordering asked for: it can hide a missing one, never report one that is there.
public final class Atomic<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  public init(_ initial: Value) { value = Mutex(initial) }

  public func load(ordering: AtomicLoadOrdering) -> Value { value.withLock { $0 } }

  public func store(_ desired: Value, ordering: AtomicStoreOrdering) {
    value.withLock { $0 = desired }
  }

  public func exchange(_ desired: Value, ordering: AtomicUpdateOrdering) -> Value {
    value.withLock { value in
      defer { value = desired }
      return value
    }
  }

  public func compareExchange(
    expected: Value,
    desired: Value,
    ordering: AtomicUpdateOrdering
  ) -> (exchanged: Bool, original: Value) where Value: Equatable {
    value.withLock { value in
      let original = value
      if original == expected { value = desired }
      return (original == expected, original)
    }
  }
}

extension Atomic where Value: FixedWidthInteger {
  @discardableResult
  public func add(
    _ operand: Value,
    ordering: AtomicUpdateOrdering
  ) -> (oldValue: Value, newValue: Value) {
    change { $0 + operand }
  }

  @discardableResult
  public func subtract(
    _ operand: Value,
    ordering: AtomicUpdateOrdering
  ) -> (oldValue: Value, newValue: Value) {
    change { $0 - operand }
  }

  @discardableResult
  public func wrappingAdd(
    _ operand: Value,
    ordering: AtomicUpdateOrdering
  ) -> (oldValue: Value, newValue: Value) {
    change { $0 &+ operand }
  }

  @discardableResult
  public func wrappingSubtract(
    _ operand: Value,
    ordering: AtomicUpdateOrdering
  ) -> (oldValue: Value, newValue: Value) {
    change { $0 &- operand }
  }

  private func change(_ next: (Value) -> Value) -> (oldValue: Value, newValue: Value) {
    value.withLock { value in
      let old = value
      value = next(old)
      return (old, value)
    }
  }
}
