import ArgumentParser
import Callboard
import CallboardYAML
import Foundation
import JSONSchema

/// `callboard config`: checks a configuration, or prints the schema of one.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check a configuration, print its JSON Schema, or list every limit.",
    subcommands: [Check.self, SchemaOfConfiguration.self, Limits.self]
  )

  /// `callboard config check`: everything that is wrong with a file, one line each.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Say everything that is wrong with a configuration; nothing is started."
    )

    @Argument(
      help: ArgumentHelp("The file; the default configuration if not given.", valueName: "file")
    )
    var file: String?
    @OptionGroup var source: ConfigurationOption

    func run() async throws {
      let path =
        try file ?? source.config ?? ConfigurationFile.defaultPath(environment: Entry.environment)
      let configuration = try ConfigurationFile.load(path, environment: Entry.environment)
      for warning in configuration.warnings { Output.error.row("warning: \(warning)") }
      func count(_ number: Int, _ one: String) -> String {
        "\(number) \(one)\(number == 1 ? "" : "s")"
      }
      Output.standard.line(
        "\(path) is in order: \(count(configuration.definitions.count, "function")), "
          + "\(count(configuration.models.count, "model")), "
          + "\(count(configuration.engine.rules.rules.count, "approval rule")), "
          + "\(count(configuration.conversations.count, "conversation"))"
      )
    }
  }

  /// `callboard config limits`: how much of anything there may be, and what happens beyond it.
  struct Limits: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "limits",
      abstract: "List every limit with its default, and what happens beyond it."
    )

    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() {
      let limits = Limit.all
      switch output {
      case .text:
        let width = limits.map { "\($0.value) \($0.unit)".count }.max() ?? 0
        for limit in limits {
          let value = "\(limit.value) \(limit.unit)"
          let key = limit.key.map { " (\($0))" } ?? ""
          Output.standard.line(
            value + String(repeating: " ", count: width - value.count)
              + "  \(limit.name)\(key): \(limit.beyond)"
          )
        }
      case .json:
        Output.standard.line(JSONValue.array(limits.map(\.json)).serialized(pretty: true))
      case .jsonl: for limit in limits { Output.standard.line(limit.json.serialized()) }
      }
    }
  }

  /// `callboard config schema`: the JSON Schema by which every file is checked.
  struct SchemaOfConfiguration: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "schema",
      abstract: "Print the JSON Schema of a configuration, or of scenarios, for editors."
    )

    @Flag(help: "That of the scenarios that callboard run plays.")
    var scenarios = false

    func run() throws {
      let document = scenarios ? ScenarioSchema.document : ConfigurationSchema.document
      Output.standard.line(document.serialized(pretty: true))
    }
  }
}
