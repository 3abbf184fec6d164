import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization

@testable import CallboardControl

let agent = Principal.caller("agent")
let anna = Principal.operator("anna", uid: 501)
let bert = Principal.operator("bert", uid: 502)
let carla = Principal.operator("carla", uid: 503)
let vera = Principal.viewer("vera", uid: 504)
let rosa = Principal(name: "rosa", uid: 505, roles: [.viewer, .revealer])

/// An engine whose payments wait for people, and control sockets on it.
///
/// All peers of a test have one user id, so each person has a socket: the server says who somebody is.
final class Desk: Sendable {
  let folder: String
  let engine: Engine
  let events: EventRecorder
  let pay: TestFunction
  private let opened = Mutex<[ControlServer]>([])

  init(approvers: Int = 1, store: any Store = InMemoryStore()) throws {
    folder = NSTemporaryDirectory() + "cbc-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let pay = TestFunction(
      "pay",
      .echo,
      parameters: [
        "type": "object",
        "properties": ["amount": ["type": "integer"], "password": ["type": "string"]],
        "required": ["amount"],
      ]
    ) { $0.effect = .write }
    self.pay = pay
    let look = TestFunction("look", .echo) { $0.effect = .read }
    engine = Engine(
      EngineConfiguration(
        name: "desk",
        rules: ApprovalRules([
          ApprovalRules.Rule(function: NamePattern("t.pay"), approvers: approvers),
          ApprovalRules.Rule(asks: false),
        ])
      ),
      registry: try FunctionRegistry([
        try NativeProvider(namespace: "t", [pay.native, look.native])
      ]),
      store: store,
      sealer: Sealer(Sealer.MasterKey())
    )
    events = EventRecorder(engine)
  }

  /// Ends every socket; the engine lives on.
  func close() {
    let servers = opened.withLock { opened in
      defer { opened = [] }
      return opened
    }
    for server in servers { server.close(saying: "the test is over") }
  }

  deinit {
    close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  func path(_ name: String) -> String { folder + "/" + name }

  /// What an instance does when its configuration was read anew.
  func peopleChanged() {
    for server in opened.withLock({ $0 }) { server.peopleChanged() }
  }

  /// A socket where everybody is this person.
  @discardableResult
  func serve(_ person: Principal) throws -> String {
    try serve(person.name) { _ in person }
  }

  @discardableResult
  func serve(
    _ name: String,
    people: @escaping @Sendable (Peer) -> Principal
  ) throws -> String {
    let socket = try ControlSocket(path(name), group: nil)
    let server = ControlServer(engine, on: socket, people: people) { name in
      name == agent.name ? .success(agent) : .failure(NobodyNamed("\(name) is nobody"))
    }
    opened.withLock { $0.append(server) }
    return server.path
  }

  /// Makes one payment wait.
  func ask(
    _ arguments: JSONValue = ["amount": 12],
    by caller: Principal = agent
  ) async -> CallID {
    await engine.submit("t.pay", arguments, by: caller).id
  }

  func detail(_ id: CallID) throws -> CallDetail {
    guard let detail = engine.snapshot(of: .call(id)).callDetail else { throw Missing() }
    return detail
  }

  func seen(_ id: CallID) throws -> Seen {
    let row = try detail(id).row
    return Seen(revision: row.revision, digest: row.digest ?? "")
  }
}

struct Missing: Error {}

/// Runs what blocks on a thread of its own: the pool's few belong to the engine.
func blocking<Outcome: Sendable>(
  _ body: @escaping @Sendable () throws -> Outcome
) async throws -> Outcome {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result { try body() }) }.start()
  }
}

/// Waits until something has happened that nothing tells of; the suite's time limit ends it.
func until(_ condition: () throws -> Bool) async throws {
  while try !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

extension RequestTicket {
  /// The reply, asked for again and again as a console does.
  func polled() async throws -> Reply {
    try await until { reply != nil }
    guard let reply else { throw Missing() }
    return reply
  }
}
