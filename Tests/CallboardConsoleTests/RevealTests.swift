import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// Originals of secrets on the screen: for whom, when, and where never.
@Suite struct RevealTests {
  private let id = Fixture.callID(1)
  private let arguments: JSONValue = ["amount": 25000, "password": "hunter2"]

  private var office: FakeDoor.State {
    var state = Fixture.office
    let open = Fixture.call(1, arguments: arguments)
    var hidden = open
    hidden.call.proposed?.redact(Redactor().redact(_:))
    hidden.call.decided?.redact(Redactor().redact(_:))
    state.originals[id] = Originals(hidden.call)
    hidden.call = hidden.call.withoutOriginals
    state.calls[0] = hidden
    return state
  }

  private func rig(
    _ principal: Principal = .owner("maria", uid: 1000),
    options: ConsoleOptions? = nil,
    size: (width: Int, height: Int) = (120, 40)
  ) throws -> Rig {
    let rig = try Rig(
      office,
      screen: .waiting,
      size: size,
      principal: principal,
      options: options
    )
    rig.press("j")
    return rig
  }

  private func look(_ rig: Rig) {
    #expect(rig.session.collectReplies())
    rig.settle()
  }

  @Test func `a person with the right sees the real values, asked for once`() throws {
    let rig = try rig()
    #expect(!rig.text.contains("hunter2"))
    #expect(rig.door.revealed == [id])
    look(rig)
    #expect(rig.text.contains("hunter2"))
    #expect(rig.text.contains("which is on record"))
    for _ in 0..<3 { rig.settle() }
    #expect(rig.door.revealed == [id])
  }

  @Test func `others see the mark, and nothing is asked for`() throws {
    let rig = try rig(Fixture.maria)
    rig.session.collectReplies()
    rig.settle()
    #expect(rig.text.contains(Redactor.mark) && !rig.text.contains("hunter2"))
    #expect(rig.door.revealed.isEmpty)
  }

  @Test func `a console that only shows asks for nothing`() throws {
    let rig = try rig(options: ConsoleOptions(isReadOnly: true))
    #expect(rig.door.revealed.isEmpty)
  }

  @Test func `another revision is another question`() throws {
    let rig = try rig()
    look(rig)
    rig.door.change { state in
      state.calls[0].call.revision = 3
      state.calls[0].row.revision = 3
    }
    rig.settle()
    #expect(!rig.text.contains("hunter2"))
    #expect(rig.door.revealed == [id, id])
  }

  @Test func `what is approved is the same`() throws {
    let rig = try rig()
    look(rig)
    rig.press("a")
    #expect(rig.sent == [.approve(id, Seen(revision: 2, digest: "digest-1-2"))])
  }

  @Test func `a view that is written and the call that is copied hold the mark`() throws {
    let rig = try rig()
    look(rig)
    #expect(rig.text.contains("hunter2"))
    #expect(!rig.session.wholeView().joined().contains("hunter2"))
    rig.press("y")
    rig.press("e")
    #expect(!rig.intents.isEmpty)
    #expect(!"\(rig.intents)".contains("hunter2"))
  }

  @Test func `the page of a call shows them too`() throws {
    let rig = try rig()
    look(rig)
    rig.press("3")
    rig.session.model.open(.call(id))
    rig.settle()
    #expect(rig.text.contains("hunter2"))
    #expect(rig.door.revealed == [id])
  }

  @Test func `a picture without a terminal never asks`() throws {
    let door = FakeDoor(office)
    let grid = try renderSnapshot(
      screen: .waiting,
      door: door,
      size: (120, 40),
      principal: .owner("maria")
    )
    #expect(!grid.lines().joined().contains("hunter2"))
    #expect(door.revealed.isEmpty)
  }
}
