import Callboard
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// A configuration that is read anew while its engine runs, and what arguments are asked by it.
@Suite struct ReloadTests {
  private func configuration(_ text: String) throws -> Configuration {
    let document = try YAMLDocument(text: text, file: "callboard.yaml")
    return try ConfigurationFile.read(document, environment: [:])
  }

  private func complaints(_ text: String) throws -> [String] {
    do throws(Diagnostics) {
      let document = try? YAMLDocument(text: text, file: "callboard.yaml")
      guard let document else { return ["no YAML"] }
      _ = try ConfigurationFile.read(document, environment: [:])
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  private static let echo = """
          - name: echo
            description: Answers with what it was given.
            effect: read
            parameters:
              type: object
              properties: { low: { type: integer }, high: { type: integer } }
            run: [cat]
    """

  private static let head = """
    providers:
      tools:
        type: program
        functions:

    """

  private static let asks = """

    approvals:
      - { approval: always, expires: 10m }
    """

  private static let never = """

    approvals:
      - { effect: read, approval: never }
    """

  private static let first = head + echo + asks

  private func submit(_ session: EngineSession, _ arguments: JSONValue) async -> Submission {
    await session.engine.submit("tools.echo", arguments, by: .caller("agent"))
  }

  private func row(_ session: EngineSession, _ id: CallID) throws -> CallRow {
    guard case .call(let detail?) = session.engine.snapshot(of: .call(id)).body else {
      throw Failure(.fault, "no call \(id)")
    }
    return detail.row
  }

  @Test func `rules that are read anew count for the next call, and what waits keeps its rule`()
    async throws
  {
    let session = try EngineSession(try configuration(Self.first), isUnattended: false)
    let waiting = await submit(session, ["low": 1])
    let change = try await session.reload(try configuration(Self.head + Self.echo + Self.never))
    #expect(change.lines == ["the configuration was read anew: approvals changed"])
    guard case .finished(_, .result) = await submit(session, ["low": 2]) else {
      Issue.record("it still asks")
      return
    }
    #expect(try row(session, waiting.id).state == .awaitingApproval)
    #expect(try row(session, waiting.id).rule == "rule 1: every call")
    await session.close(patience: .zero)
  }

  @Test func `functions come, go and change, and what waited for them is told`() async throws {
    let session = try EngineSession(try configuration(Self.first), isUnattended: false)
    let waiting = await submit(session, ["low": 1])
    let narrower = Self.echo.replacing("high: { type: integer }", with: "high: { type: number }")
    let other = """

            - { name: now, description: Says what time it is., effect: read, run: [date] }
      """
    let change = try await session.reload(
      try configuration(Self.head + narrower + other + Self.asks)
    )
    #expect(
      change.lines == [
        "the configuration was read anew: providers changed", "tools.now: new",
        "tools.echo: another definition; what waited for approval is asked about anew",
      ]
    )
    #expect(try row(session, waiting.id).state == .awaitingApproval)
    let gone = try await session.reload(try configuration(Self.head + other + Self.asks))
    #expect(gone.functions?.removed == ["tools.echo"])
    #expect(await session.engine.outcome(of: waiting.id)?.failure?.kind == .functionRemoved)
    #expect(session.configuration.definitions.map(\.name.description) == ["tools.now"])
    await session.close(patience: .zero)
  }

  @Test func `it says what needs a restart`() async throws {
    let session = try EngineSession(try configuration(Self.first), isUnattended: false)
    let change = try await session.reload(
      try configuration(
        Self.first + """

          store: { file: other.db }
          limits: { cache_entries: 5, slots: 3 }
          conversations: []
          """
      )
    )
    #expect(change.sections == ["limits"])
    #expect(change.waitsForRestart.sorted() == ["conversations", "limits.cache_entries", "store"])
    #expect(session.engine.configuration.slots == 3)
    let same = try await session.reload(session.configuration)
    #expect(same.lines == ["the configuration was read anew, and says nothing else"])
    await session.close(patience: .zero)
  }

  @Test func `a check is read, told and asked`() async throws {
    let text = Self.head + Self.echo + "\n        check: [high > low, low >= 0]" + Self.never
    let session = try EngineSession(try configuration(text), isUnattended: false)
    let submission = await submit(session, ["low": 5, "high": 4])
    guard case .finished(_, .failure(let failure)) = submission else {
      Issue.record("it was let through")
      return
    }
    #expect(failure.pointer == "/high")
    let definition = try #require(session.configuration.definitions.first)
    #expect(
      FunctionsCommand.List.json(definition, nil)["check"] == ["high > low", "low >= 0"]
    )
    await session.close(patience: .zero)
  }

  @Test(arguments: [
    (
      "check: high > lwo",
      "callboard.yaml:12:16: providers.tools.functions[0].check “high > lwo” names “lwo”, which the parameters have not; did you mean low?, at character 8"
    ),
    (
      "check: [low > 1, high => low]",
      "callboard.yaml:12:26: providers.tools.functions[0].check[1] “high => low” has “=>”; did you mean >=?, at character 6"
    ),
    (
      "check: low > 'x'",
      "callboard.yaml:12:16: providers.tools.functions[0].check “low > 'x'” compares a number with a text, which are never alike, at character 1"
    ),
  ])
  func `a check that can't be meant is told with its place`(line: String, complaint: String) throws
  {
    #expect(try complaints(Self.head + Self.echo + "\n        " + line + Self.asks) == [complaint])
  }

  @Test func `a rule of texts that there is not is told with its place`() throws {
    let text = Self.first.replacing(
      "low: { type: integer }",
      with: "low: { type: string, x-text: lines }"
    )
    let found = try complaints(text)
    #expect(found.count == 1)
    #expect(found.first?.contains("callboard.yaml:10:") == true, "\(found)")
    #expect(found.first?.hasSuffix("is \"lines\"; did you mean line?") == true, "\(found)")
  }
}
