import ArgumentParser
import Callboard
import CallboardControl
import CallboardYAML
import Foundation
import JSONSchema

extension WorkflowsCommand {
  /// `callboard workflows run`: on a running instance, or on an engine of its own.
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run",
      abstract: "Run a workflow and print what it gives.",
      discussion: """
        A workflow of the configuration is run by the instance that listens there, where one does; a file, and with \
        --alone any workflow, by an engine of the command's own, where what needs approval is denied.
        """
    )

    @Argument(help: "The name of a workflow of the configuration, or a file (with a . or / in it).")
    var workflow: String
    @Argument(
      help: ArgumentHelp(
        "The input as JSON; - reads it from stdin, @FILE from a file. None: an empty object.",
        valueName: "json"
      )
    )
    var input: String?
    @Flag(help: "Run it on an engine of the command's own, also where an instance runs.")
    var alone = false
    @Flag(help: "Print the run's id once it is on disk, and do not wait for its end.")
    var detach = false
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    private var isFile: Bool { workflow.contains { $0 == "." || $0 == "/" } }

    func run() async throws {
      let input = try readInput()
      if !alone, !isFile, let running = try instance.running() {
        return try await run(on: running, input)
      }
      if detach {
        throw Failure(
          .usage,
          "--detach is for a workflow of an instance that runs; none runs here."
        )
      }
      try await runAlone(input)
    }

    private func readInput() throws -> JSONValue {
      guard let input else { return .object(JSONObject()) }
      let text = try JSONArgument.text(input)
      do throws(JSONParseError) {
        return try JSONValue(parsing: text, options: .arguments)
      } catch {
        throw Failure(.usage, "The input is not valid JSON: \(error.description)")
      }
    }

    // MARK: - On an instance

    private func run(on running: Instance, _ input: JSONValue) async throws {
      var generator = SystemRandomNumberGenerator()
      let id = RunID(UUIDv7(at: Date(), sequence: 0, random: generator.next()))
      let request = Request.startRun(workflow, input: input, id: id)
      let reply = try Failure.onControlProblem { () throws(ControlProblem) in
        try running.send(request)
      }
      switch reply {
      case .done, .notStored: break
      case .refused(let why):
        throw Failure(running.welcome.you.mayDecide ? .failed : .denied, "Not run: \(why).")
      case .invalid(let errors):
        throw Failure(.failed, "Not run: \(errors.map(\.message).joined(separator: "; "))")
      case .unknown(let why): throw Failure(.outcomeUnknown, why)
      }
      guard !detach else {
        output.print([id.description], json: ["id": .string(id.description)])
        return
      }
      let interruption = Interruption()
      let isInterrupted = OneShot<Void>()
      try await interruption.watching([{ isInterrupted.resolve(()) }]) {
        var told: Set<CallID> = []
        while true {
          let detail = try look(at: id, on: running)
          guard detail.row.state.isLive else { return try tell(detail) }
          for call in detail.steps.flatMap(\.calls)
          where call.state.needsPerson && told.insert(call.id).inserted {
            Output.error.row(
              "callboard: \(call.function) \(call.id) "
                + (call.state == .unknown
                  ? "has an unknown outcome; settle it" : "waits for a person to decide")
            )
          }
          if isInterrupted.current != nil {
            throw Failure(
              .interrupted,
              "Interrupted: the run goes on; callboard workflows show \(id) says what becomes of it."
            )
          }
          try await Task.sleep(for: .milliseconds(100))
        }
      }
    }

    /// A run that was started goes on by itself: what can't be seen of it has not been undone.
    private func look(at id: RunID, on running: Instance) throws -> RunDetail {
      do {
        return try running.run(id.description)
      } catch let failure as Failure where failure.status == .unreachable {
        throw Failure(
          .outcomeUnknown,
          "The instance has gone away while \(workflow) \(id) ran; it goes on when callboard serve runs again on its store. "
            + "Do not start another one: callboard workflows show \(id) says what becomes of it."
        )
      }
    }

    // MARK: - Alone

    private func runAlone(_ input: JSONValue) async throws {
      var configuration = try instance.source.loadTellingWarnings()
      if isFile {
        do throws(Diagnostics) {
          let (found, document) = try WorkflowFile.read(workflow)
          let mistakes = configuration.workflowCheck.mistakes(in: found)
          if let wrong = WorkflowFile.diagnostics(mistakes, in: document, at: JSONPointer()) {
            throw wrong
          }
          configuration.engine.workflows = [found]
        } catch {
          throw Failure(.fileIsWrong, error.description)
        }
      }
      let names = configuration.engine.workflows.map(\.name)
      let name = isFile ? names.first ?? workflow : workflow
      guard names.contains(name) else {
        let near = nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        throw Failure(.usage, "The configuration has no workflow \(name)\(near)")
      }
      let interruption = Interruption()
      let file = configuration.storeFile(ofConsole: false)
      let store = try file.map { try OpenedStore.open($0, environment: Entry.environment) }
      let session = try EngineSession(
        configuration,
        isUnattended: true,
        store: store ?? .memory
      )
      let person = Entry.person(in: configuration.people)
      do {
        try await interruption.watching(
          [{ await session.stopInOrder() }, { session.engine.hurry() }],
          leaving: session.leave
        ) {
          let id: RunID
          do throws(ConfigurationMistake) {
            id = try session.engine.start(workflow: name, input: input, by: person)
          } catch {
            throw Failure(.failed, "Not run: \(error.message).")
          }
          Output.error.progress("running \(name)…")
          _ = await session.engine.ended(id)
          Output.error.endProgress()
          guard case .run(let detail?) = session.engine.snapshot(of: .run(id)).body else {
            throw Failure(.fault, "The run is not kept any more.")
          }
          if interruption.isCaught, detail.row.state.isLive {
            throw Failure(.interrupted, "\(name) \(id) ended before that.")
          }
          try tell(detail)
        }
      } catch {
        await session.close(patience: .zero)
        throw error
      }
      await session.close(patience: .zero)
    }

    // MARK: - Results

    private func tell(_ detail: RunDetail) throws {
      switch output {
      case .text:
        if let value = detail.output {
          Output.standard.line(value.stringValue ?? value.serialized(pretty: true))
        }
      case .json: Output.standard.line(RunText.json(detail).serialized(pretty: true))
      case .jsonl: Output.standard.line(RunText.json(detail).serialized())
      }
      let row = detail.row
      switch row.state {
      case .succeeded: return
      case .cancelled: throw Failure(.failed, "\(row.workflow) \(row.id) was cancelled.")
      case .failed, .running, .stopping:
        // What has to be looked at first decides the number.
        let statuses = detail.steps.flatMap(\.calls).compactMap { call -> ExitStatus? in
          if call.state == .unknown { return .outcomeUnknown }
          guard !call.state.isEnded || call.state != .succeeded, let kind = call.failure else {
            return nil
          }
          return ExitStatus.of(.failure(CallFailure(kind, "")), effect: call.effect)
        }
        let status = detail.row.state == .failed ? ExitStatus.worst(statuses) : .failed
        throw Failure(
          status == .done ? .failed : status,
          "\(row.workflow) \(row.id) failed: \(detail.failure ?? row.doing)"
        )
      }
    }
  }
}

extension Instance {
  /// The run of an id, whole or the end of it as screens show it.
  func run(_ text: String) throws -> RunDetail {
    let id = try RunID(text) ?? foundRun(text)
    guard case .run(let detail?) = try look(at: .run(id)).body else {
      throw Failure(.failed, "No run \(text) is kept there.")
    }
    return detail
  }

  private func foundRun(_ text: String) throws -> RunID {
    let query = try Self.ending(text, "run")
    guard case .runs(let page, _) = try look(at: .runs(query)).body else {
      throw Failure(.fault, "The instance shows no runs.")
    }
    return try Self.only(page.rows.map(\.id), ending: text, "run")
  }
}
