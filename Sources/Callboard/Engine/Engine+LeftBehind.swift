import JSONSchema

/// What an engine that lives for one call found unfinished on its store, and left to the next one.
public struct LeftBehind: Sendable, Hashable {
  /// Calls that live.
  public var calls = 0
  public var conversations = 0
  /// Calls of which nobody knows whether they happened, each with its function.
  public var unknown: [CallID: String] = [:]

  public init() {}

  public var isEmpty: Bool { calls == 0 && conversations == 0 }
}

extension Engine {
  /// Takes up what people have set, and says of each `write` that ran when the last engine on this store ended that its
  /// outcome is unknown: nobody runs it any more.
  ///
  /// Everything else is left for the engine that is to go on with it. Asked once, before anything is submitted.
  @discardableResult
  public func takeUpOutcomes() throws(StoreFault) -> LeftBehind {
    let unfinished = try store.unfinished()
    takeUp(settings: unfinished.settings)
    var left = LeftBehind()
    left.calls = unfinished.calls.count
    left.conversations = unfinished.conversations.count
    var unreadable: Set<CallID> = []
    for (call, sealed) in unfinished.calls where isOrBecomesUnknown(call) {
      insert(stored: call, sealed, twin: nil, &unreadable)
      if call.state.word != .unknown { restart(call.id) }
      left.unknown[call.id] = call.function
    }
    return left
  }

  /// Whether nobody knows the outcome of a stored call, by the restart row of the table.
  private func isOrBecomesUnknown(_ call: Call) -> Bool {
    switch call.state {
    case .unknown: return true
    case .running, .stopping:
      var copy = call
      var generator = SeededGenerator(seed: 0)
      let traits = table.catalogue[call.function]?.traits ?? .unknown
      _ = try? copy.handle(
        .restart(ownerIsLive: true),
        traits,
        now: clock.now,
        using: &generator
      )
      return copy.state.word == .unknown
    case .received, .awaitingApproval, .approved, .queued, .backingOff, .succeeded, .failed,
      .rejected, .denied, .expired, .cancelled:
      return false
    }
  }

  /// A call of unknown outcome that is equal to one of this function and these arguments, or may be: its own can't be read.
  public func unknownTwin(of function: String, text: String, by caller: Principal) -> CallID? {
    let parsed = try? JSONValue(parsing: text, options: argumentOptions)
    let call = makeCall(function, parsed: parsed, unparsed: nil, caller: caller)
    guard let known = table.catalogue[call.function], let parsed,
      known.schema.validate(parsed).isEmpty
    else { return nil }
    let wanted = known.schema.fillingDefaults(in: parsed).canonicalBytes()
    var found: CallID?
    table.forEachShard { shard in
      for (id, live) in shard.calls
      where live.call.state.word == .unknown && live.call.function == call.function {
        guard let arguments = live.call.effectiveArguments else { continue }
        if live.call.hasMarks || arguments.canonicalBytes() == wanted { found = id }
      }
    }
    return found
  }

  /// Calls whose attempts are under way, or are being stopped, and whose repetition could do harm.
  public var runningWrites: [CallID] {
    var found: [CallID] = []
    table.forEachShard { shard in
      found += shard.calls.filter { $0.value.countsAsRunningWrite }.map(\.key)
    }
    return found
  }

  /// Calls that have ended, whose end is not on disk, and whose repetition could do harm.
  ///
  /// `lineIsLost`: what the store has taken is not on disk either, or not known to be.
  public func writesWithoutWord(lineIsLost: Bool) -> [CallID] {
    var found: [CallID] = []
    table.forEachShard { shard in
      found += shard.calls.filter {
        $0.value.isWriteWithoutWord && (lineIsLost || !$0.value.isStored)
      }.map(\.key)
    }
    return found
  }
}
