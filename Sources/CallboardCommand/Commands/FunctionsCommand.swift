import ArgumentParser
import Callboard
import CallboardYAML
import JSONSchema

/// `callboard functions`: what models can ask for.
struct FunctionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "functions",
    abstract: "What models can ask for.",
    subcommands: [
      List.self, Lint.self, Import.self, Enable.self, Disable.self, Accept.self,
    ],
    defaultSubcommand: List.self
  )

  /// `callboard functions list`: one line a function.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List every function with its effect and policies.",
      discussion: "Where an instance of the configuration runs, also what is off or held there."
    )

    @OptionGroup var source: ConfigurationOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      let configuration = try source.loadTellingWarnings()
      let definitions = configuration.definitions.sorted { $0.name < $1.name }
      let running = RunningState(of: configuration)
      let width = definitions.map(\.name.description.count).max() ?? 0
      output.print(definitions) { definitions in
        definitions.map { Self.line($0, width: width, running) }
      } json: {
        Self.json($0, running)
      }
    }

    private static func line(
      _ definition: FunctionDefinition,
      width: Int,
      _ running: RunningState?
    ) -> String {
      let name = definition.name.description
      let effect = definition.effect.rawValue
      var parts = [
        name + String(repeating: " ", count: max(0, width - name.count)),
        effect + String(repeating: " ", count: max(0, 10 - effect.count)),
      ]
      parts += running?.words(name).map { "[\($0)]" } ?? []
      if definition.cache != nil { parts.append("cached") }
      parts.append(definition.description)
      return parts.joined(separator: "  ")
    }

    static func json(
      _ definition: FunctionDefinition,
      _ running: RunningState?
    ) -> JSONValue {
      var object: JSONObject = [
        "name": .string(definition.name.description),
        "description": .string(definition.description),
        "effect": .string(definition.effect.rawValue), "parameters": definition.parameters,
        "timeout": .string(definition.timeout.callboardText),
        "attempts": .integer(Int64(definition.retry.maxAttempts)),
      ]
      if let cache = definition.cache {
        object["cache"] = [
          "ttl": .string(cache.ttl.callboardText), "scope": .string(cache.scope.rawValue),
        ]
      }
      if !definition.checks.isEmpty {
        object["check"] = .array(definition.checks.map { .string($0.text) })
      }
      running?.add(to: &object, definition.name.description)
      return .object(object)
    }
  }
}
