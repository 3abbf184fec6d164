import Callboard

/// What the engine has shown for the place the console is at.
struct Sight: Sendable {
  var header: Header
  var body: Snapshot.Body
  /// The rows of the place, or the ones it was frozen with.
  var rows = Rows()
  /// The call under the cursor of the waiting screen, or the one that was opened.
  var detail: CallDetail?
  /// The function of the call or row under the cursor.
  var function: FunctionDetail?
  /// The conversation of the call under review.
  var transcript: ConversationDetail?
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
