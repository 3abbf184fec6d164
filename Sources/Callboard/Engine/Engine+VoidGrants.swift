import Foundation
import JSONSchema

/// Grants that another definition has made void: for good, also where the old one comes back.
///
/// Its giver knew one definition. That another one was announced in between is what nobody may overlook: whoever wants
/// the grant again gives it again.
extension Engine {
  /// A grant that stands no more for one of its functions.
  struct VoidedGrant: Sendable {
    var grant: Grant
    var function: String
    var cause: String
  }

  /// A catalogue in which no grant stands for a function that is another one than its giver knew, and which those are.
  static func withoutVoidGrants(
    _ catalogue: Catalogue,
    _ cause: (RegisteredFunction) -> String
  ) -> (Catalogue, [VoidedGrant]) {
    var voided: [VoidedGrant] = []
    let standing = catalogue.grants.compactMap { standing -> StandingGrant? in
      let known = standing.grant.definitions.sorted { $0.key < $1.key }
      let changed = known.compactMap { name, hash -> VoidedGrant? in
        // One that is not there may come back as it was.
        guard !standing.void.contains(name), let function = catalogue[name],
          (function.unaccepted?.hash ?? function.hash) != hash
        else { return nil }
        return VoidedGrant(grant: standing.grant, function: name, cause: cause(function))
      }
      guard !changed.isEmpty else { return standing }
      voided += changed
      return standing.without(Set(changed.map(\.function)))
    }
    return voided.isEmpty ? (catalogue, []) : (catalogue.withGrants(standing), voided)
  }

  /// What is kept and told of them; under the locks that take them out of the catalogue.
  func void(_ voided: [VoidedGrant]) -> (events: [EngineEvent], settings: [String: JSONValue]) {
    var events: [EngineEvent] = []
    var settings: [String: JSONValue] = [:]
    for void in voided {
      let kept = GrantBook.Entry.Voided(since: clock.now, cause: void.cause)
      guard let entry = grants.void(void.grant.id, for: void.function, kept) else { continue }
      settings.merge(Setting.settings(of: entry)) { _, new in new }
      var event = event(
        .engine(.grantVoid),
        function: void.function,
        cause: GrantWords.void(void.grant, void.cause)
      )
      event.grant = void.grant.id
      events.append(event)
    }
    return (events, settings)
  }

  /// The grants that a store remembers, once it is known what their functions are now.
  func takeUp(grants granted: [GrantBook.Entry]) {
    guard !granted.isEmpty else { return }
    for entry in granted { grants.put(entry) { _ in } }
    let now = clock.now
    let standing = granted.filter { $0.end == nil && $0.grant.until > now }
      .sorted { $0.grant.id < $1.grant.id }
      .compactMap { try? StandingGrant($0.grant, void: Set(($0.void ?? [:]).keys)) }
    while true {
      let before = table.catalogue
      let (next, voided) = Self.withoutVoidGrants(before.withGrants(standing)) { function in
        function.unaccepted.map { DefinitionDifference.summary(of: $0.differences) }
          ?? "it is another one since callboard was started anew"
      }
      let isIn = table.withEveryShard {
        $0 === before ? next : nil
      } commit: {
        let (events, settings) = void(voided)
        if !events.isEmpty { commit(events: events, settings: settings) }
      }
      if isIn { return }
    }
  }
}

extension Engine.DefinitionUpdate {
  /// Why a function is another one, as its change was told.
  func cause(_ function: RegisteredFunction) -> String {
    changes.last { $0.function == function.name }?.cause ?? "it is another one"
  }
}

extension GrantBook.Entry {
  /// The functions for which it is void, as they are listed.
  var rows: [GrantRow.VoidFunction] {
    (void ?? [:]).sorted { $0.key < $1.key }.map { name, void in
      GrantRow.VoidFunction(function: name, since: void.since, cause: void.cause)
    }
  }
}
