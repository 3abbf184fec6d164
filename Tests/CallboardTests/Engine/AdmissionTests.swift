import Callboard
import CallboardTesting
import JSONSchema
import Testing

/// What a model or caller hears when its call can't be admitted: enough to correct itself by.
@Suite(.timeLimit(.minutes(10)))
struct AdmissionTests {
  private let search = TestFunction(
    "search",
    parameters: [
      "type": "object",
      "properties": [
        "city": ["type": "string"], "minPrice": ["type": "number", "minimum": 0],
        "limit": ["default": 10],
      ],
      "required": ["city"], "additionalProperties": false,
    ]
  )

  /// What a model hears that asks for one call.
  private func heard(_ name: String, _ arguments: String) async throws -> JSONValue {
    let rig = try Rig(search)
    let model = TestModel(.call((name, arguments)))
    _ = try rig.talk(model)
    return try JSONValue(parsing: try #require(await model.asked(2).answers.first))["error"]
      ?? .null
  }

  @Test func `an unknown name gets the nearest one there is`() async throws {
    let error = try await heard("t_serach", "{}")
    #expect(error["kind"] == "unknown_function")
    #expect(error["message"]?.stringValue?.contains("did you mean t_search?") == true)
    let rig = try Rig(search)
    let submission = await rig.engine.submit("t.serch", ["city": "Bern"], by: agent)
    #expect(submission.failure?.message.contains("did you mean t.search?") == true)
    #expect(rig.events.states(of: submission.id) == [.received, .rejected])
  }

  @Test func `a name a megabyte long is cut in what is said about it`() async throws {
    let rig = try Rig(search)
    let submission = await rig.engine.submit(String(repeating: "x", count: 1 << 20), [:], by: agent)
    #expect(submission.failure?.kind == .unknownFunction)
    #expect((submission.failure?.message.utf8.count ?? .max) < 300)
  }

  @Test func `arguments that do not fit are told by path, expected and found, all of them`()
    async throws
  {
    let error = try await heard("t_search", #"{"city":7,"minPrice":-5,"colour":"red"}"#)
    #expect(error["kind"] == "invalid_arguments")
    #expect(error["retryable"] == false)
    let errors = try #require(error["errors"]?.arrayValue)
    #expect(Set(errors.compactMap { $0["path"]?.stringValue }) == ["/city", "/minPrice", ""])
    #expect(errors.first { $0["path"] == "" }?["message"]?.stringValue?.contains("colour") == true)
    let price = errors.first { $0["path"] == "/minPrice" }
    #expect(price?["expected"] == "a number ≥ 0")
    #expect(price?["found"] == "-5")
    #expect(search.executions == 0)
  }

  @Test func `a key twice is refused with its place`() async throws {
    let error = try await heard("t_search", #"{"city":"Bern","city":"Basel"}"#)
    #expect(error["kind"] == "invalid_arguments")
    #expect(error["message"]?.stringValue?.contains("line 1, column") == true)
    #expect(error["message"]?.stringValue?.contains("city") == true)
  }

  @Test(arguments: ["", "{", "city: Bern", #"{"city":"Bern"} and more"#])
  func `arguments that are not JSON are refused with their place`(_ text: String) async throws {
    let error = try await heard("t_search", text)
    #expect(error["kind"] == "invalid_arguments")
    #expect(error["message"]?.stringValue?.contains("not valid JSON: line 1") == true)
  }

  @Test func `JSON that is no object is refused`() async throws {
    for text in ["[]", "null", #""Bern""#, "7"] {
      #expect(try await heard("t_search", text)["kind"] == "invalid_arguments")
    }
  }

  @Test func `arguments that are too long are refused`() async throws {
    let rig = try Rig(search) { $0.maxArgumentBytes = 100 }
    let text = #"{"city":""# + String(repeating: "x", count: 200) + #""}"#
    let submission = await rig.engine.submit("t.search", text: text, by: agent)
    #expect(submission.failure?.kind == .invalidArguments)
    #expect(search.executions == 0)
  }

  @Test
  func
    `the name on the wire and the qualified one name the same function, and defaults are filled in`()
    async throws
  {
    let rig = try Rig(search)
    for (name, city) in [("t.search", "Bern"), ("t_search", "Thun")] {
      let submission = await rig.engine.submit(name, ["city": .string(city)], by: agent)
      #expect(submission.value == ["city": .string(city), "limit": 10])
      #expect(rig.events.all(of: submission.id).first?.call?.function == "t.search")
    }
  }

  @Test func `events of a call are numbered without a gap and tell its road`() async throws {
    let rig = try Rig(search)
    let submission = await rig.submit("search", ["city": "Bern"])
    let events = rig.events.all(of: submission.id)
    #expect(
      events.map(\.type.text) == ["call.received", "call.queued", "call.running", "call.succeeded"]
    )
    #expect(rig.events.all.map(\.seq) == Array(2...rig.engine.lastSequence))
    #expect(events.map(\.call?.revision) == [0, 1, 2, 3])
    #expect(events.last?.json["v"] == 1)
  }
}
