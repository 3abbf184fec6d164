import Foundation
import JSONSchema
import Synchronization

@testable import Callboard
@testable import CallboardCommand

/// A scenario that was played, with every move of every call in it and every event, in their order.
struct Playback: Sendable {
  var scenario: Scenario
  var result: ScenarioResult
  var events: [EngineEvent]
  var moves: [Move]
  /// What models were told of calls that gave no result.
  var heard: Set<CallFailure.Kind>
  /// Approvals that were given ahead.
  var grants: [GrantBook.Entry]

  /// What the table was asked, and what it said.
  struct Move: Sendable {
    /// How many events there were before it.
    var position: Int
    var before: Call
    var event: CallEvent
    /// The event's, as in `CallEvent`.
    var name: String
    var traits: FunctionTraits
    /// nil: it was refused.
    var after: Call?
    var transition: Transition?
    var error: (any Error)?
    /// Whether what it did was stored then; true where there was nothing to store.
    var isStored = true

    var id: CallID { before.id }
    var from: CallState.Word { before.state.word }
    var to: CallState.Word? { after?.state.word }
    var failure: CallFailure? { after?.outcome?.failure }
    var effect: FunctionEffect { traits.effect }
  }

  static func play(_ scenario: Scenario) async throws -> Playback {
    let witness = Witness()
    var watched = scenario
    watched.configuration.engine.watch = witness.watch
    let runner = try ScenarioRunner(watched, events: nil)
    witness.log.withLock { $0 = runner.log }
    let result = await runner.run()
    let events = runner.log.events
    var moves = witness.moves.withLock { $0 }
    for index in moves.indices { moves[index].isStored = isStored(moves[index], events) }
    return Playback(
      scenario: scenario,
      result: result,
      events: events,
      moves: moves,
      heard: heard(by: runner),
      grants: runner.engine.grants.all
    )
  }

  /// The steps of what was stored are the next events; one thread plays a scenario, so nothing comes between.
  private static func isStored(_ move: Move, _ events: [EngineEvent]) -> Bool {
    guard let after = move.after, after.history.count > move.before.history.count else {
      return true
    }
    guard events.indices.contains(move.position) else { return false }
    return events[move.position].call?.id == move.id
  }

  private static func heard(by runner: ScenarioRunner) -> Set<CallFailure.Kind> {
    let conversations = runner.state.withLock { Array($0.conversations.values) }
    var kinds: Set<CallFailure.Kind> = []
    for id in conversations {
      guard case .conversation(let detail?) = runner.engine.snapshot(of: .conversation(id)).body
      else { continue }
      for entry in detail.transcript where entry.message.role == .tool {
        let answer = try? JSONValue(parsing: entry.message.text ?? "")
        let kind = answer?["error"]?["kind"]?.stringValue
        if let kind = kind.flatMap(CallFailure.Kind.init(rawValue:)) { kinds.insert(kind) }
      }
    }
    return kinds
  }

  /// Notes each move; its watch is the engine's, on the scenario's one thread.
  private final class Witness: Sendable {
    let moves = Mutex<[Move]>([])
    let log = Mutex<ScenarioLog?>(nil)

    var watch: MoveWatch {
      { [self] call, event, traits, table in
        let before = call
        let position = log.withLock { $0 }?.count ?? 0
        func note(_ after: Call?, _ transition: Transition?, _ error: (any Error)?) {
          let move = Move(
            position: position,
            before: before,
            event: event,
            name: Mirror(reflecting: event).children.first?.label ?? "\(event)",
            traits: traits,
            after: after,
            transition: transition,
            error: error
          )
          moves.withLock { $0.append(move) }
        }
        do {
          let transition = try table(&call, event, traits)
          note(call, transition, nil)
          return transition
        } catch {
          note(nil, nil, error)
          throw error
        }
      }
    }
  }

  // MARK: - Asking

  /// A call between two moments: its states then, and what has happened to it meanwhile.
  struct Stay: Sendable {
    var function: String
    var first: CallState.Word
    var last: CallState.Word
    var meanwhile: [EngineEvent]
    /// What has become of it after that.
    var later: [EngineEvent]
    var moves: [Move]

    func runs(in events: [EngineEvent]) -> Bool { events.contains { $0.type == .call(.running) } }
  }

  /// Every call that lived when such an event came, with what became of it until the one that ends it, or until the end.
  func stays(
    from begins: (EngineEvent) -> Bool,
    to ends: (EngineEvent, EngineEvent) -> Bool = { _, _ in false }
  ) -> [Stay] {
    events.indices.filter { begins(events[$0]) }.flatMap { start -> [Stay] in
      let end =
        events[start...].dropFirst().firstIndex { ends(events[start], $0) } ?? events.endIndex
      let about = events[start].function
      var states: [CallID: CallState.Word] = [:]
      var functions: [CallID: String] = [:]
      for event in events[..<start] {
        guard let call = event.call, case .call(let word) = event.type else { continue }
        states[call.id] = word
        functions[call.id] = call.function
      }
      return states.compactMap { id, word -> Stay? in
        let function = functions[id] ?? ""
        guard !word.isEnded, about == nil || about == function else { return nil }
        func own(_ range: Range<Int>) -> [EngineEvent] {
          events[range].filter { $0.call?.id == id }
        }
        let meanwhile = own(start..<end)
        let last = meanwhile.compactMap { event -> CallState.Word? in
          if case .call(let word) = event.type { word } else { nil }
        }.last
        return Stay(
          function: function,
          first: word,
          last: last ?? word,
          meanwhile: meanwhile,
          later: own(end..<events.endIndex),
          moves: moves.filter { $0.id == id && (start + 1...end).contains($0.position) }
        )
      }
    }
  }

  func contains(_ type: EngineEvent.Kind, _ matches: (EngineEvent) -> Bool = { _ in true }) -> Bool
  {
    events.contains { $0.type == type && matches($0) }
  }

  func refused(_ words: String) -> Bool {
    contains(.engine(.decisionRefused)) { $0.cause?.contains(words) == true && $0.by != nil }
  }
}
