import Callboard
import CallboardTesting
import JSONSchema
import Testing

/// What is asked of arguments beside their schema, at admission and at each edit.
@Suite(.timeLimit(.minutes(10)))
struct ArgumentTests {
  private static let search = TestFunction(
    "search",
    parameters: [
      "type": "object",
      "properties": [
        "town": ["type": "string"], "min": ["type": "integer"], "max": ["type": "integer"],
      ],
    ]
  ) { definition in
    definition.checks = (try? [FieldCheck("max > min")]) ?? []
  }

  @Test func `a call with a character that nobody sees is rejected, and the model is told where`()
    async throws
  {
    let rig = try Rig(Self.search)
    let failure = try #require(await rig.submit("search", ["town": "Mit\u{202E}te"]).failure)
    #expect(failure.kind == .invalidArguments)
    #expect(failure.pointer == "/town")
    #expect(failure.message.contains("U+202E RIGHT-TO-LEFT OVERRIDE as character 4"))
    #expect(failure.details.first?.keyword == "x-text")
  }

  @Test func `a call whose fields do not fit each other is rejected at the field`() async throws {
    let rig = try Rig(Self.search)
    let failure = try #require(await rig.submit("search", ["min": 5, "max": 4]).failure)
    #expect(failure.kind == .invalidArguments)
    #expect(failure.pointer == "/max")
    #expect(failure.message.contains("/max: expected more than /min, which is 5"))
    #expect(await rig.submit("search", ["min": 5]).failure == nil)
  }

  @Test func `an edit is asked the same`() async throws {
    let rig = try Rig(Self.search, rules: [asking("search")])
    let waiting = await rig.submit("search", ["min": 1, "max": 4])
    guard case .invalid(let hidden) = try await rig.edit(waiting.id, ["town": "a\u{200B}"]) else {
      Issue.record("it was not refused")
      return
    }
    #expect(hidden.map(\.path) == ["/town"])
    guard case .invalid(let wrong) = try await rig.edit(waiting.id, ["min": 9, "max": 4]) else {
      Issue.record("it was not refused")
      return
    }
    #expect(wrong.map(\.path) == ["/max"])
    #expect(try await rig.edit(waiting.id, ["min": 2, "max": 4]).isDone)
  }

  @Test func `a check of a name that is not in the schema is refused at the start`() {
    let wrong = TestFunction("search", parameters: amounts) { definition in
      definition.checks = (try? [FieldCheck("amout > 1")]) ?? []
    }
    #expect {
      _ = try Rig(wrong)
    } throws: { error in
      "\(error)"
        == "functions.t.search.check: “amout > 1” names “amout”, which the parameters have not; did you mean amount?, at character 1"
    }
  }

  @Test func `checks are shown with a function's policies`() throws {
    let rig = try Rig(Self.search)
    guard case .function(let detail?) = rig.engine.snapshot(of: .function("t.search")).body else {
      throw Missing(what: "t.search")
    }
    #expect(detail.policies.contains(.init(name: "check", value: "max > min")))
  }
}
