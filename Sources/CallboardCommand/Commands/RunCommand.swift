import ArgumentParser
import Callboard
import JSONSchema

/// `callboard run`: scripted conversations, decisions and expectations, without a terminal.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Play scenarios without a terminal, and say what did not come as expected.",
    discussion: """
      Every file is checked before the first is played; each is played on an engine of its own, in real time. What \
      needs approval and no decision of the scenario fits is denied, and ends with 77 unless it was expected.
      """
  )

  @Argument(help: ArgumentHelp("Scenario files.", valueName: "scenario"))
  var scenarios: [String]
  @OptionGroup var source: ConfigurationOption
  @OptionGroup var eventFile: EventsOption
  @Option(help: "text, json or jsonl.")
  var output: OutputFormat = .text

  func run() async throws {
    let read = try scenarios.map {
      try ScenarioReader.read($0, configuration: source.config, environment: Entry.environment)
    }
    let events = try eventFile.open()
    let played: Result<Void, any Error>
    do {
      played = .success(try await play(read, events: events))
    } catch {
      played = .failure(error)
    }
    // What went wrong in the play counts before what is missing in the file.
    let isWhole = events?.finish() ?? true
    try played.get()
    guard isWhole else { throw Failure(.failed, "") }
  }

  /// Plays one; where that was interrupted, what nobody knows of it is said.
  private func result(
    of runner: ScenarioRunner,
    _ interruption: Interruption
  ) async throws -> ScenarioResult {
    do {
      return try await interruption.watching(
        [{ await runner.interrupt() }, { runner.hurry() }],
        leaving: runner.leave
      ) {
        await runner.run()
      }
    } catch let failure as Failure where failure.status == .interrupted {
      Output.error.endProgress()
      let unknown = runner.unknownOutcomes
      for line in unknown { Output.error.row("callboard: \(line)") }
      throw unknown.isEmpty ? failure : Failure(.outcomeUnknown, failure.description)
    }
  }

  private func play(_ read: [Scenario], events: EventFile?) async throws {
    let interruption = Interruption()
    var results: [ScenarioResult] = []
    for (index, scenario) in read.enumerated() {
      Output.error.progress("\(index + 1) of \(read.count): \(scenario.name)")
      let runner = try ScenarioRunner(scenario, events: events)
      let result = try await result(of: runner, interruption)
      Output.error.endProgress()
      results.append(result)
      switch output {
      case .text: for line in result.lines { Output.standard.row(line) }
      case .jsonl: Output.standard.line(result.json.serialized())
      case .json: break
      }
    }
    if output == .json {
      Output.standard.line(JSONValue.array(results.map(\.json)).serialized(pretty: true))
    }
    let failed = results.count { $0.status != .done }
    if failed > 0 {
      throw Failure(
        ExitStatus.worst(results.map(\.status)),
        read.count == 1 ? "" : "\(failed) of \(read.count) scenarios did not go as expected."
      )
    }
  }
}
