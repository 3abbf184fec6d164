import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardCommand

/// A policy that is broken on purpose, and the scenario that has to say so.
struct Breakage: Sendable, CustomTestStringConvertible {
  var testDescription: String
  /// The row of a policy or of the table that it breaks: what does not hit that goes on as before.
  var row: String
  /// The scenario that fails, by its name.
  var scenario: String
  /// What it expects, and what came instead.
  var expected: String
  var came: String
  /// In the configuration, where the policy stands there.
  var alter: @Sendable (inout Scenario) -> Void = { _ in }
  /// In the engine, where it is code.
  var spoil: MoveWatch?

  init(
    _ words: String,
    row: String,
    fails scenario: String,
    expected: String,
    came: String,
    alter: @escaping @Sendable (inout Scenario) -> Void = { _ in },
    spoil: MoveWatch? = nil
  ) {
    testDescription = words
    self.row = row
    self.scenario = scenario
    self.expected = expected
    self.came = came
    self.alter = alter
    self.spoil = spoil
  }

  static let all: [Breakage] = inConfiguration + inCode

  private static func rules(
    _ change: @escaping @Sendable (inout ApprovalRules.Rule) -> Void
  ) -> @Sendable (inout Scenario) -> Void {
    { scenario in
      for index in scenario.configuration.engine.rules.rules.indices {
        change(&scenario.configuration.engine.rules.rules[index])
      }
    }
  }

  private static func functions(
    _ change: @escaping @Sendable (inout FunctionDefinition) -> Void
  ) -> @Sendable (inout Scenario) -> Void {
    { scenario in
      for index in scenario.mocks.indices { change(&scenario.mocks[index].definition) }
    }
  }

  // MARK: In the configuration

  private static let inConfiguration: [Breakage] = [
    Breakage(
      "one approval is enough for any quorum",
      row: "rules: a quorum",
      fails: "approvals-who",
      expected: "decide is refused: “you approved it already”",
      came: "it was refused: the call is queued now",
      alter: rules { $0.approvers = 1 }
    ),
    Breakage(
      "an approval starts at once, without its grace",
      row: "awaiting_approval, approve → approved: n of n, with grace",
      fails: "approvals-time",
      expected: "decide is refused: “nothing of yours”",
      came: "taking the approval back is no longer possible",
      alter: rules { $0.grace = 0 }
    ),
    Breakage(
      "max_wait is no bound",
      row: "rules: extending, and its bound",
      fails: "approvals-time",
      expected: "decide is refused: “all the time its rule gives”",
      came: "it was done",
      alter: rules { $0.maxWait = 1e6 }
    ),
    Breakage(
      "everybody may call everything",
      row: "access: by rule",
      fails: "refused at the door",
      expected: "call no_right: state rejected",
      came: "state was succeeded",
      alter: { $0.configuration.engine.access = AccessPolicy() }
    ),
    Breakage(
      "every operator may approve everything",
      row: "deciders: by name",
      fails: "who may decide",
      expected: "decide is refused: “you may not approve this call”",
      came: "it was done",
      alter: { $0.configuration.engine.deciding = DecidingPolicy() }
    ),
    Breakage(
      "a cached answer is given to whoever asks",
      row: "cache: of one caller only",
      fails: "caches and flights",
      expected: "call other_caller: source attempt",
      came: "source was hit",
      alter: functions { $0.cache?.scope = .shared }
    ),
    Breakage(
      "a cached answer stands for ever",
      row: "cache: its time is over",
      fails: "caches and flights",
      expected: "call too_old: source attempt",
      came: "source was hit",
      alter: functions { $0.cache?.ttl = .seconds(1_000_000) }
    ),
    Breakage(
      "the breaker never opens",
      row: "breaker: opens",
      fails: "breaker",
      expected: "until: breaker.open of crm.find",
      came: "it never came",
      alter: functions {
        $0.breaker.consecutiveFailures = 0
        $0.breaker.failureRate = 0
      }
    ),
    Breakage(
      "nothing is tried twice",
      row: "retry: by reach and effect",
      fails: "retry by reach and effect",
      expected: "api.read: state succeeded",
      came: "attempts were 1",
      alter: functions { $0.retry.maxAttempts = 1 }
    ),
    Breakage(
      "no attempt is too long",
      row: "time-out",
      fails: "failures and results",
      expected: "read.slow: state failed, failure timeout",
      came: "it took 277 h",
      alter: functions { $0.timeout = .seconds(1_000_000) }
    ),
    Breakage(
      "no value stands in for a failure",
      row: "fallback: a value",
      fails: "fallbacks",
      expected: "call value: state succeeded, source degraded",
      came: "state was failed",
      alter: functions { if case .value? = $0.fallback { $0.fallback = nil } }
    ),
    Breakage(
      "any result is good",
      row: "results: their schema",
      fails: "failures and results",
      expected: "read.invalid: state failed, failure invalid_result",
      came: "state was succeeded",
      alter: functions { $0.resultSchema = nil }
    ),
    Breakage(
      "secrets are shown",
      row: "secrets: hidden in events",
      fails: "refused at the door",
      expected: "call secret: state succeeded",
      came: "/reference",
      alter: { scenario in
        scenario.configuration.engine.secrets = []
        functions { $0.secrets = [] }(&scenario)
      }
    ),
    Breakage(
      "the engine has as many slots as there are calls",
      row: "line: slots of the engine",
      fails: "slots of the engine",
      expected: "call third: state succeeded, time",
      came: "it took 1 min",
      alter: { $0.configuration.engine.slots = 1000 }
    ),
    Breakage(
      "the queue has no bound",
      row: "line: the queue's bound",
      fails: "waiting in line",
      expected: "call one_too_many: state rejected, failure queue_full",
      came: "state was succeeded",
      alter: { $0.configuration.engine.queue = 100_000 }
    ),
    Breakage(
      "a line is waited in for ever",
      row: "line: the longest wait",
      fails: "waiting in line",
      expected: "call never_started: state expired",
      came: "state was succeeded",
      alter: functions { $0.maxQueue = .seconds(1_000_000) }
    ),
  ]

  // MARK: In code

  private static let inCode: [Breakage] = [
    Breakage(
      "nobody asks about twins",
      row: "rules: twins",
      fails: "twins",
      expected: "call while_it_lives: state denied",
      came: "state was succeeded",
      spoil: { call, event, traits, table in
        guard case .approvalNeeded(let requirement, let arguments, let hash, _) = event,
          requirement.twin != nil
        else { return try table(&call, event, traits) }
        let admitted = CallEvent.admitted(arguments: arguments, definitionHash: hash, rule: nil)
        return try table(&call, admitted, traits)
      }
    ),
    Breakage(
      "whoever asked may approve",
      row: "rules: the requester is excluded",
      fails: "approvals-who",
      expected: "decide is refused: “you asked for it yourself”",
      came: "it was done",
      spoil: { call, event, traits, table in
        guard case .approve(let seen, var person, let isHeld, _, let lapsed) = event else {
          return try table(&call, event, traits)
        }
        if person.name == call.caller.name {
          person.uid = nil
          person.name += " again"
        }
        let other = CallEvent.approve(
          seen,
          by: person,
          isHeld: isHeld,
          requesters: [],
          lapsed: lapsed
        )
        return try table(&call, other, traits)
      }
    ),
    Breakage(
      "an approval counts whatever was seen",
      row: "awaiting_approval, approve is refused: changed since you saw it",
      fails: "approvals-edit",
      expected: "decide is refused: “edited by maria”",
      came: "it was done",
      spoil: { call, event, traits, table in
        guard case .approve(_, let person, let isHeld, let requesters, let lapsed) = event else {
          return try table(&call, event, traits)
        }
        let other = CallEvent.approve(
          Seen(revision: call.revision, digest: call.approval?.digest ?? ""),
          by: person,
          isHeld: isHeld,
          requesters: requesters,
          lapsed: lapsed
        )
        return try table(&call, other, traits)
      }
    ),
    Breakage(
      "an edit keeps what was approved",
      row: "rules: an edit voids",
      fails: "approvals-edit",
      expected: "decide is done",
      came: "you approved it already",
      spoil: { call, event, traits, table in
        let given = call.approval?.approvals ?? []
        let transition = try table(&call, event, traits)
        if case .edit = event { call.approval?.approvals = given }
        return transition
      }
    ),
    Breakage(
      "nothing expires",
      row: "rules: expiry",
      fails: "approvals-time",
      expected: "until: call.expired of the call expired",
      came: "it never came",
      spoil: { call, event, traits, table in
        if case .expire = event { throw IllegalMove(state: call.state.word, event: event.name) }
        return try table(&call, event, traits)
      }
    ),
    Breakage(
      "an old decision starts a call",
      row: "rules: start-by",
      fails: "waiting in line",
      expected: "call too_old: state expired",
      came: "state was succeeded",
      spoil: { call, event, traits, table in
        if case .start = event, let askedAt = call.approval?.decidedAt {
          call.approval?.decidedAt = askedAt + 1e6
        }
        return try table(&call, event, traits)
      }
    ),
    Breakage(
      "what nobody can approve waits for somebody",
      row: "rules: unattended, nobody can be asked",
      fails: "nobody to ask",
      expected: "call wire: state denied, failure nobody_to_ask",
      came: "failure was denied",
      spoil: { call, event, traits, table in
        guard case .nobodyToAsk(let rule) = event, let arguments = call.proposed?.original else {
          return try table(&call, event, traits)
        }
        let asks = CallEvent.approvalNeeded(
          ApprovalRequirement(rule: rule),
          arguments: arguments,
          definitionHash: "",
          digest: ""
        )
        return try table(&call, asks, traits)
      }
    ),
    Breakage(
      "a write that may have happened is repeated",
      row: "running, attemptFailed → unknown: write, maybe",
      fails: "a write that times out",
      expected:
        "payments.send_wire: 1 with state unknown, failure timeout, reach maybe, attempts 1",
      came: "attempts were 5",
      spoil: { call, event, traits, table in
        var traits = traits
        if case .attemptFailed(_, let failure, _) = event, failure.reach == .maybe {
          traits.effect = .idempotent
        }
        return try table(&call, event, traits)
      }
    ),
    Breakage(
      "a write is repeated after kill -9",
      row: "restart, running: write: unknown",
      fails: "killed and started again",
      expected: "call post: state unknown, attempts 1",
      came: "attempts were 2",
      spoil: { call, event, traits, table in
        var traits = traits
        if case .restart = event, call.state.word == .running { traits.effect = .idempotent }
        return try table(&call, event, traits)
      }
    ),
    Breakage(
      "Retry-After is not waited for",
      row: "retry: Retry-After is the least wait",
      fails: "failures and results",
      expected: "read.throttled: state succeeded, attempts 2, time",
      came: "it took",
      spoil: { call, event, traits, table in
        guard case .attemptFailed(let attempt, var failure, let stale) = event else {
          return try table(&call, event, traits)
        }
        failure.retryAfter = nil
        return try table(
          &call,
          .attemptFailed(attempt: attempt, failure, stale: stale),
          traits
        )
      }
    ),
    Breakage(
      "a revoked grant still approves",
      row: "grants: revoked",
      fails: "approvals given ahead",
      expected: "until: call.awaiting_approval of the call queued “valid no longer”",
      came: "it never came",
      spoil: { call, event, traits, table in
        guard case .grantsEnded = event else { return try table(&call, event, traits) }
        return try table(&call, .start(digest: call.approval?.digest), traits)
      }
    ),
    Breakage(
      "a result that came after the stop is lost",
      row: "stopping, attemptSucceeded → succeeded: the result came first",
      fails: "cancelled in every state",
      expected: "call came_first: state succeeded",
      came: "state was unknown",
      spoil: { call, event, traits, table in
        guard case .attemptSucceeded(let attempt, _) = event, call.state.word == .stopping else {
          return try table(&call, event, traits)
        }
        return try table(&call, .stopped(attempt: attempt, nil), traits)
      }
    ),
    Breakage(
      "settling waits for no run again",
      row: "unknown, settle is refused: it is being run again right now",
      fails: "outcomes that nobody knows",
      expected: "decide is refused: “it is being run again right now”",
      came: "it was done",
      spoil: { call, event, traits, table in
        if case .settle = event { call.rerun = nil }
        return try table(&call, event, traits)
      }
    ),
  ]
}
