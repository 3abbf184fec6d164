import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

@Suite(.timeLimit(.minutes(10)))
struct TwinTests {
  private let wire = TestFunction("wire", parameters: amounts)

  private func twin(_ rig: Rig, _ id: CallID) throws -> CallID? {
    try rig.call(id).approval?.requirement.twin
  }

  @Test func `a write equal to one that succeeded waits for a person, with its twin beside it`()
    async throws
  {
    let rig = try Rig(wire)
    let first = await rig.submit("wire", ["amount": 5])
    #expect(first.value != nil)
    rig.clock.advance(by: .seconds(3600))
    // The same number in another spelling, by another caller.
    let second = await rig.engine.submit(
      "t.wire",
      text: #"{ "amount" : 5.0 }"#,
      by: .caller("other")
    )
    #expect(second.isPending)
    #expect(try rig.row(second.id).rule == "an equal call before it")
    #expect(try twin(rig, second.id) == first.id)
    let detail = try rig.detail(second.id)
    #expect(detail.twin?.id == first.id)
    #expect(detail.twin?.state == .succeeded)
    let asked = rig.events.all { $0.type == .call(.awaitingApproval) && $0.call?.id == second.id }
    #expect(asked.map(\.twin) == [first.id])
    #expect(try await rig.approve(second.id).isDone)
    await rig.events.wait(for: .succeeded, of: second.id)
    #expect(wire.executions == 2)
  }

  @Test func `after 24 hours it is no twin any more`() async throws {
    let rig = try Rig(wire)
    _ = await rig.submit("wire", ["amount": 5])
    rig.clock.advance(by: .seconds(86_399))
    let held = await rig.submit("wire", ["amount": 5])
    #expect(held.isPending)
    await rig.cancel(held.id)
    rig.clock.advance(by: .seconds(1))
    #expect(await rig.submit("wire", ["amount": 5]).value != nil)
  }

  @Test func `a live one is a twin whatever it waits for, and one that did not succeed is none`()
    async throws
  {
    let job = TestFunction(
      "job",
      .fail(.answered(retryable: false)),
      .hold(whenCancelled: .maybe),
      .echo
    )
    let rig = try Rig(job)
    #expect(await rig.submit("job", ["n": 1]).failure != nil)
    // It failed: this one runs.
    let running = rig.begin("job", ["n": 1])
    let attempt = await job.attempt(2)
    let held = await rig.submit("job", ["n": 1])
    #expect(try twin(rig, held.id) == attempt.id)
    #expect(try rig.detail(held.id).twin?.state == .running)
    let third = await rig.submit("job", ["n": 1])
    #expect(try twin(rig, third.id) == held.id)
    attempt.answer("done")
    _ = await running.value
    #expect(try rig.detail(held.id).twin?.state == .succeeded)
    await rig.cancel(held.id)
    #expect(try rig.detail(third.id).twin?.state == .cancelled)
    // Other arguments have nothing to do with it.
    #expect(await rig.submit("job", ["n": 2]).value != nil)
  }

  @Test func `one of unknown outcome is a twin until it is settled as not happened`() async throws {
    let job = TestFunction("job", .fail(.maybe()), .echo)
    let rig = try Rig(job)
    let unknown = await rig.submit("job", ["n": 1])
    let held = await rig.submit("job", ["n": 1])
    #expect(try twin(rig, held.id) == unknown.id)
    await rig.cancel(held.id)
    let revision = try rig.call(unknown.id).revision
    let settle = Request.settle(
      unknown.id,
      revision: revision,
      .didNotHappen(evidence: "the bank says so")
    )
    #expect(await rig.engine.perform(settle, by: maria).isDone)
    #expect(await rig.submit("job", ["n": 1]).value != nil)
  }

  @Test(arguments: [FunctionEffect.read, .idempotent])
  func `what may be done twice has no twin`(effect: FunctionEffect) async throws {
    let look = TestFunction("look") { $0.effect = effect }
    let rig = try Rig(look)
    for _ in 0..<3 { #expect(await rig.submit("look", ["n": 1]).value != nil) }
    #expect(look.executions == 3)
  }

  @Test func `of many equal ones at once one runs`() async throws {
    let rig = try Rig(wire)
    let calls = (0..<50).map { _ in rig.begin("wire", ["amount": 5]) }
    var pending = 0
    for call in calls where await call.value.isPending { pending += 1 }
    #expect(pending == 49)
    #expect(wire.executions == 1)
  }

  @Test func `a rule that asks keeps its word, and the twin stands beside it`() async throws {
    let rig = try Rig(wire, rules: [asking("wire", approvers: 2)])
    let first = await rig.submit("wire", ["amount": 5])
    let second = await rig.submit("wire", ["amount": 5])
    #expect(try rig.row(second.id).approvalsNeeded == 2)
    #expect(try rig.row(second.id).rule == "rule 1: t.wire")
    #expect(try twin(rig, second.id) == first.id)
    #expect(try twin(rig, first.id) == nil)
  }

  @Test func `an edit is asked too: it can find a twin, and lose one`() async throws {
    let rig = try Rig(wire)
    let first = await rig.submit("wire", ["amount": 5])
    let held = await rig.submit("wire", ["amount": 5])
    #expect(try await rig.edit(held.id, ["amount": 6]).isDone)
    #expect(try twin(rig, held.id) == nil)
    // Never down to no approval.
    #expect(try rig.row(held.id).state == .awaitingApproval)
    #expect(try rig.row(held.id).rule == "it was held before it was edited")
    // What it is now is a twin of those that come; what it was is none of its any more.
    let third = await rig.submit("wire", ["amount": 6])
    #expect(try twin(rig, third.id) == held.id)
    #expect(try await rig.edit(held.id, ["amount": 5], by: omar).isDone)
    #expect(try twin(rig, held.id) == first.id)
    await rig.cancel(third.id)
    #expect(await rig.submit("wire", ["amount": 6]).value != nil)
    // An edit that is refused changes nothing of that.
    let stale = Seen(revision: 0, digest: "")
    let refused = await rig.engine.perform(
      .edit(held.id, stale, arguments: ["amount": 7]),
      by: maria
    )
    #expect(!refused.isDone)
    #expect(await rig.submit("wire", ["amount": 7]).value != nil)
  }

  @Test func `what was refused is no twin of what comes after`() async throws {
    let rig = try Rig(wire, rules: [asking("wire")]) { $0.held = 1 }
    let first = await rig.submit("wire", ["amount": 1])
    #expect(await rig.submit("wire", ["amount": 2]).failure?.kind == .queueFull)
    await rig.cancel(first.id)
    let again = await rig.submit("wire", ["amount": 2])
    #expect(try twin(rig, again.id) == nil)
  }

  @Test func `unattended, a twin is denied`() async throws {
    let rig = try Rig(wire) { $0.isUnattended = true }
    #expect(await rig.submit("wire", ["amount": 5]).value != nil)
    #expect(await rig.submit("wire", ["amount": 5]).failure?.kind == .nobodyToAsk)
  }

  @Test func `a rehearsal sees a twin and is none`() async throws {
    let rig = try Rig(wire)
    guard case .runs = rig.engine.rehearse("t.wire", ["amount": 5], by: agent) else {
      Issue.record("it would not run")
      return
    }
    #expect(await rig.submit("wire", ["amount": 5]).value != nil)
    guard case .asks(let requirement, _) = rig.engine.rehearse("t.wire", ["amount": 5], by: agent)
    else {
      Issue.record("it would run")
      return
    }
    #expect(requirement.rule == "an equal call before it")
  }

  @Test func `the calls of a conversation are asked too`() async throws {
    let rig = try Rig(wire)
    let model = TestModel(.call(("t_wire", #"{"amount":5}"#), ("t_wire", #"{"amount":5}"#)))
    _ = try rig.talk(model)
    await rig.events.wait(for: .succeeded, function: "t.wire")
    await rig.events.wait(for: .awaitingApproval, function: "t.wire")
    #expect(wire.executions == 1)
  }

  @Test func `equal secrets are twins, and the key tells nothing of them`() async throws {
    let pay = TestFunction("pay", parameters: ["type": "object"]) { $0.secrets = ["card"] }
    let rig = try Rig(pay)
    #expect(await rig.submit("pay", ["card": "4111 1111 1111 1111"]).value != nil)
    #expect(await rig.submit("pay", ["card": "5500 0000 0000 0004"]).value != nil)
    #expect(await rig.submit("pay", ["card": "4111 1111 1111 1111"]).isPending)
    let one = Sealer(Sealer.MasterKey())
    let other = Sealer(Sealer.MasterKey())
    func key(_ sealer: Sealer) -> TwinKey {
      TwinKey(function: "t.pay", arguments: ["card": "1"], key: sealer.twinKey)
    }
    #expect(key(one) == key(one))
    #expect(key(one) != key(other))
  }

  @Test func `the index forgets the oldest, and says that the store is to be asked`() {
    let (index, key) = index()
    index.takeUp(StoredTwins())
    for number in 1...Limit.twins.value {
      index.succeeded(key(number), Self.id(number), at: Self.now)
    }
    let before = index.find(key(1), besides: Self.id(0), at: Self.now)
    #expect(before.done == Self.id(1))
    #expect(!index.find(key(0), besides: Self.id(0), at: Self.now).mayBeStored)
    index.succeeded(key(0), Self.id(0), at: Self.now)
    let after = index.find(key(1), besides: Self.id(999_999), at: Self.now)
    #expect(after.done == nil)
    #expect(after.mayBeStored)
    // A day later nothing of that matters.
    let dayLater = Self.now.addingTimeInterval(TwinIndex.memory)
    #expect(!index.find(key(1), besides: Self.id(999_999), at: dayLater).mayBeStored)
  }

  @Test
  func
    `the store is asked until the index has taken up what it knows, and then about older ones only`()
  {
    let (index, key) = index()
    #expect(index.find(key(1), besides: Self.id(0), at: Self.now).mayBeStored)
    var stored = StoredTwins()
    stored.entries = [
      .init(key(1), Self.id(1), succeeded: Self.now.addingTimeInterval(-50)),
      .init(key(1), Self.id(2), succeeded: nil),
      .init(key(3), Self.id(3), succeeded: Self.now.addingTimeInterval(-40)),
    ]
    stored.isWholeSince = Self.now.addingTimeInterval(-50)
    index.takeUp(stored)
    let found = index.find(key(1), besides: Self.id(9), at: Self.now)
    #expect(found.done == Self.id(1))
    #expect(found.live == Self.id(2))
    #expect(index.find(key(4), besides: Self.id(9), at: Self.now).mayBeStored)
    let later = Self.now.addingTimeInterval(TwinIndex.memory - 50)
    #expect(!index.find(key(4), besides: Self.id(9), at: later).mayBeStored)
  }

  private static let now = Date(timeIntervalSince1970: 1_795_341_600)

  private static func id(_ number: Int) -> CallID {
    CallID(UUIDv7(at: now, sequence: 0, random: UInt64(number)))
  }

  private func index() -> (TwinIndex, key: (Int) -> TwinKey) {
    let index = TwinIndex(key: Sealer(Sealer.MasterKey()).twinKey)
    return (index, { index.key(of: "t.wire", ["n": .integer(Int64($0))]) })
  }
}
