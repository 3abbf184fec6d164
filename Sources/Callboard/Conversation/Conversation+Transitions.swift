import Foundation

/// What can happen to a conversation.
package enum ConversationEvent: Sendable {
  /// The model took its turn; these are the calls it became, in its order.
  case turnTaken(ModelTurn, calls: [CallID])
  case modelFailed(ModelFailure)
  /// A call of the last turn has ended, or its outcome stayed unknown for too long: what the model hears.
  /// `waited`: when it waited for people; `isOpen`: it may still become known, and the model hears of that, too.
  case callEnded(CallID, answer: String, waited: [DateInterval] = [], isOpen: Bool = false)
  case limitReached(String)
  case stop(by: Principal)
  case pause(by: Principal)
  case resume(by: Principal)
  case message(Message, by: Principal)
  /// A call outside its turns is about to be made, and the model is to hear of its end.
  case awaitsNews(CallID)
  /// What has become of an earlier call, for the model to hear before its next turn.
  case news(Message, of: CallID)
}

/// What has to be done after a conversation has moved.
package enum ConversationEffect: Sendable, Equatable {
  case none
  case askModel
  case admit([CallID])
  /// Cancels these calls of the last turn, for whoever stopped it, and the model's turn where it is taking one.
  case cancel([CallID], by: Principal?)
  case ended
}

/// The table of a conversation, as one pure function.
extension Conversation {
  package mutating func handle(_ event: ConversationEvent, now: Date) throws -> ConversationEffect {
    lastActivity = now
    switch (state, event) {
    case (.thinking, .turnTaken(let turn, let calls)):
      return take(turn, calls, at: now)
    case (.paused(.thinking), .turnTaken(let turn, let calls)):
      // Its answer still counts; its calls, or its next turn, wait for the resume.
      let effect = take(turn, calls, at: now)
      guard state.word.isLive else { return effect }
      state = .paused(from: state)
      return .none

    case (.thinking, .modelFailed(let failure)), (.paused(.thinking), .modelFailed(let failure)):
      state = .failed(failure.message)
      stopClock(at: now)
      revision += 1
      return .ended

    case (.calling, .modelFailed(let failure)), (.paused, .modelFailed(let failure)):
      // Its model is gone for good: nobody would hear of its calls.
      let open = openCalls
      state = .failed(failure.message)
      stopClock(at: now)
      revision += 1
      return .cancel(open, by: nil)

    case (.calling(let open), .callEnded(let id, let answer, let waits, let isOpen))
    where open.contains(id):
      answers[id] = answer
      if isOpen { awaited = (awaited ?? []) + [id] }
      exclude(waits)
      let left = open.filter { $0 != id }
      revision += 1
      state = .calling(left)
      guard left.isEmpty else { return .none }
      return goOn(at: now)

    case (.paused(.calling(let open)), .callEnded(let id, let answer, let waits, let isOpen))
    where open.contains(id):
      answers[id] = answer
      if isOpen { awaited = (awaited ?? []) + [id] }
      exclude(waits)
      state = .paused(from: .calling(open.filter { $0 != id }))
      revision += 1
      return .none

    case (.thinking, .limitReached(let why)), (.calling, .limitReached(let why)),
      (.paused, .limitReached(let why)):
      let open = openCalls
      state = .failed(Self.limitPrefix + why)
      stopClock(at: now)
      revision += 1
      return .cancel(open, by: nil)

    case (.thinking, .stop(let person)), (.calling, .stop(let person)),
      (.paused, .stop(let person)):
      let open = openCalls
      state = .stopped
      stopClock(at: now)
      revision += 1
      return .cancel(open, by: person)

    case (.thinking, .pause), (.calling, .pause):
      state = .paused(from: state)
      stopClock(at: now)
      pausedSince = now
      revision += 1
      return .none

    case (.paused(let from), .resume):
      state = from
      busySince = now
      if let since = pausedSince, since < now {
        offClock.append(DateInterval(start: since, end: now))
      }
      pausedSince = nil
      revision += 1
      switch from {
      case .thinking: return .askModel
      case .calling(let open) where open.isEmpty: return goOn(at: now)
      case .calling(let open): return .admit(open)
      case .paused, .stopped, .finished, .failed: return .none
      }

    case (.thinking, .message(let message, let person)),
      (.calling, .message(let message, let person)),
      (.paused, .message(let message, let person)):
      note(person)
      pending.append(message)
      revision += 1
      return .none

    case (.thinking, .awaitsNews(let id)), (.calling, .awaitsNews(let id)),
      (.paused, .awaitsNews(let id)):
      awaited = (awaited ?? []) + [id]
      return .none

    case (.thinking, .news(let message, let id)), (.calling, .news(let message, let id)),
      (.paused, .news(let message, let id)):
      pending.append(message)
      awaited?.removeAll { $0 == id }
      revision += 1
      return .none

    case (.finished, .message(let message, let person)):
      note(person)
      append(message, at: now)
      state = .thinking
      busySince = now
      revision += 1
      return .askModel

    default: throw IllegalConversationMove(state: state.word)
    }
  }

  /// The calls of the last turn that have not ended.
  var openCalls: [CallID] {
    switch state {
    case .calling(let open), .paused(.calling(let open)): open
    case .thinking, .paused, .stopped, .finished, .failed: []
    }
  }

  /// How the reason begins of a conversation that a limit stopped.
  static let limitPrefix = "stopped: "

  /// The limit that stands in the way of another turn, in a sentence.
  func limitReached(at now: Date) -> String? {
    if turns >= limits.turns { return "it has used its \(limits.turns) turns" }
    if let tooManyCalls { return tooManyCalls }
    if usage.total >= limits.tokens { return "it has used its \(limits.tokens) tokens" }
    if bytes > limits.transcript {
      return "its transcript has grown to \(bytes) bytes, more than \(limits.transcript)"
    }
    return busy(at: now) >= limits.seconds ? outOfTime : nil
  }

  /// That it has asked for too many calls, in a sentence; nil where it has not.
  var tooManyCalls: String? {
    callCount > limits.calls ? "it asked for more than \(limits.calls) calls" : nil
  }

  /// That its time is used, in a sentence.
  var outOfTime: String { "it has used its \(Duration.seconds(limits.seconds).words)" }

  /// Seconds it has been busy, without the time that persons took.
  func busy(at now: Date) -> Double {
    busySeconds + (busySince.map { max(0, now.timeIntervalSince($0)) } ?? 0)
  }

  /// The same, where calls have been waiting for people during these spans.
  func busy(at now: Date, without waits: [DateInterval]) -> Double {
    var copy = self
    copy.exclude(waits)
    return copy.busy(at: now)
  }

  /// Takes the time a call waited for people off the clock: each moment once, however many calls waited then.
  private mutating func exclude(_ waits: [DateInterval]) {
    for wait in waits {
      let end = min(wait.end, pausedSince ?? wait.end)
      guard wait.start < end else { continue }
      var left = [DateInterval(start: wait.start, end: end)]
      for span in offClock { left = left.flatMap { $0.without(span) } }
      busySeconds -= left.reduce(0) { $0 + $1.duration }
      offClock += left
    }
  }

  package mutating func append(_ message: Message, calls: [CallID] = [], at now: Date) {
    bytes += message.bytes
    messages.append(Entry(at: now, turn: turns, message: message, calls: calls))
  }

  private mutating func take(
    _ turn: ModelTurn,
    _ calls: [CallID],
    at now: Date
  ) -> ConversationEffect {
    turns += 1
    callCount += calls.count
    if let used = turn.usage { usage = usage + used }
    let text = turn.text ?? turn.refusal
    append(Message(.assistant, text, calls: turn.calls), calls: calls, at: now)
    revision += 1
    answers = [:]
    offClock = []
    if !calls.isEmpty {
      state = .calling(calls)
      return .admit(calls)
    }
    guard pending.isEmpty else {
      takePending(at: now)
      state = .thinking
      return .askModel
    }
    state = .finished
    stopClock(at: now)
    return .ended
  }

  /// Every call of the turn has ended: the answers go in, in the order they were asked for.
  private mutating func goOn(at now: Date) -> ConversationEffect {
    if let asked = messages.last(where: { $0.message.role == .assistant }) {
      for (requested, id) in zip(asked.message.calls, asked.calls) {
        append(Message(.tool, answers[id] ?? "", answers: requested.id), calls: [id], at: now)
      }
    }
    answers = [:]
    takePending(at: now)
    state = .thinking
    return .askModel
  }

  private mutating func takePending(at now: Date) {
    for message in pending { append(message, at: now) }
    pending = []
  }

  private mutating func note(_ person: Principal) {
    if !writers.contains(where: person.isSamePerson) { writers.append(person) }
  }

  private mutating func stopClock(at now: Date) {
    busySeconds = busy(at: now)
    busySince = nil
  }
}

extension DateInterval {
  /// What is left of it outside another one.
  fileprivate func without(_ other: DateInterval) -> [DateInterval] {
    guard let common = intersection(with: other), common.duration > 0 else { return [self] }
    return [
      DateInterval(start: start, end: common.start), DateInterval(start: common.end, end: end),
    ]
    .filter { $0.duration > 0 }
  }
}

/// An event that a conversation's state does not allow.
struct IllegalConversationMove: Error, CustomStringConvertible {
  var state: Conversation.Word

  var description: String { "the conversation is \(state.rawValue) now" }
}
