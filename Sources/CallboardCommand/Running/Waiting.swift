import Callboard
import Foundation
import Synchronization

/// Runs what blocks on a thread of its own, beside the tasks.
func onOwnThread<Outcome: Sendable>(
  _ body: @escaping @Sendable () throws -> Outcome
) async throws -> Outcome {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result { try body() }) }.start()
  }
}

/// Counts from several threads.
final class Counter: Sendable {
  private let count = Mutex(0)

  var value: Int { count.withLock { $0 } }

  func add(_ number: Int) { count.withLock { $0 += number } }
}

/// A call that was asked for, as far as is known here.
final class Asked: Sendable {
  private let call = Mutex<CallID?>(nil)

  /// The call's id, where it waits or has waited for a person.
  var id: CallID? { call.withLock { $0 } }

  func waits(_ id: CallID) { call.withLock { $0 = id } }

  /// What to say to somebody who waits no longer.
  func unfinished(_ function: String, after wait: Duration?) -> String {
    let end = wait.map { "After \($0.words):" } ?? "Interrupted:"
    guard let id else {
      return "\(end) \(function) has not ended, and goes on; callboard calls list shows it."
    }
    return
      "\(end) \(function) has not ended, and goes on; callboard calls show \(id) says what becomes of it."
  }
}
