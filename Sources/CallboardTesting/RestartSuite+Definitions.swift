import Callboard
import Foundation
import JSONSchema

/// Definitions and keys that are others after the restart.
extension RestartSuite {
  // MARK: - Definitions

  static let definitions = [
    RestartCase("what has not started of a function that is gone fails; what may have acted stays")
    {
      world in
      let wire = TestFunction("wire", .fail(.cut), .hold(whenCancelled: .maybe))
      let look = read("look", .fail(.unsent)) { $0.retry = RetryPolicy(base: .seconds(60)) }
      let first = try world.live(wire, look, rules: [asking("wire"), free])
      var ids: [CallID] = []
      for _ in 0..<3 { ids.append(await first.submit("wire").id) }
      try await first.approve(ids[0])
      await first.events.wait(for: .unknown, of: ids[0])
      try await first.approve(ids[1])
      _ = await wire.attempt(2)
      first.begin("look")
      let event = await first.events.wait(for: .backingOff, function: "t.look")
      let backing = try need(event.call?.id, "call")
      let second = try world.live(TestFunction("other"), after: 60)
      for id in [ids[2], backing] {
        try equal(await second.end(of: id)?.failure?.kind, .functionRemoved, "failure")
        try equal(second.store.call(id)?.state, .failed, "state")
      }
      for id in ids[0...1] {
        try equal(try second.state(id), .unknown, "state")
        try expect(try await !second.runAgain(id).isDone, "what is not there was run again")
        let reply = try await second.settle(id)
        try expect(reply.isDone, reply.message)
      }
      try equal(wire.executions, 2, "executions")
    },
    RestartCase("a changed definition voids approvals, and what waits is asked anew") { world in
      let rules = [asking("wire", approvers: 2, grace: 30)]
      let first = try world.live(TestFunction("wire"), rules: rules)
      let half = await first.submit("wire", ["amount": 5]).id
      try await first.approve(half)
      let whole = await first.submit("wire", ["amount": 6]).id
      try await first.approve(whole)
      try await first.approve(whole, by: omar)
      try equal(try first.state(whole), .approved, "state before")
      let seen = try first.seen(half)
      let changed = TestFunction("wire", parameters: amounts)
      let second = try world.live(changed, after: 10, rules: rules)
      second.clock.advance(by: .seconds(60))
      await second.settleDown()
      for id in [half, whole] {
        let call = try second.call(id)
        try equal(call.state, .awaitingApproval, "state")
        try equal(call.approval?.approvals.count, 0, "approvals")
      }
      let stale = await second.engine.perform(.approve(half, seen), by: omar)
      try expect(!stale.isDone, "an approval of the old definition counts")
      for id in [half, whole] {
        try await second.approve(id)
        try await second.approve(id, by: omar)
        second.clock.advance(by: .seconds(30))
        try expect(await second.end(of: id)?.value != nil, "it did not run")
      }
      try equal(changed.executions, 2, "executions")
    },
    RestartCase("an approved call with a changed definition whose time is over has expired") {
      world in
      let rules = [asking("wire", grace: 3000)]
      let first = try world.live(TestFunction("wire"), rules: rules)
      let id = await first.submit("wire", ["amount": 5]).id
      try await first.approve(id)
      let changed = TestFunction("wire", parameters: amounts)
      let second = try world.live(changed, after: 1000, rules: rules)
      await second.end(of: id)
      try equal(second.store.call(id)?.state, .expired, "state")
      try equal(changed.executions, 0, "executions")
    },
    RestartCase("a call whose arguments no longer fit a changed definition fails") { world in
      let rules = [asking("wire", grace: 30)]
      let first = try world.live(TestFunction("wire"), rules: rules)
      let waiting = await first.submit("wire", ["amount": "five"]).id
      let approved = await first.submit("wire", ["amount": "six"]).id
      try await first.approve(approved)
      let changed = TestFunction("wire", parameters: amounts)
      let second = try world.live(changed, after: 10, rules: rules)
      for id in [waiting, approved] {
        let failure = await second.end(of: id)?.failure
        try equal(failure?.kind, .invalidArguments, "failure")
        try equal(second.store.call(id)?.state, .failed, "state")
      }
      try equal(changed.executions, 0, "executions")
    },
    RestartCase("what would start, or start again, is asked anew or fails where it has changed") {
      world in
      for asks in [false, true] {
        let look = read("look", .hold(whenCancelled: .maybe), .echo)
        let first = try world.live(look)
        first.begin("look", ["amount": 5])
        let id = await look.attempt(1).id
        let changed = TestFunction("look", parameters: amounts) { $0.effect = .read }
        let second = try world.live(changed, after: 60, rules: asks ? [asking("look")] : [free])
        if asks {
          await second.events.wait(for: .awaitingApproval, of: id)
          try await second.approve(id)
          try expect(await second.end(of: id)?.value != nil, "it did not run")
        } else {
          let failure = await second.end(of: id)?.failure
          try equal(failure?.kind, .definitionChanged, "failure")
        }
        try equal(changed.executions, asks ? 1 : 0, "executions")
      }
    },
  ]

  static let amounts: JSONValue = [
    "type": "object", "properties": ["amount": ["type": "number"]], "required": ["amount"],
  ]

  // MARK: - Secrets

  static let secrets = [
    RestartCase("a call that waits runs with its secrets, which are nowhere in clear") { world in
      let wire = TestFunction("wire")
      let first = try world.live(wire, rules: [asking("wire")])
      let id = await first.submit("wire", ["password": "hunter2"]).id
      let seen = try first.seen(id)
      try world.between { store in
        let call = try JSONValue(encoding: try need(store.call(id), "call")).serialized()
        try expect(!call.contains("hunter2"), "the store has it in clear")
      }
      let second = try world.live(wire, after: 60, rules: [asking("wire")])
      try expect(
        await second.engine.perform(.approve(id, seen), by: maria).isDone,
        "what was seen before can't be approved"
      )
      await second.end(of: id)
      try equal(wire.invocations.map(\.arguments), [["password": "hunter2"]], "arguments")
    },
    RestartCase("without the key nothing runs with marks in place of secrets") { world in
      for sealer in [Sealer(Sealer.MasterKey()), nil] {
        let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
        let rules = [asking("wire", grace: 30), free]
        let first = try world.live(wire, rules: rules)
        var ids: [CallID] = []
        for number in 0..<4 {
          let arguments: JSONValue = ["password": "hunter2", "nth": .integer(Int64(number))]
          ids.append(await first.submit("wire", arguments).id)
        }
        for id in ids[0...1] { try await first.approve(id) }
        first.clock.advance(by: .seconds(30))
        let running = await wire.attempt(1).id
        try await first.approve(ids[2])
        let second = try world.live(wire, after: 10, rules: rules, sealer: sealer)
        try equal(second.takenUp?.unreadable, 4, "unreadable calls")
        second.clock.advance(by: .seconds(60))
        for id in ids where id != running {
          await second.end(of: id)
          try equal(second.store.call(id)?.state, .cancelled, "state")
        }
        try equal(try second.state(running), .unknown, "the one that ran")
        try expect(try await !second.runAgain(running).isDone, "it was run again with marks")
        try equal(wire.executions, 1, "executions")
        try expect(try await second.settle(running).isDone, "it can't be settled")
      }
    },
    RestartCase("without the key what a call waits for still ends it") { world in
      let wire = TestFunction("wire", .fail(.cut))
      let (ask, other) = try falling(.hold(whenCancelled: .maybe), .echo)
      let first = try world.live(wire, ask, other)
      let id = await first.submit("wire", ["password": "hunter2"]).id
      first.begin("ask", ["password": "hunter2"])
      _ = await other.attempt(1)
      first.store.dies { $0.calls.contains { $0.record.call.rerun != nil } }
      Task { try await first.runAgain(id) }
      await first.store.death()
      let second = try world.live(wire, ask, other, after: 60, sealer: Sealer(Sealer.MasterKey()))
      try equal(try second.call(id).rerun, nil, "run again")
      try expect(try await second.settle(id).isDone, "it can't be settled")
      let parent = try second.newest("ask").id
      await second.end(of: parent)
      try expect(second.store.call(parent)?.state.isEnded == true, "it has not ended")
      try equal(other.executions, 1, "executions of the fallback")
    },
    RestartCase("a model hears what it heard before, secrets in place") { world in
      let text = "pay with 4111 1111 1111 1111"
      let first = try world.live()
      let model = TestModel(.hold)
      let talk = try first.talk(model, text)
      _ = await model.asked(1)
      try world.between { store in
        let stored = try JSONValue(encoding: try need(store.conversation(talk), "conversation"))
        try expect(!stored.serialized().contains("4111"), "the store has it in clear")
      }
      let again = TestModel(.hold)
      _ = try world.live(after: 60, model: again)
      try equal(await again.asked(1).request.messages.map(\.text), [text], "messages")
    },
    RestartCase("without the key a conversation with secrets ends, and its calls do not start") {
      world in
      for sealer in [Sealer(Sealer.MasterKey()), nil] {
        let wire = TestFunction("wire")
        let first = try world.live(wire, rules: [asking("wire")])
        let talk = try first.talk(
          TestModel(.call(("t_wire", "{}"))),
          "pay with 4111 1111 1111 1111"
        )
        let event = await first.events.wait(for: .awaitingApproval, function: "t.wire")
        let id = try need(event.call?.id, "call")
        let again = TestModel(.say("thanks"))
        let second = try world.live(
          wire,
          after: 60,
          rules: [asking("wire")],
          model: again,
          sealer: sealer
        )
        try equal(await second.engine.ended(talk)?.state.word, .failed, "conversation")
        await second.end(of: id)
        try equal(second.store.call(id)?.state, .cancelled, "state")
        try equal(again.count, 0, "times the model was asked")
      }
    },
  ]
}
