import Foundation
import JSONSchema

/// Admission: asked once a call, top to bottom in one function.
extension Engine {
  /// What admission found, and the function it found it for.
  struct Admission: Sendable {
    var event: CallEvent
    var function: RegisteredFunction?
    /// By which equal writes find it from now on.
    var twinKey: TwinKey?
  }

  /// Resolve the name, parse and validate the arguments, authorise the caller, function on and engine not held, room in the
  /// queue, an equal call before it, approval rules: in this order, and nothing else.
  ///
  /// A rehearsal is no call that others could be equal to.
  func admission(
    of call: Call,
    in catalogue: Catalogue,
    isRehearsal: Bool
  ) -> Admission {
    guard let function = catalogue[call.function] else {
      return Admission(
        event: .refused(unknownFunction(call.function, in: catalogue)),
        function: nil
      )
    }
    func refuse(_ failure: CallFailure) -> Admission {
      Admission(event: .refused(failure), function: function)
    }
    let arguments: JSONValue
    switch validated(call, function) {
    case .success(let valid): arguments = valid
    case .failure(let failure): return refuse(failure)
    }
    let definition = function.definition
    if let refusal = catalogue.access.refusal(of: call.caller, calling: definition, with: arguments)
    {
      return refuse(refusal)
    }
    if isStopping {
      return refuse(CallFailure(.stopping, "callboard is stopping and takes no new calls."))
    }
    guard function.isOn else {
      let who = function.switched.map { " by \($0.by)" } ?? ""
      return refuse(CallFailure(.functionOff, "\(function.name) is switched off\(who)."))
    }
    if let held = catalogue.held {
      return refuse(
        CallFailure(.engineHeld, "\(held.by) holds all calls for now.", isRetryable: true)
      )
    }
    if function.unaccepted != nil { return refuse(Self.notAccepted(function.name)) }
    if definition.effect == .write, let fault = storeFault {
      return refuse(
        CallFailure(
          .storeFailed,
          "Calls that change things are stopped: \(fault)",
          isRetryable: true
        )
      )
    }
    guard slots.hasRoom else { return refuse(Self.queueFull) }
    let key = twinKey(function, arguments)
    func answer(_ event: CallEvent) -> Admission {
      Admission(event: event, function: function, twinKey: isRehearsal ? nil : key)
    }
    let equal = key.flatMap { key in
      isRehearsal ? twin(of: call.id, key) : enterTwin(call.id, key)
    }
    let requirement: ApprovalRequirement
    switch ruling(on: call, function, arguments, twin: equal, in: catalogue) {
    case .asks(let asked): requirement = asked
    case .lets(let rule):
      return answer(.admitted(arguments: arguments, definitionHash: function.hash, rule: rule))
    }
    guard !configuration.isUnattended else { return answer(.nobodyToAsk(rule: requirement.rule)) }
    guard waiting.count < configuration.held else { return answer(.refused(Self.tooManyHeld)) }
    let digest = approvalDigest(call, function, arguments, rule: requirement.rule)
    return answer(
      .approvalNeeded(
        requirement,
        arguments: arguments,
        definitionHash: function.hash,
        digest: digest
      )
    )
  }

  private static func notAccepted(_ name: String) -> CallFailure {
    CallFailure(
      .definitionNotAccepted,
      "\(name) has changed, and nobody has accepted its new definition yet.",
      isRetryable: true
    )
  }

  private static let queueFull = CallFailure(
    .queueFull,
    "Too many calls are waiting already; try again later.",
    isRetryable: true
  )

  private static let tooManyHeld = CallFailure(
    .queueFull,
    "Too many calls are waiting for a person already; try again later.",
    isRetryable: true
  )

  private func unknownFunction(_ name: String, in catalogue: Catalogue) -> CallFailure {
    let shown = name.count > 80 ? name.prefix(80) + "…" : name[...]
    let near = catalogue.nearestName(to: name).map { "; did you mean \($0)?" } ?? "."
    return CallFailure(.unknownFunction, "There is no function “\(shown)”" + near)
  }

  private func validated(
    _ call: Call,
    _ function: RegisteredFunction
  ) -> Result<JSONValue, CallFailure> {
    guard let proposed = call.proposed?.original else {
      return .failure(unreadable(call, function.redactor))
    }
    let errors = function.problems(in: proposed)
    guard errors.isEmpty else {
      return .failure(Self.invalid(shown(errors, about: proposed, of: call, function.redactor)))
    }
    return .success(function.schema.fillingDefaults(in: proposed))
  }

  private func unreadable(_ call: Call, _ redactor: Redactor) -> CallFailure {
    // One that was stored before reasons were kept says nothing of it.
    let why = call.unreadable ?? "The arguments are not valid JSON."
    return CallFailure(.invalidArguments, redactor.redact(text: why))
  }

  static func invalid(_ errors: [ValidationError]) -> CallFailure {
    let first = errors.first
    let more = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
    return CallFailure(
      .invalidArguments,
      "The arguments do not fit the schema: \(first?.message ?? "")" + more,
      pointer: first?.path,
      details: Array(errors.prefix(Limit.details.value))
    )
  }

  private func ruling(
    on call: Call,
    _ function: RegisteredFunction,
    _ arguments: JSONValue,
    twin: CallID?,
    in catalogue: Catalogue
  ) -> ApprovalRules.Ruling {
    let byRule = catalogue.rules.ruling(
      for: arguments,
      function: function.definition,
      caller: call.caller
    )
    let ruling = ruling(on: call, byRule)
    return twin.map { Self.asking(ruling, twin: $0) } ?? ruling
  }

  private func ruling(
    on call: Call,
    _ byRule: ApprovalRules.Ruling
  ) -> ApprovalRules.Ruling {
    switch call.link {
    case .settles:
      return .asks(
        byRule.requirement ?? ApprovalRequirement(rule: "an unknown outcome is run again")
      )
    case .again(let id) where store.call(id)?.state.word == .succeeded:
      return .asks(
        byRule.requirement ?? ApprovalRequirement(rule: "a call that succeeded is run again")
      )
    case .again, .fallback, .checks, nil: return byRule
    }
  }

  func approvalDigest(
    _ call: Call,
    _ function: RegisteredFunction,
    _ arguments: JSONValue,
    rule: String
  ) -> String {
    digest(
      caller: call.caller,
      conversation: call.conversation,
      function: function.name,
      definitionHash: function.hash,
      arguments: arguments,
      rule: rule,
      hasSecrets: function.hasSecretFields || function.redactor.redact(arguments) != nil
    )
  }

  /// Puts a new call into the live table, admitted or refused in the same commit.
  ///
  /// Throws when it can't be stored: then nothing has happened.
  func admit(_ call: consuming Call) throws(StoreFault) -> CallEffect {
    let id = call.id
    let catalogue = table.withShard(of: id) { $0.catalogue }
    let admission = admission(of: call, in: catalogue, isRehearsal: false)
    let function = admission.function
    let excluded = excluded(from: call, admission.event)
    let secrets = sharedSecrets(around: call)
    // Moved from here into the table: a second holder would have every step copy it.
    var pending = Optional(consume call)
    var entry = Entry.none
    do throws(StoreFault) {
      return try table.withShard(of: id) { shard throws(StoreFault) -> CallEffect in
        entry = enter(admission, of: catalogue, in: &shard)
        // Steps that wait for nothing share one commit: with a free slot it starts at once.
        guard var next = pending.take(),
          var transition = try? decide(
            &next,
            entry == .full ? .refused(Self.queueFull) : admission.event,
            function?.traits ?? .unknown,
            starts: entry == .slot,
            using: &shard.generator
          )
        else { preconditionFailure("a call is admitted once, and then it is received") }
        if case .approvalNeeded = admission.event, let function,
          let approved = approveByGrants(&next, function, excluding: excluded, in: &shard)
        {
          transition = approved
        }
        let live = try commit(
          next,
          as: nil,
          function: function,
          secrets: secrets,
          keeps: false,
          twin: admission.twinKey,
          revocable: transition.isDurable,
          awaited: transition.isDurable,
          in: &shard
        )
        live.hasPlace = entry == .place
        live.twinKey = admission.twinKey
        shard.calls[id] = live
        return transition.effect
      }
    } catch {
      switch entry {
      case .slot: if let function { slots.giveBack(function) }
      case .place: slots.leavePlace()
      case .none, .full: break
      }
      if let key = admission.twinKey { twins.leave(key, id) }
      throw error
    }
  }

  /// How a call that may run gets to its turn.
  private enum Entry {
    /// It may not run, or not yet.
    case none
    /// A slot is its own already.
    case slot
    /// It will wait in the line.
    case place
    case full
  }

  /// Gives a new call its slot or its place in the line, before it is admitted: one that gets neither never was.
  private func enter(
    _ admission: Admission,
    of catalogue: Catalogue,
    in shard: inout LiveTable.Shard
  ) -> Entry {
    guard case .admitted = admission.event, let function = admission.function else { return .none }
    if takeSlotAtOnce(function, of: catalogue, in: &shard) { return .slot }
    return slots.takePlace() ? .place : .full
  }

  /// Admits a call that was stored as `received` together with its turn.
  func admit(received id: CallID) -> CallEffect {
    let (call, catalogue) = table.withShard(of: id) { ($0.calls[id]?.call, $0.catalogue) }
    guard let call else { return .none }
    let admission = admission(of: call, in: catalogue, isRehearsal: false)
    let excluded = excluded(from: call, admission.event)
    let moved = table.withShard(of: id) { shard -> Move? in
      guard let live = shard.calls[id] else {
        if let key = admission.twinKey { twins.leave(key, id) }
        return nil
      }
      live.function = admission.function
      live.twinKey = admission.twinKey
      guard case .admitted = admission.event else {
        guard let held = try? move(live, admission.event, in: &shard) else { return nil }
        guard case .approvalNeeded = admission.event else { return held }
        return approveByGrants(live, excluding: excluded, in: &shard) ?? held
      }
      // With a free slot it starts at once, in the same commit, as one that was not stored before.
      if let function = admission.function,
        takeSlotAtOnce(function, of: catalogue, in: &shard)
      {
        let started = try? move(live, admission.event, starts: true, in: &shard)
        if started == nil { slots.giveBack(function) }
        return started
      }
      if !live.hasPlace { live.hasPlace = slots.takePlace() }
      return try? move(
        live,
        live.hasPlace ? admission.event : .refused(Self.queueFull),
        in: &shard
      )
    }
    return moved?.transition.effect ?? .none
  }

  // MARK: - Starting with what asked for it

  /// Admits and starts a call that stands in the table as `received` and in no store, in the commit of what asked for it;
  /// nil where it has to go the long way.
  ///
  /// Only what waits for nothing and nobody: no `write`, no cached answer, no approval, and a slot is free. `store` commits
  /// the call with what asked for it, under the shard's lock, as every start is: a hold or a switch that comes after the
  /// checks has the later number.
  func startAtOnce(
    _ id: CallID,
    _ store: (CallChange) throws(StoreFault) -> CommitTicket
  ) throws(StoreFault) -> CallEffect? {
    let (call, catalogue) = table.withShard(of: id) { ($0.calls[id]?.call, $0.catalogue) }
    guard let call, let definition = catalogue[call.function]?.definition,
      definition.effect != .write, definition.cache == nil
    else { return nil }
    let admission = admission(of: call, in: catalogue, isRehearsal: false)
    guard case .admitted = admission.event, let function = admission.function else { return nil }
    return try table.withShard(of: id) { shard throws(StoreFault) -> CallEffect? in
      guard let live = shard.calls[id], live.call.state == .received,
        takeSlotAtOnce(function, of: catalogue, in: &shard)
      else { return nil }
      var next = live.call
      guard
        let started = try? decide(
          &next,
          admission.event,
          function.traits,
          starts: true,
          using: &shard.generator
        )
      else {
        slots.giveBack(function)
        return nil
      }
      next.redact(function.redactor, live.secrets)
      let record = CallRecord(next)
      do throws(StoreFault) {
        let ticket = try store(
          CallChange(record.withoutOriginals, stored: 0, sealed: sealer?.seal(record.call))
        )
        live.ticket = ticket
        if ticket.isPressing { live.owed = ticket }
      } catch {
        slots.giveBack(function)
        throw error
      }
      live.function = function
      live.committed = record.call.history.count
      show(record, of: live, in: &shard)
      return started.effect
    }
  }
}
