import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import Callboard

/// Whom the rules have called when nobody decides.
@Suite struct AttentionTests {
  /// Takes notices down, and can fail as a program does.
  private final class Pager: Attendant {
    private let state = Mutex<(taken: [Notice], waiters: [(Int, OneShot<Bool>)], fault: String?)>(
      ([], [], nil)
    )

    func fail(_ why: String) { state.withLock { $0.fault = why } }

    var taken: [Notice] { state.withLock { $0.taken } }

    func call(_ notice: Notice) async throws(AttendantFault) {
      let (ready, fault) = state.withLock { state in
        state.taken.append(notice)
        let count = state.taken.count
        let ready = state.waiters.filter { $0.0 <= count }.map(\.1)
        state.waiters.removeAll { $0.0 <= count }
        return (ready, state.fault)
      }
      for gate in ready { gate.resolve(true) }
      if let fault { throw AttendantFault(fault) }
    }

    func wait(_ count: Int) async {
      let gate = OneShot<Bool>()
      state.withLock { state in
        if state.taken.count >= count {
          gate.resolve(true)
        } else {
          state.waiters.append((count, gate))
        }
      }
      _ = await gate.value
    }
  }

  private let pager = Pager()

  private func rule(_ function: String, _ after: Double...) -> ApprovalRules.Rule {
    var rule = asking(function)
    rule.notify = after.enumerated().map { Notify(after: $1, run: ["pager", "group \($0 + 1)"]) }
    return rule
  }

  private func rig(
    _ rules: [ApprovalRules.Rule],
    store: any Store = InMemoryStore(),
    _ functions: TestFunction...
  ) throws -> Rig {
    let rig = try Rig(
      all: functions.isEmpty
        ? [TestFunction("pay", .echo), TestFunction("late", .echo)] : functions,
      rules: rules,
      store: store
    )
    rig.engine.attend(with: pager)
    return rig
  }

  @Test func `a group is called when nobody has decided for a while, then the next`() async throws {
    let rig = try rig([rule("pay", 120, 300)])
    let id = await rig.submit("pay").id
    rig.clock.advance(by: .seconds(119))
    #expect(pager.taken.isEmpty)
    rig.clock.advance(by: .seconds(1))
    await pager.wait(1)
    await rig.events.wait(for: .engine(.notified))
    await eventually { rig.engine.deadlines.count >= 2 }
    rig.clock.advance(by: .seconds(300))
    await pager.wait(2)
    #expect(pager.taken.map(\.call) == [id, id])
    #expect(pager.taken.map(\.group) == [1, 2])
    #expect(pager.taken.map(\.run) == [["pager", "group 1"], ["pager", "group 2"]])
    #expect(pager.taken.allSatisfy { $0.state == .awaitingApproval && $0.rule.hasPrefix("rule 1") })
    #expect(pager.taken[0].expiresAt == (try rig.row(id).expiresAt))
  }

  @Test func `nobody is called about what was decided meanwhile`() async throws {
    let rig = try rig([rule("pay", 120), rule("late", 180)])
    let decided = await rig.submit("pay").id
    let open = await rig.submit("late").id
    try await rig.approve(decided)
    rig.clock.advance(by: .seconds(600))
    await pager.wait(1)
    #expect(pager.taken.map(\.call) == [open])
  }

  @Test func `an unknown outcome calls too, also where the rule asks nobody`() async throws {
    var rule = rule("pay", 60)
    rule.asks = false
    let rig = try rig([rule], TestFunction("pay", .fail(.maybe())) { $0.effect = .write })
    let id = await rig.submit("pay").id
    await rig.events.wait(for: .unknown, of: id)
    rig.clock.advance(by: .seconds(60))
    await pager.wait(1)
    #expect(pager.taken.map(\.state) == [.unknown])
    #expect(pager.taken.map(\.call) == [id])
    #expect(pager.taken[0].expiresAt == nil)
  }

  @Test func `a restart calls nobody twice, and goes on with the next group`() async throws {
    let store = InMemoryStore()
    let first = try rig([rule("pay", 60, 60)], store: store)
    let id = await first.submit("pay").id
    first.clock.advance(by: .seconds(60))
    await pager.wait(1)
    await first.events.wait(for: .engine(.notified))

    let second = try rig([rule("pay", 60, 60)], store: store)
    second.clock.advance(by: .seconds(90))
    _ = try second.engine.takeUp()
    #expect(try second.row(id).state == .awaitingApproval)
    second.clock.advance(by: .seconds(30))
    await pager.wait(2)
    #expect(pager.taken.map(\.group) == [1, 2])
  }

  @Test func `what could not be done is said, on record, and holds up nothing`() async throws {
    let rig = try rig([rule("pay", 60)])
    pager.fail("“pager” was not found")
    let id = await rig.submit("pay").id
    rig.clock.advance(by: .seconds(60))
    let event = await rig.events.wait(for: .engine(.notifyFailed))
    #expect(event.call?.id == id)
    #expect(event.cause == "“pager” was not found")
    #expect(event.rule?.hasPrefix("rule 1") == true)
    let said = rig.header.notifyFault?.text ?? ""
    #expect(said == "nobody was called about t.pay \(id.short): “pager” was not found")
    #expect(try await rig.approve(id).isDone)
  }

  @Test func `what was called about calls that wait no longer is forgotten in the store too`()
    async throws
  {
    let store = InMemoryStore()
    let rig = try rig([rule("pay", 60), rule("late", 120)], store: store)
    let first = await rig.submit("pay").id
    _ = await rig.submit("late")
    rig.clock.advance(by: .seconds(60))
    await pager.wait(1)
    let settings = store.unfinished().settings
    #expect(settings.keys.contains { $0.contains("\(first)") })
    try await rig.approve(first)
    rig.clock.advance(by: .seconds(60))
    await pager.wait(2)
    await eventually {
      !store.unfinished().settings.keys.contains { $0.contains("\(first)") }
    }
  }
}
