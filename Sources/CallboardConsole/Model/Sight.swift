import Callboard

/// What the engine has shown for the place the console is at.
struct Sight: Sendable {
  var header: Header
  var body: Snapshot.Body
  /// The rows of the place, or the ones it was frozen with.
  var rows = Rows()
  /// The call under the cursor of the waiting screen, or the one that was opened.
  var detail: CallDetail?
  /// The same with the originals of its secrets, for a person who may see them; never written to a file or copied.
  var revealed: CallDetail?
  /// The function of the call or row under the cursor.
  var function: FunctionDetail?
  /// Qualified names of functions by the names that models use.
  var functionNames: [String: String] = [:]
  /// What the open prompt is about.
  var subject: CallDetail?
  /// The call whose approval can perhaps be undone.
  var undo: CallDetail?

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
  /// A call as it is drawn for this person.
  func drawn(_ detail: CallDetail) -> CallDetail {
    guard let revealed, revealed.row.id == detail.row.id else { return detail }
    return revealed
  }
}

extension Snapshot {
  var call: CallDetail? {
    if case .call(let detail) = body { detail } else { nil }
  }

  var function: FunctionDetail? {
    if case .function(let detail) = body { detail } else { nil }
  }

  var conversation: ConversationDetail? {
    if case .conversation(let detail) = body { detail } else { nil }
  }
}
