import CallboardTerminal
import Foundation
import Testing

@testable import Callboard
@testable import CallboardConsole

@Suite struct BindingTests {
  @Test func `no key has two meanings`() throws {
    var meanings: [Key: Action] = [:]
    for binding in Binding.all {
      for key in binding.keys {
        #expect(meanings[key] == nil, "\(key.name): \(binding.action)")
        meanings[key] = binding.action
      }
    }
    #expect(Set(Binding.all.map(\.action)) == Set(Action.allCases))
    _ = try KeyMap(replacing: [:])
  }

  @Test func `two actions on one key are an error that names both`() {
    let error = #expect(throws: KeyMap.Mistake.self) { try KeyMap(replacing: ["approve": "d"]) }
    #expect(error?.description.contains("approve and deny") == true)
    #expect(throws: KeyMap.Mistake.self) { try KeyMap(replacing: ["aprove": "A"]) }
    #expect(throws: KeyMap.Mistake.self) { try KeyMap(replacing: ["approve": "Alt-a"]) }
  }

  @Test func `a key that was given away means its new action only`() throws {
    let options = ConsoleOptions(keys: ["approve": "A"])
    let rig = try Rig(screen: .waiting, options: options)
    rig.press("ja")
    #expect(rig.sent.isEmpty)
    #expect(rig.lines.last?.contains("A approve") == true)
    rig.press("A")
    #expect(rig.sent.count == 1)
  }

  @Test func `approve says when it cannot work: the engine is held, or the function is off`() throws
  {
    let rig = try Rig(screen: .waiting)
    rig.press("j")
    #expect(rig.lines.last?.contains("a approve  ") == true)
    rig.door.change { state in
      for index in state.calls.indices { state.calls[index].row.functionIsOn = false }
      for index in state.functions.indices { state.functions[index].row.isOn = false }
    }
    rig.settle()
    #expect(rig.lines.last?.contains("a approve (function off)  ") == true)
    rig.door.change { $0.header.held = Switched(by: "anna", at: Fixture.now) }
    rig.settle()
    #expect(rig.lines.last?.contains("a approve (held)  ") == true)
  }

  @Test(arguments: Screen.allCases)
  func `hints and help list exactly the keys that work`(screen: Screen) throws {
    let rig = try Rig(screen: screen, size: (400, 60))
    let live = Binding.live(in: Context(rig.session.model, rig.session.sight))
    let hints = try #require(rig.lines.last)
    for binding in live where !binding.binding.isMovement {
      let key = rig.session.model.keys.key(of: binding.action)
      #expect(hints.contains(" \(key) ") && hints.contains(binding.label.text), "\(binding.action)")
    }
    let painter = Painter(
      model: rig.session.model,
      sight: rig.session.sight,
      size: (200, 60),
      isUTF8: true
    )
    let help = painter.helpDocument(width: 200).lines.map(\.text.text)
    let listed = help.prefix { !$0.hasSuffix(" Commands") }.filter { $0.hasPrefix("  ") }
    #expect(listed.count == live.count)
    for binding in live {
      #expect(listed.contains { $0.contains(binding.label.text) }, "\(binding.action)")
    }
  }

  @Test func `read-only binds nothing that acts`() throws {
    for principal in [Principal.viewer("eve"), Fixture.maria] {
      let options = ConsoleOptions(isReadOnly: principal == Fixture.maria)
      for screen in Screen.allCases {
        let rig = try Rig(screen: screen, principal: principal, options: options)
        for _ in 0..<8 {
          let live = Binding.live(in: Context(rig.session.model, rig.session.sight))
          #expect(live.allSatisfy { !$0.binding.acts })
          for key in "adesrxpmtbcu+!" { rig.press(String(key)) }
          rig.press("j")
        }
        #expect(rig.sent.isEmpty)
        #expect(rig.session.model.prompt == nil)
        #expect(rig.text.contains("read-only"))
      }
      let rig = try Rig(screen: .functions, principal: principal, options: options)
      for command in ["hold", "release", "disable market.analyse", "cancel 000001"] {
        rig.press(":")
        rig.press(command)
        rig.press(.enter)
        #expect(rig.sent.isEmpty && rig.notice.contains("read-only"))
      }
    }
  }

  @Test func `keys of the issue are all bound`() throws {
    let keys = try KeyMap(replacing: [:])
    for key in "adesrxpmtb!cJKq/nN?:fioOFywu+jkgG123457" {
      #expect(keys.action(of: .character(key)) != nil, "\(key)")
    }
  }

  // MARK: the command line

  @Test func `a command is completed by Tab and recalled by Up`() throws {
    let rig = try Rig(screen: .functions)
    rig.press(":dis")
    rig.press(.tab)
    rig.press("mark")
    rig.press(.tab, .enter)
    #expect(rig.sent == [.setFunction("market.analyse", from: true, to: false)])
    rig.press(":")
    rig.press(.up)
    #expect(rig.session.model.prompt?.field.text == "disable market.analyse")
  }

  @Test func `the approve command only opens the call`() throws {
    let rig = try Rig(screen: .calls)
    rig.press(":approve \(Fixture.callID(1).short)")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    #expect(rig.session.model.place == .screen(.waiting))
    #expect(rig.cursor.id == Fixture.callID(1).description)
  }

  @Test func `an unknown command names the known ones`() throws {
    let rig = try Rig()
    rig.press(":aprove 1")
    rig.press(.enter)
    #expect(rig.notice.contains("is not a command; there is overview waiting"))
  }

  @Test func `a mistake in a filter is said while it is typed`() throws {
    let rig = try Rig(screen: .calls)
    rig.press("/")
    rig.press("age:10")
    #expect(rig.text.contains("age is written age:<10m"))
    rig.press(.enter)
    #expect(rig.session.model.prompt != nil)
  }

  @Test func `a frozen list stays and counts what comes`() throws {
    let rig = try Rig(screen: .calls)
    rig.press("F")
    let body = Array(rig.lines[4..<11])
    rig.door.change { state in
      state.calls.append(Fixture.call(60, "a.newer", ago: 0))
      state.header.calls += 1
    }
    rig.settle()
    #expect(Array(rig.lines[4..<11]) == body)
    #expect(rig.text.contains("frozen 14:02:11, 1 new call"))
    rig.press("F")
    #expect(rig.text.contains("a.newer"))
  }

  @Test func `a search goes from match to match`() throws {
    let rig = try Rig(screen: .functions, size: (80, 12))
    rig.press("j")
    rig.press(.enter)
    rig.press("/")
    rig.press("integer")
    rig.press(.enter)
    #expect(rig.text.contains("integer"))
    rig.press(.escape)
    #expect(rig.session.model.search == nil)
  }
}
