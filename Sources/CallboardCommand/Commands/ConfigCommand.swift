import ArgumentParser
import Callboard
import CallboardYAML
import Foundation
import JSONSchema

/// `callboard config`: checks a configuration, or prints the schema of one.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check a configuration, or print its JSON Schema.",
    subcommands: [Check.self, SchemaOfConfiguration.self]
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
      for warning in configuration.warnings { Output.error.line("warning: \(warning)") }
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

  /// `callboard config schema`: the JSON Schema by which every file is checked.
  struct SchemaOfConfiguration: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "schema",
      abstract: "Print the JSON Schema of a configuration, for editors."
    )

    func run() throws {
      Output.standard.line(ConfigurationSchema.document.serialized(pretty: true))
    }
  }
}

/// `callboard schema`: the validator itself.
struct SchemaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Validate JSON against a JSON Schema.",
    subcommands: [Check.self]
  )

  /// `callboard schema check SCHEMA`: instances from stdin, a verdict a line.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Read instances from stdin, one JSON a line, and write one verdict a line.",
      discussion: """
        A verdict is {"valid":true}, {"valid":false,"errors":[…]}, or {"error":…} where the line is no JSON. \
        Ends with 1 when an instance was not valid, and with 65 when the schema cannot be used.
        """
    )

    @Argument(help: "A file with a JSON Schema.")
    var schema: String

    func run() async throws {
      let compiled: Schema
      do {
        compiled = try Schema(try JSONValue(parsing: try Entry.text(ofFile: schema)))
      } catch let error as JSONParseError {
        throw Failure(.fileIsWrong, "\(schema):\(error.line):\(error.column): \(error.reason)")
      } catch let error as SchemaError {
        throw Failure(.fileIsWrong, "\(schema): \(error)")
      }
      var isWhole = true
      while let line = readLine(strippingNewline: true), !Output.standard.isGone {
        guard !line.allSatisfy(\.isWhitespace) else { continue }
        let verdict = Self.verdict(on: line, by: compiled)
        isWhole = isWhole && verdict["valid"]?.boolValue == true
        Output.standard.line(verdict.serialized())
      }
      if !isWhole { throw Failure(.failed, "") }
    }

    static func verdict(on line: String, by schema: Schema) -> JSONValue {
      do {
        let errors = schema.validate(try JSONValue(parsing: line))
        guard !errors.isEmpty else { return ["valid": true] }
        return [
          "valid": false,
          "errors": .array(
            errors.map {
              [
                "path": .string($0.path), "keyword": .string($0.keyword),
                "message": .string($0.message),
              ]
            }
          ),
        ]
      } catch {
        return ["error": .string("\(error)")]
      }
    }
  }
}
