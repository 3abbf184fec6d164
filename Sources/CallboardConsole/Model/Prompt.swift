import Callboard
import CallboardTerminal
import JSONSchema

/// What stands in the lowest rows and takes the keys.
struct Prompt: Sendable {
  var kind: Kind
  var field: LineEditor
  /// Counts prompts, so that a key for one never answers another.
  var number = 0
  /// Whom it is about: when it has left, nothing can be sent any more.
  var subject: Subject?

  struct Subject: Sendable {
    var call: CallID
    var states: Set<CallState.Word>
  }

  indirect enum Kind: Sendable {
    case deny(CallRow, preset: Int?, stops: Bool)
    case settle(CallRow, happened: Bool)
    case message(ConversationID, title: String)
    case filter(Screen, mistake: SafeText?)
    case search
    case command(recall: Int?, note: SafeText?)
    case writeView
    case question(Question)
    /// What is decided about several things, confirmed by typing how many.
    case batch(Batch)
    case edited(EditedArguments)
  }

  init(_ kind: Kind, text: String = "", subject: Subject? = nil) {
    self.kind = kind
    self.subject = subject
    field = LineEditor(text)
  }

  /// Whether it is answered by single keys.
  var isQuestion: Bool {
    switch kind {
    case .question, .edited: true
    case .deny, .settle, .message, .filter, .search, .command, .writeView, .batch: false
    }
  }

  /// Whether its answer acts on something outside of the console.
  var decides: Bool {
    switch kind {
    case .deny, .settle, .message, .question, .edited, .batch: true
    case .filter, .search, .command, .writeView: false
    }
  }

  /// Whether what it is about has left.
  func isLate(_ sight: Sight) -> Bool {
    guard let subject else { return false }
    // Not fetched yet: the next frame knows.
    guard let detail = sight.subject, detail.row.id == subject.call else { return false }
    return !subject.states.contains(detail.row.state)
  }

  static let reasons = [
    "not what was asked for",
    "wrong amount",
    "wrong recipient",
    "needs more information first",
    "not allowed by policy",
    "done by hand already",
  ]
}

/// A question that single keys answer; Enter and Esc mean no.
struct Question: Sendable {
  var text: [SafeText]
  var answers: [Answer]

  struct Answer: Sendable {
    var key: Character
    var label: SafeText
    var outcome: Outcome
  }

  enum Outcome: Sendable {
    case intents([Intent])
    case prompt(Prompt.Kind, Prompt.Subject?)
  }
}

/// Arguments that have come back from the editor.
struct EditedArguments: Sendable {
  var edit: ArgumentsEdit
  var state: State

  enum State: Sendable {
    /// Not JSON, or not what the schema says: each with a place.
    case wrong([SafeText])
    case differs(JSONValue, [ArgumentChange])
    /// Sent; the reply is not here yet.
    case sent(JSONValue)
  }
}

/// One member of the arguments that is another than before.
struct ArgumentChange: Sendable, Hashable {
  var name: String
  var before: JSONValue?
  var after: JSONValue?

  /// What differs between two sets of arguments, member by member in the order of the newer.
  static func between(_ before: JSONValue?, _ after: JSONValue?) -> [ArgumentChange] {
    guard let old = before?.objectValue, let new = after?.objectValue else {
      return before == after
        ? [] : [ArgumentChange(name: "arguments", before: before, after: after)]
    }
    var changes: [ArgumentChange] = []
    for (name, value) in new where old[name] != value {
      changes.append(ArgumentChange(name: name, before: old[name], after: value))
    }
    for (name, value) in old where new[name] == nil {
      changes.append(ArgumentChange(name: name, before: value, after: nil))
    }
    return changes
  }
}
