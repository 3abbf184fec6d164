import Foundation
import JSONSchema

/// What can happen to a run.
package enum WorkflowEvent: Sendable {
  /// It was made; what needs nothing begins.
  case start
  /// A call or conversation of it has ended.
  case workEnded(WorkflowRun.Work, WorkflowRun.WorkEnd)
  /// The time of this work is over.
  case timedOut(WorkflowRun.Work)
  case cancel(by: Principal)
  /// What it would go on with is gone, for this reason.
  case lost(String)
  /// Goes on from what has failed; `known`: what has become of the last work of items that failed.
  case retry(by: Principal, known: [WorkflowRun.Work: WorkflowRun.Known])
}

extension WorkflowRun {
  /// How a call or conversation of a run ended.
  package enum WorkEnd: Sendable {
    case result(Payload)
    case failure(CallFailure)
  }

  /// What has become of work that counted as failed.
  package enum Known: Sendable {
    /// It is under way, or waits for a person: it is waited for, and not done again.
    case open
    /// It has a result after all.
    case result(Payload)
  }

  /// An item that begins.
  package struct Beginning: Sendable {
    package var place: StepPlace
    package var work: Work
    package var task: Instruction
  }

  /// What an item is to do, its templates filled in.
  package enum Instruction: Sendable {
    case call(String, JSONValue)
    case ask(model: String, system: String?, prompt: String)
  }
}

/// What has to be done after a run has moved.
package enum WorkflowEffect: Sendable {
  case none
  /// Starts these, once the run is stored as it is.
  case begin([WorkflowRun.Beginning])
  /// Stops these, for whoever asked for it.
  case stop([WorkflowRun.Work], by: Principal?)
  case ended
}

/// The table of a run, as one pure function.
extension WorkflowRun {
  /// Moves the run, or throws `IllegalRunMove` and leaves it as it was.
  package mutating func handle(
    _ event: WorkflowEvent,
    now: Date,
    using generator: inout some RandomNumberGenerator
  ) throws -> WorkflowEffect {
    let before = self
    do {
      let effect = try row(event, at: now, using: &generator)
      lastActivity = now
      revision += 1
      return effect
    } catch {
      self = before
      throw error
    }
  }

  private mutating func row(
    _ event: WorkflowEvent,
    at now: Date,
    using generator: inout some RandomNumberGenerator
  ) throws -> WorkflowEffect {
    switch (state, event) {
    case (.running, .start) where steps.allSatisfy { $0.state == .waiting && $0.items.isEmpty }:
      return goOn(at: now, using: &generator)

    case (.running, .workEnded(let work, let end)):
      let place = try openPlace(of: work, event)
      note(end, at: place, now)
      return goOn(at: now, using: &generator)

    case (.stopping(let last), .workEnded(let work, let end)):
      let place = try openPlace(of: work, event)
      note(end, at: place, now)
      return finishStopping(last, at: now)

    case (.running, .timedOut(let work)), (.stopping, .timedOut(let work)):
      let place = try openPlace(of: work, event)
      guard !steps[place.step].items[place.item].isTimedOut else { throw illegal(event) }
      steps[place.step].items[place.item].isTimedOut = true
      return .stop([work], by: nil)

    case (.running, .cancel(let person)):
      return stop(.cancelled, by: person, at: now)

    case (.running, .lost(let why)), (.stopping, .lost(let why)):
      return stop(.failed(why), by: nil, at: now)

    case (.failed, .retry(let person, let known)), (.cancelled, .retry(let person, let known)):
      retries += 1
      endedAt = nil
      state = .running
      if !people.contains(where: person.isSamePerson) { people.append(person) }
      reset(known, at: now)
      return goOn(at: now, using: &generator)

    case (.running, .start), (.running, .retry), (.stopping, .start), (.stopping, .cancel),
      (.stopping, .retry), (.succeeded, _), (.failed, .start), (.failed, .workEnded),
      (.failed, .timedOut), (.failed, .cancel), (.failed, .lost), (.cancelled, .start),
      (.cancelled, .workEnded), (.cancelled, .timedOut), (.cancelled, .cancel), (.cancelled, .lost):
      throw illegal(event)
    }
  }

  private func illegal(_ event: WorkflowEvent) -> IllegalRunMove {
    IllegalRunMove(state: state.word, event: event.name)
  }

  private func openPlace(
    of work: Work,
    _ event: WorkflowEvent
  ) throws(IllegalRunMove) -> (step: Int, item: Int) {
    guard let place = place(of: work), steps[place.step].items[place.item].isOpen else {
      throw illegal(event)
    }
    return place
  }

  // MARK: - Ends of items

  private mutating func note(_ end: WorkEnd, at place: (step: Int, item: Int), _ now: Date) {
    var item = steps[place.step].items[place.item]
    item.endedAt = now
    switch end {
    case .result(let payload): item.state = .succeeded(payload)
    case .failure(let failure) where failure.kind == .stopping:
      // The engine stopped before it was admitted: nothing of it was done.
      steps[place.step].items[place.item] = Item()
      return
    case .failure(var failure):
      if item.isTimedOut, failure.kind == .cancelled {
        failure = Self.timeout(workflow.steps[place.step].timeout)
      }
      item.state = afterFailure(failure, of: place)
    }
    steps[place.step].items[place.item] = item
  }

  private static func timeout(_ seconds: Double?) -> CallFailure {
    let words = seconds.map { Duration.seconds($0).words } ?? "its time"
    return CallFailure(.timeout, "It was not done within \(words).", reach: .answered)
  }

  /// What counts in place of a result, where something does.
  ///
  /// Never where nobody knows whether it was done: that waits for a person.
  private func afterFailure(
    _ failure: CallFailure,
    of place: (step: Int, item: Int)
  ) -> ItemState {
    let step = workflow.steps[place.step]
    guard state == .running, failure.kind != .outcomeUnknown, let fallback = step.fallback,
      let value = try? value(of: fallback, in: step, item: place.item)
    else { return .failed(failure) }
    return .fellBack(value, failure)
  }

  // MARK: - Going on

  /// Settles what can be settled, and begins what can begin.
  private mutating func goOn(
    at now: Date,
    using generator: inout some RandomNumberGenerator
  ) -> WorkflowEffect {
    var begun: [Beginning] = []
    var isChanged = true
    while isChanged {
      isChanged = false
      for index in steps.indices where !steps[index].state.isOver {
        if steps[index].state == .waiting {
          guard needsAreOver(index) else { continue }
          open(index, at: now)
          isChanged = true
        }
        begin(index, at: now, &begun, using: &generator)
        if close(index, at: now) { isChanged = true }
        if case .failed(let failure) = steps[index].state, endsRun(failure, of: index) {
          takeBack(begun)
          let why = "step \(steps[index].id) failed: \(failure.message)"
          return stop(.failed(why), by: nil, at: now)
        }
      }
    }
    guard begun.isEmpty else { return .begin(begun) }
    guard steps.allSatisfy(\.state.isOver) else { return .none }
    return conclude(at: now)
  }

  /// What may have been done is never passed over, also where the step is not required.
  private func endsRun(_ failure: CallFailure, of index: Int) -> Bool {
    workflow.steps[index].isRequired || failure.kind == .outcomeUnknown
  }

  private func needsAreOver(_ index: Int) -> Bool {
    workflow.steps[index].needs.allSatisfy { need in
      steps.first { $0.id == need }?.state.isOver ?? true
    }
  }

  /// A step whose needs are over: it is skipped, or its items are there.
  private mutating func open(_ index: Int, at now: Date) {
    let step = workflow.steps[index]
    // One that is retried has its items already.
    guard steps[index].items.isEmpty else {
      steps[index].state = .running
      return
    }
    if let condition = step.conditionSchema {
      let errors = condition.validate(.object(context(\.original)), stopAtFirst: true)
      if let error = errors.first {
        let place = error.path.isEmpty ? "" : " at \(error.path)"
        steps[index].state = .skipped("its condition does not hold" + place)
        steps[index].endedAt = now
        return
      }
    }
    steps[index].startedAt = now
    steps[index].state = .running
    guard let repetition = step.repetition else {
      steps[index].items = [Item()]
      return
    }
    do throws(WorkflowTemplate.Missing) {
      let items = try repetition.items.value(in: context(\.original))
      guard let array = items.arrayValue else {
        return fail(index, "for_each takes an array, and got \(items.typeName)", at: now)
      }
      guard array.count <= repetition.most else {
        let many = "for_each got \(array.count) items, more than the \(repetition.most) it may have"
        return fail(index, many, at: now)
      }
      steps[index].items = array.map { _ in Item() }
    } catch {
      fail(index, error.sentence, at: now)
    }
  }

  private mutating func fail(_ index: Int, _ why: String, at now: Date) {
    steps[index].state = .failed(CallFailure(.invalidArguments, why))
    steps[index].endedAt = now
  }

  /// Begins items of a step, as many as may be under way.
  private mutating func begin(
    _ index: Int,
    at now: Date,
    _ begun: inout [Beginning],
    using generator: inout some RandomNumberGenerator
  ) {
    guard steps[index].state == .running, !steps[index].hasFailedItem else { return }
    let step = workflow.steps[index]
    let most = step.repetition?.parallel ?? 1
    for number in steps[index].items.indices where steps[index].items[number].state == .waiting {
      guard steps[index].items.count(where: \.isOpen) < most, openCount < workflow.parallel else {
        return
      }
      steps[index].items[number].startedAt = now
      steps[index].items[number].endedAt = nil
      steps[index].items[number].isTimedOut = false
      do throws(WorkflowTemplate.Missing) {
        let task = try task(of: step, item: number)
        let id = UUIDv7(
          at: now,
          sequence: UInt16(begun.count & 0x0FFF),
          random: generator.next()
        )
        let work: Work =
          switch task {
          case .call: .call(CallID(id))
          case .ask: .conversation(ConversationID(id))
          }
        steps[index].items[number].state = .open
        steps[index].items[number].work = work
        let place = StepPlace(
          run: self.id,
          step: step.id,
          item: step.repetition == nil ? nil : number
        )
        begun.append(Beginning(place: place, work: work, task: task))
      } catch {
        let failure = CallFailure(.invalidArguments, error.sentence)
        steps[index].items[number].endedAt = now
        steps[index].items[number].state = afterFailure(failure, of: (index, number))
        if steps[index].hasFailedItem { return }
      }
    }
  }

  private var openCount: Int { steps.reduce(0) { $0 + $1.items.count(where: \.isOpen) } }

  /// What was about to begin, and does not, because the run ends.
  private mutating func takeBack(_ begun: [Beginning]) {
    for beginning in begun {
      guard let place = place(of: beginning.work) else { continue }
      steps[place.step].items[place.item] = Item()
    }
  }

  /// Ends a step whose items have ended; whether it did.
  private mutating func close(_ index: Int, at now: Date) -> Bool {
    guard steps[index].state == .running else { return false }
    let items = steps[index].items
    let failure = items.lazy.compactMap { item -> CallFailure? in
      if case .failed(let failure) = item.state { failure } else { nil }
    }.first
    if let failure {
      // Of one whose failure ends the run nothing more is waited for here.
      guard workflow.steps[index].isRequired || !items.contains(where: \.isOpen) else {
        return false
      }
      steps[index].state = .failed(failure)
    } else {
      guard items.allSatisfy({ $0.state.value != nil }) else { return false }
      steps[index].state = .succeeded
    }
    steps[index].endedAt = now
    return true
  }

  /// Every step is over.
  private mutating func conclude(at now: Date) -> WorkflowEffect {
    do throws(WorkflowTemplate.Missing) {
      if let template = workflow.output {
        output = try value(of: template, in: nil, item: nil)
      } else {
        output = Self.payload(results(\.original), shown: results(\.shown))
      }
      state = .succeeded
    } catch {
      state = .failed("its output can't be made: " + error.sentence)
    }
    endedAt = now
    return .ended
  }

  private func results(_ value: (Payload) -> JSONValue) -> JSONValue {
    var all = context(value)
    all["input"] = nil
    return .object(all)
  }

  // MARK: - Values

  private func context(
    of step: Workflow.Step?,
    item: Int?,
    _ value: (Payload) -> JSONValue
  )
    throws(WorkflowTemplate.Missing) -> JSONObject
  {
    var context = context(value)
    if let repetition = step?.repetition, let item {
      let items = try repetition.items.value(in: context).arrayValue ?? []
      if items.indices.contains(item) { context["item"] = items[item] }
      context["index"] = .integer(Int64(item))
    }
    return context
  }

  private func task(
    of step: Workflow.Step,
    item: Int
  ) throws(WorkflowTemplate.Missing) -> Instruction {
    let context = try context(of: step, item: item, \.original)
    switch step.action {
    case .call(let function, let arguments):
      return .call(function, try arguments.value(in: context))
    case .ask(let question):
      func text(_ template: WorkflowTemplate) throws(WorkflowTemplate.Missing) -> String {
        let value = try template.value(in: context)
        return value.stringValue ?? value.serialized()
      }
      var system: String?
      if let template = question.system { system = try text(template) }
      return .ask(model: question.model, system: system, prompt: try text(question.prompt))
    }
  }

  /// What work that is under way is to do, as it was when it began.
  func beginning(of work: Work) -> Beginning? {
    guard let (index, number) = place(of: work) else { return nil }
    let step = workflow.steps[index]
    guard let task = try? task(of: step, item: number) else { return nil }
    let place = StepPlace(run: id, step: step.id, item: step.repetition == nil ? nil : number)
    return Beginning(place: place, work: work, task: task)
  }

  /// A template's value, and beside it what may be shown of it.
  private func value(
    of template: WorkflowTemplate,
    in step: Workflow.Step?,
    item: Int?
  ) throws(WorkflowTemplate.Missing) -> Payload {
    // The output is all there is to say that a step was passed over; another step has to say what counts then.
    let skipped = step == nil ? skippedSteps : []
    let original = try template.value(
      in: try context(of: step, item: item, \.original),
      skipped: skipped
    )
    guard hasPayload(where: \.hasSecrets) else { return Payload(original) }
    // Where a mark stands in the place of an object, nothing of it can be shown.
    let shown = try? template.value(
      in: try context(of: step, item: item, \.shown),
      skipped: skipped
    )
    return Self.payload(original, shown: shown ?? .string(Redactor.mark))
  }

  private var skippedSteps: Set<String> {
    Set(
      steps.compactMap { step in
        if case .skipped = step.state { step.id } else { nil }
      }
    )
  }

  private static func payload(_ original: JSONValue, shown: JSONValue) -> Payload {
    var payload = Payload(original)
    if shown != original { payload.redact { _ in shown } }
    return payload
  }

  // MARK: - Ending and going on again

  private mutating func stop(_ end: End, by person: Principal?, at now: Date) -> WorkflowEffect {
    let open = openWork
    state = .stopping(end)
    guard open.isEmpty else { return .stop(open, by: person) }
    return finishStopping(end, at: now)
  }

  private mutating func finishStopping(_ end: End, at now: Date) -> WorkflowEffect {
    guard openWork.isEmpty else { return .none }
    for index in steps.indices where steps[index].state == .running {
      // What came in time counts, also for a retry; what has not begun may begin then.
      if !close(index, at: now) { steps[index].state = .waiting }
    }
    switch end {
    case .failed(let why): state = .failed(why)
    case .cancelled: state = .cancelled
    }
    endedAt = now
    return .ended
  }

  /// Makes what has not succeeded wait again; what finished stays, and so does what failed by itself and was
  /// not required.
  private mutating func reset(_ known: [Work: Known], at now: Date) {
    for index in steps.indices {
      switch steps[index].state {
      case .succeeded, .skipped: continue
      case .failed(let failure) where !endsRun(failure, of: index) && failure.kind != .cancelled:
        continue
      case .failed, .running, .waiting: break
      }
      steps[index].state = .waiting
      steps[index].endedAt = nil
      for number in steps[index].items.indices {
        guard case .failed = steps[index].items[number].state else { continue }
        let work = steps[index].items[number].work
        switch work.flatMap({ known[$0] }) {
        case .open?:
          steps[index].items[number].state = .open
          steps[index].items[number].startedAt = now
          steps[index].items[number].endedAt = nil
          steps[index].items[number].isTimedOut = false
        case .result(let payload)?: steps[index].items[number].state = .succeeded(payload)
        case nil: steps[index].items[number] = Item()
        }
      }
      // Nothing of it was done: its condition, and how many items there are, are looked at anew.
      if steps[index].items.allSatisfy({ $0 == Item() }) { steps[index].items = [] }
    }
  }
}

extension WorkflowRun.Step {
  fileprivate var hasFailedItem: Bool {
    items.contains { item in
      if case .failed = item.state { true } else { false }
    }
  }
}

extension WorkflowEvent {
  var name: String {
    switch self {
    case .start: "starting it"
    case .workEnded: "the end of a step"
    case .timedOut: "the end of a step's time"
    case .cancel: "cancelling it"
    case .lost: "its loss"
    case .retry: "retrying it"
    }
  }
}

/// An event that a run's state does not allow.
struct IllegalRunMove: Error, CustomStringConvertible {
  var state: WorkflowRun.Word
  var event: String

  var description: String { "the run is \(state.rawValue) now; \(event) is not possible" }
}
