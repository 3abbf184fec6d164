import Callboard
import CallboardTesting
import Foundation
import Testing

@Suite(.timeLimit(.minutes(10)))
struct StoreSuiteTests {
  @Test(arguments: StoreSuite.cases) func `the store in memory keeps every rule of stores`(
    _ rule: StoreCase
  ) async throws {
    try await rule.run(on: InMemoryStore())
  }

  @Test func `no case of the store suite is lost`() {
    #expect(StoreSuite.cases.count == 30)
    #expect(Set(StoreSuite.cases.map(\.name)).count == StoreSuite.cases.count)
  }
}
