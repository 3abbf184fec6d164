import ArgumentParser
import Callboard
import JSONSchema

extension FunctionsCommand {
  /// `callboard functions lint FILE`: what a model API will refuse, and what makes models fail.
  struct Lint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "lint",
      abstract: "Say what a model API will refuse in definitions, and what makes models fail.",
      discussion: """
        The file is a configuration, or OpenAI tools: an array, {"tools": […]}, or one a line. Ends with 65 when \
        there is an error, and with 0 when there are warnings only.
        """
    )

    @Argument(help: "The file; - for standard input.")
    var file: String
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      let file = try DefinitionFile.read(file)
      var drafts = file.definitions.map { FunctionDraft($0.value, at: $0.pointer) }
      if file.isConfiguration { FunctionDraft.assignWireNames(to: &drafts) }
      let findings = DefinitionLint.findings(in: drafts)
      switch output {
      case .text:
        for finding in findings { Output.standard.row(Self.text(of: finding, in: file)) }
        Output.error.line(Self.summary(of: findings, functions: drafts.count))
      case .json:
        let all = findings.map { Self.json(of: $0, in: file) }
        Output.standard.line(JSONValue.array(all).serialized(pretty: true))
      case .jsonl:
        for finding in findings {
          Output.standard.line(Self.json(of: finding, in: file).serialized())
        }
      }
      if findings.contains(where: { $0.severity == .error }) { throw Failure(.fileIsWrong, "") }
    }

    /// `tools.json:12: error: send wire: /0/function/name: … [name-invalid]`.
    static func text(of finding: DefinitionLint.Finding, in file: DefinitionFile) -> String {
      let line = file.line(of: finding.pointer, in: finding.index).map { ":\($0)" } ?? ""
      let parts = [
        file.path + line, finding.severity.rawValue, finding.function, finding.pointer.description,
        finding.message,
      ]
      return parts.filter { !$0.isEmpty }.joined(separator: ": ") + " [\(finding.rule.rawValue)]"
    }

    static func json(of finding: DefinitionLint.Finding, in file: DefinitionFile) -> JSONValue {
      var object: JSONObject = ["file": .string(file.path)]
      object["line"] = file.line(of: finding.pointer, in: finding.index).map {
        .integer(Int64($0))
      }
      object["severity"] = .string(finding.severity.rawValue)
      object["rule"] = .string(finding.rule.rawValue)
      object["function"] = .string(finding.function)
      object["pointer"] = .string(finding.pointer.description)
      object["message"] = .string(finding.message)
      return .object(object)
    }

    private static func summary(of findings: [DefinitionLint.Finding], functions: Int) -> String {
      let errors = findings.count { $0.severity == .error }
      func count(_ number: Int, _ one: String) -> String {
        "\(number) \(one)\(number == 1 ? "" : "s")"
      }
      return
        "\(count(functions, "function")): \(count(errors, "error")), \(count(findings.count - errors, "warning"))"
    }
  }
}
