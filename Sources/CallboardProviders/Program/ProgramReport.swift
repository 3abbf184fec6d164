/// What became of one program that was to run.
struct ProgramReport: Sendable {
  var ending: Ending
  /// What it wrote to stdout, at most as much as was asked for.
  var output: [UInt8] = []
  /// There was more than that.
  var outputOverflowed = false
  /// It was stopped because its caller no longer waits.
  var wasCancelled = false

  enum Ending: Sendable, Equatable {
    case notStarted(SpawnFailure)
    case exited(Int32)
    /// Ended by this signal.
    case signalled(Int32)
    /// Ended, but somebody else in this process has taken its status.
    case unknown
  }
}

/// Why a program could not be started.
enum SpawnFailure: Error, Sendable, Equatable {
  /// Cancelled before its turn came.
  case cancelled
  /// Nothing of that name in `PATH`.
  case notInPath
  case noWorkingDirectory
  /// No pipe could be made, by this error number.
  case pipe(Int32)
  /// The system refused, by this error number.
  case system(Int32)
}
