import Callboard

/// What the engine has shown for the place the console is at.
struct Sight: Sendable {
  var header: Header
  var body: Snapshot.Body
  /// The rows of the place, or the ones it was frozen with.
  var rows = Rows()
  /// The call under the cursor of the waiting screen, or the one that was opened.
  var detail: CallDetail?
  /// It has been asked for, and is not here yet.
  var isDetailAwaited = false
  /// The same with the originals of its secrets, for a person who may see them; never written to a file or copied.
  var revealed: CallDetail?
  /// The function of the call or row under the cursor.
  var function: FunctionDetail?
  /// Qualified names of functions by the names that models use.
  var functionNames: [String: String] = [:]
  /// What the open prompt is about.
  var subject: CallDetail?
  /// The call that this person approved last, on whatever console, while that can be undone.
  var undo: CallDetail?
  /// The event that was opened.
  var event: AuditRow?
  /// Where this person last left.
  var departure: Departure?

  init(_ snapshot: Snapshot) {
    header = snapshot.header
    body = snapshot.body
  }
}

extension CallDetail {
  /// The same call with its originals in the places of marks; nil where they are of another revision.
  func revealing(_ originals: Originals) -> CallDetail? {
    guard originals.call == row.id, originals.revision == call.revision else { return nil }
    var copy = self
    copy.call = call.showing(originals)
    return copy
  }
}

extension Sight {
  /// What is said where nothing is shown: that there is nothing, or that nobody can be asked.
  func absence(_ words: SafeText) -> SafeText {
    header.linkFault == nil ? words : "not known while the instance is gone"
  }

  /// A call as it is drawn for this person.
  func drawn(_ detail: CallDetail) -> CallDetail {
    guard let revealed, revealed.row.id == detail.row.id else { return detail }
    return revealed
  }
}

extension Snapshot {
  var call: CallDetail? { body.call }
  var function: FunctionDetail? { body.function }
  var conversation: ConversationDetail? { body.conversation }
}

extension Snapshot.Body {
  var call: CallDetail? {
    if case .call(let detail) = self { detail } else { nil }
  }

  var function: FunctionDetail? {
    if case .function(let detail) = self { detail } else { nil }
  }

  var conversation: ConversationDetail? {
    if case .conversation(let detail) = self { detail } else { nil }
  }

  var run: RunDetail? {
    if case .run(let detail) = self { detail } else { nil }
  }
}
