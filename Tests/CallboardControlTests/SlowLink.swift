import Foundation
import Glibc
import Synchronization

@testable import CallboardControl

/// A Unix socket that passes everything on to another one, each byte so much later.
final class SlowLink: Sendable {
  let path: String
  private let target: String
  private let delay: Duration
  private let socket: ControlSocket

  init(at path: String, to target: String, delay: Duration) throws {
    self.path = path
    self.target = target
    self.delay = delay
    socket = try ControlSocket(path, group: nil)
    Thread { [self] in
      while true {
        let near = accept(socket.descriptor, nil, nil)
        guard near >= 0 else { return }
        guard case .success(let far) = UnixSocket.connect(to: target) else {
          close(near)
          continue
        }
        pass(from: near, to: far)
        pass(from: far, to: near)
      }
    }.start()
  }

  /// Ends it: whoever is connected is hung up on by the process's end of the sockets.
  func cut() {
    socket.remove()
    shutdown(socket.descriptor, Int32(SHUT_RDWR))
  }

  private struct Line {
    var chunks: [(due: ContinuousClock.Instant, bytes: [UInt8])] = []
  }

  private func pass(from source: Int32, to target: Int32) {
    let line = Mutex(Line())
    let shared = Box(line)
    let work = DispatchSemaphore(value: 0)
    let delay = delay
    Thread {
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = recv(source, &chunk, chunk.count, 0)
        let bytes = count > 0 ? Array(chunk[..<count]) : []
        shared.line.withLock { $0.chunks.append((ContinuousClock.now + delay, bytes)) }
        work.signal()
        guard count > 0 else { return }
      }
    }.start()
    Thread {
      while true {
        work.wait()
        let (due, bytes) = shared.line.withLock { $0.chunks.removeFirst() }
        let left = (due - ContinuousClock.now) / .microseconds(1)
        if left > 0 { usleep(UInt32(left)) }
        guard !bytes.isEmpty else {
          shutdown(target, Int32(SHUT_RDWR))
          return
        }
        var rest = bytes[...]
        while !rest.isEmpty {
          let sent = rest.withUnsafeBytes {
            send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          guard sent > 0 else { return }
          rest = rest.dropFirst(sent)
        }
      }
    }.start()
  }

  private final class Box: Sendable {
    let line: Mutex<Line>

    init(_ line: consuming Mutex<Line>) { self.line = line }
  }
}
