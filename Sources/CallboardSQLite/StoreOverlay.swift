import Callboard

/// What is in line to be written, as it is to be read.
struct StoreOverlay: Sendable {
  /// A call as it will be stored, and by which change.
  struct Entry: Sendable {
    var record: CallRecord
    var sealed: [UInt8]?
    var position: UInt64
    /// The change that brought it into being, while that is not on disk.
    var born: UInt64?

    /// None of its steps is on disk.
    var isNew: Bool { born != nil }
  }

  struct Talk: Sendable {
    var conversation: Conversation
    var position: UInt64
  }

  private(set) var calls: [CallID: Entry] = [:]
  private(set) var conversations: [ConversationID: Talk] = [:]
  private(set) var runs: [RunID: (change: RunChange, position: UInt64)] = [:]

  mutating func put(_ change: StoreChange, at position: UInt64) {
    for call in change.calls {
      let id = call.record.call.id
      calls[id] = Entry(
        record: call.record,
        sealed: call.sealed,
        position: position,
        born: calls[id]?.born ?? (call.stored == 0 ? position : nil)
      )
    }
    if let talk = change.conversation {
      conversations[talk.conversation.id] = Talk(
        conversation: talk.conversation,
        position: position
      )
    }
    if let run = change.run { runs[run.run.id] = (run, position) }
  }

  /// Forgets what is on disk.
  mutating func remove(upTo position: UInt64) {
    calls = calls.filter { $0.value.position > position }
    for (key, entry) in calls {
      if let born = entry.born, born <= position { calls[key]?.born = nil }
    }
    conversations = conversations.filter { $0.value.position > position }
    runs = runs.filter { $0.value.position > position }
  }

  /// Whether nothing later is in line of any of its calls.
  func isLast(_ item: StoreWriter.Item) -> Bool {
    item.change.conversation == nil && item.change.run == nil
      && item.change.calls.allSatisfy { calls[$0.record.call.id]?.position == item.position }
  }

  /// Takes a change out that will not be written.
  mutating func withdraw(_ item: StoreWriter.Item, leaving line: [StoreWriter.Item]) {
    for call in item.change.calls {
      let id = call.record.call.id
      calls[id] = nil
      for earlier in line.reversed() {
        guard let before = earlier.change.calls.first(where: { $0.record.call.id == id }) else {
          continue
        }
        calls[id] = Entry(
          record: before.record,
          sealed: before.sealed,
          position: earlier.position,
          born: before.stored == 0 ? earlier.position : nil
        )
        break
      }
    }
  }
}
