import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// The rules of the console that are never traded.
@Suite struct RuleTests {
  private func approvals(_ rig: Rig) -> [CallID] {
    rig.sent.compactMap { if case .approve(let id, _) = $0 { id } else { nil } }
  }

  /// A waiting screen with the cursor on the approval of 25,000.
  private func onApproval(_ size: (width: Int, height: Int) = (120, 40)) throws -> Rig {
    let rig = try Rig(screen: .waiting, size: size)
    rig.press("j")
    #expect(rig.cursor.id == Fixture.callID(1).description)
    return rig
  }

  // MARK: what is approved is what was shown

  @Test func `an approval names revision and digest of what was painted`() throws {
    let rig = try onApproval()
    rig.press("a")
    #expect(rig.sent == [.approve(Fixture.callID(1), Seen(revision: 2, digest: "digest-1-2"))])
  }

  @Test func `nothing is approved unread`() throws {
    var state = Fixture.office
    let memo = (1...60).map { "line \($0)" }.joined(separator: "\n")
    state.calls[0] = Fixture.call(1, arguments: ["amount": 25000, "memo": .string(memo)])
    let rig = try Rig(state, screen: .waiting, size: (80, 24))
    rig.press("j")
    #expect(rig.text.contains("lines unread · J"))
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.notice.hasSuffix("lines unread: J"))
    for _ in 0..<20 { rig.press("J") }
    rig.press("a")
    #expect(approvals(rig) == [Fixture.callID(1)])
  }

  @Test func `lines that were jumped over are unread`() throws {
    var state = Fixture.office
    let memo = (1...60).map { "line \($0)" }.joined(separator: "\n")
    state.calls[0] = Fixture.call(1, arguments: ["memo": .string(memo)])
    let rig = try Rig(state, screen: .waiting, size: (80, 24))
    rig.press("j")
    // All in one packet: only where it ends is painted.
    for _ in 0..<20 { rig.packet(.character("J")) }
    rig.settle()
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.notice.hasSuffix("unread: K"))
  }

  @Test func `a value over 4 kB is folded, and folded is unread`() throws {
    var state = Fixture.office
    let memo =
      String(repeating: "x", count: 5000) + "the middle" + String(repeating: "y", count: 5000)
    state.calls[0] = Fixture.call(1, arguments: ["memo": .string(memo)])
    let rig = try Rig(state, screen: .waiting)
    rig.press("j")
    #expect(rig.text.contains("folded: 10.0 kB, SHA-256"))
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "1 value is folded and unread: Enter unfolds")
    rig.press(.enter)
    for _ in 0..<30 { rig.press("J") }
    rig.press("a")
    #expect(approvals(rig) == [Fixture.callID(1)])
  }

  @Test func `what changed is said, and has to be read before it is approved`() throws {
    let rig = try onApproval()
    rig.door.change { state in
      let id = state.calls[0].row.id
      let edited: JSONValue = ["amount": 99000, "currency": "USD"]
      state.calls[0] = Fixture.call(1, arguments: edited)
      state.calls[0].row.revision = 3
      state.calls[0].row.digest = "digest-1-3"
      state.calls[0].call.editedBy = .operator("bo")
      #expect(state.calls[0].row.id == id)
    }
    // The key comes before the change is on the screen: it is painted first, and the key dropped.
    rig.session.look()
    rig.packet(.character("a"))
    #expect(rig.sent.isEmpty)
    rig.settle()
    #expect(rig.text.contains("changed by bo since you first read it"))
    #expect(rig.text.contains("25000 → 99000"))
    rig.press("a")
    #expect(rig.sent == [.approve(Fixture.callID(1), Seen(revision: 3, digest: "digest-1-3"))])
  }

  @Test
  func
    `keys that come in one piece decide nothing, as from a terminal that does not bracket a paste`()
    throws
  {
    let rig = try onApproval()
    rig.settle()
    let paste = [Key](repeating: .character("a"), count: 8)
    for key in paste { rig.together(key) }
    #expect(rig.sent.isEmpty)
    #expect(rig.notice.contains("as a paste does"))
    rig.together(.character("!"))
    #expect(rig.sent.count == 1, "holding is never wrong")
  }

  // MARK: the cursor belongs to a thing

  @Test func `rows that come above leave the cursor on its call`() throws {
    let rig = try onApproval()
    rig.door.change { state in
      for number in 20..<30 {
        state.calls.append(Fixture.call(number, "crm.urgent", ago: 800))
      }
    }
    rig.settle()
    #expect(rig.cursor.id == Fixture.callID(1).description)
    rig.press("a")
    #expect(approvals(rig) == [Fixture.callID(1)])
  }

  @Test func `a call that leaves keeps its place as a gap, and a does nothing there`() throws {
    let rig = try onApproval()
    rig.door.change { state in
      state.calls[0].row.state = .expired
      state.calls[0].row.since = state.header.now.addingTimeInterval(-0.2)
      state.calls[0].call.state = .expired
    }
    rig.settle()
    #expect(rig.cursor.isGap)
    #expect(rig.text.contains("payments.send_wire has left: expired"))
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "expired 200 ms before your key; nothing ran")
    rig.press("j")
    #expect(rig.cursor.id == Fixture.callID(2).description)
  }

  @Test func `the row that takes the place of another one is not under the cursor`() throws {
    let rig = try Rig(screen: .calls)
    let first = try #require(rig.cursor.id)
    rig.door.change { state in state.calls.append(Fixture.call(50, "a.newer")) }
    rig.settle()
    #expect(rig.cursor.id == first)
  }

  @Test func `a filter that hides the cursor's call leaves a gap and says how many it hides`()
    throws
  {
    let rig = try onApproval()
    rig.press("/")
    rig.press("fn:offers.*")
    rig.press(.enter)
    #expect(rig.cursor.isGap)
    #expect(rig.text.contains("hidden by the filter"))
    #expect(rig.text.contains("filter fn:offers.*, 2 hidden"))
    rig.press("a")
    #expect(rig.sent.isEmpty)
  }

  // MARK: a key decides only what was seen

  @Test func `j and a in one packet approve nothing`() throws {
    let rig = try Rig(screen: .waiting)
    rig.packet(.character("j"), .character("a"))
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "typed before this was on screen")
  }

  @Test func `an approval that comes before the terminal has answered is dropped`() throws {
    let rig = try Rig(screen: .waiting)
    rig.packet(.character("j"))
    rig.paint()
    rig.wait(.milliseconds(800))
    rig.packet(.character("a"))
    #expect(rig.sent.isEmpty)
    rig.packet(.statusReport)
    rig.wait(.milliseconds(499))
    rig.packet(.character("a"))
    #expect(rig.sent.isEmpty)
    rig.wait(.milliseconds(2))
    rig.paint()
    rig.packet(.character("a"))
    #expect(approvals(rig).count == 1)
  }

  @Test func `pasted text is never run as keys`() throws {
    let rig = try onApproval()
    rig.press(.paste("aaaa\n!x"))
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "pasted text is never run as keys")
    rig.press("d")
    rig.press(.paste("two\nlines"))
    #expect(rig.text.contains("two lines"))
    #expect(rig.sent.isEmpty)
  }

  @Test func `a broken sequence of bytes is no key`() throws {
    let rig = try onApproval()
    rig.press(.brokenSequence, .focusIn, .focusOut)
    #expect(rig.sent.isEmpty && rig.cursor.id == Fixture.callID(1).description)
  }

  @Test func `hold is never dropped`() throws {
    let rig = try Rig(screen: .waiting)
    rig.packet(.character("j"), .character("!"))
    #expect(rig.sent == [.hold(from: false, to: true)])
  }

  @Test func `elsewhere a and d and e open the call on 2 and never act`() throws {
    for key in ["a", "d", "e"] {
      let rig = try Rig(screen: .calls)
      while rig.session.model.list.cursor.id != Fixture.callID(1).description { rig.press("j") }
      rig.press(key)
      #expect(rig.sent.isEmpty && rig.intents.isEmpty)
      #expect(rig.session.model.place == .screen(.waiting))
      #expect(rig.cursor.id == Fixture.callID(1).description)
      #expect(rig.session.model.prompt == nil)
    }
  }

  // MARK: switches carry what was seen

  @Test func `a switch carries what was seen and what is wanted`() throws {
    let rig = try Rig(screen: .functions)
    // The first row is the provider crm, the second its function, which is off.
    rig.press("jj")
    rig.press("j")
    #expect(rig.cursor.id == "market.analyse")
    rig.press("t")
    #expect(rig.sent == [.setFunction("market.analyse", from: true, to: false)])
  }

  @Test func `a switch that somebody else has turned is painted before the key counts`() throws {
    let rig = try Rig(screen: .functions)
    rig.press("jjj")
    rig.door.change { state in
      state.functions[1].row.isOn = false
      state.functions[1].row.switched = Switched(by: "anna", at: state.header.now)
    }
    rig.session.look()
    rig.packet(.character("t"))
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "typed before this was on screen")
  }

  @Test func `switching on asks and says how many will start`() throws {
    var state = Fixture.office
    state.functions[0].row.held = 3
    let rig = try Rig(state, screen: .functions)
    rig.press("j")
    rig.press("t")
    #expect(rig.text.contains("Switch crm.find on? 3 held calls will start."))
    rig.press(.enter)
    #expect(rig.sent.isEmpty && rig.session.model.prompt == nil)
    rig.press("ty")
    #expect(rig.sent == [.setFunction("crm.find", from: false, to: true)])
  }

  @Test func `the engine is released only by another key than the one that asks`() throws {
    var state = Fixture.office
    state.header.held = Switched(by: "maria", at: Fixture.now)
    let rig = try Rig(state, screen: .overview)
    rig.press("!!!")
    #expect(rig.sent.isEmpty)
    rig.press("y")
    #expect(rig.sent == [.hold(from: true, to: false)])
  }

  @Test func `a breaker question names the state and offers only the other one`() throws {
    let rig = try Rig(screen: .functions)
    rig.press("jjj")
    rig.press("b")
    #expect(rig.text.contains("The breaker of market.analyse is closed."))
    rig.press("c")
    #expect(rig.sent.isEmpty)
    rig.press("o")
    #expect(rig.sent == [.setBreaker("market.analyse", from: .closed, to: .open)])
  }

  // MARK: prompts

  @Test func `a denial carries the reason and, when asked, stops the conversation`() throws {
    let rig = try onApproval()
    rig.press("d")
    rig.press(.down, .tab, .enter)
    #expect(
      rig.sent == [
        .deny(
          Fixture.callID(1),
          Seen(revision: 2, digest: "digest-1-2"),
          reason: Prompt.reasons[0],
          stopConversation: true
        )
      ]
    )
  }

  @Test func `a prompt outlives its call and swallows keys until Esc`() throws {
    let rig = try onApproval()
    rig.press("d")
    rig.press("no")
    rig.door.change { state in
      state.calls[0].row.state = .expired
      state.calls[0].row.since = state.header.now.addingTimeInterval(-0.2)
    }
    rig.settle()
    #expect(rig.text.contains("it has left: expired"))
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    #expect(rig.notice.hasPrefix("expired 200 ms before your key; nothing ran"))
    rig.press("ax!")
    #expect(rig.sent.isEmpty && rig.session.model.prompt != nil)
    rig.press(.escape)
    #expect(rig.session.model.prompt == nil)
  }

  @Test func `settling asks what happened and by what it is known`() throws {
    let rig = try Rig(screen: .waiting)
    rig.press("s")
    rig.press("d")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    rig.press("bank says no")
    rig.press(.enter)
    #expect(
      rig.sent == [
        .settle(Fixture.callID(3), revision: 2, .didNotHappen(evidence: "bank says no"))
      ]
    )
  }

  @Test func `a settled result may be JSON or a reference`() throws {
    for (text, value) in [("{\"id\": 7}", JSONValue.object(["id": 7])), ("TX-1", "TX-1")] {
      let rig = try Rig(screen: .waiting)
      rig.press("sh")
      rig.press(text)
      rig.press(.enter)
      #expect(rig.sent == [.settle(Fixture.callID(3), revision: 2, .happened(Payload(value)))])
    }
  }

  @Test func `an edit shows errors and differences before anything is sent`() throws {
    let rig = try onApproval()
    rig.press("e")
    guard case .edit(var edit)? = rig.intents.last else {
      Issue.record("no editor was asked for")
      return
    }
    rig.session.returned(.success("{ \"amount\": "), of: edit)
    rig.settle()
    #expect(rig.text.contains("does not fit; nothing was changed"))
    rig.press("y")
    #expect(rig.sent.isEmpty)
    edit.text = "{\"amount\": 2500, \"currency\": \"USD\"}"
    rig.session.returned(.success(edit.text), of: edit)
    rig.settle()
    #expect(rig.text.contains("amount │ 25000"))
    #expect(rig.text.contains("│ → 2500"))
    rig.door.change { $0.replies = [.invalid([])] }
    rig.press("y")
    #expect(
      rig.sent == [
        .edit(
          Fixture.callID(1),
          Seen(revision: 2, digest: "digest-1-2"),
          arguments: ["amount": 2500, "currency": "USD"]
        )
      ]
    )
    #expect(rig.session.model.prompt != nil)
  }

  @Test func `leaving asks while calls live here`() throws {
    let rig = try Rig()
    rig.press("qq")
    #expect(rig.intents.isEmpty)
    rig.press("qy")
    #expect(rig.intents == [.quit])
  }

  @Test func `an edit that changes nothing of an ended call runs it as it was, and says so`() throws
  {
    let rig = try Rig(screen: .calls)
    let edit = ArgumentsEdit(
      call: Fixture.callID(9),
      function: "crm.find",
      revision: 2,
      seen: nil,
      original: ["name": "Ada"],
      text: "{}"
    )
    rig.session.returned(.success("{\"name\": \"Ada\"}"), of: edit)
    rig.settle()
    #expect(rig.text.contains("crm.find 000009 as a new call, as it was"))
    #expect(!rig.text.contains("nothing"))
  }

  @Test(arguments: [
    (1, "1 write runs and has 10 s to end; after that nobody knows whether it happened."),
    (2, "2 writes run and have 10 s to end; after that nobody knows whether they happened."),
  ])
  func `leaving says when a write runs, and how long it has`(writes: Int, words: String) throws {
    let rig = try Rig(size: (200, 40))
    rig.door.change { $0.header.runningWrites = writes }
    rig.settle()
    rig.press("q")
    #expect(rig.text.contains(words))
  }

  @Test func `a decision that can be undone is named in the hints`() throws {
    let rig = try onApproval()
    rig.door.change { $0.replies = [.done("approved")] }
    rig.press("a")
    rig.door.change { Self.approve(&$0, by: Fixture.maria) }
    rig.press("3")
    #expect(rig.lines.last?.contains("u undo approval of payments.send_wire") == true)
    rig.press("u")
    let seen = try #require(Fixture.office.calls[0].row.seen)
    #expect(rig.sent.last == .undo(Fixture.callID(1), seen))
  }

  private static func approve(_ state: inout FakeDoor.State, by person: Principal) {
    let until = state.header.now.addingTimeInterval(4)
    state.calls[0].row.state = .approved
    state.calls[0].call.state = .approved(until: until)
    state.header.undoable = [
      Undoable(by: person, call: Fixture.callID(1), at: state.header.now, until: until)
    ]
  }

  @Test func `another console of the same person can undo it, and nobody else's can`() throws {
    var state = Fixture.office
    Self.approve(&state, by: Fixture.maria)
    let mine = try Rig(state, screen: .calls)
    #expect(mine.lines.last?.contains("u undo approval of payments.send_wire") == true)
    mine.press("u")
    let seen = try #require(Fixture.office.calls[0].row.seen)
    #expect(mine.sent.last == .undo(Fixture.callID(1), seen))
    let other = try Rig(state, screen: .calls, principal: .operator("omar", uid: 4711))
    #expect(other.lines.last?.contains("undo") == false)
    other.press("u")
    #expect(other.sent.isEmpty)
  }

  // MARK: hostile text

  @Test func `hostile text changes no cell outside of its own`() throws {
    let hostile = "x\u{1B}[2J\r\nevil\u{202E}drow\t│ · approved by maria\u{200B}\u{07}"
    for screen in Screen.allCases {
      var state = Fixture.office
      state.calls[0] = Fixture.call(
        1,
        arguments: ["memo": .string(hostile), hostile: 1],
        caller: hostile
      )
      state.calls[0].row.conversationTitle = hostile
      state.calls[0].row.rule = hostile
      state.conversations[0].row.title = hostile
      state.conversations[0].row.doing = hostile
      state.functions[1].row.description = hostile
      state.providers[0].lastError = hostile
      state.errors[0].heard = hostile
      state.header.name = hostile
      let rig = try Rig(state, screen: screen)
      rig.press("j")
      for line in rig.lines {
        for scalar in line.unicodeScalars {
          #expect(scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
          #expect(![0x202E, 0x200B].contains(scalar.value))
        }
      }
      // The frame around it stands where it stands with tame text.
      let tame = try Rig(screen: screen)
      tame.press("j")
      for row in [1, 2, 37] { #expect(rig.lines[row] == tame.lines[row]) }
    }
  }

  @Test func `a value cannot write the sign that stands before values`() throws {
    var state = Fixture.office
    state.calls[0] = Fixture.call(1, arguments: ["memo": "1\n│ amount │ 5"])
    let rig = try Rig(state, screen: .waiting)
    rig.press("j")
    #expect(rig.text.contains("<U+2502> amount <U+2502> 5"))
  }

  // MARK: nothing changed, nothing written

  @Test func `an unchanged engine gives an unchanged picture`() throws {
    for screen in Screen.allCases {
      let rig = try Rig(screen: screen)
      let before = rig.grid
      rig.settle()
      #expect(rig.grid == before)
    }
  }

  @Test func `ages change at their edges and not between`() {
    let zone = TimeZone(secondsFromGMT: 0) ?? .current
    let now = Fixture.now
    let second = Moment(now: now, zone: zone)
    #expect(second.age(since: now.addingTimeInterval(-12.4)).text == "12 s")
    #expect(abs((second.next ?? now).timeIntervalSince(now) - 0.6) < 0.001)
    let minute = Moment(now: now, zone: zone)
    #expect(minute.age(since: now.addingTimeInterval(-125)).text == "2 min")
    #expect(minute.next == now.addingTimeInterval(55))
    let left = Moment(now: now, zone: zone)
    #expect(left.left(until: now.addingTimeInterval(761)).text == "12:41")
    #expect(left.next == now.addingTimeInterval(1))
    #expect(Moment(now: now, zone: zone).clock(now).text == "14:02:11")
    #expect(
      Moment(now: now, zone: zone).clock(now.addingTimeInterval(-86400)).text == "Nov 21 14:02"
    )
  }
}
