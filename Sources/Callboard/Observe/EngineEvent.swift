import Crypto
import Foundation
import JSONSchema

/// One line of the event stream: what happened, in order.
public struct EngineEvent: Sendable {
  /// Given by the store.
  public var seq = 0
  public var time: Date
  public var type: Kind
  public var call: CallPart?
  public var conversation: ConversationID?
  /// The run that it is about, and the workflow's name.
  public var run: RunID?
  public var workflow: String?
  public var function: String?
  public var model: ModelPart?
  public var cause: String?
  /// Who did it, where somebody did.
  public var by: String?
  public var rule: String?
  /// The grant by which it was approved ahead, or whose end has taken that back, or that is given, revoked or void.
  public var grant: GrantID?
  public var failure: CallFailure?
  /// Hash of the definition that it ran by, where it first started; of a function's, which it is about.
  public var definition: String?
  /// What an approval has to bind to, where a person is asked.
  public var digest: String?
  /// The earlier call that it equals, where a person is asked because of that.
  public var twin: CallID?
  /// What a person who decided had before their eyes.
  public var seen: Seen?
  public var source: CallOutcome.Source?
  /// The arguments as they were proposed, on `call.received`.
  public var proposed: JSONValue?
  /// The result, on `call.succeeded`; the decided arguments, on `call.awaiting_approval` and `call.running`.
  ///
  /// Always as it may be shown.
  public var value: JSONValue?
  /// Of arguments or a result too large to stand in `proposed` or `value`, or of arguments that were no JSON.
  public var excerpt: Excerpt?
  /// The last of what the attempt wrote beside its result, such as a program's stderr.
  public var errorOutput: String?

  public init(
    time: Date,
    type: Kind,
    call: CallPart? = nil,
    conversation: ConversationID? = nil,
    function: String? = nil,
    model: ModelPart? = nil,
    cause: String? = nil,
    by: String? = nil,
    rule: String? = nil,
    failure: CallFailure? = nil,
    source: CallOutcome.Source? = nil,
    value: JSONValue? = nil
  ) {
    self.time = time
    self.type = type
    self.call = call
    self.conversation = conversation
    self.function = function
    self.model = model
    self.cause = cause
    self.by = by
    self.rule = rule
    self.failure = failure
    self.source = source
    self.value = value
  }

  /// How a value begins, and what tells it from any other.
  public struct Excerpt: Sendable, Hashable {
    /// The first kilobyte of its text.
    public var head: String
    /// Of the whole text.
    public var bytes: Int
    /// Of the whole text, in hexadecimal digits.
    public var sha256: String

    package init(of text: some BidirectionalCollection<UInt8>) {
      // The last character may be cut in the midst of its bytes.
      var end = text.prefix(1024)
      while text.count > 1024, let last = end.last, last & 0x80 != 0 {
        end = end.dropLast()
        if last & 0xC0 == 0xC0 { break }
      }
      head = String(decoding: end, as: UTF8.self)
      bytes = text.count
      sha256 = hexadecimal(SHA256.hash(data: Array(text)))
    }

    init(head: String, bytes: Int, sha256: String) {
      self.head = head
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  /// Which call, and where it was then.
  public struct CallPart: Sendable {
    public var id: CallID
    public var function: String
    public var caller: String
    public var conversation: ConversationID?
    public var state: CallState.Word
    public var attempt: Int?
    public var revision: Int
    public var link: Call.Link?
    /// Which part of which workflow's run it is made for.
    public var step: StepPlace?

    public init(
      id: CallID,
      function: String,
      caller: String,
      conversation: ConversationID?,
      state: CallState.Word,
      attempt: Int?,
      revision: Int,
      link: Call.Link?
    ) {
      self.id = id
      self.function = function
      self.caller = caller
      self.conversation = conversation
      self.state = state
      self.attempt = attempt
      self.revision = revision
      self.link = link
    }
  }

  /// Which model gave no turn, and why.
  public struct ModelPart: Sendable, Hashable {
    /// Its name in the configuration.
    public var name: String
    public var failure: ModelFailure.Kind

    public init(name: String, failure: ModelFailure.Kind) {
      self.name = name
      self.failure = failure
    }
  }

  /// What an event tells of, and what that has become.
  public enum Kind: Sendable, Hashable {
    case call(CallState.Word)
    case conversation(Conversation.Word)
    case workflow(WorkflowRun.Word)
    case model(ModelChange)
    case function(FunctionChange)
    case breaker(CircuitBreaker.State)
    case engine(EngineChange)

    public enum ModelChange: String, Sendable, CaseIterable {
      /// It gave no turn.
      case failed
      /// An attempt at a turn failed, and another follows.
      case retrying
    }

    /// What was done with a function.
    public enum FunctionChange: String, Sendable, CaseIterable {
      case on
      case off
      case cacheCleared = "cache_cleared"
      case added
      case removed
      /// A server announced another definition, which is held until somebody accepts it.
      case changed
      /// The definition is another one from now on: a person, or the configuration, says so.
      case accepted
      /// A person has looked at a changed definition and left it held.
      case declined
      /// Only its words for people and models have changed.
      case described
    }

    /// What became of the whole engine, or could not be counted as a step of any call.
    public enum EngineChange: String, Sendable, CaseIterable {
      case started
      /// It went on with what it found unfinished on its store.
      case recovered
      case held
      case released
      /// Functions, rules and limits are as the configuration says now.
      case reloaded
      case stopping
      case stopped
      case decisionRefused = "decision_refused"
      /// What the store held of the audit log was not what had been written last.
      case auditBroken = "audit_broken"
      /// Somebody was shown the originals of a call's secrets.
      case revealed
      /// Somebody approved calls of one kind ahead.
      case granted
      case grantRevoked = "grant_revoked"
      /// Another definition has made it void for a function.
      case grantVoid = "grant_void"
      case lateResult = "late_result"
      case storeFailed = "store_failed"
      case storeRecovered = "store_recovered"
      /// Somebody is called about a call that waits.
      case notified
      case notifyFailed = "notify_failed"
    }

    /// The type as it stands in the stream, such as `call.queued`.
    public var text: String { thing + "." + word }

    /// What it is about.
    var thing: String {
      switch self {
      case .call: "call"
      case .conversation: "conversation"
      case .workflow: "workflow"
      case .model: "model"
      case .function: "function"
      case .breaker: "breaker"
      case .engine: "engine"
      }
    }

    /// What that has become.
    var word: String {
      switch self {
      case .call(let word): word.rawValue
      case .conversation(let word): word.rawValue
      case .workflow(let word): word.rawValue
      case .model(let change): change.rawValue
      case .function(let change): change.rawValue
      case .breaker(let state): state.rawValue
      case .engine(let change): change.rawValue
      }
    }
  }

  /// As much of an error output as stands in an event: its end.
  static func end(of errorOutput: String) -> String {
    errorOutput.cut(toLastBytes: Limit.eventErrorOutput.value)
  }

  /// The event as one JSON object, version 1.
  public var json: JSONValue {
    var object: JSONObject = [
      "v": 1, "seq": .integer(Int64(seq)), "time": .string(ISOTime.text(of: time)),
      "type": .string(type.text),
    ]
    if let call {
      var part: JSONObject = [
        "id": .string(call.id.description), "function": .string(call.function),
        "caller": .string(call.caller),
      ]
      if let conversation = call.conversation {
        part["conversation"] = .string(conversation.description)
      }
      part["state"] = .string(call.state.rawValue)
      if let attempt = call.attempt { part["attempt"] = .integer(Int64(attempt)) }
      part["revision"] = .integer(Int64(call.revision))
      switch call.link {
      case .again(let id): part["again"] = .string(id.description)
      case .settles(let id): part["settles"] = .string(id.description)
      case .fallback(let id): part["fallback_for"] = .string(id.description)
      case .checks(let id): part["checks"] = .string(id.description)
      case nil: break
      }
      if let step = call.step {
        part["run"] = .string(step.run.description)
        part["step"] = .string(step.step)
        if let item = step.item { part["item"] = .integer(Int64(item)) }
      }
      object["call"] = .object(part)
    }
    if let run { object["run"] = .string(run.description) }
    if let workflow { object["workflow"] = .string(workflow) }
    if let conversation { object["conversation"] = .string(conversation.description) }
    if let function { object["function"] = .string(function) }
    if let model {
      object["model"] = [
        "name": .string(model.name), "failure": .string(model.failure.rawValue),
      ]
    }
    if let cause { object["cause"] = .string(cause) }
    if let by { object["by"] = .string(by) }
    if let rule { object["rule"] = .string(rule) }
    if let grant { object["grant"] = .string(grant.description) }
    if let definition { object["definition"] = .string(definition) }
    if let digest { object["digest"] = .string(digest) }
    if let twin { object["twin"] = .string(twin.description) }
    if let seen {
      object["seen"] = ["revision": .integer(Int64(seen.revision)), "digest": .string(seen.digest)]
    }
    if let source { object["source"] = .string(source.rawValue) }
    if let failure {
      var part: JSONObject = [
        "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
        "reach": .string(failure.reach.rawValue),
      ]
      if let pointer = failure.pointer { part["pointer"] = .string(pointer) }
      object["failure"] = .object(part)
    }
    if let proposed { object["proposed"] = proposed }
    if let value { object["value"] = value }
    if let excerpt {
      object["excerpt"] = [
        "head": .string(excerpt.head), "bytes": .integer(Int64(excerpt.bytes)),
        "sha256": .string(excerpt.sha256),
      ]
    }
    if let errorOutput { object["stderr"] = .string(errorOutput) }
    return .object(object)
  }
}

extension EngineEvent {
  /// An event of version 1, as `json` wrote it; nil where it is none.
  public init?(_ json: JSONValue) {
    guard json["v"]?.intValue == 1, let seq = json["seq"]?.intValue,
      let time = json["time"]?.stringValue.flatMap(ISOTime.date(of:)),
      let type = json["type"]?.stringValue.flatMap(Kind.init(text:))
    else { return nil }
    self.init(
      time: time,
      type: type,
      call: json["call"].flatMap(CallPart.init(json:)),
      conversation: json["conversation"]?.stringValue.flatMap { ConversationID($0) },
      function: json["function"]?.stringValue,
      model: json["model"].flatMap(ModelPart.init(json:)),
      cause: json["cause"]?.stringValue,
      by: json["by"]?.stringValue,
      rule: json["rule"]?.stringValue,
      failure: json["failure"].flatMap(CallFailure.init(json:)),
      source: json["source"]?.stringValue.flatMap(CallOutcome.Source.init(rawValue:)),
      value: json["value"]
    )
    self.seq = Int(seq)
    run = json["run"]?.stringValue.flatMap { RunID($0) }
    workflow = json["workflow"]?.stringValue
    grant = json["grant"]?.stringValue.flatMap { GrantID($0) }
    definition = json["definition"]?.stringValue
    digest = json["digest"]?.stringValue
    twin = json["twin"]?.stringValue.flatMap { CallID($0) }
    seen = json["seen"].flatMap(Seen.init(json:))
    proposed = json["proposed"]
    excerpt = json["excerpt"].flatMap(Excerpt.init(json:))
    errorOutput = json["stderr"]?.stringValue
  }
}

extension EngineEvent.Kind {
  init?(text: String) {
    let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    let kind: Self? =
      switch parts[0] {
      case "call": CallState.Word(rawValue: parts[1]).map(Self.call)
      case "conversation": Conversation.Word(rawValue: parts[1]).map(Self.conversation)
      case "workflow": WorkflowRun.Word(rawValue: parts[1]).map(Self.workflow)
      case "model": ModelChange(rawValue: parts[1]).map(Self.model)
      case "function": FunctionChange(rawValue: parts[1]).map(Self.function)
      case "breaker": CircuitBreaker.State(rawValue: parts[1]).map(Self.breaker)
      case "engine": EngineChange(rawValue: parts[1]).map(Self.engine)
      default: nil
      }
    guard let kind else { return nil }
    self = kind
  }
}

extension Seen {
  fileprivate init?(json: JSONValue) {
    guard let revision = json["revision"]?.intValue, let digest = json["digest"]?.stringValue
    else { return nil }
    self.init(revision: Int(revision), digest: digest)
  }
}

extension EngineEvent.Excerpt {
  fileprivate init?(json: JSONValue) {
    guard let head = json["head"]?.stringValue, let bytes = json["bytes"]?.intValue,
      let sha256 = json["sha256"]?.stringValue
    else { return nil }
    self.init(head: head, bytes: Int(bytes), sha256: sha256)
  }
}

extension EngineEvent.ModelPart {
  fileprivate init?(json: JSONValue) {
    guard let name = json["name"]?.stringValue,
      let failure = json["failure"]?.stringValue.flatMap(ModelFailure.Kind.init(rawValue:))
    else { return nil }
    self.init(name: name, failure: failure)
  }
}

extension CallFailure {
  /// As much of a failure as an event tells.
  fileprivate init?(json: JSONValue) {
    guard let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)),
      let message = json["message"]?.stringValue,
      let reach = json["reach"]?.stringValue.flatMap(Reach.init(rawValue:))
    else { return nil }
    self.init(kind, message, pointer: json["pointer"]?.stringValue, reach: reach)
  }
}

extension EngineEvent.CallPart {
  fileprivate init?(json: JSONValue) {
    guard let id = json["id"]?.stringValue.flatMap({ CallID($0) }),
      let function = json["function"]?.stringValue, let caller = json["caller"]?.stringValue,
      let state = json["state"]?.stringValue.flatMap(CallState.Word.init(rawValue:)),
      let revision = json["revision"]?.intValue
    else { return nil }
    func other(_ name: String) -> CallID? { json[name]?.stringValue.flatMap { CallID($0) } }
    self.init(
      id: id,
      function: function,
      caller: caller,
      conversation: json["conversation"]?.stringValue.flatMap { ConversationID($0) },
      state: state,
      attempt: json["attempt"]?.intValue.map { Int($0) },
      revision: Int(revision),
      link: other("again").map(Call.Link.again) ?? other("settles").map(Call.Link.settles)
        ?? other("fallback_for").map { .fallback(for: $0) } ?? other("checks").map(Call.Link.checks)
    )
    if let run = json["run"]?.stringValue.flatMap({ RunID($0) }),
      let name = json["step"]?.stringValue
    {
      step = StepPlace(run: run, step: name, item: json["item"]?.intValue)
    }
  }
}

extension EngineEvent.CallPart {
  init(_ origin: Call.Origin, state: CallState.Word, attempt: Int?, revision: Int) {
    self.init(
      id: origin.id,
      function: origin.function,
      caller: origin.caller.name,
      conversation: origin.conversation,
      state: state,
      attempt: attempt,
      revision: revision,
      link: origin.link
    )
    step = origin.step
  }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T10:31:07.412Z`.
public enum ISOTime {
  /// The moment that `text(of:)` wrote, to the millisecond; nil where it is none.
  public static func date(of text: String) -> Date? {
    try? JSONValue.string(text).decode(as: Date.self)
  }

  public static func text(of date: Date) -> String {
    var writer = StoredFormWriter(capacity: 24)
    writer.put(milliseconds: date)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Appends a second since 1970, without its zone: `2026-11-22T10:31:07`.
  static func write(second: Int64, into bytes: inout [UInt8]) {
    var days = second / 86400
    var rest = second % 86400
    if rest < 0 {
      rest += 86400
      days -= 1
    }
    // Days since 1970 to a civil date: Howard Hinnant's algorithm, valid for every year of the Gregorian calendar.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    if (0...9999).contains(year) {
      bytes.append(number: year, digits: 4)
    } else {
      bytes.append(contentsOf: String(year).utf8)
    }
    bytes.append(UInt8(ascii: "-"))
    bytes.append(number: month, digits: 2)
    bytes.append(UInt8(ascii: "-"))
    bytes.append(number: day, digits: 2)
    bytes.append(UInt8(ascii: "T"))
    bytes.append(number: rest / 3600, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(number: rest % 3600 / 60, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(number: rest % 60, digits: 2)
  }
}

extension [UInt8] {
  /// Appends the last decimal digits of a number that is not negative.
  mutating func append(number: Int64, digits: Int) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }
}
