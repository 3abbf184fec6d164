import CallboardControl
import Foundation
import Glibc
import JSONSchema

@testable import CallboardControl

/// A peer that says what it likes.
final class RawPeer: Sendable {
  private let descriptor: Int32

  init(_ path: String) throws { descriptor = try UnixSocket.connect(to: path).get() }

  init(taking descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Whether everything was taken.
  @discardableResult
  func say(bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  @discardableResult
  func say(_ json: JSONValue) -> Bool { say(bytes: Self.frame(json.serializedBytes())) }

  static func frame(_ body: [UInt8]) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
  }

  func greet() throws -> JSONValue? {
    say(["callboard": 1])
    return try hear()
  }

  /// The next frame; nil: it was hung up on.
  func hear() throws -> JSONValue? {
    guard let head = take(4) else { return nil }
    let count = head.reduce(0) { $0 << 8 | Int($1) }
    guard let body = take(count) else { return nil }
    return try JSONValue(parsing: body)
  }

  private func take(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < count {
      let read = recv(descriptor, &chunk, min(chunk.count, count - bytes.count), 0)
      guard read > 0 else { return nil }
      bytes += chunk[..<read]
    }
    return bytes
  }

  func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// Something that listens where an instance would, and is none.
final class Impostor: Sendable {
  private let socket: ControlSocket

  init(at path: String) throws { socket = try ControlSocket(path, group: nil) }

  /// The next peer.
  func take() throws -> RawPeer {
    let descriptor = accept(socket.descriptor, nil, nil)
    guard descriptor >= 0 else { throw Missing() }
    return RawPeer(taking: descriptor)
  }

  /// Greets the next peer as an instance does.
  func welcome() throws -> RawPeer {
    let peer = try take()
    _ = try peer.hear()
    let welcome = Welcome(instance: UUID().uuidString, name: "impostor", pid: getpid(), you: anna)
    peer.say(try JSONValue(encoding: welcome))
    return peer
  }
}
