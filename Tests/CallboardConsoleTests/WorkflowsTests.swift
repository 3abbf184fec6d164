import CallboardTerminal
import Foundation
import Testing

@testable import Callboard
@testable import CallboardConsole

/// Runs of workflows on screen 6.
@Suite struct WorkflowsTests {
  @Test func `the key 6 shows runs, and Enter the steps of one`() throws {
    let rig = try Rig(screen: .overview, size: (120, 40))
    rig.press("6")
    #expect(rig.lines.contains { $0.contains("due-diligence") && $0.contains("waiting for you") })
    rig.press("g")
    rig.press(.enter)
    #expect(rig.lines.contains { $0.contains("market") && $0.contains("not required") })
    #expect(rig.lines.contains { $0.contains("503 Service Unavailable") })
  }

  @Test func `x cancels a run that runs, and r retries one that failed as it was seen`() throws {
    let rig = try Rig(screen: .workflows, size: (120, 40))
    rig.press("g")
    rig.press("r")
    #expect(rig.sent.isEmpty)
    rig.press("x")
    #expect(rig.sent == [.cancelRun(Fixture.runID(1))])
    rig.press("j")
    rig.press("x")
    #expect(rig.sent.count == 1)
    rig.press("r")
    #expect(rig.sent.last == .retryRun(Fixture.runID(2), revision: 4))
  }

  @Test func `what a run says is never drawn as it came`() throws {
    var state = Fixture.office
    state.runs = [Fixture.run(1, state: .failed, doing: "boom \u{1B}[2J\u{202E}x")]
    let rig = try Rig(state, screen: .workflows, size: (120, 40))
    rig.press("g")
    for line in rig.lines { #expect(!line.contains("\u{1B}") && !line.contains("\u{202E}")) }
    rig.press(.enter)
    for line in rig.lines { #expect(!line.contains("\u{1B}") && !line.contains("\u{202E}")) }
  }
}
