import JSONSchema

/// What would be decided about a call, and why; nothing runs and nothing is stored.
public struct Simulation: Sendable {
  public var verdict: Engine.Rehearsal
  /// The rules that were asked, in order; empty where it never comes to them.
  public var findings: [ApprovalRules.Finding]

  public init(verdict: Engine.Rehearsal, findings: [ApprovalRules.Finding]) {
    self.verdict = verdict
    self.findings = findings
  }
}

extension Engine {
  /// Asks everything that is asked of a new call, and every rule up to the one that decides.
  public func simulate(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) -> Simulation {
    let verdict = rehearse(function, arguments, by: caller)
    let catalogue = table.catalogue
    switch verdict {
    case .rejected: return Simulation(verdict: verdict, findings: [])
    case .runs, .asks, .denied: break
    }
    guard let known = catalogue.named(onTheWire: function) ?? catalogue[function] else {
      return Simulation(verdict: verdict, findings: [])
    }
    let findings = catalogue.rules.findings(
      for: known.schema.fillingDefaults(in: arguments),
      function: known.definition,
      caller: caller
    ) { known.redactor.redact($0, about: $1) }
    return Simulation(verdict: verdict, findings: findings)
  }
}
