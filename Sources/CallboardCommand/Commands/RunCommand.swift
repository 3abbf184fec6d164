import ArgumentParser
import Callboard
import Foundation
import JSONSchema
import Synchronization

/// `callboard run`: scripted conversations, decisions and expectations, without a terminal.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Play scenarios without a terminal, and say what did not come as expected.",
    discussion: """
      Every file is checked before the first is played; each is played on an engine of its own, and where nothing but \
      time is waited for, time goes on at once. What needs approval and no decision of the scenario fits is denied, and \
      ends with 77 unless it was expected.
      """
  )

  @Argument(
    help: ArgumentHelp(
      "Scenario files, folders of them, or patterns such as 'tests/*.yaml'.",
      valueName: "scenario"
    )
  )
  var scenarios: [String]
  @OptionGroup var source: ConfigurationOption
  @OptionGroup var eventFile: EventsOption
  @Option(help: "text, json or jsonl.")
  var output: OutputFormat = .text
  @Option(help: "Also write the results to this file as JUnit XML.")
  var junit: String?
  @Option(
    help: ArgumentHelp(
      "Play so many at one time; as many as there are processors, and 1 with --events.",
      valueName: "n"
    )
  )
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "Keep what models and functions answer in this file, without secrets.",
      valueName: "file"
    )
  )
  var record: String?
  @Option(
    help: ArgumentHelp(
      "Answer from this recording in place of models and functions, and say what is different today.",
      valueName: "file"
    )
  )
  var replay: String?

  func validate() throws {
    if record != nil, replay != nil {
      throw ValidationError("--record and --replay exclude each other; record first, then replay")
    }
    if let record, record == eventFile.events {
      throw ValidationError("--record and --events name the same file; give each its own")
    }
    if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); use 1 or more") }
    if eventFile.events != nil, let jobs, jobs > 1 {
      throw ValidationError("--events holds the events of one engine after the other; use --jobs 1")
    }
  }

  func run() async throws {
    let files = try ScenarioFiles.find(scenarios)
    let recording = try replay.map(Recording.init(file:))
    let environment =
      recording == nil
      ? Entry.environment
      : ReplayEnvironment.complete(Entry.environment, for: files, configuration: source.config)
    let read = try files.flatMap {
      try ScenarioReader.readRows($0, configuration: source.config, environment: environment)
    }
    let tape = try record.map(RecordingFile.init)
    let events: EventFile?
    do {
      events = try eventFile.open()
    } catch {
      tape?.giveUp()
      throw error
    }
    let played: Result<Void, any Error>
    do {
      played = .success(try await play(read, events, recording, tape))
    } catch {
      played = .failure(error)
    }
    // What went wrong in the play counts before what is missing in the file.
    let isWhole = events?.finish() ?? true
    try played.get()
    guard isWhole else { throw Failure(.failed, "") }
  }

  private func play(
    _ read: [Scenario],
    _ events: EventFile?,
    _ recording: Recording?,
    _ tape: RecordingFile?
  ) async throws {
    let interruption = Interruption()
    let processors = ProcessInfo.processInfo.activeProcessorCount
    let player = ScenarioPlayer(
      jobs: jobs ?? (events == nil ? processors : 1),
      events: events,
      isRecording: tape != nil,
      replaying: recording
    )
    let results = Results()
    defer { Output.error.endProgress() }
    do {
      try await interruption.watching(
        [{ await player.interrupt() }, { player.hurry() }],
        leaving: player.leave
      ) {
        await player.play(read) { [output] result in
          results.add(result)
          Output.error.endProgress()
          Self.tell(result, as: output)
        }
      }
    } catch let failure as Failure where failure.status == .interrupted {
      tape?.giveUp()
      Output.error.endProgress()
      let unknown = player.unknownOutcomes
      for line in unknown { Output.error.row("callboard: \(line)") }
      try? report(results.all)
      throw unknown.isEmpty ? failure : Failure(.outcomeUnknown, failure.description)
    }
    // First: what was paid for is kept, whatever becomes of the reports.
    let kept = Result { try tape?.finish(results.all.compactMap(\.recorded)) }
    try report(results.all)
    try kept.get()
    let failed = results.all.count { $0.status != .done }
    if failed > 0 {
      throw Failure(
        ExitStatus.worst(results.all.map(\.status)),
        read.count == 1 ? "" : "\(failed) of \(read.count) scenarios did not go as expected."
      )
    }
  }

  private final class Results: Sendable {
    private let state = Mutex<[ScenarioResult]>([])
    var all: [ScenarioResult] { state.withLock { $0 } }
    func add(_ result: ScenarioResult) { state.withLock { $0.append(result) } }
  }

  private static func tell(_ result: ScenarioResult, as output: OutputFormat) {
    switch output {
    case .text: for line in result.lines { Output.standard.row(line) }
    case .jsonl: Output.standard.line(result.json.serialized())
    case .json: break
    }
  }

  /// What is told once all are over.
  private func report(_ results: [ScenarioResult]) throws {
    if output == .json {
      Output.standard.line(JSONValue.array(results.map(\.json)).serialized(pretty: true))
    }
    guard let junit else { return }
    do {
      let xml = JUnitReport(results).xml
      try Data(xml.utf8).write(to: URL(fileURLWithPath: junit), options: .atomic)
    } catch {
      throw Failure(.failed, "\(junit) can't be written: \(error.localizedDescription)")
    }
  }
}
