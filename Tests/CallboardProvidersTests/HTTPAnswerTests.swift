import AsyncHTTPClient
import Callboard
import Foundation
import JSONSchema
import NIOHTTP1
import Testing

@testable import CallboardProviders

@Suite struct HTTPAnswerTests {
  private func provider(
    _ server: LoopbackServer,
    effect: FunctionEffect = .read,
    method: String = "POST",
    result: HTTPFunction.Result = .json,
    headers: [(name: String, value: String)] = [],
    failsCleanly: Bool = false
  ) throws -> HTTPProvider {
    try HTTPProvider(
      namespace: "api",
      baseURL: server.url,
      headers: headers,
      functions: [
        HTTPFunction(
          definition: definition("api.go", effect: effect, failsCleanly: failsCleanly),
          method: method,
          path: "/go",
          result: result
        )
      ],
      client: client
    )
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var status: Int
    var effect = FunctionEffect.write
    var attempt = 1
    var retryAfter: String?
    var kind: CallFailure.Kind
    var reach: CallFailure.Reach
    var isRetryable: Bool
    var seconds: Double?

    var testDescription: String { "\(status) for \(effect), attempt \(attempt)" }
  }

  static let rows: [Row] = [
    Row(status: 400, kind: .clientError, reach: .answered, isRetryable: false),
    Row(status: 401, effect: .read, kind: .clientError, reach: .answered, isRetryable: false),
    Row(status: 404, effect: .idempotent, kind: .clientError, reach: .answered, isRetryable: false),
    Row(status: 408, kind: .timeout, reach: .maybe, isRetryable: true),
    Row(status: 409, kind: .clientError, reach: .answered, isRetryable: false),
    Row(status: 409, attempt: 2, kind: .clientError, reach: .maybe, isRetryable: true),
    Row(
      status: 409,
      effect: .read,
      attempt: 2,
      kind: .clientError,
      reach: .answered,
      isRetryable: false
    ),
    Row(status: 422, kind: .clientError, reach: .answered, isRetryable: false),
    Row(status: 429, kind: .throttled, reach: .answered, isRetryable: true),
    Row(
      status: 429,
      retryAfter: "7",
      kind: .throttled,
      reach: .answered,
      isRetryable: true,
      seconds: 7
    ),
    Row(status: 500, kind: .serverError, reach: .maybe, isRetryable: true),
    Row(status: 500, effect: .read, kind: .serverError, reach: .maybe, isRetryable: true),
    Row(status: 502, effect: .idempotent, kind: .serverError, reach: .maybe, isRetryable: true),
    Row(status: 503, kind: .serverError, reach: .maybe, isRetryable: true),
    Row(
      status: 503,
      retryAfter: "1.5",
      kind: .serverError,
      reach: .answered,
      isRetryable: true,
      seconds: 1.5
    ),
    Row(status: 503, retryAfter: "soon", kind: .serverError, reach: .maybe, isRetryable: true),
    Row(status: 307, kind: .clientError, reach: .maybe, isRetryable: false),
    Row(status: 304, effect: .read, kind: .clientError, reach: .answered, isRetryable: false),
  ]

  @Test(arguments: rows)
  func `a status says how far the call got`(_ row: Row) async throws {
    let server = try await LoopbackServer { _ in
      .answer(row.status, headers: row.retryAfter.map { ["Retry-After": $0] } ?? [:], body: "")
    }
    let provider = try provider(server, effect: row.effect)
    let failure = try #require(
      await caught(from: provider, invocation("api.go", attempt: row.attempt))
    )
    #expect(failure.kind == row.kind)
    #expect(failure.reach == row.reach)
    #expect(failure.isRetryable == row.isRetryable)
    #expect(failure.retryAfter == row.seconds)
    #expect(failure.message.hasPrefix("POST 127.0.0.1:\(server.port)/go answered \(row.status)"))
    #expect(server.received.count == 1)
  }

  @Test(
    arguments: [
      ("0", 0), ("120", 120), (" 2.25 ", 2.25), ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
      ("Sunday, 06-Nov-94 08:49:47 GMT", 10), ("Sun Nov  6 08:49:47 1994", 10),
      ("Sun, 06 Nov 1994 08:00:00 GMT", 0), ("-3", nil), ("soon", nil), ("", nil), ("nan", nil),
      ("1e3", nil),
      ("06 Nov 1994", nil), ("40 Nov 1994 08:49:47", nil),
    ] as [(String, Double?)]
  )
  func `Retry-After is a number or one of three forms of date`(_ text: String, _ seconds: Double?) {
    #expect(retryAfter(text, now: Date(timeIntervalSince1970: 784_111_777)) == seconds)
  }

  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
    ("Sun, 22 Nov 2026 10:00:00 GMT", 1_795_341_600),
    ("Thu, 31 Dec 2099 23:59:59 GMT", 4_102_444_799),
  ])
  func `a date is counted in days`(_ text: String, _ seconds: Double) {
    #expect(httpDate(text) == Date(timeIntervalSince1970: seconds))
  }

  @Test func `a date to retry after is compared with the server's own clock`() async throws {
    let server = try await LoopbackServer { _ in
      .answer(
        429,
        headers: [
          "Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:49:40 GMT",
        ]
      )
    }
    #expect(await caught(from: try provider(server), invocation("api.go"))?.retryAfter == 3)
  }

  @Test func `the server's words are in the message, bounded`() async throws {
    let server = try await LoopbackServer { _ in
      .answer(422, body: String(repeating: "x", count: 3000))
    }
    let message = await caught(from: try provider(server), invocation("api.go"))?.message
    #expect(
      message == "POST 127.0.0.1:\(server.port)/go answered 422 Unprocessable Entity: "
        + String(repeating: "x", count: 2048) + "…"
    )
  }

  @Test func `a page of HTML is not repeated`() async throws {
    let server = try await LoopbackServer { _ in
      .answer(404, headers: ["Content-Type": "text/html; charset=utf-8"], body: "<html>")
    }
    let message = await caught(from: try provider(server), invocation("api.go"))?.message
    #expect(
      message == "POST 127.0.0.1:\(server.port)/go answered 404 Not Found with a page of HTML"
    )
  }

  @Test func `a header value that the server repeats is blotted out`() async throws {
    let server = try await LoopbackServer { received in
      .answer(
        401,
        body: "bad token: \(received.headers["Authorization"].joined()), or hunter2hunter2"
      )
    }
    let provider = try provider(server, headers: [("Authorization", "Bearer hunter2hunter2")])
    let message = try #require(await caught(from: provider, invocation("api.go"))).message
    #expect(message.hasSuffix("bad token: …, or …"))
  }

  @Test(
    arguments: [
      (HTTPFunction.Result.json, #"{"a":[1,2]}"#, ["a": [1, 2]]),
      (.json, "", nil),
      (.pointer("/a/1"), #"{"a":[1,2]}"#, 2),
      (.text, "plain <text>", "plain <text>"),
    ] as [(HTTPFunction.Result, String, JSONValue)]
  )
  func `the result is what the function asks of the body`(
    _ result: HTTPFunction.Result,
    _ body: String,
    _ value: JSONValue
  ) async throws {
    let server = try await LoopbackServer { _ in .answer(201, body: body) }
    #expect(try await provider(server, result: result).invoke(invocation("api.go")) == value)
  }

  @Test func `HEAD has an empty result`() async throws {
    let server = try await LoopbackServer { _ in .answer(200, body: "not sent") }
    #expect(try await provider(server, method: "HEAD").invoke(invocation("api.go")) == .null)
  }

  @Test(arguments: [
    (HTTPFunction.Result.json, "<html>"), (.pointer("/b"), #"{"a":1}"#), (.pointer("/b"), ""),
  ])
  func `a success with another body is an invalid result`(
    _ result: HTTPFunction.Result,
    _ body: String
  ) async throws {
    let server = try await LoopbackServer { _ in .answer(200, body: body) }
    let failure = await caught(
      from: try provider(server, effect: .write, result: result),
      invocation("api.go")
    )
    #expect(failure?.kind == .invalidResult)
    #expect(failure?.reach == .answered)
  }

  @Test(arguments: [
    LoopbackServer.Reply.answer(200, body: String(repeating: "1", count: 101)),
    .chunks(200, Array(repeating: "1111", count: 30)),
  ])
  func `a body that is too long is not read to its end`(_ reply: LoopbackServer.Reply) async throws
  {
    let server = try await LoopbackServer { _ in reply }
    let failure = await caught(
      from: try provider(server),
      invocation("api.go", maxResultBytes: 100)
    )
    #expect(failure?.kind == .resultTooBig)
    #expect(failure?.reach == .answered)
  }

  @Test func `a body of exactly the limit is a result`() async throws {
    let server = try await LoopbackServer { _ in .chunks(200, Array(repeating: "1111", count: 4)) }
    let value = try await provider(server).invoke(invocation("api.go", maxResultBytes: 16))
    #expect(value == 1_111_111_111_111_111)
  }

  // MARK: - Redirects

  @Test func `GET follows a redirect, and takes its headers along within the origin only`()
    async throws
  {
    let other = try await LoopbackServer { _ in .answer(200, body: "1") }
    let server = try await LoopbackServer { received in
      received.uri == "/go"
        ? .answer(302, headers: ["Location": "/next"])
        : .answer(307, headers: ["Location": "\(other.url)/there?a=b%2F"])
    }
    let provider = try provider(server, method: "GET", headers: [("X-Api-Key", "hunter2hunter2")])
    #expect(try await provider.invoke(invocation("api.go")) == 1)
    #expect(server.received.map(\.uri) == ["/go", "/next"])
    #expect(
      server.received.map { $0.headers["X-Api-Key"] } == [["hunter2hunter2"], ["hunter2hunter2"]]
    )
    #expect(other.received.map(\.uri) == ["/there?a=b%2F"])
    #expect(other.received.map { $0.headers["X-Api-Key"] } == [[]])
  }

  @Test func `the sixth answer in a row of redirects is the last`() async throws {
    let server = try await LoopbackServer { _ in .answer(302, headers: ["Location": "/go"]) }
    let failure = await caught(from: try provider(server, method: "GET"), invocation("api.go"))
    #expect(failure?.message.contains("a redirect that is not followed") == true)
    #expect(server.received.count == 6)
  }

  @Test(arguments: ["POST", "DELETE", "PUT"])
  func `nothing but GET follows a redirect`(_ method: String) async throws {
    let server = try await LoopbackServer { _ in .answer(307, headers: ["Location": "/next"]) }
    let failure = await caught(
      from: try provider(server, effect: .write, method: method),
      invocation("api.go")
    )
    #expect(failure?.reach == .maybe)
    #expect(server.received.count == 1)
  }

  @Test(
    arguments: [
      ("https://a/x", "http://a/y", nil), ("https://a/x", "/y", true),
      ("https://a/x", "https://b/y", false),
      ("http://a/x", "https://a/y", false), ("http://a/x", "http://a:81/y", false),
      ("http://a/x", "http://u:p@a/y", nil), ("http://a/x", "file:///etc/passwd", nil),
      ("http://a/x", "y", true),
      ("http://a/x", "", nil),
    ] as [(String, String, Bool?)]
  )
  func `a redirect never leads from https to http or out of the web`(
    _ from: String,
    _ location: String,
    _ isSameOrigin: Bool?
  ) {
    let redirect = Redirect(of: HTTPClientRequest(url: from), by: .found, ["Location": location])
    #expect(redirect?.isSameOrigin == isSameOrigin)
  }
}
