import Callboard
import Foundation
import JSONSchema

/// Conversations, and lives from beginning to end.
extension RestartSuite {
  // MARK: - Conversations

  static let conversations = [
    RestartCase("a conversation that was given a name is known to have begun, also once it ended") {
      world in
      let first = try world.live()
      let talk = try first.engine.start(
        ConversationRequest(
          title: "daily",
          caller: agent,
          model: "test",
          messages: ["go"],
          setup: Conversation.Setup(plan: "the daily one")
        ),
        model: TestModel(.say("done"))
      )
      try equal(await first.engine.ended(talk)?.state, .finished, "conversation")
      await first.settleDown()
      for _ in 0..<2 {
        let next = try world.live(after: 60)
        try equal(next.engine.begun("the daily one"), talk, "what began under its name")
        try equal(next.engine.begun("another"), nil, "what began under another name")
      }
    },
    RestartCase("a model that thought is asked once, with what it was asked before") { world in
      let first = try world.live()
      let model = TestModel(.hold)
      let talk = try first.talk(model)
      let before = await model.asked(1).request
      let again = TestModel(.say("hello"))
      let second = try world.live(after: 60, model: again)
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      let asked = await again.asked(1).request
      try equal(asked.messages, before.messages, "messages")
      try equal(asked.turn, 1, "turn")
      await second.settleDown()
      try equal(again.count, 1, "times the model was asked")
    },
    RestartCase("thinking goes on from the last stored turn") { world in
      let look = read("look", .echo)
      let first = try world.live(look)
      let model = TestModel(.call(("t_look", "{}")), .hold)
      let talk = try first.talk(model)
      let before = await model.asked(2).request
      let again = TestModel(.say("hello"))
      let second = try world.live(look, after: 60, model: again)
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      try equal(await again.asked(1).request.messages, before.messages, "messages")
      try equal(again.count, 1, "times the model was asked")
      try equal(look.executions, 1, "executions")
    },
    RestartCase("a conversation waits for the calls of its turn, and never asks for them again") {
      world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo)
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
      let first = try world.live(look, wire)
      let model = TestModel(.call(("t_look", "{}"), ("t_wire", "{}")))
      let talk = try first.talk(model)
      _ = await look.attempt(1)
      let write = await wire.attempt(1).id
      let again = TestModel(.say("hello"))
      let second = try world.live(look, wire, after: 60, model: again)
      await second.events.wait(for: .succeeded, function: "t.look")
      await second.settleDown()
      try equal(try second.state(talk), .calling, "conversation")
      try equal(again.count, 0, "times the model was asked")
      try expect(try await second.settle(write).isDone, "it can't be settled")
      try equal(await again.asked(1).answers, ["{}", #""it did""#], "answers")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("a conversation hears of a call that ended in the last moment") { world in
      for stays in [false, true] {
        let look = read("look", .answer("found"))
        let first = try world.live(look, TestFunction("wire"), rules: [asking("wire"), free])
        let model = TestModel(
          stays ? .call(("t_look", "{}"), ("t_wire", "{}")) : .call(("t_look", "{}"))
        )
        let talk = try first.talk(model)
        if stays { await first.events.wait(for: .awaitingApproval, function: "t.wire") }
        first.store.dies { $0.brings(.succeeded) }
        if !first.store.calls(HistoryQuery()).items.contains(where: { $0.state == .succeeded }) {
          await first.store.death()
        }
        let again = TestModel(.say("thanks"))
        let second = try world.live(
          look,
          TestFunction("wire"),
          after: 60,
          rules: [asking("wire"), free],
          model: again
        )
        if stays { _ = try await second.cancel(try second.newest("wire").id) }
        try equal(await again.asked(1).answers.first, #""found""#, "answer")
        try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
        try equal(look.executions, 1, "executions")
      }
    },
    RestartCase("a conversation hears that a call of its turn was never stored, and never run") {
      world in
      let look = read("look", .echo)
      let first = try world.live(look)
      let model = TestModel(.hold)
      let talk = try first.talk(model)
      _ = await model.asked(1)
      try world.between { store in
        var stored = try need(store.conversation(talk), "conversation")
        let turn = ModelTurn(
          calls: [RequestedCall(id: "call_1", wireName: "t_look", arguments: "{}")]
        )
        let id = CallID(UUIDv7(at: stored.startedAt, sequence: 9, random: 9))
        _ = try stored.handle(.turnTaken(turn, calls: [id]), now: stored.startedAt)
        _ = try store.commit(StoreChange(conversation: ConversationChange(stored)))
      }
      let again = TestModel(.say("I ask anew"))
      let second = try world.live(look, after: 60, model: again)
      let answer = await again.asked(1).answers.first ?? ""
      try expect(answer.contains("engine_stopped"), "it heard \(answer)")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      try equal(look.executions, 0, "executions")
    },
    RestartCase("words that came while calls ran are heard before the next turn") { world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo)
      let first = try world.live(look)
      let model = TestModel(.call(("t_look", "{}")))
      let talk = try first.talk(model)
      _ = await look.attempt(1)
      let said = await first.engine.perform(.message(talk, "use 4111 1111 1111 1111"), by: maria)
      try expect(said.isDone, said.message)
      let again = TestModel(.say("thanks"))
      _ = try world.live(look, after: 60, model: again)
      let heard = await again.asked(1).request.messages.last
      try equal(heard?.text, "use 4111 1111 1111 1111", "last message")
      try equal(heard?.author, "maria", "author")
    },
    RestartCase("a paused conversation stays paused, and its model is asked at the resume") {
      world in
      let first = try world.live()
      let model = TestModel(.hold)
      let talk = try first.talk(model)
      _ = await model.asked(1)
      try expect(await first.pause(talk, true).isDone, "it can't be paused")
      let again = TestModel(.say("hello"))
      let second = try world.live(after: 60, model: again)
      await second.settleDown()
      try equal(try second.state(talk), .paused, "conversation")
      try equal(again.count, 0, "times the model was asked")
      try expect(await second.pause(talk, false).isDone, "it can't be resumed")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
    },
    RestartCase("time that no engine ran is not time that a conversation has used") { world in
      let limits = ConversationLimits(seconds: 100)
      let first = try world.live()
      let model = TestModel(.hold)
      let talk = try first.talk(model, limits: limits)
      _ = await model.asked(1)
      let again = TestModel(.hold)
      let second = try world.live(after: 1000, model: again)
      _ = await again.asked(1)
      await eventually { second.engine.deadlines.count > 0 }
      second.clock.advance(by: .seconds(99))
      await second.settleDown()
      try equal(try second.state(talk), .thinking, "conversation")
      second.clock.advance(by: .seconds(1))
      try equal(await second.engine.ended(talk)?.state.word, .failed, "conversation")
    },
    RestartCase("nor is it time that a conversation is given for a person's wait") { world in
      let limits = ConversationLimits(seconds: 100)
      let wire = TestFunction("wire", .ignoreCancellation) { $0.timeout = .seconds(3600) }
      let first = try world.live(wire, rules: [asking("wire")])
      let talk = try first.talk(TestModel(.call(("t_wire", "{}"))), limits: limits)
      await first.events.wait(for: .awaitingApproval, function: "t.wire")
      let second = try world.live(
        wire,
        after: 600,
        rules: [asking("wire")],
        model: TestModel(.hold)
      )
      second.clock.advance(by: .seconds(50))
      try await second.approve(try second.newest("wire").id)
      _ = await wire.attempt(1)
      second.clock.advance(by: .seconds(98))
      await second.settleDown()
      try equal(try second.state(talk), .calling, "conversation")
      await second.advance(by: .seconds(1)) { (try? second.state(talk)) != .calling }
      try equal(try second.state(talk), .failed, "conversation")
      try expect(second.clock.monotonic < .seconds(160), "it took \(second.clock.monotonic)")
    },
    RestartCase("a conversation whose model is gone fails with that, and its calls do not start") {
      world in
      let wire = TestFunction("wire")
      let first = try world.live(wire, rules: [asking("wire")])
      let calling = try first.talk(TestModel(.call(("t_wire", "{}"))))
      await first.events.wait(for: .awaitingApproval, function: "t.wire")
      let model = TestModel(.hold)
      let thinking = try first.talk(model)
      _ = await model.asked(1)
      let second = try world.live(wire, after: 60, rules: [asking("wire")])
      for talk in [calling, thinking] {
        guard case .failed(let why) = await second.engine.ended(talk)?.state else {
          throw StoreCaseFailed(description: "it has not failed")
        }
        try expect(why.contains("model"), "it says \(why)")
      }
      let id = try second.newest("wire").id
      await second.end(of: id)
      try equal(second.store.call(id)?.state, .cancelled, "state")
      try equal(second.takenUp?.orphaned, 2, "orphaned conversations")
    },
  ]

  // MARK: - Whole lives

  static let wholes = [
    RestartCase("after an orderly stop everything goes on") { world in
      let look = read("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .echo)
      let send = TestFunction("send")
      let rules = [asking("send"), free]
      let first = try world.live(look, wire, send, rules: rules)
      let waiting = await first.submit("send").id
      let model = TestModel(.call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#)))
      let talk = try first.talk(model)
      _ = await look.attempt(1)
      let thinker = TestModel(.hold)
      let thought = try first.talk(thinker)
      _ = await thinker.asked(1)
      first.begin("wire")
      let write = await wire.attempt(1).id
      await first.events.wait(for: .queued, function: "t.look", 2)
      let stop = Task { await first.engine.stop() }
      await first.events.wait(for: .engine(.stopping))
      let hasStopped = OneShot<Void>()
      Task {
        await stop.value
        hasStopped.resolve(())
      }
      await first.advance(by: .milliseconds(20)) { hasStopped.current != nil }
      let again = TestModel(.say("thanks"))
      let rethinker = TestModel(.say("hello"))
      let second = try world.live(look, wire, send, after: 60, rules: rules) { conversation in
        conversation.id == talk ? again : rethinker
      }
      try equal(await again.asked(1).answers, [#"{"n":1}"#, #"{"n":2}"#], "answers")
      try equal(await second.engine.ended(talk)?.state, .finished, "conversation")
      try equal(await second.engine.ended(thought)?.state, .finished, "conversation that thought")
      try equal(rethinker.count, 1, "times the model was asked")
      try equal(try second.state(write), .unknown, "the write that was stopped")
      try expect(try await second.approve(waiting).isDone, "it can't be approved")
      try expect(await second.end(of: waiting)?.value != nil, "it did not run")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("an engine that dies at any commit, and then at another one, leaves nothing behind")
    {
      world in
      for last in 1... {
        guard try await dies(world, after: last, then: last * 7 % 11 + 1) else { break }
      }
    },
  ]

  /// Plays a conversation in three lives; false where the first one did not die any more.
  static func dies(_ world: World, after last: Int, then next: Int) async throws -> Bool {
    let look = read("look", .fail(.unsent), .echo)
    let put = TestFunction("put", .fail(.cut), .echo) { $0.effect = .idempotent }
    let (ask, other) = try falling(.answer("instead"))
    let wire = TestFunction("wire")
    let rules = [asking("wire", grace: 1), free]
    let script: @Sendable (Conversation?) -> TestModel = { conversation in
      let turns: [TestModel.Turn] = [
        .call(("t_look", "{}"), ("t_put", "{}"), ("t_ask", "{}")), .call(("t_wire", "{}")),
        .say("done"),
      ]
      let left = turns.dropFirst(conversation?.turns ?? 0)
      return TestModel(all: Array(left))
    }
    let first = try world.live(look, put, ask, other, wire, rules: rules)
    first.store.dies(afterCommits: last)
    let talk = try first.talk(script(nil))
    await play(first)
    let hasDied = first.store.isDead
    let second = try world.live(look, put, ask, other, wire, after: 5, rules: rules) { script($0) }
    second.store.dies(afterCommits: next)
    await play(second)
    let third = try world.live(look, put, ask, other, wire, after: 5, rules: rules) { script($0) }
    await play(third)
    let at = " where it died after commit \(last), and then after \(next)"
    // What was not stored has never been.
    if let ended = third.store.conversation(talk) {
      try equal(ended.state, .finished, "conversation" + at)
    }
    for call in third.store.calls(HistoryQuery(ListQuery(after: 10_000))).items {
      try expect(call.state.isEnded, "\(call.function) is \(call.state)" + at)
    }
    let keys = wire.invocations.map(\.idempotencyKey)
    try equal(Set(keys).count, keys.count, "executions of a write" + at)
    return hasDied
  }

  /// Decides and settles whatever waits, until nothing lives or the engine has died.
  static func play(_ life: Life) async {
    var decided: Set<Seen> = []
    while !life.store.isDead {
      let calls = life.store.calls(HistoryQuery(ListQuery(after: 10_000))).items
      let talks = life.store.conversations(HistoryQuery(ListQuery(after: 10_000))).items
      let runs = life.store.runs(HistoryQuery(ListQuery(after: 10_000))).items
      if calls.allSatisfy({ $0.state.isEnded }), talks.allSatisfy({ !$0.state.word.isLive }),
        runs.allSatisfy({ !$0.state.word.isLive })
      {
        return
      }
      for call in calls where call.state.word.needsPerson {
        guard let seen = try? life.seen(call.id), decided.insert(seen).inserted else { continue }
        let request: Request =
          call.state == .awaitingApproval
          ? .approve(call.id, seen)
          : .settle(call.id, revision: seen.revision, .happened(Payload("it did")))
        Task { await life.engine.perform(request, by: maria) }
      }
      life.clock.advance(by: .milliseconds(500))
      await Task.yield()
    }
  }
}
