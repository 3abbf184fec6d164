import Foundation
import Synchronization

/// Approved calls in their grace time: what each person could take back last, whatever console they gave it on.
///
/// Only what people decided themselves; an approval by a grant is no decision that somebody has just made.
final class UndoIndex: Sendable {
  private struct Entry {
    var until: Date
    var decisions: [Decision]
  }

  private let state = Mutex<[CallID: Entry]>([:])

  func update(_ call: Call) {
    state.withLock { state in
      guard case .approved(let until) = call.state else {
        state[call.id] = nil
        return
      }
      let decisions = (call.approval?.approvals ?? []).filter { $0.grant == nil }
      state[call.id] = decisions.isEmpty ? nil : Entry(until: until, decisions: decisions)
    }
  }

  /// Takes out a call that never was.
  func remove(_ id: CallID) { state.withLock { $0[id] = nil } }

  /// The latest approval of each person that can be taken back now.
  func latest(at now: Date) -> [Undoable] {
    let entries = state.withLock { $0 }
    var latest: [Undoable] = []
    for (id, entry) in entries where entry.until > now {
      for decision in entry.decisions {
        let new = Undoable(by: decision.by, call: id, at: decision.at, until: entry.until)
        if let index = latest.firstIndex(where: { $0.by.isSamePerson(as: decision.by) }) {
          if (latest[index].at, latest[index].call) < (new.at, new.call) { latest[index] = new }
        } else {
          latest.append(new)
        }
      }
    }
    return latest.sorted { ($0.at, $0.call, $0.by.name) < ($1.at, $1.call, $1.by.name) }
  }
}
