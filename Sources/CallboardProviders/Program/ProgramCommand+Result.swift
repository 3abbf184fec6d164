import Callboard
import Foundation
import Glibc
import JSONSchema

extension ProgramCommand {
  /// What a program's end, and what it wrote to stderr, mean for the call.
  func result(
    of report: ProgramReport,
    errors: ErrorTail,
    maxResultBytes: Int,
    _ discretion: Discretion
  ) throws(CallFailure) -> JSONValue {
    if case .notStarted(let failure) = report.ending {
      throw CallFailure(
        failure == .cancelled ? .cancelled : .programFailed,
        failure.sentence(for: program),
        reach: .notSent,
        isRetryable: failure.mayPass
      )
    }
    guard !report.wasCancelled else {
      throw CallFailure(.cancelled, "“\(program)” was stopped before it had ended", reach: .maybe)
    }
    // Where more output means that the program is stopped, how it took the signal says nothing.
    if report.outputOverflowed, definition.effect != .write { throw tooBig(maxResultBytes) }
    switch report.ending {
    case .exited(0): break
    case .exited(let status):
      throw failed(
        "exited with status \(status)",
        errors.shown(discretion),
        reach: statusReach,
        isRetryable: status == Self.temporaryFailure
      )
    case .signalled(let signal):
      throw failed(
        "was ended by \(signalName(signal))",
        errors.shown(discretion),
        reach: .maybe,
        isRetryable: true
      )
    case .unknown:
      throw failed(
        "ended, and its exit status was lost",
        errors.shown(discretion),
        reach: .maybe,
        isRetryable: false
      )
    case .notStarted:
      preconditionFailure("a program that was not started has thrown above")
    }
    if report.outputOverflowed { throw tooBig(maxResultBytes) }
    return try value(of: report.output, discretion)
  }

  /// `EX_TEMPFAIL` of sysexits.h: the user is invited to try again later.
  private static let temporaryFailure: Int32 = 75

  /// An exit status says that a write was not done only where the function declares that it does.
  private var statusReach: CallFailure.Reach {
    definition.effect == .write && !definition.failsCleanly ? .maybe : .answered
  }

  private func failed(
    _ what: String,
    _ errors: String?,
    reach: CallFailure.Reach,
    isRetryable: Bool
  ) -> CallFailure {
    let message =
      "“\(program)” \(what)" + (errors.map { ": " + $0 } ?? ", and wrote nothing to stderr")
    return CallFailure(.programFailed, message, reach: reach, isRetryable: isRetryable)
  }

  private func tooBig(_ limit: Int) -> CallFailure {
    CallFailure(
      .resultTooBig,
      "“\(program)” wrote more than the \(limit) bytes a result of “\(definition.name)” may have",
      reach: .answered
    )
  }

  private func value(of output: [UInt8], _ discretion: Discretion) throws(CallFailure) -> JSONValue
  {
    switch result {
    case .json:
      do throws(JSONTextProblem) {
        return try parseJSON(output, discretion)
      } catch {
        throw CallFailure(
          .invalidResult,
          "“\(program)” wrote something that is not JSON: \(error.message)",
          reach: .answered
        )
      }
    case .text:
      return .string(
        String(
          decoding: output.last == UInt8(ascii: "\n") ? output.dropLast() : output[...],
          as: UTF8.self
        )
      )
    case .lines:
      let whole = output.last == UInt8(ascii: "\n") ? output.dropLast() : output[...]
      guard !output.isEmpty else { return .array([]) }
      return .array(
        whole.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
          .map { line in
            .string(
              String(
                decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line,
                as: UTF8.self
              )
            )
          }
      )
    }
  }
}

extension SpawnFailure {
  /// Why the program did not start and what to do, as a sentence.
  func sentence(for program: String) -> String {
    switch self {
    case .cancelled: "“\(program)” was not started: the call was cancelled"
    case .notInPath: "program “\(program)” was not found in PATH; install it or give its full path"
    case .noWorkingDirectory: "“\(program)” was not started: its working directory does not exist"
    case .pipe(let code):
      "“\(program)” was not started: \(systemText(code)) while making its pipes; raise the limit of open files"
    case .system(ENOENT):
      "program “\(program)” was not found, or the interpreter that its first line names; install it or correct the path"
    case .system(EACCES): "program “\(program)” may not be run by this user; check its permissions"
    case .system(E2BIG):
      "“\(program)” was not started: its arguments are longer than the system allows; pass them on stdin"
    case .system(ENOEXEC):
      "“\(program)” is no program this machine can run; a script needs a first line such as #!/bin/sh"
    case .system(let code): "“\(program)” was not started: \(systemText(code))"
    }
  }

  /// Whether the same start may succeed later: the machine was short of something.
  var mayPass: Bool {
    switch self {
    case .pipe, .system(EAGAIN), .system(ENOMEM), .system(EMFILE), .system(ENFILE),
      .system(ETXTBSY):
      true
    case .cancelled, .notInPath, .noWorkingDirectory, .system: false
    }
  }
}

private func signalName(_ signal: Int32) -> String {
  switch signal {
  case SIGHUP: "SIGHUP"
  case SIGINT: "SIGINT"
  case SIGQUIT: "SIGQUIT"
  case SIGILL: "SIGILL"
  case SIGTRAP: "SIGTRAP"
  case SIGABRT: "SIGABRT"
  case SIGBUS: "SIGBUS"
  case SIGFPE: "SIGFPE"
  case SIGKILL: "SIGKILL (often: out of memory)"
  case SIGSEGV: "SIGSEGV"
  case SIGPIPE: "SIGPIPE"
  case SIGALRM: "SIGALRM"
  case SIGTERM: "SIGTERM"
  case SIGXCPU: "SIGXCPU"
  default: "signal \(signal)"
  }
}
