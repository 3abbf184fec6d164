import Callboard
import CallboardProviders
import JSONSchema
import Testing

@Suite struct HTTPConfigurationTests {
  private func problems(
    _ function: HTTPFunction,
    url: String = "https://api.example.com",
    headers: [(name: String, value: String)] = []
  ) -> [String] {
    HTTPProvider.problems(namespace: "api", baseURL: url, headers: headers, functions: [function])
      .map(\.description)
  }

  private func get(_ path: String, required: [String] = [], optional: [String] = []) -> HTTPFunction
  {
    HTTPFunction(
      definition: definition("api.get", required: required, optional: optional),
      method: "GET",
      path: path
    )
  }

  @Test func `a right description has no problems`() {
    #expect(
      problems(get("/a/{b}", required: ["b"]), headers: [("Authorization", "Bearer {x")]).isEmpty
    )
  }

  @Test(arguments: [
    ("/a/{c}", "functions[0].path: “{c}” is no property of the function's parameters; it has “b”"),
    (
      "/a/{b}",
      "functions[0].path: “{b}” may be missing from a call; make it required, or give it a default"
    ),
    ("a", "functions[0].path: “a” does not begin with “/”; write what follows the base URL"),
    ("/a b", "functions[0].path: “/a b” has “ ”, which a URL cannot; percent-encode it"),
    ("/ä", "functions[0].path: “/ä” has “ä”, which a URL cannot; percent-encode it"),
    ("/a#b", "functions[0].path: “/a#b” has “#”, which a URL cannot; percent-encode it"),
    ("/100%", "functions[0].path: “/100%” has a “%” without two hexadecimal digits; write “%25”"),
    (
      "/../b",
      "functions[0].path: “/../b” has a “.” or “..” for a segment; write the path it leads to"
    ),
    (
      "/{b",
      "functions[0].path: “/{b” has a “{” that begins no “{argument}”; write “{{” or “}}” for the brace itself"
    ),
  ])
  func `a wrong path is named`(_ path: String, _ problem: String) {
    #expect(problems(get(path, optional: ["b"])) == [problem])
  }

  @Test func `a default makes an argument one that is always there`() {
    var function = get("/a/{b}", optional: ["b"])
    function.definition.parameters = ["type": "object", "properties": ["b": ["default": 1]]]
    #expect(problems(function).isEmpty)
  }

  @Test(arguments: [
    (
      "api.example.com",
      "url: “api.example.com” is not a URL; write one such as https://api.example.com/v1"
    ),
    ("ftp://a", "url: “ftp://a” begins with ftp; only http and https are spoken"),
    ("https:///x", "url: “https:///x” names no host"),
    (
      "https://a/?x=1",
      "url: “https://a/?x=1” has a query or a fragment; put the query into the functions' paths"
    ),
    (
      "https://user:password@a",
      "url: has a user name or password in it; send them in the header Authorization"
    ),
  ])
  func `a wrong URL is named`(_ url: String, _ problem: String) {
    #expect(problems(get("/"), url: url) == [problem])
  }

  @Test func `wrong methods, bodies and places are named`() {
    var function = get("/", optional: ["a"])
    function.method = "FETCH"
    #expect(
      problems(function)
        == [
          "functions[0].method: “FETCH” is not a method; use GET, HEAD, POST, PUT, PATCH or DELETE"
        ]
    )
    function.method = "GET"
    function.body = .json
    #expect(
      problems(function) == [
        "functions[0].body: GET carries no body; send the arguments in the query"
      ]
    )
    function.method = "POST"
    function.query = .rest
    #expect(
      problems(function)
        == [
          "functions[0].query: both query and body take the rest; list the arguments of the query"
        ]
    )
    function.query = .arguments(["b"])
    function.body = HTTPFunction.Body.none
    #expect(
      problems(function) == [
        "functions[0].query: “{b}” is no property of the function's parameters; it has “a”",
        "functions[0]: the argument “a” has no place in the request; put it into path, query, headers or body",
      ]
    )
  }

  @Test func `wrong headers are named, and their values are not`() {
    var function = get("/")
    function.headers = [("X-Key", "se{cret"), ("X Key", "v"), ("X-Other", "{nobody}")]
    let found = problems(function, headers: [("Host", "a"), ("Authorization", "secret\n")])
    #expect(
      found == [
        "headers.Host: Host is set by callboard itself; leave it out",
        "headers.Authorization: the value holds characters that a header cannot carry; use printable ASCII",
        "functions[0].headers.X-Key: has a “{” or “}” that is no part of “{argument}”; write “{{” or “}}” for it",
        "functions[0].headers.X Key: “X Key” is not the name of a header",
        "functions[0].headers.X-Other: “{nobody}” is no property of the function's parameters; it has none",
      ]
    )
    #expect(!found.joined().contains("cret"))
  }

  @Test func `wrong names and pointers are named`() {
    var function = get("/")
    function.result = .pointer("data")
    #expect(problems(function).count == 1)
    #expect(problems(function).first?.hasPrefix("functions[0].result: ") == true)
    let other = HTTPFunction(definition: definition("other.get"), method: "GET", path: "/")
    #expect(problems(other) == ["functions[0].name: “other.get” is not in the namespace “api”"])
    #expect(
      HTTPProvider.problems(
        namespace: "api",
        baseURL: "http://a",
        functions: [get("/"), get("/b")]
      )
      .map(\.description) == ["functions[1].name: “api.get” stands here twice; rename one of them"]
    )
  }

  @Test func `init throws the first problem`() {
    #expect(throws: ProviderConfigurationError.self) {
      try HTTPProvider(namespace: "api", baseURL: "nowhere", functions: [], client: client)
    }
  }

  @Test func `neither summary nor identity holds a header`() throws {
    let provider = try HTTPProvider(
      namespace: "api",
      baseURL: "https://api.example.com/v1/",
      headers: [("Authorization", "Bearer hunter2hunter2")],
      functions: [get("/a/{b}", required: ["b"])],
      client: client
    )
    #expect(provider.summary == "HTTP https://api.example.com/v1")
    #expect(provider.identity == "https://api.example.com/v1\napi.get: GET /a/{b}")
  }
}
