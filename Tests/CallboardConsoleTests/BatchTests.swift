import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// Marks, and decisions about several things at once.
@Suite struct BatchTests {
  /// Four approvals of a function, of different amounts and conversations.
  private var wires: FakeDoor.State {
    var state = Fixture.office
    state.calls = (1...4).map {
      Fixture.call($0, arguments: ["amount": .integer(Int64($0 * 1000)), "currency": "USD"])
    }
    return state
  }

  private func approvals(_ rig: Rig) -> [CallID] {
    rig.sent.compactMap { if case .approve(let id, _) = $0 { id } else { nil } }
  }

  /// Reads the calls under the cursor to their ends, and marks them.
  private func rig(
    reading: Int,
    marking: Int,
    size: (width: Int, height: Int) = (120, 40)
  ) throws -> Rig {
    let rig = try Rig(wires, screen: .waiting, size: size)
    for number in 0..<marking {
      if number < reading { for _ in 0..<4 { rig.press("J") } }
      rig.press(" ")
    }
    for number in reading..<marking {
      rig.session.model.readings[Fixture.callID(number + 1)] = nil
    }
    return rig
  }

  @Test func `a mark belongs to a thing, whatever rows come and go`() throws {
    let rig = try Rig(wires, screen: .waiting)
    rig.press(" ")
    #expect(rig.session.model.marks.on(.waiting) == [Fixture.callID(1).description])
    rig.door.change { state in
      state.calls.insert(Fixture.call(20, "crm.urgent", ago: 800), at: 0)
    }
    rig.settle()
    #expect(rig.session.model.marks.on(.waiting) == [Fixture.callID(1).description])
    let marked = rig.lines.filter { $0.hasPrefix("*") }
    #expect(marked.count == 1 && marked[0].contains("payments.send_wire"))
    rig.press("U")
    #expect(rig.session.model.marks.on(.waiting).isEmpty)
  }

  @Test func `a key of a batch says how many of the marked have left`() throws {
    let rig = try rig(reading: 3, marking: 3)
    #expect(rig.lines.last?.contains("approve 3 marked") == true)
    rig.door.change { state in
      state.calls[1].row.state = .expired
      state.calls[1].call.state = .expired
    }
    rig.settle()
    #expect(rig.lines.last?.contains("approve 2 of 3 marked") == true, "\(rig.lines.last ?? "")")
    rig.press("a")
    #expect(rig.text.contains("approve 2 calls of 3 marked"))
  }

  @Test func `a batch says which of its calls were asked for before`() throws {
    let rig = try rig(reading: 3, marking: 3)
    rig.door.change { state in
      state.calls[1].row.twin = Fixture.callID(9)
      state.calls[1].call.approval?.requirement.twin = Fixture.callID(9)
    }
    rig.settle()
    rig.press("a")
    #expect(rig.text.contains("1 of them was asked for before"), "\(rig.text)")
    #expect(rig.text.contains("to approve this is to do it once more"), "\(rig.text)")
  }

  @Test func `what this person may not approve is left out of a batch, and why is said`() throws {
    let rig = try rig(reading: 3, marking: 3)
    rig.door.change { $0.calls[1].requesters = [Fixture.maria] }
    rig.settle()
    rig.press("a")
    #expect(rig.text.contains("approve 2 calls of 3 marked"))
    #expect(rig.text.contains("left out: 1"))
    #expect(rig.text.contains("you asked for it"))
  }

  @Test func `a batch names revision and digest of each call, after its count is typed`() throws {
    let rig = try rig(reading: 3, marking: 3)
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.text.contains("approve 3 calls of 3 marked"))
    #expect(rig.text.contains("amount 6000 USD in 3 calls of payments.send_wire"))
    #expect(rig.text.contains("amount 2000"))
    #expect(rig.text.contains("currency \"USD\""))
    rig.press("2")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    #expect(rig.notice == "type 3 to approve 3 calls; nothing ran")
    rig.press(.backspace)
    rig.press("3")
    rig.press(.enter)
    #expect(
      rig.sent
        == (1...3).map {
          .approve(Fixture.callID($0), Seen(revision: 2, digest: "digest-\($0)-2"))
        }
    )
    #expect(rig.session.model.marks.on(.waiting).isEmpty)
  }

  @Test func `what was not read is left out and counted`() throws {
    let rig = try rig(reading: 2, marking: 4)
    rig.press("a")
    #expect(rig.text.contains("approve 2 calls of 4 marked"))
    #expect(rig.text.contains("left out: 2"))
    #expect(rig.text.contains("was not read"))
    rig.press("4")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    rig.press(.backspace)
    rig.press("2")
    rig.press(.enter)
    #expect(approvals(rig) == [Fixture.callID(1), Fixture.callID(2)])
    // What was left out stays marked.
    #expect(rig.session.model.marks.on(.waiting).count == 2)
  }

  @Test func `a call that changed since it was read is left out`() throws {
    let rig = try rig(reading: 2, marking: 2)
    rig.door.change { state in
      state.calls[0].row.revision = 3
      state.calls[0].row.digest = "digest-1-3"
    }
    rig.settle()
    rig.press("a")
    #expect(rig.text.contains("approve 1 call of 2 marked"))
    #expect(rig.text.contains("has changed since it was read"))
  }

  @Test func `the table is frozen: what changes after it was opened is decided as it was shown`()
    throws
  {
    let rig = try rig(reading: 1, marking: 1)
    rig.press("a")
    rig.door.change { state in
      state.calls[0].row.revision = 9
      state.calls[0].row.digest = "another"
    }
    rig.settle()
    rig.press("1")
    rig.press(.enter)
    // The engine refuses it, because it names what was seen.
    #expect(
      rig.sent == [.approve(Fixture.callID(1), Seen(revision: 2, digest: "digest-1-2"))]
    )
  }

  @Test func `each refusal is told for its call`() throws {
    let rig = try rig(reading: 2, marking: 2)
    rig.door.change { $0.replies = [.done("approved"), .refused("edited by bo; read it again")] }
    rig.press("a")
    rig.press("2")
    rig.press(.enter)
    #expect(rig.text.contains("approve 2 calls: 1 done, 1 refused"))
    #expect(rig.text.contains("refused: edited by bo; read it again"))
    #expect(rig.session.model.notices.contains { $0.text.text.contains("edited by bo") })
    rig.press(.escape)
    #expect(rig.session.model.place == .screen(.waiting))
  }

  @Test func `with marks no key of a batch decides on the call under the cursor`() throws {
    let rig = try rig(reading: 1, marking: 1)
    for key in ["a", "d", "x"] {
      rig.press(key)
      #expect(rig.session.model.prompt != nil)
      rig.press(.escape)
    }
    #expect(rig.sent.isEmpty)
  }

  @Test func `a denial of several asks for one reason, and J and K are letters in it`() throws {
    let rig = try rig(reading: 0, marking: 2)
    rig.press("d")
    rig.press("JuK")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    rig.press("2")
    rig.press(.enter)
    #expect(
      rig.sent
        == (1...2).map {
          .deny(
            Fixture.callID($0),
            Seen(revision: 2, digest: "digest-\($0)-2"),
            reason: "JuK",
            stopConversation: false
          )
        }
    )
  }

  @Test func `a table that is longer than the screen is read with J`() throws {
    var state = Fixture.office
    state.calls = (1...40).map {
      Fixture.call($0, "f.f\($0)", arguments: ["n": .integer(Int64($0))])
    }
    let rig = try Rig(state, screen: .waiting, size: (80, 24))
    for _ in 0..<40 { rig.packet(.character(" ")) }
    rig.settle()
    rig.press("x")
    #expect(rig.text.contains("cancel 40 calls of 40 marked"))
    #expect(!rig.text.contains("f.f40"))
    #expect(rig.text.contains("more lines"))
    for _ in 0..<8 { rig.press("J") }
    #expect(rig.text.contains("f.f40"))
    #expect(rig.text.contains("type 40 to cancel 40 calls"))
    rig.press("40")
    rig.press(.enter)
    // A few at a time: the others follow as replies come.
    #expect(rig.sent.count == Batch.pace)
  }

  @Test func `a fold is marked whole`() throws {
    var state = Fixture.office
    state.calls = (0..<3).map {
      Fixture.call($0 * 4 + 1, arguments: ["amount": .integer(Int64($0))])
    }
    let rig = try Rig(state, screen: .waiting)
    rig.press(" ")
    #expect(rig.session.model.marks.on(.waiting).count == 3)
    rig.press("a")
    // Nobody has read them one by one.
    #expect(rig.text.contains("left out: 3"))
    #expect(rig.text.contains("nothing of what is marked can be part of it"))
  }

  @Test func `conversations are stopped together`() throws {
    let rig = try Rig(screen: .conversations)
    rig.press("   ")
    rig.press("x")
    #expect(rig.text.contains("stop 2 conversations of 3 marked"))
    #expect(rig.text.contains("has ended: finished"))
    rig.press("2")
    rig.press(.enter)
    #expect(
      rig.sent == [
        .stopConversation(Fixture.conversationID(1)), .stopConversation(Fixture.conversationID(2)),
      ]
    )
  }

  @Test func `a group of errors runs again what may safely be repeated`() throws {
    var state = Fixture.office
    var write = Fixture.call(10, "crm.find", state: .failed, arguments: ["name": "Bo"], ago: 600)
    write.row.failure = .connectionFailed
    state.calls.append(write)
    let rig = try Rig(state, screen: .errors)
    rig.press("r")
    #expect(rig.text.contains("run again 1 call of"))
    #expect(rig.text.contains("1 may safely be repeated; at most 8 are sent at a time"))
    #expect(rig.text.contains("a write that may do it twice"))
    rig.press("1")
    rig.press(.enter)
    #expect(rig.sent == [.runAgain(Fixture.callID(9), revision: 2, arguments: nil)])
  }

  @Test func `a read-only screen opens no batch that acts`() throws {
    let rig = try Rig(wires, screen: .waiting, options: ConsoleOptions(isReadOnly: true))
    rig.press(" ")
    rig.press("a")
    #expect(rig.session.model.prompt == nil)
    #expect(rig.sent.isEmpty)
  }
}
