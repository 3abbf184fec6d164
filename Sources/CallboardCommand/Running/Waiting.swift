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

/// Something that is done once, by whoever comes first.
final class Once: Sendable {
  private let isDone = Atomic(false)

  var isFirst: Bool { !isDone.exchange(true, ordering: .relaxed) }
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

  /// What it waits for, and what somebody can do about that.
  static func lines(
    _ function: String,
    _ id: CallID,
    _ state: CallState.Word,
    at place: String
  ) -> [String] {
    switch state {
    case .awaitingApproval: return ["callboard: \(function) \(id) waits for a person to decide"]
    case .approved:
      return [
        "callboard: \(function) \(id) is approved, and starts when that can be taken back no longer"
      ]
    case .received, .queued, .running, .stopping, .backingOff, .succeeded, .failed, .rejected,
      .denied, .expired, .cancelled:
      return ["callboard: \(function) \(id) goes on"]
    case .unknown: break
    }
    return [
      "callboard: \(function) \(id) may or may not have happened; do not ask for it again",
      "callboard: look on the other side, then say what you found; this command waits for that:",
      "callboard:   callboard calls show \(id)\(place)",
      "callboard:   callboard calls settle \(id) --revision N --happened RESULT\(place)",
      "callboard:   callboard calls settle \(id) --revision N --did-not-happen EVIDENCE\(place)",
    ]
  }

  /// What to say to somebody who waits no longer, about a call that was in this state, where that is known.
  func unfinished(_ function: String, _ state: CallState.Word?, after wait: Duration?) -> String {
    let end = wait.map { "After \($0.words):" } ?? "Interrupted:"
    guard let id else {
      return "\(end) \(function) has not ended, and goes on; callboard calls list shows it."
    }
    guard state != .unknown else {
      return
        "\(end) \(function) may or may not have happened, and nobody has said which; look there, then callboard calls settle \(id)."
    }
    return
      "\(end) \(function) has not ended, and goes on; callboard calls show \(id) says what becomes of it."
  }
}
