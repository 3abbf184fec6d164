import Foundation
import JSONSchema

/// The twin guard: a `write` that is equal to one before it is never made by mistake.
extension Engine {
  /// The rule of a call that no rule holds, and an equal one does.
  static let twinRule = "an equal call before it"

  /// What a call and its equals have in common; nil of what may be done twice.
  func twinKey(_ function: RegisteredFunction, _ arguments: JSONValue) -> TwinKey? {
    guard function.definition.effect == .write else { return nil }
    return twins.key(of: function.name, arguments)
  }

  /// The equal call that came before this one: it lives, or succeeded within the last 24 hours.
  func twin(of id: CallID, _ key: TwinKey) -> CallID? {
    let now = clock.now
    return weightiest(twins.find(key, besides: id, at: now), key, besides: id, at: now)
  }

  /// The same, and from now on this one is found by those that come after it.
  func enterTwin(_ id: CallID, _ key: TwinKey) -> CallID? {
    let now = clock.now
    return weightiest(twins.enter(key, id, at: now), key, besides: id, at: now)
  }

  /// What was done weighs more than what somebody asks for again.
  private func weightiest(
    _ finding: TwinIndex.Finding,
    _ key: TwinKey,
    besides id: CallID,
    at now: Date
  ) -> CallID? {
    if let done = finding.done { return done }
    guard finding.mayBeStored else { return finding.live }
    let since = now.addingTimeInterval(-TwinIndex.memory)
    return store.twin(key, besides: id, since: since) ?? finding.live
  }

  /// What a call asks of people that is equal to another one, whatever the rules say of it.
  static func asking(
    _ ruling: ApprovalRules.Ruling,
    twin: CallID
  ) -> ApprovalRules.Ruling {
    var requirement = ruling.requirement ?? ApprovalRequirement(rule: twinRule)
    requirement.twin = twin
    return .asks(requirement)
  }

  /// An edit was taken back: it is found by what it was again.
  func reenterTwin(_ live: LiveTable.LiveCall) {
    guard let old = live.twinKey, let function = live.function,
      let arguments = live.call.effectiveArguments, let key = twinKey(function, arguments),
      key != old
    else { return }
    twins.leave(old, live.call.id)
    live.twinKey = key
    _ = twins.enter(key, live.call.id, at: clock.now)
  }

  /// Tells the index how a call has ended.
  func leaveTwins(_ live: LiveTable.LiveCall) {
    guard let key = live.twinKey else { return }
    if live.call.state == .succeeded {
      twins.succeeded(key, live.call.id, at: live.call.endedAt ?? clock.now)
    } else {
      twins.leave(key, live.call.id)
    }
  }
}
