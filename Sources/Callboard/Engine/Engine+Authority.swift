import Foundation
import JSONSchema

/// Who may decide on which call.
extension Engine {
  /// Throws where this person may not do that to a call, by the rules of `deciders`.
  func checkRight(
    _ act: DecidingAct,
    _ person: Principal,
    on call: Call,
    in catalogue: Catalogue
  ) throws(DecisionRefused) {
    if let deciders = deciders(of: act, on: call, in: catalogue), !deciders.include(person) {
      throw .notADecider(act, deciders)
    }
  }

  /// The same with other arguments than the call has.
  func checkRight(
    _ act: DecidingAct,
    _ person: Principal,
    on call: Call,
    with arguments: JSONValue,
    in catalogue: Catalogue
  ) throws(DecisionRefused) {
    let deciders = catalogue.deciding.deciders(
      of: act,
      on: catalogue[call.function]?.definition,
      caller: call.caller,
      arguments: arguments
    )
    if let deciders, !deciders.include(person) { throw .notADecider(act, deciders) }
  }

  /// Who may do that to a call; nil: every operator.
  private func deciders(
    of act: DecidingAct,
    on call: Call,
    in catalogue: Catalogue
  ) -> Deciders? {
    guard !catalogue.deciding.rules.isEmpty else { return nil }
    return catalogue.deciding.deciders(
      of: act,
      on: catalogue[call.function]?.definition,
      caller: call.caller,
      arguments: call.effectiveArguments ?? call.proposed?.original ?? [:]
    )
  }

  /// Who may not approve: with two or more approvers, everyone who wrote in the conversation, started the
  /// run or pressed run again.
  func requesters(of call: Call, approvers: Int) -> [Principal] {
    guard approvers > 1 else { return [] }
    var people: [Principal] = []
    if let requester = call.requestedBy { people.append(requester) }
    if let conversation = call.conversation {
      people += conversations.writers(of: conversation)
    }
    if let run = call.step?.run { people += runs[run]?.run.people ?? [] }
    return people
  }

  /// Somebody as they are now; nil where they are nobody who decides any more.
  func asNow(_ person: Principal) -> Principal? {
    guard let operators = configuration.operators else { return person }
    return operators.first { $0.isSamePerson(as: person) && $0.mayDecide }
  }

  /// Who has approved a call that waits and may not any more, or by a grant that is valid no longer: their approvals complete
  /// nothing.
  func lapsed(of call: Call, in catalogue: Catalogue) -> [Principal] {
    guard let given = call.approval?.approvals, !given.isEmpty, call.state == .awaitingApproval
    else { return [] }
    let deciders = deciders(of: .approve, on: call, in: catalogue)
    let ended = endedGrants(of: call, in: catalogue)
    return given.filter { decision in
      if let grant = decision.grant, ended.contains(grant) { return true }
      guard let now = asNow(decision.by) else { return true }
      return deciders.map { !$0.include(now) } ?? false
    }.map(\.by)
  }

  /// What somebody has to know before a key: whether they may decide on this call at all.
  func addAuthority(to detail: inout CallDetail, _ call: Call, _ catalogue: Catalogue) {
    for act in DecidingAct.allCases {
      detail.deciders[act] = deciders(of: act, on: call, in: catalogue)
    }
    if let approval = call.approval, call.state == .awaitingApproval {
      detail.lapsed = lapsed(of: call, in: catalogue)
      detail.requesters =
        [call.caller] + requesters(of: call, approvers: approval.requirement.approvers)
    }
    if call.state.word == .unknown {
      detail.checkFunction = catalogue[call.function]?.definition.check?.function
    }
  }
}
