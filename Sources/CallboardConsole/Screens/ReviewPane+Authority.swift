import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// Who may decide, what was equal before, and what a look-up has found: read before a key.
extension Painter {
  /// That this person may not decide on this call, before they try.
  func addAuthority(_ detail: CallDetail, to document: inout Document) {
    let me = model.principal
    guard me.mayDecide else { return }
    if detail.row.state == .awaitingApproval,
      detail.requesters.contains(where: { $0.isSamePerson(as: me) })
    {
      document.text("you asked for it yourself: somebody else must approve", .warning)
    }
    var told: Set<Deciders> = []
    for act in acts(on: detail.row.state) {
      guard let deciders = detail.deciders[act], !deciders.include(me),
        told.insert(deciders).inserted
      else { continue }
      let mine = acts(on: detail.row.state).filter { detail.deciders[$0] == deciders }
      document.text(
        "you may not \(mine.map(verb(of:)).joined(separator: ", ")) it: only \(untrusted: deciders.words, limit: 200) may, by rule \(deciders.rule) of deciders",
        .warning
      )
    }
  }

  private func acts(on state: CallState.Word) -> [DecidingAct] {
    switch state {
    case .awaitingApproval: [.approve, .deny, .edit, .extend]
    case .approved: [.deny]
    case .unknown: [.settle, .runAgain]
    case .received, .queued, .running, .stopping, .backingOff: []
    case .succeeded, .failed, .rejected, .denied, .expired, .cancelled: [.runAgain]
    }
  }

  private func verb(of act: DecidingAct) -> SafeText {
    switch act {
    case .approve: "approve"
    case .deny: "deny"
    case .edit: "edit"
    case .extend: "extend"
    case .settle: "settle"
    case .runAgain: "run again"
    case .grant: "grant"
    }
  }

  /// The equal call that came before, and what became of it.
  func addTwin(_ detail: CallDetail, to document: inout Document) {
    guard let id = detail.call.approval?.requirement.twin, detail.row.state == .awaitingApproval
    else { return }
    guard let twin = detail.twin else {
      document.text("equal to call \(id), which is kept no longer", .warning)
      return
    }
    document.text(
      "equal to call \(id) of \(untrusted: twin.caller, limit: 60), asked for \(moment.age(since: twin.receivedAt)) ago: \(words(twin.state)) \(moment.age(since: twin.since)) ago",
      .warning
    )
    if let result = twin.result {
      document.value(
        "its result",
        safeLines(SafeText(untrusted: result, limit: 300)),
        labelWidth: 10
      )
    }
    document.text(CallDetail.onceMore, .warning)
  }

  /// What a look-up has found.
  func addCheck(_ detail: CallDetail, to document: inout Document) {
    if let check = detail.check {
      document.text(
        "looked up by \(untrusted: check.row.function, limit: 200) for \(untrusted: check.row.caller, limit: 60) \(moment.age(since: check.row.receivedAt)) ago: \(words(check.row.state))"
      )
      switch check.outcome {
      case .result(let payload, _):
        document.value("it found", safeLines(of: payload.shown), labelWidth: 10)
      case .failure(let failure):
        document.value(
          "it said",
          safeLines(SafeText(untrusted: failure.message, limit: 600)),
          labelWidth: 10
        )
      case nil: break
      }
    } else if let function = detail.checkFunction {
      document.text(
        "\(model.keys.key(of: .settle)) can look it up by \(untrusted: function.description, limit: 200)",
        .remark
      )
    }
  }

  /// Who has approved, and by what.
  func approvers(of detail: CallDetail) -> [SafeText] {
    (detail.call.approval?.approvals ?? []).map { decision in
      let ahead: SafeText = decision.grant.map { " (grant \(untrusted: $0.short))" } ?? ""
      let isVoid = detail.lapsed.contains { $0.isSamePerson(as: decision.by) }
      return SafeText(untrusted: decision.by.name, limit: 60) + ahead
        + (isVoid ? " (may not any more: not counted)" : "")
    }
  }
}
