import Callboard
import Foundation
import JSONSchema

/// One call, whole: what the console's review shows, for a command line.
extension RowText {
  /// Everything a person decides by: who asks, why a person is asked, what was equal before, and all arguments with where
  /// they came from.
  static func lines(_ detail: CallDetail, for you: Principal, now: Date) -> [String] {
    let call = detail.call
    var facts = Facts()
    facts.addHead(detail)
    facts.addApproval(detail, for: you, now: now)
    facts.addTwin(detail, now: now)
    facts.addOthers(detail, you, now: now)
    facts.addOutcome(detail, now: now)
    facts.add("revision", String(detail.row.revision))
    facts.add("digest", detail.row.digest)
    var lines = facts.lines
    lines.append("arguments")
    let arguments = (call.decided ?? call.proposed)?.shown
    lines += (arguments?.serialized(pretty: true) ?? call.unparsed ?? "none")
      .split(separator: "\n").map { "  \($0)" }
    for (name, value) in arguments?.objectValue ?? JSONObject() {
      lines += detail.remarks(on: name, value).map { "  \(name): \($0.text)" }
    }
    lines.append("history")
    for step in call.history {
      let by = step.by.map { ", by \($0)" } ?? ""
      lines.append("  \(ISOTime.text(of: step.at))  \(step.state.rawValue)  \(step.cause)\(by)")
    }
    return lines
  }

  /// How long ago that was.
  fileprivate static func ago(_ date: Date, _ now: Date) -> String {
    now.timeIntervalSince(date) < 1 ? "just now" : left(until: now, from: date) + " ago"
  }

  /// Names and values, one pair a line, in two columns.
  private struct Facts {
    private var pairs: [(name: String, value: String)] = []

    var lines: [String] {
      let width = pairs.map(\.name.count).max() ?? 0
      return pairs.map { name, value in
        name + String(repeating: " ", count: width - name.count) + "  " + value
      }
    }

    mutating func add(_ name: String, _ value: String?) {
      if let value { pairs.append((name, value)) }
    }

    mutating func addHead(_ detail: CallDetail) {
      let row = detail.row
      add("call", row.id.description)
      add("function", row.function + (row.effect.map { ", \($0.rawValue)" } ?? ""))
      if let text = detail.functionDescription, !text.isEmpty { add("which", text) }
      add("state", row.state.rawValue)
      add("asked by", row.caller)
      if let conversation = row.conversation {
        let title = row.conversationTitle.map { " “\($0)”" } ?? ""
        let turn = detail.call.turn.map { ", turn \($0)" } ?? ""
        add("conversation", conversation.description + turn + title)
      }
      switch detail.call.link {
      case .again(let id)?: add("again", "runs call \(id) again, as a new one")
      case .settles(let id)?:
        add("again", "runs call \(id) of unknown outcome again, with the same key")
      case .fallback(let id)?: add("in place", "answers in place of call \(id)")
      case .checks(let id)?: add("look-up", "looks whether call \(id) has happened")
      case nil: break
      }
      add("edited by", detail.call.editedBy?.name)
    }

    mutating func addApproval(_ detail: CallDetail, for you: Principal, now: Date) {
      guard let approval = detail.call.approval else { return }
      add("held by", approval.requirement.rule)
      let names = approval.approvals.map { decision in
        let ahead = decision.grant.map { " by grant \($0.short)" } ?? ""
        let isVoid = detail.lapsed.contains { $0.isSamePerson(as: decision.by) }
        return decision.by.name + ahead + (isVoid ? ", who may not any more: not counted" : "")
      }
      let who = names.isEmpty ? "" : " (\(names.joined(separator: "; ")))"
      add("approved by", "\(detail.row.approvalsGiven) of \(approval.requirement.approvers)\(who)")
      switch detail.call.state {
      case .awaitingApproval:
        add("expires in", RowText.left(until: approval.expiresAt, from: now))
        if let last = detail.lastTime {
          let state = last.state.rawValue.replacing("_", with: " ")
          add("last time", "\(RowText.ago(last.since, now)): \(state), \(last.summary)")
        }
        addAuthority(detail, for: you)
      case .approved(let until):
        let left = RowText.left(until: until, from: now)
        add("starts in", "\(left); until then who approved it can take that back (undo)")
      case .received, .queued, .running, .stopping, .backingOff, .unknown, .succeeded, .failed,
        .rejected, .denied, .expired, .cancelled:
        break
      }
    }

    /// That this person may not decide, before they try.
    private mutating func addAuthority(_ detail: CallDetail, for you: Principal) {
      guard you.mayDecide else { return }
      if detail.requesters.contains(where: { $0.isSamePerson(as: you) }) {
        add("not by you", "you asked for it yourself: somebody else must approve")
      }
      for act in [DecidingAct.approve, .deny, .edit, .extend] {
        guard let deciders = detail.deciders[act], !deciders.include(you) else { continue }
        add(
          "not by you",
          "\(act.rawValue): only \(deciders.words) may, by rule \(deciders.rule) of deciders"
        )
      }
    }

    /// The equal call that came before, and what became of it.
    mutating func addTwin(_ detail: CallDetail, now: Date) {
      guard let id = detail.call.approval?.requirement.twin else { return }
      guard let twin = detail.twin else {
        add("equal to", "call \(id), which is kept no longer")
        return
      }
      let state = twin.state.rawValue.replacing("_", with: " ")
      let (asked, since) = (RowText.ago(twin.receivedAt, now), RowText.ago(twin.since, now))
      add("equal to", "call \(id) of \(twin.caller), asked for \(asked): \(state) \(since)")
      add("its result", twin.result)
      if detail.row.state == .awaitingApproval {
        add("so", CallDetail.onceMore.text)
      }
    }

    /// Who has it before their eyes, and who was slower than others.
    mutating func addOthers(_ detail: CallDetail, _ you: Principal, now: Date) {
      func name(_ person: Principal) -> String {
        person.isSamePerson(as: you) ? "you" : person.name
      }
      if detail.row.state.needsPerson {
        for reader in detail.readers {
          let since = RowText.left(until: now.addingTimeInterval(1), from: reader.since)
          add("read now by", "\(name(reader.by)), for \(since)")
        }
      }
      for word in detail.late {
        add("too late", "\(name(word.by)), \(word.wanted), \(RowText.ago(word.at, now))")
      }
    }

    mutating func addOutcome(_ detail: CallDetail, now: Date) {
      let call = detail.call
      if let outcome = call.outcome {
        add("result", outcome.value?.shown.serialized())
        add("failure", outcome.failure.map { "\($0.kind.rawValue): \($0.message)" })
        return
      }
      add("failure", call.firstFailure.map { "\($0.kind.rawValue): \($0.message)" })
      add("came late", call.lateResult?.shown.serialized())
      if call.state.word == .unknown {
        add("run again as", call.rerun?.description)
        if let check = detail.check {
          let state = check.row.state.rawValue.replacing("_", with: " ")
          let ago = RowText.ago(check.row.receivedAt, now)
          add("looked up", "by \(check.row.function) for \(check.row.caller) \(ago): \(state)")
          add(
            "it found",
            check.outcome?.value?.shown.serialized() ?? check.outcome?.failure?.message
          )
        }
      } else {
        add("if it runs", Self.outlook(detail))
      }
    }

    private static func outlook(_ detail: CallDetail) -> String {
      let then =
        switch detail.row.effect {
        case .write: "once, never repeated by itself"
        case .idempotent: "may be repeated: doing it twice is doing it once"
        case .read: "changes nothing, may be repeated"
        case nil: "its function is not known"
        }
      return then + (detail.timeout.map { ", limit \(Duration.seconds($0).words)" } ?? "")
    }
  }

  // MARK: - For programs

  static func json(_ detail: CallDetail) -> JSONValue {
    guard case .object(var object) = json(detail.row) else { return .null }
    let call = detail.call
    object["proposed"] = call.proposed?.shown
    object["arguments"] = (call.decided ?? call.proposed)?.shown
    object["unparsed"] = call.unparsed.map { .string($0) }
    object["result"] = call.outcome?.value?.shown
    if let failure = call.outcome?.failure ?? call.firstFailure {
      object["failure"] = [
        "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
        "reach": .string(failure.reach.rawValue),
      ]
    }
    if let approval = call.approval {
      object["approved_by"] = names(approval.approvals.map(\.by))
      if !detail.lapsed.isEmpty { object["no_longer_counted"] = names(detail.lapsed) }
    }
    if case .approved(let until) = call.state { object["starts_at"] = time(until) }
    object["edited_by"] = call.editedBy.map { .string($0.name) }
    if let id = call.approval?.requirement.twin {
      object["twin"] = detail.twin.map(json) ?? ["id": .string(id.description)]
    }
    object["last_time"] = detail.lastTime.map(json)
    if !detail.origins.isEmpty { object["origins"] = .array(detail.origins.map(json)) }
    if !detail.readers.isEmpty { object["read_now_by"] = names(detail.readers.map(\.by)) }
    if !detail.requesters.isEmpty { object["requesters"] = names(detail.requesters) }
    if !detail.deciders.isEmpty {
      var deciders = JSONObject()
      for act in DecidingAct.allCases {
        guard let who = detail.deciders[act] else { continue }
        deciders[act.rawValue] = .array(who.operators.map { .string($0.text) })
      }
      object["deciders"] = .object(deciders)
    }
    object["history"] = .array(
      call.history.map { step in
        var part: JSONObject = [
          "at": time(step.at), "state": .string(step.state.rawValue), "cause": .string(step.cause),
        ]
        part["by"] = step.by.map { .string($0) }
        part["attempt"] = step.attempt.map { .integer(Int64($0)) }
        return .object(part)
      }
    )
    return .object(object)
  }

  private static func json(_ origin: ArgumentOrigin) -> JSONValue {
    var object: JSONObject = ["argument": .string(origin.pointer.description)]
    object["words"] = origin.words.map { .string($0.text) }
    object["uses"] = origin.uses.map { uses in
      [
        "count": .integer(Int64(uses.count)), "of": .integer(Int64(uses.of)),
        "all": .bool(uses.isAll),
      ]
    }
    return .object(object)
  }

  private static func names(_ people: [Principal]) -> JSONValue {
    .array(people.map { .string($0.name) })
  }
}
