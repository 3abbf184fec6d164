/// Learns whether a server marks the end of its streams with `[DONE]`: where it does, a stream without it was cut.
///
/// Some servers never send it, and after a finish reason nothing else tells a cut from their way. So the first such
/// end is doubted and asked for again; a second in a row, before any `[DONE]`, is this server's way.
struct StreamEnds {
  private enum Habit {
    case unknown
    case doubted
    case marked
    case bare
  }

  /// What an end without anything missing but the mark means.
  enum Verdict {
    case whole
    /// It may be cut, or this server marks none.
    case doubtful
    case cut
  }

  private var habit = Habit.unknown

  /// Judges a stream that has given its finish reason or `[DONE]`.
  mutating func judge(isMarked: Bool) -> Verdict {
    switch (habit, isMarked) {
    case (_, true):
      habit = .marked
      return .whole
    case (.unknown, false):
      habit = .doubted
      return .doubtful
    case (.doubted, false), (.bare, false):
      habit = .bare
      return .whole
    case (.marked, false): return .cut
    }
  }
}
