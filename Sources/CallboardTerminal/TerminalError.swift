import Callboard
import Glibc

/// Why there is no full-screen console.
public enum TerminalError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Neither screen nor keyboard: output goes to a file or a pipe.
  case notATerminal
  case noTerm
  case cannotDraw(term: String)
  case unknownTerm(term: String)
  /// `errno` of the call that failed.
  case noDescriptor(Int32)

  public var sentence: SafeText {
    switch self {
    case .notATerminal:
      "standard output is not a terminal: no full-screen console here; " + Self.instead
    case .noTerm: "TERM is not set: no full-screen console here; " + Self.instead
    case .cannotDraw(let term):
      "TERM is \(untrusted: term): no full-screen console here; " + Self.instead
    case .unknownTerm(let term):
      "TERM is \(untrusted: term), which this machine has no terminfo entry for; try TERM=xterm, or "
        + Self.instead
    case .noDescriptor(let number):
      "the system refuses another file descriptor (\(untrusted: String(cString: strerror(number)))): close programs or raise `ulimit -n`"
    }
  }

  public var description: String { sentence.text }

  private static let instead: SafeText =
    "use `callboard run`, `callboard tail` or `callboard snapshot`, which need none"
}
