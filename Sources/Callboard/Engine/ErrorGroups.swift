import Foundation
import Synchronization

/// Failures grouped by function and kind.
final class ErrorGroups: Sendable {
  private struct Key: Hashable {
    var function: String
    var kind: CallFailure.Kind
  }

  private struct Group {
    var count = 0
    var first: Date
    var last: Date
    var heard: String
    var sample: CallID
    var conversations: Set<ConversationID> = []
    /// Failures in each of the last 20 steps of 15 s.
    var recent: [Int64: Int] = [:]
  }

  /// Names come from models too: more groups than this share one per kind.
  private static let limit = Limit.errorGroups.value
  private static let step: Int64 = 15

  private let groups = Mutex<[Key: Group]>([:])

  func record(
    _ failure: CallFailure,
    call: Call,
    heard: String,
    at now: Date,
    monotonic: Duration
  ) {
    groups.withLock { groups in
      var key = Key(function: call.function, kind: failure.kind)
      if groups[key] == nil, groups.count >= Self.limit { key.function = "others" }
      var group = groups[key] ?? Group(first: now, last: now, heard: heard, sample: call.id)
      group.count += 1
      group.last = now
      group.heard = heard
      group.sample = call.id
      if let conversation = call.conversation, group.conversations.count < 10_000 {
        group.conversations.insert(conversation)
      }
      let epoch = monotonic.components.seconds / Self.step
      group.recent[epoch, default: 0] += 1
      if group.recent.count > 24 { group.recent = group.recent.filter { $0.key > epoch - 20 } }
      groups[key] = group
    }
  }

  /// Every group, the most frequent first.
  func rows(monotonic: Duration) -> [ErrorRow] {
    let oldest = monotonic.components.seconds / Self.step - 20
    let rows = groups.withLock { groups in
      groups.map { key, group in
        ErrorRow(
          function: key.function,
          kind: key.kind,
          count: group.count,
          recent: group.recent.reduce(0) { $1.key > oldest ? $0 + $1.value : $0 },
          first: group.first,
          last: group.last,
          conversations: group.conversations.count,
          heard: group.heard,
          sample: group.sample
        )
      }
    }
    return rows.sorted { ($0.count, $1.id) > ($1.count, $0.id) }
  }
}
