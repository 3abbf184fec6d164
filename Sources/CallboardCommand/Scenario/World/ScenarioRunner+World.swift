import Callboard
import JSONSchema
import Synchronization

/// Takes the steps that happen to the engine itself, or around it.
extension ScenarioRunner {
  func take(_ world: Scenario.WorldStep, as person: String, _ step: Scenario.Step) async {
    switch world {
    case .restart(let pause): await restart(after: pause, step)
    case .die(let pattern):
      let start = log.count
      self.world.die { [weak self] event in
        pattern.matches(event, calls: self?.state.withLock { $0.calls } ?? [:])
      }
      state.withLock { $0.death = (pattern, start) }
    case .stopEngine: self.world.stop()
    case .store(let fault?): self.world.fail(StoreFault(fault))
    case .store(nil): await storeWorks()
    case .definition(let definition): await take(definition, as: person, step)
    case .grant(let grant): await give(grant, as: person, step)
    case .revokeGrant(let name):
      guard let id = state.withLock({ $0.grants[name] }) else {
        return mishap("\(step.place) finds the grant \(name)", "it was not given")
      }
      await ask(.revokeGrant(id), as: person, step)
    case .pauseConversation(let name, let to):
      guard let id = conversation(name, at: step) else { return }
      await ask(.pauseConversation(id, from: !to, to: to), as: person, step)
    }
  }

  /// Whoever does something next finds that the engine knows it, too.
  private func storeWorks() async {
    let start = log.count
    world.fail(nil)
    guard engine.snapshot(of: .header).header.storeFault != nil else { return }
    _ = await log.event(from: start, givesUp: true) { $0.type == .engine(.storeRecovered) }
  }

  private func restart(after pause: Duration, _ step: Scenario.Step) async {
    if let (last, start) = state.withLock({ state in
      defer { state.death = nil }
      return state.death
    }) {
      let names = state.withLock { $0.calls }
      let found = await log.event(from: start, givesUp: true) { last.matches($0, calls: names) }
      if found == nil { mishap("\(step.place) after \(last.words)", "it never came") }
    }
    await world.end()
    if pause > .zero { await self.pause(for: pause) }
    guard !state.withLock({ $0.isStopped }) else { return }
    do {
      try world.begin()
    } catch {
      return mishap("\(step.place) makes a new engine", "\(error)")
    }
    // Whoever waited for the old engine is gone with it; the new one's own are waited for at the end.
    let (conversations, runs) = state.withLock { ($0.conversations, $0.runs) }
    for id in conversations.values {
      world.life.begin { [engine] in _ = await engine.ended(id) }
    }
    for id in runs.values { world.life.begin { [engine] in _ = await engine.ended(id) } }
  }

  private func take(
    _ definition: Scenario.DefinitionStep,
    as person: String,
    _ step: Scenario.Step
  ) async {
    let name = definition.function.description
    let overlay = overlays.first { $0.namespace == definition.function.namespace }
    switch definition.change {
    case .announced(let description, let parameters):
      overlay?.announce(definition.function) { function in
        if let description { function.description = description }
        if let parameters { function.parameters = parameters }
      }
    case .removed: overlay?.remove(definition.function)
    case .accepted, .declined:
      guard case .function(let detail?) = engine.snapshot(of: .function(name)).body,
        let row = detail.change?.row
      else { return mishap("\(step.place) of \(name)", "no changed definition waits for anybody") }
      if case .accepted = definition.change {
        await ask(.acceptDefinition(name, from: row.from, to: row.to), as: person, step)
      } else {
        await ask(.declineDefinition(name, from: row.from, to: row.to), as: person, step)
      }
    }
  }

  private func give(_ grant: Scenario.GrantStep, as person: String, _ step: Scenario.Step) async {
    let calls = state.withLock { $0.calls }
    let waiting = grant.waiting.compactMap { name -> SeenCall? in
      guard let id = calls[name], let call = detail(id)?.call else { return nil }
      return SeenCall(id, Seen(revision: call.revision, digest: call.approval?.digest ?? ""))
    }
    let start = log.count
    let reply = await ask(.grant(grant.draft, waiting: waiting), as: person, step)
    guard reply.isDone, let name = grant.name else { return }
    let given = await log.event(from: start, givesUp: true) { $0.type == .engine(.granted) }
    if let id = given?.grant { state.withLock { $0.grants[name] = id } }
  }
}
