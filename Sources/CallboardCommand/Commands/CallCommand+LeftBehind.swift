import Callboard

/// A call on a store where an earlier run has left something unfinished.
extension CallCommand {
  /// Says in one line what was left there, and by whom it is taken up.
  func tellLeft(in session: EngineSession, _ path: String?) {
    let left = session.left
    guard !left.isEmpty, let path else { return }
    let calls = left.calls == 1 ? "1 call" : "\(left.calls) calls"
    let talks = left.conversations == 1 ? "1 conversation" : "\(left.conversations) conversations"
    var line =
      "callboard: \(path) holds \(calls) and \(talks) of an earlier run that have not ended; the console or serve takes them up"
    if !left.unknown.isEmpty {
      let shown = left.unknown.sorted { $0.key < $1.key }.prefix(3).map { id, function in
        "\(function) \(id.short)"
      }
      let more =
        left.unknown.count > shown.count ? " and \(left.unknown.count - shown.count) more" : ""
      line +=
        "; nobody knows whether \(shown.joined(separator: ", "))\(more) happened: look there, and settle it when callboard or `callboard serve` has taken it up"
    }
    Output.error.row(line)
  }

  /// A `write` of which nobody knows whether it happened is not sent again by a command that nobody could be asked through.
  func refuseRepeating(
    _ text: String,
    in session: EngineSession,
    by principal: Principal
  ) throws {
    guard let twin = session.engine.unknownTwin(of: function, text: text, by: principal) else {
      return
    }
    throw Failure(
      .denied,
      "\(function) was not called: \(twin.short), the same call of an earlier run, may or may not have happened. Look there, settle it when callboard or `callboard serve` has taken it up, and call again if it did not happen."
    )
  }
}
