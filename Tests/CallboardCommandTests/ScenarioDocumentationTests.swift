import Foundation
import Testing

@testable import CallboardCommand

/// The page about scenarios shows scenarios that come as they say.
@Suite struct ScenarioDocumentationTests {
  private static let examples: [String] = {
    let page = Project.path("Sources/Callboard/Callboard.docc/Scenarios.md")
    let text = (try? String(contentsOfFile: page, encoding: .utf8)) ?? ""
    return text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
      $0.components(separatedBy: "\n```").first
    }
  }()

  @Test func `the page has examples`() {
    #expect(Self.examples.count >= 9)
  }

  @Test(arguments: examples)
  func `each example is a scenario that comes as it expects`(text: String) async throws {
    let scratch = try Scratch()
    let file = try scratch.file("scenario.yaml", text)
    let rows = try ScenarioReader.readRows(file, configuration: nil, environment: [:])
    for row in rows {
      let result = try await ScenarioRunner(row, events: nil).run()
      #expect(result.status == .done, "\(result.lines)")
      #expect(!result.checks.isEmpty)
    }
  }
}
