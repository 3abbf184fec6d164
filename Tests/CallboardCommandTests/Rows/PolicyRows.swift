import Foundation
import JSONSchema

@testable import Callboard
@testable import CallboardCommand

/// Every policy, and what shows that it has decided something.
enum PolicyRows {
  static let all: [TableRow] =
    arguments + access + rules + deciding + ahead + line + attempts + answers + results + talks

  private static func hits(
    _ words: String,
    _ matches: @escaping @Sendable (Playback.Move) -> Bool
  ) -> TableRow {
    TableRow(words) { $0.moves.contains { $0.isStored && matches($0) } }
  }

  private static func rejects(
    _ words: String,
    _ kind: CallFailure.Kind,
    _ says: String
  ) -> TableRow {
    hits(words) {
      $0.to == .rejected && $0.failure?.kind == kind && $0.failure?.message.contains(says) == true
    }
  }

  // MARK: Arguments

  private static let arguments: [TableRow] = [
    rejects("arguments: JSON", .invalidArguments, "not valid JSON"),
    rejects("arguments: schema", .invalidArguments, "do not fit the schema"),
    rejects("arguments: comparisons between fields", .invalidArguments, "(max > min)"),
    rejects("arguments: length", .invalidArguments, "more than the"),
    rejects(
      "arguments: characters that nobody sees",
      .invalidArguments,
      "control or invisible characters"
    ),
    hits("arguments: defaults are filled in") {
      guard case .admitted(let arguments, _, _) = $0.event else { return false }
      return arguments != $0.before.proposed?.original
    },
    rejects("arguments: a name that nearly is one", .unknownFunction, "did you mean"),
  ]

  // MARK: Access

  private static let access: [TableRow] = [
    rejects("access: by rule", .notAllowed, "may not call"),
    rejects("access: by role", .notAllowed, "caller"),
  ]

  // MARK: Approval rules

  private static func asked(
    _ words: String,
    _ matches: @escaping @Sendable (ApprovalRequirement, Playback.Move) -> Bool
  ) -> TableRow {
    hits(words) {
      guard case .approvalNeeded(let requirement, _, _, _) = $0.event else { return false }
      return matches(requirement, $0)
    }
  }

  private static let rules: [TableRow] = [
    asked("rules: by function") { requirement, _ in requirement.rule.contains(".") },
    TableRow("rules: by arguments, one way and the other") { playback in
      let rules = playback.scenario.configuration.engine.rules.rules
      guard rules.contains(where: { $0.when != nil }) else { return false }
      func functions(_ name: String) -> Set<String> {
        Set(playback.moves.filter { $0.name == name }.map(\.before.function))
      }
      return !functions("admitted").isDisjoint(with: functions("approvalNeeded"))
    },
    hits("rules: by caller") {
      guard case .admitted(_, _, let rule?) = $0.event else { return false }
      return rule.contains("from ")
    },
    asked("rules: no match asks") { requirement, _ in requirement.rule == "no rule matches" },
    hits("rules: unattended, nobody can be asked") {
      $0.to == .denied && $0.failure?.kind == .nobodyToAsk
    },
    hits("rules: a quorum") {
      $0.name == "approve" && $0.needed > 1 && $0.approvals == $0.needed
        && Set($0.after?.approval?.approvals.map(\.by.name) ?? []).count == $0.needed
    },
    TableRow("rules: the requester is excluded") { $0.refused("you asked for it yourself") },
    TableRow("rules: whoever wrote in the conversation is excluded from a quorum") { playback in
      playback.moves.contains { move in
        guard case .approve(_, let person, _, let requesters, _) = move.event, move.error != nil
        else { return false }
        return person.name != move.before.caller.name
          && requesters.contains { $0.name == person.name }
      }
    },
    hits("rules: an edit voids") {
      $0.name == "edit" && $0.before.approval?.approvals.isEmpty == false
    },
    hits("rules: extending, and its bound") {
      $0.name == "extend" && $0.after?.approval?.expiresAt == $0.after?.approval?.latestExpiry
    },
    hits("rules: expiry") { $0.name == "expire" },
    hits("rules: grace and undo") { $0.name == "undo" },
    hits("rules: start-by") { $0.name == "start" && $0.to == .expired },
    asked("rules: twins") { requirement, _ in requirement.twin != nil },
  ]

  // MARK: Deciding

  private static let deciding: [TableRow] = [
    TableRow("deciders: by name") { $0.refused("may approve") || $0.refused("of deciders") },
    TableRow("deciders: by role") { $0.refused("takes the role operator") },
    TableRow("deciders: a shared account completes no quorum") { $0.refused("shared account") },
  ]

  // MARK: Grants

  private static let ahead: [TableRow] = [
    hits("grants: approve ahead") { $0.name == "approveByGrant" && $0.to == .queued },
    hits("grants: count as one approval of several") {
      $0.name == "approveByGrant" && $0.to == .awaitingApproval
    },
    TableRow("grants: what waits already") { playback in
      playback.moves.contains { move in
        guard case .approveByGrant(let id, _, _, _, _, _) = move.event, move.error == nil else {
          return false
        }
        let given = playback.events.first { $0.type == .engine(.granted) && $0.grant == id }
        let asked = playback.events.first {
          $0.type == .call(.awaitingApproval) && $0.call?.id == move.id
        }
        return (asked?.seq ?? .max) < (given?.seq ?? 0)
      }
    },
    TableRow("grants: their condition") { leavesOut($0) { $0.grant.when != nil } },
    TableRow("grants: their limit") { leavesOut($0) { $0.grant.limit == 1 } },
    TableRow("grants: their end") { playback in
      leavesOut(playback) { ($0.grant.until).timeIntervalSince($0.grant.given) < 600 }
    },
    hits("grants: revoked") { $0.name == "grantsEnded" && $0.to == .awaitingApproval },
    TableRow("grants: void by another definition") { $0.contains(.engine(.grantVoid)) },
  ]

  /// Whether a call of a granted function came while or after such a grant stood, and was not served.
  private static func leavesOut(
    _ playback: Playback,
    _ matches: (GrantBook.Entry) -> Bool
  ) -> Bool {
    let grants = playback.grants.filter(matches)
    return playback.moves.contains { move in
      guard move.name == "approvalNeeded", move.before.link == nil,
        move.after?.approval?.requirement.twin == nil,
        !playback.isServed(move.id)
      else { return false }
      return grants.contains {
        $0.grant.function.matches(move.before.function) && $0.grant.given <= move.before.receivedAt
      }
    }
  }

  // MARK: Lines and bounds

  private static let line: [TableRow] = [
    rejects("line: the queue's bound", .queueFull, "Too many calls are waiting already"),
    rejects("line: the bound of what waits for people", .queueFull, "waiting for a person"),
    TableRow("line: slots of a function") { playback in
      playback.moves.contains { move in
        guard move.name == "start", let slots = playback.slots(of: move) else { return false }
        return playback.running(move.before.function, at: move) == slots - 1
          && playback.moves.contains {
            $0.name == "admitted" && $0.before.function == move.before.function
              && $0.position < move.position && $0.id == move.id
              && playback.running(move.before.function, at: $0) == slots
          }
      }
    },
    TableRow("line: slots of the engine") { playback in
      let slots = playback.scenario.configuration.engine.slots
      return slots < 10
        && playback.moves.contains { move in
          move.name == "admitted" && playback.running(nil, at: move) == slots
        }
    },
    hits("line: the longest wait") { $0.name == "queueTimeout" },
  ]

  // MARK: Attempts

  private static let attempts: [TableRow] = [
    hits("time-out") { $0.name == "attemptFailed" && $0.attemptFailure?.kind == .timeout },
    hits("retry: by reach and effect") { $0.name == "attemptFailed" && $0.to == .backingOff },
    hits("retry: attempts are counted") {
      $0.name == "attemptFailed" && $0.to == .failed && $0.isLastAttempt
        && $0.traits.retry.maxAttempts > 1
    },
    hits("retry: Retry-After is the least wait") {
      guard let pause = $0.attemptFailure?.retryAfter,
        case .sleep(let until)? = $0.transition?.effect, let at = $0.after?.history.last?.at
      else { return false }
      return until.timeIntervalSince(at) >= pause - 0.001
    },
    TableRow("breaker: opens") { $0.contains(.breaker(.open)) { $0.by == nil } },
    TableRow("breaker: lets a probe through, and closes") {
      $0.contains(.breaker(.halfOpen)) && $0.contains(.breaker(.closed)) { $0.by == nil }
    },
    TableRow("breaker: opens again where the probe fails") { playback in
      let states = playback.events.compactMap { event -> CircuitBreaker.State? in
        if case .breaker(let state) = event.type { state } else { nil }
      }
      return zip(states, states.dropFirst()).contains { $0 == .halfOpen && $1 == .open }
    },
    TableRow("breaker: by hand") { $0.contains(.breaker(.open)) { $0.by != nil } },
    hits("fallback: a value") {
      if case .value? = $0.traits.fallback { $0.source == .degraded } else { false }
    },
    hits("fallback: the stale answer") {
      if case .staleCache? = $0.traits.fallback { $0.source == .degraded } else { false }
    },
    hits("fallback: a function") { $0.name == "childEnded" && $0.to == .succeeded },
  ]

  // MARK: Answers without an attempt

  private static let answers: [TableRow] = [
    hits("cache: a hit") { $0.name == "cacheHit" && $0.to == .succeeded },
    TableRow("cache: its time is over") { playback in
      asksAgain(playback) { first, second, cache in
        first.caller.name == second.caller.name
          && second.receivedAt.timeIntervalSince(first.receivedAt) > cache.ttl / .seconds(1)
      }
    },
    TableRow("cache: of one caller only") { playback in
      asksAgain(playback) { first, second, cache in
        cache.scope == .caller && first.caller.name != second.caller.name
      }
    },
    TableRow("cache: shared by callers") { playback in
      playback.moves.contains { hit in
        hit.name == "cacheHit"
          && !playback.moves.contains {
            $0.name == "start" && $0.before.function == hit.before.function
              && $0.before.caller.name == hit.before.caller.name
          }
      }
    },
    TableRow("cache: cleared by hand") { $0.contains(.function(.cacheCleared)) },
    hits("flights: shared") { $0.source == .shared },
  ]

  /// Whether an equal question ran again although one had been answered.
  private static func asksAgain(
    _ playback: Playback,
    _ matches: (Call, Call, CachePolicy) -> Bool
  ) -> Bool {
    let starts = playback.moves.filter { $0.name == "start" && $0.to == .running }.map(\.before)
    return starts.enumerated().contains { index, second in
      guard let cache = playback.definition(of: second.function)?.cache else { return false }
      return starts[..<index].contains {
        $0.function == second.function
          && $0.effectiveArguments == second.effectiveArguments && matches($0, second, cache)
      }
    }
  }

  // MARK: Results

  private static let results: [TableRow] = [
    hits("results: their schema") { $0.attemptFailure?.kind == .invalidResult },
    hits("results: their length") { $0.attemptFailure?.kind == .resultTooBig },
    hits("results: withheld of what was done") {
      $0.name == "resultRefused" && $0.to == .succeeded
    },
    TableRow("secrets: hidden in events") { playback in
      playback.moves.contains { move in
        guard let shown = move.after?.decided?.shown, let original = move.after?.decided?.original
        else { return false }
        return shown != original
          && playback.contains(.call(.running)) { $0.call?.id == move.id && $0.value == shown }
      }
    },
    TableRow("definitions: a change is held until it is accepted") {
      $0.contains(.function(.changed)) && $0.contains(.function(.accepted)) { $0.by != nil }
    },
    TableRow("definitions: a change is declined") { $0.contains(.function(.declined)) },
  ]

  // MARK: Conversations

  private static func stopped(_ words: String) -> TableRow {
    TableRow("conversations: \(words)") {
      $0.contains(.conversation(.failed)) { $0.cause?.contains(words) == true }
    }
  }

  private static let talks: [TableRow] = [
    stopped("turns"), stopped("calls"), stopped("tokens"), stopped("it has used its 1 min"),
  ]
}

extension Playback {
  /// Attempts at a function, or at all of them, that were under way then.
  func running(_ function: String?, at move: Move) -> Int {
    var states: [CallID: CallState.Word] = [:]
    for event in events[..<min(move.position, events.count)] {
      guard let call = event.call, case .call(let word) = event.type,
        function == nil || call.function == function
      else { continue }
      states[call.id] = word
    }
    return states.values.count { $0 == .running || $0 == .stopping }
  }
}
