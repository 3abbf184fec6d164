import ArgumentParser
import Callboard
import Foundation
import Glibc
import JSONSchema

/// Starts the command that was asked for, and turns whatever it throws into a sentence and a number.
@main
struct Entry {
  static func main() async {
    keepStandardDescriptors()
    // A reader that has gone is told by `write`, not by a signal.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that may not grow any further (`ulimit -f`): the store then fails as on a full disk.
    signal(SIGXFSZ, SIG_IGN)
    // What a crash leaves on disk would hold every secret that was in memory.
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 {
      limit.rlim_cur = 0
      setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    }
    await exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }

  /// Takes the numbers of closed ones, or the next file that is opened would be read or written in their place.
  private static func keepStandardDescriptors() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(descriptor, F_GETFD) < 0 {
      // The wrong way round, so that using it fails as a closed one does.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Runs one command line and says how it ended.
  static func run(_ arguments: [String]) async -> ExitStatus {
    let status = await carryOut(arguments)
    guard let fault = Output.standard.fault else { return status }
    Output.error.line(
      "callboard: The output is not whole: \(fault). Make room, or write it elsewhere."
    )
    return status == .done ? .failed : status
  }

  private static func carryOut(_ arguments: [String]) async -> ExitStatus {
    do {
      try refuseUnknownCommand(arguments)
      var command = try RootCommand.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return .done
    } catch {
      return told(error)
    }
  }

  /// The parser would take a mistyped command for an argument of the default one.
  private static func refuseUnknownCommand(_ arguments: [String]) throws(Failure) {
    let known = RootCommand.configuration.subcommands.compactMap {
      $0.configuration.commandName
    }
    guard let first = arguments.first, !first.hasPrefix("-"), first != "help",
      !known.contains(first)
    else { return }
    let near = nearest(to: first, among: known).map { " Did you mean \($0)?" } ?? ""
    throw Failure(
      .usage,
      """
      “\(first)” is no command.\(near) There is \(known.joined(separator: ", ")).
      Usage: callboard <command>; callboard --help says what each does.
      """
    )
  }

  private static func told(_ error: any Error) -> ExitStatus {
    Output.error.endProgress()
    if let failure = error as? Failure {
      if !failure.description.isEmpty { Output.error.line("callboard: \(failure.description)") }
      return failure.status
    }
    let code = RootCommand.exitCode(for: error)
    if code == .success {
      // Help that was asked for is a result.
      Output.standard.line(RootCommand.fullMessage(for: error))
      return .done
    }
    if code == .validationFailure {
      Output.error.line(RootCommand.fullMessage(for: error))
      return .usage
    }
    if let exit = error as? ExitCode { return ExitStatus(rawValue: exit.rawValue) ?? .failed }
    Output.error.line("callboard: this is a fault of callboard's own: \(error)")
    return .fault
  }
}
