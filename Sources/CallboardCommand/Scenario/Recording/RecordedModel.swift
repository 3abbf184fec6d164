import Callboard
import JSONSchema

/// A model that answers one conversation as another one did that was recorded, whatever it is told.
struct RecordedModel: Model {
  let name: String
  private let turns: [RecordedTurn]
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue

  init(_ talk: Scenario.RecordedTalk, clock: any EngineClock, deadlines: DeadlineQueue) {
    name = talk.name
    turns = talk.turns
    self.clock = clock
    self.deadlines = deadlines
  }

  func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    guard turns.indices.contains(request.turn - 1) else {
      throw ModelFailure(
        .scriptEnded,
        "The recorded conversation has \(turns.count) turns, and turn \(request.turn) is asked for."
      )
    }
    return try await turns[request.turn - 1]
      .given(to: request, clock: clock, deadlines: deadlines, onDelta)
  }
}

extension RecordedTurn {
  /// The answer, after the time that it took.
  func given(
    to request: ModelRequest,
    clock: any EngineClock,
    deadlines: DeadlineQueue,
    _ tell: TapedModel.Tell
  ) async throws(ModelFailure) -> ModelTurn {
    for retry in retries { tell(.startedOver(retry.failure, wait: .seconds(retry.wait))) }
    do {
      try await Replayer.rest(took, isStopped: answer == .stopped, clock, deadlines)
    } catch {
      throw ModelFailure(.cancelled, "The model was told to stop.")
    }
    switch answer {
    case .turn(var turn):
      for index in turn.calls.indices {
        let tool = request.tools.first { $0.wireName == turn.calls[index].wireName }
        turn.calls[index].arguments = StandIn.filled(
          turn.calls[index].arguments,
          by: tool?.parameters
        )
      }
      return turn
    case .failure(let failure): throw failure
    case .stopped: throw ModelFailure(.cancelled, "The model was told to stop.")
    }
  }
}

extension Scenario {
  /// The turns of one conversation of a recording.
  struct RecordedTalk: Sendable {
    /// Of the model that gives them.
    var name: String
    var turns: [RecordedTurn]

    /// What it was told before its first turn.
    var opening: [Message] { turns.first?.messages ?? [] }
  }
}

extension ScenarioReader {
  /// The conversation of a recording that a step names; what it was told first is said again where the step says nothing.
  mutating func recordedTalk(_ part: JSONValue, at place: JSONPointer) -> Scenario.RecordedTalk? {
    guard let file = part["recording"]?.stringValue else { return nil }
    let number = part["of"]?.intValue ?? 1
    do {
      let recording = try Recording(file: reader.resolved(file))
      var talks: [[RecordedTurn]] = []
      for play in recording.plays {
        talks += Dictionary(grouping: play.turns, by: \.talk).sorted { $0.key < $1.key }.map(
          \.value
        )
      }
      guard talks.indices.contains(number - 1) else {
        reader.report(
          place.appending(part["of"] == nil ? "recording" : "of"),
          "asks for conversation \(number), and \(file) has \(talks.count)"
        )
        return nil
      }
      return Scenario.RecordedTalk(name: "\(file) \(number)", turns: talks[number - 1])
    } catch {
      reader.report(place.appending("recording"), "can't be used: \(error)")
      return nil
    }
  }
}
