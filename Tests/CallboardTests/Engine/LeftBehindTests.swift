import Callboard
import CallboardTesting
import JSONSchema
import Testing

/// What an engine for one call makes of what an earlier engine left on its store.
@Suite(.timeLimit(.minutes(10)))
struct LeftBehindTests {
  @Test func `a write that ran is unknown, and everything else is left as it was`() async throws {
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let ask = TestFunction("ask")
    let rules = [asking("ask"), free]
    let first = try Rig(wire, look, ask, rules: rules)
    _ = first.begin("wire")
    _ = first.begin("look")
    let write = await wire.attempt(1).id
    let read = await look.attempt(1).id
    let asked = await first.submit("ask").id

    let second = try Rig(wire, look, ask, rules: rules, store: first.store)
    let left = try second.engine.takeUpOutcomes()
    #expect(left.calls == 3)
    #expect(left.conversations == 0)
    #expect(left.unknown == [write: "t.wire"])
    #expect(first.store.call(write)?.state.word == .unknown)
    #expect(first.store.call(read)?.state.word == .running)
    #expect(first.store.call(asked)?.state.word == .awaitingApproval)
    #expect(second.engine.liveCalls == 1)
    #expect(try second.engine.takeUpOutcomes().unknown == [write: "t.wire"])
  }

  @Test(arguments: [
    ("wire", #"{"amount": 5}"#, true), ("wire", #"{ "amount": 5.0 }"#, true),
    ("wire", #"{"amount": 6}"#, false), ("wire", "{}", false), ("look", #"{"amount": 5}"#, false),
  ])
  func `a write of unknown outcome is found by its function and arguments, however written`(
    function: String,
    text: String,
    isTwin: Bool
  ) async throws {
    let wire = TestFunction("wire", .hold(whenCancelled: .maybe), parameters: amounts)
    let look = TestFunction("look", parameters: amounts)
    let first = try Rig(wire, look)
    _ = first.begin("wire", ["amount": 5])
    let write = await wire.attempt(1).id
    let second = try Rig(wire, look, store: first.store)
    try second.engine.takeUpOutcomes()
    let twin = second.engine.unknownTwin(of: "t." + function, text: text, by: agent)
    #expect(twin == (isTwin ? write : nil))
  }
}
