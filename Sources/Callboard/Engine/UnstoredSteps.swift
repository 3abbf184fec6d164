import JSONSchema
import Synchronization

/// What the store did not take, in the order it came, for when the store works again.
final class UnstoredSteps: Sendable {
  /// A step that has not happened yet.
  enum Step: Sendable {
    case again(CallID, CallEvent)
    case anew(CallID)
    /// A call that runs another one again is to end unless it has started, because that one has ended.
    case endRerun(CallID)
  }

  /// A conversation that is further than the store knows.
  struct Talk: Sendable {
    var events: [EngineEvent] = []
    /// What waits until its turn is stored.
    var effect = ConversationEffect.none
  }

  struct All: Sendable {
    /// Calls that are further than the store knows, and what comes next of each.
    var calls: [CallID: CallEffect] = [:]
    var steps: [Step] = []
    /// What happened to no call, in order, and what people have set.
    var events: [EngineEvent] = []
    /// How many events before these were too many to be kept.
    var dropped = 0
    var settings: [String: JSONValue] = [:]
    var talks: [ConversationID: Talk] = [:]
  }

  private let all = Mutex(All())

  func keep(_ call: CallID, then effect: CallEffect) { all.withLock { $0.calls[call] = effect } }

  func keep(_ events: [EngineEvent], settings: [String: JSONValue]) {
    all.withLock { all in
      // A fault may last: the newest count, and the log will say how many are missing.
      all.events += events
      let excess = all.events.count - Limit.unstoredEvents.value
      if excess > 0 {
        all.events.removeFirst(excess)
        all.dropped += excess
      }
      all.settings.merge(settings) { $1 }
    }
  }

  func note(_ step: Step) { all.withLock { $0.steps.append(step) } }

  func keep(
    _ conversation: ConversationID,
    _ events: [EngineEvent],
    then effect: ConversationEffect = .none
  ) {
    all.withLock { all in
      all.talks[conversation, default: Talk()].events += events
      if effect != .none { all.talks[conversation]?.effect = effect }
    }
  }

  /// Hands everything over, and forgets it.
  func take() -> All {
    all.withLock { all in
      defer { all = All() }
      return all
    }
  }

  /// Takes back what could not be stored this time either; what has come since is further.
  func putBack(_ call: CallID, then effect: CallEffect) {
    all.withLock { all in
      if all.calls[call] == nil { all.calls[call] = effect }
    }
  }
}
