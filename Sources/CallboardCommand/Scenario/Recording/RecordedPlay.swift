import Callboard
import JSONSchema

/// What models and functions answered in one play of a scenario, and the events that came of it; nothing secret in it.
struct RecordedPlay: Sendable {
  var scenario: String
  var seed: UInt64
  var turns: [RecordedTurn] = []
  var attempts: [RecordedAttempt] = []
  /// As `--events` writes them.
  var events: [JSONValue] = []

  /// How many conversations asked a model.
  var talks: Int { turns.map(\.talk).max() ?? 0 }
}

/// One turn of a model: what it was asked, and what it answered.
struct RecordedTurn: Sendable {
  /// Which conversation, counted from 1 in the order in which they first asked.
  var talk: Int
  var model: String
  var turn: Int
  /// Everything that the model was told up to here.
  var messages: [Message]
  /// What it was offered: the hash of each function's description and parameters, by name.
  var offers: [String: String]
  /// Seconds that it took.
  var took: Double
  /// Attempts at this turn that failed before.
  var retries: [Retry] = []
  var answer: Answer

  struct Retry: Sendable, Hashable {
    var failure: ModelFailure
    /// Seconds until the next one.
    var wait: Double
  }

  enum Answer: Sendable, Hashable {
    case turn(ModelTurn)
    case failure(ModelFailure)
    /// It was told to stop before it answered.
    case stopped
  }
}

/// One attempt at a call: what a function was asked, and what it answered.
struct RecordedAttempt: Sendable {
  var function: String
  var arguments: JSONValue
  var attempt: Int
  /// Seconds that it took.
  var took: Double
  var answer: Answer
  /// What it wrote beside its result.
  var errorOutput: String?
  /// It went on when it was told to stop.
  var ignoredStop = false

  enum Answer: Sendable, Hashable {
    case result(JSONValue)
    case failure(CallFailure)
    /// It was told to stop before it answered.
    case stopped
  }
}
