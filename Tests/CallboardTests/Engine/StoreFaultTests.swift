import Callboard
import CallboardTesting
import JSONSchema
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct StoreFaultTests {
  private let full = StoreFault("the disk is full")

  @Test func `a call that can't be stored has not happened, and its caller hears why`() async throws
  {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, store: store)
    store.fail(full)
    let failure = await rig.submit("look").failure
    #expect(failure?.kind == .storeFailed)
    #expect(failure?.message == "the disk is full")
    #expect(look.executions == 0)
    #expect(rig.header.storeFault == "the disk is full")
    #expect(rig.header.live == 0)
  }

  @Test func `a decision that can't be stored is refused, and counts once the fault is over`()
    async throws
  {
    let store = FaultyStore()
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    let waiting = await rig.submit("wire")
    store.fail(full)
    let refused = try await rig.approve(waiting.id)
    #expect(!refused.isDone)
    #expect(try rig.row(waiting.id).state == .awaitingApproval)
    #expect(rig.header.waiting == 1)
    store.fail(nil)
    try await rig.approve(waiting.id)
    #expect(await rig.engine.outcome(of: waiting.id)?.value != nil)
    #expect(wire.executions == 1)
    #expect(rig.header.storeFault == nil)
    let recovered = rig.events.all { $0.type == .engine(.storeRecovered) }
    #expect(recovered.map(\.cause) == ["it could not write before: the disk is full"])
  }

  @Test
  func `a hold or a switch that can't be stored counts at once, and says that it is not stored`()
    async throws
  {
    let store = FaultyStore()
    let rig = try Rig(TestFunction("wire"), store: store)
    store.fail(full)
    let held = await rig.engine.perform(.hold(from: false, to: true), by: maria)
    #expect(held.isDone)
    #expect(held.message.contains("NOT STORED (the disk is full)"))
    #expect(rig.header.held != nil)
    let off = await rig.engine.perform(.setFunction("t.wire", from: true, to: false), by: maria)
    #expect(off.message.contains("NOT STORED (the disk is full)"))
    for reply in [held, off] {
      guard case .notStored = reply else {
        Issue.record("it is told from what is stored: \(reply)")
        return
      }
    }
  }

  @Test func `a grant that can't be stored approves nothing`() async throws {
    let store = FaultyStore()
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    store.fail(full)
    let draft = GrantDraft(function: "t.wire", seconds: 600)
    let reply = await rig.engine.perform(.grant(draft, waiting: []), by: maria)
    #expect(!reply.isDone)
    store.fail(nil)
    // It is refused, because the store was known to fail; that is stored, and so the store works.
    #expect(await rig.submit("wire").failure?.kind == .storeFailed)
    #expect(await rig.submit("wire").isPending)
    #expect(wire.executions == 0)
  }

  @Test func `a run again that can't be stored is refused`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, store: store)
    let first = await rig.submit("look")
    store.fail(full)
    let reply = try await rig.runAgain(first.id)
    #expect(!reply.isDone)
    #expect(look.executions == 1)
  }

  // MARK: - After the fault

  /// Waits until the engine has met the fault.
  private func met(_ rig: Rig) async { await eventually { rig.header.storeFault != nil } }

  /// Ends the fault; nothing else but the engine's own try tells it so.
  private func mend(_ store: FaultyStore, _ rig: Rig) async {
    store.fail(nil)
    await rig.advance(by: .seconds(1)) { rig.header.storeFault == nil }
  }

  @Test(arguments: [false, true])
  func `of a write whose end can't be stored nobody hears that it failed when the engine stops`(
    isLate: Bool
  ) async throws {
    let store = FaultyStore(failsLate: isLate)
    let (wire, put) = (held("wire"), held("put", .idempotent))
    let rig = try Rig(wire, put, store: store)
    let calls = [rig.begin("wire"), rig.begin("put")]
    let attempts = [await wire.attempt(1), await put.attempt(1)]
    store.fail(full)
    for attempt in attempts { attempt.answer("sent") }
    await met(rig)
    await eventually { (try? rig.row(attempts[0].id).state) == .succeeded }
    let isOver = Atomic(false)
    let stopping = Task {
      await rig.engine.stop(patience: .zero)
      isOver.store(true, ordering: .relaxed)
    }
    await rig.advance(by: .milliseconds(20)) { isOver.load(ordering: .relaxed) }
    await stopping.value
    let heard = [await calls[0].value.failure, await calls[1].value.failure]
    #expect(heard.map(\.?.kind) == [.outcomeUnknown, .engineStopped])
    #expect(heard.map(\.?.reach) == [.maybe, .maybe])
    #expect(heard.map(\.?.isRetryable) == [false, true])
    #expect(heard[0]?.message.contains("is not stored. Do not repeat it.") == true)
    #expect(rig.engine.writesWithoutWord(lineIsLost: isLate) == [attempts[0].id])
  }

  private func held(_ name: String, _ effect: FunctionEffect = .write) -> TestFunction {
    TestFunction(name, .hold(whenCancelled: .maybe), .echo) { definition in
      definition.effect = effect
      definition.timeout = .seconds(3600)
    }
  }

  @Test func `a result that can't be stored is told to nobody, and counts when it can`()
    async throws
  {
    let store = FaultyStore()
    let wire = held("wire")
    let rig = try Rig(wire, store: store)
    let call = rig.begin("wire")
    let attempt = await wire.attempt(1)
    store.fail(full)
    attempt.answer("sent")
    await met(rig)
    rig.clock.advance(by: .seconds(60))
    #expect(rig.events.states(of: attempt.id).last == .running)
    #expect(rig.header.storeFault == "the disk is full")
    await mend(store, rig)
    #expect(await call.value.value == "sent")
    #expect(rig.events.states(of: attempt.id).last == .succeeded)
    #expect(store.call(attempt.id)?.outcome?.value?.original == "sent")
    #expect(rig.header.storeFault == nil)
    #expect(rig.header.live == 0)
    #expect(rig.events.all { $0.type == .engine(.storeRecovered) }.count == 1)
  }

  @Test func `any commit that goes through ends the fault`() async throws {
    let store = FaultyStore()
    let wire = held("wire")
    let rig = try Rig(wire, TestFunction("look"), store: store)
    let call = rig.begin("wire")
    let attempt = await wire.attempt(1)
    store.fail(full)
    attempt.answer("sent")
    await met(rig)
    store.fail(nil)
    // It is refused, because the store was known to fail; that is stored, and so the store works.
    #expect(await rig.submit("look").failure?.kind == .storeFailed)
    #expect(await call.value.value == "sent")
    #expect(await rig.submit("look").failure == nil)
  }

  @Test func `a failure that can't be stored is tried again when it can`() async throws {
    let store = FaultyStore()
    let look = held("look", .read)
    let rig = try Rig(look, store: store)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    store.fail(full)
    attempt.fail(.notSent())
    await met(rig)
    await mend(store, rig)
    await rig.events.wait(for: .backingOff, of: attempt.id)
    await rig.advance(by: .milliseconds(100)) { look.executions == 2 }
    #expect(await call.value.failure == nil)
  }

  @Test func `an unknown outcome that can't be stored is known when it can`() async throws {
    let store = FaultyStore()
    let wire = held("wire")
    let rig = try Rig(wire, store: store) { $0.isUnattended = true }
    let model = TestModel(.call(("t_wire", "{}")))
    let talk = try rig.talk(model)
    let attempt = await wire.attempt(1)
    store.fail(full)
    attempt.fail(.maybe())
    await met(rig)
    #expect(rig.header.unknown == 0)
    #expect(model.count == 1)
    await mend(store, rig)
    await rig.events.wait(for: .unknown, of: attempt.id)
    #expect(await model.asked(2).answers.first?.contains("outcome_unknown") == true)
    _ = await rig.engine.ended(talk)
    #expect(rig.header.unknown == 1)
    let settle = Request.settle(
      attempt.id,
      revision: try rig.call(attempt.id).revision,
      .happened(Payload("yes"))
    )
    #expect(await rig.engine.perform(settle, by: maria).isDone)
  }

  @Test func `a start that can't be stored invokes nothing, and is made when it can`() async throws
  {
    let store = FaultyStore()
    let first = held("first")
    let wire = TestFunction("wire")
    let rig = try Rig(first, wire, store: store) { $0.slots = 1 }
    let calls = [rig.begin("first")]
    let attempt = await first.attempt(1)
    let queued = rig.begin("wire")
    await rig.queued("wire", 1)
    store.fail(full)
    attempt.answer("done")
    await rig.queued("wire", 0)
    rig.clock.advance(by: .seconds(10))
    #expect(wire.executions == 0)
    #expect(rig.header.queued == 1)
    await mend(store, rig)
    #expect(await queued.value.failure == nil)
    #expect(await calls[0].value.value == "done")
    #expect(wire.executions == 1)
  }

  @Test func `an approved call that can't be stored as started is checked anew when it can`()
    async throws
  {
    let store = FaultyStore()
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    let ids = [await rig.submit("wire").id, await rig.submit("wire").id]
    let outcomes = ids.map { id in Task { await rig.engine.outcome(of: id) } }
    store.fail(full, after: 1)
    #expect(try await rig.approve(ids[0]).isDone)
    await met(rig)
    #expect(try rig.row(ids[0]).state == .queued)
    await mend(store, rig)
    #expect(await outcomes[0].value?.failure == nil)
    // Too long after its decision it does not start any more.
    store.fail(full, after: 1)
    #expect(try await rig.approve(ids[1]).isDone)
    await met(rig)
    rig.clock.advance(by: .seconds(301))
    await mend(store, rig)
    #expect(await outcomes[1].value?.failure?.kind == .expired)
    #expect(wire.executions == 1)
  }

  @Test func `an answer from the cache, and a flight that is joined, wait for the store`()
    async throws
  {
    let store = FaultyStore()
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(ttl: .seconds(600))
    }
    let asks = ApprovalRules.Rule(caller: "asking")
    let shared = CachePolicy(ttl: .seconds(600), scope: .shared)
    let both = TestFunction("both", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.cache = shared
    }
    let rig = try Rig(look, both, rules: [asks, free], store: store)
    let person = Principal.caller("asking")
    let leader = rig.begin("both")
    let attempt = await both.attempt(1)
    let joins = await rig.submit("both", by: person).id
    let hits = await rig.submit("both", by: person).id
    let outcomes = [joins, hits].map { id in Task { await rig.engine.outcome(of: id) } }
    store.fail(full, after: 1)
    #expect(try await rig.approve(joins).isDone)
    await met(rig)
    await mend(store, rig)
    await rig.events.wait { $0.call?.id == joins && $0.cause == "joined an identical call" }
    attempt.answer("found")
    #expect(await leader.value.value == "found")
    #expect(await outcomes[0].value?.source == .shared)
    store.fail(full, after: 1)
    #expect(try await rig.approve(hits).isDone)
    await met(rig)
    #expect(try rig.row(hits).state == .queued)
    await mend(store, rig)
    #expect(await outcomes[1].value?.source == .hit)
    #expect(both.executions == 1)
  }

  @Test func `the end of a flight that can't be stored ends who joined it when it can`()
    async throws
  {
    let store = FaultyStore()
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(ttl: .seconds(600))
    }
    let rig = try Rig(look, store: store)
    let calls = [rig.begin("look", ["n": 1])]
    let attempt = await look.attempt(1)
    let joined = (0..<3).map { _ in rig.begin("look", ["n": 1]) }
    await rig.events.wait(3) { $0.cause == "joined an identical call" }
    store.fail(full)
    attempt.answer("found")
    await met(rig)
    await mend(store, rig)
    for call in calls + joined { #expect(await call.value.value == "found") }
    #expect(look.executions == 1)
  }

  @Test func `a call that waits for its breaker goes on after the fault`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look") { $0.effect = .read }
    let rig = try Rig(look, rules: [asking("look")], store: store)
    let id = await rig.submit("look").id
    let outcome = Task { await rig.engine.outcome(of: id) }
    _ = await rig.engine.perform(.setBreaker("t.look", from: .closed, to: .open), by: maria)
    store.fail(full, after: 1)
    #expect(try await rig.approve(id).isDone)
    await met(rig)
    #expect(try rig.row(id).state == .queued)
    await mend(store, rig)
    await rig.events.wait(for: .backingOff, of: id)
    _ = await rig.engine.perform(.setBreaker("t.look", from: .open, to: .closed), by: maria)
    await rig.advance(by: .seconds(1)) { look.executions == 1 }
    #expect(await outcome.value?.failure == nil)
  }

  @Test func `a wait between attempts that ends in the fault ends after it`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look", .fail(.notSent()), .echo)
    let rig = try Rig(look, store: store)
    let call = rig.begin("look")
    await rig.events.wait(for: .backingOff, function: "t.look")
    store.fail(full)
    await rig.advance(by: .milliseconds(100)) { rig.header.storeFault != nil }
    rig.clock.advance(by: .seconds(30))
    #expect(rig.header.backingOff == 1)
    await mend(store, rig)
    #expect(await call.value.failure == nil)
    #expect(look.executions == 2)
  }

  @Test func `grace times, expiries and waits in line that end in the fault end after it`()
    async throws
  {
    let store = FaultyStore()
    let busy = held("busy")
    let graced = TestFunction("graced")
    let late = TestFunction("late")
    let rig = try Rig(
      busy,
      graced,
      late,
      rules: [asking("graced", grace: 15), asking("late", expires: 895), free],
      store: store
    ) { $0.slots = 1 }
    let approved = await rig.submit("graced").id
    let unasked = await rig.submit("late").id
    let outcomes = [approved, unasked].map { id in Task { await rig.engine.outcome(of: id) } }
    let running = rig.begin("busy")
    let attempt = await busy.attempt(1)
    let line = rig.begin("busy")
    await rig.queued("busy", 1)
    rig.clock.advance(by: .seconds(880))
    #expect(try await rig.approve(approved).isDone)
    store.fail(full)
    rig.clock.advance(by: .seconds(21))
    #expect(try rig.row(approved).state == .approved)
    #expect(try rig.row(unasked).state == .awaitingApproval)
    #expect(try rig.function("busy").queued == 1)
    await mend(store, rig)
    #expect(await line.value.failure?.kind == .expired)
    #expect(await outcomes[1].value?.failure?.kind == .expired)
    attempt.answer("done")
    #expect(await running.value.value == "done")
    #expect(await outcomes[0].value?.failure == nil)
    #expect(late.executions == 0)
  }

  @Test func `a fallback, and what it answers, wait for the store`() async throws {
    let store = FaultyStore()
    let other = held("other", .read)
    let name = try #require(FunctionName("t.other"))
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.retry = RetryPolicy(maxAttempts: 1)
      definition.fallback = .function(name)
    }
    let rig = try Rig(look, other, store: store)
    let call = rig.begin("look", ["n": 1])
    let attempt = await look.attempt(1)
    store.fail(full)
    attempt.fail(.notSent())
    await met(rig)
    #expect(other.executions == 0)
    await mend(store, rig)
    let child = await other.attempt(1)
    store.fail(full)
    child.answer("instead")
    await met(rig)
    await mend(store, rig)
    let outcome = await call.value.outcome
    #expect(outcome?.value?.original == "instead")
    #expect(outcome?.source == .degraded)
  }

  @Test func `a stop that can't be stored cancels its calls when it can`() async throws {
    let store = FaultyStore()
    let look = held("look", .read)
    let rig = try Rig(look, TestFunction("wire"), rules: [asking("wire"), free], store: store)
    let model = TestModel(.call(("t_look", "{}"), ("t_wire", "{}")))
    let talk = try rig.talk(model)
    let attempt = await look.attempt(1)
    let waiting = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    store.fail(full)
    #expect(await rig.engine.perform(.stopConversation(talk), by: maria).isDone)
    #expect(try rig.row(waiting).state == .awaitingApproval)
    await mend(store, rig)
    for id in [attempt.id, waiting] {
      #expect(await rig.events.wait(for: .cancelled, of: id).by == "maria")
    }
    await eventually { store.conversation(talk)?.state == .stopped }
    #expect(rig.events.all { $0.type == .conversation(.stopped) }.map(\.by) == ["maria"])
  }

  @Test func `an attempt that stopped in the fault is cancelled after it`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look", .ignoreCancellation) { $0.effect = .read }
    let rig = try Rig(look, store: store)
    let call = rig.begin("look")
    let attempt = await look.attempt(1)
    #expect(await rig.cancel(attempt.id).isDone)
    store.fail(full)
    rig.clock.advance(by: .seconds(5))
    await met(rig)
    #expect(rig.events.states(of: attempt.id).last == .stopping)
    await mend(store, rig)
    #expect(await call.value.failure?.kind == .cancelled)
    attempt.answer("late")
  }

  @Test func `a turn that can't be stored runs no call before it can`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, store: store)
    let model = TestModel(.hold, .say("done"))
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    store.fail(full)
    asked.call(("t_look", #"{"n":1}"#), ("t_look", #"{"n":2}"#))
    await met(rig)
    rig.clock.advance(by: .seconds(5))
    #expect(look.executions == 0)
    await mend(store, rig)
    #expect(await rig.engine.ended(talk)?.state == .finished)
    #expect(look.executions == 2)
    #expect(store.conversation(talk)?.state == .finished)
    let types = rig.events.all.map(\.type.text)
    let turn = try #require(types.firstIndex(of: "conversation.calling"))
    #expect(types[..<turn].contains("call.received") == false)
    #expect(types.filter { $0 == "call.received" }.count == 2)
  }

  @Test func `the admission of a model's call waits for the store`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look")
    let rig = try Rig(look, rules: [asking("look")], store: store)
    let model = TestModel(.hold, .say("done"))
    let talk = try rig.talk(model)
    let asked = await model.asked(1)
    store.fail(full, after: 1)
    asked.call(("t_look", "{}"))
    await met(rig)
    let received = try #require(rig.events.all { $0.type == .call(.received) }.first?.call?.id)
    #expect(try rig.row(received).state == .received)
    await mend(store, rig)
    await rig.events.wait(for: .awaitingApproval, of: received)
    #expect(try await rig.approve(received).isDone)
    #expect(await rig.engine.ended(talk)?.state == .finished)
  }

  @Test func `late results, and the ends of runs again, are evidence after the fault`() async throws
  {
    let store = FaultyStore()
    let wire = TestFunction("wire", .ignoreCancellation, .hold(whenCancelled: .maybe))
    let rig = try Rig(wire, store: store)
    let submission = rig.begin("wire")
    let attempt = await wire.attempt(1)
    rig.clock.advance(by: .seconds(30))
    #expect(await submission.value.isPending)
    #expect(try await rig.runAgain(attempt.id).isDone)
    let rerun = try #require(
      await rig.events.wait(for: .awaitingApproval, function: "t.wire").call?.id
    )
    #expect(try await rig.approve(rerun).isDone)
    let second = await wire.attempt(2)
    let outcome = Task { await rig.engine.outcome(of: attempt.id) }
    store.fail(full)
    attempt.answer("late")
    await met(rig)
    second.answer("again")
    await mend(store, rig)
    #expect(await outcome.value?.source == .rerun)
    #expect(store.call(attempt.id)?.outcome?.failure?.kind == .superseded)
    #expect(rig.events.all(of: attempt.id).contains { $0.cause?.contains("a late result") == true })
    #expect(rig.events.states(of: rerun).last == .succeeded)
  }

  @Test func `what a person asks for in the fault is refused, and nothing has happened`()
    async throws
  {
    let store = FaultyStore()
    let wire = TestFunction("wire", .fail(.maybe()))
    let rig = try Rig(wire, TestFunction("pay"), rules: [asking("pay"), free], store: store)
    let unknown = await rig.submit("wire").id
    let waiting = await rig.submit("pay").id
    let before = try [rig.call(unknown).revision, rig.call(waiting).revision]
    store.fail(full)
    let settle = Request.settle(unknown, revision: before[0], .didNotHappen(evidence: "none"))
    #expect(await rig.engine.perform(settle, by: maria).message == "the disk is full")
    #expect(try await rig.deny(waiting).message == "the disk is full")
    #expect(await rig.cancel(waiting).message == "the disk is full")
    #expect(try await rig.edit(waiting, ["n": 1]).message == "the disk is full")
    #expect(try await rig.runAgain(unknown).message == "the disk is full")
    await mend(store, rig)
    #expect(try rig.row(unknown).state == .unknown)
    #expect(try rig.row(waiting).state == .awaitingApproval)
    #expect(try [rig.call(unknown).revision, rig.call(waiting).revision] == before)
    #expect(try await rig.deny(waiting).isDone)
  }

  @Test func `calls that can't be stored keep no slot and no place in the queue`() async throws {
    let store = FaultyStore()
    let look = TestFunction("look") { $0.effect = .read }
    let rig = try Rig(look, store: store) { configuration in
      configuration.slots = 2
      configuration.queue = 2
    }
    store.fail(full)
    for _ in 0..<10 { #expect(await rig.submit("look").failure?.kind == .storeFailed) }
    await mend(store, rig)
    for _ in 0..<10 { #expect(await rig.submit("look").failure == nil) }
    #expect(look.executions == 10)
  }

  @Test func `where the store says late that it can't, a new write has never been`() async throws {
    let store = FaultyStore(failsLate: true)
    let wire = held("wire")
    let rig = try Rig(wire, store: store)
    store.fail(full)
    #expect(await rig.submit("wire").failure?.kind == .storeFailed)
    #expect(rig.header.storeFault == "the disk is full")
    #expect(rig.header.live == 0)
    #expect(rig.header.running == 0)
    #expect(wire.executions == 0)
    await mend(store, rig)
    let call = rig.begin("wire")
    await wire.attempt(1).answer("sent")
    #expect(await call.value.value == "sent")
  }

  @Test func `where the store says late that it can't, an outcome is told when it is stored`()
    async throws
  {
    let store = FaultyStore(failsLate: true)
    let wire = held("wire")
    let rig = try Rig(wire, store: store)
    let call = rig.begin("wire")
    let attempt = await wire.attempt(1)
    store.fail(full)
    attempt.answer("sent")
    await met(rig)
    #expect(store.call(attempt.id)?.state.word == .running)
    rig.clock.advance(by: .seconds(60))
    await mend(store, rig)
    #expect(await call.value.value == "sent")
    #expect(store.call(attempt.id)?.state.word == .succeeded)
    #expect(wire.executions == 1)
    let steps: [CallState.Word] = [.received, .queued, .running, .succeeded]
    #expect(rig.events.states(of: attempt.id) == steps)
  }

  @Test(arguments: ["approve", "deny", "edit", "cancel"])
  func `a decision whose commit fails late is refused, taken back, and can be made again`(
    _ decision: String
  ) async throws {
    let store = FaultyStore(failsLate: true)
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire")], store: store)
    let waiting = await rig.submit("wire").id
    let before = try rig.call(waiting)
    func decide() async throws -> Reply {
      switch decision {
      case "approve": try await rig.approve(waiting)
      case "deny": try await rig.deny(waiting)
      case "edit": try await rig.edit(waiting, ["n": 1])
      default: await rig.cancel(waiting)
      }
    }
    store.fail(full)
    #expect(try await decide().message == "the disk is full")
    #expect(try rig.row(waiting).state == .awaitingApproval)
    #expect(try rig.call(waiting).revision == before.revision)
    #expect(rig.header.waiting == 1)
    #expect(wire.executions == 0)
    await mend(store, rig)
    #expect(try await decide().isDone)
    let steps = rig.events.states(of: waiting)
    #expect(steps.starts(with: [.received, .awaitingApproval]))
    #expect(steps.count == (decision == "approve" ? steps.count : 3))
  }

  @Test
  func `a start whose commit fails late is taken back, and checked anew when it can be stored`()
    async throws
  {
    let store = FaultyStore(failsLate: true)
    let first = held("first", .read)
    let wire = TestFunction("wire")
    let rig = try Rig(first, wire, store: store) { $0.slots = 1 }
    let running = rig.begin("first")
    let attempt = await first.attempt(1)
    let queued = rig.begin("wire")
    await rig.queued("wire", 1)
    // The end of the first is stored; the start that its slot makes possible is not.
    store.fail(full, after: 1)
    attempt.answer("done")
    await met(rig)
    #expect(await running.value.value == "done")
    await eventually { rig.header.queued == 1 && rig.header.running == 0 }
    #expect(wire.executions == 0)
    await mend(store, rig)
    #expect(await queued.value.failure == nil)
    #expect(wire.executions == 1)
  }
}
