import Callboard

/// How a command that was interrupted ends its engine.
extension EngineSession {
  /// Stops as the table's row of an orderly stop says; one line says what still runs, and how long it has.
  func stopInOrder() async {
    let header = engine.snapshot(of: .header).header
    if header.running > 0 { Output.error.row(ConsoleRun.farewell(to: header, .whole)) }
    await engine.stop(patience: .whole)
  }

  /// What the process ends with where it does not wait for what runs; says so where a `write` does.
  func leave() -> ExitStatus {
    let header = engine.snapshot(of: .header).header
    let isOneUnknown = header.unknown > left.unknown.count
    let withoutWord = engine.writesWithoutWord(lineIsLost: true)
    guard header.runningWrites > 0 || isOneUnknown || !withoutWord.isEmpty else {
      return .interrupted
    }
    if isOneUnknown {
      for line in ConsoleRun.unknownOutcomes(engine) { Output.error.row("callboard: \(line)") }
    }
    for id in engine.runningWrites {
      guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else { continue }
      Output.error.row(
        "callboard: \(detail.row.function) \(id.short) ran when this was ended: whether it happened is unknown; "
          + "do not try again before you have looked there"
      )
    }
    for line in ConsoleRun.notStored(withoutWord, engine) {
      Output.error.row("callboard: \(line)")
    }
    return .outcomeUnknown
  }

  /// One line for each call that somebody has to look at, of an engine that has stopped.
  var unknownOutcomes: [String] {
    let lost = engine.writesWithoutWord(lineIsLost: lostLine)
    return ConsoleRun.unknownOutcomes(engine) + ConsoleRun.notStored(lost, engine)
  }
}
