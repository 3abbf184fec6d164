import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on 127.0.0.1 that answers as a test says, and keeps what it was asked.
final class LoopbackServer: Sendable {
  struct Received: Sendable {
    var method: String
    var uri: String
    var headers: HTTPHeaders
    var body: String
  }

  enum Reply: Sendable {
    case answer(Int, headers: HTTPHeaders = [:], body: String = "")
    /// Without a length, so that only the end of the stream tells where it ends.
    case chunks(Int, [String])
    /// The connection is closed without an answer.
    case hangUp
    /// The head promises more than comes before the connection is closed.
    case cutBody(String)
    /// As `cutBody`, but the connection stays open.
    case stalledBody(String)
    /// Something that is not HTTP.
    case raw(String)
    /// No answer ever.
    case silence
  }

  let port: Int
  private let channel: any Channel
  private let kept = Mutex<[Received]>([])

  var received: [Received] { kept.withLock { $0 } }
  var url: String { "http://127.0.0.1:\(port)" }

  init(_ reply: @escaping @Sendable (Received) -> Reply) async throws {
    let handler = Mutex<(@Sendable (Received) -> Reply)?>(nil)
    let relay = Relay { received in handler.withLock { $0 }?(received) ?? .hangUp }
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Answerer(relay))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
    handler.withLock { handler in
      handler = { [weak self] received in
        self?.kept.withLock { $0.append(received) }
        return reply(received)
      }
    }
  }

  deinit { channel.close(promise: nil) }

  private final class Relay: Sendable {
    let answer: @Sendable (Received) -> Reply
    init(_ answer: @escaping @Sendable (Received) -> Reply) { self.answer = answer }
  }

  private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let relay: Relay
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(_ relay: Relay) { self.relay = relay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        self.head = head
        body.clear()
      case .body(let part):
        body.writeImmutableBuffer(part)
      case .end:
        guard let head else { return }
        let received = Received(
          method: head.method.rawValue,
          uri: head.uri,
          headers: head.headers,
          body: String(buffer: body)
        )
        answer(relay.answer(received), to: head, context)
      }
    }

    private func answer(
      _ reply: Reply,
      to request: HTTPRequestHead,
      _ context: ChannelHandlerContext
    ) {
      func head(_ status: Int, _ headers: HTTPHeaders) {
        let head = HTTPResponseHead(
          version: .http1_1,
          status: .init(statusCode: status),
          headers: headers
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
      }
      func write(_ text: String) {
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
      }
      switch reply {
      case .answer(let status, let headers, let body):
        var headers = headers
        headers.add(name: "Content-Length", value: "\(body.utf8.count)")
        head(status, headers)
        if request.method != .HEAD { write(body) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      case .chunks(let status, let chunks):
        head(status, ["Transfer-Encoding": "chunked"])
        for chunk in chunks { write(chunk) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      case .hangUp:
        context.close(promise: nil)
      case .cutBody(let body):
        head(200, ["Content-Length": "\(body.utf8.count + 10)"])
        write(body)
        context.flush()
        context.close(promise: nil)
      case .stalledBody(let body):
        head(200, ["Content-Length": "\(body.utf8.count + 10)"])
        write(body)
        context.flush()
      case .raw(let text):
        context.channel.pipeline.syncOperations.writeRaw(text)
      case .silence:
        break
      }
    }
  }
}

extension ChannelPipeline.SynchronousOperations {
  /// Past the encoder, which would refuse it.
  fileprivate func writeRaw(_ text: String) {
    guard let encoder = try? context(handlerType: HTTPResponseEncoder.self) else { return }
    encoder.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
  }
}
