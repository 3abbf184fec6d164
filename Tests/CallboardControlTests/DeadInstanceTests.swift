import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import CallboardControl

/// An instance that goes away: what was sent, what is shown, and what happens when it is back.
@Suite(.timeLimit(.minutes(2)))
struct DeadInstanceTests {
  private func scratch() throws -> String {
    let folder = NSTemporaryDirectory() + "cbd-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test func `a request that got no answer is said to be unknown, and is never sent again`()
    async throws
  {
    let path = try scratch() + "/s"
    let impostor = try Impostor(at: path)
    async let first = blocking { try impostor.welcome() }
    let door = try await blocking { try RemoteDoor(to: path) }
    let peer = try await first
    let ticket = door.send(.hold(from: false, to: true), by: anna)
    let asked = try await blocking { try peer.hear() }
    #expect(asked?["request"] != nil)
    peer.hangUp()
    guard case .unknown(let why) = try await ticket.polled() else { throw Missing() }
    #expect(why.contains("not known whether it was done"))
    // It connects again and looks, and asks for nothing else.
    let second = try await blocking { try impostor.welcome() }
    let next = try await blocking { try second.hear() }
    #expect(next?["look"] != nil, "\(String(describing: next))")
    door.close()
    #expect(try await blocking { try second.hear() } == nil)
  }

  @Test func `a command whose request got no answer says that it is not known whether it was done`()
    async throws
  {
    let path = try scratch() + "/s"
    let impostor = try Impostor(at: path)
    async let first = blocking { try impostor.welcome() }
    let instance = try await blocking { try Instance(at: path) }
    let peer = try await first
    async let reply = blocking { () -> ControlProblem? in
      do throws(ControlProblem) {
        _ = try instance.send(.hold(from: false, to: true))
        return nil
      } catch {
        return error
      }
    }
    _ = try await blocking { try peer.hear() }
    peer.hangUp()
    guard case .lost(let why)? = try await reply else { throw Missing() }
    #expect(why.contains("not known whether it was done"))
  }

  @Test func `while an instance is gone nothing is sent, and that is what is said`() async throws {
    let desk = try Desk()
    let path = try desk.serve(anna)
    let door = try await blocking { try RemoteDoor(to: path) }
    #expect(try await blocking { door.snapshot(of: .header).header.linkFault } == nil)
    desk.close()
    try await until { door.snapshot(of: .header).header.linkFault != nil }
    let fault = door.snapshot(of: .header).header.linkFault
    #expect(fault?.why.contains("the test is over") == true, "\(String(describing: fault))")
    let reply = try await door.send(.hold(from: false, to: true), by: anna).polled()
    guard case .refused(let why) = reply else { throw Missing() }
    #expect(why.contains("nothing was sent"))
    #expect(desk.engine.snapshot(of: .header).header.held == nil)
    door.close()
  }

  @Test func `what was shown stays until the instance is back, and then is what is there`()
    async throws
  {
    let desk = try Desk()
    let id = await desk.ask()
    let path = try desk.serve(anna)
    let door = try await blocking { try RemoteDoor(to: path) }
    #expect(try await blocking { door.snapshot(of: .call(id)).callDetail }?.row.id == id)
    desk.close()
    try await until { door.snapshot(of: .header).header.linkFault != nil }
    #expect(door.snapshot(of: .call(id)).callDetail?.row.state == .awaitingApproval)
    #expect(await desk.engine.perform(.approve(id, try desk.seen(id)), by: bert).isDone)
    try await until { try desk.detail(id).row.state == .succeeded }
    #expect(door.snapshot(of: .call(id)).callDetail?.row.state == .awaitingApproval)
    try desk.serve(anna)
    try await until {
      let snapshot = door.snapshot(of: .call(id))
      return snapshot.header.linkFault == nil && snapshot.callDetail?.row.state == .succeeded
    }
    door.close()
  }

  @Test func `an instance that starts anew with an empty store shows nothing of the old one`()
    async throws
  {
    let old = try Desk()
    let id = await old.ask()
    let path = try old.serve(anna)
    let door = try await blocking { try RemoteDoor(to: path) }
    let query = Query.waiting(ListQuery(after: 20))
    #expect(try await blocking { door.snapshot(of: query).header.waiting } == 1)
    #expect(try await blocking { door.snapshot(of: .call(id)).callDetail } != nil)
    old.close()
    let new = try Desk()
    let socket = try ControlSocket(path, group: nil)
    let server = ControlServer(new.engine, on: socket) { _ in
      anna
    } named: { _ in
      .success(agent)
    }
    try await until {
      let snapshot = door.snapshot(of: query)
      guard case .waiting(let page) = snapshot.body else { return false }
      return snapshot.header.linkFault == nil && page.total == 0
    }
    try await until { door.snapshot(of: .call(id)).callDetail == nil }
    door.close()
    server.close(saying: "the test is over")
  }
}
