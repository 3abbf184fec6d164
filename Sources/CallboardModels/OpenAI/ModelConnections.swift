import AsyncHTTPClient
import NIOCore

/// The pool of HTTP connections that models share; whoever makes it shuts it down.
public final class ModelConnections: Sendable {
  let client: HTTPClient

  /// - Parameters:
  ///   - connectTimeout: Longest time to name resolution, TCP and TLS together; 5 s as in openai-python.
  ///   - maxPerHost: Connections to one host at a time; more requests wait for one of them.
  public init(connectTimeout: Duration = .seconds(5), maxPerHost: Int = 256) {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(connectTimeout))
    )
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = maxPerHost
    // Retrying is decided in one place, by the model's retry policy.
    configuration.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(
      eventLoopGroup: HTTPClient.defaultEventLoopGroup,
      configuration: configuration
    )
  }

  /// Closes every connection; requests that still run fail.
  public func shutDown() async {
    // Fails only when it was shut down before.
    try? await client.shutdown()
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(min(seconds, 1_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
