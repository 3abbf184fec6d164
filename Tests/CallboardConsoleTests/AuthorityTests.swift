import CallboardTerminal
import Foundation
import JSONSchema
import Testing

@testable import Callboard
@testable import CallboardConsole

/// Grants, twins, look-ups and who may decide, as an operator meets them.
@Suite struct AuthorityTests {
  private static let grant = Grant(
    id: GrantID(UUIDv7(high: 0x0194_0000_0000_7000, low: 0x8000_0000_0000_12AB)),
    by: Fixture.maria,
    function: "payments.*",
    when: ["required": ["amount"]],
    given: Fixture.now.addingTimeInterval(-60),
    until: Fixture.now.addingTimeInterval(3600),
    limit: 5,
    definitions: [:]
  )

  private static func preview(_ waiting: [SeenCall], starting: Int) -> GrantPreview {
    GrantPreview(
      draft: GrantDraft(function: "payments.*", seconds: 7200),
      refusal: nil,
      until: Fixture.now.addingTimeInterval(7200),
      functions: ["payments.send_wire"],
      waiting: waiting,
      starting: starting
    )
  }

  private static let seen = SeenCall(Fixture.callID(1), Seen(revision: 2, digest: "digest-1-2"))

  // MARK: roles

  @Test func `a role that the instance has taken is gone from screen and keys, and that is said`()
    throws
  {
    let rig = try Rig(screen: .waiting)
    #expect(rig.text.contains("maria, operator"))
    rig.door.change { $0.you = .viewer("maria", uid: 1000) }
    rig.settle()
    #expect(rig.text.contains("who is who: you are maria, viewer"))
    #expect(rig.lines.last?.contains("a approve") == false)
    rig.press("!")
    #expect(rig.sent.isEmpty)
    rig.press("j")
    #expect(rig.text.contains("read-only"))
    rig.door.change { $0.you = .operator("maria", uid: 1000) }
    rig.settle()
    rig.press("!")
    #expect(rig.sent == [.hold(from: false, to: true)])
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a hold and a store that fails are both readable`(width: Int, height: Int) throws {
    var state = Fixture.office
    state.header.held = Switched(by: "anna", at: Fixture.now)
    state.header.storeFault = "the disk is full, so nothing of what happens now is kept"
    let rig = try Rig(state, screen: .waiting, size: (width, height))
    #expect(rig.text.contains("HELD by anna since"))
    #expect(rig.text.contains("nothing new starts · ! releases"))
    #expect(rig.text.contains("STORE: the disk is full, so nothing of what happens now is kept"))
  }

  // MARK: grants

  @Test func `a grant is asked about before it is given, in words`() throws {
    var state = Fixture.office
    state.preview = Self.preview([], starting: 0)
    let rig = try Rig(state)
    rig.press(":grant payments.* for 2h")
    rig.press(.enter)
    #expect(rig.sent.isEmpty)
    #expect(rig.text.contains("Approve ahead calls of payments.*, until 16:02:11?"))
    #expect(rig.text.contains("No call that waits now is of this kind."))
    rig.press("w")
    #expect(rig.sent.isEmpty)
    rig.press("y")
    #expect(
      rig.sent == [.grant(GrantDraft(function: "payments.*", seconds: 7200), waiting: [])]
    )
  }

  @Test func `calls that wait are approved only by a key of their own`() throws {
    var state = Fixture.office
    state.preview = Self.preview([Self.seen], starting: 1)
    let draft = GrantDraft(function: "payments.*", seconds: 7200)
    for (key, waiting) in [("y", [SeenCall]()), ("w", [Self.seen])] {
      let rig = try Rig(state)
      rig.press(":grant payments.* for 2h")
      rig.press(.enter)
      #expect(
        rig.text.contains("1 call of this kind waits now and stays as it is, unless you say w")
      )
      rig.press(key)
      #expect(rig.sent == [.grant(draft, waiting: waiting)])
    }
  }

  @Test func `a grant without an end is a sentence, and so is one that can't be`() throws {
    let rig = try Rig()
    rig.press(":grant payments.*")
    rig.press(.enter)
    #expect(rig.notice.contains("a grant has an end"))
    rig.press(":grant nothing for 2h")
    rig.press(.enter)
    #expect(rig.notice == "there is no function nothing")
    #expect(rig.sent.isEmpty)
  }

  @Test func `grants are listed with giver, scope, end and uses, and taken back by id`() throws {
    var state = Fixture.office
    state.grants = [
      GrantRow(
        grant: Self.grant,
        state: .valid,
        uses: 2,
        revoked: nil,
        functions: ["payments.send_wire"],
        void: [
          GrantRow.VoidFunction(
            function: "payments.refund",
            since: Fixture.now,
            cause: "amount: maximum is new"
          )
        ],
        absent: []
      )
    ]
    let rig = try Rig(state)
    rig.press(":grants")
    rig.press(.enter)
    for words in [
      "g-12ab", "payments.*", "1 h 00 left", "by maria", "until 15:02:11", "2 calls of 5",
      "payments.send_wire", "void for", "payments.refund", "its definition has changed",
      "amount: maximum is new",
    ] {
      #expect(rig.text.contains(words), "\(words)")
    }
    rig.press(":revoke g-12ab")
    rig.press(.enter)
    #expect(rig.sent == [.revokeGrant(Self.grant.id)])
  }

  @Test func `whoever may only look gives no grant`() throws {
    let rig = try Rig(principal: .viewer("vera", uid: 1003))
    rig.press(":grant payments.* for 2h")
    rig.press(.enter)
    #expect(rig.notice.contains("read-only"))
    #expect(rig.sent.isEmpty)
  }

  // MARK: who may

  private static func narrowed(_ operators: [NamePattern]) -> FakeDoor.State {
    var state = Fixture.office
    var call = Fixture.call(1)
    for act in DecidingAct.allCases { call.deciders[act] = Deciders(rule: 1, operators: operators) }
    state.calls = [call]
    return state
  }

  @Test func `before the key the screen says who may decide, and a key that may not asks nothing`()
    throws
  {
    let rig = try Rig(Self.narrowed(["lead-*"]), screen: .waiting)
    let text = rig.text.replacing(/\s*\n[^│]*│\s*/, with: " ")
    #expect(text.contains("you may not approve, deny, edit, extend it: only lead-* may"))
    #expect(rig.lines.last?.contains("a approve (only lead-* may)") == true)
    for key in ["d", "e"] {
      rig.press(key)
      #expect(rig.notice == "only lead-* may")
      #expect(rig.session.model.prompt == nil)
    }
    #expect(rig.sent.isEmpty && rig.intents.isEmpty)
  }

  @Test func `who may decide is told nothing of it`() throws {
    let rig = try Rig(Self.narrowed(["maria"]), screen: .waiting)
    #expect(!rig.text.contains("you may not"))
    rig.press("d")
    #expect(rig.session.model.prompt != nil)
  }

  @Test func `who asked for a call reads that somebody else must approve`() throws {
    var state = Fixture.office
    var call = Fixture.call(1)
    call.requesters = [Principal(name: "maria-bot", uid: 1000, roles: [.caller])]
    state.calls = [call]
    let rig = try Rig(state, screen: .waiting)
    #expect(rig.text.contains("you asked for it yourself"))
    #expect(rig.lines.last?.contains("approve (you asked for it)") == true)
  }

  // MARK: twins and look-ups

  @Test func `a twin stands in the review: which call, when, and what became of it`() throws {
    var state = Fixture.office
    var call = Fixture.call(1)
    let twin = Fixture.call(8, state: .succeeded, ago: 600)
    var requirement = ApprovalRequirement(rule: "an equal call before it")
    requirement.twin = twin.row.id
    call.call.approval = Approval(
      requirement: requirement,
      askedAt: Fixture.now,
      digest: "digest-1-2"
    )
    call.twin = twin.row
    call.twin?.result = "transfer 4711"
    state.calls = [call]
    let rig = try Rig(state, screen: .waiting, size: (200, 60))
    #expect(rig.text.contains("equal to call 000008 of agent-7, asked for 10 min ago: succeeded"))
    #expect(rig.text.contains("transfer 4711"))
    #expect(rig.text.contains("to approve this is to do it once more"))
  }

  @Test func `settling may look first, and what that found is read before the person decides`()
    throws
  {
    var state = Fixture.office
    var call = Fixture.call(3, state: .unknown(attempt: 1), ago: 240)
    call.checkFunction = FunctionName("payments.find_wire")
    state.calls = [call]
    let rig = try Rig(state, screen: .waiting, size: (160, 50))
    #expect(rig.text.contains("can look it up by payments.find_wire"))
    rig.press("s")
    #expect(rig.text.contains("look it up by payments.find_wire"))
    rig.press("c")
    #expect(rig.sent == [.check(call.row.id, revision: 2)])
    var look = Fixture.call(30, "payments.find_wire", state: .succeeded, ago: 3, effect: .read)
    look.row.caller = "maria"
    call.check = CallDetail.Check(
      row: look.row,
      outcome: .result(Payload(["found": "wire 4711"]), .attempt)
    )
    let shown = call
    rig.door.change { $0.calls = [shown] }
    rig.settle()
    #expect(rig.text.contains("looked up by payments.find_wire for maria"))
    #expect(rig.text.contains("wire 4711"))
  }

  @Test func `an approval that was given ahead names its grant`() throws {
    var state = Fixture.office
    var call = Fixture.call(1)
    var approval = Approval(
      requirement: ApprovalRequirement(rule: "rule 2", approvers: 2),
      askedAt: Fixture.now,
      digest: "digest-1-2"
    )
    approval.approvals = [
      Decision(
        by: .operator("anna", uid: 7),
        at: Fixture.now,
        revision: 1,
        digest: "digest-1-2",
        grant: Self.grant.id
      )
    ]
    call.call.approval = approval
    state.calls = [call]
    let rig = try Rig(state, screen: .waiting)
    #expect(rig.text.contains("anna (grant g-12ab)"))
  }
}
