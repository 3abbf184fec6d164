import Callboard
import Foundation
import JSONSchema

/// Functions that are programs on this machine.
///
/// A program gets, besides what its function lists, `CALLBOARD_IDEMPOTENCY_KEY`, `CALLBOARD_CALL_ID`,
/// `CALLBOARD_ATTEMPT` and `CALLBOARD_FUNCTION` in its environment. It runs in a session of its own, without a
/// terminal. Cancelling the task ends it and everything in its process group: first SIGTERM, and SIGKILL two
/// seconds later. What a program that has ended leaves running in its group is ended too; a program that means
/// to leave a daemon behind starts it with `setsid`.
///
/// Exit status 0 is success, 75 (`EX_TEMPFAIL`) a failure that may pass. The last 8 kB of stderr are told in the
/// failure, else kept with the attempt.
public struct ProgramProvider: FunctionProvider {
  public let namespace: String
  public let identity: String
  public let summary: String
  public let functions: [FunctionDefinition]

  private let identities: [FunctionName: String]
  private let commands: [FunctionName: ProgramCommand]
  private let supervisor: ProgramSupervisor
  private let errorOutputs = ErrorOutputs()

  /// Checks the functions and makes a provider of them; nothing is started yet, and a program may be missing.
  ///
  /// `inherited` is the environment that `PATH`, `HOME` and `LANG` are taken from.
  public init(
    namespace: String,
    functions: [ProgramFunction],
    clock: any EngineClock,
    deadlines: DeadlineQueue,
    inherited: [String: String] = ProcessInfo.processInfo.environment
  ) throws(ProviderConfigurationError) {
    let commands = ProgramCommand.compile(functions, namespace: namespace, inherited: inherited)
    if let problem = commands.problems.first { throw problem }
    self.namespace = namespace
    self.functions = functions.map(\.definition)
    self.commands = Dictionary(
      uniqueKeysWithValues: commands.compiled.map { ($0.definition.name, $0) }
    )
    identities = Dictionary(
      uniqueKeysWithValues: functions.map { function in
        let name = function.definition.name
        return (name, "\(name): \(function.run.joined(separator: " "))")
      }
    )
    identity = functions.compactMap { [identities] in identities[$0.definition.name] }
      .joined(separator: "\n")
    var programs: [String] = []
    for program in functions.compactMap(\.run.first) where !programs.contains(program) {
      programs.append(program)
    }
    summary = "program \(programs.joined(separator: ", "))"
    do {
      supervisor = try ProgramSupervisor(clock: clock, deadlines: deadlines)
    } catch {
      throw ProviderConfigurationError(
        "functions",
        "no programs can be run: \(error.sentence(for: ""))"
      )
    }
  }

  public func identity(of function: FunctionName) -> String { identities[function] ?? identity }

  /// Everything that is wrong with these functions, where `init` throws the first.
  public static func problems(
    namespace: String,
    functions: [ProgramFunction]
  ) -> [ProviderConfigurationError] {
    ProgramCommand.compile(functions, namespace: namespace, inherited: [:]).problems
  }

  public func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    guard let command = commands[invocation.function] else {
      throw CallFailure(
        .unknownFunction,
        "“\(invocation.function)” is no function of “\(namespace)”"
      )
    }
    let launch = try command.launch(for: invocation)
    let attempt = ErrorOutputs.Attempt(call: invocation.call, number: invocation.attempt)
    errorOutputs.began(attempt, launch.errors)
    let report = await supervisor.run(launch)
    do throws(CallFailure) {
      let value = try command.result(
        of: report,
        errors: launch.errors,
        maxResultBytes: invocation.maxResultBytes,
        invocation.discretion
      )
      errorOutputs.ended(attempt, isTold: false)
      return value
    } catch {
      errorOutputs.ended(attempt, isTold: error.kind == .programFailed)
      throw error
    }
  }

  public func errorOutput(of call: CallID, attempt: Int) -> String? {
    errorOutputs.take(ErrorOutputs.Attempt(call: call, number: attempt))
  }
}
