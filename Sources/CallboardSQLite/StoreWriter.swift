import Callboard
import Foundation
import GRDB
import JSONSchema
import Synchronization

/// The thread that writes: it commits what has gathered, so that many changes share one wait for the disk.
///
/// What it has taken it stores, if need be when a fault is over; only revocable changes are handed back.
final class StoreWriter: CommitGate {
  /// A change in line.
  struct Item: Sendable {
    var change: StoreChange
    /// Its run as it will stand in the file.
    var runForm = Data()
    var position: UInt64
  }

  private struct Waiter {
    var position: UInt64
    /// Waits no longer than until the store fails.
    var isImpatient: Bool
    var gate: OneShot<Void>
  }

  private struct State {
    var line: [Item] = []
    /// Of the last change that was taken.
    var position: UInt64 = 0
    /// Of the last change that is on disk, or was withdrawn.
    var durable: UInt64 = 0
    /// Somebody waits: what has gathered is to be written at once.
    var isUrgent = false
    var isClosing = false
    var fault: StoreFault?
    /// Damage that was met in reading: until the file is opened anew, nothing more is taken.
    var damage: StoreFault?
    /// Kept also when the fault is over: whoever brought one may ask late.
    var withdrawn: [UInt64: StoreFault] = [:]
    var waiters: [Waiter] = []
    var followers: [Int: @Sendable (EngineEvent) -> Void] = [:]
    var nextFollower = 0
    var tell: (@Sendable (StoreNews) -> Void)?
    var overlay = StoreOverlay()
    var sequence: Int
    var callTotal: Int
  }

  /// How long a change that nobody waits for may gather others.
  private static let gathering = Duration.milliseconds(50)
  /// How long the thread stays awake after a batch that somebody waited for.
  private static let alertness = Duration.microseconds(200)
  /// So many changes are written without gathering more.
  private static let enough = 512
  /// How many changes one commit takes at most.
  private static let batchLimit = 8192
  /// With more changes in line than this, whoever brings one waits until it is on disk.
  private static let pressing = 16_384
  /// Seconds after which a store that fails is tried again.
  private static let retry = 0.5

  private let state: Mutex<State>
  private let work = MonotonicSemaphore()
  private let hurry = MonotonicSemaphore()
  private let finished = MonotonicSemaphore()
  private let file: StoreFile

  init(_ file: StoreFile, head: StoreHead, callTotal: Int) {
    self.file = file
    state = Mutex(State(sequence: head.sequence, callTotal: callTotal))
    let thread = Thread { [self] in run(from: head) }
    thread.name = "callboard.store"
    thread.qualityOfService = .userInitiated
    thread.start()
  }

  // MARK: - Taking changes

  func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    enum Answer {
      case refused(StoreFault)
      case taken(UInt64, isFirst: Bool, hurries: Bool, isPressing: Bool)
    }
    let runForm = try form(of: change.run)
    let answer = state.withLock { state -> Answer in
      if let fault = state.fault ?? state.damage { return .refused(fault) }
      if state.isClosing { return .refused(StoreFault("the store is closed")) }
      state.position += 1
      state.line.append(Item(change: change, runForm: runForm, position: state.position))
      state.overlay.put(change, at: state.position)
      let isNewlyUrgent = change.isAwaited && !state.isUrgent
      if isNewlyUrgent { state.isUrgent = true }
      return .taken(
        state.position,
        isFirst: state.line.count == 1,
        hurries: isNewlyUrgent || state.line.count == Self.enough,
        isPressing: state.line.count > Self.pressing
      )
    }
    switch answer {
    case .refused(let fault): throw fault
    case .taken(let position, let isFirst, let hurries, let isPressing):
      if isFirst { work.signal() }
      if hurries { hurry.signal() }
      return CommitTicket(position, at: self, isPressing: isPressing)
    }
  }

  /// A run is long and changes with each of its steps: whoever brings it writes it out, not the one thread of all.
  private func form(of change: RunChange?) throws(StoreFault) -> Data {
    guard let change else { return Data() }
    do {
      return Data(try StoredForm.bytes(of: change.run))
    } catch {
      throw StoreFault(error, at: file.path)
    }
  }

  func durable(_ position: UInt64) async throws(StoreFault) {
    await wait(for: position, isImpatient: false)
    let fault = state.withLock { $0.withdrawn[position] }
    if let fault { throw fault }
  }

  func fault(before position: UInt64) async -> StoreFault? {
    await wait(for: position, isImpatient: true)
    return state.withLock { state in
      state.withdrawn[position] ?? (state.durable >= position ? nil : state.fault)
    }
  }

  func withdrawal(of position: UInt64) -> StoreFault? { state.withLock { $0.withdrawn[position] } }

  private func wait(for position: UInt64, isImpatient: Bool) async {
    let gate = OneShot<Void>()
    let (isDone, isFirst) = state.withLock { state -> (Bool, Bool) in
      let isKnown = state.durable >= position || state.withdrawn[position] != nil
      if isKnown || isImpatient && state.fault != nil { return (true, false) }
      state.waiters.append(Waiter(position: position, isImpatient: isImpatient, gate: gate))
      defer { state.isUrgent = true }
      return (false, !state.isUrgent)
    }
    if isFirst { hurry.signal() }
    if !isDone { await gate.value }
  }

  func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) {
    state.withLock { $0.tell = handler }
  }

  func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    let key = state.withLock { state in
      state.nextFollower += 1
      state.followers[state.nextFollower] = follower
      return state.nextFollower
    }
    return ObservationToken { [weak self] in
      self?.state.withLock { state in _ = state.followers.removeValue(forKey: key) }
    }
  }

  // MARK: - Reading what is in line

  /// Sequence number of the last event on disk.
  var sequence: Int { state.withLock { $0.sequence } }

  /// What is in line, and how many calls are on disk: taken together, before the file is read.
  var overlay: (StoreOverlay, callTotal: Int) { state.withLock { ($0.overlay, $0.callTotal) } }

  func call(_ id: CallID) -> StoreOverlay.Entry? { state.withLock { $0.overlay.calls[id] } }

  func conversation(_ id: ConversationID) -> Conversation? {
    state.withLock { $0.overlay.conversations[id]?.conversation }
  }

  func run(_ id: RunID) -> RunChange? { state.withLock { $0.overlay.runs[id]?.change } }

  /// Tells that the file could not be read; `isLasting` where it will not get better by itself.
  func failedToRead(_ fault: StoreFault, isLasting: Bool) {
    let tell = state.withLock { state in
      let isNew = isLasting && state.damage == nil
      if isNew { state.damage = fault }
      return isNew || !isLasting ? state.tell : nil
    }
    // Whoever reads may hold locks that are needed to take it in.
    guard let tell else { return }
    Thread.detachNewThread { tell(.fails(fault)) }
  }

  // MARK: - Writing

  private func run(from head: StoreHead) {
    var head = head
    var memory = StoreMemory()
    var lastTrim = ContinuousClock.now
    var isAwake = false
    while true {
      let isDue = (isAwake && comesSoon()) || work.wait(atMost: .seconds(30))
      if isDue { gather() }
      let (items, isClosing) = state.withLock { state -> ([Item], Bool) in
        // Whoever waited for this batch mostly brings the next change at once.
        isAwake = state.isUrgent
        state.isUrgent = false
        return (Array(state.line.prefix(Self.batchLimit)), state.isClosing)
      }
      if !items.isEmpty {
        guard write(items, &head, &memory) else {
          if !waitOut(&head, &memory) { break }
          continue
        }
      }
      if isClosing, state.withLock({ $0.line.isEmpty }) { break }
      if ContinuousClock.now - lastTrim > .seconds(10) {
        // Where there is more to delete, that is done soon.
        lastTrim = trim().hasMore ? lastTrim : .now
      }
    }
    finished.signal()
  }

  /// Deletes a part of what is kept no longer.
  func trim() -> SQLiteStore.Retention.Trimmed {
    let trimmed = file.trim()
    state.withLock { $0.callTotal -= trimmed.calls }
    return trimmed
  }

  /// Looks for work without sleeping, for about as long as being woken up would take.
  private func comesSoon() -> Bool {
    let end = ContinuousClock.now + Self.alertness
    while ContinuousClock.now < end {
      if work.poll() { return true }
    }
    return false
  }

  /// Waits for more, unless somebody waits for what there is, or there is enough.
  private func gather() {
    // What hurried the last round is no reason to hurry this one.
    while hurry.poll() {}
    let isEnough = state.withLock { $0.isUrgent || $0.isClosing || $0.line.count >= Self.enough }
    if !isEnough { _ = hurry.wait(atMost: Self.gathering) }
  }

  /// Writes changes in one transaction; false when that failed.
  private func write(_ items: [Item], _ head: inout StoreHead, _ memory: inout StoreMemory) -> Bool
  {
    do {
      let hasFollowers = state.withLock { !$0.followers.isEmpty }
      let written = try file.write(items, after: head, &memory, keepsEvents: hasFollowers)
      head = written.head
      done(items, written)
      return true
    } catch {
      memory = StoreMemory()
      failed(StoreFault(error, at: file.path))
      return false
    }
  }

  private func done(_ items: [Item], _ written: StoreFile.Written) {
    typealias Told = ([OneShot<Void>], (@Sendable (StoreNews) -> Void)?, hasMore: Bool)
    let (waiters, tell, hasMore) = state.withLock { state -> Told in
      let last = items.last?.position ?? state.durable
      state.line.removeFirst(items.count)
      state.durable = last
      state.sequence = written.head.sequence
      state.callTotal += written.newCalls
      state.overlay.remove(upTo: last)
      for event in written.events {
        for follower in state.followers.values { follower(event) }
      }
      let ready = state.waiters.filter { $0.position <= last }.map(\.gate)
      state.waiters.removeAll { $0.position <= last }
      defer { state.fault = nil }
      let isOver = state.fault != nil && state.damage == nil
      return (ready, isOver ? state.tell : nil, !state.line.isEmpty)
    }
    // What came meanwhile was not the first in line, so nobody else has said that there is work.
    if hasMore { work.signal() }
    for waiter in waiters { waiter.resolve(()) }
    tell?(.works)
  }

  /// Hands back what may be taken back; everything else stays in line.
  private func failed(_ fault: StoreFault) {
    let (back, isNew, tell) = state.withLock { state in
      let isNew = state.fault != fault
      if state.fault == nil, state.withdrawn.count > Self.pressing { state.withdrawn = [:] }
      state.fault = fault
      var back: [Item] = []
      for index in state.line.indices.reversed() {
        let item = state.line[index]
        guard item.change.isRevocable, state.overlay.isLast(item) else { continue }
        state.line.remove(at: index)
        state.overlay.withdraw(item, leaving: state.line)
        back.append(item)
      }
      return (back, isNew, state.tell)
    }
    if isNew { tell?(.fails(fault)) }
    for item in back { tell?(.withdrawn(item.change)) }
    let waiters = state.withLock { state -> [OneShot<Void>] in
      let positions = Set(back.map(\.position))
      for position in positions { state.withdrawn[position] = fault }
      func isOver(_ waiter: Waiter) -> Bool {
        waiter.isImpatient || positions.contains(waiter.position)
      }
      let ready = state.waiters.filter(isOver).map(\.gate)
      state.waiters.removeAll(where: isOver)
      return ready
    }
    for waiter in waiters { waiter.resolve(()) }
  }

  /// Tries until the store takes what is in line, or an empty commit; false when it is closed first.
  private func waitOut(_ head: inout StoreHead, _ memory: inout StoreMemory) -> Bool {
    while true {
      Thread.sleep(forTimeInterval: Self.retry)
      let (items, isClosing) = state.withLock { ($0.line, $0.isClosing) }
      if write(items, &head, &memory) { return !isClosing }
      if isClosing { return false }
    }
  }

  /// Writes what is in line and ends the thread; returns the fault where something of it was lost.
  func close() -> StoreFault? {
    let isFirst = state.withLock { state in
      defer { state.isClosing = true }
      return !state.isClosing
    }
    guard isFirst else { return nil }
    work.signal()
    hurry.signal()
    finished.wait()
    return state.withLock { $0.line.isEmpty ? nil : $0.fault }
  }
}
