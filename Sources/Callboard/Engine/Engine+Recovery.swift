import Foundation
import Logging
import Synchronization

/// What happens while the store can't write, and after it: nothing that has happened is lost, and nothing waits for ever.
extension Engine {
  /// How often a store that can't write is tried, when nothing else tries it.
  static let probeInterval = Duration.seconds(1)

  func storeFailed(_ fault: any Error) {
    let isNew = storeState.withLock { state in
      defer { state = "\(fault)" }
      return state == nil
    }
    hasStoreFault.store(true, ordering: .releasing)
    if isNew { log.error("the store can't write", metadata: ["fault": "\(fault)"]) }
    changed()
    guard !hasStopped, !isProbing.exchange(true, ordering: .acquiringAndReleasing) else { return }
    deadlines.schedule(at: clock.monotonic + Self.probeInterval) { [weak self] in
      self?.isProbing.store(false, ordering: .releasing)
      self?.storeWorks()
    }
  }

  /// A commit went through, or it is time to try one: the fault, if there was one, may be over.
  func storeWorks() {
    guard hasStoreFault.load(ordering: .acquiring),
      hasStoreFault.exchange(false, ordering: .acquiringAndReleasing)
    else { return }
    let cause = storeFault.map { "it could not write before: \($0)" }
    do throws(StoreFault) {
      let ticket = try store.commit(
        StoreChange(events: [event(.engine(.storeRecovered), cause: cause)])
      )
      guard store.commitsAtOnce else {
        Task(executorPreference: executor) { [self] in
          do throws(StoreFault) {
            try await ticket.durable()
            works()
          } catch {
            storeFailed(error)
          }
        }
        return
      }
      works()
    } catch {
      storeFailed(error)
    }
  }

  private func works() {
    storeState.withLock { $0 = nil }
    log.notice("the store can write again")
    changed()
    // Not here: the shard of a call may be locked.
    Task(executorPreference: executor) { [self] in recover() }
  }

  var storeFault: String? { storeState.withLock { $0 } }

  /// Notes what becomes of a step that could not be stored.
  func noteUnstored(_ id: CallID, _ event: CallEvent, _ effect: CallEffect) {
    switch event.unstored {
    case .refused: break
    case .kept: unstored.keep(id, then: effect)
    case .again: unstored.note(.again(id, event))
    case .anew: unstored.note(.anew(id))
    }
    comeBack()
  }

  /// Something was noted: where the store works again already, nobody else would come for it.
  func comeBack() {
    if !hasStoreFault.load(ordering: .acquiring) {
      Task(executorPreference: executor) { [self] in recover() }
    }
  }

  /// Cancels a call for the sake of another, or of its conversation; where that can't be stored, as soon as it can.
  func cancel(_ id: CallID, by person: Principal? = nil) {
    let event = CallEvent.cancel(by: person)
    do {
      perform(id, try move(id, event, stands: true))
    } catch {
      guard error is StoreFault else { return }
      unstored.note(.again(id, event))
      comeBack()
    }
  }

  /// Cancels a call that runs another one again, unless it has started.
  func cancelIfNotStarted(_ id: CallID) {
    do {
      let moved = try table.withShard(of: id) { shard throws -> Move? in
        guard let live = shard.calls[id], live.call.attempts.isEmpty else { return nil }
        return try move(live, .cancel(by: nil), stands: true, in: &shard)
      }
      if let moved { perform(id, moved) }
    } catch {
      guard error is StoreFault else { return }
      unstored.note(.endRerun(id))
      comeBack()
    }
  }

  /// Stores what was kept, and takes the other steps that could not be stored; what fails again is noted again.
  private func recover() {
    var all = unstored.take()
    if all.dropped > 0 {
      let gap =
        "\(all.dropped) events before these are missing: they were more than are kept while the store can't write"
      all.events.insert(event(.engine(.storeFailed), cause: gap), at: 0)
    }
    if !all.events.isEmpty || !all.settings.isEmpty {
      commit(events: all.events, settings: all.settings)
    }
    for (id, talk) in all.talks { recover(id, talk) }
    recoverRuns()
    for (id, effect) in all.calls {
      do throws(StoreFault) {
        try storeKept(id)
        Task(executorPreference: executor) { [self] in await drive(id, effect) }
      } catch {
        unstored.putBack(id, then: effect)
      }
    }
    for step in all.steps { take(step) }
  }

  /// What the store says of itself.
  func heard(_ news: StoreNews) {
    switch news {
    case .fails(let fault): storeFailed(fault)
    case .withdrawn(let change): for change in change.calls { takeBack(change.record.call) }
    case .works: storeWorks()
    }
  }

  /// Makes a call again what it was before a step that could not be stored; one that was never stored has never been.
  private func takeBack(_ withdrawn: Call) {
    table.withShard(of: withdrawn.id) { shard in
      guard let live = shard.calls[withdrawn.id], let last = live.revocable.last,
        last.steps == withdrawn.history.count, live.committed == last.steps
      else { return }
      live.revocable.removeLast()
      live.committed = last.committed
      live.owed = nil
      guard let before = last.before else {
        shard.count(live, as: nil)
        waiting.remove(live.call)
        undoable.remove(withdrawn.id)
        if let key = live.twinKey { twins.leave(key, withdrawn.id) }
        accountGrants(from: live.call, to: nil)
        shard.calls[withdrawn.id] = nil
        return
      }
      accountGrants(from: live.call, to: before.call)
      show(before, of: live, in: &shard)
      reenterTwin(live)
    }
    changed()
  }

  /// Whether what has to be on disk before `effect` is; where it was withdrawn, `effect` does not come.
  func isOnDisk(_ id: CallID, before effect: CallEffect) async -> Bool {
    let look = table.withShard(of: id) { shard -> (CommitTicket, RegisteredFunction?)? in
      shard.calls[id].flatMap { live in live.owed.map { ($0, live.function) } }
    }
    guard let (owed, function) = look else { return true }
    do throws(StoreFault) {
      // What has ended is told by whoever has stopped the engine.
      guard try await isDurable(owed) else { return false }
      table.withShard(of: id) { shard in
        guard let live = shard.calls[id] else { return }
        live.owed = nil
        live.revocable = []
      }
      return true
    } catch {
      storeFailed(error)
      abandon(id, effect, function)
      return false
    }
  }

  /// Gives back what a step had taken that was withdrawn, and has its call go on from where it stands when the store
  /// works again.
  private func abandon(_ id: CallID, _ effect: CallEffect, _ function: RegisteredFunction?) {
    if case .invoke = effect, let function {
      function.runtime.withBreaker { $0.abandoned() }
      slots.giveBack(function)
      landFlight(id, .otherwise)
    }
    guard table.withShard(of: id, { $0.calls[id] != nil }) else { return }
    unstored.note(.anew(id))
    comeBack()
  }

  private func storeKept(_ id: CallID) throws(StoreFault) {
    try table.withShard(of: id) { shard throws(StoreFault) in
      guard let live = shard.calls[id], !live.isStored else { return }
      try commit(
        live.call,
        as: live,
        function: live.function,
        secrets: live.secrets,
        keeps: true,
        twin: live.twinKey,
        revocable: false,
        awaited: true,
        in: &shard
      )
    }
  }

  private func take(_ step: UnstoredSteps.Step) {
    switch step {
    case .again(let id, .cancel(let person)): cancel(id, by: person)
    case .again(let id, let event):
      // It may have gone another way meanwhile.
      if let moved = try? move(id, event) { perform(id, moved) }
    case .anew(let id):
      switch table.withShard(of: id, { $0.calls[id]?.call.state }) {
      case .received: perform(id, .admit)
      case .queued(_, nil): perform(id, .startRunner)
      case .queued, .awaitingApproval, .approved, .running, .stopping, .backingOff, .unknown,
        .succeeded, .failed, .rejected, .denied, .expired, .cancelled, nil:
        break
      }
    case .endRerun(let id):
      guard let other = table.withShard(of: id, { $0.calls[id]?.call.link?.other }) else { return }
      let call = table.withShard(of: other) { $0.calls[other]?.call }
      if call == nil || call?.lateResult != nil { cancelIfNotStarted(id) }
    }
  }
}
