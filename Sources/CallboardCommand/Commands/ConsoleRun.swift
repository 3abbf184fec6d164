import Callboard
import CallboardConsole
import CallboardControl
import CallboardTerminal
import Foundation
import Glibc

/// Runs a console on a thread of its own, and ends its engine after it.
enum ConsoleRun {
  /// Says at once when there is no terminal, before anything is started.
  static func requireTerminal() throws {
    guard isatty(STDOUT_FILENO) == 1 else { throw refusal(.notATerminal) }
    let term = Entry.environment["TERM"] ?? ""
    guard !term.isEmpty else { throw refusal(.noTerm) }
    guard term != "dumb" else { throw refusal(.cannotDraw(term: term)) }
  }

  private static func refusal(_ error: TerminalError) -> Failure {
    Failure(.usage, error.description)
  }

  static func run(
    _ session: EngineSession,
    principal: Principal,
    options: ConsoleOptions,
    events: EventFile?,
    control: ControlServer? = nil,
    isDemo: Bool
  ) async throws {
    // Before the screen, which takes signals over and gives them back: none comes in between.
    let interruption = Interruption(heedsHangUp: false)
    let result: Result<Console.Exit, any Error>
    do {
      let console = try Console(door: session.engine, principal: principal, options: options)
      result = .success(try await console.runOnOwnThread())
    } catch {
      result = .failure(error)
    }
    let wasInterrupted = await close(session, interruption)
    await control?.answersAll()
    control?.close(saying: "its console was left")
    // Nothing of the demo happens outside of it.
    let unknown = isDemo ? [] : session.unknownOutcomes
    for line in unknown { Output.error.row("callboard: \(line)") }
    let isWhole = events?.finish() ?? true
    try end(result)
    var statuses: [ExitStatus] = []
    if wasInterrupted { statuses.append(.interrupted) }
    if !unknown.isEmpty { statuses.append(.outcomeUnknown) }
    if !isWhole { statuses.append(.failed) }
    guard statuses.isEmpty else { throw Failure(.worst(statuses), "") }
  }

  /// Ends as the console did: returns where it was left, else throws, or ends by its signal.
  static func end(_ result: Result<Console.Exit, any Error>) throws {
    switch result {
    case .success(.quit): break
    case .success(.hungUp): CursesTerminal.end(by: SIGHUP)
    case .success(.signal(let number)): CursesTerminal.end(by: number)
    case .failure(let error as TerminalError): throw refusal(error)
    case .failure(let error as Console.Fault): throw Failure(.usage, error.description)
    case .failure(let error): throw error
    }
  }

  /// The screen is the shell's again by now: while calls are given time to end, one line says so.
  ///
  /// A signal gives them no more, another ends at once; a hang-up is no signal here, for everything is being stopped
  /// already. Returns whether one came.
  private static func close(
    _ session: EngineSession,
    _ interruption: Interruption
  ) async -> Bool {
    let patience = Engine.Patience.whole
    let header = session.engine.snapshot(of: .header).header
    if header.running > 0 { Output.error.progress(farewell(to: header, patience)) }
    var isClosed = false
    try? await interruption.watching([{ session.engine.hurry() }]) {
      await session.close(patience: patience)
      isClosed = true
    }
    if !isClosed {
      // A signal came before it was watched for.
      session.engine.hurry()
      await session.close(patience: patience)
    }
    Output.error.endProgress()
    return interruption.isCaught
  }

  /// What still runs when the console is left, and how long it has.
  static func farewell(to header: Header, _ patience: Engine.Patience) -> String {
    let verb = header.running == 1 ? "call runs" : "calls run"
    let writes =
      switch (header.runningWrites, header.running) {
      case (0, _): ""
      case (1, 1): ", a write"
      case (let writes, let all) where writes == all: ", all of them writes"
      case (1, _): ", one of them a write"
      case (let writes, _): ", \(writes) of them writes"
      }
    return
      "callboard: stopping; \(header.running) \(verb)\(writes): up to \(patience.time.words) to end (Ctrl-C or another signal: at once)"
  }

  /// One line for each call of which nobody knows whether it happened.
  static func unknownOutcomes(_ engine: Engine) -> [String] {
    let shown = 20
    let snapshot = engine.snapshot(of: .waiting(ListQuery(after: shown - 1)))
    // They stand before everything else that waits.
    guard case .waiting(let page) = snapshot.body else { return [] }
    let lines = page.rows.filter { $0.state == .unknown }.map { row in
      "\(row.function) \(row.id.short) (\(row.caller)): whether it happened is unknown; "
        + "do not try again before you have looked there"
        + (snapshot.header.store == "memory" ? "" : "; it waits to be settled at the next start")
    }
    let rest = snapshot.header.unknown - lines.count
    return rest > 0 ? lines + ["and \(rest) more calls whose outcome is unknown"] : lines
  }

  /// One line for each `write` that has ended and whose end the store did not take.
  static func notStored(_ calls: [CallID], _ engine: Engine) -> [String] {
    calls.sorted().compactMap { id in
      guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else { return nil }
      return
        "\(detail.row.function) \(id.short) (\(detail.row.caller)) has \(detail.row.state.rawValue), and that is not stored: "
        + "the next start finds its outcome unknown; do not try again before you have looked there"
    }
  }
}
