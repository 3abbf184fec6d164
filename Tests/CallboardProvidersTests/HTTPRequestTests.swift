import Callboard
import CallboardProviders
import JSONSchema
import NIOHTTP1
import Testing

@Suite struct HTTPRequestTests {
  private func echo() async throws -> LoopbackServer {
    try await LoopbackServer { _ in .answer(200, body: "{}") }
  }

  private func send(
    _ function: HTTPFunction,
    _ arguments: JSONValue,
    headers: [(name: String, value: String)] = []
  ) async throws -> LoopbackServer.Received {
    let server = try await echo()
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: server.url + "/base/",
      headers: headers,
      functions: [function],
      client: client
    )
    _ = try await provider.invoke(invocation(function.definition.name.description, arguments))
    return try #require(server.received.first)
  }

  @Test func `arguments fill the path and the rest of a GET goes to the query`() async throws {
    let function = HTTPFunction(
      definition: definition(
        "api.forecast",
        required: ["city", "days"],
        optional: ["tags", "at", "none"]
      ),
      method: "GET",
      path: "/v1/forecast/{city}?units=metric"
    )
    let received = try await send(
      function,
      [
        "city": "São Paulo/SP?#&", "days": 3, "tags": ["a b", 2, nil], "at": ["lat": 1.5],
        "none": nil,
      ]
    )
    #expect(received.method == "GET")
    #expect(
      received.uri
        == "/base/v1/forecast/S%C3%A3o%20Paulo%2FSP%3F%23%26?units=metric&days=3&tags=a%20b&tags=2&at=%7B%22lat%22%3A1.5%7D"
    )
    #expect(received.body.isEmpty)
  }

  @Test func `an argument in the query of the path cannot add a parameter`() async throws {
    let function = HTTPFunction(
      definition: definition("api.find", required: ["q"]),
      method: "GET",
      path: "/find?q={q}&limit=5"
    )
    let received = try await send(function, ["q": "x&limit=500#"])
    #expect(received.uri == "/base/find?q=x%26limit%3D500%23&limit=5")
  }

  @Test func `the rest of a POST is its JSON body`() async throws {
    let function = HTTPFunction(
      definition: definition("api.create", effect: .write, required: ["id", "name", "price"]),
      method: "POST",
      path: "/things/{id}"
    )
    let received = try await send(function, ["id": 7, "name": "ä", "price": 1.10])
    #expect(received.uri == "/base/things/7")
    #expect(received.body == #"{"name":"ä","price":1.1}"#)
    #expect(received.headers["Content-Type"] == ["application/json"])
  }

  @Test func `a POST without arguments sends an empty object`() async throws {
    let function = HTTPFunction(
      definition: definition("api.poke", effect: .write),
      method: "POST",
      path: "/poke"
    )
    #expect(try await send(function, [:]).body == "{}")
  }

  @Test func `listed arguments go to the query of a POST and one argument can be the body`()
    async throws
  {
    let function = HTTPFunction(
      definition: definition("api.put", effect: .idempotent, required: ["dry", "document"]),
      method: "PUT",
      path: "/document",
      query: .arguments(["dry"]),
      body: .jsonArgument("document")
    )
    let received = try await send(function, ["document": ["a", 1], "dry": true])
    #expect(received.uri == "/base/document?dry=true")
    #expect(received.body == #"["a",1]"#)
  }

  @Test func `a form is encoded as a form`() async throws {
    let function = HTTPFunction(
      definition: definition("api.form", effect: .write, required: ["a", "b"]),
      method: "POST",
      path: "/form",
      body: .form
    )
    let received = try await send(function, ["a": "1&b=2", "b": [true, "x y"]])
    #expect(received.body == "a=1%26b%3D2&b=true&b=x%20y")
    #expect(received.headers["Content-Type"] == ["application/x-www-form-urlencoded"])
  }

  @Test(arguments: FunctionEffect.allCases)
  func `every call that may change something carries its idempotency key`(
    _ effect: FunctionEffect
  ) async throws {
    let function = HTTPFunction(
      definition: definition("api.go", effect: effect),
      method: "POST",
      path: "/go"
    )
    let received = try await send(function, [:])
    #expect(received.headers["Idempotency-Key"] == (effect == .read ? [] : ["\"\(key)\""]))
    #expect(received.headers["User-Agent"] == ["callboard"])
  }

  @Test func `a function's header replaces the provider's and is left out without its argument`()
    async throws
  {
    let function = HTTPFunction(
      definition: definition("api.go", required: ["region"], optional: ["trace"]),
      method: "GET",
      path: "/go",
      query: .arguments([]),
      headers: [("x-region", "eu-{region}"), ("X-Trace", "{trace}")]
    )
    let received = try await send(
      function,
      ["region": "west"],
      headers: [("X-Region", "none"), ("Authorization", "Bearer {not-a-template}")]
    )
    #expect(received.headers["X-Region"] == ["eu-west"])
    #expect(received.headers["X-Trace"].isEmpty)
    #expect(received.headers["Authorization"] == ["Bearer {not-a-template}"])
    #expect(received.uri == "/base/go")
  }

  @Test(arguments: ["..", ".", "", "../x", "a/../b", "..\\x", "/..", "a\u{0}", "a\r\nHost: b"])
  func `no argument leaves its place in the path`(_ value: String) async throws {
    let function = HTTPFunction(
      definition: definition("api.get", required: ["name"]),
      method: "GET",
      path: "/things/{name}/parts"
    )
    let server = try await echo()
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: server.url,
      functions: [function],
      client: client
    )
    let failure = try #require(
      await caught(from: provider, invocation("api.get", ["name": .string(value)]))
    )
    #expect(failure.kind == .invalidArguments)
    #expect(failure.pointer == "/name")
    #expect(failure.reach == .notSent)
    #expect(server.received.isEmpty)
  }

  @Test func `two arguments cannot make dots together`() async throws {
    let function = HTTPFunction(
      definition: definition("api.get", required: ["a", "b"]),
      method: "GET",
      path: "/things/{a}.{b}"
    )
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: "http://127.0.0.1:1",
      functions: [function],
      client: client
    )
    // "." and "." are refused one by one; "x" and "." are not two dots either way.
    #expect(
      await caught(from: provider, invocation("api.get", ["a": "x", "b": "."]))?.kind
        == .invalidArguments
    )
    let beside = HTTPFunction(
      definition: definition("api.get", required: ["a"]),
      method: "GET",
      path: "/things/.{a}"
    )
    let other = try HTTPProvider(
      namespace: "api",
      baseURL: "http://127.0.0.1:1",
      functions: [beside],
      client: client
    )
    #expect(await caught(from: other, invocation("api.get", ["a": "."]))?.pointer == "/a")
  }

  @Test(arguments: [nil, [1], ["a": 1]] as [JSONValue])
  func `a path takes nothing but plain values`(_ value: JSONValue) async throws {
    let function = HTTPFunction(
      definition: definition("api.get", required: ["name"]),
      method: "GET",
      path: "/{name}"
    )
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: "http://127.0.0.1:1",
      functions: [function],
      client: client
    )
    #expect(
      await caught(from: provider, invocation("api.get", ["name": value]))?.kind
        == .invalidArguments
    )
    #expect(await caught(from: provider, invocation("api.get", [:]))?.kind == .invalidArguments)
  }

  @Test(arguments: ["a\r\nX-Evil: 1", "a\nb", "a\u{0}b", "ä", "\u{7F}"])
  func `no argument begins another header`(_ value: String) async throws {
    let function = HTTPFunction(
      definition: definition("api.get", required: ["trace"]),
      method: "GET",
      path: "/",
      headers: [("X-Trace", "id-{trace}")]
    )
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: "http://127.0.0.1:1",
      functions: [function],
      client: client
    )
    let failure = await caught(from: provider, invocation("api.get", ["trace": .string(value)]))
    #expect(failure?.kind == .invalidArguments)
    #expect(failure?.pointer == "/trace")
  }

  @Test func `an argument that the request has no place for is refused`() async throws {
    let function = HTTPFunction(
      definition: definition("api.get", required: ["name"]),
      method: "GET",
      path: "/{name}",
      query: .arguments([])
    )
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: "http://127.0.0.1:1",
      functions: [function],
      client: client
    )
    let failure = await caught(from: provider, invocation("api.get", ["name": "a", "stray": 1]))
    #expect(failure?.pointer == "/stray")
  }
}
