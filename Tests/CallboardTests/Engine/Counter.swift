import Synchronization

/// Counts from any task.
final class Counter: Sendable {
  private let value = Atomic<Int>(0)

  func add(_ number: Int = 1) { value.add(number, ordering: .relaxed) }

  var count: Int { value.load(ordering: .relaxed) }
}

/// Gives each task another number.
final class Numbers: Sendable {
  private let value = Atomic<Int>(0)

  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
