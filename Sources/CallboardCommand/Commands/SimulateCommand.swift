import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// `callboard approvals simulate`: which rule would decide on a call, and why; nothing runs.
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Say which rule would decide on a call, and why none before it does; nothing runs.",
    discussion: """
      The call is checked as a real one is: its function, its arguments, its caller; then the rules are asked in \
      order. Where an instance of the configuration runs, it is asked: what it runs by, what is switched off or held \
      there, which equal call came before, and what is approved ahead. Else, or with --alone, the file is asked. \
      Nothing is stored, counted or told. Ends with 0 where it would run, 77 where a person would be asked, 1 where it \
      would be rejected.
      """
  )

  @Argument(help: "The function, such as payments.send_wire.")
  var function: String
  @Argument(
    help: ArgumentHelp(
      "The arguments as JSON; - reads them from stdin, @FILE from a file. None: an empty object.",
      valueName: "json"
    )
  )
  var arguments: String?
  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "On whose behalf: one of the configuration's callers; you, if not given.",
      valueName: "name"
    )
  )
  var caller: String?
  @Flag(help: "Ask the configuration's file, also where an instance of it runs.")
  var alone = false
  @OptionGroup var instance: InstanceOption
  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func validate() throws {
    try output.refusingLines("approvals simulate")
    if alone, instance.socket != nil {
      throw ValidationError(
        "--alone asks the file, and --socket an instance; leave one of them out."
      )
    }
  }

  func run() async throws {
    if alone { return try await show(inFile(), askedOf: "configuration") }
    switch try instance.reached() {
    case .running(let running):
      running.tellWhoIsAsked()
      try show(on(running), askedOf: "instance")
    case .none(let why):
      Output.error.row("callboard: this is what the file says. \(why)")
      try await show(inFile(), askedOf: "configuration")
    }
  }

  private func on(_ running: Instance) throws -> Simulation {
    let text = try argumentText { try instance.refuseSecrets(of: function, on: running) }
    let simulated = try Failure.onControlProblem { () throws(ControlProblem) in
      try running.simulate(function, arguments: text, as: caller)
    }
    switch simulated {
    case .would(let simulation): return simulation
    case .nobody(let why): throw Failure(.usage, why)
    }
  }

  private func inFile() async throws -> Simulation {
    let configuration = try instance.source.loadTellingWarnings()
    let text = try argumentText { try refuseSecrets(configuration) }
    let principal: Principal
    do {
      principal =
        try caller.map { try configuration.people.lent($0).get() }
        ?? Entry.person(in: configuration.people)
    } catch {
      throw Failure(.usage, "\(error)")
    }
    let session = try EngineSession(configuration, isUnattended: false)
    let simulation = session.engine.simulate(function, text: text, by: principal)
    await session.close(patience: .zero)
    return simulation
  }

  private func show(_ simulation: Simulation, askedOf asked: String) throws {
    switch output {
    case .text: for line in SimulationText.lines(simulation) { Output.standard.row(line) }
    case .json, .jsonl:
      var json = SimulationText.json(simulation)
      json["asked"] = .string(asked)
      Output.standard.line(JSONValue.object(json).serialized(pretty: true))
    }
    switch simulation.verdict {
    case .runs, .approvedAhead: break
    case .asks, .denied: throw Failure(.denied, "")
    case .rejected: throw Failure(.failed, "")
    }
  }

  private func argumentText(refusingSecrets: () throws -> Void) throws -> String {
    guard let arguments else { return "{}" }
    let text = try JSONArgument.text(arguments)
    if text == arguments { try refusingSecrets() }
    do throws(JSONParseError) {
      _ = try JSONValue(parsing: text, options: .arguments)
    } catch {
      throw Failure(.usage, "The arguments are not valid JSON: \(error.description)")
    }
    return text
  }

  private func refuseSecrets(_ configuration: Configuration) throws {
    let definition = configuration.definitions.first { $0.name.description == function }
    if let definition,
      let secret = CallCommand.secretField(of: definition, configuration.secrets)
    {
      throw Failure(
        .usage,
        "\(function) has the secret field \(secret), and other users can read a command line; give the arguments by - or @FILE."
      )
    }
  }
}

/// A simulation for people and for programs.
enum SimulationText {
  static func lines(_ simulation: Simulation) -> [String] {
    var lines: [String] = []
    switch simulation.verdict {
    case .runs: lines.append("it would run without a person")
    case .approvedAhead(let requirement, _):
      let undo =
        requirement.grace > 0
        ? ", after \(Duration.seconds(requirement.grace).words) in which that can be undone" : ""
      lines.append("it would run, approved ahead\(undo)")
    case .asks(let requirement, _):
      let people =
        requirement.approvers == 1 ? "1 person" : "\(requirement.approvers) different people"
      lines.append(
        "it would wait for approval by \(people), for \(Duration.seconds(requirement.expires).words)"
      )
    case .denied(let rule): lines.append("it would be denied: nobody can be asked (\(rule))")
    case .rejected(let failure):
      lines.append("it would be rejected before any rule is asked: \(failure.message)")
    }
    if let twin = simulation.twin {
      lines.append(
        "  it is equal to call \(twin.short), which lives or has succeeded lately: no rule and no grant lets it run"
      )
    }
    for approval in simulation.ahead {
      lines.append("  approved ahead by grant \(approval.grant.short) of \(approval.by)")
    }
    for finding in simulation.findings {
      if finding.decides {
        lines.append("  \(finding.rule): matches, and decides")
      } else {
        lines.append("  \(finding.rule): does not match")
        for why in finding.differs { lines.append("      \(why)") }
      }
    }
    if simulation.asks, simulation.findings.last?.decides != true {
      lines.append("  no rule matches, and what no rule matches waits for approval")
    }
    return lines
  }

  static func json(_ simulation: Simulation) -> JSONObject {
    var object: JSONObject = ["caller": .string(simulation.caller)]
    switch simulation.verdict {
    case .runs(let arguments):
      object["verdict"] = "runs"
      object["arguments"] = arguments
    case .approvedAhead(let requirement, let arguments):
      object["verdict"] = "runs"
      object["rule"] = .string(requirement.rule)
      object["arguments"] = arguments
    case .asks(let requirement, let arguments):
      object["verdict"] = "asks"
      object["rule"] = .string(requirement.rule)
      object["approvers"] = .integer(Int64(requirement.approvers))
      object["expires"] = .double(requirement.expires)
      object["arguments"] = arguments
    case .denied(let rule):
      object["verdict"] = "denied"
      object["rule"] = .string(rule)
    case .rejected(let failure):
      object["verdict"] = "rejected"
      object["failure"] = [
        "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
      ]
    }
    if let twin = simulation.twin { object["twin"] = .string(twin.description) }
    if !simulation.ahead.isEmpty {
      object["approved_ahead"] = .array(
        simulation.ahead.map {
          ["grant": .string($0.grant.description), "by": .string($0.by)]
        }
      )
    }
    if let last = simulation.findings.last, last.decides { object["rule"] = .string(last.rule) }
    object["rules"] = .array(
      simulation.findings.map { finding in
        [
          "rule": .string(finding.rule), "decides": .bool(finding.decides),
          "differs": .array(finding.differs.map(JSONValue.string)),
        ]
      }
    )
    return object
  }
}

extension Simulation {
  /// The equal call because of which a person is asked whatever the rules say.
  fileprivate var twin: CallID? {
    switch verdict {
    case .asks(let requirement, _), .approvedAhead(let requirement, _): requirement.twin
    case .runs, .denied, .rejected: nil
    }
  }

  /// Whether a rule, or none, has it wait for a person.
  fileprivate var asks: Bool {
    switch verdict {
    case .asks, .approvedAhead: true
    case .runs, .denied, .rejected: false
    }
  }
}
