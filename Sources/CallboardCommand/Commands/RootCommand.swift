import ArgumentParser

/// `callboard`: an operations console for the function calls that language models make.
struct RootCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "callboard",
    abstract: "An operations console for the function calls that language models make.",
    discussion: """
      Without a command it opens the console on ./callboard.yaml, else on \
      $XDG_CONFIG_HOME/callboard/callboard.yaml. `callboard demo` needs neither.

      Results go to stdout, everything else to stderr. Exit codes: 0 done as asked; 1 something failed, was \
      rejected or cancelled, or an expectation did not hold; 64 wrong usage; 65 a file is wrong; 69 a model, \
      provider or store cannot be reached; 70 a fault of callboard's own; 74 the outcome of a write is unknown \
      (never try again blindly); 75 out of time, nothing done; 77 denied, or approval was needed and nobody could \
      give it; 130 interrupted. At TERM, INT or HUP what runs has ten seconds to end; another TERM or INT gives it \
      no more time.
      """,
    version: "0.1.0",
    subcommands: [
      ConsoleCommand.self, DemoCommand.self, RunCommand.self, CallCommand.self, ServeCommand.self,
      AttachCommand.self, ApprovalsCommand.self, GrantsCommand.self, CallsCommand.self,
      ConversationsCommand.self, WorkflowsCommand.self,
      HoldCommand.self, ReleaseCommand.self, FunctionsCommand.self, TailCommand.self,
      ReportCommand.self, SnapshotCommand.self, ConfigCommand.self, SchemaCommand.self,
      AuditCommand.self, StoreCommand.self,
    ],
    defaultSubcommand: ConsoleCommand.self
  )
}

extension OutputFormat: ExpressibleByArgument {}

/// Where the configuration is.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: [.customLong("config"), .customShort("c")],
    help: ArgumentHelp("The configuration file.", valueName: "file")
  )
  var config: String?

  func load() throws -> Configuration {
    try ConfigurationFile.load(config, environment: Entry.environment)
  }

  /// The same, with what may not be meant said on stderr.
  func loadTellingWarnings() throws -> Configuration {
    let configuration = try load()
    for warning in configuration.warnings { Output.error.row("warning: \(warning)") }
    return configuration
  }
}

/// Where every event is written as a line of JSON.
struct EventsOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("Write every event to this file, one JSON object a line.", valueName: "file")
  )
  var events: String?

  func open() throws -> EventFile? {
    try events.map { path in try EventFile(path) { Output.error.line("callboard: \($0)") } }
  }
}
