import Callboard
import CallboardConsole
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
    events: EventFile?
  ) async throws {
    let result: Result<Console.Exit, any Error>
    do {
      let console = try Console(door: session.engine, principal: principal, options: options)
      result = .success(try await console.runOnOwnThread())
    } catch {
      result = .failure(error)
    }
    await close(session)
    let isWhole = events?.finish() ?? true
    switch result {
    case .success(.quit): guard isWhole else { throw Failure(.failed, "") }
    case .success(.hungUp): CursesTerminal.end(by: SIGHUP)
    case .success(.signal(let number)): CursesTerminal.end(by: number)
    case .failure(let error as TerminalError): throw refusal(error)
    case .failure(let error as Console.Fault): throw Failure(.usage, error.description)
    case .failure(let error): throw error
    }
  }

  /// The screen is the shell's again by now: while calls are given time to end, one line says so.
  private static func close(_ session: EngineSession) async {
    let running = session.engine.snapshot(of: .header).header.running
    if running > 0 {
      Output.error.progress(
        "callboard: stopping; \(running) \(running == 1 ? "call runs and has" : "calls run and have") 2 s to end"
      )
    }
    await session.close(patience: .seconds(2))
    Output.error.endProgress()
  }
}
