import AsyncHTTPClient
import Callboard
import Foundation
import JSONSchema
import NIOCore
import NIOHTTP1

/// Functions that are requests to one HTTP API.
///
/// Every request of a function that is not `read` carries `Idempotency-Key`, the same at each attempt. Redirects
/// are followed for GET and HEAD only, at most five, and never from https to http; the configured headers do not
/// go along to another origin.
public struct HTTPProvider: FunctionProvider {
  public let namespace: String
  public let identity: String
  public let summary: String
  public let functions: [FunctionDefinition]

  private let base: BaseURL
  private let identities: [FunctionName: String]
  private let routes: [FunctionName: HTTPRoute]
  private let client: HTTPClient

  /// Checks the functions and makes a provider of them; nothing is sent yet.
  ///
  /// `headers` go with every request and are taken as they are. The client is shared and stays its owner's to
  /// shut down; make it with ``clientConfiguration``.
  public init(
    namespace: String,
    baseURL: String,
    headers: [(name: String, value: String)] = [],
    functions: [HTTPFunction],
    client: HTTPClient
  ) throws(ProviderConfigurationError) {
    base = try BaseURL(baseURL)
    let compiled = HTTPRoute.compile(functions, namespace: namespace, headers: headers)
    if let problem = compiled.problems.first { throw problem }
    self.namespace = namespace
    self.functions = functions.map(\.definition)
    self.client = client
    routes = Dictionary(uniqueKeysWithValues: compiled.routes.map { ($0.definition.name, $0) })
    let baseText = base.text
    summary = "HTTP \(baseText)"
    let lines = functions.map { function in
      (function.definition.name, "\(function.definition.name): \(function.method) \(function.path)")
    }
    identity = ([baseText] + lines.map(\.1)).joined(separator: "\n")
    identities = Dictionary(uniqueKeysWithValues: lines.map { ($0, baseText + "\n" + $1) })
  }

  public func identity(of function: FunctionName) -> String { identities[function] ?? identity }

  /// Everything that is wrong with this description, where `init` throws the first.
  public static func problems(
    namespace: String,
    baseURL: String,
    headers: [(name: String, value: String)] = [],
    functions: [HTTPFunction]
  ) -> [ProviderConfigurationError] {
    var problems: [ProviderConfigurationError] = []
    do throws(ProviderConfigurationError) {
      _ = try BaseURL(baseURL)
    } catch {
      problems.append(error)
    }
    return problems + HTTPRoute.compile(functions, namespace: namespace, headers: headers).problems
  }

  /// How the shared client has to be made: redirects and repeated connection attempts are decided by the provider
  /// and the engine, and how many requests run at one time by the engine's slots.
  public static var clientConfiguration: HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout.connect = .seconds(10)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }

  public func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    guard let route = routes[invocation.function] else {
      throw CallFailure(
        .unknownFunction,
        "“\(invocation.function)” is no function of “\(namespace)”"
      )
    }
    let parts = try route.request(for: invocation)
    let outcome = HTTPOutcome(
      route: route,
      host: base.host,
      attempt: invocation.attempt,
      maxResultBytes: invocation.maxResultBytes,
      discretion: invocation.discretion
    )
    let mark = SentMark(hasBody: !(parts.body ?? []).isEmpty)
    guard !Task.isCancelled else { throw outcome.failure(of: CancellationError(), reach: .notSent) }
    var request = HTTPClientRequest(url: base.text + parts.path)
    request.method = route.method
    request.headers = parts.headers
    if let body = parts.body, !body.isEmpty {
      request.body = .stream(MarkedBody(bytes: body, mark: mark), length: .known(Int64(body.count)))
    }
    do {
      let answer = try await answer(to: request, invocation)
      return try outcome.result(of: answer, now: Date())
    } catch let failure as CallFailure {
      throw failure
    } catch {
      throw outcome.failure(of: error, reach: mark.reach)
    }
  }

  private func answer(
    to request: HTTPClientRequest,
    _ invocation: Invocation
  ) async throws -> HTTPAnswer {
    var request = request
    let (seconds, attoseconds) = invocation.timeout.components
    let nanoseconds = min(seconds, 86_400) * 1_000_000_000 + attoseconds / 1_000_000_000
    let deadline = NIODeadline.now() + .nanoseconds(nanoseconds)
    for hop in 0... {
      let response = try await client.execute(request, deadline: deadline)
      guard hop < 5, let redirect = Redirect(of: request, by: response.status, response.headers)
      else {
        return try await HTTPAnswer(response, maxResultBytes: invocation.maxResultBytes)
      }
      if !redirect.isSameOrigin {
        // Any configured header may be a credential of the first origin.
        request.headers = [
          "User-Agent": "callboard", "Accept": request.headers.first(name: "Accept") ?? "*/*",
        ]
      }
      request.url = redirect.url
    }
    preconditionFailure("the fifth redirect is not followed")
  }
}

/// The base URL of an API: scheme, host, and a path that everything begins with.
private struct BaseURL: Sendable {
  /// Without a slash at its end.
  let text: String
  /// With the port, where one is given.
  let host: String

  init(_ source: String) throws(ProviderConfigurationError) {
    func problem(_ what: String) -> ProviderConfigurationError { .init("url", what) }
    guard let url = URL(string: source), let scheme = url.scheme?.lowercased(),
      source.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw problem("“\(source)” is not a URL; write one such as https://api.example.com/v1") }
    // Not repeated in the message: it holds a password.
    guard url.user == nil, url.password == nil,
      !source.prefix(while: { $0 != "?" && $0 != "#" }).contains("@")
    else {
      throw problem("has a user name or password in it; send them in the header Authorization")
    }
    guard scheme == "http" || scheme == "https" else {
      throw problem("“\(source)” begins with \(scheme); only http and https are spoken")
    }
    guard let host = url.host, !host.isEmpty else { throw problem("“\(source)” names no host") }
    guard url.query == nil, url.fragment == nil else {
      throw problem(
        "“\(source)” has a query or a fragment; put the query into the functions' paths"
      )
    }
    var text = source
    while text.hasSuffix("/") { text.removeLast() }
    self.text = text
    self.host = url.port.map { "\(host):\($0)" } ?? host
  }
}
