import Callboard
import Foundation
import JSONSchema

/// Runs of workflows: no step is lost, and none is done twice.
extension RestartSuite {
  static let workflows = [
    RestartCase("a run whose call was stored and never admitted goes on with that call") { world in
      let (look, wire) = (read("look", .answer(["n": 1])), TestFunction("wire", .answer("sent")))
      let first = try world.live(look, wire)
      first.store.dies { $0.run != nil }
      let run = try first.run(chain)
      await first.store.death()
      let second = try world.live(look, wire, after: 60)
      try equal(second.takenUp?.runs, 1, "runs that were taken up")
      try equal(await second.engine.ended(run)?.state, .succeeded, "run")
      try equal(look.executions, 1, "executions of the first step")
      try equal(wire.executions, 1, "executions of the second step")
      try equal(second.stepCalls(of: run).count, 2, "calls")
    },
    RestartCase("the end of a call that its run did not hear of counts") { world in
      let (look, wire) = (read("look", .answer(["n": 1])), TestFunction("wire", .answer("sent")))
      let first = try world.live(look, wire)
      first.store.dies { $0.brings(CallState.Word.succeeded) }
      let run = try first.run(chain)
      await first.store.death()
      let second = try world.live(look, wire, after: 60)
      try equal(await second.engine.ended(run)?.state, .succeeded, "run")
      try equal(look.executions, 1, "executions of the first step")
      try equal(wire.executions, 1, "executions of the second step")
      try equal(wire.invocations.last?.arguments, ["n": 1], "arguments of the second step")
    },
    RestartCase("a step that waits for a person waits on, and the run goes on when it is approved")
    {
      world in
      let (look, wire) = (read("look", .answer(["n": 1])), TestFunction("wire", .answer("sent")))
      let rules = [asking("wire"), free]
      let first = try world.live(look, wire, rules: rules)
      let run = try first.run(chain)
      let id = try need(
        await first.events.wait(for: .awaitingApproval, function: "t.wire").call?.id,
        "call"
      )
      let second = try world.live(look, wire, after: 60, rules: rules)
      try equal(try second.state(id), .awaitingApproval, "state")
      try expect(try await second.approve(id).isDone, "it can't be approved")
      try equal(await second.engine.ended(run)?.output?.shown, ["sent": "sent"], "output")
      try equal(look.executions, 1, "executions of the first step")
    },
    RestartCase(
      "a write of a run that may have happened is unknown, and the run waits for a person"
    ) {
      world in
      let (look, wire) = (
        read("look", .answer(["n": 1])), TestFunction("wire", .hold(whenCancelled: .maybe))
      )
      let first = try world.live(look, wire)
      let run = try first.run(chain)
      let id = await wire.attempt(1).id
      let second = try world.live(look, wire, after: 60)
      await second.settleDown()
      try equal(try second.state(id), .unknown, "state")
      try equal(second.store.run(run)?.run.state.word, .running, "run")
      try expect(try await second.settle(id).isDone, "it can't be settled")
      try equal(await second.engine.ended(run)?.output?.shown, ["sent": "it did"], "output")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase("a run that was being cancelled is cancelled") { world in
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
      let first = try world.live(wire)
      let run = try first.run(["workflow": "w", "steps": [["id": "a", "call": "t.wire"]]])
      _ = await wire.attempt(1)
      first.store.dies { $0.run?.run.state.word == .stopping }
      Task { await first.engine.perform(.cancelRun(run), by: maria) }
      await first.store.death()
      let second = try world.live(wire, after: 60)
      try equal(await second.engine.ended(run)?.state, .cancelled, "run")
      try equal(wire.executions, 1, "executions")
    },
    RestartCase(
      "a run that failed is retried after a restart from what failed, with what had finished"
    ) { world in
      let look = read("look", .answer(["n": 1]))
      let wire = TestFunction("wire", .fail(.unsent), .answer("sent")) { definition in
        definition.retry.maxAttempts = 1
      }
      let first = try world.live(look, wire)
      let run = try first.run(chain)
      let failed = try need(await first.engine.ended(run), "run")
      try equal(failed.state.word, .failed, "run")
      let second = try world.live(look, wire, after: 60)
      let stale = await second.engine.perform(.retryRun(run, revision: 0), by: maria)
      try expect(!stale.isDone, "a retry of what was not seen counts")
      let reply = await second.engine.perform(
        .retryRun(run, revision: failed.revision),
        by: maria
      )
      try expect(reply.isDone, reply.message)
      try equal(await second.engine.ended(run)?.output?.shown, ["sent": "sent"], "output")
      try equal(look.executions, 1, "executions of the first step")
      try equal(wire.executions, 2, "executions of the second step")
    },
    RestartCase("secrets of a run stay sealed, and its steps have them after a restart") { world in
      let look = read("look", .answer(["password": "hunter2hunter2"]))
      let wire = TestFunction("wire", .echo)
      let steps: JSONValue = [
        "workflow": "w",
        "steps": [
          ["id": "look", "call": "t.look"],
          [
            "id": "wire", "needs": ["look"], "call": "t.wire",
            "with": ["by": "${look.password}", "and": "${input.password}"],
          ],
        ],
        "output": "${wire.by}",
      ]
      let first = try world.live(look, wire)
      first.store.dies { $0.brings(CallState.Word.succeeded) }
      let run = try first.run(steps, input: ["password": "letmein-letmein"])
      await first.store.death()
      let second = try world.live(look, wire, after: 60)
      let ended = try need(await second.engine.ended(run), "run")
      try equal(ended.state, .succeeded, "state")
      try equal(
        wire.invocations.last?.arguments,
        ["by": "hunter2hunter2", "and": "letmein-letmein"],
        "arguments"
      )
      let kept = try need(second.store.run(run)?.run, "run in the store")
      let text = try JSONValue(encoding: kept).serialized()
      try expect(!text.contains("hunter2") && !text.contains("letmein"), "it holds " + text)
      let events = second.store.events(after: 0, limit: 1000).map { $0.json.serialized() }
      try expect(!events.contains { $0.contains("hunter2") }, "an event holds it")
      for call in second.stepCalls(of: run) {
        let text = try JSONValue(encoding: call).serialized()
        try expect(!text.contains("hunter2") && !text.contains("letmein"), "a call holds " + text)
      }
    },
    RestartCase("a run whose secrets can't be opened fails, and starts nothing") { world in
      let (look, wire) = (
        read("look", .answer(["password": "hunter2hunter2"])), TestFunction("wire")
      )
      let first = try world.live(look, wire)
      first.store.dies { $0.brings(CallState.Word.succeeded) }
      let run = try first.run(chain, input: ["password": "letmein-letmein"])
      await first.store.death()
      let second = try world.live(look, wire, after: 60, sealer: Sealer(Sealer.MasterKey()))
      try equal(await second.engine.ended(run)?.state.word, .failed, "run")
      try equal(wire.executions, 0, "executions")
    },
    RestartCase("a model that a run asks is asked once, whatever was stored of it") { world in
      let model = TestModel(.hold, name: "clerk")
      let first = try world.live(models: { _ in nil }, offered: [model])
      first.store.dies { $0.conversation != nil }
      let run = try first.run([
        "workflow": "w", "steps": [["id": "a", "ask": ["model": "clerk", "prompt": "Say it."]]],
        "output": "${a.text}",
      ])
      await first.store.death()
      let again = TestModel(.say("it"), name: "clerk")
      let second = try world.live(after: 60, models: { _ in again }, offered: [again])
      try equal(await second.engine.ended(run)?.output?.shown, "it", "output")
      try equal(again.count, 1, "times the model was asked")
    },
    RestartCase("a run that dies at any commit, and then at another one, does each step once") {
      world in
      for last in 1... {
        guard try await runDies(world, after: last, then: last * 5 % 9 + 1) else { break }
      }
    },
  ]

  /// A read, and a write of what it gave.
  static let chain: JSONValue = [
    "workflow": "chain",
    "steps": [
      ["id": "look", "call": "t.look"],
      ["id": "wire", "needs": ["look"], "call": "t.wire", "with": ["n": "${look.n ?? 0}"]],
    ],
    "output": ["sent": "${wire}"],
  ]

  /// Plays a run in three lives; false where the first one did not die any more.
  static func runDies(_ world: World, after last: Int, then next: Int) async throws -> Bool {
    // An attempt counts from its start, also where a death came before it did anything.
    let look = read("look", .fail(.unsent), .answer(["ids": [1, 2]])) { $0.retry.maxAttempts = 4 }
    let put = TestFunction("put", .fail(.cut), .echo) { definition in
      definition.effect = .idempotent
      definition.retry.maxAttempts = 4
    }
    let wire = TestFunction("wire")
    let rules = [asking("wire"), free]
    let document: JSONValue = [
      "workflow": "w",
      "steps": [
        ["id": "look", "call": "t.look"],
        [
          "id": "put", "needs": ["look"], "call": "t.put", "with": ["id": "${item}"],
          "for_each": ["in": "${look.ids}", "most": 5],
        ],
        ["id": "other", "call": "t.look", "required": false],
        [
          "id": "wire", "needs": ["put", "other"], "call": "t.wire",
          "with": ["last": .integer(Int64(last)), "next": .integer(Int64(next))],
        ],
      ],
      "output": "${put}",
    ]
    let first = try world.live(look, put, wire, rules: rules)
    first.store.dies(afterCommits: last)
    let run = try first.run(document)
    await play(first)
    let hasDied = first.store.isDead
    let second = try world.live(look, put, wire, after: 5, rules: rules)
    second.store.dies(afterCommits: next)
    await play(second)
    let third = try world.live(look, put, wire, after: 5, rules: rules)
    await play(third)
    let at = " where it died after commit \(last), and then after \(next)"
    // What was not stored has never been.
    if let ended = third.store.run(run)?.run {
      try equal(ended.state, .succeeded, "run" + at)
      try equal(ended.output?.shown, [["id": 1], ["id": 2]], "output" + at)
      let calls = third.stepCalls(of: run)
      try equal(calls.count, 5, "calls" + at)
    }
    let keys = wire.invocations.map(\.idempotencyKey)
    try equal(Set(keys).count, keys.count, "executions of a write" + at)
    try expect(keys.count <= 1, "the write was done \(keys.count) times" + at)
    return hasDied
  }
}

extension Life {
  /// Starts a run of the agent.
  func run(_ document: JSONValue, input: JSONValue = [:]) throws -> RunID {
    try engine.start(try Workflow(document), input: input, by: agent)
  }

  /// The calls that the store has of a run.
  func stepCalls(of run: RunID) -> [Call] {
    store.calls(HistoryQuery(ListQuery(after: 10_000))).items.filter { $0.step?.run == run }
  }
}
