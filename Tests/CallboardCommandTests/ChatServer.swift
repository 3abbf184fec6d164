import Foundation
import Glibc
import JSONSchema
import Synchronization

/// A server on this machine that speaks OpenAI's chat completions, as streams, and answers as a test says.
final class ChatServer: Sendable {
  enum Reply: Sendable {
    /// Events of a stream, without `[DONE]`.
    case stream([JSONValue])
    case status(Int, headers: String = "")
  }

  private let descriptor: Int32
  let port: UInt16
  private let count = Mutex(0)
  private let answer: @Sendable (JSONValue) -> Reply

  /// How many requests came.
  var requests: Int { count.withLock { $0 } }
  var url: String { "http://127.0.0.1:\(port)/v1" }

  init(_ answer: @escaping @Sendable (JSONValue) -> Reply) throws {
    self.answer = answer
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
      }
    }
    guard isBound, listen(descriptor, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
    Thread { [self] in serve() }.start()
  }

  /// Nobody can connect from then on.
  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  private func serve() {
    while true {
      let connection = accept(descriptor, nil, nil)
      guard connection >= 0 else { return }
      Thread { [self] in talk(connection) }.start()
    }
  }

  /// One request a connection.
  private func talk(_ connection: Int32) {
    defer { close(connection) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let got = read(connection, &buffer, buffer.count)
      guard got > 0 else { return }
      bytes += buffer.prefix(got)
      let text = String(decoding: bytes, as: UTF8.self)
      guard let head = text.range(of: "\r\n\r\n") else { continue }
      let length =
        text[..<head.lowerBound].lowercased().split(separator: "\r\n")
        .first { $0.hasPrefix("content-length:") }
        .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
      let body = text[head.upperBound...]
      guard body.utf8.count >= length else { continue }
      count.withLock { $0 += 1 }
      send(answer((try? JSONValue(parsing: String(body))) ?? .null), to: connection)
      return
    }
  }

  private func send(_ reply: Reply, to connection: Int32) {
    var text: String
    switch reply {
    case .stream(let events):
      text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
      for event in events { text += "data: \(event.serialized())\n\n" }
      text += "data: [DONE]\n\n"
    case .status(let status, let headers):
      text =
        "HTTP/1.1 \(status) Status\r\n\(headers)content-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { return }
      rest = rest.dropFirst(sent)
    }
  }
}

extension ChatServer.Reply {
  static func says(_ text: String) -> Self {
    let words = text.split(separator: " ").map { "\($0) " }
    return .stream(
      words.map { ["choices": [["index": 0, "delta": ["content": .string($0)]]]] } + [
        ["choices": [["index": 0, "delta": [:], "finish_reason": "stop"]]],
        [
          "choices": [],
          "usage": ["prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99],
        ],
      ]
    )
  }

  /// Parallel calls, their arguments in two pieces each.
  static func calls(_ calls: [(id: String, name: String, arguments: String)]) -> Self {
    var events: [JSONValue] = []
    for (index, call) in calls.enumerated() {
      let half = call.arguments.index(
        call.arguments.startIndex,
        offsetBy: call.arguments.count / 2
      )
      let place: JSONValue = .integer(Int64(index))
      let first: JSONValue = [
        "index": place, "id": .string(call.id), "type": "function",
        "function": [
          "name": .string(call.name), "arguments": .string(String(call.arguments[..<half])),
        ],
      ]
      let second: JSONValue = [
        "index": place, "function": ["arguments": .string(String(call.arguments[half...]))],
      ]
      for piece in [first, second] {
        events.append(["choices": [["index": 0, "delta": ["tool_calls": [piece]]]]])
      }
    }
    events.append(["choices": [["index": 0, "delta": [:], "finish_reason": "tool_calls"]]])
    return .stream(events)
  }
}
