import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What a shift's report makes of the event stream.
@Suite struct ShiftReportTests {
  private let start = Date(timeIntervalSince1970: 1_795_341_600)

  /// Events by their minute in the shift; before it they are negative.
  private func event(
    _ minute: Double,
    _ type: EngineEvent.Kind,
    call number: Int? = nil,
    function: String = "pay.send",
    cause: String? = nil,
    by: String? = nil,
    rule: String? = nil,
    failure: CallFailure? = nil,
    source: CallOutcome.Source? = nil,
    value: JSONValue? = nil
  ) -> EngineEvent {
    var part: EngineEvent.CallPart?
    if let number, case .call(let word) = type {
      part = EngineEvent.CallPart(
        id: CallID(UUIDv7(high: 1, low: UInt64(number))),
        function: function,
        caller: "agent",
        conversation: nil,
        state: word,
        attempt: nil,
        revision: 1,
        link: nil
      )
    }
    return EngineEvent(
      time: start.addingTimeInterval(minute * 60),
      type: type,
      call: part,
      function: part == nil ? function : nil,
      cause: cause,
      by: by,
      rule: rule,
      failure: failure,
      source: source,
      value: value
    )
  }

  private func report(_ events: [EngineEvent], sums: [ReportSum] = []) -> ShiftReport {
    var builder = ShiftReportBuilder(
      since: start,
      until: start.addingTimeInterval(8 * 3600),
      sums: sums
    )
    for event in events { builder.take(event) }
    return builder.finished()
  }

  @Test func `what was decided is told by whom, by which rule, or that nobody did`() {
    let report = report([
      event(-5, .call(.queued), call: 1, cause: "approved", by: "zoe"),
      event(1, .call(.queued), call: 2, cause: "approved", by: "maria"),
      event(2, .call(.awaitingApproval), call: 3, cause: "approved, 1 of 2", by: "maria"),
      event(3, .call(.denied), call: 3, cause: "denied: no", by: "bo"),
      event(4, .call(.queued), call: 4, cause: "admitted", rule: "rule 1: every read"),
      event(5, .call(.queued), call: 5, cause: "admitted", rule: "rule 1: every read"),
      event(6, .call(.expired), call: 6, cause: "expired unanswered"),
      event(7, .call(.denied), call: 7, cause: "nobody to ask", rule: "rule 2: wires"),
      event(8, .call(.succeeded), call: 8, by: "bo", source: .settled),
      event(9, .engine(.decisionRefused), cause: "too late", by: "bo"),
      event(500, .call(.queued), call: 9, cause: "approved", by: "after"),
    ])
    #expect(report.people.map(\.name) == ["bo", "maria"])
    #expect(report.people[0].denied == 1)
    #expect(report.people[0].settled == 1)
    #expect(report.people[0].refused == 1)
    #expect(report.people[1].approved == 2)
    #expect(report.byRule == [ShiftReport.Count(name: "rule 1: every read", count: 2)])
    #expect(report.expired == [ShiftReport.Count(name: "pay.send", count: 1)])
    #expect(report.nobodyToAsk == [ShiftReport.Count(name: "rule 2: wires", count: 1)])
  }

  @Test func `what waits at the end is open, also what began to wait before the shift`() {
    let report = report([
      event(-90, .call(.awaitingApproval), call: 1),
      event(2, .call(.awaitingApproval), call: 2),
      event(3, .call(.unknown), call: 3),
      event(4, .call(.queued), call: 2, cause: "approved", by: "bo"),
    ])
    #expect(report.open.map(\.state) == [.awaitingApproval, .unknown])
    #expect(report.open.map(\.since) == [-90, 3].map { start.addingTimeInterval($0 * 60) })
  }

  @Test func `outages are spans within the shift, and one that goes on is not over`() {
    let report = report([
      event(-10, .breaker(.open), cause: "5 failures in a row"),
      event(5, .breaker(.closed)),
      event(20, .breaker(.open)),
      event(21, .breaker(.halfOpen)),
      event(22, .breaker(.open)),
      event(25, .breaker(.closed)),
      event(475, .engine(.storeFailed), cause: "disk full"),
    ])
    #expect(report.outages.map(\.kind) == [.breaker, .store])
    let breaker = report.outages[0]
    #expect(breaker.name == "pay.send" && breaker.provider == "pay")
    #expect(breaker.times == 2 && breaker.seconds == 10 * 60)
    #expect(breaker.last == start.addingTimeInterval(25 * 60))
    #expect(report.outages[1].last == nil && report.outages[1].seconds == 300)
    #expect(report.outages[1].why == "disk full")
  }

  @Test func `time in which callboard did not run is an outage, however it ended`() {
    let report = report([
      event(1, .engine(.started)),
      event(10, .engine(.stopped)),
      event(12, .engine(.started)),
      event(30, .call(.received), call: 1),
      event(33, .engine(.started)),
    ])
    #expect(report.outages.map(\.kind) == [.engine])
    #expect(report.outages[0].times == 2)
    #expect(report.outages[0].seconds == 300)
  }

  @Test func `an error is new when the time before has not seen it`() {
    let known = CallFailure(.timeout, "too slow")
    let new = CallFailure(.serverError, "no")
    let report = report([
      event(-600, .call(.failed), call: 1, failure: known),
      event(1, .call(.failed), call: 2, failure: known),
      event(2, .call(.failed), call: 3, failure: new),
      event(3, .call(.failed), call: 4, function: "crm.find", failure: known),
    ])
    #expect(report.errors.filter(\.isNew).map(\.function) == ["crm.find", "pay.send"])
    #expect(report.errors.last?.kind == .timeout && report.errors.last?.isNew == false)
  }

  @Test func `fields are summed exactly, by another field, once a call has succeeded`() {
    func run(_ call: Int, _ amount: String, _ currency: String) throws -> [EngineEvent] {
      let value = try JSONValue(parsing: #"{"amount":\#(amount),"currency":"\#(currency)"}"#)
      return [
        event(Double(call), .call(.running), call: call, value: value),
        event(Double(call) + 0.5, .call(.succeeded), call: call, source: .attempt),
      ]
    }
    var events = (try? run(1, "0.1", "EUR") + run(2, "0.2", "EUR") + run(3, "25000", "USD")) ?? []
    // Unknown, and then settled as done; unknown, and settled as not done; unknown for good.
    for (call, end) in [(4, CallState.Word.succeeded), (5, .failed), (6, .unknown)] {
      events.append(
        event(10, .call(.running), call: call, value: ["amount": 7, "currency": "EUR"])
      )
      events.append(event(11, .call(.unknown), call: call))
      events.append(event(11.5, .call(.unknown), call: call, cause: "run again", by: "bo"))
      if end != .unknown {
        events.append(event(12, .call(end), call: call, by: "bo", source: .settled))
      }
    }
    events.append(event(20, .call(.running), call: 7, value: nil))
    events.append(event(21, .call(.succeeded), call: 7, source: .attempt))
    let sum = report(
      events,
      sums: [ReportSum(function: "pay.send", field: "amount", by: "currency")]
    ).sums[0]
    #expect(sum.groups.map(\.value) == ["EUR", "USD"])
    #expect(sum.groups.map(\.total) == ["7.3", "25000"])
    #expect(sum.groups.map(\.calls) == [3, 1])
    #expect(sum.groups[0].unknown == "7" && sum.groups[0].unknownCalls == 1)
    #expect(sum.unread == 1)
  }

  @Test func `switches are told with who and when`() {
    let report = report([
      event(1, .function(.off), by: "anna"),
      event(2, .engine(.held), by: "bo"),
      event(3, .engine(.released), by: "bo"),
      event(4, .breaker(.open), by: "bo"),
    ])
    #expect(report.switched.map(\.to) == ["off", "held", "released", "breaker open"])
    #expect(report.switched.map(\.by) == ["anna", "bo", "bo", "bo"])
    #expect(report.switched[1].function == nil)
  }

  @Test func `its memory is bounded whatever the stream holds`() {
    var builder = ShiftReportBuilder(
      since: start,
      until: start.addingTimeInterval(8 * 3600),
      sums: [ReportSum(function: "pay.send", field: "amount", by: "currency")]
    )
    for number in 0..<5000 {
      let name = "f.\(number)"
      builder.take(event(1, .function(.off), function: name, by: "p\(number)"))
      builder.take(
        event(
          1,
          .call(.failed),
          call: number,
          function: name,
          failure: CallFailure(.timeout, "slow")
        )
      )
      builder.take(event(1, .call(.denied), call: number, by: "p\(number)"))
      builder.take(event(1, .breaker(.open), function: name))
      builder.take(event(1, .call(.queued), call: number, rule: "rule \(number)"))
      builder.take(
        event(
          1,
          .call(.running),
          call: number,
          value: ["amount": 1, "currency": .string("c\(number)")]
        )
      )
      builder.take(event(1, .call(.succeeded), call: number, source: .attempt))
    }
    let report = builder.finished()
    let lines = ShiftReportBuilder.lines
    #expect(report.switched.count == lines && report.errors.count == lines)
    #expect(report.people.count == lines && report.outages.count == lines)
    #expect(report.byRule.count == lines + 1)
    #expect(report.sums[0].groups.count == lines + 1)
    #expect(report.sums[0].groups.reduce(0) { $0 + $1.calls } == 5000)
    #expect(report.left > 0)
  }

  @Test func `an engine's report is that of its stream, and is read in the background`()
    async throws
  {
    let rig = try Rig(TestFunction("pay", .echo), rules: [asking("pay")]) {
      $0.reportSums = [ReportSum(function: "t.pay", field: "amount", by: nil)]
    }
    let since = rig.clock.now
    let paid = await rig.submit("pay", ["amount": 5]).id
    let open = await rig.submit("pay", ["amount": 6]).id
    try await rig.approve(paid)
    await rig.events.wait(for: .succeeded, of: paid)
    let until = since.addingTimeInterval(60)
    @Sendable func found() -> ShiftReport? {
      guard
        case .report(let report) = rig.engine.snapshot(of: .report(since: since, until: until))
          .body
      else { return nil }
      return report
    }
    #expect(found() == nil)
    await eventually { found() != nil }
    let report = try #require(found())
    #expect(report.open.map(\.call) == [open])
    #expect(report.people.map(\.name) == ["maria"])
    #expect(report.sums[0].groups.map(\.total) == ["5"])
    #expect(report.calls.received == 2)
    let words = report.sections(in: .gmt).map(\.title)
    #expect(words.contains("still open") && words.contains("decided by"))
  }

  @Test func `the log is read by page, newest first, and remembers where each person left`()
    async throws
  {
    let store = InMemoryStore()
    let rig = try Rig(TestFunction("pay", .echo), store: store)
    for _ in 0..<20 { _ = await rig.submit("pay") }
    let last = rig.engine.lastSequence
    func page(_ query: ListQuery) -> AuditSnapshot {
      guard case .audit(let audit) = rig.engine.snapshot(of: .audit(query)).body else {
        return AuditSnapshot(page: Page())
      }
      return audit
    }
    let newest = page(ListQuery(after: 2)).page
    #expect(newest.rows.map(\.seq) == [last, last - 1, last - 2])
    #expect(newest.total == last)
    let middle = page(ListQuery(anchor: "10", before: 1, after: 1)).page
    #expect(middle.rows.map(\.seq) == [11, 10, 9])
    #expect(middle.anchorIndex == last - 10)
    let reversed = page(ListQuery(reversed: true, after: 1)).page
    #expect(reversed.rows.map(\.seq) == [1, 2])
    let filtered = page(ListQuery(filter: try Filter("state:succeeded"), after: 100)).page
    #expect(filtered.total == 20 && filtered.hidden == last - 20)

    #expect(await rig.engine.perform(.left(seq: 12), by: maria).isDone)
    #expect(page(ListQuery()).left == ["uid 501": Departure(seq: 12, at: rig.clock.now)])
    // As a restart finds it.
    let again = try Rig(TestFunction("pay", .echo), store: store)
    _ = try again.engine.takeUp()
    guard case .audit(let audit) = again.engine.snapshot(of: .audit(ListQuery())).body else {
      return
    }
    #expect(audit.left["uid 501"]?.seq == 12)
  }
}
