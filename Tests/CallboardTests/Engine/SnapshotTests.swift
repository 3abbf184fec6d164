import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SnapshotTests {
  private func calls(_ rig: Rig, _ query: ListQuery) throws -> Page<CallRow> {
    guard case .calls(let page) = rig.engine.snapshot(of: .calls(query)).body else {
      throw Missing(what: "the page of calls")
    }
    return page
  }

  private func waiting(_ rig: Rig, _ query: ListQuery) throws -> Page<CallRow> {
    guard case .waiting(let page) = rig.engine.snapshot(of: .waiting(query)).body else {
      throw Missing(what: "the page of waiting calls")
    }
    return page
  }

  private func errors(_ rig: Rig) throws -> Page<ErrorRow> {
    guard case .errors(let page) = rig.engine.snapshot(of: .errors(ListQuery())).body else {
      throw Missing(what: "the page of errors")
    }
    return page
  }

  @Test func `hit rate, errors and calls on the screen are those of the event stream`() async throws
  {
    let look = TestFunction("look", .yield(2)) { definition in
      definition.effect = .read
      definition.cache = CachePolicy()
    }
    let ask = TestFunction(
      "ask",
      .fail(.answered(retryable: false)),
      .echo,
      .fail(CallFailure(.clientError, "404", reach: .answered)),
      .echo
    ) { $0.effect = .read }
    let wire = TestFunction("wire", .fail(.maybe()), .echo)
    let rig = try Rig(look, ask, wire, TestFunction("held"), rules: [asking("held"), free])
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<120 {
        group.addTask { _ = await rig.submit("look", ["n": .integer(Int64(number % 15))]) }
      }
    }
    for _ in 0..<6 { _ = await rig.submit("ask") }
    for _ in 0..<2 { _ = await rig.submit("wire") }
    _ = await rig.submit("nothing")
    _ = await rig.submit("look", "not an object")
    let denied = await rig.submit("held")
    try await rig.deny(denied.id)
    let cancelled = await rig.submit("held")
    await rig.cancel(cancelled.id)
    _ = await rig.submit("held")

    let header = rig.header
    func count(_ matches: (EngineEvent) -> Bool) -> Int { rig.events.all(where: matches).count }
    let hits = count {
      $0.call?.function == "t.look" && ($0.source == .hit || $0.source == .shared)
    }
    let runs = count { $0.type == .call(.running) && $0.call?.function == "t.look" }
    #expect(hits == 105)
    #expect(runs == 15)
    #expect(header.cacheHits == hits)
    #expect(header.cacheLookups == hits + runs)
    #expect(header.hitRate == 0.875)
    let failed = count {
      $0.type == .call(.failed) || $0.type == .call(.rejected) || $0.type == .call(.unknown)
    }
    #expect(failed == 5)
    #expect(header.recentErrors == failed)
    let ended = count { event in
      if case .call(let word) = event.type { word.isEnded } else { false }
    }
    #expect(header.calls == ended)
    #expect(header.waiting == 1)
    #expect(header.unknown == 1)
    #expect(header.live == 2)
    #expect(header.seq == rig.events.all.last?.seq)
    let groups = try errors(rig)
    #expect(groups.rows.map(\.count).reduce(0, +) == failed)
    let row = try rig.function("ask")
    #expect(row.calls == 6)
    #expect(row.errors == 2)
    // One attempt of the wire is unknown, one of the lookups was no object.
    #expect(try rig.function("wire").errors == 1)
    #expect(try rig.function("look").errors == 1)
    guard case .overview(let overview) = rig.engine.snapshot(of: .overview(rows: 5)).body else {
      throw Missing(what: "overview")
    }
    #expect(overview.errorsPerMinute.reduce(0, +) == Double(failed) * 4)
    #expect(try rig.function("look").cacheHits == hits)
    // Five minutes later they are old news for the title row, and still on the Errors screen.
    rig.clock.advance(by: .seconds(301))
    #expect(rig.header.recentErrors == 0)
    #expect(try errors(rig).rows.map(\.count).reduce(0, +) == failed)
  }

  @Test func `a window stands around its anchor, and without it where the anchor was`() async throws
  {
    let rig = try Rig(TestFunction("look"))
    var ids: [CallID] = []
    for _ in 0..<50 { ids.append(await rig.submit("look").id) }
    let newest = Array(ids.reversed())
    let page = try calls(rig, ListQuery(anchor: newest[20].description, before: 3, after: 4))
    #expect(page.rows.map(\.id) == Array(newest[17...24]))
    #expect(page.firstIndex == 17)
    #expect(page.anchorIndex == 20)
    #expect(page.total == 50)
    let top = try calls(rig, ListQuery(anchor: newest[1].description, before: 3, after: 1))
    #expect(top.rows.map(\.id) == Array(newest[0...2]))
    #expect(top.firstIndex == 0)
    let only = try calls(rig, ListQuery(anchor: newest[30].description, before: 0, after: 0))
    #expect(only.rows.map(\.id) == [newest[30]])
    let gone = try calls(
      rig,
      ListQuery(
        anchor: "00000000-0000-7000-8000-000000000000",
        anchorIndex: 10,
        before: 2,
        after: 2
      )
    )
    #expect(gone.rows.map(\.id) == Array(newest[8...12]))
    #expect(gone.anchorIndex == nil)
    let beyond = try calls(rig, ListQuery(anchorIndex: 5000, before: 2, after: 2))
    #expect(beyond.rows.map(\.id) == Array(newest[47...49]))
    #expect(beyond.firstIndex == 47)
    // A row that is added above moves the anchor down, not the window away from it.
    _ = await rig.submit("look")
    let moved = try calls(rig, ListQuery(anchor: newest[20].description, before: 3, after: 4))
    #expect(moved.rows.map(\.id) == page.rows.map(\.id))
    #expect(moved.anchorIndex == 21)
  }

  @Test func `a filter says how much it hides`() async throws {
    let rig = try Rig(
      TestFunction("look"),
      TestFunction("ask", .fail(.answered(retryable: false))),
      TestFunction("held"),
      rules: [asking("held"), free]
    )
    for number in 0..<12 {
      _ = await rig.submit("look", ["city": .string(number == 7 ? "Bern" : "Basel")])
    }
    for _ in 0..<5 { _ = await rig.submit("ask") }
    for _ in 0..<3 { _ = await rig.submit("held", by: .caller("other")) }
    func page(_ filter: String) throws -> Page<CallRow> {
      try calls(rig, ListQuery(filter: Filter(filter)))
    }
    #expect(try page("fn:t.look").total == 12)
    #expect(try page("fn:t.look").hidden == 8)
    #expect(try page("state:failed").total == 5)
    #expect(try page("-state:failed").total == 15)
    #expect(try page("caller:other state:awaiting").total == 3)
    #expect(try page("bern").rows.map(\.function) == ["t.look"])
    #expect(try page("bern").hidden == 19)
    #expect(try waiting(rig, ListQuery(filter: Filter("caller:agent"))).hidden == 3)
    #expect(try page("nothing like it").total == 0)
    rig.clock.advance(by: .seconds(60))
    #expect(try page("age:<30s").total == 0)
    #expect(try page("age:>30s").total == 20)
  }

  @Test func `what waits is ordered by unknown first and then by time left`() async throws {
    let rig = try Rig(
      TestFunction("slow"),
      TestFunction("fast"),
      TestFunction("wire", .fail(.maybe())),
      rules: [asking("slow", expires: 600), asking("fast", expires: 60), free]
    )
    let slow = await rig.submit("slow").id
    let fast = await rig.submit("fast").id
    let unknown = await rig.submit("wire").id
    #expect(try waiting(rig, ListQuery()).rows.map(\.id) == [unknown, fast, slow])
    #expect(rig.header.waiting == 2)
    try await rig.deny(fast)
    #expect(try waiting(rig, ListQuery()).rows.map(\.id) == [unknown, slow])
  }

  @Test func `of 10,000 waiting calls and 1,000 running ones a screen gets only its window`()
    async throws
  {
    let busy = TestFunction("busy", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let wire = TestFunction("wire")
    let rig = try Rig(busy, wire, rules: [asking("wire"), free]) { $0.slots = 2000 }
    for number in 0..<10_000 { _ = await rig.submit("wire", ["n": .integer(Int64(number))]) }
    let running = (0..<1000).map { rig.begin("busy", ["n": .integer(Int64($0))]) }
    _ = await busy.attempt(1000)
    let header = rig.header
    #expect(header.waiting == 10_000)
    #expect(header.running == 1000)
    let first = try waiting(rig, ListQuery(after: 39))
    #expect(first.rows.count == 40)
    #expect(first.total == 10_000)
    let anchor = try #require(first.rows.last?.id)
    let next = try waiting(rig, ListQuery(anchor: anchor.description, before: 10, after: 20))
    #expect(next.rows.count == 31)
    #expect(next.firstIndex == 29)
    #expect(next.anchorIndex == 39)
    let last = try waiting(rig, ListQuery(anchorIndex: 9_999, before: 5, after: 50))
    #expect(last.rows.count == 6)
    #expect(last.firstIndex == 9_994)
    guard case .overview(let overview) = rig.engine.snapshot(of: .overview(rows: 12)).body else {
      Issue.record("no overview")
      return
    }
    #expect(overview.waiting.count == 12)
    #expect(overview.active.count == 12)
    // Decisions go on in the middle of it.
    #expect(try await rig.approve(anchor).isDone)
    await rig.events.wait(for: .succeeded, of: anchor)
    #expect(rig.header.waiting == 9_999)
    for number in 1...1000 { await busy.attempt(number).answer(1) }
    for call in running { #expect(await call.value.failure == nil) }
    #expect(rig.header.running == 0)
    #expect(rig.header.live == 9_999)
  }

  @Test func `the detail of a call shows what its model heard, and never a secret`() async throws {
    let look = TestFunction("look", .answer(["token": "abc"])) { $0.secrets = ["token"] }
    let rig = try Rig(look)
    let submission = await rig.submit("look", ["token": "xyz"])
    guard case .call(let detail?) = rig.engine.snapshot(of: .call(submission.id)).body else {
      Issue.record("no detail")
      return
    }
    #expect(detail.heard == #"{"token":"«redacted»"}"#)
    #expect(detail.call.decided?.original == ["token": .string(Redactor.mark)])
  }

  @Test func `a function's policies are said in words, and their names fit their column`() throws {
    let look = TestFunction("look") { definition in
      definition.effect = .read
      definition.cache = CachePolicy(ttl: .seconds(90), scope: .caller)
      definition.maxQueue = .seconds(900)
      definition.retry = RetryPolicy(maxAttempts: 3, base: .milliseconds(200), cap: .seconds(30))
      definition.secrets = ["token"]
    }
    let rig = try Rig(look)
    guard case .function(let detail?) = rig.engine.snapshot(of: .function("t.look")).body else {
      Issue.record("no function")
      return
    }
    let policies = Dictionary(uniqueKeysWithValues: detail.policies.map { ($0.name, $0.value) })
    #expect(policies["longest queue"] == "15 min")
    #expect(policies["cache"] == "1 min 30 s, for each caller")
    #expect(policies["retry"] == "3 attempts, from 200 ms to 30 s")
    #expect(detail.policies.allSatisfy { $0.name.count <= 14 })
  }

  @Test func `who observes is told once, and again after looking`() async throws {
    let rig = try Rig(TestFunction("look"))
    let told = Counter()
    let token = rig.engine.observe { told.add() }
    _ = rig.header
    for number in 0..<5 { _ = await rig.submit("look", ["n": .integer(Int64(number))]) }
    #expect(told.count == 1)
    _ = rig.header
    _ = await rig.submit("look", ["n": 5])
    #expect(told.count == 2)
    withExtendedLifetime(token) {}
  }
}
