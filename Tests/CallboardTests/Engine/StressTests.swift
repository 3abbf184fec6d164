import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// Everything at once, for the thread sanitizer, and for the books: no call, slot or waiter may be lost.
@Suite(.timeLimit(.minutes(10)))
struct StressTests {
  private struct Numbers: RandomNumberGenerator {
    var source: SeededGenerator

    mutating func next() -> UInt64 { source.next() }
  }

  @Test
  func `after a thousand calls amid toggles, decisions and snapshots every call is accounted for`()
    async throws
  {
    let read = TestFunction("read", .yield(3)) { definition in
      definition.effect = .read
      definition.slots = 7
      definition.cache = CachePolicy(ttl: .seconds(1))
    }
    let flaky = TestFunction(
      "flaky",
      .fail(.maybe()),
      .yield(1),
      .fail(.notSent()),
      .yield(2),
      .fail(.answered(retryable: true)),
      .yield(1),
      .fail(.maybe()),
      .yield(3)
    ) { definition in
      definition.effect = .idempotent
      definition.breaker = BreakerPolicy(
        consecutiveFailures: 3,
        failureRate: 0,
        openFor: .seconds(1)
      )
    }
    let wire = TestFunction("wire", .fail(.maybe()), .yield(2), .fail(.maybe()), .yield(1)) {
      $0.slots = 5
    }
    let held = TestFunction("held", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.timeout = .seconds(2)
      definition.retry = RetryPolicy(maxAttempts: 1)
      definition.slots = 4
    }
    let functions = [read, flaky, wire, held]
    let after = TestFunction("last", .hold(whenCancelled: .maybe))
    let rig = try Rig(all: functions + [after], rules: [asking("wire"), free]) { $0.slots = 16 }
    let total = 1000
    let isDone = Counter()

    let chaos = Task {
      var numbers = Numbers(source: SeededGenerator(seed: 11))
      while isDone.count == 0 {
        let name = functions[Int.random(in: 0..<4, using: &numbers)].name
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0:
          await rig.turn(name, on: false)
          await Task.yield()
          await rig.turn(name, on: true)
        case 1:
          await rig.hold(true)
          await Task.yield()
          await rig.hold(false)
        case 2: _ = await rig.engine.perform(.clearCache(function: nil), by: maria)
        case 3:
          _ = await rig.engine.perform(.setBreaker("t.flaky", from: .open, to: .closed), by: maria)
        default: rig.clock.advance(by: .milliseconds(100))
        }
        await Task.yield()
      }
    }
    let people = Task {
      var numbers = Numbers(source: SeededGenerator(seed: 12))
      while isDone.count == 0 {
        guard case .waiting(let page) = rig.engine.snapshot(of: .waiting(ListQuery(after: 20))).body
        else { return }
        for row in page.rows {
          let seen = Seen(revision: row.revision, digest: row.digest ?? "")
          switch Int.random(in: 0..<6, using: &numbers) {
          case 0: await rig.cancel(row.id, by: omar)
          case 1:
            _ = await rig.engine.perform(
              .deny(row.id, seen, reason: "no", stopConversation: false),
              by: omar
            )
          case 2:
            _ = await rig.engine.perform(
              .settle(row.id, revision: row.revision, .didNotHappen(evidence: "none")),
              by: omar
            )
          case 3: _ = await rig.engine.perform(.edit(row.id, seen, arguments: ["n": -1]), by: omar)
          default: _ = await rig.engine.perform(.approve(row.id, seen), by: maria)
          }
        }
        await Task.yield()
      }
    }
    let screens = Task {
      var numbers = Numbers(source: SeededGenerator(seed: 13))
      while isDone.count == 0 {
        _ = rig.engine.snapshot(of: .overview(rows: 10))
        _ = rig.engine.snapshot(of: .functions(ListQuery()))
        _ = rig.engine.snapshot(of: .errors(ListQuery()))
        guard case .calls(let page) = rig.engine.snapshot(of: .calls(ListQuery(after: 30))).body
        else { return }
        // Now and then a person cancels what runs or waits in line.
        if let row = page.rows.randomElement(using: &numbers), !row.state.isEnded,
          Int.random(in: 0..<4, using: &numbers) == 0
        {
          await rig.cancel(row.id, by: omar)
        }
        await Task.yield()
      }
    }

    let submissions = await withTaskGroup(of: Submission.self) { group in
      for number in 0..<total {
        group.addTask {
          let name = functions[number % 4].name
          return await rig.submit(name, ["n": .integer(Int64(number / 4 % 20))])
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    // Those that waited for a person end too, by the person who goes on deciding.
    for submission in submissions { #expect(await rig.engine.outcome(of: submission.id) != nil) }
    isDone.add()
    for task in [chaos, people, screens] { await task.value }

    #expect(submissions.count == total)
    #expect(Set(submissions.map(\.id)).count == total)
    for submission in submissions {
      let states = rig.events.states(of: submission.id)
      #expect(states.first == .received)
      // Exactly one end, and nothing after it.
      #expect(states.filter(\.isEnded).count == 1)
      #expect(states.last?.isEnded == true)
    }
    #expect(rig.engine.liveCalls == 0)
    let header = rig.header
    #expect(header.calls == total)
    let left = [header.waiting, header.unknown, header.running, header.queued, header.backingOff]
    #expect(left == [0, 0, 0, 0, 0])
    for function in functions {
      await eventually { function.running == 0 }
      await eventually { (try? rig.function(function.name).running) == 0 }
      #expect(try rig.function(function.name).queued == 0)
    }
    #expect(read.peak <= 7)
    #expect(wire.peak <= 5)
    #expect(held.peak <= 4)
    let seqs = rig.events.all.map(\.seq)
    #expect(seqs == Array(2..<2 + seqs.count))
    // Every slot is free again: as many as there are can be taken at once.
    let last = (0..<16).map { _ in rig.begin("last") }
    for number in 1...16 { _ = await after.attempt(number) }
    for number in 1...16 { await after.attempt(number).answer("done") }
    for call in last { #expect(await call.value.value == "done") }
    rig.clock.advance(by: .seconds(60))
    #expect(rig.engine.deadlines.count == 0)
  }

  @Test func `many conversations at once all end, and so do their calls`() async throws {
    let look = TestFunction("look", .yield(2)) { definition in
      definition.effect = .read
      definition.cache = CachePolicy(scope: .shared)
    }
    let wire = TestFunction("wire", .yield(1))
    let rig = try Rig(look, wire, rules: [asking("wire"), free]) { $0.slots = 8 }
    let isDone = Counter()
    let person = Task {
      while isDone.count == 0 {
        guard case .waiting(let page) = rig.engine.snapshot(of: .waiting(ListQuery(after: 50))).body
        else { return }
        for row in page.rows {
          _ = await rig.engine.perform(
            .approve(row.id, Seen(revision: row.revision, digest: row.digest ?? "")),
            by: maria
          )
        }
        await Task.yield()
      }
    }
    let ended = await withTaskGroup(of: Conversation.Word?.self) { group in
      for number in 0..<100 {
        group.addTask {
          let model = TestModel(
            .call(("t_look", #"{"n":1}"#), ("t_look", "{\"n\":\(number % 5)}"), ("t_wire", "{}")),
            .call(("t_look", #"{"n":2}"#)),
            .say("done")
          )
          guard let talk = try? rig.talk(model) else { return nil }
          if number % 10 == 0 { _ = await rig.engine.perform(.stopConversation(talk), by: omar) }
          return await rig.engine.ended(talk)?.state.word
        }
      }
      return await group.reduce(into: [Conversation.Word?]()) { $0.append($1) }
    }
    isDone.add()
    await person.value
    #expect(ended.filter { $0 == .finished }.count == 90)
    #expect(ended.filter { $0 == .stopped }.count == 10)
    await eventually { rig.engine.liveCalls == 0 }
    #expect(wire.executions >= 90)
    #expect(try rig.function("look").running == 0)
  }
}
