import Callboard
import JSONSchema

/// What a key asks of the world outside of the model.
enum Intent: Sendable, Hashable {
  case send(Request, Purpose)
  case find(Search)
  /// Asks whether to give a grant, with what it would do.
  case consider(GrantDraft)
  case openBatch(Action, Screen)
  case runBatch(Batch)
  case edit(ArgumentsEdit)
  case copy(String, what: SafeText)
  case writeView(path: String)
  case suspend
  case repaint
  case quit
}

/// A verb of the `:` line, and the end of an id that it is about.
struct Search: Sendable, Hashable {
  var verb: String
  var ending: String
}

/// Why a request was sent: what to do with its reply beside saying it.
enum Purpose: Sendable, Hashable {
  case plain
  case edit(ArgumentsEdit)
  /// A denial that stops the conversation too: its call in words.
  case denial(SafeText)
  /// How many calls wait on the function that was switched off.
  case switchOff(waiting: Int)
  /// One request of a batch.
  case batch(run: Int, entry: Int)
}

/// Arguments on their way through an editor.
struct ArgumentsEdit: Sendable, Hashable {
  var call: CallID
  var function: String
  /// The revision that was on the screen.
  var revision: Int
  /// What an approval binds to there; nil: the call has ended, and the arguments are for a new one.
  var seen: Seen?
  /// The arguments as shown, secrets as placeholders.
  var original: JSONValue
  /// What is in the editor.
  var text: String
}
