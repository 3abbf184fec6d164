import Callboard
import Dispatch
import Foundation
import JSONSchema
import Synchronization

/// One connection, served: greets, reads what is asked, and answers in the order in which answers come.
final class ServedPeer: Sendable {
  private struct State {
    var observation: ObservationToken?
    var following: ObservationToken?
    /// The peer has looked since it was last told that something changed.
    var isArmed = false
    var events: [EngineEvent] = []
    var lost = 0
    /// As whom the peer was greeted, or told since; nil: it is not let in yet.
    var told: Principal?
  }

  private let channel: FrameChannel
  let identity: Peer
  private let server: ControlServer
  private let engine: Engine
  private let state = Mutex(State())
  /// One for each thing that may be asked before the answer to another is there.
  private let slots = MonotonicSemaphore()
  /// What was asked for and is not answered.
  private let open = Atomic(0)

  /// What a peer may have asked for at one time; more is read when something of it is answered.
  static let askLimit = 64
  /// Queries in one look.
  static let lookLimit = 64
  /// Events that wait for a follower that takes none; older ones are then left out and counted.
  static let eventLimit = 10_000
  /// For the greeting.
  static let greetingPatience = Duration.seconds(5)

  init(_ channel: FrameChannel, _ identity: Peer, of server: ControlServer) {
    self.channel = channel
    self.identity = identity
    self.server = server
    engine = server.engine
    for _ in 0..<Self.askLimit { slots.signal() }
  }

  /// Who it is and what it may do now: asked again each time, because a reload may change it.
  private var principal: Principal { server.principal(of: identity) }

  static func refuse(_ channel: FrameChannel, _ why: String) {
    channel.post { ["refused": .string(why)] }
    channel.finish()
  }

  func dismiss(_ farewell: String) {
    answer(.goodbye(farewell))
    channel.finish()
  }

  func cut() { channel.cut() }

  /// Whether something that was asked for is not answered.
  var isAsked: Bool { open.load(ordering: .sequentiallyConsistent) > 0 }

  /// Serves until the peer hangs up or does what it may not.
  func serve() {
    defer { forget() }
    do throws(FrameChannel.Fault) {
      guard try greet() else { return }
      let limit = ControlProtocol.askLimit(maxArgumentBytes: engine.configuration.maxArgumentBytes)
      while true {
        let frame = try channel.read(limit: limit)
        guard let ask = try? frame.decode(as: Ask.self) else {
          Self.refuse(
            channel,
            "what came is nothing that version \(ControlProtocol.version) of the control protocol has; use the "
              + "callboard that runs here"
          )
          return
        }
        while !slots.wait(atMost: .seconds(1)) {
          if channel.isClosed { return }
        }
        take(ask)
      }
    } catch {
      switch error {
      case .closed: channel.cut()
      case .outOfTime: Self.refuse(channel, "a message that had begun did not come to its end")
      case .tooLong(let count, let limit):
        Self.refuse(
          channel,
          "a message of \(count) bytes was announced, and it may have \(limit); this is callboard's control socket"
        )
      case .notJSON(let why): Self.refuse(channel, "a message is not JSON: \(why)")
      }
    }
  }

  private func forget() {
    let tokens = state.withLock { state in
      defer {
        state.observation = nil
        state.following = nil
        state.events = []
      }
      return (state.observation, state.following)
    }
    // They end after this, outside of the lock that their calls take.
    withExtendedLifetime(tokens) {}
  }

  private func greet() throws(FrameChannel.Fault) -> Bool {
    let greeting = try channel.read(
      limit: ControlProtocol.greetingLimit,
      within: Self.greetingPatience
    )
    guard let version = greeting["callboard"]?.intValue else {
      Self.refuse(
        channel,
        "this is callboard's control socket, and a peer has to say first which version of its protocol it speaks"
      )
      return false
    }
    guard version == ControlProtocol.version else {
      Self.refuse(
        channel,
        "this instance speaks version \(ControlProtocol.version) of the control protocol and you speak \(version); use "
          + "the callboard that it was started with"
      )
      return false
    }
    let principal = principal
    guard !principal.roles.isEmpty else {
      Self.refuse(
        channel,
        "\(principal.name) (user id \(identity.uid)) has no role here; whoever runs it has to add that user id to "
          + "operators"
      )
      return false
    }
    let welcome = Welcome(
      instance: server.instance,
      name: engine.configuration.name,
      pid: getpid(),
      you: principal
    )
    state.withLock { $0.told = principal }
    channel.post { (try? JSONValue(encoding: welcome)) ?? .null }
    // Its roles may have changed while it was greeted.
    tellWhoItIs()
    return true
  }

  /// Tells the peer who it is, where that is somebody else than it was told last.
  func tellWhoItIs() {
    let principal = principal
    let isNew = state.withLock { state in
      guard let told = state.told, told != principal else { return false }
      state.told = principal
      return true
    }
    guard isNew else { return }
    answer(.you(principal))
    guard !principal.mayLook else { return }
    let following = state.withLock { state in
      defer {
        state.following = nil
        state.events = []
      }
      return state.following
    }
    // It had asked for all that comes, and is asked about nothing more.
    if following != nil { dismiss("\(principal.name) may not look there any more") }
  }

  // MARK: - Answering

  private func answer(_ answer: Answer) { channel.post { Self.frame(answer) } }

  /// Answers, and lets the peer ask for one thing more.
  private func finish(_ make: @escaping @Sendable () -> Answer) {
    let isOpen = channel.post { [slots] in
      defer { slots.signal() }
      return Self.frame(make())
    }
    if !isOpen { slots.signal() }
    open.subtract(1, ordering: .sequentiallyConsistent)
  }

  private static func frame(_ answer: Answer) -> JSONValue {
    do {
      return try JSONValue(encoding: answer)
    } catch {
      let failed = Answer.failed(
        id: answer.id ?? 0,
        "the answer can't be written: \(error)"
      )
      return (try? JSONValue(encoding: failed)) ?? .null
    }
  }

  private func take(_ ask: Ask) {
    open.add(1, ordering: .sequentiallyConsistent)
    let principal = principal
    switch ask {
    case .look(let id, let looks):
      guard let allowed = allowed(looks, of: id, for: principal) else { return }
      finish { [self] in .looked(id: id, sights(allowed)) }
    case .request(let id, let request, let looks):
      guard looks.count <= Self.lookLimit else { return tooMany(id) }
      guard request.hasPossibleNames else { return tooLong(id) }
      Task {
        let reply = await engine.perform(request, by: principal)
        finish { [self] in .replied(id: id, reply, principal.mayLook ? sights(looks) : nil) }
      }
    case .reveal(let id, let call):
      Task {
        // What is shown of originals, and to whom, is decided and put on record there.
        switch await engine.reveal(call, by: principal) {
        case .originals(let originals): finish { .revealed(id: id, originals.wire) }
        case .refused(let why): finish { .notRevealed(id: id, why) }
        }
      }
    case .call(let id, let function, let arguments):
      guard Bounds.isName(function) else { return tooLong(id) }
      Task { await call(function, arguments, by: principal, as: id) }
    case .simulate(let id, let function, let arguments, let caller):
      guard principal.mayLook else { return mayNotLook(id, principal) }
      guard Bounds.isName(function), caller.map(Bounds.isName) ?? true else { return tooLong(id) }
      finish { [self] in simulated(function, arguments, by: caller, or: principal, as: id) }
    case .follow(let id):
      guard principal.mayLook else { return mayNotLook(id, principal) }
      follow()
      finish { .follows(id: id) }
    }
  }

  private func mayNotLook(_ id: Int, _ principal: Principal) {
    finish {
      .failed(
        id: id,
        "that takes the role viewer or operator, and \(principal.name) has neither"
      )
    }
  }

  private func tooMany(_ id: Int) {
    finish { .failed(id: id, "more than \(Self.lookLimit) queries in one look") }
  }

  private func tooLong(_ id: Int) {
    finish { .failed(id: id, "a name of more than \(Bounds.name) bytes names nothing") }
  }

  // MARK: - Looking

  private func allowed(_ looks: [Look], of id: Int, for principal: Principal) -> [Look]? {
    guard principal.mayLook else {
      mayNotLook(id, principal)
      return nil
    }
    guard looks.count <= Self.lookLimit else {
      tooMany(id)
      return nil
    }
    let isNew = state.withLock { state in
      defer { state.isArmed = true }
      return state.observation == nil
    }
    if isNew {
      let token = engine.observe { [weak self] in self?.noticeChange() }
      state.withLock { $0.observation = token }
    }
    return looks
  }

  /// Called by the engine at every change until somebody looks: says so once.
  private func noticeChange() {
    let isTold = state.withLock { state in
      defer { state.isArmed = false }
      return !state.isArmed
    }
    if !isTold { answer(.changed) }
  }

  /// Made when its turn to be written has come: as of then, and one at a time.
  private func sights(_ looks: [Look]) -> Sights {
    state.withLock { $0.isArmed = true }
    var header: Header?
    var room = ControlProtocol.answerLimit - (1 << 20)
    let bodies = looks.map { look -> Sights.Sight in
      let snapshot = engine.snapshot(of: look.query.bounded.asked(by: principal))
      header = snapshot.header
      let bytes =
        ((try? JSONValue(encoding: snapshot.body))?.serializedBytes() ?? [])
        + ((try? JSONValue(encoding: snapshot.definitions))?.serializedBytes() ?? [])
      let mark = Self.mark(of: bytes)
      guard mark != look.have else { return .same }
      guard bytes.count <= room else {
        return .withheld("it is longer than the \(ControlProtocol.answerLimit) bytes of an answer")
      }
      room -= bytes.count
      return .body(snapshot.body, snapshot.definitions, mark: mark)
    }
    return Sights(header: header ?? engine.snapshot(of: .header).header, bodies: bodies)
  }

  /// Tells one body from another; keyed anew in each process, so that nobody can make two that are alike.
  private static func mark(of bytes: [UInt8]) -> String {
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return String(UInt(bitPattern: hasher.finalize()), radix: 36)
  }

  // MARK: - Calls

  private func call(
    _ function: String,
    _ arguments: String,
    by principal: Principal,
    as id: Int
  ) async {
    let submission = await engine.submit(function, text: arguments, by: principal)
    let call = submission.id
    let outcome: CallOutcome?
    switch submission {
    case .finished(_, let end): outcome = end
    case .pending: outcome = await end(of: call, telling: id)
    }
    guard let outcome else {
      return finish { .failed(id: id, "the call \(call) has ended, and is kept no longer") }
    }
    let detail = engine.snapshot(of: .call(call)).callDetail
    var ended = EndedCall(call: call)
    ended.state = detail?.row.state
    ended.effect = detail?.row.effect
    ended.source = outcome.source
    ended.failure = outcome.failure
    ended.errorOutput = detail?.call.attempts.last.flatMap {
      detail?.call.errorOutput(of: $0.number)
    }
    if let payload = outcome.value {
      ended.result = await result(payload, of: call, for: principal)
    }
    finish { [ended] in .ended(id: id, ended) }
  }

  /// Waits for the end of a call, and tells the peer what it waits for.
  private func end(of call: CallID, telling id: Int) async -> CallOutcome? {
    let isUnknown = Atomic(false)
    let tellUnknown: @Sendable () -> Void = { [self] in
      guard !isUnknown.exchange(true, ordering: .relaxed) else { return }
      answer(.waits(id: id, call, .unknown))
    }
    let token = engine.follow { event in
      if event.call?.id == call, event.type == .call(.unknown) { tellUnknown() }
    }
    let state = engine.snapshot(of: .call(call)).callDetail?.row.state
    if state == .unknown {
      tellUnknown()
    } else {
      answer(.waits(id: id, call, state ?? .awaitingApproval))
    }
    let outcome = await engine.outcome(of: call)
    withExtendedLifetime(token) {}
    return outcome
  }

  /// The answer to what would become of a call; nothing of it happens.
  private func simulated(
    _ function: String,
    _ arguments: String,
    by name: String?,
    or principal: Principal,
    as id: Int
  ) -> Answer {
    var caller = principal
    if let name {
      switch server.asking(name) {
      case .success(let known): caller = known
      case .failure(let unknown): return .nobody(id: id, unknown.description)
      }
    }
    return .simulated(id: id, engine.simulate(function, text: arguments, by: caller))
  }

  /// What of a result is told: secrets only to whom they may be revealed, and then that is on record.
  private func result(
    _ payload: Payload,
    of call: CallID,
    for principal: Principal
  ) async -> JSONValue {
    guard payload.hasSecrets, principal.mayReveal,
      case .originals(let originals) = await engine.reveal(call, by: principal)
    else { return payload.shown }
    return originals.result ?? payload.shown
  }

  // MARK: - Following

  private func follow() {
    guard state.withLock({ $0.following == nil }) else { return }
    let token = engine.follow { [weak self] event in self?.add(event) }
    state.withLock { $0.following = token }
  }

  /// Called under the store's lock.
  private func add(_ event: EngineEvent) {
    let isFirst = state.withLock { state in
      if state.events.count >= Self.eventLimit {
        state.lost += state.events.count
        state.events = []
        state.events.append(event)
        return false
      }
      state.events.append(event)
      return state.events.count == 1
    }
    guard isFirst else { return }
    channel.post { [self] in
      let (events, lost) = takeEvents()
      return Self.frame(.events(events.map(\.json), lost: lost))
    }
  }

  private func takeEvents() -> ([EngineEvent], Int) {
    state.withLock { state in
      defer {
        state.events = []
        state.lost = 0
      }
      return (state.events, state.lost)
    }
  }
}

extension Snapshot {
  var callDetail: CallDetail? {
    if case .call(let detail) = body { detail } else { nil }
  }
}

extension Query {
  /// The same for whoever asks, whatever name came with it.
  fileprivate func asked(by person: Principal) -> Query {
    guard case .grantPreview(let draft, _) = self else { return self }
    return .grantPreview(draft, by: person)
  }
}
