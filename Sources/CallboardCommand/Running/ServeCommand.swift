import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import Glibc

/// `callboard serve`: a configuration's engine without a terminal.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run a configuration without a terminal; `attach` and the other commands use it.",
    discussion: """
      TERM and INT stop it in order: running calls have ten seconds to end, and a second signal gives them no more. \
      What waits for a person waits on, and is there at the next start where the store is a file. HUP reads the \
      configuration anew.
      """
  )

  @OptionGroup var source: ConfigurationOption
  @OptionGroup var eventFile: EventsOption

  func run() async throws {
    let configuration = try source.loadTellingWarnings()
    let signals = Signals()
    guard let socket = try configuration.controlSocket(isRequired: true) else {
      throw Failure(
        .usage,
        "The configuration has no control socket (control: none), so nobody could reach what serve runs; take that line out."
      )
    }
    let events = try eventFile.open()
    let session = try EngineSession.attended(configuration, events: events)
    let server = session.listen(on: socket)
    let ended = try session.beginConversations()
    tellStart(session, server)
    if let ended { Output.error.row("callboard: \(ended)") }
    let watch = StoreWatch(session.engine)
    defer { watch.end() }
    let path = source.config
    let number = await signals.stop { Task { await Self.reload(session, server, from: path) } }
    try await stop(session, server, events, by: number, signals)
  }

  private func tellStart(_ session: EngineSession, _ server: ControlServer) {
    let count = session.configuration.definitions.count
    Output.error.row(
      "callboard: \(session.engine.configuration.name) is up with \(count) \(count == 1 ? "function" : "functions"), "
        + "process \(getpid()), control socket \(server.path)"
    )
    if !session.taken.isEmpty { Output.error.row("callboard: \(session.taken.sentence)") }
  }

  /// What HUP does: the file is read anew, and says what of it counts now and what needs a restart.
  private static func reload(
    _ session: EngineSession,
    _ server: ControlServer,
    from path: String?
  ) async {
    do {
      let configuration = try ConfigurationFile.load(path, environment: Entry.environment)
      for warning in configuration.warnings { Output.error.row("warning: \(warning)") }
      let change = try await session.reload(configuration)
      // Attached consoles show and use what its operators say now.
      server.peopleChanged()
      for line in change.lines { Output.error.row("callboard: HUP: \(line)") }
    } catch {
      Output.error.row("callboard: HUP: nothing was changed: \(error)")
    }
  }

  private func stop(
    _ session: EngineSession,
    _ server: ControlServer,
    _ events: EventFile?,
    by number: Int32,
    _ signals: Signals
  ) async throws {
    let header = session.engine.snapshot(of: .header).header
    Output.error.row(
      header.running > 0
        ? ConsoleRun.farewell(to: header, .whole) : "callboard: stopping; no call runs"
    )
    signals.onNext { session.engine.hurry() }
    await session.engine.stop(patience: .whole)
    await server.answersAll()
    server.close(saying: "it was stopped in order")
    await session.close(patience: .whole)
    let unknown = session.unknownOutcomes
    for line in unknown { Output.error.row("callboard: \(line)") }
    let isWhole = events?.finish() ?? true
    var statuses: [ExitStatus] = []
    if number == SIGINT { statuses.append(.interrupted) }
    if !unknown.isEmpty { statuses.append(.outcomeUnknown) }
    if !isWhole { statuses.append(.failed) }
    guard statuses.isEmpty else { throw Failure(.worst(statuses), "") }
  }
}

extension EngineSession {
  /// An engine that people can be asked through, on the configuration's store, with what was unfinished there.
  static func attended(
    _ configuration: Configuration,
    events: EventFile?
  ) throws -> EngineSession {
    let file = configuration.storeFile(ofConsole: true)
    return try EngineSession(
      configuration,
      isUnattended: false,
      store: try file.map { try OpenedStore.openForInstance($0, environment: Entry.environment) }
        ?? .memory,
      takesUp: true,
      callsPeople: true
    ) { events?.add($0) }
  }

  /// Lets commands and consoles use it through a socket.
  func listen(on socket: ControlSocket) -> ControlServer {
    ControlServer(engine, on: socket) { [self] peer in
      people.principal(of: peer)
    } named: { [self] name in
      people.lent(name)
    }
  }
}
