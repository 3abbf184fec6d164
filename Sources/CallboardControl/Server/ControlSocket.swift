import Foundation
import Glibc

/// Why there is no socket to listen on, in a sentence for an operator.
public struct SocketProblem: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  /// Whether another instance has it.
  public var isTaken = false
}

/// A listening socket at a path, held by one process; what a dead one left behind is replaced.
public final class ControlSocket: Sendable {
  public let path: String
  let descriptor: Int32
  private let lock: Int32
  private let inode: ino_t

  /// Takes the path; `group` may use it too, where one is named.
  public init(_ path: String, group: String?) throws(SocketProblem) {
    self.path = path
    guard path.utf8.count <= UnixSocket.longestPath else {
      throw SocketProblem(
        description:
          "The path of the control socket is \(path.utf8.count) bytes long and may have \(UnixSocket.longestPath): "
          + "\(path); name a shorter one (control: { socket: PATH })."
      )
    }
    lock = try Self.takeLock(path + ".lock")
    do throws(SocketProblem) {
      try Self.removeStale(path)
      descriptor = try Self.listen(path, group: try group.map(Self.identifier(of:)))
    } catch {
      unlink(path + ".lock")
      close(lock)
      throw error
    }
    inode = Self.inode(of: path) ?? 0
  }

  /// Gives the path free, unless somebody else has put something there.
  func remove() {
    if Self.inode(of: path) == inode { unlink(path) }
    unlink(path + ".lock")
  }

  deinit {
    close(descriptor)
    close(lock)
  }

  /// The lock says whether a process holds the path: it goes with the process, however that ends.
  private static func takeLock(_ path: String) throws(SocketProblem) -> Int32 {
    while true {
      let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard lock >= 0 else {
        throw SocketProblem(
          description:
            "The control socket can't be made: \(path): \(SystemError(number: errno)). Make its folder, or name another "
            + "path (control: { socket: PATH })."
        )
      }
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        close(lock)
        throw taken(String(path.dropLast(".lock".count)))
      }
      // Whoever went before may have removed the file between opening and locking it.
      var (mine, there) = (stat(), stat())
      if fstat(lock, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino {
        return lock
      }
      close(lock)
    }
  }

  private static func taken(_ path: String) -> SocketProblem {
    var who = ""
    if case .success(let descriptor) = UnixSocket.connect(to: path) {
      if let peer = Peer(of: descriptor) { who = " (process \(peer.pid))" }
      close(descriptor)
    }
    return SocketProblem(
      description:
        "Another instance\(who) listens on \(path). Use it with `callboard attach`, or give this one a socket of its own "
        + "(control: { socket: PATH }), or none (control: none).",
      isTaken: true
    )
  }

  private static func removeStale(_ path: String) throws(SocketProblem) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw SocketProblem(
        description:
          "\(path) is no socket, and is left alone; name another path (control: { socket: PATH })."
      )
    }
    if case .success(let descriptor) = UnixSocket.connect(to: path) {
      close(descriptor)
      throw taken(path)
    }
    unlink(path)
  }

  private static func listen(_ path: String, group: gid_t?) throws(SocketProblem) -> Int32 {
    let descriptor = UnixSocket.make()
    func problem(_ what: String) -> SocketProblem {
      let why = SystemError(number: errno)
      close(descriptor)
      return SocketProblem(description: "The control socket \(path) can't be \(what): \(why).")
    }
    guard descriptor >= 0 else { throw problem("made") }
    // Before it has a name: at no time can anybody else connect.
    guard fchmod(descriptor, 0o600) == 0 else { throw problem("made private") }
    guard UnixSocket.withAddress(of: path, { bind(descriptor, $0, $1) }) == 0 else {
      throw problem("made")
    }
    chmod(path, 0o600)
    if let group {
      guard chown(path, uid_t.max, group) == 0, chmod(path, 0o660) == 0 else {
        unlink(path)
        throw problem("given to its group")
      }
    }
    guard Glibc.listen(descriptor, 64) == 0 else { throw problem("listened on") }
    return descriptor
  }

  private static func identifier(of group: String) throws(SocketProblem) -> gid_t {
    var entry = Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    var buffer = [CChar](repeating: 0, count: 65_536)
    guard getgrnam_r(group, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
      throw SocketProblem(
        description: "control.group is “\(group)”, and there is no such group on this machine."
      )
    }
    return entry.gr_gid
  }

  private static func inode(of path: String) -> ino_t? {
    var info = stat()
    return lstat(path, &info) == 0 ? info.st_ino : nil
  }
}
