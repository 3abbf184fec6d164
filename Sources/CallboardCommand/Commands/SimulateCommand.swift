import ArgumentParser
import Callboard
import Foundation
import JSONSchema

/// `callboard approvals simulate`: which rule would decide on a call, and why; nothing runs.
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Say which rule would decide on a call, and why none before it does; nothing runs.",
    discussion: """
      The call is checked as a real one is: its function, its arguments, its caller; then the rules are asked in \
      order. Ends with 0 where it would run, 77 where a person would be asked, 1 where it would be rejected.
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
    help: ArgumentHelp("On whose behalf; the name of a caller.", valueName: "caller")
  )
  var caller = "caller"
  @OptionGroup var source: ConfigurationOption
  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func validate() throws { try output.refusingLines("approvals simulate") }

  func run() async throws {
    let configuration = try source.loadTellingWarnings()
    let text = try argumentText(configuration)
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: text, options: .arguments)
    } catch {
      throw Failure(.usage, "The arguments are not valid JSON: \(error.description)")
    }
    guard let principal = configuration.people.caller(named: caller) else {
      let names = (configuration.people.callers ?? []).map(\.name)
      let near = nearest(to: caller, among: names).map { "; did you mean \($0)?" } ?? ""
      throw Failure(.usage, "\(caller) is not among callers\(near)")
    }
    let session = try EngineSession(configuration, isUnattended: false)
    let simulation = session.engine.simulate(function, value, by: principal)
    await session.close(patience: .zero)
    switch output {
    case .text: for line in SimulationText.lines(simulation) { Output.standard.row(line) }
    case .json, .jsonl:
      Output.standard.line(SimulationText.json(simulation).serialized(pretty: true))
    }
    switch simulation.verdict {
    case .runs: break
    case .asks, .denied: throw Failure(.denied, "")
    case .rejected: throw Failure(.failed, "")
    }
  }

  private func argumentText(_ configuration: Configuration) throws -> String {
    guard let arguments else { return "{}" }
    if arguments == "-" { return try Entry.standardInput() }
    if arguments.hasPrefix("@") { return try Entry.text(ofFile: String(arguments.dropFirst())) }
    let definition = configuration.definitions.first { $0.name.description == function }
    if let definition,
      let secret = CallCommand.secretField(of: definition, configuration.secrets)
    {
      throw Failure(
        .usage,
        "\(function) has the secret field \(secret), and other users can read a command line; give the arguments by - or @FILE."
      )
    }
    return arguments
  }
}

/// A simulation for people and for programs.
enum SimulationText {
  static func lines(_ simulation: Simulation) -> [String] {
    var lines: [String] = []
    switch simulation.verdict {
    case .runs: lines.append("it would run without a person")
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
    for finding in simulation.findings {
      if finding.decides {
        lines.append("  \(finding.rule): matches, and decides")
      } else {
        lines.append("  \(finding.rule): does not match")
        for why in finding.differs { lines.append("      \(why)") }
      }
    }
    if case .asks = simulation.verdict, simulation.findings.last?.decides != true {
      lines.append("  no rule matches, and what no rule matches waits for approval")
    }
    return lines
  }

  static func json(_ simulation: Simulation) -> JSONValue {
    var object = JSONObject()
    switch simulation.verdict {
    case .runs(let arguments):
      object["verdict"] = "runs"
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
    if let last = simulation.findings.last, last.decides { object["rule"] = .string(last.rule) }
    object["rules"] = .array(
      simulation.findings.map { finding in
        [
          "rule": .string(finding.rule), "decides": .bool(finding.decides),
          "differs": .array(finding.differs.map(JSONValue.string)),
        ]
      }
    )
    return .object(object)
  }
}
