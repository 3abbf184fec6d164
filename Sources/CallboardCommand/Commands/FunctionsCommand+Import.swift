import ArgumentParser
import Callboard

extension FunctionsCommand {
  /// `callboard functions import --from openai FILE`: definitions from elsewhere as a configuration.
  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import",
      abstract: "Write definitions in OpenAI form as a configuration, repaired where they need it.",
      discussion: """
        The file is an array of tools, {"tools": […]}, or one a line. The configuration goes to stdout, with a \
        provider to fill in; what was changed goes to stderr, one line each. Ends with 65 when a definition had to \
        be left out.
        """
    )

    /// Where definitions can come from.
    enum Form: String, CaseIterable, ExpressibleByArgument {
      case openai
    }

    @Option(help: "The form of the definitions: openai.")
    var from: Form
    @Option(help: "The namespace of the functions.")
    var namespace = "imported"
    @Flag(
      help:
        "Make the parameters fit for OpenAI's strict mode: optional ones are required and may be null."
    )
    var strict = false
    @Argument(help: "The file; - for standard input.")
    var file: String

    func validate() throws {
      guard FunctionName(namespace: namespace, name: "x") != nil, !namespace.contains(".") else {
        throw ValidationError("“\(namespace)” is no namespace; use letters, digits, _ and -.")
      }
    }

    func run() async throws {
      let file = try DefinitionFile.read(file)
      guard !file.isConfiguration else {
        throw Failure(.fileIsWrong, "\(file.path) is a configuration of callboard's already.")
      }
      var imported = ImportedFunctions(namespace: namespace, isStrict: strict)
      imported.add(file)
      for note in imported.notes { Output.error.row(note) }
      if !imported.functions.isEmpty { Output.standard.line(String(imported.yaml.dropLast())) }
      guard imported.leftOut == 0 else {
        throw Failure(
          .fileIsWrong,
          "\(file.path): \(imported.leftOut) of \(file.definitions.count + file.others.count) definitions had to be left out."
        )
      }
    }
  }
}
