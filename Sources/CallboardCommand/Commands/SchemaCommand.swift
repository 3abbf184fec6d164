import ArgumentParser
import Foundation
import Glibc
import JSONSchema

/// `callboard schema`: the validator itself.
struct SchemaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Validate JSON against a JSON Schema.",
    subcommands: [Check.self, Suite.self]
  )

  /// `callboard schema check SCHEMA`: instances from stdin, a verdict a line.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Read instances from stdin, one JSON a line, and write one verdict a line.",
      discussion: """
        A verdict is {"valid":true}, {"valid":false,"errors":[…]}, or {"error":…} where the line is no JSON. \
        With --form flag or basic it is in the output form of that name of JSON Schema 2020-12. \
        Ends with 1 when an instance was not valid, and with 65 when the schema cannot be used, or is not what its \
        draft allows.
        """
    )

    /// How a verdict is written.
    enum Form: String, CaseIterable, ExpressibleByArgument {
      case list
      case flag
      case basic
    }

    @Argument(help: "A file with a JSON Schema.")
    var schema: String
    @Option(help: DraftName.help)
    var draft: DraftName?
    @Option(help: "Whether format is asserted: on or off.")
    var formatAssertion: Toggle = .on
    @Option(
      help:
        "How a verdict is written: list, with what to mend; flag or basic, the standard's output forms."
    )
    var form: Form = .list

    func run() async throws {
      let verdict: (JSONValue) -> JSONValue
      let options = SchemaOptions(
        formatAssertion: formatAssertion == .on,
        defaultDraft: draft?.draft ?? .draft202012
      )
      do {
        let document = try JSONValue(parsing: try Entry.text(ofFile: schema))
        verdict = try Self.verdicts(of: document, options, in: form)
        // Last, because what makes a schema unusable is told better by the compiler.
        let mistakes = try Schema.mistakes(in: document, options: options)
        if let first = mistakes.first {
          let more = mistakes.count > 1 ? " (and \(mistakes.count - 1) more)" : ""
          throw Failure(
            .fileIsWrong,
            "\(schema): \(first.message), as the schema's draft asks\(more)"
          )
        }
      } catch let error as JSONParseError {
        throw Failure(.fileIsWrong, "\(schema):\(error.line):\(error.column): \(error.reason)")
      } catch let error as SchemaError {
        throw Failure(.fileIsWrong, "\(schema): \(error)")
      }
      var isWhole = true
      try Self.readLines { line, number in
        let verdict = Self.verdict(on: line, number: number, by: verdict)
        isWhole = isWhole && verdict["valid"]?.boolValue == true
        Output.standard.line(verdict.serialized())
        return !Output.standard.isGone
      }
      if !isWhole { throw Failure(.failed, "") }
    }

    private static func verdicts(
      of document: JSONValue,
      _ options: SchemaOptions,
      in form: Form
    ) throws(SchemaError) -> (JSONValue) -> JSONValue {
      switch form {
      case .list:
        let schema = try Schema(document, options: options)
        return { list(schema.validate($0)) }
      case .flag: return try SchemaOutput(document, options: options).flag
      case .basic: return try SchemaOutput(document, options: options).basic
      }
    }

    private static func list(_ errors: [JSONSchema.ValidationError]) -> JSONValue {
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
    }

    private static func verdict(
      on line: some Collection<UInt8>,
      number: Int,
      by verdict: (JSONValue) -> JSONValue
    ) -> JSONValue {
      do throws(JSONParseError) {
        return verdict(try JSONValue(parsing: line))
      } catch {
        return ["error": .string("line \(number), column \(error.column): \(error.reason)")]
      }
    }

    /// Hands over standard input line by line, as bytes: what is not UTF-8 is for the parser to refuse.
    private static func readLines(
      _ body: (UnsafeRawBufferPointer, _ number: Int) -> Bool
    ) throws(Failure) {
      guard let input = fdopen(STDIN_FILENO, "r") else {
        throw Failure(.usage, "Standard input is closed; give the instances there, one a line.")
      }
      var line: UnsafeMutablePointer<CChar>?
      var capacity = 0
      defer { free(line) }
      var number = 0
      while true {
        var count = getline(&line, &capacity, input)
        guard count > 0, let start = line else { return }
        number += 1
        if start[count - 1] == CChar(bitPattern: UInt8(ascii: "\n")) { count -= 1 }
        guard body(UnsafeRawBufferPointer(start: start, count: count), number) else { return }
      }
    }
  }

  /// `callboard schema suite DIR`: how many tests of a suite pass, by file.
  struct Suite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "suite",
      abstract: "Run a folder in the form of the JSON Schema Test Suite.",
      discussion: """
        Formats are asserted in optional/format only, unless --format-assertion says otherwise. A folder \
        “remotes” in the folder itself is used where --remotes names none. Ends with 1 when a test failed.
        """
    )

    @Argument(help: ArgumentHelp("The folder; those below it too.", valueName: "dir"))
    var folder: String
    @Option(
      help:
        "The draft of schemas without $schema: 2020-12, 2019-09, 7, 6 or 4; else as the folder is named."
    )
    var draft: DraftName?
    @Option(
      help: ArgumentHelp(
        "Documents for http://localhost:1234/…, as the suite has them.",
        valueName: "dir"
      )
    )
    var remotes: String?
    @Option(help: "Whether format is asserted: on or off.")
    var formatAssertion: Toggle?
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      let own = "remotes/"
      var names = try SchemaSuite.files(in: folder)
      let hasOwnRemotes = names.contains { $0.hasPrefix(own) }
      names.removeAll { $0.hasPrefix(own) }
      var suite = SchemaSuite(
        draft: draft?.draft,
        formatAssertion: formatAssertion.map { $0 == .on }
      )
      if let remotes = remotes ?? (hasOwnRemotes ? folder + "/remotes" : nil) {
        suite.documents = try SchemaSuite.remotes(in: remotes)
      }
      if draft == nil {
        let skipped = names.filter(SchemaSuite.isOfUnknownDraft)
        if !skipped.isEmpty {
          Output.error.line(
            "callboard: \(skipped.count) files are of drafts that are not supported, such as \(skipped[0]); left out."
          )
          names.removeAll(where: SchemaSuite.isOfUnknownDraft)
        }
      }
      guard !names.isEmpty else {
        throw Failure(
          .fileIsWrong,
          "\(folder): there is no test file (*.json) in it; name a folder of the JSON Schema Test Suite."
        )
      }
      var passed = 0
      var failed = 0
      var files: [JSONValue] = []
      let width = names.map(\.count).max() ?? 0
      for name in names where !Output.standard.isGone {
        let result = try suite.run(name, in: folder)
        passed += result.passed
        failed += result.failures.count
        switch output {
        case .text: Output.standard.line(Self.text(of: result, width: width))
        case .jsonl: Output.standard.line(JSONValue.object(result.json).serialized())
        case .json: files.append(.object(result.json))
        }
      }
      let total: JSONObject = [
        "files": .integer(Int64(names.count)), "passed": .integer(Int64(passed)),
        "failed": .integer(Int64(failed)),
      ]
      switch output {
      case .text:
        let count = "\(names.count) file\(names.count == 1 ? "" : "s")"
        Output.standard.line("total: \(passed) passed, \(failed) failed, in \(count)")
      case .jsonl: Output.standard.line(JSONValue.object(["total": .object(total)]).serialized())
      case .json:
        let whole: JSONValue = ["files": .array(files), "total": .object(total)]
        Output.standard.line(whole.serialized(pretty: true))
      }
      if failed > 0 { throw Failure(.failed, "") }
    }

    private static func text(of result: SchemaSuite.FileResult, width: Int) -> String {
      let blanks = String(repeating: " ", count: max(0, width - result.name.count))
      let counts = "\(result.passed) passed, \(result.failures.count) failed"
      let failures = result.failures.map { failure in
        """
          failed: \(result.name): \(failure.group): \(failure.test): \
        expected \(failure.expected), found \(failure.found)
        """
      }
      return (["\(result.name)\(blanks)  \(counts)"] + failures).joined(separator: "\n")
    }
  }
}

/// A draft as the command line names it.
struct DraftName: ExpressibleByArgument {
  static let help = ArgumentHelp(
    "The draft of a schema without $schema: 2020-12, 2019-09, 7, 6 or 4."
  )

  let draft: SchemaDraft

  init?(argument: String) {
    guard let draft = SchemaDraft(named: argument) else { return nil }
    self.draft = draft
  }
}

/// What the command line switches.
enum Toggle: String, Sendable, CaseIterable, ExpressibleByArgument {
  case on
  case off
}
