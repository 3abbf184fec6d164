import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema
import Testing

extension EndToEnd {
  /// What a reload says of who may do what is what an attached console shows and does from then on.
  @Suite(.enabled(if: Office.hasOthers, "it takes root, to run processes as other users"))
  struct AttachedRolesTests {
    private static let payments = """
      providers:
        desk:
          type: program
          functions:
            - { name: pay, description: Pays., effect: write, run: [cat], parameters: { type: object, properties: { n: { type: integer } } } }
      """

    @Test
    func `a role that HUP takes is gone from the attached console, and back when it is given`()
      async throws
    {
      let office = try Office(Self.payments)
      try await office.start()
      let root = try office.open()
      let console = try Terminal(
        width: 120,
        height: 30,
        script: "exec \(Person.shell(64_001)) \"$CALLBOARD\" attach --socket \(office.socket)"
      )
      try await console.wait(for: "anna, operator")
      let id = try await root.ask("desk.pay", ["n": 1])
      try console.press("2")
      try await console.wait(for: "call \(id.description.suffix(6))", "a approve")
      try office.configure(Self.payments, operators: ["bert"])
      office.send(SIGHUP)
      try await console.wait(for: "who is who: you are anna, viewer")
      try console.press("C-l")
      try await console.wait(for: "read-only")
      try await console.wait("the key to be gone") { !$0.contains("a approve") }
      try await Task.sleep(for: .milliseconds(800))
      try console.press("a")
      try await Task.sleep(for: .milliseconds(300))
      #expect(try root.detail(id).row.state == .awaitingApproval)
      try office.configure(Self.payments)
      office.send(SIGHUP)
      try await console.wait(for: "a approve")
      try await console.decide("a") { $0.contains("\(id.description.suffix(6)) approved") }
      try await office.wait("it to be paid") { try root.snapshot(of: .header).header.live == 0 }
    }
  }
}
