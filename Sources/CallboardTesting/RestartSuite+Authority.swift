import Callboard
import Foundation
import JSONSchema

/// What people gave ahead, and which call is equal to which, outlive an engine.
extension RestartSuite {
  static let authority = [
    RestartCase("a write finds its twin of an earlier engine, for 24 hours after its success") {
      world in
      let wire = TestFunction("wire")
      let first = try world.live(wire)
      let done = await first.submit("wire", ["password": "hunter2"])
      let second = try world.live(wire, after: 3600)
      let held = await second.submit("wire", ["password": "hunter2"])
      try equal(try second.state(held.id), .awaitingApproval, "an equal one")
      try equal(
        try second.call(held.id).approval?.requirement.twin,
        done.id,
        "its twin"
      )
      let other = await second.submit("wire", ["password": "hunter3"])
      try equal(try second.state(other.id), .succeeded, "another one")
      try expect(try await second.cancel(held.id).isDone, "it can't be cancelled")
      let third = try world.live(wire, after: 23 * 3600 + 1)
      let late = await third.submit("wire", ["password": "hunter2"])
      try equal(try third.state(late.id), .succeeded, "one after a day")
    },
    RestartCase("after a restart a write's twin is what was done, not what waits to be done again")
    {
      world in
      let wire = TestFunction("wire")
      let first = try world.live(wire)
      let done = await first.submit("wire", ["n": 1])
      let again = await first.submit("wire", ["n": 1])
      try equal(try first.state(again.id), .awaitingApproval, "an equal one")
      let second = try world.live(wire, after: 60)
      let third = await second.submit("wire", ["n": 1])
      try equal(try second.call(third.id).approval?.requirement.twin, done.id, "its twin")
    },
    RestartCase("a call whose secrets can't be opened is no twin any more once it has ended") {
      world in
      let wire = TestFunction("wire")
      let rules = [asking("wire"), free]
      let first = try world.live(wire, rules: rules)
      let lost = await first.submit("wire", ["password": "hunter2hunter2"]).id
      try world.between { store in
        let call = try need(store.call(lost), "call")
        let change = CallChange(CallRecord(call), stored: call.history.count, sealed: [1, 2, 3])
        _ = try store.commit(StoreChange(calls: [change]))
      }
      let second = try world.live(wire, after: 60, rules: rules)
      try equal(second.store.call(lost)?.state, .cancelled, "state")
      let next = await second.submit("wire", ["password": "hunter2hunter2"])
      try equal(try second.call(next.id).approval?.requirement.twin, nil, "its twin")
    },
    RestartCase("a write that lives is a twin after a restart, whatever it waits for") { world in
      let wire = TestFunction("wire", .hold(whenCancelled: .maybe))
      let asked = TestFunction("asked")
      let rules = [asking("asked"), free]
      let first = try world.live(wire, asked, rules: rules)
      let waiting = await first.submit("asked", ["n": 1])
      first.begin("wire", ["n": 1])
      let running = await wire.attempt(1).id
      let second = try world.live(wire, asked, after: 60, rules: rules)
      try equal(try second.state(running), .unknown, "the one that ran")
      for (function, twin) in [("asked", waiting.id), ("wire", running)] {
        let held = await second.submit(function, ["n": 1])
        try equal(try second.call(held.id).approval?.requirement.twin, twin, "twin of \(function)")
      }
    },
    RestartCase("a grant serves on after a restart, as often as is left, and not beyond its end") {
      world in
      let wire = TestFunction("wire")
      let rules = [asking("wire"), free]
      let first = try world.live(wire, rules: rules)
      let draft = GrantDraft(function: "t.wire", seconds: 600, limit: 3)
      let given = await first.engine.perform(.grant(draft, waiting: []), by: maria)
      try expect(given.isDone, given.message)
      try equal(try first.state(await first.submit("wire").id), .succeeded, "the first")
      let second = try world.live(wire, after: 60, rules: rules)
      try equal(try second.state(await second.submit("wire").id), .succeeded, "the second")
      try equal(grants(second).map(\.uses), [2], "uses")
      try equal(try second.state(await second.submit("wire").id), .succeeded, "the third")
      try equal(try second.state(await second.submit("wire").id), .awaitingApproval, "the fourth")
      let long = await second.engine.perform(
        .grant(GrantDraft(function: "t.wire", seconds: 60), waiting: []),
        by: omar
      )
      try expect(long.isDone, long.message)
      let third = try world.live(wire, after: 60, rules: rules)
      try equal(try third.state(await third.submit("wire").id), .awaitingApproval, "after its end")
    },
    RestartCase("a grant that another definition has made void stays void under the old one") {
      world in
      let rules = [asking("wire"), free]
      let first = try world.live(TestFunction("wire"), rules: rules)
      let draft = GrantDraft(function: "t.wire", seconds: 3600)
      _ = await first.engine.perform(.grant(draft, waiting: []), by: maria)
      try equal(try first.state(await first.submit("wire", ["n": 1]).id), .succeeded, "before")
      let changed = TestFunction("wire", parameters: amounts)
      let second = try world.live(changed, after: 60, rules: rules)
      try equal(grants(second).map(\.state), [.void], "under another definition")
      let third = try world.live(TestFunction("wire"), after: 60, rules: rules)
      try equal(grants(third).map(\.state), [.void], "under the old one")
      try equal(grants(third).first?.void.map(\.function), ["t.wire"], "for which function")
      let asked = await third.submit("wire", ["n": 2]).id
      try equal(try third.state(asked), .awaitingApproval, "after")
    },
    RestartCase("what a revoked grant had approved asks a person after a restart") { world in
      let wire = TestFunction("wire")
      let rules = [asking("wire", grace: 600), free]
      let first = try world.live(wire, rules: rules)
      let draft = GrantDraft(function: "t.wire", seconds: 3600)
      _ = await first.engine.perform(.grant(draft, waiting: []), by: maria)
      let id = await first.submit("wire").id
      try equal(try first.state(id), .approved, "state")
      let grant = try need(grants(first).first, "grant").id
      let revoked = await first.engine.perform(.revokeGrant(grant), by: omar)
      try expect(revoked.isDone, revoked.message)
      let second = try world.live(wire, after: 60, rules: rules)
      try equal(grants(second).map(\.state), [.revoked], "grant")
      second.clock.advance(by: .seconds(600))
      _ = await second.events.wait(for: .awaitingApproval, of: id)
      try equal(try second.call(id).approval?.approvals.count, 0, "approvals")
      try equal(wire.executions, 0, "executions")
    },
  ]

  private static func grants(_ life: Life) -> [GrantRow] {
    guard case .grants(let rows) = life.engine.snapshot(of: .grants).body else { return [] }
    return rows
  }
}
