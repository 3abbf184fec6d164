import Foundation
import JSONSchema

/// A model and a person (or program) taking turns, with calls in between.
public struct Conversation: Sendable, Codable {
  public let id: ConversationID
  public let title: String
  public let caller: Principal
  /// Name of the model in the configuration.
  public let model: String
  public let startedAt: Date
  public let limits: ConversationLimits
  /// How its model is asked.
  public let setup: Setup

  public internal(set) var state: State = .thinking
  /// The transcript; secrets are taken out of what is shown and stored.
  public internal(set) var messages: [Entry] = []
  /// Turns the model has taken.
  public internal(set) var turns = 0
  public internal(set) var callCount = 0
  public internal(set) var usage = TokenUsage()
  /// Bytes of the transcript, as the model hears it.
  public internal(set) var bytes = 0
  public internal(set) var lastActivity: Date
  /// Time it has used: persons' time is not counted.
  public internal(set) var busySeconds: Double = 0
  /// Since when it is busy; nil while it waits for a person.
  public internal(set) var busySince: Date?
  /// Since when it is paused.
  var pausedSince: Date?
  /// Spans of the last turn that are off the clock: persons' waits and pauses, none twice.
  var offClock: [DateInterval] = []
  public internal(set) var revision = 0
  /// Words for the model that came while calls ran: they go in before its next turn.
  public internal(set) var pending: [Message] = []
  /// What the model will hear of each call of the last turn that has ended.
  public internal(set) var answers: [CallID: String] = [:]
  /// Calls outside its turns, and calls whose outcome was unknown when the model heard of them: it hears of their ends.
  ///
  /// Nil where there never was one.
  var awaited: [CallID]?
  /// People who wrote in it: with two or more approvers none of them may approve its calls.
  public internal(set) var writers: [Principal] = []

  public init(
    id: ConversationID,
    title: String,
    caller: Principal,
    model: String,
    startedAt: Date,
    limits: ConversationLimits = ConversationLimits(),
    setup: Setup = Setup()
  ) {
    self.id = id
    self.title = title
    self.caller = caller
    self.model = model
    self.startedAt = startedAt
    self.limits = limits
    self.setup = setup
    lastActivity = startedAt
  }

  /// How the model of a conversation is asked, and what makes it anew after a restart.
  public struct Setup: Sendable, Codable, Hashable {
    public var toolChoice: ToolChoice
    /// What it is once the model has answers: one that must call would call for ever.
    public var toolChoiceAfter: ToolChoice
    public var parallelToolCalls: Bool
    /// What a model that was made for this conversation was made from; nil: one of the configuration's.
    public var made: JSONValue?
    /// Its name among those that begin once on a store, whatever becomes of them; nil: it is none of them.
    public var plan: String?

    public init(
      toolChoice: ToolChoice = .auto,
      toolChoiceAfter: ToolChoice = .auto,
      parallelToolCalls: Bool = true,
      made: JSONValue? = nil,
      plan: String? = nil
    ) {
      self.toolChoice = toolChoice
      self.toolChoiceAfter = toolChoiceAfter
      self.parallelToolCalls = parallelToolCalls
      self.made = made
      self.plan = plan
    }
  }

  /// The same without its transcript, and with one: a store keeps them apart.
  public var withoutTranscript: Conversation { with(transcript: []) }

  public func with(transcript: [Entry]) -> Conversation {
    var copy = self
    copy.messages = transcript
    return copy
  }

  /// One message, when it came and in which turn.
  public struct Entry: Sendable, Codable, Hashable {
    public var at: Date
    public var turn: Int
    public var message: Message
    /// The calls that an assistant's message became, in its order.
    public var calls: [CallID]
  }

  /// Where a conversation is: whose turn it is, or how it ended.
  public indirect enum State: Sendable, Codable, Hashable {
    /// The model is asked, or about to be.
    case thinking
    /// These calls of the last turn have not all ended.
    case calling([CallID])
    /// Nothing new is asked until it is resumed; ends are still counted.
    case paused(from: State)
    /// A person stopped it.
    case stopped
    case finished
    case failed(String)

    public var word: Word {
      switch self {
      case .thinking: .thinking
      case .calling: .calling
      case .paused: .paused
      case .stopped: .stopped
      case .finished: .finished
      case .failed: .failed
      }
    }
  }

  /// The state's word, the same everywhere.
  public enum Word: String, Sendable, Codable, Hashable, CaseIterable {
    case thinking
    case calling
    case paused
    case stopped
    case finished
    case failed

    public var isLive: Bool {
      switch self {
      case .thinking, .calling, .paused: true
      case .stopped, .finished, .failed: false
      }
    }
  }
}

/// How much a conversation may use before it is stopped with a sentence.
public struct ConversationLimits: Sendable, Codable, Hashable {
  public var turns: Int
  public var calls: Int
  public var tokens: Int
  /// Seconds, without the time that persons take.
  public var seconds: Double
  /// Bytes of the transcript.
  public var transcript: Int
  /// Seconds an unknown outcome keeps the turn open.
  public var unknownWait: Double

  public init(
    turns: Int = Limit.turns.value,
    calls: Int = Limit.calls.value,
    tokens: Int = Limit.tokens.value,
    seconds: Double = Double(Limit.time.value),
    transcript: Int = Limit.transcript.value,
    unknownWait: Double = 900
  ) {
    self.turns = turns
    self.calls = calls
    self.tokens = tokens
    self.seconds = seconds
    self.transcript = transcript
    self.unknownWait = unknownWait
  }
}
