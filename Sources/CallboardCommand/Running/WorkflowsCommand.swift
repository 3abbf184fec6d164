import ArgumentParser
import Callboard
import CallboardControl
import CallboardYAML
import Foundation
import JSONSchema

/// `callboard workflows`: checks and runs them, and the runs of an instance.
struct WorkflowsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workflows",
    abstract: "Check and run workflows, and look after their runs.",
    subcommands: [
      Check.self, Run.self, List.self, Show.self, Cancel.self, Retry.self,
    ],
    defaultSubcommand: List.self
  )

  /// `callboard workflows check`: what is wrong, before anything runs.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Say what is wrong with workflows, with line and column; nothing runs.",
      discussion: """
        Functions, their arguments and what steps refer to are checked against the configuration. Without a file \
        the workflows of the configuration are checked.
        """
    )

    @Argument(help: ArgumentHelp("Files of workflows.", valueName: "file"))
    var files: [String] = []
    @Flag(help: "Print the steps in the order in which they can begin.")
    var graph = false
    @OptionGroup var source: ConfigurationOption

    func run() async throws {
      let configuration = try source.loadTellingWarnings()
      guard !files.isEmpty else {
        for workflow in configuration.engine.workflows { tell(workflow) }
        return
      }
      let check = configuration.workflowCheck
      var wrong: [String] = []
      for file in files {
        do throws(Diagnostics) {
          let (workflow, document) = try WorkflowFile.read(file)
          let mistakes = check.mistakes(in: workflow)
          if let found = WorkflowFile.diagnostics(mistakes, in: document, at: JSONPointer()) {
            throw found
          }
          tell(workflow)
        } catch {
          wrong.append(error.description)
        }
      }
      guard wrong.isEmpty else {
        throw Failure(.fileIsWrong, wrong.joined(separator: "\n"))
      }
    }

    private func tell(_ workflow: Workflow) {
      let count = workflow.steps.count
      Output.standard.row(
        "\(workflow.name): \(count == 1 ? "1 step" : "\(count) steps"), no mistakes"
      )
      guard graph else { return }
      for line in workflow.graph { Output.standard.row("  " + line) }
    }
  }

  /// `callboard workflows list`: runs, those that live first.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List runs, those that live first; or with --available what can be run."
    )

    @Option(help: "At most so many.")
    var limit = 100
    @Flag(help: "List the workflows that can be run instead.")
    var available = false
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit is \(limit); use 1 or more.") }
    }

    func run() async throws {
      if available {
        output.print(try workflows()) { rows in
          RowText.columns(rows.map { [$0.name, "\($0.steps) steps", $0.description] })
        } json: { row in
          [
            "name": .string(row.name), "description": .string(row.description),
            "steps": .integer(Int64(row.steps)), "input": row.input,
          ]
        }
        return
      }
      let query = Query.runs(ListQuery(after: limit - 1))
      guard case .runs(let page, _) = try instance.open().look(at: query).body else { return }
      output.print(page.rows) {
        RunText.rows($0)
      } json: {
        RunText.json($0)
      }
      try page.tellNotice()
    }

    /// Those of the instance; of the configuration where none runs.
    private func workflows() throws -> [WorkflowRow] {
      guard let running = try instance.running() else {
        return try instance.source.loadTellingWarnings().engine.workflows.map(WorkflowRow.init)
      }
      let query = Query.runs(ListQuery(after: 0))
      guard case .runs(_, let workflows) = try running.look(at: query).body else { return [] }
      return workflows
    }
  }

  /// `callboard workflows show`: the steps of a run.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a run with its steps."
    )

    @OptionGroup var which: RunArgument
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      let detail = try instance.open().run(which.run)
      output.print(RunText.lines(detail), json: RunText.json(detail))
    }
  }

  /// `callboard workflows cancel`: stops what is under way.
  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel",
      abstract: "Cancel a run: nothing more of it begins, and what is under way is told to stop."
    )

    @OptionGroup var which: RunArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      try instance.carryOut(.cancelRun(instance.run(which.run).row.id))
    }
  }

  /// `callboard workflows retry`: goes on from what failed.
  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "retry",
      abstract: "Have a run go on from what failed; steps that have finished stay."
    )

    @OptionGroup var which: RunArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let row = try instance.run(which.run).row
      try instance.carryOut(.retryRun(row.id, revision: row.revision))
    }
  }
}

/// Which run is meant.
struct RunArgument: ParsableArguments {
  @Argument(help: "The run's id, or the end of it.")
  var run: String
}

extension Configuration {
  /// Checks workflows against the functions and models of the file.
  var workflowCheck: WorkflowCheck {
    WorkflowCheck(functions: definitions, models: models.map(\.name))
  }
}
