import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SwitchTests {
  /// Every start of a function's attempt that the stream shows while that function was off, or everything held.
  private func startsWhileOff(_ rig: Rig) -> [EngineEvent] {
    var off: Set<String> = []
    var isHeld = false
    return rig.events.all { event in
      switch event.type {
      case .function(.off): off.insert(event.function ?? "")
      case .function(.on): off.remove(event.function ?? "")
      case .engine(.held): isHeld = true
      case .engine(.released): isHeld = false
      case .call(.running): return isHeld || off.contains(event.call?.function ?? "")
      case .call, .function, .engine, .breaker, .conversation, .workflow, .model: break
      }
      return false
    }
  }

  @Test func `a call of a switched-off function is rejected, and says by whom`() async throws {
    let look = TestFunction("look")
    let rig = try Rig(look)
    #expect(await rig.turn("look", on: false).isDone)
    let submission = await rig.submit("look")
    #expect(submission.failure?.kind == .functionOff)
    #expect(submission.failure?.message.contains("maria") == true)
    #expect(rig.events.states(of: submission.id) == [.received, .rejected])
    #expect(await rig.turn("look", on: true).isDone)
    #expect(await rig.submit("look").failure == nil)
  }

  @Test func `a switch that somebody else has moved moves nothing`() async throws {
    let rig = try Rig(TestFunction("look"))
    #expect(await rig.turn("look", on: false, by: omar).isDone)
    rig.clock.advance(by: .seconds(7))
    let reply = await rig.turn("look", on: false, by: maria)
    #expect(reply == .refused("already off: omar, 7 s ago"))
    #expect(rig.events.all { $0.type == .function(.off) }.count == 1)
    #expect(await rig.hold(true, by: omar).isDone)
    #expect(!(await rig.hold(true, by: maria)).isDone)
    #expect(rig.events.all { $0.type == .engine(.held) }.count == 1)
  }

  @Test func `queued calls stay in line while their function is off, and start when it is on`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe), .echo) { $0.slots = 1 }
    let other = TestFunction("other")
    let rig = try Rig(look, other)
    let running = rig.begin("look")
    let attempt = await look.attempt(1)
    let queued = (0..<5).map { _ in rig.begin("look") }
    await rig.queued("look", 5)
    #expect(await rig.turn("look", on: false).message == "t.look is off; 5 queued calls are held")
    attempt.answer("done")
    #expect(await running.value.value == "done")
    // Others go on, past those that are held.
    #expect(await rig.submit("other").failure == nil)
    let row = try rig.function("look")
    #expect(row.running == 0)
    #expect(row.queued == 5)
    #expect(row.held == 5)
    #expect(look.executions == 1)
    await rig.turn("look", on: true)
    for call in queued { #expect(await call.value.failure == nil) }
    #expect(look.executions == 6)
    #expect(startsWhileOff(rig).isEmpty)
  }

  @Test func `a run again that is not admitted is no run again, and says why`() async throws {
    let rig = try Rig(TestFunction("look"))
    let look = await rig.submit("look")
    await rig.turn("look", on: false)
    let reply = try await rig.runAgain(look.id)
    #expect(!reply.isDone)
    #expect(reply.message.contains("was not admitted: "), "\(reply.message)")
    #expect(rig.events.all { $0.type == .call(.rejected) }.count == 1)
  }

  @Test func `an approved call does not start while its function is off`() async throws {
    let wire = TestFunction("wire")
    let rig = try Rig(wire, rules: [asking("wire", grace: 10)])
    let waiting = await rig.submit("wire")
    let graced = await rig.submit("wire")
    #expect(try await rig.approve(graced.id).isDone)
    await rig.turn("wire", on: false)
    // One whose approval is asked for now can't get it.
    #expect(
      try await rig.approve(waiting.id).message
        == "the function is off: maria, 0 s ago; switch it on first"
    )
    #expect(rig.audited(waiting.id).count == 1)
    rig.clock.advance(by: .seconds(10))
    await rig.queued("wire", 1)
    #expect(try rig.row(graced.id).state == .queued)
    #expect(try rig.row(graced.id).isHeld)
    #expect(wire.executions == 0)
    await rig.turn("wire", on: true)
    await rig.events.wait(for: .succeeded, of: graced.id)
    #expect(startsWhileOff(rig).isEmpty)
  }

  @Test
  func `while the engine is held nothing starts, and afterwards exactly those that waited do`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let rig = try Rig(look) { $0.slots = 5 }
    let calls = (0..<25).map { number in rig.begin("look", ["n": .integer(Int64(number))]) }
    for number in 1...5 { _ = await look.attempt(number) }
    await rig.queued("look", 20)
    #expect(await rig.hold(true).isDone)
    #expect(rig.header.held?.by == "maria")
    let refused = await rig.submit("look")
    #expect(refused.failure?.kind == .engineHeld)
    #expect(refused.failure?.isRetryable == true)
    for number in 1...5 { await look.attempt(number).answer(.integer(Int64(number))) }
    await rig.events.wait(for: .succeeded, function: "t.look", 5)
    await eventually { (try? rig.function("look").running) == 0 }
    #expect(try rig.function("look").queued == 20)
    #expect(look.executions == 5)
    look.plan(.echo)
    #expect(await rig.hold(false).isDone)
    for call in calls { #expect(await call.value.failure == nil) }
    #expect(look.executions == 25)
    #expect(startsWhileOff(rig).isEmpty)
  }

  @Test func `a provider is switched as a whole`() async throws {
    let rig = try Rig(TestFunction("a"), TestFunction("b"))
    #expect(await rig.engine.perform(.setProvider("t", from: true, to: false), by: maria).isDone)
    #expect(rig.events.all { $0.type == .function(.off) }.map(\.function) == ["t.a", "t.b"])
    for name in ["a", "b"] { #expect(await rig.submit(name).failure?.kind == .functionOff) }
  }

  @Test func `a cached answer is not given while the function is off`() async throws {
    let look = TestFunction("look") { definition in
      definition.effect = .read
      definition.cache = CachePolicy()
      definition.slots = 1
    }
    let rig = try Rig(look)
    _ = await rig.submit("look")
    await rig.turn("look", on: false)
    #expect(await rig.submit("look").failure?.kind == .functionOff)
  }

  @Test func `among many calls none starts after the switch went off and before it went on`()
    async throws
  {
    let look = TestFunction("look", .yield(3)) { $0.slots = 6 }
    let wire = TestFunction("wire", .yield(3)) { $0.slots = 3 }
    let rig = try Rig(look, wire, rules: [asking("wire"), free]) { $0.slots = 8 }
    let toggling = Task {
      for round in 0..<40 {
        await rig.turn(round % 2 == 0 ? "look" : "wire", on: false)
        if round % 5 == 0 { await rig.hold(true) }
        for _ in 0..<20 { await Task.yield() }
        if round % 5 == 0 { await rig.hold(false) }
        await rig.turn(round % 2 == 0 ? "look" : "wire", on: true)
        for _ in 0..<20 { await Task.yield() }
      }
    }
    let submissions = await withTaskGroup(of: Submission.self) { group in
      for number in 0..<400 {
        group.addTask {
          for _ in 0..<number / 4 { await Task.yield() }
          let isWire = number % 4 == 0
          let submission = await rig.submit(
            isWire ? "wire" : "look",
            ["n": .integer(Int64(number))]
          )
          // Approvals race with the switch: one that is refused because of it is asked for again.
          while submission.isPending, let seen = try? rig.seen(submission.id),
            (try? rig.row(submission.id).state) == .awaitingApproval
          {
            _ = await rig.engine.perform(.approve(submission.id, seen), by: maria)
            await Task.yield()
          }
          return submission
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    await toggling.value
    var words: [CallState.Word: Int] = [:]
    for submission in submissions {
      _ = await rig.engine.outcome(of: submission.id)
      words[rig.events.states(of: submission.id).last ?? .received, default: 0] += 1
    }
    #expect(startsWhileOff(rig).isEmpty)
    #expect(rig.events.all { $0.type == .function(.off) }.count == 40)
    #expect(words[.succeeded, default: 0] + words[.rejected, default: 0] == 400)
    #expect(look.executions + wire.executions == words[.succeeded])
    #expect(words[.succeeded, default: 0] > 0)
    #expect(rig.engine.liveCalls == 0)
    for name in ["look", "wire"] {
      await eventually { (try? rig.function(name).running) == 0 }
      #expect(try rig.function(name).queued == 0)
    }
  }

  @Test func `switches that two people move at once leave the line as the screen says`()
    async throws
  {
    let look = TestFunction("look", .yield(1))
    let rig = try Rig(look)
    for _ in 0..<200 {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await rig.turn("look", on: false, by: maria) }
        group.addTask { await rig.turn("look", on: true, by: omar) }
        group.addTask { _ = await rig.hold(true, by: maria) }
        group.addTask { _ = await rig.hold(false, by: omar) }
      }
    }
    if try !rig.function("look").isOn { await rig.turn("look", on: true) }
    if rig.header.held != nil { await rig.hold(false) }
    // With both open nothing may be left that holds a call.
    #expect(await rig.submit("look").failure == nil)
  }
}
