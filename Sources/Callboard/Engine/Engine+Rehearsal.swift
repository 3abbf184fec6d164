import JSONSchema

/// A grant that would approve a call, and whose it is.
public struct GrantedApproval: Sendable, Hashable, Codable {
  public var grant: GrantID
  public var by: String

  public init(grant: GrantID, by: String) {
    self.grant = grant
    self.by = by
  }
}

/// Admission without a call: nothing is entered, counted, stored or told.
extension Engine {
  /// What would happen to a call, without any of it happening: the refusal, or the approval it would need.
  public func rehearse(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) -> Rehearsal {
    let call = makeCall(function, parsed: arguments, unparsed: nil, caller: caller)
    return rehearse(call, in: table.catalogue).verdict
  }

  /// What `rehearse` found, with the arguments as they may be shown.
  public enum Rehearsal: Sendable, Codable {
    case runs(arguments: JSONValue)
    /// A rule asks, and grants have given all that it asks for.
    case approvedAhead(ApprovalRequirement, arguments: JSONValue)
    case asks(ApprovalRequirement, arguments: JSONValue)
    case denied(rule: String)
    case rejected(CallFailure)
  }

  /// The same of a call that is made and not submitted; `ahead` are the grants that would approve it.
  func rehearse(
    _ call: Call,
    in catalogue: Catalogue
  ) -> (verdict: Rehearsal, ahead: [GrantedApproval]) {
    let admission = admission(of: call, in: catalogue, isRehearsal: true)
    let redactor = admission.function?.redactor ?? redactor
    switch admission.event {
    case .admitted(let arguments, _, _):
      return (.runs(arguments: redactor.shown(arguments)), [])
    case .approvalNeeded(let requirement, let arguments, _, _):
      let shown = redactor.shown(arguments)
      let (ahead, isEnough) = approvedAhead(call, admission, in: catalogue)
      return isEnough
        ? (.approvedAhead(requirement, arguments: shown), ahead)
        : (.asks(requirement, arguments: shown), ahead)
    case .nobodyToAsk(let rule): return (.denied(rule: rule), [])
    case .refused(let failure): return (.rejected(failure), [])
    default: preconditionFailure("admission gives no other event")
    }
  }

  /// The grants that would approve a call, as at admission; none of them is used by this.
  private func approvedAhead(
    _ call: Call,
    _ admission: Admission,
    in catalogue: Catalogue
  ) -> (ahead: [GrantedApproval], isEnough: Bool) {
    guard let function = admission.function else { return ([], false) }
    var generator = SeededGenerator(seed: 0)
    var trial = call
    func move(_ event: CallEvent) -> Bool {
      let moved = try? trial.handle(event, function.traits, now: clock.now, using: &generator)
      return moved != nil
    }
    guard move(admission.event) else { return ([], false) }
    let excluded = excluded(from: call, admission.event)
    var ahead: [GrantedApproval] = []
    for grant in grants(covering: trial, function, in: catalogue) where grants.hasRoom(grant.id) {
      guard let event = approval(of: trial, by: grant, excluding: excluded, in: catalogue),
        move(event)
      else { continue }
      ahead.append(GrantedApproval(grant: grant.id, by: grant.grant.by.name))
    }
    return (ahead, trial.state.word != .awaitingApproval)
  }
}
