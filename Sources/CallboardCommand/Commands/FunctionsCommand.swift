import ArgumentParser
import Callboard
import CallboardControl
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
      discussion: """
        Where an instance of the configuration runs, also what is off or held there. With --socket those of that \
        instance are listed, whatever configuration is at hand.
        """
    )

    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      guard instance.socket == nil else { return try list(of: instance.open()) }
      let configuration = try instance.source.loadTellingWarnings()
      let definitions = configuration.definitions.sorted { $0.name < $1.name }
      let running = RunningState(of: configuration)
      let width = definitions.map(\.name.description.count).max() ?? 0
      output.print(definitions) { definitions in
        definitions.map { definition in
          Self.line(
            definition.name.description,
            width: width,
            definition.effect,
            isCached: definition.cache != nil,
            definition.description,
            running
          )
        }
      } json: {
        Self.json($0, running)
      }
    }

    /// What an instance has, without any file.
    private func list(of instance: Instance) throws {
      let snapshot = try instance.look(at: .functions(ListQuery(after: 10_000)))
      guard case .functions(let page, _) = snapshot.body else { return }
      let rows = page.rows.sorted { $0.name < $1.name }
      let running = RunningState(snapshot)
      let width = rows.map(\.name.count).max() ?? 0
      switch output {
      case .text:
        for row in rows {
          let line = Self.line(
            row.name,
            width: width,
            row.effect,
            isCached: row.isCached,
            row.description,
            running
          )
          Output.standard.row(line)
        }
      case .json, .jsonl:
        let details = try rows.compactMap { row -> FunctionDetail? in
          guard case .function(let detail) = try instance.look(at: .function(row.name)).body else {
            return nil
          }
          return detail
        }
        output.print(details) { _ in
          []
        } json: {
          Self.json($0, running)
        }
      }
    }

    private static func line(
      _ name: String,
      width: Int,
      _ effect: FunctionEffect,
      isCached: Bool,
      _ description: String,
      _ running: RunningState?
    ) -> String {
      let effect = effect.rawValue
      var parts = [
        name + String(repeating: " ", count: max(0, width - name.count)),
        effect + String(repeating: " ", count: max(0, 10 - effect.count)),
      ]
      parts += running?.words(name).map { "[\($0)]" } ?? []
      if isCached { parts.append("cached") }
      parts.append(description)
      return parts.joined(separator: "  ")
    }

    /// As an instance tells of it: its policies in words.
    private static func json(_ detail: FunctionDetail, _ running: RunningState) -> JSONValue {
      var policies = JSONObject()
      for policy in detail.policies { policies[policy.name] = .string(policy.value) }
      var object: JSONObject = [
        "name": .string(detail.row.name), "description": .string(detail.row.description),
        "effect": .string(detail.row.effect.rawValue), "parameters": detail.parameters,
        "policies": .object(policies),
      ]
      running.add(to: &object, detail.row.name)
      return .object(object)
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
