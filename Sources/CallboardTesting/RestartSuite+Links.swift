import Callboard
import Foundation
import JSONSchema

/// Calls that wait for others, and what people have set.
extension RestartSuite {
  // MARK: - Calls that wait for others

  static let linked = [
    RestartCase("an unknown call whose run again succeeded in the last moment is superseded") {
      world in
      let wire = TestFunction("wire", .fail(.cut), .answer("sent"))
      let first = try world.live(wire)
      let id = await first.submit("wire").id
      let rerun = try await runningAgain(first, id)
      first.store.dies { $0.calls.contains { $0.record.call.id == rerun && $0.isEnd } }
      Task { try await first.approve(rerun) }
      await first.store.death()
      let second = try world.live(wire, after: 60)
      try equal(await second.end(of: id)?.source, .rerun, "what its caller hears")
      try equal(second.store.call(id)?.outcome?.failure?.kind, .superseded, "failure")
      try equal(second.store.call(id)?.state, .failed, "state")
      try equal(second.store.call(rerun)?.outcome?.value?.original, "sent", "result")
      try equal(wire.executions, 2, "executions")
      try equal(Set(wire.invocations.map(\.idempotencyKey)).count, 1, "keys")
    },
    RestartCase("an unknown call whose run again was never stored can be settled") { world in
      let wire = TestFunction("wire", .fail(.cut))
      let first = try world.live(wire)
      let id = await first.submit("wire").id
      first.store.dies { $0.calls.contains { $0.record.call.rerun != nil } }
      Task { try await first.runAgain(id) }
      await first.store.death()
      let second = try world.live(wire, after: 60)
      try equal(try second.call(id).rerun, nil, "run again")
      let reply = try await second.settle(id)
      try expect(reply.isDone, reply.message)
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("a run again that waits goes on waiting, and then stands for its call") { world in
      let wire = TestFunction("wire", .fail(.cut), .answer("sent"))
      let first = try world.live(wire)
      let id = await first.submit("wire").id
      let rerun = try await runningAgain(first, id)
      let second = try world.live(wire, after: 60)
      try expect(try await second.approve(rerun).isDone, "it can't be approved")
      try equal(await second.end(of: id)?.source, .rerun, "what its caller hears")
      try equal(second.store.call(id)?.outcome?.failure?.kind, .superseded, "failure")
      try equal(Set(wire.invocations.map(\.idempotencyKey)).count, 1, "keys")
    },
    RestartCase("a run again that ran is unknown too, and settling it stands for its call") {
      world in
      let wire = TestFunction("wire", .fail(.cut), .hold(whenCancelled: .maybe), .echo)
      let first = try world.live(wire)
      let id = await first.submit("wire").id
      let rerun = try await runningAgain(first, id)
      try await first.approve(rerun)
      _ = await wire.attempt(2)
      let second = try world.live(wire, after: 60)
      try equal(try second.state(rerun), .unknown, "the run again")
      let refused = try await second.settle(id)
      try expect(!refused.isDone, "a call that is being run again was settled")
      let reply = try await second.settle(rerun)
      try expect(reply.isDone, reply.message)
      try equal(await second.end(of: id)?.source, .rerun, "what its caller hears")
      try equal(second.store.call(id)?.outcome?.failure?.kind, .superseded, "failure")
      try equal(wire.executions, 2, "executions")
    },
    RestartCase("a call whose fallback was never stored fails with its own failure") { world in
      let (ask, other) = try falling()
      let first = try world.live(ask, other)
      first.store.dies { $0.calls.contains { $0.record.call.child != nil } }
      first.begin("ask")
      await first.store.death()
      let second = try world.live(ask, other, after: 60)
      let id = try second.newest("ask").id
      try equal(await second.end(of: id)?.failure?.kind, .serverError, "failure")
      try equal(other.executions, 0, "executions of the fallback")
    },
    RestartCase("a call whose fallback ended in the last moment has its answer") { world in
      let (ask, other) = try falling(.answer("instead"))
      let first = try world.live(ask, other)
      first.store.dies { $0.calls.contains { $0.record.call.function == "t.other" && $0.isEnd } }
      first.begin("ask")
      await first.store.death()
      let second = try world.live(ask, other, after: 60)
      let id = try second.newest("ask").id
      try equal(await second.end(of: id)?.value?.original, "instead", "result")
      try equal(second.store.call(id)?.outcome?.source, .degraded, "source")
      try equal(other.executions, 1, "executions of the fallback")
    },
    RestartCase("a call waits on for its fallback, which runs again") { world in
      let (ask, other) = try falling(.hold(whenCancelled: .maybe), .answer("instead"))
      let first = try world.live(ask, other)
      first.begin("ask")
      _ = await other.attempt(1)
      let second = try world.live(ask, other, after: 60)
      let id = try second.newest("ask").id
      try equal(await second.end(of: id)?.value?.original, "instead", "result")
      try equal(other.executions, 2, "executions of the fallback")
      try equal(ask.executions, 1, "executions")
    },
    RestartCase("a fallback that waited for its slot is run, because a call waits for it") {
      world in
      let (ask, other) = try falling(.hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let first = try world.live(ask, other)
      first.begin("other", ["n": 1])
      _ = await other.attempt(1)
      first.begin("ask", ["n": 2])
      await first.events.wait(for: .queued, function: "t.other", 2)
      let second = try world.live(ask, other, after: 60)
      let id = try second.newest("ask").id
      try equal(await second.end(of: id)?.value?.original, ["n": 2], "result")
    },
    RestartCase("a cancelled call and its fallback that ran are cancelled both") { world in
      let (ask, other) = try falling(.ignoreCancellation)
      let first = try world.live(ask, other)
      first.begin("ask")
      let child = await other.attempt(1).id
      let id = try first.newest("ask").id
      try expect(try await first.cancel(id).isDone, "it can't be cancelled")
      await first.events.wait(for: .stopping, of: child)
      let second = try world.live(ask, other, after: 60)
      await second.end(of: id)
      try equal(second.store.call(child)?.state, .cancelled, "the fallback")
      try equal(second.store.call(id)?.state, .cancelled, "state")
    },
    RestartCase("a cancelled call whose fallback had not heard of it cancels it") { world in
      for plan in [TestFunction.Behaviour.ignoreCancellation, .hold(whenCancelled: .maybe)] {
        let (ask, other) = try falling(plan)
        let first = try world.live(ask, other)
        first.begin("ask")
        let child = await other.attempt(1).id
        let id = try first.newest("ask").id
        first.store.dies { $0.calls.contains { $0.record.call.id == id } && $0.brings(.stopping) }
        Task { try await first.cancel(id) }
        await first.store.death()
        let second = try world.live(ask, other, after: 60)
        await second.end(of: id)
        try equal(second.store.call(child)?.state, .cancelled, "the fallback")
        try equal(second.store.call(id)?.state, .cancelled, "state")
        try equal(other.executions, 1, "executions of the fallback")
      }
    },
    RestartCase("a cancelled call whose fallback was never stored is cancelled") { world in
      let (ask, other) = try falling()
      let first = try world.live(ask, other)
      first.store.dies { $0.calls.contains { $0.record.call.child != nil } }
      first.begin("ask")
      await first.store.death()
      var id: CallID?
      try world.between { store in
        guard var (call, _) = try store.unfinished().calls.first else { return }
        let stored = call.history.count
        var generator = SeededGenerator(seed: 1)
        _ = try call.handle(
          .cancel(by: maria),
          function: nil,
          now: call.receivedAt,
          using: &generator
        )
        _ = try store.commit(StoreChange(calls: [CallChange(CallRecord(call), stored: stored)]))
        id = call.id
      }
      let second = try world.live(ask, other, after: 60)
      let cancelled = try need(id, "call")
      await second.end(of: cancelled)
      try equal(second.store.call(cancelled)?.state, .cancelled, "state")
      try equal(other.executions, 0, "executions of the fallback")
    },
  ]

  /// Runs an unknown call again; returns the call that waits for its approval.
  static func runningAgain(_ life: Life, _ id: CallID) async throws -> CallID {
    let reply = try await life.runAgain(id)
    try expect(reply.isDone, reply.message)
    return try need(try life.call(id).rerun, "run again")
  }

  /// A function that fails, and the one that answers in its place.
  static func falling(
    _ plan: TestFunction.Behaviour...,
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  ) throws -> (TestFunction, TestFunction) {
    let name = try need(FunctionName("t.other"), "name")
    let ask = read("ask", .fail(CallFailure(.serverError, "it said no", reach: .answered))) {
      $0.fallback = .function(name)
    }
    let other = TestFunction("other", all: plan.isEmpty ? [.echo] : plan) { definition in
      definition.effect = .read
      configure(&definition)
    }
    return (ask, other)
  }

  // MARK: - Switches

  static let settings = [
    RestartCase("what people have switched off and held stays so, and says by whom") { world in
      let look = read("look", .echo)
      let wire = TestFunction("wire")
      let first = try world.live(look, wire, rules: [asking("wire"), free])
      let id = await first.submit("wire").id
      let off = Request.setFunction("t.look", from: true, to: false)
      try expect(await first.engine.perform(off, by: omar).isDone, "it can't be switched off")
      try expect(
        await first.engine.perform(.hold(from: false, to: true), by: maria).isDone,
        "it can't be held"
      )
      let second = try world.live(look, wire, after: 60, rules: [asking("wire"), free])
      try equal(second.header.held?.by, "maria", "who holds it")
      let refusal = await second.submit("look").failure
      try equal(refusal?.kind, .functionOff, "failure")
      try expect(refusal?.message.contains("omar") == true, "it says \(refusal?.message ?? "")")
      try expect(try await !second.approve(id).isDone, "a held call was approved")
      let release = Request.hold(from: true, to: false)
      try expect(await second.engine.perform(release, by: maria).isDone, "it can't be released")
      let on = Request.setFunction("t.look", from: false, to: true)
      try expect(await second.engine.perform(on, by: omar).isDone, "it can't be switched on")
      let third = try world.live(look, wire, after: 60, rules: [asking("wire"), free])
      try equal(third.header.held, nil, "hold")
      try expect(await third.submit("look").failure == nil, "it is still off")
      try expect(try await third.approve(id).isDone, "it can't be approved")
    },
    RestartCase("a queued call of a function that is off waits until it is on") { world in
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
      let rules = [asking("wire")]
      let first = try world.live(wire, rules: rules)
      let running = await first.submit("wire").id
      try await first.approve(running)
      _ = await wire.attempt(1)
      let id = await first.submit("wire").id
      try await first.approve(id)
      let off = Request.setFunction("t.wire", from: true, to: false)
      try expect(await first.engine.perform(off, by: omar).isDone, "it can't be switched off")
      let second = try world.live(wire, after: 60, rules: rules)
      await second.settleDown()
      try equal(try second.state(id), .queued, "state")
      try equal(wire.executions, 1, "executions")
      let on = Request.setFunction("t.wire", from: false, to: true)
      try expect(await second.engine.perform(on, by: omar).isDone, "it can't be switched on")
      try expect(await second.end(of: id)?.value != nil, "it did not run")
    },
  ]
}
