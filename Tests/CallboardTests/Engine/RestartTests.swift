import CallboardTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RestartTests {
  @Test(arguments: RestartSuite.cases) func `an engine goes on with what the store in memory holds`(
    _ rule: RestartCase
  ) async throws {
    try await rule.run(on: .memory())
  }

  @Test func `no case of the restart suite is lost`() {
    #expect(RestartSuite.cases.count == 76)
    #expect(Set(RestartSuite.cases.map(\.name)).count == RestartSuite.cases.count)
  }
}
