import Foundation
import Glibc
import Testing

@testable import CallboardControl

/// Where an instance listens, and who can get at it.
@Suite(.timeLimit(.minutes(1)))
struct SocketTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "cbs-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func mode(_ path: String) -> mode_t {
    var info = stat()
    return lstat(path, &info) == 0 ? info.st_mode & 0o777 : 0
  }

  private func problem(_ path: String, group: String? = nil) -> SocketProblem? {
    do throws(SocketProblem) {
      _ = try ControlSocket(path, group: group)
      return nil
    } catch {
      return error
    }
  }

  @Test func `only whoever starts an instance can connect to it`() throws {
    let path = folder + "/s"
    let socket = try ControlSocket(path, group: nil)
    #expect(mode(path) == 0o600)
    withExtendedLifetime(socket) {}
  }

  @Test func `a group that is named can connect too`() throws {
    let path = folder + "/s"
    let own = try #require(getgrgid(getgid()).map { String(cString: $0.pointee.gr_name) })
    let socket = try ControlSocket(path, group: own)
    #expect(mode(path) == 0o660)
    withExtendedLifetime(socket) {}
  }

  @Test func `a group that there is not is said, and nothing is left behind`() throws {
    let path = folder + "/s"
    #expect(
      problem(path, group: "nobody-is-called-so")?.description.contains("no such group") == true
    )
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  @Test func `a second instance is refused, and told how to use the first`() throws {
    let path = folder + "/s"
    let first = try ControlSocket(path, group: nil)
    let refusal = try #require(problem(path))
    #expect(refusal.isTaken)
    #expect(refusal.description.contains("process \(getpid())"))
    #expect(refusal.description.contains("callboard attach"))
    first.remove()
  }

  @Test func `what a dead instance left behind is replaced`() throws {
    let path = folder + "/s"
    let dead = UnixSocket.make()
    #expect(UnixSocket.withAddress(of: path) { bind(dead, $0, $1) } == 0)
    close(dead)
    _ = FileManager.default.createFile(atPath: path + ".lock", contents: nil)
    let socket = try ControlSocket(path, group: nil)
    guard case .success(let peer) = UnixSocket.connect(to: path) else { throw Missing() }
    #expect(Peer(of: peer)?.uid == getuid())
    close(peer)
    socket.remove()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  @Test func `a socket that lives without its lock is not taken from its owner`() throws {
    let path = folder + "/s"
    let alive = UnixSocket.make()
    #expect(UnixSocket.withAddress(of: path) { bind(alive, $0, $1) } == 0)
    #expect(listen(alive, 4) == 0)
    #expect(problem(path)?.isTaken == true)
    close(alive)
  }

  @Test func `a file that is no socket is left alone`() throws {
    let path = folder + "/s"
    try "precious".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(problem(path)?.description.contains("no socket") == true)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
  }

  @Test func `a path that no address holds is said to be too long`() {
    let problem = problem(folder + "/" + String(repeating: "s", count: 120))
    #expect(problem?.description.contains("may have 107") == true)
  }
}
