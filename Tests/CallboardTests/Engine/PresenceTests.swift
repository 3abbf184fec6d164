import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

@Suite struct PresenceTests {
  private let rig: Rig
  private let id: CallID

  init() async throws {
    rig = try Rig(TestFunction("pay", .echo), rules: [asking("pay")])
    id = await rig.submit("pay").id
  }

  private func reads(_ person: Principal) async -> Reply {
    await rig.engine.perform(.reading(id, isThere: true), by: person)
  }

  private func looksAway(_ person: Principal) async {
    _ = await rig.engine.perform(.reading(id, isThere: false), by: person)
  }

  private func readers() throws -> [String] { try rig.detail(id).readers.map(\.by.name) }

  @Test func `who reads a waiting call is told, since when, and until they look away`() async throws
  {
    _ = await reads(maria)
    rig.clock.advance(by: .seconds(5))
    _ = await reads(omar)
    let readers = try rig.detail(id).readers
    #expect(readers.map(\.by.name) == ["maria", "omar"])
    #expect(readers[1].since.timeIntervalSince(readers[0].since) == 5)
    await looksAway(maria)
    #expect(try self.readers() == ["omar"])
  }

  @Test func `one person with two windows is one person`() async throws {
    _ = await reads(maria)
    _ = await reads(.operator("maria in another window", uid: 501))
    #expect(try readers() == ["maria"])
  }

  @Test func `whoever says nothing for half a minute is forgotten`() async throws {
    _ = await reads(maria)
    rig.clock.advance(by: .seconds(29))
    _ = await reads(omar)
    #expect(try readers() == ["maria", "omar"])
    rig.clock.advance(by: .seconds(2))
    #expect(try readers() == ["omar"])
  }

  @Test func `who reads is in no event and in no store`() async throws {
    let before = rig.engine.lastSequence
    _ = await reads(maria)
    #expect(rig.engine.lastSequence == before)
  }

  @Test func `a viewer may say what they read, and a caller may not`() async throws {
    #expect(await reads(vera).isDone)
    #expect(await !reads(agent).isDone)
    #expect(try readers() == ["vera"])
  }

  @Test func `who reads what nobody can decide any more is not kept`() async throws {
    try await rig.deny(id)
    _ = await reads(maria)
    #expect(try readers() == [])
    #expect(rig.engine.presence.kept == 0)
  }

  @Test func `what is kept is bounded by calls and by people`() {
    let presence = Presence()
    for number in 0..<3000 {
      let id = CallID(UUIDv7(high: 1, low: UInt64(number)))
      _ = presence.note(maria, reads: id, true, at: .distantPast, monotonic: .zero)
      presence.note(
        LateWord(by: maria, wanted: "approving it", at: .distantPast),
        on: id,
        monotonic: .seconds(number)
      )
    }
    #expect(presence.kept == 2 * Presence.calls)
    let id = CallID(UUIDv7(high: 1, low: 1))
    for number in 0..<100 {
      let person = Principal.operator("p\(number)")
      _ = presence.note(person, reads: id, true, at: .distantPast, monotonic: .zero)
    }
    #expect(presence.readers(of: id, at: .zero).count == Presence.people)
  }

  @Test func `the loser is told who was faster and what they decided, the winner who was slower`()
    async throws
  {
    let seen = try rig.seen(id)
    try await rig.deny(id, "not today", by: omar)
    rig.clock.advance(by: .milliseconds(400))
    let reply = await rig.engine.perform(.approve(id, seen), by: maria)
    #expect(
      reply.message
        == "the call is denied now; approving it is no longer possible: denied: not today, by omar, 0.4 s before you"
    )
    #expect(try rig.detail(id).late.map(\.by.name) == ["maria"])
    #expect(try rig.detail(id).late.map(\.wanted) == ["approving it"])
  }

  @Test func `the loser hears of the approval also when the call runs already`() async throws {
    let hold = TestFunction("hold", .hold(whenCancelled: .notSent))
    let rig = try Rig(hold, rules: [asking("hold")])
    let id = await rig.submit("hold").id
    let seen = try rig.seen(id)
    try await rig.approve(id, by: omar)
    let attempt = await hold.attempt(1)
    let reply = await rig.engine.perform(.approve(id, seen), by: maria)
    #expect(reply.message.contains("approved, by omar"))
    attempt.answer(1)
  }
}
