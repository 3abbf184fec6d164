import Callboard
import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import CallboardConsole

/// Definitions that have changed, on the screen of what waits.
@Suite struct DefinitionTests {
  private static func row(_ name: String = "crm.update_record", to: String = "b2") -> DefinitionRow
  {
    DefinitionRow(
      name: name,
      provider: "crm",
      effect: .write,
      since: Fixture.now.addingTimeInterval(-240),
      from: "a1",
      to: to,
      summary: "~ amount: maximum, + memo",
      waiting: 2
    )
  }

  private static func state(_ rows: [DefinitionRow] = [row()], fields: Int = 1) -> FakeDoor.State {
    var state = Fixture.office
    state.header.changedDefinitions = rows.count
    state.definitions = rows
    for row in rows {
      var function = FunctionRow(
        name: row.name,
        provider: row.provider,
        wireName: "crm_update_record",
        description: "Changes a customer's record.",
        effect: .write,
        isOn: true
      )
      function.awaitsAcceptance = true
      var detail = FunctionDetail(
        row: function,
        parameters: ["type": "object"],
        definitionHash: row.to,
        policies: []
      )
      let more = (1..<max(1, fields)).map { number in
        DefinitionDifference(what: "field\(number)", before: nil, after: ["type": "string"])
      }
      detail.change = DefinitionChange(
        row: row,
        differences: [
          DefinitionDifference(what: "amount: maximum", before: 100, after: 200),
          DefinitionDifference(
            what: "memo",
            before: nil,
            after: ["type": "string", "description": "pay\u{200B}me"]
          ),
        ] + more + [
          DefinitionDifference(what: "description", before: "Old", after: "New", isNotice: true)
        ]
      )
      state.functions.append(detail)
    }
    return state
  }

  /// The cursor on the changed definition, which stands last.
  private func onDefinition(
    _ state: FakeDoor.State = Self.state(),
    size: (width: Int, height: Int) = (120, 40)
  ) throws -> Rig {
    let rig = try Rig(state, screen: .waiting, size: size)
    rig.press("G")
    #expect(rig.cursor.id == "definition crm.update_record")
    return rig
  }

  @Test func `a changed definition is a row after what waits, with its difference beside it`()
    throws
  {
    let rig = try onDefinition()
    let row = try #require(rig.lines.first { $0.contains("~ crm.update_record") })
    #expect(row.contains("changed"))
    #expect(rig.lines[1].contains("2 Waiting 4"))
    #expect(rig.lines[0].contains("changed 1"))
    for line in [
      "~ amount: maximum", "was │ 100", "now │ 200", "+ memo", "Words for people and models",
      "was │ Old", "now │ New", "holds 1 invisible character",
      "2 calls wait for it, and are asked about anew",
    ] {
      #expect(rig.text.contains(line), "\(line)")
    }
    #expect(rig.lines.last?.contains("a accept") == true)
    #expect(rig.lines.last?.contains("d decline") == true)
  }

  @Test func `accepting names the hashes that were painted`() throws {
    let rig = try onDefinition()
    rig.press("a")
    #expect(rig.sent == [.acceptDefinition("crm.update_record", from: "a1", to: "b2")])
  }

  @Test func `declining does too, and is not offered twice`() throws {
    let rig = try onDefinition()
    rig.press("d")
    #expect(rig.sent == [.declineDefinition("crm.update_record", from: "a1", to: "b2")])
    rig.door.change { state in
      state.definitions[0].declined = Switched(by: "omar", at: Fixture.now)
      for index in state.functions.indices {
        state.functions[index].change?.row.declined = Switched(by: "omar", at: Fixture.now)
      }
    }
    rig.settle()
    #expect(rig.text.contains("declined by omar"))
    rig.press("d")
    #expect(rig.sent.count == 1)
    #expect(rig.lines.last?.contains("a accept") == true)
  }

  @Test func `nothing is accepted unread`() throws {
    let rig = try onDefinition(Self.state(fields: 40), size: (80, 24))
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.notice.hasSuffix("lines unread: J"))
    for _ in 0..<30 { rig.press("J") }
    rig.press("a")
    #expect(rig.sent.count == 1)
  }

  @Test func `one that changes again before the key is not accepted`() throws {
    let rig = try onDefinition()
    rig.door.change { state in
      state.definitions[0].to = "c3"
      for index in state.functions.indices { state.functions[index].change?.row.to = "c3" }
    }
    rig.session.look()
    rig.packet(.character("a"))
    #expect(rig.sent.isEmpty)
    rig.settle()
    rig.press("a")
    #expect(rig.sent == [.acceptDefinition("crm.update_record", from: "a1", to: "c3")])
  }

  @Test func `elsewhere the key only opens it`() throws {
    let rig = try Rig(Self.state(), screen: .functions)
    rig.press("G")
    #expect(rig.text.contains("held: definition changed"))
    rig.press("a")
    #expect(rig.sent.isEmpty)
    #expect(rig.cursor.id == "definition crm.update_record")
    let other = try Rig(Self.state())
    #expect(other.text.contains("1 changed definition waits to be accepted on 2"))
    other.press(":accept crm.update_record")
    other.press(.enter)
    #expect(other.cursor.id == "definition crm.update_record")
  }

  @Test func `a viewer accepts nothing`() throws {
    let rig = try Rig(Self.state(), screen: .waiting, principal: .viewer("vera", uid: 3))
    rig.press("G")
    rig.press("a")
    #expect(rig.sent.isEmpty)
  }
}
