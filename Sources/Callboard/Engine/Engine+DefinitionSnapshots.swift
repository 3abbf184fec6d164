import Foundation

/// What faces see of definitions that have changed.
extension Engine {
  /// Functions that are held for their definitions, as a list's filter lets them through: undecided ones first.
  func definitionRows(_ filter: Filter, in catalogue: Catalogue, at now: Date) -> [DefinitionRow] {
    let held = catalogue.functions.filter { $0.unaccepted != nil }
    guard !held.isEmpty else { return [] }
    var waiting: [String: Int] = [:]
    for id in self.waiting.ids {
      let call = table.withShard(of: id) { $0.calls[id]?.call }
      if let call, call.isUndecided { waiting[call.function, default: 0] += 1 }
    }
    let rows = held.compactMap { function -> DefinitionRow? in
      guard let row = definitionRow(function, waiting: waiting[function.name] ?? 0) else {
        return nil
      }
      let subject = Filter.Subject(
        function: row.name,
        state: row.declined == nil ? "changed" : "declined",
        effect: row.effect.rawValue,
        since: row.since,
        text: [row.summary]
      )
      return filter.admits(subject, at: now) ? row : nil
    }
    return rows.filter { $0.declined == nil } + rows.filter { $0.declined != nil }
  }

  func definitionChange(_ function: RegisteredFunction) -> DefinitionChange? {
    guard let held = function.unaccepted, let row = definitionRow(function, waiting: 0) else {
      return nil
    }
    return DefinitionChange(row: row, differences: held.differences, problem: held.problem)
  }

  private func definitionRow(_ function: RegisteredFunction, waiting: Int) -> DefinitionRow? {
    guard let held = function.unaccepted else { return nil }
    return DefinitionRow(
      name: function.name,
      provider: function.provider.namespace,
      effect: function.definition.effect,
      since: held.since,
      from: held.accepted.hash,
      to: held.hash,
      summary: DefinitionDifference.summary(of: held.differences),
      declined: held.declined,
      waiting: waiting
    )
  }
}
