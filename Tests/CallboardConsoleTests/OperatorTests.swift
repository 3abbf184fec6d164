import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// What an operator relies on beside the rules: that words are true, and nothing is lost without a word.
@Suite struct OperatorTests {
  // MARK: equal calls in one row

  private static func alike(_ number: Int, _ amount: Int) -> CallDetail {
    var detail = Fixture.call(number, "offers.submit", caller: "agent-1", ago: 60)
    detail.row.conversation = Fixture.conversationID(1)
    detail.row.summary = "house 12 Oak St · amount \(amount)"
    return detail
  }

  private static var threeOffers: FakeDoor.State {
    var state = Fixture.office
    state.calls = [alike(21, 410_000), alike(22, 395_000), alike(23, 402_500)]
    return state
  }

  @Test func `equal calls are one row that says how they differ`() throws {
    let rig = try Rig(Self.threeOffers, screen: .waiting)
    #expect(rig.text.contains("offers.submit ×3"))
    #expect(rig.text.contains("1 of 1"))
    #expect(rig.text.contains("000016"))
    #expect(rig.text.contains("amount 395000"))
    #expect(!rig.text.contains("house 12 Oak St"))
  }

  @Test func `where there are too many to fold equal calls, the status row says so`() throws {
    var state = Fixture.office
    state.calls = (100..<600).map { Self.alike($0, $0) }
    let rig = try Rig(state, screen: .waiting)
    #expect(rig.text.contains("1 of 500"))
    #expect(rig.text.contains("too many to fold: / narrows"))
    state.calls.removeLast(300)
    let few = try Rig(state, screen: .waiting)
    #expect(few.text.contains("offers.submit ×200"))
    #expect(!few.text.contains("too many"))
  }

  @Test(arguments: [Key.character("a"), .character("d"), .character("e"), .enter, .right])
  func `a key on a folded row unfolds it and never acts`(key: Key) throws {
    let rig = try Rig(Self.threeOffers, screen: .waiting)
    rig.press(key)
    #expect(rig.sent.isEmpty && rig.intents.isEmpty && rig.session.model.prompt == nil)
    #expect(rig.session.model.place == .screen(.waiting))
    #expect(rig.cursor.id == Fixture.callID(21).description)
    #expect(rig.text.contains("1 of 3"))
    rig.press("j")
    #expect(rig.text.contains("2 of 3"))
  }

  @Test func `a call under the cursor is not folded away by one like it`() throws {
    var state = Fixture.office
    state.calls = [Self.alike(21, 410_000)]
    let rig = try Rig(state, screen: .waiting)
    #expect(rig.cursor.id == Fixture.callID(21).description)
    rig.door.change { $0.calls.append(Self.alike(22, 395_000)) }
    rig.settle()
    #expect(rig.cursor.id == Fixture.callID(21).description)
    #expect(rig.text.contains("1 of 2"))
  }

  // MARK: run again

  private func on(_ number: Int, _ state: FakeDoor.State = Fixture.office) throws -> Rig {
    let rig = try Rig(state, screen: .calls)
    while rig.cursor.id != Fixture.callID(number).description { rig.press("j") }
    return rig
  }

  /// The revision that the screen shows of a call.
  private func revision(of number: Int) throws -> Int {
    try #require(Fixture.office.calls.first { $0.row.id == Fixture.callID(number) }).row.revision
  }

  @Test func `running again always asks, and says what it was`() throws {
    let rig = try on(9)
    rig.press("r")
    #expect(rig.text.contains("Run crm.find 000009 again, as a new call?"))
    #expect(rig.text.contains("It is a read that failed: connection failed."))
    #expect(rig.text.contains(#"with {"name":"Ada"}"#))
    rig.press(.enter)
    #expect(rig.sent.isEmpty && rig.session.model.prompt == nil)
    rig.press("rr")
    #expect(rig.sent.isEmpty)
    rig.press("y")
    let revision = try revision(of: 9)
    #expect(rig.sent == [.runAgain(Fixture.callID(9), revision: revision, arguments: nil)])
  }

  @Test func `a question about a call whose conversation has ended says so first`() throws {
    let ended = "Its conversation has ended: the model will hear nothing of it."
    var state = Fixture.office
    for (word, isSaid) in [(Conversation.Word.stopped, true), (.calling, false)] {
      for index in state.calls.indices { state.calls[index].conversationState = word }
      let again = try on(9, state)
      again.press("r")
      #expect(again.text.contains(ended) == isSaid)
      let settle = try on(3, state)
      settle.press("s")
      #expect(settle.text.contains("did it happen?"))
      #expect(settle.text.contains(ended) == isSaid)
    }
  }

  // MARK: what programs say

  @Test(arguments: [Screen.calls, .waiting])
  func `what a program wrote to stderr stands with its call, line by line and made safe`(
    screen: Screen
  ) throws {
    var state = Fixture.office
    let unknown = try #require(state.calls.firstIndex { $0.row.state == .unknown })
    state.calls[unknown].call.attempts = [Call.Attempt(number: 1, startedAt: Fixture.now)]
    state.calls[unknown].call.keep(errorOutput: "connecting\n\u{1B}[2Jsending", of: 1)
    let rig = try Rig(state, screen: screen)
    while rig.cursor.id != state.calls[unknown].row.id.description { rig.press("j") }
    if screen == .calls {
      rig.press(.enter)
      rig.press("G")
    }
    let lines = rig.lines.filter { $0.contains("│ connecting") || $0.contains("│ ␛[2Jsending") }
    #expect(lines.count == 2, "\(rig.text)")
    #expect(lines.first?.contains("stderr │") == true, "\(rig.text)")
  }

  // MARK: ids

  private func command(_ text: String, _ state: FakeDoor.State = Fixture.office) throws -> Rig {
    let rig = try Rig(state, screen: .functions)
    rig.press(":" + text)
    rig.press(.enter)
    return rig
  }

  @Test func `the end of an id finds a call that is not on the screen`() throws {
    #expect(try command("call 000009").session.model.place == .call(Fixture.callID(9)))
    let conversation = Fixture.conversationID(3)
    #expect(
      try command("conversation \(conversation.short)").session.model.place
        == .conversation(conversation)
    )
    let cancel = Request.cancel(Fixture.callID(4), revision: try revision(of: 4))
    #expect(try command("cancel 000004").sent == [cancel])
    #expect(try command("cancel \(Fixture.callID(4).description)").sent == [cancel])
  }

  @Test func `a whole id is always taken`() throws {
    let strange = Fixture.callID(77)
    #expect(try command("call \(strange)").session.model.place == .call(strange))
  }

  @Test func `an end that fits none or several is said`() throws {
    #expect(try command("call abcdef").notice == "no call that is kept ends in abcdef")
    var state = Fixture.office
    state.calls.append(Fixture.call(0x109, "crm.find"))
    let rig = try command("call 09", state)
    #expect(rig.notice.hasPrefix("2 calls end in 09; write more of the id: "), "\(rig.notice)")
    #expect(rig.notice.contains("000109 crm.find"))
    #expect(rig.session.model.place == .screen(.functions))
    #expect(try command("call xyz").notice.contains("is no id"))
  }

  // MARK: words that are true

  @Test func `what already ran is not spoken of as if it had not`() throws {
    let rig = try Rig(screen: .waiting)
    #expect(rig.text.contains("it ran      once"))
    #expect(!rig.text.contains("if it runs"))
  }

  @Test func `an outcome says where the answer came from, and not what was asked`() throws {
    for (source, words) in [
      (CallOutcome.Source.hit, "from the cache"), (.shared, "shared with an identical call"),
      (.degraded, "degraded: by a fallback"), (.settled, "settled by a person"),
    ] {
      var row = Fixture.call(8, state: .succeeded).row
      row.source = source
      #expect(outcome(of: row).text == words)
      row.result = "price 412,500"
      #expect(outcome(of: row).text == words + " · price 412,500")
    }
    var row = Fixture.call(8, state: .succeeded).row
    #expect(outcome(of: row).text == "answered")
    row.result = "price 412,500"
    #expect(outcome(of: row).text == "price 412,500")
  }

  @Test func `a write has one attempt, whatever its policy says`() {
    var row = Fixture.call(8, state: .running(attempt: 1, child: nil)).row
    row.maxAttempts = 3
    #expect(tries(row).text == "1")
    row.effect = .read
    #expect(tries(row).text == "1/3")
  }

  @Test func `a value's origin is named as people name functions`() throws {
    var state = Fixture.office
    state.functions[1].row.wireName = "pricing_quote"
    let rig = try Rig(state, screen: .waiting)
    rig.press("j")
    #expect(rig.text.contains("from the answer of market.analyse, turn 5"))
    #expect(!rig.text.contains("pricing_quote"))
    let talk = try Rig(state, screen: .conversations)
    talk.press("j")
    talk.press(.enter)
    #expect(talk.text.contains("answer of market.analyse"))
    #expect(!talk.text.contains("pricing_quote"))
  }

  @Test func `a denial that stops the conversation says both`() throws {
    let rig = try Rig(screen: .waiting)
    rig.press("j")
    rig.door.change { $0.replies = [.done("conversation c-0001 stopped")] }
    rig.press("d")
    rig.press(.down, .tab, .enter)
    #expect(rig.notice == "payments.send_wire 000001 denied · conversation c-0001 stopped")
  }

  @Test func `a call that somebody settled has not succeeded by them`() throws {
    let rig = try Rig(screen: .waiting)
    rig.door.change { state in
      state.calls[2].row.state = .succeeded
      state.calls[2].row.source = .settled
      state.calls[2].row.since = state.header.now.addingTimeInterval(-1.8)
      state.calls[2].call.state = .succeeded
      state.calls[2].call.history[1].by = "anna"
    }
    rig.settle()
    rig.press("s")
    #expect(rig.notice == "settled as done by anna 1.8 s before your key; nothing ran")
  }

  @Test func `switching a provider on counts its functions and what will start`() throws {
    var state = Fixture.office
    state.providers[0].isOn = false
    state.functions[0].row.held = 2
    let rig = try Rig(state, screen: .functions)
    rig.press("t")
    #expect(rig.text.contains("Switch on the one function of crm? 2 held calls will start."))
  }

  // MARK: requests on their way

  @Test func `an approval that is on its way is not sent twice`() throws {
    let rig = try Rig(screen: .waiting)
    rig.press("jaa")
    #expect(rig.sent.count == 1)
    #expect(rig.notice == "it is on the way already")
  }

  @Test func `a reply that takes more than half a second is said to be on the way`() throws {
    let rig = try Rig(screen: .waiting)
    rig.packet(.character("!"))
    rig.session.idle(at: rig.time + .milliseconds(499))
    rig.paint()
    #expect(!rig.text.contains("on the way"))
    rig.session.idle(at: rig.time + .milliseconds(500))
    rig.paint()
    #expect(rig.text.contains("1 request on the way"))
  }

  // MARK: what is not shown is said

  @Test func `the opening hint leaves with the first key`() throws {
    let rig = try Rig(options: ConsoleOptions(hint: "Begin here."))
    #expect(rig.text.contains("Begin here."))
    rig.press("j")
    #expect(!rig.text.contains("Begin here."))
  }

  @Test func `the opening hint leaves after half a minute`() throws {
    let rig = try Rig(options: ConsoleOptions(hint: "Begin here."))
    #expect(rig.session.frame?.next.map { $0 <= Fixture.now.addingTimeInterval(30) } == true)
    rig.door.change { $0.header.now += 30 }
    rig.settle()
    #expect(!rig.text.contains("Begin here."))
  }

  @Test func `a title takes two lines at most, and one where there is little room`() throws {
    var state = Fixture.office
    state.calls[0].row.conversationTitle = String(repeating: "a long title ", count: 40)
    for (size, limit) in [((120, 40), 2), ((80, 24), 1)] {
      let rig = try Rig(state, screen: .waiting, size: size)
      rig.press("j")
      #expect(rig.lines.count { $0.contains("long title") } == limit)
      #expect(rig.text.contains("…”"))
    }
  }

  @Test func `a long filter leaves room for what it hides`() throws {
    let rig = try Rig(screen: .calls, size: (80, 24))
    rig.press("/")
    rig.press("fn:payments.* -state:succeeded -state:failed age:<10m -caller:nobody")
    rig.press(.enter)
    #expect(rig.text.contains("…, 5 hidden · newest first"), "\(rig.text)")
  }

  @Test func `a filter goes on with a new word`() throws {
    let rig = try Rig(screen: .calls)
    rig.press("/")
    rig.press("fn:crm.*")
    rig.press(.enter)
    rig.press("/")
    rig.press("ada")
    #expect(rig.session.model.prompt?.field.text == "fn:crm.* ada")
  }

  @Test func `n and N are offered where something narrows the list`() throws {
    let rig = try Rig(screen: .calls, size: (400, 40))
    #expect(rig.lines.last?.contains("n next") == false)
    rig.press("/")
    rig.press("fn:crm.*")
    rig.press(.enter)
    #expect(rig.lines.last?.contains("n next") == true)
  }

  // MARK: columns

  @Test func `numbers are whole where other columns can give way`() throws {
    var state = Fixture.office
    state.conversations[0].row.tokens = 1_252_431
    state.calls[5].row.duration = 365
    for width in [80, 120, 200] {
      let calls = try Rig(state, screen: .calls, size: (width, 40))
      #expect(calls.text.contains("6 min 05"))
      let talk = try Rig(state, screen: .conversations, size: (max(120, width), 40))
      #expect(talk.text.contains("1,252,431"))
    }
    #expect(try Rig(screen: .waiting, size: (200, 60)).text.contains(" conv"))
  }

  @Test func `a function that is off shows what it holds`() throws {
    var state = Fixture.office
    state.functions[0].row.held = 3
    let rig = try Rig(state, screen: .functions)
    #expect(rig.text.contains("off by anna 14:00 · 3 held"))
  }

  @Test func `without UTF-8 lists and panes name the same code point`() throws {
    var state = Fixture.office
    state.calls[0] = Fixture.call(1, arguments: ["payee": "ış"], caller: "ış")
    let list = try Rig(state, screen: .calls, isUTF8: false)
    #expect(list.text.contains("<U+0131><U+015F>"), "\(list.text)")
    let rig = try Rig(state, screen: .waiting, isUTF8: false)
    rig.press("j")
    #expect(rig.text.contains("payee | <U+0131>"), "\(rig.text)")
  }
}
