import Foundation
import JSONSchema

/// A person's word on a definition that has changed, and what follows from it for calls.
extension Engine {
  private struct NotAsSeen: Error {
    var why: String
  }

  /// Takes exactly the definition that was shown.
  func acceptDefinition(
    _ name: String,
    from: String,
    to: String,
    by principal: Principal
  ) async -> Reply {
    // What starts things counts only where it can be stored.
    if let fault = storeFault { return .refused(fault) }
    var ticket = CommitTicket.done
    var why = ""
    var accepted = JSONValue.null
    let isIn = table.withEveryShard { catalogue in
      do throws(NotAsSeen) {
        let (function, held) = try seen(name, from: from, to: to, in: catalogue)
        if let problem = held.problem {
          throw NotAsSeen(why: "the new definition of \(name) can't be used: \(problem)")
        }
        accepted = AcceptedDefinition(function).setting
        return catalogue.replacing([function.holding(nil)])
      } catch {
        why = error.why
        return nil
      }
    } commit: {
      ticket = commit(
        events: [
          definitionEvent(.accepted, name, to, "its new definition was accepted", by: principal)
        ],
        settings: [
          Setting.definition(name).key: accepted, Setting.declined(name).key: .null,
        ]
      )
    }
    guard isIn else { return refused(nil, because: why, by: principal) }
    // Waited for before what follows: calls are asked about anew under what is kept.
    let plain = await done("the new definition of \(name) is accepted", on: ticket)
    let asked = redefined([name])
    changed()
    guard asked > 0, case .done(let words) = plain else { return plain }
    return .done(
      words
        + (asked == 1
          ? "; 1 waiting call is asked about anew"
          : "; \(asked) waiting calls are asked about anew")
    )
  }

  /// Leaves the function held, and says so to whoever looks next.
  func declineDefinition(
    _ name: String,
    from: String,
    to: String,
    by principal: Principal
  ) async -> Reply {
    let switched = Switched(by: principal.name, at: clock.now)
    var ticket = CommitTicket.done
    var why = ""
    let isIn = table.withEveryShard { catalogue in
      do throws(NotAsSeen) {
        var (function, held) = try seen(name, from: from, to: to, in: catalogue)
        if let before = held.declined {
          throw NotAsSeen(why: "already declined" + ago(before, clock.now))
        }
        held.declined = switched
        return catalogue.replacing([function.holding(held)])
      } catch {
        why = error.why
        return nil
      }
    } commit: {
      var setting = Setting.value(of: switched)
      setting["hash"] = .string(to)
      ticket = commit(
        events: [
          definitionEvent(
            .declined,
            name,
            to,
            "its new definition was declined: it stays held",
            by: principal
          )
        ],
        settings: [Setting.declined(name).key: setting]
      )
    }
    guard isIn else { return refused(nil, because: why, by: principal) }
    let reply = await done("\(name) stays held: its new definition is declined", on: ticket)
    changed()
    return reply
  }

  private func definitionEvent(
    _ change: EngineEvent.Kind.FunctionChange,
    _ name: String,
    _ hash: String,
    _ cause: String,
    by principal: Principal
  ) -> EngineEvent {
    var event = event(.function(change), function: name, cause: cause, by: principal.name)
    event.definition = hash
    return event
  }

  /// The function, where its definitions are still the ones that somebody had before their eyes.
  private func seen(
    _ name: String,
    from: String,
    to: String,
    in catalogue: Catalogue
  ) throws(NotAsSeen) -> (RegisteredFunction, UnacceptedDefinition) {
    guard let function = catalogue[name] else {
      let near = catalogue.nearestName(to: name).map { "; did you mean \($0)?" } ?? ""
      throw NotAsSeen(why: "there is no function \(name)" + near)
    }
    guard let held = function.unaccepted else {
      throw NotAsSeen(
        why: function.hash == to
          ? "the definition of \(name) is accepted already"
          : "the definition of \(name) that you saw is gone, and nothing of it waits to be accepted"
      )
    }
    guard held.accepted.hash == from, held.hash == to else {
      throw NotAsSeen(why: "the definition of \(name) has changed since you saw it; read it again")
    }
    return (function, held)
  }

  // MARK: - What follows for calls

  /// Ends what has not started of functions that are not there any more; what runs goes on.
  func removed(_ functions: Set<String>) {
    for id in calls(of: functions) {
      // What runs, is unknown or has gone on refuses it.
      guard let moved = try? move(id, .functionRemoved) else { continue }
      perform(id, moved)
    }
  }

  /// Voids the approvals that were given under a definition that is not the accepted one any more.
  func drifted(_ functions: Set<String>) {
    for id in calls(of: functions) {
      guard let call = table.withShard(of: id, { $0.calls[id]?.call }), call.isUndecided else {
        continue
      }
      if case .awaitingApproval = call.state, call.approval?.approvals.isEmpty ?? true { continue }
      guard let moved = try? move(id, .definitionDrifted) else { continue }
      perform(id, moved)
    }
  }

  /// Asks anew about what waits for a person under another definition than the one that is accepted now.
  ///
  /// Returns how many are asked about.
  @discardableResult
  func redefined(_ functions: Set<String>) -> Int {
    calls(of: functions).count { redefine($0) }
  }

  private func redefine(_ id: CallID) -> Bool {
    let found = table.withShard(of: id) { shard -> (Call, RegisteredFunction)? in
      guard let live = shard.calls[id], live.call.isUndecided,
        let function = shard.catalogue[live.call.function], function.unaccepted == nil,
        live.call.definitionHash != function.hash
      else { return nil }
      live.function = function
      return (live.call, function)
    }
    guard let (call, function) = found else { return false }
    do {
      if case .approved = call.state { _ = try move(id, .definitionDrifted) }
      let moved = try move(id, redefinition(of: call, function))
      perform(id, moved)
      return moved.state == .awaitingApproval
    } catch {
      // Somebody was faster, or it comes again when the store works.
      return false
    }
  }

  private func calls(of functions: Set<String>) -> [CallID] {
    guard !functions.isEmpty else { return [] }
    var ids: [CallID] = []
    table.forEachShard { shard in
      for (id, live) in shard.calls where functions.contains(live.call.function) { ids.append(id) }
    }
    return ids.sorted()
  }

  /// What of a function counts for a step: what runs under another definition than the accepted one is not repeated.
  func traits(
    of live: LiveTable.LiveCall,
    for event: CallEvent,
    in catalogue: Catalogue
  ) -> FunctionTraits {
    guard case .attemptFailed = event, let hash = live.call.definitionHash else {
      return live.traits
    }
    if let current = catalogue[live.call.function], current.unaccepted == nil, current.hash == hash
    {
      return live.traits
    }
    var traits = live.traits
    traits.retry.maxAttempts = 1
    return traits
  }
}

extension Call {
  /// Whether a person may still have to decide on it.
  var isUndecided: Bool {
    switch state {
    case .awaitingApproval, .approved: true
    case .received, .queued, .running, .stopping, .backingOff, .unknown, .succeeded, .failed,
      .rejected, .denied, .expired, .cancelled:
      false
    }
  }
}
