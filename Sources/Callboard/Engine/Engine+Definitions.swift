import Foundation
import JSONSchema
import Logging
import Synchronization

/// Definitions that change: what a server announces is held until a person accepts it, what the configuration says is
/// accepted by loading it.
extension Engine {
  // MARK: - What becomes of a catalogue

  /// What other definitions make of a catalogue: found without a lock, and put in under every shard's.
  struct DefinitionUpdate: Sendable {
    var functions: [RegisteredFunction]
    var absent: [String: Catalogue.Absent]
    var changes: [Change] = []
    var settings: [String: JSONValue] = [:]

    struct Change: Sendable {
      var kind: Kind
      var function: String
      var hash: String
      var cause: String
    }

    enum Kind: Sendable {
      case added
      case removed
      /// Accepted by loading.
      case redefined
      /// Held until somebody accepts it.
      case held
      /// Its server says again what was accepted.
      case takenBack
      /// Only words for people have changed.
      case described
    }

    func names(_ kinds: Kind...) -> Set<String> {
      Set(changes.filter { kinds.contains($0.kind) }.map(\.function))
    }
  }

  /// Brings the functions of some providers into a catalogue, each with what its name has had before.
  ///
  /// `namespaces`: whose functions these are all of.
  func update(
    of before: Catalogue,
    with functions: [RegisteredFunction],
    of namespaces: Set<String>
  ) -> DefinitionUpdate {
    var update = DefinitionUpdate(functions: [], absent: before.sources.absent)
    let names = Set(functions.map(\.name))
    for old in before.functions {
      if !namespaces.contains(old.provider.namespace) {
        update.functions.append(old)
      } else if !names.contains(old.name) {
        update.remove(old)
      }
    }
    for function in functions { take(function, before: before, into: &update) }
    return update
  }

  private func take(
    _ function: RegisteredFunction,
    before: Catalogue,
    into update: inout DefinitionUpdate
  ) {
    let old = before[function.name]
    let absent = update.absent.removeValue(forKey: function.name)
    let switched = old.map { $0.isOn ? nil : $0.switched } ?? absent?.switched
    var next = function.standing(
      as: old?.standing
        ?? RegisteredFunction.Standing(
          ordinal: slots.ordinal(of: function.name),
          runtime: function.runtime
        )
    )
    if let switched { next = next.switching(on: false, switched) }
    let accepted = old?.unaccepted?.accepted ?? old.map(AcceptedDefinition.init) ?? absent?.accepted
    // One that can't be used comes held already.
    next = next.holding(
      function.unaccepted
        ?? held(next, accepted: accepted, before: old?.unaccepted, declined: absent?.declined)
    )
    update.functions.append(next)
    update.note(next, after: old, accepted: accepted)
  }

  /// Why a definition is held; nil where it is accepted.
  ///
  /// A change that this machine's configuration makes, of the effect or of where the server is, is accepted by loading.
  private func held(
    _ function: RegisteredFunction,
    accepted: AcceptedDefinition?,
    before: UnacceptedDefinition?,
    declined: (hash: String, Switched)?
  ) -> UnacceptedDefinition? {
    let identity = function.providerIdentity
    guard !function.provider.definitionsAreLocal, let accepted, accepted.hash != function.hash,
      accepted.provider == AcceptedDefinition.digest(of: identity),
      DefinitionHash.of(function.definition, provider: identity, effect: accepted.effect)
        != accepted.hash
    else { return nil }
    if let before, before.hash == function.hash, before.accepted == accepted { return before }
    return UnacceptedDefinition(
      accepted: accepted,
      hash: function.hash,
      since: clock.now,
      declined: declined.flatMap { $0.hash == function.hash ? $0.1 : nil },
      problem: nil,
      differences: DefinitionDifference.between(
        accepted,
        description: function.redactor.redact(text: function.definition.description),
        parameters: function.shownParameters,
        effect: function.definition.effect
      )
    )
  }

  /// What the stream tells of an update, under the locks that put it in.
  private func events(_ update: DefinitionUpdate) -> [EngineEvent] {
    update.changes.map { change in
      let kind: EngineEvent.Kind.FunctionChange =
        switch change.kind {
        case .added: .added
        case .removed: .removed
        case .redefined, .takenBack: .accepted
        case .held: .changed
        case .described: .described
        }
      var event = event(.function(kind), function: change.function, cause: change.cause)
      event.definition = change.hash
      return event
    }
  }

  /// Does to calls what follows from an update, once it is in.
  private func follow(_ update: DefinitionUpdate) {
    removed(update.names(.removed))
    drifted(update.names(.held))
    redefined(update.names(.redefined, .takenBack))
    changed()
  }

  /// Takes up what people had set when the last engine on this store ended, and holds what servers have changed since.
  func takeUp(_ remembered: [String: Catalogue.Absent], held: Switched?) {
    let hasServers = table.catalogue.sources.providers.contains { !$0.definitionsAreLocal }
    guard !remembered.isEmpty || held != nil || hasServers else { return }
    while true {
      let before = table.catalogue
      // Everything is new to a catalogue that remembers what was.
      var empty = before.sources
      empty.absent = remembered
      let update = update(
        of: before.with([], empty),
        with: before.functions,
        of: Set(before.sources.providers.map(\.namespace))
      )
      empty.absent = update.absent
      var next = before.with(update.functions, empty)
      if let held { next = next.withHold(held) }
      let news = DefinitionUpdate(
        functions: [],
        absent: [:],
        changes: update.changes.filter { $0.kind == .held }
          + described(next, since: remembered)
      )
      let settings = update.settings.filter { key, value in
        guard case .definition(let name) = Setting(key: key) else { return true }
        return remembered[name]?.accepted?.setting != value
      }
      let isIn = table.withEveryShard {
        $0 === before ? next : nil
      } commit: {
        if !news.changes.isEmpty || !settings.isEmpty {
          commit(events: events(news), settings: settings)
        }
        settle(next)
        if held != nil { slots.change(isHeld: true) }
      }
      if isIn { return }
    }
  }

  /// Functions of servers whose words for people have changed while callboard was away, and nothing else.
  private func described(
    _ catalogue: Catalogue,
    since remembered: [String: Catalogue.Absent]
  ) -> [DefinitionUpdate.Change] {
    catalogue.functions.compactMap { function in
      guard let before = remembered[function.name]?.accepted, before.hash == function.hash,
        before != AcceptedDefinition(function)
      else { return nil }
      return DefinitionUpdate.Change(
        kind: .described,
        function: function.name,
        hash: function.hash,
        cause: "only its description has changed"
      )
    }
  }

  // MARK: - Announcements

  /// Hears of changed definitions from now on.
  func follow(_ providers: [any FunctionProvider]) {
    var tokens: [String: ObservationToken] = [:]
    for provider in providers {
      let namespace = provider.namespace
      tokens[namespace] = provider.onChange { [weak self] in self?.definitionsChanged(of: namespace)
      }
    }
    let old = followed.withLock { followed in
      defer { followed = tokens }
      return followed
    }
    // Ended out of the lock: an observer may be told for the last time.
    _ = consume old
  }

  /// The functions of a provider may be others than they were: looks, and takes what has changed.
  func definitionsChanged(of namespace: String) {
    while true {
      let before = table.catalogue
      guard
        let provider = before.sources.providers.first(where: { $0.namespace == namespace })
      else { return }
      let update = update(of: before, with: registered(of: provider, in: before), of: [namespace])
      guard !update.changes.isEmpty else { return }
      var sources = before.sources
      sources.absent = update.absent
      let (next, voided) = Self.withoutVoidGrants(
        before.with(update.functions, sources),
        update.cause
      )
      let isIn = table.withEveryShard {
        $0 === before ? next : nil
      } commit: {
        let (voids, void) = void(voided)
        commit(
          events: events(update) + voids,
          settings: update.settings.merging(void) { _, new in new }
        )
        settle(next)
      }
      if isIn { return follow(update) }
    }
  }

  /// What a provider has now; a definition that can't be used holds the one there was.
  private func registered(
    of provider: any FunctionProvider,
    in catalogue: Catalogue
  ) -> [RegisteredFunction] {
    let definitions = provider.functions.filter { $0.name.namespace == provider.namespace }
    let others = catalogue.functions.filter { $0.provider.namespace != provider.namespace }
    let names = Set(others.map(\.definition.name) + definitions.map(\.name))
    let wireNames = WireName.assign(to: names.sorted())
    var seen: Set<FunctionName> = []
    return definitions.compactMap { definition in
      guard seen.insert(definition.name).inserted else { return nil }
      var notices: [RegistrationNotice] = []
      do throws(ConfigurationMistake) {
        return try FunctionRegistry.register(
          definition,
          of: provider,
          known: names,
          wireName: wireNames[definition.name] ?? "",
          ordinal: 0,
          secrets: catalogue.sources.secrets,
          secretValues: catalogue.sources.secretValues,
          &notices
        )
      } catch {
        return unusable(definition, error, in: catalogue)
      }
    }
  }

  private func unusable(
    _ definition: FunctionDefinition,
    _ mistake: ConfigurationMistake,
    in catalogue: Catalogue
  ) -> RegisteredFunction? {
    guard let old = catalogue[definition.name.description] else {
      log.warning(
        "a function that a server announced can't be used",
        metadata: ["why": "\(mistake)"]
      )
      return nil
    }
    let identity = old.providerIdentity
    let hash = DefinitionHash.of(definition, provider: identity)
    if let before = old.unaccepted, before.hash == hash { return old }
    let accepted = old.unaccepted?.accepted ?? AcceptedDefinition(old)
    return old.holding(
      UnacceptedDefinition(
        accepted: accepted,
        hash: hash,
        since: clock.now,
        problem: old.redactor.redact(text: mistake.message),
        differences: DefinitionDifference.between(
          accepted,
          description: old.redactor.redact(text: definition.description),
          parameters: old.redactor.redactValues(in: definition.parameters)
            ?? definition.parameters,
          effect: definition.effect
        )
      )
    )
  }

  /// Lines, breakers and switches as a catalogue has them; under every shard's lock.
  private func settle(_ catalogue: Catalogue) {
    for function in catalogue.functions { function.runtime.update(function.definition) }
    slots.update(catalogue.functions)
  }

  // MARK: - Reload

  /// Puts in functions, rules, access and limits in one step: no call sees some of the old and some of the new.
  ///
  /// Approvals keep the rule that asked; a next attempt takes the new limits. Returns what became of the functions.
  public func reload(
    _ registry: FunctionRegistry,
    _ configuration: EngineConfiguration,
    by person: String? = nil,
    cause: String
  ) async -> ReloadedFunctions {
    var configuration = configuration
    configuration.isUnattended = self.configuration.isUnattended
    configuration.seed = self.configuration.seed
    while true {
      let before = table.catalogue
      let namespaces = Set(
        (before.sources.providers + registry.providers).map(\.namespace)
      )
      let update = update(of: before, with: registry.functions, of: namespaces)
      let catalogue = Catalogue(
        functions: update.functions,
        rules: configuration.rules,
        access: configuration.access,
        deciding: configuration.deciding,
        held: before.held,
        grants: before.grants,
        sources: Catalogue.Sources(
          providers: registry.providers,
          secrets: registry.secrets,
          secretValues: registry.secretValues,
          absent: update.absent
        )
      )
      let (next, voided) = Self.withoutVoidGrants(catalogue, update.cause)
      var ticket = CommitTicket.done
      let isIn = table.withEveryShard {
        $0 === before ? next : nil
      } commit: {
        replace(configuration: configuration)
        let (voids, void) = void(voided)
        ticket = commit(
          events: [event(.engine(.reloaded), cause: cause, by: person)] + events(update) + voids,
          settings: update.settings.merging(void) { _, new in new }
        )
        settle(next)
      }
      guard isIn else { continue }
      for notice in registry.notices { log.warning("\(notice)") }
      follow(registry.providers)
      follow(update)
      // A server may have said something else before it was listened to.
      for provider in registry.providers where !provider.definitionsAreLocal {
        definitionsChanged(of: provider.namespace)
      }
      try? await ticket.durable()
      return ReloadedFunctions(update)
    }
  }
}

extension Engine.DefinitionUpdate {
  fileprivate mutating func remove(_ old: RegisteredFunction) {
    absent[old.name] = Catalogue.Absent(
      switched: old.isOn ? nil : old.switched,
      accepted: old.provider.definitionsAreLocal
        ? nil : old.unaccepted?.accepted ?? AcceptedDefinition(old),
      declined: old.unaccepted.flatMap { held in held.declined.map { (held.hash, $0) } }
    )
    changes.append(
      Change(kind: .removed, function: old.name, hash: old.hash, cause: "it is not there any more")
    )
  }

  /// Notes what has become of a function.
  fileprivate mutating func note(
    _ next: RegisteredFunction,
    after old: RegisteredFunction?,
    accepted: AcceptedDefinition?
  ) {
    func note(_ kind: Engine.DefinitionUpdate.Kind, _ cause: String) {
      let hash = next.unaccepted?.hash ?? next.hash
      changes.append(Change(kind: kind, function: next.name, hash: hash, cause: cause))
    }
    if let held = next.unaccepted {
      if held.hash != old?.unaccepted?.hash {
        note(.held, DefinitionDifference.summary(of: held.differences))
      }
      return
    }
    if !next.provider.definitionsAreLocal {
      settings[Setting.definition(next.name).key] = AcceptedDefinition(next).setting
    }
    guard let old else { return note(.added, "it is new") }
    if old.unaccepted != nil, next.hash == accepted?.hash {
      note(.takenBack, "its server says again what was accepted before")
    } else if next.hash != old.hash || old.unaccepted != nil {
      note(.redefined, "its definition is another one by the configuration")
    } else if next.definition.description != old.definition.description
      || next.definition.parameters != old.definition.parameters
    {
      note(.described, "only its description has changed")
    }
  }
}

/// What a reload made of the functions, by name.
public struct ReloadedFunctions: Sendable, Hashable {
  public var added: [String]
  public var removed: [String]
  public var changed: [String]
  /// Their server's definition is held until somebody accepts it.
  public var held: [String]
  /// Only words for people have changed.
  public var described: [String]

  init(_ update: Engine.DefinitionUpdate) {
    added = update.names(.added).sorted()
    removed = update.names(.removed).sorted()
    changed = update.names(.redefined, .takenBack).sorted()
    held = update.names(.held).sorted()
    described = update.names(.described).sorted()
  }
}
