import Foundation
import Synchronization

/// What needs a person, in the order of its screen: unknown outcomes first, then approvals by time left.
final class WaitingIndex: Sendable {
  private struct Place: Comparable {
    var isApproval: Bool
    var at: Date
    var id: CallID

    static func < (left: Self, right: Self) -> Bool {
      if left.isApproval != right.isApproval { return !left.isApproval }
      if left.at != right.at { return left.at < right.at }
      return left.id < right.id
    }
  }

  private struct State {
    var order: [Place] = []
    var places: [CallID: Place] = [:]
  }

  private let state = Mutex(State())

  func update(_ call: Call, from before: CallState.Word?) {
    guard before?.needsPerson == true || call.state.word.needsPerson else { return }
    state.withLock { state in
      Self.remove(call.id, from: &state)
      let place: Place
      switch call.state.word {
      case .unknown:
        // Since when it is unknown: a note on it must not move it under the cursor.
        let since = call.history.first { $0.state == .unknown }?.at
        place = Place(isApproval: false, at: since ?? call.receivedAt, id: call.id)
      case .awaitingApproval:
        place = Place(isApproval: true, at: call.approval?.expiresAt ?? .distantFuture, id: call.id)
      case .received, .approved, .queued, .running, .stopping, .backingOff, .succeeded, .failed,
        .rejected, .denied, .expired, .cancelled:
        return
      }
      state.places[call.id] = place
      state.order.insert(place, at: Self.index(of: place, in: state.order))
    }
  }

  /// Takes out a call that never was.
  func remove(_ call: Call) {
    state.withLock { Self.remove(call.id, from: &$0) }
  }

  private static func remove(_ id: CallID, from state: inout State) {
    guard let old = state.places.removeValue(forKey: id) else { return }
    let index = index(of: old, in: state.order)
    if index < state.order.count, state.order[index] == old { state.order.remove(at: index) }
  }

  var count: Int { state.withLock { $0.order.count } }

  /// Every id in order; a copy of the array's reference, not of its elements.
  var ids: [CallID] { state.withLock { $0.order.map(\.id) } }

  /// A window of ids, how many there are, and where the anchor stands.
  func window(
    anchor: CallID?,
    fallback: Int,
    before: Int,
    after: Int
  ) -> (ids: [CallID], first: Int, total: Int, anchor: Int?) {
    state.withLock { state in
      let anchorIndex = anchor.flatMap { state.places[$0] }.map {
        Self.index(of: $0, in: state.order)
      }
      let centre = min(anchorIndex ?? fallback, max(state.order.count - 1, 0))
      let first = max(0, centre - before)
      let last = min(state.order.count, centre + after + 1)
      let ids = first < last ? state.order[first..<last].map(\.id) : []
      return (ids, first, state.order.count, anchorIndex)
    }
  }

  private static func index(of place: Place, in order: [Place]) -> Int {
    var lower = 0
    var upper = order.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if order[middle] < place { lower = middle + 1 } else { upper = middle }
    }
    return lower
  }
}
