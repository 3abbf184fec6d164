import Callboard
import CallboardTesting
import Foundation
import Glibc
import JSONSchema
import Synchronization
import Testing

@testable import CallboardControl

/// What a peer may do is what the instance says of its user id, at the time it asks.
@Suite(.timeLimit(.minutes(2)))
struct RoleTests {
  private func instance(_ path: String) async throws -> Instance {
    try await blocking { try Instance(at: path) }
  }

  private func problem(
    _ body: @escaping @Sendable () throws -> Void
  ) async throws -> ControlProblem? {
    try await blocking {
      do {
        try body()
        return nil
      } catch let problem as ControlProblem {
        return problem
      }
    }
  }

  @Test func `somebody without a role is not let in`() async throws {
    let desk = try Desk()
    let path = try desk.serve(Principal(name: "nobody", uid: 1234, roles: []))
    let problem = try await problem { _ = try Instance(at: path) }
    guard case .refused(let why)? = problem else { throw Missing() }
    #expect(why.contains("nobody (user id \(getuid())) has no role here"))
  }

  @Test func `without the role of a viewer nothing is shown: no screen, no event, no count`()
    async throws
  {
    let desk = try Desk()
    let id = await desk.ask()
    let instance = try await instance(desk.serve(agent))
    for query in [Query.header, .overview(rows: 3), .waiting(ListQuery()), .call(id)] {
      guard case .refused = try await problem({ _ = try instance.snapshot(of: query) }) else {
        throw Missing()
      }
    }
    guard case .refused = try await problem({ _ = try instance.follow { _, _ in } }) else {
      throw Missing()
    }
    // What is asked for is refused and on record; the answer to it shows nothing either.
    let peer = try RawPeer(desk.path("agent"))
    let seen = try desk.seen(id)
    let answer = try await blocking {
      _ = try peer.greet()
      peer.say(
        try JSONValue(
          encoding: Ask.request(id: 1, .approve(id, seen), then: [Look(query: .header)])
        )
      )
      return try peer.hear()
    }
    #expect(answer?["replied"]?["_1"]?["refused"] != nil)
    #expect(answer?["replied"]?["_2"] == nil)
    #expect(desk.events.all { $0.type == .engine(.decisionRefused) }.map(\.by) == ["agent"])
  }

  @Test func `a caller makes calls in its own name and hears their end`() async throws {
    let desk = try Desk()
    let instance = try await instance(desk.serve(agent))
    let ended = try await instance.call("t.look", arguments: #"{"a":1}"#) { _, _ in }
    #expect(ended.state == .succeeded)
    #expect(ended.result == ["a": 1])
    #expect(try desk.detail(ended.call).row.caller == "agent")
  }

  @Test func `a call that waits is said to, and its end is heard when a person has decided`()
    async throws
  {
    let desk = try Desk()
    let instance = try await instance(desk.serve(agent))
    let waiting = OneShot<CallID>()
    async let ended = instance.call("t.pay", arguments: #"{"amount":5}"#) { id, state in
      if state == .awaitingApproval { waiting.resolve(id) }
    }
    let id = await waiting.value
    #expect(await desk.engine.perform(.approve(id, try desk.seen(id)), by: anna).isDone)
    #expect(try await ended.result == ["amount": 5])
  }

  @Test func `a caller hears when nobody knows any more whether it happened`() async throws {
    let desk = try Desk()
    desk.pay.plan(.fail(CallFailure(.connectionFailed, "cut", reach: .maybe)))
    let instance = try await instance(desk.serve(agent))
    let (waiting, unknown) = (OneShot<CallID>(), OneShot<CallID>())
    async let ended = instance.call("t.pay", arguments: #"{"amount":5}"#) { id, state in
      if state == .unknown { unknown.resolve(id) } else { waiting.resolve(id) }
    }
    let id = await waiting.value
    #expect(await desk.engine.perform(.approve(id, try desk.seen(id)), by: anna).isDone)
    #expect(await unknown.value == id)
    let revision = try desk.detail(id).row.revision
    let settled = Request.settle(id, revision: revision, .happened(Payload("reference 7")))
    #expect(await desk.engine.perform(settled, by: anna).isDone)
    #expect(try await ended.result == "reference 7")
  }

  @Test func `a viewer looks and decides nothing, and trying is on record`() async throws {
    let desk = try Desk()
    let id = await desk.ask()
    let instance = try await instance(desk.serve(vera))
    let seen = try desk.seen(id)
    #expect(try await blocking { try instance.snapshot(of: .header) }.header.waiting == 1)
    for request in [Request.approve(id, seen), .hold(from: false, to: true)] {
      let reply = try await blocking { try instance.send(request) }
      #expect(reply == .refused("that takes the role operator, and vera has not got it"))
    }
    #expect(desk.events.all { $0.type == .engine(.decisionRefused) }.map(\.by) == ["vera", "vera"])
    #expect(try desk.detail(id).row.state == .awaitingApproval)
  }

  @Test func `originals come only to whom they may be revealed, and both are on record`()
    async throws
  {
    let desk = try Desk()
    let id = await desk.ask(["amount": 1, "password": "hunter2"])
    let (seer, other) = (
      try await instance(desk.serve(rosa)), try await instance(desk.serve(anna))
    )
    let shown = try await blocking { try other.snapshot(of: .call(id)) }
    #expect(try !JSONValue(encoding: shown).serialized().contains("hunter2"))
    guard case .refused = try await blocking({ try other.reveal(id) }) else { throw Missing() }
    guard case .originals(let originals) = try await blocking({ try seer.reveal(id) }) else {
      throw Missing()
    }
    #expect(originals.decided?["password"] == "hunter2")
    #expect(desk.events.all { $0.type == .engine(.revealed) }.map(\.by) == ["rosa"])
    #expect(desk.events.all { $0.type == .engine(.decisionRefused) }.map(\.by) == ["anna"])
  }

  @Test func `the result of a call is told without its secrets to whom they may not be revealed`()
    async throws
  {
    let desk = try Desk()
    let instance = try await instance(desk.serve(agent))
    let ended = try await instance.call("t.look", arguments: #"{"password":"hunter2"}"#) { _, _ in }
    #expect(ended.result?["password"]?.stringValue != "hunter2")
    let all = try await self.instance(desk.serve(.owner("olga", uid: 1)))
    let open = try await all.call("t.look", arguments: #"{"password":"hunter2"}"#) { _, _ in }
    #expect(open.result?["password"] == "hunter2")
    #expect(desk.events.all { $0.type == .engine(.revealed) }.map(\.by) == ["olga"])
  }

  @Test func `a role that is taken away counts from the next thing that is asked`() async throws {
    let desk = try Desk()
    let roles = Mutex<Set<Principal.Role>>([.operator])
    let path = try desk.serve("changing") { _ in
      Principal(name: "paula", uid: 9, roles: roles.withLock { $0 })
    }
    let instance = try await instance(path)
    #expect(try await blocking { try instance.send(.hold(from: false, to: true)) }.isDone)
    roles.withLock { $0 = [.viewer] }
    #expect(try await blocking { try !instance.send(.hold(from: true, to: false)).isDone })
    roles.withLock { $0 = [] }
    guard case .refused = try await problem({ _ = try instance.snapshot(of: .header) }) else {
      throw Missing()
    }
  }

  @Test
  func `whoever is attached is told who it is now, and what it may not see is not shown as new`()
    async throws
  {
    let desk = try Desk()
    let roles = Mutex<Set<Principal.Role>>([.operator])
    let path = try desk.serve("changing") { _ in
      Principal(name: "paula", uid: 9, roles: roles.withLock { $0 })
    }
    let door = try await blocking { try RemoteDoor(to: path) }
    #expect(door.you?.mayDecide == true)
    #expect(try await blocking { door.snapshot(of: .header) }.header.linkFault == nil)
    roles.withLock { $0 = [.viewer] }
    desk.peopleChanged()
    try await until { door.you?.mayDecide == false }
    #expect(try await blocking { door.snapshot(of: .header) }.header.linkFault == nil)
    roles.withLock { $0 = [] }
    desk.peopleChanged()
    try await until { door.you?.mayLook == false }
    let fault = try await blocking { door.snapshot(of: .header) }.header.linkFault
    #expect(fault?.why.contains("paula may not look there any more") == true)
    roles.withLock { $0 = [.operator] }
    desk.peopleChanged()
    try await until { door.you?.mayDecide == true }
    let id = await desk.ask()
    try await until { door.glance(of: .call(id))?.callDetail?.row.id == id }
    #expect(door.glance(of: .header)?.header.linkFault == nil)
    door.close()
  }

  @Test func `whoever follows and may not look any more hears nothing more`() async throws {
    let desk = try Desk()
    let roles = Mutex<Set<Principal.Role>>([.viewer])
    let path = try desk.serve("changing") { _ in
      Principal(name: "paula", uid: 9, roles: roles.withLock { $0 })
    }
    let instance = try await instance(path)
    let isHeard = OneShot<Void>()
    async let end = blocking { try instance.follow { _, _ in isHeard.resolve(()) } }
    while isHeard.current == nil {
      _ = await desk.ask()
      try await Task.sleep(for: .milliseconds(2))
    }
    roles.withLock { $0 = [] }
    desk.peopleChanged()
    #expect(try await end.contains("paula may not look there any more"))
  }
}
