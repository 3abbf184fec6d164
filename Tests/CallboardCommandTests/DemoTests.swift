import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct DemoTests {
  @Test func `the first thing that waits is the opening's wire, and seven conversations go`()
    async throws
  {
    let log = ScenarioLog()
    let demo = try Demo(seed: 7) { log.add($0) }
    let stage = Task { try await demo.stage.run() }
    let waiting = await log.event { $0.type == .call(.awaitingApproval) }
    #expect(waiting?.call?.function == "payments.send_wire")
    #expect(waiting?.call?.caller == "agent-7")
    let opening = log.events.first { $0.type == .conversation(.thinking) }
    #expect(waiting?.call?.conversation == opening?.conversation)
    _ = await log.event(count: 7) { $0.type == .conversation(.thinking) && $0.cause == "started" }
    stage.cancel()
    await demo.session.close(patience: .zero)
  }

  @Test func `seven agents play every script`() throws {
    let configuration = try Demo.configuration()
    #expect(Set(configuration.conversations.map(\.caller)).count == 7)
    #expect(Set(configuration.conversations.map(\.model)) == Set(configuration.scripts.keys))
  }

  @Test func `what the world has done under a key it does not do twice`() async throws {
    let clock = SystemClock()
    let world = DemoWorld(seed: 1, clock: clock, deadlines: DeadlineQueue(clock: clock))
    world.mayLoseAnswers(false)
    let function = try #require(FunctionName("offers.submit"))
    let id = CallID(UUIDv7(high: 1, low: 2))
    let invocation = Invocation(
      call: id,
      function: function,
      arguments: ["amount": 7],
      idempotencyKey: "key"
    )
    let first = try await world.run(invocation)
    var second = invocation
    second.arguments = ["amount": 8]
    #expect(try await world.run(second) == first)
    second.idempotencyKey = "another key"
    #expect(try await world.run(second) != first)
  }

  @Test func `nothing in the demo looks like a secret`() {
    #expect(Redactor().redact(text: demoYAML) == demoYAML)
  }

  @Test func `every function of the world is in the demo`() throws {
    let configuration = try Demo.configuration()
    #expect(
      configuration.definitions.map(\.name.description).sorted() == DemoWorld.functions.sorted()
    )
  }
}
