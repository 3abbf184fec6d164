import Callboard
import Dispatch
import Foundation
import JSONSchema
import Synchronization

/// A running instance as a console sees it: what was shown before is at hand at once, and is asked for anew beside that.
///
/// Nothing here decides: requests go to the instance with the revision and digest that were on the screen, once each.
/// What is waited for is only what was never shown yet. When the instance goes away the last that it showed stays, said
/// to be so, until it is back.
public final class RemoteDoor: EngineDoor {
  fileprivate enum Link: Sendable {
    case connected(ControlClient)
    /// It is back, and nothing of what is shown has been confirmed yet.
    case returning(ControlClient, since: Date)
    case lost(since: Date, why: String)

    var client: ControlClient? {
      switch self {
      case .connected(let client), .returning(let client, _): client
      case .lost: nil
      }
    }
  }

  fileprivate struct State {
    var link: Link
    var welcome: Welcome
    /// When it was told last who this peer is.
    var toldAt = Date.now
    var isClosed = false
    var cache = SightCache()
    var header: Header?
    var clock = InstanceClock()
    /// Counts what the instance has said to have changed.
    var epoch = 0
    /// What is to be asked for, by family: the first have nothing to be shown.
    var missing: [Query] = []
    var stale: [Query] = []
    var underWay: Set<Query> = []
    /// What was looked at since observers were told last, and before that.
    var frame: [Query] = []
    var frameBefore: [Query] = []
    var refreshedAt = Duration.zero
    var observers: [Int: @Sendable () -> Void] = [:]
    var nextObserver = 0
    var sleepers: [MonotonicSemaphore] = []
  }

  public let path: String
  private let state: Mutex<State>
  private let kick = MonotonicSemaphore()
  private let monotonic: @Sendable () -> Duration

  /// Frames for the instance's sake alone are this far apart.
  static let refreshPause = Duration.milliseconds(84)
  /// What is older is asked for again when it is looked at, though nothing is said to have changed.
  static let age = Duration.seconds(1)
  /// What was never shown is waited for so long.
  static let patience = Duration.seconds(3)
  /// Between two attempts to connect again.
  static let pause = Duration.milliseconds(250)

  /// Connects; throws where nobody is there or lets this peer in.
  public init(to path: String) throws(ControlProblem) {
    self.path = path
    let clock = ContinuousClock()
    let start = clock.now
    monotonic = { clock.now - start }
    let client = try ControlClient(to: path)
    state = Mutex(State(link: .connected(client), welcome: client.welcome))
    listen(to: client)
    let thread = Thread { [weak self] in while self?.tend() == true {} }
    thread.name = "callboard.attach"
    thread.start()
  }

  /// Hangs up for good.
  public func close() {
    let client = state.withLock { state in
      state.isClosed = true
      return state.link.client
    }
    client?.close()
    kick.signal()
  }

  /// Whose name the instance has, and who this peer is there.
  public var welcome: Welcome { state.withLock { $0.welcome } }

  /// Who this peer is there now: a reload may have given or taken roles.
  public var you: Principal? { welcome.you }

  // MARK: - Looking

  public func snapshot(of query: Query) -> Snapshot {
    let end = monotonic() + Self.patience
    while true {
      if let snapshot = glance(of: query) { return snapshot }
      let sleeper = MonotonicSemaphore()
      let isPossible = state.withLock { state -> Bool in
        guard state.link.client != nil, state.welcome.you.mayLook else { return false }
        state.sleepers.append(sleeper)
        return true
      }
      let left = end - monotonic()
      guard isPossible, left > .zero,
        sleeper.wait(atMost: left)
      else { break }
    }
    var header = state.withLock { self.header($0) }
    if header.linkFault == nil {
      header.linkFault = LinkFault(since: header.now, why: "it has not answered yet")
    }
    return Snapshot(header: header, body: query.emptyBody)
  }

  public func glance(of query: Query) -> Snapshot? {
    let now = monotonic()
    let (snapshot, isWanted) = state.withLock { state -> (Snapshot?, Bool) in
      state.look(at: query)
      let found = state.cache.find(query)
      var isWanted = false
      if let found, found.isWhole {
        let isOld = found.epoch < state.epoch || now - found.at > Self.age
        if isOld { isWanted = state.want(query, in: \.stale) }
      } else {
        isWanted = state.want(query, in: \.missing)
      }
      if case .call(let id) = query {
        for other in state.cache.neighbours(of: id) where !state.cache.has(.call(other)) {
          if state.want(.call(other), in: \.stale) { isWanted = true }
        }
      }
      guard let found, state.header != nil else { return (nil, isWanted) }
      var snapshot = Snapshot(header: header(state), body: found.body)
      snapshot.definitions = found.definitions
      return (snapshot, isWanted)
    }
    if isWanted { kick.signal() }
    return snapshot
  }

  /// The title row's numbers with the time as it is there now, and what is wrong with the link.
  private func header(_ state: State) -> Header {
    let now = monotonic()
    var header = state.header ?? Header(name: state.welcome.name, store: "", now: .now)
    header.now = state.clock.time(at: now) ?? header.now
    switch state.link {
    case .connected:
      guard !state.welcome.you.mayLook else { break }
      header.linkFault = LinkFault(
        since: state.toldAt,
        why:
          "\(state.welcome.you.name) may not look there any more: that takes the role viewer or operator"
      )
    case .returning(_, let since):
      header.linkFault = LinkFault(since: since, why: "it is back and being asked")
    case .lost(let since, let why): header.linkFault = LinkFault(since: since, why: why)
    }
    return header
  }

  public func observe(_ changed: @escaping @Sendable () -> Void) -> ObservationToken {
    let key = state.withLock { state in
      state.nextObserver += 1
      state.observers[state.nextObserver] = changed
      return state.nextObserver
    }
    return ObservationToken { [weak self] in
      self?.state.withLock { _ = $0.observers.removeValue(forKey: key) }
    }
  }

  private func tellObservers() {
    let observers = state.withLock { state in
      state.frameBefore = state.frame
      state.frame = []
      return Array(state.observers.values)
    }
    for observer in observers { observer() }
  }

  // MARK: - Asking

  public func send(_ request: Request, by principal: Principal) -> RequestTicket {
    let ticket = RequestTicket()
    let (client, looks) = state.withLock { state in
      var queries = state.inFrame
      if let subject = request.subject, !queries.contains(.call(subject)) {
        queries.append(.call(subject))
      }
      return (state.link.client, queries)
    }
    guard let client else {
      ticket.answer(.refused("the instance is gone, so nothing was sent"))
      return ticket
    }
    let epoch = state.withLock { $0.epoch }
    let sentAt = monotonic()
    // With the answer comes what it has changed: whoever looks after the reply sees that.
    let marks = marked(looks)
    client.ask { id in
      .request(id: id, request.forTheWire, then: marks)
    } then: { [weak self] result in
      switch result {
      case .success(.replied(_, let reply, let sights)):
        if let sights { self?.take(sights, of: looks, epoch: epoch, sentAt: sentAt) }
        ticket.answer(reply)
      case .success: ticket.answer(.unknown("the instance answered something else than was asked"))
      case .failure(.lost(let why)): ticket.answer(.unknown(why))
      case .failure(let problem): ticket.answer(.refused(problem.description))
      }
      self?.tellObservers()
    }
    return ticket
  }

  public func reveal(_ id: CallID, by principal: Principal) -> RevealTicket {
    let ticket = RevealTicket()
    guard let client = state.withLock({ $0.link.client }) else {
      ticket.answer(.refused("the instance is gone"))
      return ticket
    }
    client.ask { number in
      .reveal(id: number, id)
    } then: { [weak self] result in
      switch result {
      case .success(.revealed(_, let json)):
        ticket.answer(
          Originals(wire: json).map(Revelation.originals)
            ?? .refused("the instance sent what this callboard does not understand")
        )
      case .success(.notRevealed(_, let why)): ticket.answer(.refused(why))
      case .success: ticket.answer(.refused("the instance answered something else than was asked"))
      case .failure(let problem): ticket.answer(.refused(problem.description))
      }
      self?.tellObservers()
    }
    return ticket
  }

  private func marked(_ queries: [Query]) -> [Look] {
    state.withLock { state in
      queries.map { Look(query: $0.widened, have: state.cache.mark(of: $0)) }
    }
  }

  private func ask(_ queries: [Query], of client: ControlClient) {
    let epoch = state.withLock { $0.epoch }
    let sentAt = monotonic()
    let marks = marked(queries)
    client.ask { id in
      .look(id: id, marks)
    } then: { [weak self] result in
      guard let self else { return }
      switch result {
      case .success(.looked(_, let sights)):
        if take(sights, of: queries, epoch: epoch, sentAt: sentAt) { tellObservers() }
      case .success, .failure:
        state.withLock { state in
          for query in queries { state.underWay.remove(query.family) }
          state.wakeSleepers()
        }
      }
    }
  }

  /// Takes in what the instance has shown, and says whether something looks different now.
  @discardableResult
  private func take(_ sights: Sights, of queries: [Query], epoch: Int, sentAt: Duration) -> Bool {
    let now = monotonic()
    return state.withLock { state in
      var isNew = false
      for (query, sight) in zip(queries, sights.bodies) {
        state.underWay.remove(query.family)
        switch sight {
        case .same: state.cache.confirm(query, epoch: epoch, at: now)
        case .body(let body, let definitions, let mark):
          state.cache.store(body, definitions, mark: mark, of: query, epoch: epoch, at: now)
          isNew = true
        case .withheld:
          if !state.cache.has(query) {
            state.cache.store(query.emptyBody, [], mark: "", of: query, epoch: epoch, at: now)
          }
        }
      }
      state.clock.note(sights.header.now, sentAt: sentAt, arrivedAt: now)
      if sights.header.differs(from: state.header) { isNew = true }
      state.header = sights.header
      if case .returning(let client, _) = state.link {
        state.link = .connected(client)
        state.cache.drop(before: epoch)
        isNew = true
      }
      state.wakeSleepers()
      return isNew
    }
  }

  // MARK: - The link

  private func listen(to client: ControlClient) {
    client.start { [weak self] news in self?.hear(news) }
  }

  private func hear(_ news: ControlClient.News) {
    switch news {
    case .changed:
      state.withLock { state in
        state.epoch += 1
        for query in state.inFrame { _ = state.want(query, in: \.stale) }
      }
    case .you(let principal):
      state.withLock { state in
        state.welcome.you = principal
        state.toldAt = .now
        state.epoch += 1
        // What could not be asked for may be asked for now.
        for query in state.inFrame { _ = state.want(query, in: \.stale) }
      }
      tellObservers()
    case .events: return
    case .ended(let why):
      state.withLock { state in
        guard !state.isClosed else { return }
        state.link = .lost(since: state.lostSince, why: why)
        state.missing = []
        state.stale = []
        state.underWay = []
        state.wakeSleepers()
      }
      tellObservers()
    }
    kick.signal()
  }

  /// Does what is due, and waits for more; false: the door is closed.
  private func tend() -> Bool {
    let now = monotonic()
    let (next, pause) = state.withLock { $0.next(at: now) }
    switch next {
    case .closed: return false
    case .ask(let queries, let client): ask(queries, of: client)
    case .connect: connect()
    case .nothing: break
    }
    if let pause {
      _ = kick.wait(atMost: pause)
    } else {
      kick.wait()
    }
    // What one frame looks at comes in one piece.
    usleep(1000)
    return true
  }

  private func connect() {
    let client: ControlClient
    do throws(ControlProblem) {
      client = try ControlClient(to: path)
    } catch {
      let words: String
      switch error {
      case .refused(let why): words = "it is back, and says: \(why)"
      case .forbidden(let why): words = why
      case .unreachable, .lost, .notUnderstood: return
      }
      state.withLock { $0.link = .lost(since: $0.lostSince, why: words) }
      tellObservers()
      return
    }
    let isWanted = state.withLock { state in
      guard !state.isClosed else { return false }
      state.link = .returning(client, since: state.lostSince)
      state.welcome = client.welcome
      state.epoch += 1
      state.missing = state.inFrame.isEmpty ? [.header] : state.inFrame
      state.underWay = Set(state.missing.map(\.family))
      return true
    }
    guard isWanted else { return client.close() }
    listen(to: client)
    tellObservers()
    kick.signal()
  }
}

extension RemoteDoor {
  fileprivate enum Next: Sendable {
    case closed
    case connect
    case ask([Query], ControlClient)
    case nothing
  }
}

extension RemoteDoor.State {
  /// What is on the screen, as far as is known: the queries of the frame that is being made and of the one before.
  var inFrame: [Query] {
    let families = Set(frame.map(\.family))
    return Array((frame + frameBefore.filter { !families.contains($0.family) }).suffix(24))
  }

  /// Since when the link is not as it should be.
  var lostSince: Date {
    switch link {
    case .connected: .now
    case .returning(_, let since), .lost(let since, _): since
    }
  }

  mutating func look(at query: Query) {
    frame.removeAll { $0.family == query.family }
    frame.append(query)
  }

  /// Puts a query in a line, unless it is under way; says whether it is new there.
  mutating func want(
    _ query: Query,
    in line: WritableKeyPath<RemoteDoor.State, [Query]>
  ) -> Bool {
    guard link.client != nil, !underWay.contains(query.family) else { return false }
    let isNew = !self[keyPath: line].contains { $0.family == query.family }
    self[keyPath: line].removeAll { $0.family == query.family }
    self[keyPath: line].append(query)
    return isNew
  }

  mutating func wakeSleepers() {
    for sleeper in sleepers { sleeper.signal() }
    sleepers = []
  }

  /// What to do now, and after how long to ask again without being kicked; nil: not before.
  mutating func next(at now: Duration) -> (RemoteDoor.Next, Duration?) {
    if isClosed { return (.closed, nil) }
    guard let client = link.client else { return (.connect, RemoteDoor.pause) }
    let due = refreshedAt + RemoteDoor.refreshPause
    guard !missing.isEmpty || (!stale.isEmpty && now >= due) else {
      return (.nothing, stale.isEmpty ? nil : due - now)
    }
    let families = Set(missing.map(\.family))
    let queries = missing + stale.filter { !families.contains($0.family) }
    let asked = Array(queries.prefix(ServedPeer.lookLimit))
    missing = []
    stale = Array(queries.dropFirst(asked.count))
    refreshedAt = now
    underWay.formUnion(asked.map(\.family))
    return (.ask(asked, client), stale.isEmpty ? nil : RemoteDoor.refreshPause)
  }
}

/// The instance's clock as it can be told from here: by the answer that was fastest lately.
struct InstanceClock: Sendable {
  private var offset: Double?
  private var trip = Duration.zero
  private var at = Duration.zero

  static let memory = Duration.seconds(60)

  mutating func note(_ time: Date, sentAt: Duration, arrivedAt: Duration) {
    let trip = arrivedAt - sentAt
    guard offset == nil || trip <= self.trip || arrivedAt - at > Self.memory else { return }
    self.trip = trip
    at = arrivedAt
    // It was read somewhere between sending and arriving.
    offset = time.timeIntervalSinceReferenceDate - (sentAt + trip / 2) / .seconds(1)
  }

  func time(at now: Duration) -> Date? {
    offset.map { Date(timeIntervalSinceReferenceDate: $0 + now / .seconds(1)) }
  }
}

extension Header {
  /// Whether it says something else, besides the time.
  fileprivate func differs(from other: Header?) -> Bool {
    guard var other else { return true }
    other.now = now
    other.seq = seq
    return self != other
  }
}
