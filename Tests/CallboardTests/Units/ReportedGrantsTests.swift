import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What a shift's report says of grants, of runs again and of unknown outcomes.
@Suite(.timeLimit(.minutes(5)))
struct ReportedGrantsTests {
  private let start = Date(timeIntervalSince1970: 1_795_341_600)
  private let grant = GrantID(UUIDv7(high: 1, low: 0xabcd))
  private let other = GrantID(UUIDv7(high: 1, low: 0xef01))

  private func event(
    _ minute: Double,
    _ word: CallState.Word,
    _ number: Int,
    cause: String? = nil,
    by: String? = nil,
    grant: GrantID? = nil,
    link: Call.Link? = nil
  ) -> EngineEvent {
    var event = EngineEvent(
      time: start.addingTimeInterval(minute * 60),
      type: .call(word),
      call: EngineEvent.CallPart(
        id: CallID(UUIDv7(high: 1, low: UInt64(number))),
        function: "pay.send",
        caller: "agent",
        conversation: nil,
        state: word,
        attempt: nil,
        revision: 1,
        link: link
      ),
      cause: cause,
      by: by
    )
    event.grant = grant
    return event
  }

  private func report(_ events: [EngineEvent]) -> ShiftReport {
    var builder = ShiftReportBuilder(
      since: start,
      until: start.addingTimeInterval(8 * 3600),
      sums: []
    )
    for event in events { builder.take(event) }
    return builder.finished()
  }

  /// A call that the grant approves, and what becomes of it.
  private func ahead(_ number: Int, _ rest: [EngineEvent]) -> [EngineEvent] {
    [
      event(1, .awaitingApproval, number, cause: "held by rule 1"),
      event(1, .queued, number, cause: "approved ahead", by: "maria", grant: grant),
    ] + rest
  }

  @Test func `a grant counts for the calls it let start, also as one of several approvals`() {
    let report = report(
      ahead(1, [event(2, .running, 1), event(3, .failed, 1)])
        + [
          event(4, .awaitingApproval, 2, cause: "held by rule 2"),
          event(
            4,
            .awaitingApproval,
            2,
            cause: "approved ahead, 1 of 2",
            by: "maria",
            grant: grant
          ),
          event(5, .queued, 2, cause: "approved", by: "bo"),
          event(6, .running, 2),
        ]
    )
    #expect(report.byGrant == [.init(name: "\(grant.short) of maria", count: 2)])
    #expect(report.people.map(\.name) == ["bo"])
    #expect(report.people.first?.approved == 1)
  }

  @Test func `one that only waits for its turn counts, and one that never started does not`() {
    for end in [CallState.Word.cancelled, .expired, .denied, .failed] {
      let report = report(
        ahead(1, [event(2, end, 1, by: end == .denied ? "bo" : nil)]) + ahead(2, [])
          + ahead(3, [event(2, .succeeded, 3)])
      )
      #expect(report.byGrant.map(\.count) == [2], "\(end)")
    }
  }

  @Test(arguments: [
    ("edited; approvals given before are void", "bo", nil as Bool?, 0),
    ("its definition changed; approvals given before are void", nil, nil, 0),
    ("the grant that approved it is valid no longer", nil, nil, 0),
    ("the grant that approved it is valid no longer", nil, true, 0),
    ("the grant that approved it is valid no longer", nil, false, 1),
    ("given more time", "bo", nil, 1),
    ("approval taken back", "maria", nil, 0),
    ("approval taken back", "bo", nil, 1),
  ])
  func `an approval ahead that was made void counts no longer`(
    cause: String,
    by: String?,
    isOfIts: Bool?,
    count: Int
  ) {
    let ended = isOfIts.map { $0 ? grant : other }
    let report = report(
      ahead(
        1,
        [
          event(2, .awaitingApproval, 1, cause: cause, by: by, grant: ended),
          event(3, .queued, 1, cause: "approved", by: "bo"), event(4, .running, 1),
        ]
      )
    )
    #expect(report.byGrant.map(\.count) == (count == 0 ? [] : [count]))
  }

  @Test func `what was run again counts for whoever asked, and a look-up is none`() {
    let ended = CallID(UUIDv7(high: 1, low: 1))
    let report = report([
      event(1, .received, 2, cause: "asked for again", by: "bo", link: .again(ended)),
      event(2, .unknown, 3, cause: "cut off"),
      event(3, .unknown, 3, cause: "run again with the same key", by: "bo"),
      event(3, .received, 4, cause: "asked for again", by: "bo", link: .settles(ended)),
      event(4, .unknown, 3, cause: "looked up by pay.find", by: "zoe"),
      event(4, .received, 5, cause: "received", link: .checks(ended)),
      event(5, .received, 6, cause: "asked for again", by: "ann", link: .settles(ended)),
    ])
    #expect(report.people.map(\.name) == ["bo", "zoe"])
    #expect(report.people[0].ranAgain == 2)
    #expect(report.people[1].ranAgain == 0 && report.people[1].lookedUp == 1)
    #expect(report.sections(in: .gmt).flatMap(\.lines).contains("zoe: looked up 1"))
  }

  @Test func `a call that was stopped was cancelled once`() {
    let report = report([
      event(1, .stopping, 1, cause: "cancel asked for", by: "bo"),
      event(2, .cancelled, 1, cause: "stopped", by: "bo"),
      event(3, .cancelled, 2, cause: "cancelled", by: "bo"),
    ])
    #expect(report.people.map(\.cancelled) == [2])
  }

  @Test func `an outcome that somebody has found out since is not unknown`() {
    let report = report([
      event(-10, .unknown, 1), event(1, .succeeded, 1, by: "bo"),
      event(2, .unknown, 2), event(3, .failed, 2, by: "bo"),
      event(4, .unknown, 3), event(5, .unknown, 3, cause: "a late result came"),
      event(6, .unknown, 4), event(7, .succeeded, 4, by: "bo"),
    ])
    #expect(report.calls.unknown == 1)
    #expect(report.calls.succeeded == 2 && report.calls.failed == 1)
  }

  @Test func `an engine tells who gave a grant and who took it back, and what it then covered`()
    async throws
  {
    let rig = try Rig(TestFunction("pay", .echo), rules: [asking("pay", grace: 30)])
    let since = rig.clock.now
    let draft = GrantDraft(function: "t.pay", seconds: 3600, limit: 5)
    #expect(await rig.engine.perform(.grant(draft, waiting: []), by: maria).isDone)
    let started = await rig.submit("pay").id
    rig.clock.advance(by: .seconds(31))
    await rig.events.wait(for: .succeeded, of: started)
    let stopped = await rig.submit("pay").id
    #expect(try rig.call(stopped).state.word == .approved)
    guard case .grants(let rows) = rig.engine.snapshot(of: .grants).body, let row = rows.first
    else {
      Issue.record("there is no grant")
      return
    }
    #expect(await rig.engine.perform(.revokeGrant(row.id), by: omar).isDone)
    rig.clock.advance(by: .seconds(31))
    await eventually { (try? rig.call(stopped).state.word) == .awaitingApproval }
    let query = Query.report(since: since, until: rig.clock.now.addingTimeInterval(60))
    @Sendable func found() -> ShiftReport? {
      if case .report(let report) = rig.engine.snapshot(of: query).body { report } else { nil }
    }
    await eventually { found() != nil }
    let report = try #require(found())
    #expect(report.byGrant == [.init(name: "\(row.id.short) of maria", count: 1)])
    #expect(report.grants.map(\.by) == ["maria", "omar"])
    #expect(report.grants.map(\.kind) == [.given, .takenBack])
    #expect(report.grants.map(\.grant) == [row.id, row.id])
    #expect(report.grants[0].until == row.grant.until)
    let lines = report.sections(in: .gmt).first { $0.title == "grants given, taken back and void" }?
      .lines
    let name = row.id.short
    #expect(
      lines?.map { $0.drop { $0 != " " } } == [
        " maria gave \(name): calls of t.pay, 5 calls at most, until "
          + ISOTime.text(of: row.grant.until).dropFirst(11).prefix(5),
        " omar took back \(name) of maria, for t.pay",
      ]
    )
  }
}
