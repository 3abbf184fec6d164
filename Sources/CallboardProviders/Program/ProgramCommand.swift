import Callboard
import JSONSchema

/// A program function whose templates are read and checked.
struct ProgramCommand: Sendable {
  let definition: FunctionDefinition
  let result: ProgramFunction.Result
  /// What the program is called in messages.
  let program: String

  private let items: [ArgumentTemplate]
  /// The items whose first character a call decides, and could make a `-`.
  private let guarded: Set<Int>
  private let mayBeginWithDash: Set<String>
  private let stdin: ProgramFunction.Stdin
  private let environment: [String]
  private let workingDirectory: String?

  /// Reads every function, and lists everything that is wrong.
  static func compile(
    _ functions: [ProgramFunction],
    namespace: String,
    inherited: [String: String]
  ) -> (compiled: [ProgramCommand], problems: [ProviderConfigurationError]) {
    var compiled: [ProgramCommand] = []
    var problems = namespaceProblems(namespace, functions.map(\.definition))
    for (index, function) in functions.enumerated() {
      let at = "functions[\(index)]"
      let before = problems.count
      let items = read(function, at: at, &problems)
      checkEnvironment(function.environment, at: "\(at).environment", &problems)
      if let directory = function.workingDirectory, directory.isEmpty || directory.utf8.contains(0)
      {
        problems.append(
          .init("\(at).working_directory", "is not the name of a folder; leave it out, or name one")
        )
      }
      guard problems.count == before else { continue }
      compiled.append(ProgramCommand(function, items: items, inherited: inherited))
    }
    return (compiled, problems)
  }

  private init(_ function: ProgramFunction, items: [ArgumentTemplate], inherited: [String: String])
  {
    definition = function.definition
    result = function.result
    program = function.run.first ?? ""
    self.items = items
    mayBeginWithDash = function.mayBeginWithDash
    stdin = function.stdin
    workingDirectory = function.workingDirectory
    let ends = function.run.firstIndex(of: "--") ?? function.run.endIndex
    guarded = Set(
      items.indices.filter { index in
        guard index < ends, case .argument = items[index].pieces.first else { return false }
        return true
      }
    )
    let own = [
      ("PATH", inherited["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"),
      ("HOME", inherited["HOME"] ?? "/"),
      ("LANG", inherited["LANG"] ?? "C.UTF-8"),
    ]
    let listed = Set(function.environment.map(\.name))
    environment =
      own.filter { !listed.contains($0.0) }.map { "\($0.0)=\($0.1)" }
      + function.environment.map { "\($0.name)=\($0.value)" }
  }

  // MARK: - Checks

  private static func read(
    _ function: ProgramFunction,
    at: String,
    _ problems: inout [ProviderConfigurationError]
  ) -> [ArgumentTemplate] {
    let parameters = ParameterList(function.definition.parameters)
    guard let first = function.run.first, !first.isEmpty else {
      problems.append(.init("\(at).run", "is empty; write the program, then its arguments"))
      return []
    }
    var items: [ArgumentTemplate] = []
    for (index, text) in function.run.enumerated() {
      let here = "\(at).run[\(index)]"
      if text.utf8.contains(0) {
        problems.append(.init(here, "holds a NUL character, which no argument of a program can"))
      }
      do throws(TemplateError) {
        let item = try ArgumentTemplate(text)
        if index == 0, !item.arguments.isEmpty {
          problems.append(
            .init(here, "“\(text)” would let a call choose the program; name one program")
          )
        }
        for name in item.arguments {
          guard let problem = parameters.problem(with: name, mustBePresent: true) else { continue }
          problems.append(.init(here, problem))
        }
        items.append(item)
      } catch {
        problems.append(.init(here, error.message))
      }
    }
    for name in function.mayBeginWithDash.sorted()
    where !items.contains(where: { $0.arguments.contains(name) }) {
      problems.append(.init("\(at).may_begin_with_dash", "“\(name)” stands in no item of run"))
    }
    return items
  }

  private static func checkEnvironment(
    _ environment: [(name: String, value: String)],
    at: String,
    _ problems: inout [ProviderConfigurationError]
  ) {
    var seen: Set<String> = []
    for (name, value) in environment {
      let here = "\(at).\(name)"
      if name.isEmpty || name.utf8.contains(where: { $0 == UInt8(ascii: "=") || $0 == 0 }) {
        problems.append(.init(at, "“\(name)” is not the name of an environment variable"))
      } else if name.hasPrefix("CALLBOARD_") {
        problems.append(
          .init(here, "names that begin with CALLBOARD_ are set by callboard; choose another")
        )
      } else if !seen.insert(name).inserted {
        problems.append(.init(here, "is set twice"))
      }
      if value.utf8.contains(0) { problems.append(.init(here, "holds a NUL character")) }
    }
  }

  // MARK: - A call

  /// The program as this call starts it.
  func launch(for invocation: Invocation) throws(CallFailure) -> ProgramLaunch {
    var arguments: [String] = []
    for (index, item) in items.enumerated() {
      let text = try item.filled { (name) throws(CallFailure) in
        try value(of: name, in: invocation.arguments)
      }
      if guarded.contains(index), text.hasPrefix("-"), case .argument(let name) = item.pieces.first,
        !mayBeginWithDash.contains(name)
      {
        throw CallFailure(
          .invalidArguments,
          "“\(name)” begins with “-”, which “\(program)” could read as an option; give a value without it",
          pointer: argumentPointer(name)
        )
      }
      arguments.append(text)
    }
    return ProgramLaunch(
      arguments: arguments,
      environment: environment + [
        "CALLBOARD_IDEMPOTENCY_KEY=\(invocation.idempotencyKey)",
        "CALLBOARD_CALL_ID=\(invocation.call)",
        "CALLBOARD_ATTEMPT=\(invocation.attempt)",
        "CALLBOARD_FUNCTION=\(invocation.function)",
      ],
      workingDirectory: workingDirectory,
      input: stdin == .arguments ? Array((invocation.arguments.serialized() + "\n").utf8) : nil,
      outputLimit: invocation.maxResultBytes,
      // A write that is cut off has an unknown outcome; one that runs on has an exit status.
      stopsAtLimit: definition.effect != .write
    )
  }

  private func value(of name: String, in arguments: JSONValue) throws(CallFailure) -> String {
    guard let value = arguments[name] else {
      throw CallFailure(
        .invalidArguments,
        "“\(name)” is missing, and “\(program)” is called with it",
        pointer: argumentPointer(name)
      )
    }
    let text = value.plainText
    guard !text.utf8.contains(0) else {
      throw CallFailure(
        .invalidArguments,
        "“\(name)” holds a NUL character, which no argument of a program can",
        pointer: argumentPointer(name)
      )
    }
    return text
  }
}
