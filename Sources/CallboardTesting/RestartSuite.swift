import Callboard
import Foundation
import JSONSchema

/// One thing that is so after an engine has died or stopped, as a function that a test of any store can run.
public struct RestartCase: Sendable, CustomStringConvertible {
  /// The sentence that is false when the case fails.
  public let name: String
  private let body: @Sendable (World) async throws -> Void

  init(_ name: String, _ body: @escaping @Sendable (World) async throws -> Void) {
    self.name = name
    self.body = body
  }

  public var description: String { name }

  /// Runs the case on a store that is empty, and throws `StoreCaseFailed` where it does not hold.
  public func run(on home: StoreHome) async throws {
    let world = World(home)
    try await body(world)
    try world.between { _ in }
  }
}

/// The restart row of the table, and what conversations make of a restart.
public enum RestartSuite {
  public static let cases: [RestartCase] =
    received + undecided + queued + begun + linked + settings + definitions + secrets
    + conversations + authority + workflows + wholes

  // MARK: - Received

  static let received = [
    RestartCase("a received call is admitted, and its model is not asked for the turn again") {
      world in
      let look = read("look", .echo)
      let model = TestModel(.call(("t_look", "{}")))
      let first = try world.live(look)
      first.store.dies { $0.brings(.received) }
      let talk = try first.talk(model)
      await first.store.death()
      let again = TestModel(.say("thanks"))
      let second = try world.live(look, after: 60, model: again)
      let asked = await again.asked(1)
      try equal(asked.request.turn, 2, "turn")
      try equal(asked.answers, ["{}"], "answers")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      try equal(model.count + again.count, 2, "times the model was asked")
      try equal(look.executions, 1, "executions")
    },
    RestartCase("a received call of a paused conversation waits for the resume") { world in
      let look = read("look", .echo)
      let (talk, id) = try await pausedWithReceived(world, look)
      let again = TestModel(.say("thanks"))
      let second = try world.live(look, after: 60, model: again)
      await second.settleDown()
      try equal(try second.state(id), .received, "state")
      try equal(try second.state(talk), .paused, "conversation")
      try equal(look.executions, 0, "executions")
      try expect(await second.pause(talk, false).isDone, "it can't be resumed")
      try equal(await again.asked(1).answers, ["{}"], "answers")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
    },
    RestartCase("a received call of a conversation that was stopped is cancelled") { world in
      let look = read("look", .echo)
      let first = try world.live(look)
      let model = TestModel(.hold)
      let talk = try first.talk(model)
      let asked = await model.asked(1)
      _ = await first.pause(talk, true)
      asked.call(("t_look", "{}"))
      let event = await first.events.wait { $0.type == .call(.received) }
      let id = try need(event.call?.id, "call")
      first.store.dies { $0.brings(.stopped) }
      Task { await first.engine.perform(.stopConversation(talk), by: maria) }
      await first.store.death()
      let second = try world.live(look, after: 60)
      try equal(await second.end(of: id)?.failure?.kind, .engineStopped, "failure")
      try equal(second.store.call(id)?.state, .cancelled, "state")
      try equal(look.executions, 0, "executions")
    },
  ]

  /// A conversation that was paused while its model thought, and the call it then asked for.
  static func pausedWithReceived(
    _ world: World,
    _ look: TestFunction
  ) async throws -> (ConversationID, CallID) {
    let first = try world.live(look)
    let model = TestModel(.hold)
    let talk = try first.talk(model)
    let asked = await model.asked(1)
    try expect(await first.pause(talk, true).isDone, "it can't be paused")
    asked.call(("t_look", "{}"))
    let event = await first.events.wait { $0.type == .call(.received) }
    return (talk, try need(event.call?.id, "call"))
  }

  // MARK: - Awaiting approval, approved

  static let undecided = [
    RestartCase("a call that waits for approval is the one that was seen before the restart") {
      world in
      let wire = TestFunction("wire")
      let first = try world.live(wire, rules: [asking("wire")])
      let id = await first.submit("wire", ["amount": 5]).id
      let seen = try first.seen(id)
      let key = try first.call(id).idempotencyKey
      let second = try world.live(wire, after: 60, rules: [asking("wire")])
      try equal(second.header.waiting, 1, "waiting calls")
      let reply = await second.engine.perform(.approve(id, seen), by: maria)
      try expect(reply.isDone, reply.message)
      try equal(await second.end(of: id)?.value?.original, ["amount": 5], "result")
      try equal(wire.invocations.map(\.idempotencyKey), [key], "keys")
    },
    RestartCase("a call that waits for approval expires when it would have") { world in
      let wire = TestFunction("wire")
      let first = try world.live(wire, rules: [asking("wire")])
      let id = await first.submit("wire").id
      let second = try world.live(wire, after: 800, rules: [asking("wire")])
      second.clock.advance(by: .seconds(99))
      await second.settleDown()
      try equal(try second.state(id), .awaitingApproval, "state")
      second.clock.advance(by: .seconds(1))
      try equal(await second.end(of: id)?.failure?.kind, .expired, "failure")
      try equal(wire.executions, 0, "executions")
    },
    RestartCase("a call whose time for approval was over meanwhile has expired") { world in
      let wire = TestFunction("wire")
      let first = try world.live(wire, rules: [asking("wire")])
      let id = await first.submit("wire").id
      let second = try world.live(wire, after: 901, rules: [asking("wire")])
      await second.end(of: id)
      try equal(second.store.call(id)?.state, .expired, "state")
      try equal(second.header.waiting, 0, "waiting calls")
      try equal(wire.executions, 0, "executions")
    },
    RestartCase("an approval of two counts after the restart, and not twice") { world in
      let wire = TestFunction("wire")
      let rules = [asking("wire", approvers: 2)]
      let first = try world.live(wire, rules: rules)
      let id = await first.submit("wire").id
      try expect(try await first.approve(id).isDone, "the first approval does not count")
      let second = try world.live(wire, after: 60, rules: rules)
      try expect(try await !second.approve(id).isDone, "the same person counts twice")
      try equal(wire.executions, 0, "executions")
      try expect(try await second.approve(id, by: omar).isDone, "the second does not count")
      try expect(await second.end(of: id)?.value != nil, "it did not run")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("a decision that was acknowledged starts its call when the grace time is over") {
      world in
      let wire = TestFunction("wire")
      let rules = [asking("wire", grace: 30)]
      let first = try world.live(wire, rules: rules)
      let id = await first.submit("wire").id
      try expect(try await first.approve(id).isDone, "the approval does not count")
      let second = try world.live(wire, after: 10, rules: rules)
      second.clock.advance(by: .seconds(19))
      await second.settleDown()
      try equal(try second.state(id), .approved, "state")
      try equal(wire.executions, 0, "executions")
      second.clock.advance(by: .seconds(1))
      try expect(await second.end(of: id)?.value != nil, "it did not run")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("a decision can be undone after the restart, within its grace time") { world in
      let wire = TestFunction("wire")
      let rules = [asking("wire", grace: 30)]
      let first = try world.live(wire, rules: rules)
      let id = await first.submit("wire").id
      try expect(try await first.approve(id).isDone, "the approval does not count")
      let second = try world.live(wire, after: 10, rules: rules)
      let reply = await second.engine.perform(.undo(id, try second.seen(id)), by: maria)
      try expect(reply.isDone, reply.message)
      second.clock.advance(by: .seconds(60))
      await second.settleDown()
      try equal(try second.state(id), .awaitingApproval, "state")
      try equal(wire.executions, 0, "executions")
    },
    RestartCase("a call whose grace time was over meanwhile runs once, unless that is too long ago")
    {
      world in
      let wire = TestFunction("wire")
      let rules = [asking("wire", grace: 30)]
      for (downtime, executions) in [(60.0, 1), (400.0, 1)] {
        let first = try world.live(wire, rules: rules)
        let id = await first.submit("wire").id
        try expect(try await first.approve(id).isDone, "the approval does not count")
        let second = try world.live(wire, after: downtime, rules: rules)
        await second.end(of: id)
        let state: CallState = downtime < 300 ? .succeeded : .expired
        try equal(second.store.call(id)?.state, state, "state after \(downtime) s")
        try equal(wire.executions, executions, "executions")
      }
    },
  ]

  // MARK: - Queued

  static let queued = [
    RestartCase("a queued call that a person approved runs, and its slot is free") { world in
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let rules = [asking("wire")]
      let first = try world.live(wire, rules: rules)
      let running = await first.submit("wire", ["n": 1]).id
      try await first.approve(running)
      _ = await wire.attempt(1)
      let queued = await first.submit("wire", ["n": 2]).id
      try await first.approve(queued)
      await first.events.wait(for: .queued, of: queued)
      let second = try world.live(wire, after: 60, rules: rules)
      try equal(await second.end(of: queued)?.value?.original, ["n": 2], "result")
      try equal(try second.state(running), .unknown, "the one that ran")
      try equal(wire.executions, 2, "executions")
    },
    RestartCase("a queued call that nobody waits for any more is cancelled") { world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let first = try world.live(look)
      first.begin("look", ["n": 1])
      let running = await look.attempt(1).id
      first.begin("look", ["n": 2])
      let event = await first.events.wait(for: .queued, function: "t.look", 2)
      let queued = try need(event.call?.id, "call")
      let second = try world.live(look, after: 60)
      try equal(await second.end(of: queued)?.failure?.kind, .engineStopped, "failure")
      try equal(second.store.call(queued)?.state, .cancelled, "state")
      try expect(await second.end(of: running)?.value != nil, "the other did not run")
      try equal(look.executions, 2, "executions")
    },
    RestartCase("queued calls of a conversation run in their order") { world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let first = try world.live(look)
      let model = TestModel(
        .call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#), ("t_look", #"{"n":3}"#))
      )
      let talk = try first.talk(model)
      let running = await look.attempt(1).id
      await first.events.wait(for: .queued, function: "t.look", 3)
      let again = TestModel(.say("thanks"))
      let second = try world.live(look, after: 60, model: again)
      let n = (await look.attempt(1)).invocation.arguments["n"]?.intValue ?? 0
      let answers = await again.asked(1).answers
      try equal(answers, [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#], "answers")
      let order = look.invocations.dropFirst().compactMap { $0.arguments["n"]?.intValue }
      try equal(order.filter { $0 != n }, [1, 2, 3].filter { $0 != n }, "order")
      try equal(look.invocations.filter { $0.call == running }.map(\.attempt), [1, 2], "attempts")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
    },
    RestartCase("queued calls of a conversation that was stopped are cancelled") { world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let first = try world.live(look)
      let model = TestModel(.call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#)))
      let talk = try first.talk(model)
      _ = await look.attempt(1)
      let event = await first.events.wait(for: .queued, function: "t.look", 2)
      let queued = try need(event.call?.id, "call")
      first.store.dies { $0.brings(.stopped) }
      Task { await first.engine.perform(.stopConversation(talk), by: maria) }
      await first.store.death()
      let second = try world.live(look, after: 60)
      await second.end(of: queued)
      let states = second.store.calls(HistoryQuery()).items.map(\.state)
      try expect(states.contains(.cancelled), "no call was cancelled")
      try equal(second.store.conversation(talk)?.state, .stopped, "conversation")
    },
  ]

  // MARK: - Running, stopping, backing off, unknown

  static let begun = [
    RestartCase("a running call that may be repeated is, with its key, whatever its attempts") {
      world in
      for effect in [FunctionEffect.read, .idempotent] {
        let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { definition in
          definition.effect = effect
          definition.retry = RetryPolicy(maxAttempts: 1)
        }
        let first = try world.live(look)
        first.begin("look")
        let id = await look.attempt(1).id
        let second = try world.live(look, after: 60)
        try expect(await second.end(of: id)?.value != nil, "it did not run again")
        try equal(look.invocations.map(\.attempt), [1, 2], "attempts")
        try equal(Set(look.invocations.map(\.idempotencyKey)).count, 1, "keys")
        try equal(second.store.call(id)?.attempts.map { $0.endedAt != nil }, [true, true], "ends")
      }
    },
    RestartCase("a running write is unknown, is not run again, and can be settled") { world in
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .echo)
      let first = try world.live(wire)
      first.begin("wire")
      let id = await wire.attempt(1).id
      let second = try world.live(wire, after: 60)
      try equal(second.takenUp?.states, ["unknown": 1], "what was taken up")
      try equal(second.header.unknown, 1, "unknown calls")
      second.clock.advance(by: .seconds(3600))
      await second.settleDown()
      try equal(try second.state(id), .unknown, "state")
      try equal(wire.executions, 1, "executions")
      let reply = try await second.settle(id)
      try expect(reply.isDone, reply.message)
      try equal(second.store.call(id)?.outcome?.source, .settled, "source")
    },
    RestartCase("a write whose start is stored, and nothing more, is unknown") { world in
      let wire = TestFunction("wire")
      let first = try world.live(wire)
      first.store.dies { $0.brings(.running) }
      first.begin("wire")
      await first.store.death()
      let second = try world.live(wire)
      let id = try second.newest("wire").id
      try equal(try second.state(id), .unknown, "state")
      try equal(wire.executions, 0, "executions")
    },
    RestartCase("a call that was stopping is cancelled, but a write is unknown") { world in
      for (effect, state) in [
        (FunctionEffect.read, CallState.cancelled), (.idempotent, .cancelled),
        (.write, .unknown(attempt: 1)),
      ] {
        let look = TestFunction("look", .ignoreCancellation) { $0.effect = effect }
        let first = try world.live(look)
        first.begin("look")
        let id = await look.attempt(1).id
        try expect(try await first.cancel(id).isDone, "it can't be cancelled")
        let second = try world.live(look, after: 60)
        await eventually { second.store.call(id)?.state == state }
        try equal(second.store.call(id)?.state, state, "state")
        try equal(look.executions, 1, "executions")
      }
    },
    RestartCase("a call that backs off goes on at its stored time") { world in
      let look = read("look", .fail(.unsent), .echo) { definition in
        definition.retry = RetryPolicy(base: .seconds(60), cap: .seconds(60), jitter: .quarter)
      }
      let first = try world.live(look)
      first.begin("look")
      let event = await first.events.wait(for: .backingOff, function: "t.look")
      let id = try need(event.call?.id, "call")
      guard case .backingOff(1, let until, true) = try first.call(id).state else {
        throw StoreCaseFailed(description: "it is \(try first.call(id).state)")
      }
      let second = try world.live(look, after: 10)
      let left = until.timeIntervalSince(second.clock.now)
      second.clock.advance(by: .seconds(left - 1))
      await second.settleDown()
      try equal(look.executions, 1, "executions")
      second.clock.advance(by: .seconds(2))
      try expect(await second.end(of: id)?.value != nil, "it did not run again")
      try equal(look.invocations.map(\.attempt), [1, 2], "attempts")
    },
    RestartCase("a call whose time to go on has passed meanwhile goes on at once") { world in
      let put = TestFunction("put", .fail(.unsent), .echo) { definition in
        definition.effect = .idempotent
        definition.retry = RetryPolicy(base: .seconds(60), cap: .seconds(60), jitter: .quarter)
      }
      let first = try world.live(put)
      first.begin("put")
      let event = await first.events.wait(for: .backingOff, function: "t.put")
      let id = try need(event.call?.id, "call")
      let second = try world.live(put, after: 61)
      try expect(await second.end(of: id)?.value != nil, "it did not run again")
    },
    RestartCase(
      "an unknown call stays, and its conversation hears of it after the rest of the wait"
    ) {
      world in
      let wire = TestFunction("wire", .fail(.cut))
      let first = try world.live(wire)
      let model = TestModel(.call(("t_wire", "{}")))
      let talk = try first.talk(model)
      await first.events.wait(for: .unknown, function: "t.wire")
      let again = TestModel(.say("I won't repeat it"))
      let second = try world.live(wire, after: 600, model: again)
      second.clock.advance(by: .seconds(299))
      await second.settleDown()
      try equal(again.count, 0, "times the model was asked")
      second.clock.advance(by: .seconds(1))
      let answers = await again.asked(1).answers
      try expect(answers.first?.contains("outcome_unknown") == true, "it heard \(answers)")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      try equal(second.header.unknown, 1, "unknown calls")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase(
      "a model hears what an unknown call was settled as, once, though the engine died then"
    ) {
      world in
      let wire = TestFunction("wire", .fail(.cut))
      let model = TestModel(.call(("t_wire", "{}")), .hold)
      let first = try world.live(wire)
      _ = try first.talk(model)
      let id = try need(
        await first.events.wait(for: .unknown, function: "t.wire").call?.id,
        "call"
      )
      await first.advance(by: .seconds(60)) { model.count == 2 }
      first.store.dies { $0.calls.contains { $0.record.call.id == id && $0.isEnd } }
      Task { try await first.settle(id) }
      await first.store.death()
      let again = TestModel(.say("I wait"), .hold)
      try world.live(wire, after: 60, model: again)
      let news = await again.asked(2).news
      try equal(news.count, 1, "news")
      try expect(news.first?.contains("t.wire") == true, "it heard \(news)")
      let third = TestModel(.hold)
      try world.live(wire, after: 60, model: third)
      try equal(await third.asked(1).news.count, 1, "news after another restart")
    },
    RestartCase(
      "a model hears what a call that was run again answered, though the engine died then"
    ) {
      world in
      let put = TestFunction(
        "put",
        .fail(CallFailure(.serverError, "it said no", reach: .answered)),
        .echo
      ) { $0.effect = .idempotent }
      let model = TestModel(.call(("t_put", "{}")), .hold)
      let first = try world.live(put)
      _ = try first.talk(model)
      _ = await model.asked(2)
      let id = try first.newest("put").id
      first.store.dies { $0.calls.contains { $0.record.call.id != id && $0.isEnd } }
      Task { try await first.runAgain(id) }
      await first.store.death()
      let again = TestModel(.say("I wait"), .hold)
      try world.live(put, after: 60, model: again)
      let news = await again.asked(2).news
      try equal(news.count, 1, "news")
    },
  ]

  static func read(
    _ name: String,
    _ plan: TestFunction.Behaviour...,
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  ) -> TestFunction {
    TestFunction(name, all: plan) { definition in
      definition.effect = .read
      configure(&definition)
    }
  }
}

extension CallFailure {
  static let unsent = CallFailure(
    .connectionFailed,
    "connection refused",
    reach: .notSent,
    isRetryable: true
  )

  static let cut = CallFailure(
    .connectionFailed,
    "connection cut",
    reach: .maybe,
    isRetryable: true
  )
}

extension CallChange {
  var isEnd: Bool { record.call.state.isEnded }
}

extension Call {
  /// The call that answers in its place.
  var child: CallID? {
    switch state {
    case .running(_, let child), .stopping(_, let child): child
    case .received, .awaitingApproval, .approved, .queued, .backingOff, .unknown, .succeeded,
      .failed, .rejected, .denied, .expired, .cancelled:
      nil
    }
  }
}

extension Submission {
  var failure: CallFailure? {
    if case .finished(_, let outcome) = self { outcome.failure } else { nil }
  }
}
