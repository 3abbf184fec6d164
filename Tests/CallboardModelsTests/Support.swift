import Callboard
import Foundation
import JSONSchema
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import CallboardModels

/// A clock that stands still until it is moved, or that jumps to deadlines which are near.
final class TestClock: EngineClock {
  private struct State {
    var monotonic = Duration.zero
    var jumps: [Duration] = []
  }

  private let state = Mutex(State())
  /// Deadlines no farther than this are jumped to as soon as they are set; nil: never.
  private let horizon: Duration?
  private let start: Date

  init(
    jumpingUpTo horizon: Duration? = nil,
    start: Date = Date(timeIntervalSince1970: 1_800_000_000)
  ) {
    self.horizon = horizon
    self.start = start
  }

  var monotonic: Duration { state.withLock { $0.monotonic } }

  var now: Date {
    let (seconds, attoseconds) = monotonic.components
    return start.addingTimeInterval(Double(seconds) + Double(attoseconds) / 1e18)
  }

  /// How far each jump went.
  var jumps: [Duration] { state.withLock { $0.jumps } }

  func wake(_ queue: DeadlineQueue, at deadline: Duration) {
    var next: Duration? = deadline
    // What was set while an earlier one was jumped to waits behind it, and wakes nobody by itself.
    while let deadline = next, jumps(to: deadline) { next = queue.fire(at: monotonic) }
  }

  /// Whether a deadline has come, or is near and was jumped to.
  private func jumps(to deadline: Duration) -> Bool {
    guard let horizon else { return false }
    return state.withLock { state in
      let distance = deadline - state.monotonic
      guard distance <= horizon else { return false }
      if distance > .zero {
        state.jumps.append(distance)
        state.monotonic = deadline
      }
      return true
    }
  }

  func advance(by duration: Duration, firing queue: DeadlineQueue) {
    state.withLock { $0.monotonic += duration }
    queue.fire(at: monotonic)
  }
}

/// What an HTTP server on this machine does with each request, told to the byte.
final class LoopbackServer: Sendable {
  enum Step: Sendable {
    /// Status line, headers and the empty line.
    case head(Int, [(String, String)])
    case bytes([UInt8])
    /// A chunk of a chunked body.
    case chunk([UInt8])
    case lastChunk
    /// Goes on when the gate is opened.
    case wait(OneShot<Void>)
    case close
  }

  struct Request: Sendable {
    var headers: HTTPHeaders
    var body: JSONValue
  }

  private struct State {
    var replies: [[Step]]
    var requests: [Request] = []
  }

  private let box: Box
  private let channel: any Channel
  /// Set when a client closes its connection.
  let hungUp = OneShot<Void>()

  /// A server with one reply for each request; the last goes on for all that follow.
  init(_ replies: [[Step]]) async throws {
    let box = Box(replies)
    let hungUp = self.hungUp
    channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(HTTPRequestDecoder()), Handler(box: box, hungUp: hungUp),
          ])
        }
      }
      .bind(host: "127.0.0.1", port: 0)
      .get()
    self.box = box
  }

  /// What the handlers of all connections share.
  private final class Box: Sendable {
    let state: Mutex<State>
    init(_ replies: [[Step]]) { state = Mutex(State(replies: replies)) }
  }

  var port: Int { channel.localAddress?.port ?? 0 }
  var url: String { "http://127.0.0.1:\(port)/v1" }
  var requests: [Request] { box.state.withLock { $0.requests } }

  func stop() async {
    try? await channel.close()
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let box: Box
    private let hungUp: OneShot<Void>
    private var headers = HTTPHeaders()
    private var body: [UInt8] = []

    init(box: Box, hungUp: OneShot<Void>) {
      self.box = box
      self.hungUp = hungUp
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        headers = head.headers
        body = []
      case .body(let buffer):
        body.append(contentsOf: buffer.readableBytesView)
      case .end:
        let request = Request(headers: headers, body: (try? JSONValue(parsing: body)) ?? .null)
        let steps = box.state.withLock { state in
          state.requests.append(request)
          return state.replies.count > 1 ? state.replies.removeFirst() : state.replies.first ?? []
        }
        let channel = context.channel
        Task { await LoopbackServer.perform(steps, on: channel) }
      }
    }

    func channelInactive(context: ChannelHandlerContext) {
      hungUp.resolve(())
    }
  }

  private static func perform(_ steps: [Step], on channel: any Channel) async {
    for step in steps {
      switch step {
      case .head(let status, let headers):
        let lines = ["HTTP/1.1 \(status) Status"] + headers.map { "\($0): \($1)" } + ["", ""]
        await send(Array(lines.joined(separator: "\r\n").utf8), on: channel)
      case .bytes(let bytes):
        await send(bytes, on: channel)
      case .chunk(let bytes):
        await send(
          Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8),
          on: channel
        )
      case .lastChunk:
        await send(Array("0\r\n\r\n".utf8), on: channel)
      case .wait(let gate):
        await gate.value
      case .close:
        try? await channel.close()
      }
    }
  }

  private static func send(_ bytes: [UInt8], on channel: any Channel) async {
    try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }
}

extension [LoopbackServer.Step] {
  static let streamHead: LoopbackServer.Step = .head(
    200,
    [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]
  )

  /// A whole stream of these events, each cut into chunks of so many bytes.
  static func stream(_ events: [String], chunk: Int = .max) -> Self {
    let bytes = [UInt8](events.map { "data: \($0)\n\n" }.joined().utf8)
    let pieces = stride(from: 0, to: bytes.count, by: Swift.min(chunk, Swift.max(bytes.count, 1)))
      .map {
        LoopbackServer.Step.chunk(
          [UInt8](bytes[$0..<Swift.min(bytes.count, $0 + Swift.min(chunk, bytes.count))])
        )
      }
    return [streamHead] + pieces + [.lastChunk]
  }

  /// An answer in one piece.
  static func json(_ status: Int, _ body: String, headers: [(String, String)] = []) -> Self {
    let all =
      [("content-type", "application/json"), ("content-length", String(body.utf8.count))] + headers
    return [.head(status, all), .bytes([UInt8](body.utf8))]
  }
}

/// Chunks of a chat completion.
enum Chunk {
  static func text(_ words: String) -> String {
    chunk(["content": .string(words)])
  }

  static func finish(_ reason: String) -> String {
    chunk([:], finish: .string(reason))
  }

  static let done = "[DONE]"

  static func calls(_ calls: JSONValue...) -> String {
    chunk(["tool_calls": .array(calls)])
  }

  static func chunk(_ delta: JSONValue, finish: JSONValue = nil) -> String {
    let value: JSONValue = [
      "object": "chat.completion.chunk",
      "choices": [["index": 0, "delta": delta, "finish_reason": finish]],
    ]
    return value.serialized()
  }

  static let hello = [text("Good "), text("morning"), finish("stop"), done]
}

/// Collects what is told while a turn is written.
final class Deltas: Sendable {
  private let list = Mutex<[ModelDelta]>([])

  var all: [ModelDelta] { list.withLock { $0 } }
  var text: String {
    all.map { if case .text(let words) = $0 { words } else { "" } }.joined()
  }

  func add(_ delta: ModelDelta) { list.withLock { $0.append(delta) } }
}

/// The recorded streams that other projects published, beside the project where they are there at all.
let recordedStreams = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "shared/data/chat-streams")

func conversation() -> ConversationID {
  ConversationID(UUIDv7(high: 1, low: 1))
}
