import Callboard
import Foundation
import JSONSchema
import Synchronization

/// Answers in place of models and functions what a recording holds, and notes where today asks for something else.
///
/// A conversation is the first recorded one of its model that began with the same words, and else the first that is left;
/// its turns come in their order. An attempt at a function gets the first answer that is left to the same arguments,
/// and else the first that is left at all. Each takes as long as it took then.
final class Replayer: Tape {
  private struct State {
    /// What of it was not asked for yet, by recorded conversation.
    var turns: [Int: [RecordedTurn]]
    /// Indices of `attempts` that were not asked for yet.
    var left: [String: [Int]] = [:]
    var talks: [ConversationID: Int] = [:]
    /// How many messages of a recorded conversation were held against each other, and which offers differed.
    var compared: [Int: Int] = [:]
    var offered: Set<String> = []
    /// What each attempt at a call got.
    var given: [Given: Int] = [:]
    var differences: [Difference] = []

    /// Which recorded conversation it is.
    mutating func talk(
      for id: ConversationID,
      of model: String,
      _ told: [Message]
    ) -> Int? {
      if let known = talks[id] { return known }
      let taken = Set(talks.values)
      let free = turns.filter { $0.value.first?.model == model && !taken.contains($0.key) }
        .sorted { $0.key < $1.key }
      let same = free.first { _, turns in
        guard let first = turns.first, first.messages.count == told.count else { return false }
        return zip(first.messages, told).allSatisfy(Likeness.isSame)
      }
      let talk = (same ?? free.first)?.key
      talks[id] = talk
      return talk
    }
  }

  private struct Given: Hashable {
    var call: CallID
    var attempt: Int
  }

  /// Where today is not as it was, and how.
  struct Difference: Sendable {
    var place: String
    var recorded: String
    var today: String
  }

  let play: RecordedPlay
  private let veil: Veil
  private let clock: ScenarioClock
  private let deadlines: DeadlineQueue
  private let state: Mutex<State>

  init(
    _ play: RecordedPlay,
    of scenario: Scenario,
    clock: ScenarioClock,
    deadlines: DeadlineQueue
  ) {
    self.play = play
    veil = Veil(for: scenario, about: [])
    self.clock = clock
    self.deadlines = deadlines
    var state = State(turns: Dictionary(grouping: play.turns, by: \.talk))
    state.left = Dictionary(grouping: play.attempts.indices) { play.attempts[$0].function }
    self.state = Mutex(state)
  }

  private func differs(_ place: String, _ recorded: String, _ today: String) {
    let difference = Difference(place: place, recorded: recorded, today: today)
    state.withLock { $0.differences.append(difference) }
  }

  // MARK: - Models

  func laid(over model: any Model) -> any Model {
    let name = model.name
    return TapedModel(name: name) { [self] request, tell async throws(ModelFailure) in
      try await turn(for: request, of: name, tell)
    }
  }

  private func turn(
    for request: ModelRequest,
    of model: String,
    _ tell: TapedModel.Tell
  ) async throws(ModelFailure) -> ModelTurn {
    let told = request.messages.map(veil.over)
    let (talk, recorded) = state.withLock { state -> (Int?, RecordedTurn?) in
      guard let talk = state.talk(for: request.conversation, of: model, told) else {
        return (nil, nil)
      }
      guard let turns = state.turns[talk], !turns.isEmpty else { return (talk, nil) }
      return (talk, state.turns[talk]?.removeFirst())
    }
    guard let recorded else {
      let place = talk.map { "conversation \($0)" } ?? "a conversation with \(model)"
      differs(place, "no further turn of the model", "turn \(request.turn) is asked for")
      throw ModelFailure(
        .scriptEnded,
        "The recording has no turn \(request.turn) of \(place): record it anew, or see what was different before."
      )
    }
    compare(recorded, told, Recorder.offers(of: request))
    return try await recorded.given(to: request, clock: clock, deadlines: deadlines, tell)
  }

  private func compare(_ turn: RecordedTurn, _ told: [Message], _ offers: [String: String]) {
    let place = "conversation \(turn.talk), turn \(turn.turn)"
    let length = max(turn.messages.count, told.count)
    // What was different before is told once.
    let known = state.withLock { state in
      defer { state.compared[turn.talk] = length }
      return state.compared[turn.talk] ?? 0
    }
    for index in min(known, length)..<length {
      let then = turn.messages.indices.contains(index) ? turn.messages[index] : nil
      let now = told.indices.contains(index) ? told[index] : nil
      if let then, let now, Likeness.isSame(then, now) { continue }
      differs(
        "\(place), message \(index + 1) of what the model is told",
        Likeness.words(then),
        Likeness.words(now)
      )
    }
    for name in Set(turn.offers.keys).union(offers.keys).sorted() {
      let (then, now) = (turn.offers[name], offers[name])
      let key = "\(name) \(then ?? "") \(now ?? "")"
      guard then != now, state.withLock({ $0.offered.insert(key).inserted }) else { continue }
      differs(
        "\(place), what is offered: \(name)",
        then == nil ? "it is not offered" : "another description or other parameters",
        now == nil ? "it is not offered" : "those of today"
      )
    }
  }

  /// Until so much time has gone by, or for something that never ended until it is stopped, if it heeds that.
  static func rest(
    _ seconds: Double,
    isStopped: Bool,
    ignoresStop: Bool = false,
    _ clock: any EngineClock,
    _ deadlines: DeadlineQueue
  ) async throws {
    if ignoresStop {
      let end = OneShot<Void>()
      if !isStopped {
        deadlines.schedule(at: clock.monotonic + .seconds(seconds)) { end.resolve(()) }
      }
      return await end.value
    }
    guard !isStopped else {
      let stopped = OneShot<Void>()
      await withTaskCancellationHandler {
        await stopped.value
      } onCancel: {
        stopped.resolve(())
      }
      throw CancellationError()
    }
    if seconds > 0 { try await clock.sleep(for: .seconds(seconds), on: deadlines) }
  }

  // MARK: - Functions

  func laid(over provider: any FunctionProvider) -> any FunctionProvider {
    let schemas = provider.functions.reduce(into: [String: JSONValue]()) {
      $0[$1.name.description] = $1.resultSchema
    }
    return TapedProvider(base: provider) { [self] invocation async throws(CallFailure) in
      try await answer(invocation, schemas[invocation.function.description])
    } wrote: { [self] call, attempt in
      state.withLock { $0.given[Given(call: call, attempt: attempt)] }
        .flatMap { play.attempts[$0].errorOutput }
    }
  }

  private func answer(
    _ invocation: Invocation,
    _ schema: JSONValue?
  ) async throws(CallFailure) -> JSONValue {
    let function = invocation.function.description
    veil.note(invocation.arguments)
    let arguments = veil.over(invocation.arguments)
    let found = state.withLock { state -> Int? in
      let left = state.left[function] ?? []
      let index =
        left.firstIndex { Likeness.isSame(play.attempts[$0].arguments, arguments) }
        ?? left.indices.first
      guard let index else { return nil }
      let found = state.left[function]?.remove(at: index)
      state.given[Given(call: invocation.call, attempt: invocation.attempt)] = found
      return found
    }
    guard let found else {
      differs(
        "an attempt at \(function) with \(arguments.serialized())",
        "no further attempt at it",
        "it is made"
      )
      throw CallFailure(
        .functionThrew,
        "The recording has no further answer of \(function): record it anew, or see what was different before.",
        reach: .answered
      )
    }
    let recorded = play.attempts[found]
    if !Likeness.isSame(recorded.arguments, arguments) {
      differs(
        "attempt \(found + 1) of the recording, at \(function)",
        "with \(recorded.arguments.serialized())",
        "with \(arguments.serialized())"
      )
    }
    do {
      try await Self.rest(
        recorded.took,
        isStopped: recorded.answer == .stopped,
        ignoresStop: recorded.ignoredStop,
        clock,
        deadlines
      )
    } catch {
      throw CallFailure(.cancelled, "\(function) was stopped.", reach: .maybe)
    }
    switch recorded.answer {
    case .result(let value):
      let filled = schema.map { StandIn.filled(value, by: $0) } ?? value
      veil.note(filled)
      return filled
    case .failure(let failure): throw failure
    case .stopped: throw CallFailure(.cancelled, "\(function) was stopped.", reach: .maybe)
    }
  }

  // MARK: - What came of it

  /// How often the same thing is told at most.
  private static let mostTold = 20

  /// What was expected of the recording, and what came: one that held where nothing is different.
  func checks(_ events: [EngineEvent]) -> [ScenarioRunner.Check] {
    let (noted, turns, left) = state.withLock { state in
      (state.differences, state.turns, state.left)
    }
    var all =
      noted + EventComparison(play.events, events.map { veil.over($0.json) }).differences
    for (talk, turns) in turns.sorted(by: { $0.key < $1.key }) where !turns.isEmpty {
      all.append(
        Difference(
          place: "conversation \(talk)",
          recorded: "\(turns.count) more, from turn \(turns[0].turn) of \(turns[0].model) on",
          today: "they were not asked for"
        )
      )
    }
    for (function, left) in left.sorted(by: { $0.key < $1.key }) where !left.isEmpty {
      all.append(
        Difference(
          place: function,
          recorded:
            "\(left.count) more attempts at it, the first with \(play.attempts[left[0]].arguments.serialized())",
          today: "they were not made"
        )
      )
    }
    guard !all.isEmpty else {
      return [.init(expected: "the \(play.events.count) events of the recording", came: nil)]
    }
    var checks = all.prefix(Self.mostTold).map { difference in
      ScenarioRunner.Check(
        expected: "as recorded, \(difference.place): \(difference.recorded)",
        came: difference.today
      )
    }
    if all.count > Self.mostTold {
      checks.append(
        .init(
          expected: "as recorded, everywhere else",
          came: "\(all.count - Self.mostTold) more differences"
        )
      )
    }
    return checks
  }
}
