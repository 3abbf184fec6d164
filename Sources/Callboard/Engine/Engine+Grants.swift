import Foundation
import JSONSchema

/// Approvals given ahead: which calls they serve, and what people ask about them.
extension Engine {
  // MARK: - Serving calls

  /// Who may not approve a call that is about to be held, beside its caller.
  func excluded(from call: Call, _ event: CallEvent) -> [Principal] {
    guard case .approvalNeeded(let requirement, _, _, _) = event, !table.catalogue.grants.isEmpty
    else { return [] }
    return requesters(of: call, approvers: requirement.approvers)
  }

  /// Approves a call that is being admitted by the grants that cover it; nil where none does.
  func approveByGrants(
    _ call: inout Call,
    _ function: RegisteredFunction,
    excluding excluded: [Principal],
    in shard: inout LiveTable.Shard
  ) -> Transition? {
    var result: Transition?
    for grant in grants(covering: call, function, in: shard.catalogue) {
      guard let event = approval(of: call, by: grant, excluding: excluded, in: shard.catalogue)
      else { continue }
      var next = call
      guard
        let transition = try? decide(
          &next,
          event,
          function.traits,
          using: &shard.generator
        ), take(grant)
      else { continue }
      call = next
      result = transition
    }
    return result
  }

  /// The same of a call that is in the table already.
  func approveByGrants(
    _ live: LiveTable.LiveCall,
    excluding excluded: [Principal],
    in shard: inout LiveTable.Shard
  ) -> Move? {
    guard let function = live.function else { return nil }
    var result: Move?
    for grant in grants(covering: live.call, function, in: shard.catalogue) {
      if let moved = try? approve(live, by: grant, excluding: excluded, in: &shard) {
        result = moved
      }
    }
    return result
  }

  private func approve(
    _ live: LiveTable.LiveCall,
    by grant: StandingGrant,
    excluding excluded: [Principal],
    in shard: inout LiveTable.Shard
  ) throws -> Move? {
    guard
      let event = approval(of: live.call, by: grant, excluding: excluded, in: shard.catalogue)
    else { return nil }
    var trial = live.call
    _ = try trial.handle(event, live.traits, now: clock.now, using: &shard.generator)
    guard take(grant) else { return nil }
    do {
      return try move(live, event, in: &shard)
    } catch {
      grants.correct(grant.id, by: -1, keep)
      throw error
    }
  }

  func grants(
    covering call: Call,
    _ function: RegisteredFunction,
    in catalogue: Catalogue
  ) -> [StandingGrant] {
    guard !catalogue.grants.isEmpty, call.servesGrants, let arguments = call.effectiveArguments
    else { return [] }
    let now = clock.now
    return catalogue.grants.filter { grant in
      grant.covers(function, arguments, at: now)
        && person(behind: grant.grant).map {
          mayGrant($0, function, caller: call.caller, arguments, in: catalogue)
        } ?? false
    }
  }

  func approval(
    of call: Call,
    by grant: StandingGrant,
    excluding excluded: [Principal],
    in catalogue: Catalogue
  ) -> CallEvent? {
    guard let giver = person(behind: grant.grant), let approval = call.approval else { return nil }
    return .approveByGrant(
      grant.id,
      by: giver,
      seen: Seen(revision: call.revision, digest: approval.digest),
      isHeld: catalogue.held != nil || catalogue[call.function]?.isOn != true,
      requesters: excluded,
      lapsed: lapsed(of: call, in: catalogue)
    )
  }

  private func person(behind grant: Grant) -> Principal? { asNow(grant.by) }

  /// A grant is at most as wide as what its giver may approve.
  private func mayGrant(
    _ person: Principal,
    _ function: RegisteredFunction,
    caller: Principal,
    _ arguments: JSONValue,
    in catalogue: Catalogue
  ) -> Bool {
    [DecidingAct.approve, .grant].allSatisfy { act in
      catalogue.deciding.deciders(
        of: act,
        on: function.definition,
        caller: caller,
        arguments: arguments
      )?.include(person) ?? true
    }
  }

  /// The grants by which a call was approved and that are valid no longer.
  func endedGrants(of call: Call, in catalogue: Catalogue) -> Set<GrantID> {
    guard let approval = call.approval else { return [] }
    let now = clock.now
    return Set(
      approval.approvals.compactMap(\.grant).filter { id in
        !catalogue.grants.contains {
          $0.id == id && $0.grant.until > now && !$0.void.contains(call.function)
        }
      }
    )
  }

  // MARK: - Counting

  private func take(_ grant: StandingGrant) -> Bool { grants.take(grant.id, keep) }

  private func keep(_ entry: GrantBook.Entry) {
    commit(events: [], settings: Setting.settings(of: entry))
  }

  /// Gives back what a call has not used of its grants, and does not hold any more.
  func releaseGrants(of before: Call, keptBy after: Call?) {
    for id in before.grantsNotUsed where after?.approval.map({ !$0.isServed(by: id) }) ?? true {
      grants.correct(id, by: -1, keep)
    }
    guard let after, after.state.isEnded, after.approval?.isUsed == false else { return }
    for id in before.grantsNotUsed where after.approval?.isServed(by: id) == true {
      grants.correct(id, by: -1, keep)
    }
  }

  /// A step that was taken back has neither used nor given back anything.
  func accountGrants(from withdrawn: Call, to before: Call?) {
    releaseGrants(of: withdrawn, keptBy: before)
    for id in before?.grantsNotUsed ?? []
    where withdrawn.state.isEnded || withdrawn.approval?.isServed(by: id) != true {
      grants.correct(id, by: 1, keep)
    }
  }

  // MARK: - What people ask

  func grant(
    _ draft: GrantDraft,
    waiting: [SeenCall],
    by principal: Principal
  ) async -> Reply {
    if let fault = storeFault { return .refused(fault) }
    let before = table.catalogue
    if let why = refusal(of: draft, by: principal, in: before) {
      return refusedGrant(why, by: principal)
    }
    let now = clock.now
    for old in grants.forget(before: now.addingTimeInterval(-Grant.remembered)) {
      commit(events: [], settings: [Setting.grant(old).key: .null])
    }
    let grant = Grant(
      id: GrantID(newUUIDs(now).0),
      by: principal,
      function: NamePattern(draft.function),
      when: draft.when,
      given: now,
      until: now.addingTimeInterval(draft.seconds),
      limit: draft.limit,
      definitions: Dictionary(
        uniqueKeysWithValues: functions(of: draft, principal, in: before).map { ($0.name, $0.hash) }
      )
    )
    guard let standing = try? StandingGrant(grant, void: []) else {
      return refusedGrant("its condition is no JSON Schema that can be used", by: principal)
    }
    let entry = GrantBook.Entry(grant: grant)
    var event = event(
      .engine(.granted),
      function: draft.function,
      cause: GrantWords.given(draft, until: grant.until),
      by: principal.name
    )
    event.grant = grant.id
    event.value = grant.when
    let ticket: CommitTicket
    do throws(StoreFault) {
      ticket = try store.commit(
        StoreChange(
          events: [event],
          settings: Setting.settings(of: entry),
          isRevocable: true,
          isAwaited: true
        )
      )
    } catch {
      storeFailed(error)
      return .refused("\(error)")
    }
    do throws(StoreFault) { try await ticket.durable() } catch { return .refused("\(error)") }
    // Not before: what a restart would not know approves nothing.
    _ = table.withEveryShard { catalogue in
      grants.put(entry) { _ in }
      return catalogue.withGrants(catalogue.grants.filter { $0.grant.until > now } + [standing])
    } commit: {
    }
    changed()
    let served = approve(waiting, by: standing)
    return .done("\(grant.id.short) is given: \(draft.words)" + served)
  }

  /// Lets the calls through that its giver said it should; says of how many that came true.
  private func approve(_ waiting: [SeenCall], by grant: StandingGrant) -> String {
    guard !waiting.isEmpty else { return "" }
    var served = 0
    for waiting in waiting {
      let call = table.withShard(of: waiting.call) { $0.calls[waiting.call]?.call }
      guard let call else { continue }
      let excluded = requesters(of: call, approvers: call.approval?.requirement.approvers ?? 1)
      let moved = table.withShard(of: waiting.call) { shard -> Move? in
        guard let live = shard.calls[waiting.call], let function = live.function,
          live.call.revision == waiting.seen.revision,
          live.call.approval?.digest == waiting.seen.digest,
          grants(covering: live.call, function, in: shard.catalogue).contains(where: {
            $0.id == grant.id
          })
        else { return nil }
        return try? approve(live, by: grant, excluding: excluded, in: &shard)
      }
      guard let moved else { continue }
      served += 1
      perform(waiting.call, moved)
    }
    let rest = waiting.count - served
    return "; \(served) of \(waiting.count) waiting calls approved"
      + (rest == 0 ? "" : ", \(rest) had changed or gone")
  }

  func revoke(_ id: GrantID, by principal: Principal) async -> Reply {
    let now = clock.now
    let revoked = Switched(by: principal.name, at: now)
    guard let known = grants.entry(id) else { return .refused("there is no grant \(id.short)") }
    var event = event(
      .engine(.grantRevoked),
      function: known.grant.function.text,
      cause: GrantWords.takenBack(known.grant),
      by: principal.name
    )
    event.grant = id
    var ticket = CommitTicket.done
    // Under every shard's lock: no attempt is numbered after it.
    let done = table.withEveryShard { catalogue in
      guard catalogue.grants.contains(where: { $0.id == id }) else { return nil }
      return catalogue.withGrants(catalogue.grants.filter { $0.id != id })
    } commit: {
      guard let entry = grants.revoke(id, revoked) else { return }
      ticket = commit(events: [event], settings: Setting.settings(of: entry))
    }
    guard done else {
      if known.revoked == nil, known.end != nil, let void = known.rows.first {
        return .refused("already void: \(void.words)")
      }
      let last = grants.entry(id)?.revoked ?? Switched(by: "its time", at: known.grant.until)
      return .refused(
        "already ended: \(last.by), \(Int(max(0, now.timeIntervalSince(last.at)))) s ago"
      )
    }
    return await self.done("\(id.short) is revoked: it approves nothing from now on", on: ticket)
  }

  private func refusedGrant(_ why: String, by principal: Principal) -> Reply {
    commit(events: [event(.engine(.decisionRefused), cause: "grant: \(why)", by: principal.name)])
    return .refused(why)
  }

  /// Functions as they are now that a draft is about and of which this person could approve calls.
  private func functions(
    of draft: GrantDraft,
    _ person: Principal,
    in catalogue: Catalogue
  ) -> [RegisteredFunction] {
    let pattern = NamePattern(draft.function)
    return catalogue.functions.filter { function in
      pattern.matches(function.name)
        && [DecidingAct.approve, .grant].allSatisfy {
          catalogue.deciding.mayEver($0, on: function.definition, person)
        }
    }
  }

  /// Why a draft can't become a grant; nil where it can.
  private func refusal(
    of draft: GrantDraft,
    by person: Principal,
    in catalogue: Catalogue
  ) -> String? {
    guard person.mayDecide else { return "that takes the role operator" }
    let pattern = NamePattern(draft.function)
    guard catalogue.functions.contains(where: { pattern.matches($0.name) }) else {
      let near = catalogue.nearestName(to: draft.function).map { "; did you mean \($0)?" } ?? ""
      return "there is no function \(draft.function)" + near
    }
    let functions = functions(of: draft, person, in: catalogue)
    guard !functions.isEmpty else {
      return "by the rules of deciders you may approve no call of \(draft.function)"
    }
    guard draft.seconds > 0, draft.seconds <= Grant.longest else {
      return
        "a grant ends between now and \(Int(Grant.longest / 86400)) days from now; what is meant for longer is a rule"
    }
    guard draft.limit.map({ $0 >= 1 }) ?? true else {
      return "it would serve no call; name 1 or more, or leave it out"
    }
    if let when = draft.when {
      guard !when.isLonger(than: Limit.remark.value) else {
        return "its condition is longer than \(Limit.remark.value) bytes"
      }
      let problems = ConditionLint.problems(
        ofOpening: when,
        parameters: functions.map(\.definition.parameters)
      )
      guard problems.isEmpty else {
        return "its condition would let more through than it says: "
          + problems.joined(separator: "; ")
      }
      guard functions.allSatisfy({ $0.redactor.redact(when) == nil }) else {
        return "its condition is about a secret, which would be kept in clear; name another field"
      }
    }
    guard catalogue.grants.count(where: { $0.grant.until > clock.now }) < Limit.grants.value else {
      return "\(Limit.grants.value) grants stand already; revoke some"
    }
    return nil
  }

  // MARK: - Looking

  func grantRows() -> [GrantRow] {
    let catalogue = table.catalogue
    let now = clock.now
    return grants.all.reversed().map { entry in
      let grant = entry.grant
      let state: GrantRow.State =
        if entry.revoked != nil {
          .revoked
        } else if grant.until <= now {
          .over
        } else if grant.limit.map({ entry.uses >= $0 }) ?? false {
          .used
        } else if entry.end != nil || person(behind: grant) == nil {
          .void
        } else {
          .valid
        }
      let known = grant.definitions.keys.sorted().filter { entry.void?[$0] == nil }
      return GrantRow(
        grant: grant,
        state: state,
        uses: entry.uses,
        revoked: entry.revoked,
        functions: known.filter { catalogue[$0] != nil },
        void: entry.rows,
        absent: known.filter { catalogue[$0] == nil }
      )
    }
  }

  /// What a grant would do if this person gave it now.
  func preview(of draft: GrantDraft, by person: Principal) -> GrantPreview {
    let catalogue = table.catalogue
    let now = clock.now
    let functions = functions(of: draft, person, in: catalogue)
    var preview = GrantPreview(
      draft: draft,
      refusal: refusal(of: draft, by: person, in: catalogue),
      until: now.addingTimeInterval(draft.seconds),
      functions: functions.map(\.name),
      waiting: [],
      starting: 0
    )
    let grant = Grant(
      id: GrantID(UUIDv7(high: 0, low: 0)),
      by: person,
      function: NamePattern(draft.function),
      when: draft.when,
      given: now,
      until: preview.until,
      limit: draft.limit,
      definitions: Dictionary(uniqueKeysWithValues: functions.map { ($0.name, $0.hash) })
    )
    guard preview.refusal == nil, let standing = try? StandingGrant(grant, void: []) else {
      return preview
    }
    var generator = SeededGenerator(seed: 0)
    for id in waiting.ids where preview.waiting.count < draft.limit ?? .max {
      guard let call = table.withShard(of: id, { $0.calls[id]?.call }), call.servesGrants,
        let function = catalogue[call.function], let arguments = call.effectiveArguments,
        standing.covers(function, arguments, at: now),
        mayGrant(person, function, caller: call.caller, arguments, in: catalogue),
        let approval = call.approval
      else { continue }
      let excluded = requesters(of: call, approvers: approval.requirement.approvers)
      let event = self.approval(of: call, by: standing, excluding: excluded, in: catalogue)
      var trial = call
      guard let event,
        (try? trial.handle(event, function.traits, now: now, using: &generator)) != nil
      else { continue }
      preview.waiting.append(
        SeenCall(id, Seen(revision: call.revision, digest: approval.digest))
      )
      if trial.state.word != .awaitingApproval { preview.starting += 1 }
    }
    return preview
  }
}

extension Call {
  /// Grants by which it is approved and has not started yet.
  fileprivate var grantsNotUsed: [GrantID] {
    guard let approval, !approval.isUsed, !state.isEnded else { return [] }
    return approval.approvals.compactMap(\.grant)
  }
}

extension Approval {
  fileprivate func isServed(by grant: GrantID) -> Bool {
    approvals.contains { $0.grant == grant }
  }
}
