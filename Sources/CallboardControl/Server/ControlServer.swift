import Callboard
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// Lets people and programs on this machine use a running engine over a Unix socket, each as whom the kernel says it is.
///
/// Threads of its own take connections, read and write: a busy pool of tasks does not keep an operator out.
public final class ControlServer: Sendable {
  private struct State {
    var peers: [Int: ServedPeer] = [:]
    var next = 0
    var isClosed = false
  }

  public var path: String { place.path }
  let engine: Engine
  /// Another each time.
  let instance = UUID().uuidString
  private let place: ControlSocket
  private let people: @Sendable (Peer) -> Principal
  private let named: @Sendable (String) -> Result<Principal, NobodyNamed>
  private let state = Mutex(State())
  private let hasEnded = DispatchSemaphore(value: 0)

  /// Connections at one time.
  public static let peerLimit = 256
  /// Those of one user among them: nobody keeps the others out.
  public static let ownLimit = 64

  /// Listens on a socket; `people` says who a peer is and what it may do, and is asked anew for everything it asks.
  ///
  /// `named` says who would ask under a name, for peers who want to know what would become of somebody's call.
  public init(
    _ engine: Engine,
    on socket: ControlSocket,
    people: @escaping @Sendable (Peer) -> Principal,
    named: @escaping @Sendable (String) -> Result<Principal, NobodyNamed>
  ) {
    self.engine = engine
    self.people = people
    self.named = named
    place = socket
    let thread = Thread { [self] in takeConnections() }
    thread.name = "callboard.control"
    thread.start()
  }

  func principal(of peer: Peer) -> Principal { people(peer) }

  func asking(_ name: String) -> Result<Principal, NobodyNamed> { named(name) }

  /// Waits until nobody waits for an answer, for at most two seconds.
  ///
  /// An engine that stops tells whoever waits for a call; what it has told is still on its way to them.
  public func answersAll() async {
    let end = ContinuousClock.now + .seconds(2)
    while state.withLock({ $0.peers.values.contains(where: \.isAsked) }), ContinuousClock.now < end
    {
      try? await Task.sleep(for: .milliseconds(2))
    }
  }

  /// Tells every peer why it ends, hangs up, and takes the socket away.
  public func close(saying farewell: String) {
    let peers = state.withLock { state -> [ServedPeer]? in
      guard !state.isClosed else { return nil }
      state.isClosed = true
      return Array(state.peers.values)
    }
    guard let peers else { return }
    place.remove()
    shutdown(place.descriptor, Int32(SHUT_RDWR))
    hasEnded.wait()
    for peer in peers { peer.dismiss(farewell) }
    let end = ContinuousClock.now + .seconds(1)
    while state.withLock({ !$0.peers.isEmpty }), ContinuousClock.now < end { usleep(5000) }
    for peer in state.withLock({ Array($0.peers.values) }) { peer.cut() }
  }

  /// Has every peer told who it is now: roles and names may be others since.
  public func peopleChanged() {
    for peer in state.withLock({ Array($0.peers.values) }) { peer.tellWhoItIs() }
  }

  /// How many are connected.
  public var peers: Int { state.withLock { $0.peers.count } }

  private func takeConnections() {
    defer { hasEnded.signal() }
    while true {
      let descriptor = accept(place.descriptor, nil, nil)
      guard descriptor >= 0 else {
        switch errno {
        case EINTR, ECONNABORTED: continue
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
          // Room comes when somebody hangs up; to ask at once again would only burn time.
          guard state.withLock({ !$0.isClosed }) else { return }
          usleep(50_000)
          continue
        default: return
        }
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      guard let identity = Peer(of: descriptor) else {
        Glibc.close(descriptor)
        continue
      }
      take(descriptor, identity)
    }
  }

  private func take(_ descriptor: Int32, _ identity: Peer) {
    let channel = FrameChannel(descriptor, named: "callboard.control.out")
    let number = state.withLock { state -> Int? in
      guard !state.isClosed, state.peers.count < Self.peerLimit,
        state.peers.values.count(where: { $0.identity.uid == identity.uid }) < Self.ownLimit
      else { return nil }
      state.next += 1
      return state.next
    }
    guard let number else {
      ServedPeer.refuse(
        channel,
        "\(Self.ownLimit) connections of yours are open already, or \(Self.peerLimit) of all, and there may be no more; "
          + "close one of them"
      )
      return
    }
    let peer = ServedPeer(channel, identity, of: self)
    state.withLock { $0.peers[number] = peer }
    let thread = Thread { [self] in
      peer.serve()
      state.withLock { _ = $0.peers.removeValue(forKey: number) }
    }
    thread.name = "callboard.control.in"
    thread.start()
  }
}

/// That nobody may ask under a name, in a sentence.
public struct NobodyNamed: Error, Sendable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}
