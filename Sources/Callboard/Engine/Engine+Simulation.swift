import JSONSchema

/// What would be decided about a call, and why; nothing runs and nothing is stored.
public struct Simulation: Sendable, Codable {
  /// On whose behalf it would be made.
  public var caller: String
  public var verdict: Engine.Rehearsal
  /// The rules that were asked, in order; empty where it never comes to them.
  public var findings: [ApprovalRules.Finding]
  /// The grants that would approve it.
  public var ahead: [GrantedApproval]

  public init(
    caller: String,
    verdict: Engine.Rehearsal,
    findings: [ApprovalRules.Finding],
    ahead: [GrantedApproval]
  ) {
    self.caller = caller
    self.verdict = verdict
    self.findings = findings
    self.ahead = ahead
  }
}

extension Engine {
  /// Asks everything that is asked of a new call, and every rule up to the one that decides.
  public func simulate(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) -> Simulation {
    guard !isTooMuch(arguments) else {
      // Read as a text it is found to be too much, as when it is submitted.
      return simulate(function, text: arguments.serialized(), by: caller)
    }
    return simulate(makeCall(function, parsed: arguments, unparsed: nil, caller: caller))
  }

  /// The same with the text of the arguments.
  public func simulate(_ function: String, text: String, by caller: Principal) -> Simulation {
    simulate(makeCall(function, text: text, caller: caller))
  }

  private func simulate(_ call: Call) -> Simulation {
    // One catalogue for both: a reload between them would give the reasons of other rules.
    let catalogue = table.catalogue
    let (verdict, ahead) = rehearse(call, in: catalogue)
    var simulation = Simulation(
      caller: call.caller.name,
      verdict: verdict,
      findings: [],
      ahead: ahead
    )
    switch verdict {
    case .rejected: return simulation
    case .runs, .approvedAhead, .asks, .denied: break
    }
    guard let known = catalogue[call.function], let arguments = call.proposed?.original else {
      return simulation
    }
    simulation.findings = catalogue.rules.findings(
      for: known.schema.fillingDefaults(in: arguments),
      function: known.definition,
      caller: call.caller
    ) { known.redactor.redact($0, about: $1) }
    return simulation
  }
}
