import ArgumentParser
import Callboard
import CallboardControl
import JSONSchema

extension FunctionsCommand {
  /// `callboard functions accept`: takes a changed definition, exactly as it was shown.
  struct Accept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "accept",
      abstract: "Accept a function's changed definition in a running instance.",
      discussion: """
        Without --definition it shows what has changed and which hash to name. With it exactly that definition is \
        accepted: where it has changed again since, nothing is, and the sentence says so. --decline leaves it held.
        """
    )

    @Argument(help: "The function, such as crm.update_record; without it all that wait are listed.")
    var name: String?
    @Option(help: ArgumentHelp("The hash that was shown.", valueName: "hash"))
    var definition: String?
    @Flag(help: "Leave the function held, and say so.")
    var decline = false
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let running = try instance.open()
      let rows = try running.look(at: .waiting(ListQuery(after: 0))).definitions
      guard let name else {
        for row in rows {
          Output.standard.row("\(row.name)  \(row.summary)  --definition \(row.to)")
        }
        if rows.isEmpty { Output.standard.row("no changed definition waits") }
        return
      }
      guard let row = rows.first(where: { $0.name == name }) else {
        throw Failure(.failed, "No changed definition of \(name) waits there.")
      }
      guard let definition else {
        if decline { throw ValidationError("--decline needs the --definition that was shown.") }
        return try show(name, row, running)
      }
      try running.carryOut(
        decline
          ? .declineDefinition(name, from: row.from, to: definition)
          : .acceptDefinition(name, from: row.from, to: definition)
      )
    }

    private func show(_ name: String, _ row: DefinitionRow, _ running: Instance) throws {
      guard case .function(let detail?) = try running.look(at: .function(name)).body,
        let change = detail.change
      else { throw Failure(.failed, "No changed definition of \(name) waits there.") }
      if let problem = change.problem { Output.standard.row("it can't be used: \(problem)") }
      for difference in change.differences {
        let before = difference.before?.serialized() ?? "nothing"
        let after = difference.after?.serialized() ?? "nothing"
        Output.standard.row("\(difference.what): \(before) → \(after)")
      }
      let calls = row.waiting == 1 ? "1 call waits" : "\(row.waiting) calls wait"
      Output.standard.row("\(calls) for approval under another definition")
      Output.standard.row(
        "accept it: callboard functions accept \(name) --definition \(change.row.to)"
      )
    }
  }
}
