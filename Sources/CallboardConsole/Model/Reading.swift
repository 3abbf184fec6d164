import Callboard
import JSONSchema

/// What of one call's review has been on the screen: nothing is approved unread.
struct Reading: Sendable {
  /// What was shown; a decision names it.
  var seen: Seen
  var width: Int
  /// Whether originals of secrets were shown in it.
  var isRevealed = false
  /// The lines of the review that have to be read and have been painted.
  var painted: Set<Int> = []
  var unread: Int
  /// Whether unread lines are below the ones that are shown.
  var isBelow = true
  /// Values that are folded: they are unread too.
  var folded = 0
  /// The arguments that were painted, to say later what has changed.
  var arguments: JSONValue?
  /// The arguments painted before those, at an earlier revision.
  var earlier: JSONValue?
}
