import Callboard

/// A function that starts a program: its arguments go in as JSON, its result is what the program prints.
///
/// No shell is involved: each item of `run` is one argument of the program, whatever a call puts into it.
public struct ProgramFunction: Sendable {
  public var definition: FunctionDefinition
  /// The program and its arguments.
  ///
  /// `{argument}` stands for an argument of the call, `{{` and `}}` for braces. A string stands there as itself,
  /// anything else as its JSON. The program itself is fixed. A name without a slash is looked for in the `PATH`
  /// that the program gets; a relative path is taken from `workingDirectory`.
  ///
  /// Where an item begins with `{argument}`, a value that begins with `-` is refused, since the program could
  /// read it as an option: put text before it (`--city={city}`), an item `--` somewhere before, or the argument's
  /// name into `mayBeginWithDash`.
  public var run: [String]
  /// Arguments whose values the program takes as they are, even with a `-` in front, such as a latitude.
  public var mayBeginWithDash: Set<String>
  public var stdin: Stdin
  /// Set for the program on top of `PATH`, `HOME` and `LANG`; nothing else of callboard's own environment is
  /// passed on.
  public var environment: [(name: String, value: String)]
  /// nil: where callboard itself was started.
  public var workingDirectory: String?
  public var result: Result

  public init(
    definition: FunctionDefinition,
    run: [String],
    mayBeginWithDash: Set<String> = [],
    stdin: Stdin = .arguments,
    environment: [(name: String, value: String)] = [],
    workingDirectory: String? = nil,
    result: Result = .json
  ) {
    self.definition = definition
    self.run = run
    self.mayBeginWithDash = mayBeginWithDash
    self.stdin = stdin
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.result = result
  }

  /// What the program reads.
  public enum Stdin: String, Sendable, CaseIterable {
    /// The arguments of the call, as one line of JSON.
    case arguments
    /// Nothing: `/dev/null`.
    case none
  }

  /// How the program's output becomes the result.
  public enum Result: String, Sendable, CaseIterable {
    /// One JSON value; no output at all is `null`.
    case json
    /// A string, without the newline at its end.
    case text
    /// An array of strings, one a line.
    case lines
  }
}
