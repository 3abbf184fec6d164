import Callboard
import CallboardTesting
import Foundation
import Testing

@testable import CallboardProviders

/// Programs that call people.
@Suite struct NoticeTests {
  private let folder: String
  private let clock = SystemClock()

  init() throws {
    folder = NSTemporaryDirectory() + "callboard-notices-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func notice(
    _ run: [String],
    function: String = "payments.send_wire",
    caller: String = "agent-7",
    state: CallState.Word = .awaitingApproval
  ) -> Notice {
    Notice(
      call: CallboardProvidersTests.call,
      function: function,
      caller: caller,
      conversation: nil,
      state: state,
      rule: "rule 2: wire over 1,000",
      group: 1,
      groups: 2,
      since: Date(timeIntervalSince1970: 1_795_341_600),
      expiresAt: Date(timeIntervalSince1970: 1_795_342_500),
      run: run
    )
  }

  private func call(
    _ notice: Notice,
    limit: Duration = .seconds(30),
    socket: String? = "/run/callboard/desk.sock"
  ) async -> String? {
    let deadlines = DeadlineQueue(clock: clock)
    do throws(AttendantFault) {
      let runner = try NoticeRunner(
        clock: clock,
        deadlines: deadlines,
        socket: socket,
        limit: limit
      )
      try await runner.call(notice)
      return nil
    } catch {
      return error.description
    }
  }

  private func text(_ name: String) -> String {
    (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
  }

  @Test func `the text carries the command that opens the call`() async {
    let script = #"cat > "$1/in"; printf '%s\n' "$2" "$CALLBOARD_OPEN" > "$1/args""#
    let fault = await call(
      notice(["sh", "-c", script, "pager", folder, "${call.id} ${call.function}"])
    )
    #expect(fault == nil)
    let command =
      "callboard approvals show \(CallboardProvidersTests.call) --socket /run/callboard/desk.sock"
    #expect(text("args") == "\(CallboardProvidersTests.call) payments.send_wire\n\(command)\n")
    #expect(
      text("in")
        == "callboard: payments.send_wire of agent-7 waits for approval since 2026-11-22T10:00:00.000Z, "
        + "until 2026-11-22T10:15:00.000Z (rule 2: wire over 1,000). Open it with: \(command)\n"
    )
  }

  @Test func `no shell is involved, and hostile text is one argument that shows what it is`() async
  {
    let script = #"printf '%s' "$2" > "$1/args""#
    let hostile = "x; touch \(folder)/owned\u{1B}[2J"
    let fault = await call(
      notice(["sh", "-c", script, "pager", folder, "by ${call.caller}"], caller: hostile)
    )
    #expect(fault == nil)
    #expect(!FileManager.default.fileExists(atPath: folder + "/owned"))
    #expect(text("args").hasPrefix("by x; touch"))
    #expect(!text("args").contains("\u{1B}"))
  }

  @Test func `a program that fails, is not there or takes too long is told in a sentence`() async {
    #expect(
      await call(notice(["sh", "-c", "echo no modem >&2; exit 3"]))
        == "“sh” ended with status 3: no modem"
    )
    #expect(await call(notice(["no-such-pager"]))?.contains("was not found in PATH") == true)
    #expect(
      await call(notice(["sleep", "60"]), limit: .milliseconds(100))
        == "“sleep” took longer than 100 ms and was stopped"
    )
  }

  @Test func `an unknown outcome is opened as a call`() {
    let words = NoticeWords(notice: notice(["p"], state: .unknown), socket: "/run/it's one.sock")
    #expect(words.text.contains("may have been done, unknown since"))
    let id = CallboardProvidersTests.call
    #expect(
      words.text.hasSuffix(#"callboard calls show \#(id) --socket '/run/it'\''s one.sock'"#)
    )
  }

  @Test func `where no command can open it, none is named`() {
    let words = NoticeWords(notice: notice(["p"]), socket: nil)
    #expect(words.command.isEmpty)
    let id = CallboardProvidersTests.call
    #expect(words.text.hasSuffix("Open call \(id) on its own console: it has no control socket."))
  }

  @Test(
    arguments: [
      (["pager", "${call.id}", "to ${call.caller}"], nil),
      (["pager", "${call.ids}"], "did you mean ${call.id}?"),
      (["${call.function}"], "would let a call choose the program"),
      (["pager", "${call.caller}"], "begins with ${call.caller}"),
      (["pager", "${HOME}"], "names ${HOME}, which no notice has"),
    ] as [([String], String?)]
  )
  func `places are checked before anything waits`(run: [String], words: String?) {
    let problems = NoticeRunner.problems(run).map(\.sentence)
    #expect(problems.count == (words == nil ? 0 : 1), "\(problems)")
    if let words { #expect(problems.first?.contains(words) == true, "\(problems)") }
  }
}
