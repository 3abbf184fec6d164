import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import CallboardControl

/// Two attached consoles and the command line decide the same approval at the same time.
@Suite(.timeLimit(.minutes(5)))
struct RaceTests {
  /// Three people at three faces of one engine.
  private struct Faces: Sendable {
    let left: RemoteDoor
    let right: RemoteDoor
    let command: Instance

    init(_ desk: Desk, _ people: (Principal, Principal, Principal)) async throws {
      let paths = (
        try desk.serve(people.0.name + "-left") { _ in people.0 },
        try desk.serve(people.1.name + "-right") { _ in people.1 },
        try desk.serve(people.2.name + "-command") { _ in people.2 }
      )
      left = try await blocking { try RemoteDoor(to: paths.0) }
      right = try await blocking { try RemoteDoor(to: paths.1) }
      command = try await blocking { try Instance(at: paths.2) }
    }

    /// Sends a request from each at once, and gives the replies.
    func decide(_ request: Request) async throws -> [Reply] {
      async let third = blocking { [command] in try command.send(request) }
      let first = left.send(request, by: anna)
      let second = right.send(request, by: anna)
      return [try await first.polled(), try await second.polled(), try await third]
    }

    func close() {
      left.close()
      right.close()
      command.close()
    }
  }

  @Test func `of three who decide at the same time one wins, and the others are told who`()
    async throws
  {
    let desk = try Desk()
    let people = (anna, bert, carla)
    let faces = try await Faces(desk, people)
    let names = [anna.name, bert.name, carla.name]
    var wins = [0, 0, 0]
    for round in 0..<1000 {
      let id = await desk.ask(["amount": .integer(Int64(round))])
      let replies = try await faces.decide(.approve(id, try desk.seen(id)))
      let winners = replies.indices.filter { replies[$0].isDone }
      #expect(winners.count == 1, "round \(round): \(replies)")
      guard let winner = winners.first else { return }
      wins[winner] += 1
      let name = names[winner]
      for index in replies.indices where index != winner {
        #expect(replies[index].message.contains("by \(name)"), "\(replies[index])")
      }
      let approvals = try desk.detail(id).call.approval?.approvals.map(\.by.name)
      #expect(approvals == [name])
    }
    try await until { desk.pay.executions == 1000 }
    #expect(wins.allSatisfy { $0 > 0 }, "\(wins): nobody raced")
    faces.close()
  }

  @Test func `with a quorum of two, one person with two windows and a command never completes it`()
    async throws
  {
    let desk = try Desk(approvers: 2)
    let faces = try await Faces(desk, (anna, anna, anna))
    for round in 0..<100 {
      let id = await desk.ask(["amount": .integer(Int64(round))])
      let seen = try desk.seen(id)
      let replies = try await faces.decide(.approve(id, seen))
      #expect(replies.filter(\.isDone).count == 1, "\(replies)")
      // The one who was first is counted; the same person again is refused, at this revision and the next.
      let again = try await faces.decide(.approve(id, try desk.seen(id)))
      #expect(again.allSatisfy { !$0.isDone }, "\(again)")
      let detail = try desk.detail(id)
      #expect(detail.row.state == .awaitingApproval)
      #expect(detail.row.approvalsGiven == 1)
    }
    #expect(desk.pay.executions == 0)
    faces.close()
  }

  @Test func `one denies while another approves, and one of the two is what happened`() async throws
  {
    let desk = try Desk()
    let faces = try await Faces(desk, (anna, bert, carla))
    for round in 0..<100 {
      let id = await desk.ask(["amount": .integer(Int64(round))])
      let seen = try desk.seen(id)
      let approval = faces.left.send(.approve(id, seen), by: anna)
      let denial = faces.right.send(
        .deny(id, seen, reason: "no", stopConversation: false),
        by: bert
      )
      let (approved, denied) = (try await approval.polled(), try await denial.polled())
      #expect(approved.isDone != denied.isDone, "\(approved) \(denied)")
      try await until { try desk.detail(id).call.state.isEnded }
      #expect((try desk.detail(id).row.state == .denied) == denied.isDone)
    }
    faces.close()
  }
}
