import Foundation
import JSONSchema

/// One run of a workflow: what it was given, and what has become of each step.
public struct WorkflowRun: Sendable, Codable {
  public let id: RunID
  /// As it was when the run began.
  public let workflow: Workflow
  /// Who its calls are made for.
  public let caller: Principal
  public let startedAt: Date
  public internal(set) var input: Payload
  public internal(set) var state: State = .running
  /// In the order of the workflow.
  public internal(set) var steps: [Step]
  /// What it gives, once it has succeeded.
  public internal(set) var output: Payload?
  public internal(set) var revision = 0
  public internal(set) var lastActivity: Date
  public internal(set) var endedAt: Date?
  /// How often a person had it go on after it had ended.
  public internal(set) var retries = 0
  /// Who started it or had it go on: with two or more approvers none of them may approve its calls.
  public internal(set) var people: [Principal]

  public init(
    id: RunID,
    workflow: Workflow,
    input: JSONValue,
    caller: Principal,
    startedAt: Date
  ) {
    self.id = id
    self.workflow = workflow
    self.caller = caller
    self.startedAt = startedAt
    self.input = Payload(input)
    steps = workflow.steps.map { Step(id: $0.id) }
    lastActivity = startedAt
    people = [caller]
  }

  /// What it is listed by: its begin while it lives, so that rows stay where they are; then its end.
  package var listedBy: Date { state.word.isLive ? startedAt : lastActivity }

  /// Where a run is, or how it ended.
  public enum State: Sendable, Codable, Hashable {
    case running
    /// Nothing new begins; what is under way is being stopped.
    case stopping(End)
    case succeeded
    /// Why, in a sentence.
    case failed(String)
    case cancelled

    public var word: Word {
      switch self {
      case .running: .running
      case .stopping: .stopping
      case .succeeded: .succeeded
      case .failed: .failed
      case .cancelled: .cancelled
      }
    }
  }

  /// How a run ends once what is under way has ended.
  public enum End: Sendable, Codable, Hashable {
    case failed(String)
    case cancelled
  }

  /// The state's word, the same everywhere.
  public enum Word: String, Sendable, Codable, Hashable, CaseIterable {
    case running
    case stopping
    case succeeded
    case failed
    case cancelled

    public var isLive: Bool {
      switch self {
      case .running, .stopping: true
      case .succeeded, .failed, .cancelled: false
      }
    }
  }

  /// What has become of one step.
  public struct Step: Sendable, Codable, Hashable {
    public let id: String
    public internal(set) var state: StepState = .waiting
    /// One, or one for each item of a `for_each`; none before it begins.
    public internal(set) var items: [Item] = []
    public internal(set) var startedAt: Date?
    public internal(set) var endedAt: Date?

    init(id: String) { self.id = id }
  }

  /// Where a step is.
  public enum StepState: Sendable, Codable, Hashable {
    /// For the steps that it needs.
    case waiting
    case running
    case succeeded
    /// Its condition does not hold; where, in a few words.
    case skipped(String)
    /// Every item of it has ended, and one has failed.
    case failed(CallFailure)

    public var word: StepWord {
      switch self {
      case .waiting: .waiting
      case .running: .running
      case .succeeded: .succeeded
      case .skipped: .skipped
      case .failed: .failed
      }
    }

    /// Whether the steps that need it may go on.
    var isOver: Bool {
      switch self {
      case .waiting, .running: false
      case .succeeded, .skipped, .failed: true
      }
    }
  }

  /// A step's state as a word.
  public enum StepWord: String, Sendable, Codable, Hashable, CaseIterable {
    case waiting, running, succeeded, skipped, failed
  }

  /// A step, or one item of a step with `for_each`.
  public struct Item: Sendable, Codable, Hashable {
    public internal(set) var state: ItemState = .waiting
    /// The call or conversation that does it, or did it last.
    public internal(set) var work: Work?
    public internal(set) var startedAt: Date?
    public internal(set) var endedAt: Date?
    /// Its time is over, and its work told to stop.
    var isTimedOut = false

    var isOpen: Bool { state == .open }
  }

  /// Where an item is.
  public enum ItemState: Sendable, Codable, Hashable {
    case waiting
    /// Its work is under way.
    case open
    case succeeded(Payload)
    /// It failed, and this counts in place of a result.
    case fellBack(Payload, CallFailure)
    case failed(CallFailure)

    public var value: Payload? {
      switch self {
      case .succeeded(let payload), .fellBack(let payload, _): payload
      case .waiting, .open, .failed: nil
      }
    }

    public var failure: CallFailure? {
      switch self {
      case .failed(let failure), .fellBack(_, let failure): failure
      case .waiting, .open, .succeeded: nil
      }
    }
  }

  /// Who does an item.
  public enum Work: Sendable, Codable, Hashable {
    case call(CallID)
    case conversation(ConversationID)
  }
}

/// Which part of which run a call is made for.
public struct StepPlace: Sendable, Codable, Hashable {
  public var run: RunID
  public var step: String
  /// Which item of a `for_each`, counted from 0; nil where the step has none.
  public var item: Int?

  public init(run: RunID, step: String, item: Int? = nil) {
    self.run = run
    self.step = step
    self.item = item
  }

  /// `offer`, or `offer[3]`.
  public var name: String { step + (item.map { "[\($0)]" } ?? "") }
}

extension WorkflowRun {
  /// What is under way.
  public var openWork: [Work] {
    steps.flatMap { step in step.items.compactMap { $0.isOpen ? $0.work : nil } }
  }

  /// Where some work belongs; nil where it is not the last of any item.
  func place(of work: Work) -> (step: Int, item: Int)? {
    for (index, step) in steps.enumerated() {
      if let item = step.items.firstIndex(where: { $0.work == work }) { return (index, item) }
    }
    return nil
  }

  /// From its start to its end, or to now.
  public func seconds(at now: Date) -> Double { (endedAt ?? now).timeIntervalSince(startedAt) }

  /// What templates and conditions see: the input, and what steps gave, by their ids.
  func context(_ value: (Payload) -> JSONValue) -> JSONObject {
    var context: JSONObject = ["input": value(input)]
    for (index, step) in steps.enumerated() where step.state == .succeeded {
      func result(_ item: Item) -> JSONValue { item.state.value.map(value) ?? .null }
      context[step.id] =
        workflow.steps[index].repetition == nil
        ? step.items.first.map(result) ?? .null : .array(step.items.map(result))
    }
    return context
  }

  /// Everything of it that may hold secrets.
  var payloads: [Payload] {
    [input] + steps.flatMap { $0.items.compactMap(\.state.value) } + [output].compactMap(\.self)
  }

  /// Whether one of these is like this.
  func hasPayload(where isLike: (Payload) -> Bool) -> Bool {
    if isLike(input) || output.map(isLike) == true { return true }
    return steps.contains { step in
      step.items.contains { $0.state.value.map(isLike) == true }
    }
  }

  /// The same with each of these changed.
  func mapping(_ change: (Payload, _ place: String) -> Payload) -> WorkflowRun {
    var copy = self
    copy.input = change(input, "input")
    copy.output = output.map { change($0, "output") }
    for (index, step) in steps.enumerated() {
      for (number, item) in step.items.enumerated() {
        let place = "\(step.id)/\(number)"
        switch item.state {
        case .succeeded(let payload):
          copy.steps[index].items[number].state = .succeeded(change(payload, place))
        case .fellBack(let payload, let failure):
          copy.steps[index].items[number].state = .fellBack(change(payload, place), failure)
        case .waiting, .open, .failed: break
        }
      }
    }
    return copy
  }

  /// Takes the secrets out of what is shown of it.
  package mutating func redact(_ redactor: Redactor) {
    self = mapping { payload, _ in
      var payload = payload
      payload.redact(redactor.redact(_:))
      return payload
    }
  }

  /// The same without originals of secrets: for stores and views.
  public var withoutOriginals: WorkflowRun {
    hasPayload(where: \.hasSecrets)
      ? mapping { payload, _ in payload.withoutOriginal } : self
  }
}

extension Sealer {
  /// The originals of a run that differ from what is shown; nil where none does.
  func seal(_ run: WorkflowRun) -> [UInt8]? {
    guard run.hasPayload(where: \.hasSecrets) else { return nil }
    var originals = JSONObject()
    _ = run.mapping { payload, place in
      if payload.hasSecrets { originals[place] = payload.original }
      return payload
    }
    return seal(.object(originals), for: "run \(run.id)")
  }

  /// The run with its originals in their places; nil where they can't be opened.
  func restoring(_ run: WorkflowRun, from sealed: [UInt8]) -> WorkflowRun? {
    guard let originals = open(sealed, for: "run \(run.id)") else { return nil }
    return run.mapping { payload, place in
      guard let original = originals[place] else { return payload }
      var payload = payload
      payload.restore(original)
      return payload
    }
  }

  /// Whether what is sealed beside a run can be opened, and belongs to it.
  package func opens(_ sealed: [UInt8], ofRun id: RunID) -> Bool {
    open(sealed, for: "run \(id)") != nil
  }
}
