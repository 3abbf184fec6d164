import ArgumentParser
import Callboard
import CallboardYAML
import Foundation
import JSONSchema

/// `callboard call`: one call down the whole road.
struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Make one call down the whole road: validated, authorised, with its policies.",
    discussion: """
      Where an instance of the configuration runs, it makes the call, in your name: what a rule holds waits for a \
      person there, and this command for the end, at most as long as --wait says (75; the call waits on). Else, or \
      with --alone, an engine of the command's own makes it, and nobody is asked: what a rule holds is denied (77). \
      The result is printed as JSON, a text as it is. With --dry-run nothing happens; what would happen is printed, by \
      the word of the instance where one runs, and the exit code is 77 where a person would be asked, 1 where the call would be rejected.
      """
  )

  @Argument(help: "The function, such as payments.send_wire.")
  var function: String
  @Argument(
    help: ArgumentHelp(
      "The arguments as JSON; - reads them from stdin, @FILE from a file. None: an empty object.",
      valueName: "json"
    )
  )
  var arguments: String?
  @Flag(help: "Say what would happen, and do nothing.")
  var dryRun = false
  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "On whose behalf: one of the configuration's callers; you, if not given.",
      valueName: "caller"
    )
  )
  var caller: String?
  @Flag(help: "On an engine of the command's own, also where an instance runs.")
  var alone = false
  @Option(
    help: "How long to wait for a running instance's answer; without end if not given.",
    transform: { try Duration(callboard: $0) }
  )
  var wait: Duration?
  @OptionGroup var instance: InstanceOption
  @Option(help: "text, json or jsonl.")
  var output: OutputFormat = .text

  private var source: ConfigurationOption { instance.source }

  func validate() throws {
    guard instance.socket != nil else { return }
    for (isSet, name) in [(alone, "--alone"), (caller != nil && !dryRun, "--as")] where isSet {
      throw ValidationError(
        "\(name) is for an engine of the command's own, and --socket for one that runs already; leave one of them out."
      )
    }
  }

  func run() async throws {
    if dryRun, !alone {
      switch try instance.reached() {
      case .running(let running): return try rehearse(on: running)
      case .none(let why): Output.error.row("callboard: this is what the file says. \(why)")
      }
    } else if !alone, caller == nil, let running = try instance.running() {
      return try await call(on: running)
    }
    let configuration = try source.loadTellingWarnings()
    let principal = try principal(in: configuration)
    let text = try argumentText(configuration)
    let interruption = Interruption()
    let file = configuration.storeFile(ofConsole: false)
    let store =
      try dryRun ? nil : file.map { try OpenedStore.open($0, environment: Entry.environment) }
    let session = try EngineSession(
      configuration,
      isUnattended: !dryRun,
      store: store ?? .memory
    )
    let watch = Self.tellingFault(of: session.engine)
    defer { withExtendedLifetime(watch) {} }
    do {
      tellLeft(in: session, file?.path)
      try await interruption.watching(
        [{ await session.stopInOrder() }, { session.engine.hurry() }],
        leaving: session.leave
      ) {
        try await dryRun
          ? rehearse(text, in: session, by: principal) : call(text, in: session, by: principal)
        if interruption.isCaught { Output.error.row("callboard: \(function) ended before that.") }
      }
    } catch {
      await session.close(patience: .zero)
      throw error
    }
    await session.close(patience: .zero)
  }

  /// Says once that the store fails: until it works again, or the command is ended, nobody hears what became of the call.
  private static func tellingFault(of engine: Engine) -> ObservationToken {
    let telling = Once()
    // What changes is told to those who have looked at what was before.
    defer { _ = engine.snapshot(of: .header) }
    return engine.observe { [weak engine] in
      guard let engine else { return }
      // Beside whoever has moved something: what they hold may be needed to look.
      Task {
        guard let fault = engine.snapshot(of: .header).header.storeFault, telling.isFirst else {
          return
        }
        Output.error.row(
          "callboard: the store fails (\(fault)); what becomes of the call is told when that is mended. Ctrl-C ends this without waiting for it."
        )
      }
    }
  }

  private func principal(in configuration: Configuration) throws -> Principal {
    guard let caller else { return Entry.person(in: configuration.people) }
    do {
      return try configuration.people.lent(caller).get()
    } catch {
      throw Failure(.usage, "\(error)")
    }
  }

  private func argumentText(_ configuration: Configuration) throws -> String {
    guard let arguments else { return "{}" }
    let text = try JSONArgument.text(arguments)
    guard text == arguments else { return text }
    let definition = configuration.definitions.first { $0.name.description == function }
    if let definition, let secret = Self.secretField(of: definition, configuration.secrets) {
      throw Failure(
        .usage,
        "\(function) has the secret field \(secret), and other users can read a command line; give the arguments by - or @FILE."
      )
    }
    return arguments
  }

  /// A secret field that arguments of the function may hold.
  static func secretField(of definition: FunctionDefinition, _ everywhere: [String]) -> String? {
    definition.secrets.first ?? secretName(in: definition.parameters, everywhere)
  }

  /// The same by the names of a schema's properties alone.
  static func secretName(in parameters: JSONValue, _ everywhere: [String]) -> String? {
    let names = everywhere.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
    let secret = Redactor.defaultNames.union(names.map(folded))
    return parameters["properties"]?.objectValue?.keys.first {
      secret.contains(folded($0))
    }
  }

  /// As the redactor compares names: without case, `-` and `_`.
  private static func folded(_ name: String) -> String {
    name.lowercased().filter { $0 != "-" && $0 != "_" }
  }

  // MARK: - What would happen

  private func rehearse(
    _ text: String,
    in session: EngineSession,
    by principal: Principal
  ) async throws {
    let parsed: JSONValue
    do {
      parsed = try JSONValue(parsing: text, options: .arguments)
    } catch {
      throw Failure(.failed, "It would be rejected: the arguments are not valid JSON: \(error)")
    }
    try tell(session.engine.rehearse(function, parsed, by: principal))
  }

  /// What would happen, printed and as the number for the shell.
  func tell(_ rehearsal: Engine.Rehearsal) throws {
    switch rehearsal {
    case .runs(let arguments):
      show(
        ["would": "run", "arguments": arguments],
        "It would run, with \(arguments.serialized())"
      )
    case .approvedAhead(let requirement, let arguments):
      show(
        ["would": "run", "rule": .string(requirement.rule), "arguments": arguments],
        "It would run, approved ahead, with \(arguments.serialized())"
      )
    case .asks(let requirement, let arguments):
      show(
        ["would": "ask", "rule": .string(requirement.rule), "arguments": arguments],
        "It would wait for approval by \(requirement.rule), with \(arguments.serialized())"
      )
      throw Failure(.denied, "")
    case .denied(let rule):
      show(["would": "ask", "rule": .string(rule)], "It would wait for approval by \(rule)")
      throw Failure(.denied, "")
    case .rejected(let failure):
      show(
        [
          "would": "reject", "kind": .string(failure.kind.rawValue),
          "message": .string(failure.message),
        ],
        "It would be rejected: \(failure.message)"
      )
      throw Failure(.failed, "")
    }
  }

  /// Prints one of the two; nothing where there is no text for people.
  func show(_ json: JSONValue, _ text: String? = nil) {
    switch output {
    case .text: if let text { Output.standard.line(text) }
    case .json: Output.standard.line(json.serialized(pretty: true))
    case .jsonl: Output.standard.line(json.serialized())
    }
  }

  // MARK: - What happens

  private func call(_ text: String, in session: EngineSession, by principal: Principal) async throws
  {
    try refuseRepeating(text, in: session, by: principal)
    Output.error.progress("calling \(function)…")
    let submission = await session.engine.submit(function, text: text, by: principal)
    Output.error.endProgress()
    guard case .finished(let id, let outcome) = submission else {
      tellErrorOutput(of: submission.id, in: session)
      let why =
        Self.detail(of: submission.id, in: session)?.call.firstFailure?.message
        ?? "Its answer is missing."
      show([
        "call": .string(submission.id.description), "state": "unknown", "message": .string(why),
      ])
      throw Failure(
        .outcomeUnknown,
        "\(function) may or may not have happened: \(why.hasSuffix(".") ? why : why + ".") Do not try again before you have looked there."
      )
    }
    let effect = session.configuration.definitions.first { $0.name.description == function }?.effect
    let state = Self.detail(of: id, in: session)?.row.state.rawValue
    switch outcome {
    case .result(let payload, let source):
      let result = payload.original
      show(
        [
          "call": .string(id.description), "state": .string(state ?? "succeeded"),
          "source": .string(source.rawValue), "result": result,
        ],
        result.stringValue ?? result.serialized(pretty: true)
      )
    case .failure(let failure):
      show([
        "call": .string(id.description), "state": .string(state ?? "failed"),
        "failure": [
          "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
          "reach": .string(failure.reach.rawValue),
        ],
      ])
    }
    tellErrorOutput(of: id, in: session)
    let status = ExitStatus.of(outcome, effect: effect)
    if let failure = outcome.failure {
      throw Failure(
        status,
        "\(function) \(Self.verb(state, failure)): \(Self.sentences(of: failure))"
      )
    }
  }

  /// What the last attempt wrote to stderr, where its failure does not tell it.
  private func tellErrorOutput(of id: CallID, in session: EngineSession) {
    guard let call = Self.detail(of: id, in: session)?.call, let attempt = call.attempts.last,
      let text = call.errorOutput(of: attempt.number)
    else { return }
    Output.error.line("callboard: \(function) wrote to stderr:\n\(text)")
  }

  static func verb(_ state: String?, _ failure: CallFailure) -> String {
    if failure.kind == .outcomeUnknown { return "may or may not have happened" }
    return switch state {
    case "rejected": "was rejected"
    case "denied": "was denied"
    case "cancelled": "was cancelled"
    case "expired": "expired"
    case "awaiting_approval", "approved", "queued", "backing_off": "has not ended"
    default: "failed"
    }
  }

  /// The message, and each error of validation on a line of its own where there are several.
  static func sentences(of failure: CallFailure) -> String {
    guard failure.details.count > 1 else { return failure.message }
    return failure.details.map(\.message).joined(separator: "\n  ")
  }

  private static func detail(of id: CallID, in session: EngineSession) -> CallDetail? {
    guard case .call(let detail) = session.engine.snapshot(of: .call(id)).body else { return nil }
    return detail
  }
}
