import JSONSchema

/// One bound on what comes from outside: its default, and what happens beyond it.
///
/// The code takes its defaults from here, and `callboard config limits` and the page of limits are made from it.
public struct Limit: Sendable, Hashable {
  public var name: String
  public var value: Int
  public var unit: String
  /// What happens beyond it, as a sentence without its first word.
  public var beyond: String
  /// Where it stands in a configuration; nil: it can't be changed.
  public var key: String?

  private init(_ name: String, _ value: Int, _ unit: String, key: String? = nil, beyond: String) {
    self.name = name
    self.value = value
    self.unit = unit
    self.key = key
    self.beyond = beyond
  }
}

// MARK: - One call

extension Limit {
  public static let arguments = Limit(
    "arguments of a call",
    1 << 20,
    "bytes",
    key: "limits.arguments",
    beyond: "the call is rejected (invalid_arguments)"
  )
  public static let depth = Limit(
    "arrays and objects inside each other, in arguments and results",
    512,
    "levels",
    beyond: "the call is rejected (invalid_arguments), the result is no JSON (invalid_result)"
  )
  public static let unparsed = Limit(
    "arguments that are not JSON, as they are kept",
    16 << 10,
    "bytes",
    beyond: "the rest is cut off"
  )
  public static let nestedText = Limit(
    "a text in arguments or results that is read as JSON, to find secrets in it",
    64 << 10,
    "bytes",
    beyond: "it is looked through as any other text"
  )
  public static let knownSecrets = Limit(
    "secrets of a conversation, or of a call, that are hidden where they stand again",
    500,
    "texts",
    beyond: "further ones are hidden in their own fields only"
  )
  public static let name = Limit(
    "a name that there is not, and a model's own id of a call",
    200,
    "characters",
    beyond: "the rest is cut off"
  )
  public static let result = Limit(
    "result of a call",
    1 << 20,
    "bytes",
    key: "providers.*.functions[].max_result",
    beyond: "the call fails (result_too_big); a write's result is withheld"
  )
  public static let failure = Limit(
    "message of a failure",
    16 << 10,
    "bytes",
    beyond: "the rest is cut off"
  )
  public static let details = Limit(
    "errors of validation that are told of one call",
    100,
    "errors",
    beyond: "the others are left out"
  )
  public static let errorOutput = Limit(
    "what an attempt writes beside its result, such as stderr",
    8 << 10,
    "bytes",
    beyond: "only the last of it is kept"
  )
  public static let keptErrorOutputs = Limit(
    "what ended programs of a provider have written to stderr, until it is asked for",
    256,
    "programs",
    beyond: "that of the oldest is forgotten"
  )
  public static let remark = Limit(
    "reason of a denial, and evidence of a settlement",
    4 << 10,
    "bytes",
    beyond: "the decision is refused"
  )
}

// MARK: - All calls

extension Limit {
  public static let slots = Limit(
    "attempts at one time",
    256,
    "attempts",
    key: "limits.slots",
    beyond: "calls wait for their turn"
  )
  public static let queue = Limit(
    "new calls that wait for their turn",
    10_000,
    "calls",
    key: "limits.queue",
    beyond: "new calls are rejected (queue_full)"
  )
  public static let held = Limit(
    "calls that wait for a person",
    100_000,
    "calls",
    key: "limits.held",
    beyond: "calls that need approval are rejected (queue_full)"
  )
  public static let cacheEntries = Limit(
    "cached answers",
    10_000,
    "answers",
    key: "limits.cache_entries",
    beyond: "the oldest are forgotten"
  )
  public static let cacheBytes = Limit(
    "cached answers together",
    64 << 20,
    "bytes",
    key: "limits.cache_bytes",
    beyond: "the oldest are forgotten"
  )
  public static let offers = Limit(
    "functions that a model is offered",
    128,
    "functions",
    beyond: "the conversation fails, and says to switch some off"
  )
  public static let twins = Limit(
    "writes that succeeded within 24 hours, as equal ones are looked for in memory",
    100_000,
    "calls",
    beyond: "the oldest are looked for in the store, which costs each write a read"
  )
  public static let unstoredEvents = Limit(
    "events of no call or conversation, kept while the store can't write",
    10_000,
    "events",
    beyond: "the oldest are dropped, and the log says how many are missing"
  )
  public static let grants = Limit(
    "grants that stand at one time",
    1000,
    "grants",
    beyond: "a new one is refused"
  )
  public static let keptCalls = Limit(
    "ended calls that are kept with store: memory",
    10_000,
    "calls",
    beyond: "the oldest are forgotten"
  )
  public static let errorGroups = Limit(
    "groups on the errors screen",
    500,
    "groups",
    beyond: "further functions share one group"
  )
}

// MARK: - Conversations

extension Limit {
  public static let conversations = Limit(
    "conversations that live at one time",
    10_000,
    "conversations",
    key: "limits.conversations",
    beyond: "a new one does not begin"
  )
  public static let message = Limit(
    "one message of a person or program",
    1 << 20,
    "bytes",
    key: "limits.message",
    beyond: "the message is refused"
  )
  public static let answer = Limit(
    "one answer of a model, with the arguments of its calls",
    8 << 20,
    "bytes",
    key: "limits.answer",
    beyond: "the conversation fails; none of its calls is made"
  )
  public static let transcript = Limit(
    "transcript of a conversation",
    32 << 20,
    "bytes",
    key: "limits.conversation.transcript",
    beyond: "it ends before its next turn"
  )
  public static let turns = Limit(
    "turns of a conversation",
    50,
    "turns",
    key: "limits.conversation.turns",
    beyond: "it ends before its next turn"
  )
  public static let calls = Limit(
    "calls of a conversation",
    200,
    "calls",
    key: "limits.conversation.calls",
    beyond: "it ends, and its open calls are cancelled"
  )
  public static let tokens = Limit(
    "tokens of a conversation",
    1_000_000,
    "tokens",
    key: "limits.conversation.tokens",
    beyond: "it ends before its next turn"
  )
  public static let time = Limit(
    "time of a conversation, without persons' time",
    1800,
    "seconds",
    key: "limits.conversation.time",
    beyond: "it ends, and its open calls are cancelled"
  )
  public static let modelStream = Limit(
    "one answer of a model as it comes over the network",
    32 << 20,
    "bytes",
    beyond: "the attempt fails, and is tried again as the model's retry says"
  )
  public static let modelEvent = Limit(
    "one event of a model's stream",
    8 << 20,
    "bytes",
    beyond: "the attempt fails, and is tried again as the model's retry says"
  )
  public static let turnCalls = Limit(
    "calls that a model asks for in one turn",
    256,
    "calls",
    beyond: "the conversation fails; none of its calls is made"
  )
  public static let writing = Limit(
    "a turn as it is shown while it is written",
    64 << 10,
    "bytes",
    beyond: "the rest is shown when the turn is whole"
  )
  public static let keptConversations = Limit(
    "ended conversations that take a message at once",
    200,
    "conversations",
    beyond: "the oldest take none any more"
  )
}

// MARK: - Workflows

extension Limit {
  public static let runs = Limit(
    "runs of workflows that live at one time",
    10_000,
    "runs",
    beyond: "a new one does not begin"
  )
  public static let workflowParallel = Limit(
    "steps of one run that are under way at one time, unless its workflow says another number",
    16,
    "steps",
    beyond: "they wait for their turn"
  )
  public static let keptRuns = Limit(
    "ended runs that are kept with store: memory",
    1000,
    "runs",
    beyond: "the oldest are forgotten"
  )
}

// MARK: - The event stream

extension Limit {
  public static let eventValue = Limit(
    "arguments or result in an event",
    2048,
    "bytes",
    beyond: "the event has none; the call has it"
  )
  public static let waitingEvents = Limit(
    "events that wait to be written to the file of --events",
    1_000_000,
    "events",
    beyond: "the file ends there, and says so; the engine goes on"
  )
  public static let eventErrorOutput = Limit(
    "error output in an event",
    2048,
    "bytes",
    beyond: "only the last of it is told; the call has all that is kept"
  )
}

extension Limit {
  /// Every limit, in the order in which a call meets them.
  public static let all: [Limit] = [
    .arguments, .depth, .unparsed, .nestedText, .knownSecrets, .name, .result, .failure, .details,
    .errorOutput,
    .keptErrorOutputs, .remark,
    .slots,
    .queue, .held, .twins, .unstoredEvents, .grants, .cacheEntries, .cacheBytes, .offers,
    .keptCalls, .errorGroups,
    .conversations,
    .message, .answer, .transcript, .turns, .calls, .tokens, .time, .modelStream, .modelEvent,
    .turnCalls, .writing, .keptConversations,
    .runs, .workflowParallel, .keptRuns,
    .eventValue, .eventErrorOutput, .waitingEvents,
  ]

  public var json: JSONValue {
    var object: JSONObject = [
      "name": .string(name), "value": .integer(Int64(value)), "unit": .string(unit),
      "beyond": .string(beyond),
    ]
    if let key { object["key"] = .string(key) }
    return .object(object)
  }

  /// The table of all limits as a page of the documentation.
  public static var page: String {
    let rows = all.map { limit in
      let key = limit.key.map { "`\($0)`" } ?? "fixed"
      return "| \(limit.name) | \(limit.value) \(limit.unit) | \(limit.beyond) | \(key) |"
    }
    return """
      # Limits

      Everything that comes from outside has a bound. Passing one fails that call or conversation, says so, and never
      the engine.

      <!-- Made from Sources/Callboard/Engine/Limits.swift: write it anew with `callboard-bench limits`. -->

      | what | at most | beyond it | in the configuration |
      | --- | --- | --- | --- |
      \(rows.joined(separator: "\n"))

      """
  }
}

extension String {
  /// Its beginning where it has more bytes than that, and `…`.
  func cut(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    return String(decoding: utf8.prefix(limit), as: UTF8.self).prefixOfWholeCharacters + "…"
  }

  /// Its end where it has more bytes than that, after `…`.
  public func cut(toLastBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    return "…" + String(decoding: utf8.suffix(limit).drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
  }

  /// Without a character that was cut in two.
  private var prefixOfWholeCharacters: String {
    last == "\u{FFFD}" ? String(dropLast()) : self
  }
}

extension JSONValue {
  /// Whether arrays and objects stand deeper inside each other than that.
  func isDeeper(than limit: Int) -> Bool {
    switch self {
    case .null, .bool, .integer, .double, .decimal, .string: false
    case .array(let items): limit == 0 || items.contains { $0.isDeeper(than: limit - 1) }
    case .object(let object): limit == 0 || object.contains { $0.value.isDeeper(than: limit - 1) }
    }
  }

  /// Whether it takes more bytes than that as JSON.
  func isLonger(than limit: Int) -> Bool {
    approximateBytes(upTo: limit) > limit && serializedBytes().count > limit
  }
}
