import Foundation

@testable import Callboard
@testable import CallboardCommand

/// The table "at any time" of `calls.md`, what follows it about `stopping`, and the twin guard.
enum SwitchRows {
  static let all: [TableRow] =
    cancel + off + changed + removed + restart + orderlyStop + storeFails + twins

  // MARK: cancel

  private static let cancel: [TableRow] = [
    TableRow(.received, "cancel", to: .cancelled),
    TableRow(.awaitingApproval, "cancel", to: .cancelled),
    TableRow(.approved, "cancel", to: .cancelled),
    TableRow(.queued, "cancel", to: .cancelled) { !$0.isJoined },
    TableRow(.queued, "cancel", to: .cancelled, "leaves a joined flight") { $0.isJoined },
    TableRow(.backingOff, "cancel", to: .cancelled),
    TableRow(.unknown, "cancel", refused: "is unknown now"),
  ]

  // MARK: function off, engine held

  static func isOff(_ event: EngineEvent) -> Bool { event.type == .function(.off) }
  static func isOn(_ off: EngineEvent, _ event: EngineEvent) -> Bool {
    event.type == .function(.on) && event.function == off.function
  }
  static func isHeld(_ event: EngineEvent) -> Bool { event.type == .engine(.held) }
  static func isReleased(_ held: EngineEvent, _ event: EngineEvent) -> Bool {
    event.type == .engine(.released)
  }

  /// Calls that a switch found, in either of its two forms.
  private static func stopped(
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Stay) -> Bool
  ) -> TableRow {
    TableRow("off or held, \(words)") { playback in
      let stays =
        playback.stays(from: isOff, to: isOn) + playback.stays(from: isHeld, to: isReleased)
      return stays.contains { !$0.runs(in: $0.meanwhile) && matches($0) }
    }
  }

  private static func isRefusal(_ event: EngineEvent, _ words: String) -> Bool {
    event.type == .engine(.decisionRefused) && event.cause?.contains(words) == true
  }

  private static func isStopped(_ event: EngineEvent) -> Bool {
    isRefusal(event, "is off: ") || isRefusal(event, "is held: ")
  }

  private static let off: [TableRow] = [
    stopped("awaiting_approval: stays, approve refused") { stay in
      stay.first == .awaitingApproval && stay.last == .awaitingApproval
        && stay.meanwhile.contains(where: isStopped)
    },
    stopped("approved: stays until its grace is over, and starts after that") { stay in
      stay.first == .approved && stay.runs(in: stay.later)
        && stay.meanwhile.allSatisfy { $0.type == .call(.queued) && $0.by == nil }
    },
    stopped("running: goes on") { $0.first == .running && $0.last == .succeeded },
    stopped("running: is not tried again before it is on") { stay in
      stay.first == .running && [.backingOff, .queued].contains(stay.last)
        && stay.runs(in: stay.later)
    },
    stopped("backing_off: held at its slot") { stay in
      stay.first == .backingOff && stay.last == .queued && stay.runs(in: stay.later)
    },
    stopped("unknown: stays, run again refused") { stay in
      stay.first == .unknown && stay.last == .unknown
        && stay.meanwhile.contains(where: isStopped)
    },
  ]

  // MARK: definition changed

  private static func changed(
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Stay) -> Bool
  ) -> TableRow {
    TableRow("definition changed, \(words)") { playback in
      playback.stays(from: { $0.type == .function(.changed) }).contains(where: matches)
    }
  }

  private static let changed: [TableRow] = [
    TableRow("definition changed, received: rejected until it is accepted") { playback in
      playback.events.enumerated().contains { index, event in
        guard event.failure?.kind == .definitionNotAccepted, let function = event.call?.function,
          let accepted = playback.events[index...].firstIndex(where: {
            $0.type == .function(.accepted) && $0.function == function
          })
        else { return false }
        return playback.events[accepted...].contains {
          $0.type == .call(.running) && $0.call?.function == function && $0.by == nil
        }
      }
    },
    TableRow(
      .awaitingApproval,
      "definitionDrifted",
      to: .awaitingApproval,
      durably: true,
      "approvals void"
    ) {
      $0.before.approval?.approvals.isEmpty == false && $0.approvals == 0
    },
    TableRow(
      .awaitingApproval,
      "definitionAccepted",
      to: .awaitingApproval,
      durably: true,
      "admitted anew"
    ) {
      $0.before.definitionHash != $0.after?.definitionHash
    },
    TableRow(.awaitingApproval, "argumentsNoLongerFit", to: .failed),
    changed("awaiting_approval: approve refused until it is accepted") { stay in
      stay.first == .awaitingApproval
        && stay.meanwhile.contains { isRefusal($0, "nobody has accepted it") }
    },
    TableRow(.approved, "definitionDrifted", to: .awaitingApproval, durably: true),
    changed("queued: at its slot") { stay in
      stay.first == .queued && stay.moves.first?.name == "definitionChangedAtSlot"
    },
    changed("running: goes on") { $0.first == .running && $0.moves.first?.to == .succeeded },
    changed("running: is not tried again") { stay in
      guard stay.first == .running, let move = stay.moves.first, let failure = move.attemptFailure
      else { return false }
      return move.to == .failed && failure.isRetryable && move.effect != .write
    },
    changed("backing_off: at its slot") { stay in
      stay.first == .backingOff && stay.moves.map(\.name) == ["wake", "definitionChangedAtSlot"]
    },
    changed("unknown: stays") { stay in
      stay.first == .unknown && stay.moves.allSatisfy { $0.name == "settle" } && !stay.moves.isEmpty
    },
  ]

  // MARK: function removed

  private static func removed(
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Stay) -> Bool
  ) -> TableRow {
    TableRow("function removed, \(words)") { playback in
      playback.stays(from: { $0.type == .function(.removed) }).contains(where: matches)
    }
  }

  private static func ends(_ from: CallState.Word, _ to: CallState.Word) -> TableRow {
    TableRow(from, "functionRemoved", to: to) { $0.failure?.kind == .functionRemoved }
  }

  private static let removed: [TableRow] = [
    ends(.received, .rejected),
    ends(.awaitingApproval, .failed),
    ends(.approved, .failed),
    ends(.queued, .failed),
    ends(.backingOff, .failed),
    removed("running: goes on") {
      $0.first == .running && $0.moves.last?.name == "attemptSucceeded" && $0.last == .succeeded
    },
    removed("running: is not tried again") { stay in
      guard stay.first == .running,
        let move = stay.moves.first(where: { $0.name == "attemptFailed" })
      else { return false }
      return move.to == .failed && move.attemptFailure?.isRetryable == true
        && move.effect != .write
    },
    removed("unknown: settle only") { stay in
      stay.first == .unknown && stay.last == .succeeded
        && stay.moves.contains { $0.name == "settle" && $0.to == .succeeded }
        && stay.meanwhile.contains { $0.type == .engine(.decisionRefused) }
    },
  ]

  // MARK: restart

  /// One that an engine makes of what it finds on its store; not the end of an orderly stop, which is told as one.
  private static func restarted(
    _ from: CallState.Word,
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Move) -> Bool
  ) -> TableRow {
    TableRow("restart, \(from.rawValue): \(words)") { playback in
      playback.moves.contains { move in
        move.from == from && move.name == "restart" && !playback.isStopping(at: move)
          && matches(move)
      }
    }
  }

  private static func isOwned(_ move: Playback.Move) -> Bool {
    if case .restart(true) = move.event { true } else { false }
  }

  private static let restart: [TableRow] = [
    restarted(.received, "its owner lives: admitted anew") {
      isOwned($0) && $0.transition?.effect == .admit
    },
    restarted(.received, "else cancelled") {
      !isOwned($0) && $0.failure?.kind == .engineStopped && $0.to == .cancelled
    },
    restarted(.awaitingApproval, "expired if past its time") { $0.to == .expired },
    restarted(.awaitingApproval, "else it waits on") {
      guard case .ask(let expires)? = $0.transition?.effect else { return false }
      return expires == $0.before.approval?.expiresAt && $0.to == .awaitingApproval
    },
    restarted(.approved, "its grace is not over") {
      if case .waitGrace? = $0.transition?.effect { true } else { false }
    },
    restarted(.approved, "its grace is over") { $0.to == .queued },
    restarted(.queued, "its approval lives: queued again") {
      isOwned($0) && $0.to == .queued && $0.before.approval != nil
    },
    restarted(.queued, "its conversation lives: queued again") {
      isOwned($0) && $0.to == .queued && $0.before.conversation != nil
    },
    restarted(.queued, "its workflow lives: queued again") {
      isOwned($0) && $0.to == .queued && $0.before.step != nil
    },
    TableRow("restart, queued: again in order") { playback in
      playback.events.indices.contains { index in
        guard playback.events[index].type == .engine(.recovered) else { return false }
        let queued = playback.events[..<index].filter { $0.cause == "engine restarted" }
        let order = queued.compactMap(\.call?.id)
        let started = playback.events[index...]
          .filter { $0.type == .call(.running) && order.contains($0.call?.id ?? .none) }
          .compactMap(\.call?.id)
        return order.count > 1 && order == started && order == order.sorted()
      }
    },
    restarted(.queued, "nobody waits for it: cancelled") {
      !isOwned($0) && $0.to == .cancelled && $0.failure?.kind == .engineStopped
    },
    restarted(.running, "read: backing off, now, same key") {
      $0.effect == .read && $0.to == .backingOff && !$0.hasChild
    },
    restarted(.running, "idempotent: backing off, now, same key") {
      $0.effect == .idempotent && $0.to == .backingOff
    },
    restarted(.running, "write: unknown") {
      $0.effect == .write && $0.to == .unknown && $0.transition?.isDurable == true
    },
    restarted(.running, "with a fallback: waits on it") {
      $0.hasChild && $0.after?.state == $0.before.state
    },
    restarted(.backingOff, "as stored") {
      if case .sleep(let until)? = $0.transition?.effect,
        case .backingOff(_, let stored, _) = $0.before.state
      {
        return until == stored && $0.after?.state == $0.before.state
      }
      return false
    },
    restarted(.unknown, "stays") { $0.to == .unknown },
    restarted(.stopping, "read: cancelled") {
      $0.effect == .read && $0.to == .cancelled && !$0.hasChild
    },
    restarted(.stopping, "write: unknown") {
      $0.effect == .write && $0.to == .unknown && $0.transition?.isDurable == true
    },
    restarted(.stopping, "with a fallback: that is cancelled") {
      if case .cancelChild? = $0.transition?.effect { true } else { false }
    },
  ]

  // MARK: orderly stop

  private static func stays(_ word: CallState.Word) -> TableRow {
    TableRow("orderly stop, \(word.rawValue): stays") { playback in
      playback.stays(from: { $0.type == .engine(.stopping) }, to: { $1.type == .engine(.stopped) })
        .contains { $0.first == word && $0.last == word && $0.meanwhile.isEmpty }
        && playback.restarts
    }
  }

  private static let orderlyStop: [TableRow] = [
    TableRow(.received, "refused", to: .rejected, "orderly stop") { $0.failure?.kind == .stopping },
    stays(.awaitingApproval),
    stays(.approved),
    stays(.queued),
    stays(.backingOff),
    stays(.unknown),
    TableRow("orderly stop, running: finishes within 10 s") { playback in
      playback.moves.contains {
        $0.name == "attemptSucceeded" && $0.to == .succeeded && playback.isStopping(at: $0)
      }
    },
    TableRow("orderly stop, running: stopped then; read backs off") { playback in
      playback.moves.contains {
        $0.name == "restart" && $0.effect == .read && $0.to == .backingOff
          && playback.isStopping(at: $0)
      }
    },
    TableRow("orderly stop, running: stopped then; idempotent backs off") { playback in
      playback.moves.contains {
        $0.name == "restart" && $0.effect == .idempotent && $0.to == .backingOff
          && playback.isStopping(at: $0)
      }
    },
    TableRow("orderly stop, running: stopped then; write is unknown") { playback in
      playback.moves.contains {
        $0.from == .running && $0.effect == .write && $0.to == .unknown
          && playback.isStopping(at: $0)
      }
    },
  ]

  // MARK: store fails

  /// A move that could not be stored while the store failed, and what follows for its call once it works.
  private static func unstored(
    _ from: CallState.Word,
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Move, _ later: [Playback.Move]) -> Bool
  ) -> TableRow {
    TableRow("store fails, \(from.rawValue): \(words)") { playback in
      playback.moves.enumerated().contains { index, move in
        guard move.from == from, !move.isStored, playback.storeFails(at: move) else { return false }
        return matches(move, playback.moves[(index + 1)...].filter { $0.id == move.id })
      }
    }
  }

  private static let storeFails: [TableRow] = [
    unstored(.received, "write rejected, and it never was") { move, later in
      move.effect == .write && later.isEmpty
    },
    TableRow("store fails, awaiting_approval: the decision is refused, and says so") { playback in
      isRefusedUnstored("approve", in: playback)
    },
    unstored(.approved, "stays, and goes on when it works") { move, later in
      move.name == "graceOver" && later.first?.name == "graceOver" && later.first?.isStored == true
    },
    unstored(.queued, "write stays, and starts when it works") { move, later in
      move.name == "start" && move.effect == .write
        && later.contains { $0.name == "start" && $0.isStored }
    },
    TableRow("store fails, running: the outcome is kept, and unanswered until it is stored") {
      playback in
      playback.moves.contains { move in
        guard move.name == "attemptSucceeded", move.effect == .write, !move.isStored,
          playback.storeFails(at: move),
          let recovered = playback.events.firstIndex(where: {
            $0.type == .engine(.storeRecovered)
          })
        else { return false }
        return playback.events[recovered...].contains {
          $0.type == .call(.succeeded) && $0.call?.id == move.id
        }
      }
    },
    unstored(.backingOff, "stays, and goes on when it works") { move, later in
      move.name == "wake" && later.first?.name == "wake" && later.first?.isStored == true
    },
    TableRow("store fails, unknown: settling is refused, and says so") { playback in
      isRefusedUnstored("settle", in: playback)
    },
  ]

  private static func isRefusedUnstored(_ event: String, in playback: Playback) -> Bool {
    playback.moves.contains { move in
      guard move.name == event, move.error == nil, !move.isStored, playback.storeFails(at: move)
      else { return false }
      return playback.contains(.engine(.decisionRefused)) {
        $0.call?.id == move.id && $0.cause?.contains("disk is full") == true
      }
    }
  }

  // MARK: twins

  private static func twin(
    _ words: String,
    _ matches: @escaping @Sendable (Playback, Playback.Move, CallState.Word) -> Bool
  ) -> TableRow {
    TableRow("twin guard, \(words)") { playback in
      playback.moves.contains { move in
        guard let other = move.after?.approval?.requirement.twin, move.isStored,
          let first = playback.moves.last(where: { $0.id == other && $0.position <= move.position })
        else { return false }
        return matches(playback, move, first.after?.state.word ?? first.from)
      }
    }
  }

  private static let twins: [TableRow] = [
    twin("one that lives") { _, move, word in move.name == "approvalNeeded" && !word.isEnded },
    twin("one that succeeded within a day") { _, move, word in
      move.name == "approvalNeeded" && word == .succeeded
    },
    twin("asked before the rules, which would let it pass") { playback, move, _ in
      guard case .approvalNeeded(_, let arguments, _, _) = move.event else { return false }
      return playback.requirement(of: move.before, with: arguments) == nil
    },
    twin("asked at an edit") { _, move, _ in
      move.name == "edit" && move.before.approval?.requirement.twin == nil
    },
    twin("no grant covers it") { playback, move, _ in
      move.name == "approvalNeeded"
        && playback.isServed(move.before.function, before: move)
        && !playback.isServed(move.id)
    },
    TableRow("no grant covers a run again") { playback in
      playback.moves.contains { move in
        guard case .again? = move.before.link, move.name == "approvalNeeded" else { return false }
        return playback.isServed(move.before.function, before: move)
          && !playback.isServed(move.id)
      }
    },
    TableRow("an equal write a day later is no twin") { playback in
      playback.moves.contains { move in
        guard move.name == "admitted", move.effect == .write,
          let arguments = move.before.proposed?.original
        else { return false }
        return playback.moves.contains {
          $0.id != move.id && $0.to == .succeeded && $0.before.function == move.before.function
            && $0.before.proposed?.original == arguments
            && move.before.receivedAt.timeIntervalSince($0.after?.endedAt ?? move.before.receivedAt)
              >= 86400
        }
      }
    },
  ]
}

extension Playback {
  /// Whether the engine is on its way to an orderly stop then.
  func isStopping(at move: Move) -> Bool {
    for event in events[..<min(move.position, events.count)].reversed() {
      switch event.type {
      case .engine(.stopping): return true
      case .engine(.started), .engine(.stopped): return false
      default: continue
      }
    }
    return false
  }

  /// Whether a new engine was made on its store.
  var restarts: Bool { events.count { $0.type == .engine(.started) } > 1 }

  /// Whether the store failed then: the next thing that could be stored says that it works again.
  func storeFails(at move: Move) -> Bool {
    events.indices.contains(move.position)
      && events[move.position].type == .engine(.storeRecovered)
  }

  /// Whether a grant that stands then has served a call of this function.
  func isServed(_ function: String, before move: Move) -> Bool {
    events[..<move.position].contains { served in
      guard let grant = served.grant, served.by != nil, served.call?.function == function else {
        return false
      }
      return !events[..<move.position].contains {
        $0.type == .engine(.grantRevoked) && $0.grant == grant
      }
    }
  }

  /// Whether a grant has approved a call.
  func isServed(_ id: CallID) -> Bool {
    events.contains { $0.call?.id == id && $0.grant != nil && $0.by != nil }
  }
}

extension CallID {
  fileprivate static let none = CallID(UUIDv7(high: 0, low: 0))
}
