import Callboard
import Dispatch
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// A running instance, for commands: each call asks and waits for the answer.
///
/// Only for threads that may block; see `RemoteDoor` for a console.
public final class Instance: Sendable {
  private let client: ControlClient
  private let news: OneListener

  public init(at path: String) throws(ControlProblem) {
    let news = OneListener()
    self.news = news
    client = try ControlClient(to: path)
    client.start { news.hear($0) }
  }

  deinit { client.close() }

  public func close() { client.close() }

  /// Whose name the instance has, and who this peer is there.
  public var welcome: Welcome { client.welcome }

  public func snapshot(of query: Query) throws(ControlProblem) -> Snapshot {
    let answer = try client.answer { .look(id: $0, [Look(query: query)]) }
    guard case .looked(_, let sights) = answer, let sight = sights.bodies.first else {
      throw unexpected
    }
    switch sight {
    case .body(let body, let definitions, _):
      var snapshot = Snapshot(header: sights.header, body: body)
      snapshot.definitions = definitions
      return snapshot
    case .withheld(let why): throw .refused(why)
    case .same: throw unexpected
    }
  }

  public func send(_ request: Request) throws(ControlProblem) -> Reply {
    guard
      case .replied(_, let reply, _) = try client.answer({
        .request(id: $0, request.forTheWire, then: [])
      })
    else { throw unexpected }
    return reply
  }

  public func reveal(_ id: CallID) throws(ControlProblem) -> Revelation {
    switch try client.answer({ .reveal(id: $0, id) }) {
    case .revealed(_, let json):
      guard let originals = Originals(wire: json) else { throw unexpected }
      return .originals(originals)
    case .notRevealed(_, let why): return .refused(why)
    case .looked, .replied, .waits, .ended, .simulated, .nobody, .follows, .failed, .changed,
      .you, .events, .goodbye:
      throw unexpected
    }
  }

  /// What would become of a call in the peer's own name, or of somebody the instance knows; nothing of it happens.
  public func simulate(
    _ function: String,
    arguments: String,
    as caller: String?
  ) throws(ControlProblem) -> Simulated {
    let answer = try client.answer { id in
      .simulate(id: id, function: function, arguments: arguments, caller: caller)
    }
    switch answer {
    case .simulated(_, let simulation): return .would(simulation)
    case .nobody(_, let why): return .nobody(why)
    case .looked, .replied, .revealed, .notRevealed, .waits, .ended, .follows, .failed, .changed,
      .you, .events, .goodbye:
      throw unexpected
    }
  }

  /// What an instance says of a call that nobody makes.
  public enum Simulated: Sendable {
    case would(Simulation)
    /// It knows nobody of that name, in a sentence.
    case nobody(String)
  }

  /// What happened between two moments, once the instance has read it.
  public func report(since: Date, until: Date) throws(ControlProblem) -> ShiftReport {
    while true {
      guard case .report(let report) = try snapshot(of: .report(since: since, until: until)).body
      else { throw unexpected }
      if let report { return report }
      // It says so when it has been read; when it goes away instead, the next look says that.
      news.awaitChange()
      // A busy one changes all the time, and need not be asked as often.
      usleep(20_000)
    }
  }

  /// Makes a call in the peer's own name and waits for its end; `onWait` is told when a person has to decide on it, and when
  /// nobody knows any more whether it happened.
  public func call(
    _ function: String,
    arguments: String,
    onWait: @escaping @Sendable (CallID, CallState.Word) -> Void
  ) async throws -> EndedCall {
    try await withCheckedThrowingContinuation { continuation in
      client.ask { id in
        .call(id: id, function: function, arguments: arguments)
      } then: { [unexpected] result in
        switch result {
        case .success(.waits(_, let call, let state)): onWait(call, state)
        case .success(.ended(_, let ended)): continuation.resume(returning: ended)
        case .success: continuation.resume(throwing: unexpected)
        case .failure(let problem): continuation.resume(throwing: problem)
        }
      }
    }
  }

  /// Hands every event on from now on, until the instance goes away, and says why it did.
  ///
  /// `lost` counts events that were left out because they were not taken.
  public func follow(
    _ take: @escaping @Sendable (_ events: [JSONValue], _ lost: Int) -> Void
  ) throws(ControlProblem) -> String {
    news.listen(take)
    _ = try client.answer { .follow(id: $0) }
    return news.end()
  }

  private var unexpected: ControlProblem {
    .notUnderstood(
      "The instance answered something else than was asked; use the callboard that it was started with."
    )
  }
}

/// Hears what a connection tells of itself.
private final class OneListener: Sendable {
  private struct State {
    var take: (@Sendable ([JSONValue], Int) -> Void)?
    var end: String?
  }

  private let state = Mutex(State())
  private let hasEnded = DispatchSemaphore(value: 0)
  private let hasChanged = DispatchSemaphore(value: 0)

  func listen(_ take: @escaping @Sendable ([JSONValue], Int) -> Void) {
    state.withLock { $0.take = take }
  }

  func hear(_ news: ControlClient.News) {
    switch news {
    case .changed: hasChanged.signal()
    case .you: break
    case .events(let events, let lost): state.withLock { $0.take }?(events, lost)
    case .ended(let why):
      state.withLock { $0.end = why }
      hasEnded.signal()
      hasChanged.signal()
    }
  }

  /// Returns when something has changed since this was asked last, or the instance has gone away.
  func awaitChange() { hasChanged.wait() }

  func end() -> String {
    hasEnded.wait()
    return state.withLock { $0.end } ?? ""
  }
}

/// An instance as a door: for a picture of a screen, which asks many things and paints once.
public final class InstanceDoor: EngineDoor {
  private let instance: Instance
  private let first = Mutex<ControlProblem?>(nil)

  public init(_ instance: Instance) { self.instance = instance }

  /// Why something that was asked could not be had.
  public var problem: ControlProblem? { first.withLock { $0 } }

  public func snapshot(of query: Query) -> Snapshot {
    do throws(ControlProblem) {
      return try instance.snapshot(of: query)
    } catch {
      first.withLock { $0 = $0 ?? error }
      return Snapshot(
        header: Header(name: instance.welcome.name, store: "", now: .now),
        body: query.emptyBody
      )
    }
  }

  public func send(_ request: Request, by principal: Principal) -> RequestTicket {
    let ticket = RequestTicket()
    ticket.answer(.refused("a picture sends nothing"))
    return ticket
  }

  public func reveal(_ id: CallID, by principal: Principal) -> RevealTicket {
    let ticket = RevealTicket()
    ticket.answer(.refused("a picture shows no originals"))
    return ticket
  }

  public func observe(_ changed: @escaping @Sendable () -> Void) -> ObservationToken {
    ObservationToken {}
  }
}

extension Query {
  /// What is shown where nothing is known yet.
  var emptyBody: Snapshot.Body {
    switch self {
    case .overview: .overview(OverviewSnapshot())
    case .waiting: .waiting(Page())
    case .calls: .calls(Page())
    case .call: .call(nil)
    case .conversations: .conversations(Page())
    case .conversation: .conversation(nil)
    case .runs: .runs(Page(), workflows: [])
    case .run: .run(nil)
    case .functions: .functions(Page(), providers: [])
    case .function: .function(nil)
    case .errors: .errors(Page())
    case .grants: .grants([])
    case .report: .report(nil)
    case .audit: .audit(AuditSnapshot(page: Page()))
    case .grantPreview(let draft, _):
      .grantPreview(
        GrantPreview(
          draft: draft,
          refusal: "the instance can't be asked now",
          until: .distantPast,
          functions: [],
          waiting: [],
          starting: 0
        )
      )
    case .header: .header
    }
  }
}
