import AsyncHTTPClient
import Callboard
import Foundation
import JSONSchema
import NIOCore
import Testing

@testable import CallboardProviders

@Suite(.timeLimit(.minutes(1))) struct HTTPConnectionTests {
  private func provider(_ url: String, method: String = "POST") throws -> HTTPProvider {
    try HTTPProvider(
      namespace: "api",
      baseURL: url,
      headers: [("Authorization", "Bearer hunter2hunter2")],
      functions: [
        HTTPFunction(definition: definition("api.go", effect: .write), method: method, path: "/go")
      ],
      client: client
    )
  }

  @Test(arguments: ["POST", "DELETE"])
  func `a refused connection was not sent`(_ method: String) async throws {
    // Port 1 is nobody's, and outside the range that programs are given.
    let failure = await caught(
      from: try provider("http://127.0.0.1:1", method: method),
      invocation("api.go")
    )
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .notSent)
    #expect(failure?.isRetryable == true)
    #expect(failure?.message == "\(method) 127.0.0.1:1/go: 127.0.0.1:1 refused the connection")
  }

  @Test(arguments: ["POST", "DELETE"])
  func `TLS that cannot be agreed on was not sent`(_ method: String) async throws {
    let server = try await LoopbackServer { _ in .answer(200) }
    let url = "https://127.0.0.1:\(server.port)"
    let failure = await caught(from: try provider(url, method: method), invocation("api.go"))
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .notSent)
    #expect(failure?.isRetryable == true)
    #expect(server.received.isEmpty)
  }

  @Test(arguments: ["POST", "DELETE"])
  func `a connection that is cut before the answer may have been acted on`(
    _ method: String
  ) async throws {
    let server = try await LoopbackServer { _ in .hangUp }
    let failure = await caught(from: try provider(server.url, method: method), invocation("api.go"))
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .maybe)
    #expect(failure?.isRetryable == true)
    #expect(server.received.count == 1)
  }

  @Test func `a connection that is cut in the answer may have been acted on`() async throws {
    let server = try await LoopbackServer { _ in .cutBody("[1,2") }
    let failure = await caught(from: try provider(server.url), invocation("api.go"))
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .maybe)
  }

  @Test func `an answer that is not HTTP may have been acted on`() async throws {
    let server = try await LoopbackServer { _ in .raw("220 mail.example.com ready\r\n") }
    let failure = await caught(from: try provider(server.url), invocation("api.go"))
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .maybe)
  }

  @Test func `no answer in time may have been acted on`() async throws {
    let server = try await LoopbackServer { _ in .silence }
    let failure = await caught(
      from: try provider(server.url),
      invocation("api.go", timeout: .milliseconds(200))
    )
    #expect(failure?.kind == .timeout)
    #expect(failure?.reach == .maybe)
    #expect(failure?.isRetryable == true)
  }

  @Test func `a name that nobody has was not sent`() async throws {
    // Kept free for this by RFC 6761.
    let failure = await caught(from: try provider("http://callboard.invalid"), invocation("api.go"))
    #expect(failure?.kind == .connectionFailed)
    #expect(failure?.reach == .notSent)
    #expect(failure?.isRetryable == true)
  }

  @Test(arguments: [LoopbackServer.Reply.silence, .stalledBody("1")])
  func `cancelling a request that was sent stops it, and it may have been acted on`(
    _ reply: LoopbackServer.Reply
  ) async throws {
    let arrived = OneShot<Bool>()
    let server = try await LoopbackServer { _ in
      arrived.resolve(true)
      return reply
    }
    let provider = try provider(server.url)
    let task = Task { await caught(from: provider, invocation("api.go")) }
    _ = await arrived.value
    task.cancel()
    let failure = await task.value
    #expect(failure?.kind == .cancelled)
    #expect(failure?.reach == .maybe)
  }

  @Test func `a call that was cancelled before its start is not sent`() async throws {
    let server = try await LoopbackServer { _ in .answer(200) }
    let provider = try provider(server.url)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await caught(from: provider, invocation("api.go"))
    }
    let failure = await task.value
    #expect(failure?.kind == .cancelled)
    #expect(failure?.reach == .notSent)
    #expect(server.received.isEmpty)
  }

  @Test(arguments: [
    (HTTPClientError.connectTimeout, CallFailure.Kind.connectionFailed, CallFailure.Reach.notSent),
    (.getConnectionFromPoolTimeout, .connectionFailed, .notSent),
    (.tlsHandshakeTimeout, .connectionFailed, .notSent),
    (.readTimeout, .timeout, .maybe),
    (.deadlineExceeded, .timeout, .maybe),
    (.remoteConnectionClosed, .connectionFailed, .maybe),
    (.cancelled, .cancelled, .maybe),
  ])
  func `an error of the client says how far the call got`(
    _ error: HTTPClientError,
    _ kind: CallFailure.Kind,
    _ reach: CallFailure.Reach
  ) throws {
    let failure = try outcome().failure(of: error, reach: .maybe)
    #expect(failure.kind == kind)
    #expect(failure.reach == reach)
    #expect(failure.isRetryable == (kind != .cancelled))
  }

  @Test func `until a body is taken its request was not sent`() async {
    let mark = SentMark(hasBody: true)
    #expect(mark.reach == .notSent)
    var iterator = MarkedBody(bytes: [1, 2], mark: mark).makeAsyncIterator()
    #expect(await iterator.next() == ByteBuffer(bytes: [1, 2]))
    #expect(await iterator.next() == nil)
    #expect(mark.reach == .maybe)
    #expect(SentMark(hasBody: false).reach == .maybe)
  }

  private func outcome() throws -> HTTPOutcome {
    let function = HTTPFunction(definition: definition("api.go"), method: "GET", path: "/go")
    let compiled = HTTPRoute.compile([function], namespace: "api", headers: [])
    return HTTPOutcome(
      route: try #require(compiled.routes.first),
      host: "h",
      attempt: 1,
      maxResultBytes: 10,
      discretion: invocation("api.go").discretion
    )
  }
}
