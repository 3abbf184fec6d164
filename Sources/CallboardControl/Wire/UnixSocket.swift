import Foundation
import Glibc

/// Who is at the other end of a Unix socket, by the kernel's word.
public struct Peer: Sendable, Hashable {
  public var uid: UInt32
  public var gid: UInt32
  public var pid: Int32
  /// The login name of the user id, or `user 1234` where there is none.
  public var login: String

  public init(uid: UInt32, gid: UInt32, pid: Int32, login: String) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
    self.login = login
  }

  /// The peer of a connected socket.
  init?(of descriptor: Int32) {
    // `struct ucred`, which the Glibc module does not have: three 32-bit numbers.
    var words: [UInt32] = [0, 0, 0]
    var size = socklen_t(12)
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &words, &size) == 0, size == 12 else {
      return nil
    }
    self.init(
      uid: words[1],
      gid: words[2],
      pid: Int32(bitPattern: words[0]),
      login: Self.login(of: words[1])
    )
  }

  private static func login(of uid: UInt32) -> String {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16_384)
    guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
      return "user \(uid)"
    }
    return String(cString: entry.pw_name)
  }
}

/// The few calls of the system that make Unix sockets.
enum UnixSocket {
  /// The longest path that an address holds.
  static let longestPath = 107

  static func make() -> Int32 {
    socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }

  /// Calls `body` with the address of a path; nil: the path does not fit.
  static func withAddress<Result>(
    of path: String,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count <= longestPath, !bytes.contains(0) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// A descriptor that is connected to a path, or the number of the error.
  static func connect(to path: String) -> Result<Int32, SystemError> {
    let descriptor = make()
    guard descriptor >= 0 else { return .failure(SystemError(number: errno)) }
    // A listener whose line is full would be waited for without end.
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_SNDTIMEO,
      &patience,
      socklen_t(MemoryLayout<timeval>.size)
    )
    let status = withAddress(of: path) { Glibc.connect(descriptor, $0, $1) }
    guard status == 0 else {
      let number = status == nil ? ENAMETOOLONG : errno
      close(descriptor)
      return .failure(SystemError(number: number))
    }
    return .success(descriptor)
  }
}

/// An error of the system in its own words.
struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
  var number: Int32
  var description: String { String(cString: strerror(number)) }
}
