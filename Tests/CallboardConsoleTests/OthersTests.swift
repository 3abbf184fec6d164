import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// What one person sees of the others: who reads, who was faster, what happened while they were away.
@Suite struct OthersTests {
  private let bo = Principal.operator("bo", uid: 1002)

  @Test func `who else reads a call is said, and oneself is not`() throws {
    var state = Fixture.office
    state.calls[0].readers = [
      Reader(by: bo, since: Fixture.now.addingTimeInterval(-12)),
      Reader(by: Fixture.maria, since: Fixture.now),
    ]
    let rig = try Rig(state, screen: .waiting)
    rig.press("j")
    #expect(rig.text.contains("bo is reading, 12 s"))
    #expect(!rig.text.contains("maria is reading"))
  }

  @Test func `somebody who comes to read makes nothing unread`() throws {
    let rig = try Rig(screen: .waiting)
    rig.press("j")
    let reader = Reader(by: bo, since: Fixture.now)
    rig.door.change { $0.calls[0].readers = [reader] }
    rig.settle()
    rig.press("a")
    #expect(rig.sent.count == 1)
  }

  @Test func `what is on the screen is said to be read, again after a while, and no longer`() throws
  {
    let rig = try Rig(screen: .waiting)
    rig.press("j")
    let id = Fixture.callID(1)
    #expect(rig.door.readings.last == .reading(id, isThere: true))
    let count = rig.door.readings.count
    rig.settle()
    #expect(rig.door.readings.count == count)
    rig.wait(.seconds(10))
    rig.session.sayReadingAgain(at: rig.time)
    #expect(rig.door.readings.count == count + 1)
    rig.press("3")
    #expect(rig.door.readings.last == .reading(id, isThere: false))
  }

  @Test func `who only looks is not said to be about to decide`() throws {
    let rig = try Rig(screen: .waiting, options: ConsoleOptions(isReadOnly: true))
    rig.press("j")
    #expect(rig.door.readings.isEmpty)
    #expect(rig.session.leave() == nil)
  }

  @Test func `whoever was faster is named where the call was, and whoever was slower beside it`()
    throws
  {
    let rig = try Rig(screen: .waiting)
    rig.press("j")
    let late = LateWord(by: bo, wanted: "denying it", at: Fixture.now.addingTimeInterval(-3))
    rig.door.change { state in
      state.calls[0].call.state = .queued(attempt: 1, joined: nil)
      state.calls[0].row.state = .queued
      state.calls[0].row.digest = nil
      state.calls[0].call.history.append(
        Call.Step(at: Fixture.now, state: .queued, attempt: 1, cause: "approved", by: "anna")
      )
      state.calls[0].late = [late]
    }
    rig.settle()
    #expect(rig.text.contains("has left: queued by anna"))
    #expect(rig.text.contains("bo was too late, denying it, 3 s ago"))
  }

  @Test func `a person who could not be called is said once`() throws {
    let rig = try Rig(screen: .waiting)
    rig.door.change {
      $0.header.notifyFault = NotifyFault(text: "nobody was called: no pager", at: Fixture.now)
    }
    rig.settle()
    #expect(rig.notice == "nobody was called: no pager")
    rig.press("j")
    rig.settle()
    #expect(rig.notice == "")
  }

  // MARK: the log

  private var log: FakeDoor.State {
    var state = Fixture.office
    state.header.seq = 5
    for seq in 1...5 {
      var event = EngineEvent(
        time: Fixture.now.addingTimeInterval(Double(seq - 60)),
        type: seq == 4 ? .engine(.decisionRefused) : .function(.off),
        function: seq == 4 ? nil : "crm.find",
        cause: seq == 4 ? "too late" : "switched off",
        by: seq == 4 ? "bo" : "anna"
      )
      event.seq = seq
      state.events.append(AuditRow(event))
    }
    state.left[Fixture.maria.identity] = Departure(
      seq: 3,
      at: Fixture.now.addingTimeInterval(-3600)
    )
    return state
  }

  @Test func `the log says who, what, when and on what grounds, newest first`() throws {
    let rig = try Rig(log, screen: .audit)
    let rows = rig.lines.filter { $0.contains("switched off") || $0.contains("too late") }
    #expect(rows.count == 5)
    #expect(rows[1].contains("bo") && rows[1].contains("engine.decision_refused"))
    #expect(rows[0].contains("14:01:16") && rows[0].contains("anna"))
  }

  @Test func `a line marks where this person last left`() throws {
    let rig = try Rig(log, screen: .audit)
    let rows = rig.lines.indices.filter {
      rig.lines[$0].contains("switched off") || rig.lines[$0].contains("too late")
    }
    #expect(rows.map { rig.grid[$0, 30].style.underline } == [false, true, false, false, false])
    #expect(rows.map { rig.lines[$0].contains("+") } == [true, true, false, false, false])
    #expect(rig.text.contains("2 since you left, 13:02:11"))
  }

  @Test func `leaving says up to which event this person was told`() throws {
    let rig = try Rig(log, screen: .audit)
    _ = rig.session.leave()
    #expect(rig.sent == [.left(seq: 5)])
  }

  @Test func `Enter opens an event whole`() throws {
    let rig = try Rig(log, screen: .audit)
    rig.press("j")
    rig.press(.enter)
    #expect(rig.text.contains("engine.decision_refused  event 4"))
    #expect(rig.text.contains("too late"))
    rig.press(.escape)
    #expect(rig.session.model.place == .screen(.audit))
  }

  // MARK: the shift

  @Test func `since opens what happened in a shift`() throws {
    var state = Fixture.office
    var report = ShiftReport(
      since: Fixture.now.addingTimeInterval(-28_800),
      until: Fixture.now,
      comparedSince: Fixture.now.addingTimeInterval(-100_000)
    )
    report.byRule = [ShiftReport.Count(name: "rule 1: every\u{1B}[2Jread", count: 3)]
    state.report = report
    let rig = try Rig(state)
    rig.press(":since 8h")
    rig.press(.enter)
    #expect(
      rig.session.model.place
        == .report(since: Fixture.now.addingTimeInterval(-28_800), until: Fixture.now)
    )
    #expect(rig.text.contains("by rule, without a person"))
    #expect(rig.text.contains("nothing waits for a person"))
    #expect(!rig.text.contains("\u{1B}"))
  }

  @Test(arguments: ["", "8", "8y", "-1h"])
  func `a time that is none is said`(text: String) throws {
    let rig = try Rig()
    rig.press(":since \(text)")
    rig.press(.enter)
    #expect(rig.notice.contains("write"))
    #expect(rig.session.model.place == .screen(.overview))
  }
}
