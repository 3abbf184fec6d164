import Callboard
import Foundation
import Synchronization

/// A store in memory that a test can make fail, as a full disk does.
public final class FaultyStore: Store {
  private struct Fault {
    var fault: StoreFault?
    /// How many commits still go through.
    var left = 0
    /// Taken while it failed, and stored when it works: of a store that fails late.
    var line: [StoreChange] = []
    var position: UInt64 = 0
    var tell: (@Sendable (StoreNews) -> Void)?
  }

  private let store = InMemoryStore()
  private let state = Mutex(Fault())
  private let gate = Gate()
  private let failsLate: Bool

  /// One that `failsLate` takes the commit it fails at, and says only afterwards that it could not be stored; those that
  /// come after it are not taken.
  public init(failsLate: Bool = false) { self.failsLate = failsLate }

  /// From now on, or after so many commits, nothing can be stored; nil: everything can.
  public func fail(_ fault: StoreFault?, after commits: Int = 0) {
    let (line, tell) = state.withLock { state in
      state.fault = fault
      state.left = commits
      defer { if fault == nil { state.line = [] } }
      return (fault == nil ? state.line : [], state.tell)
    }
    guard fault == nil, failsLate else { return }
    for change in line { _ = try? store.commit(change) }
    gate.open()
    tell?(.works)
  }

  public var name: String { store.name }
  public var commitsAtOnce: Bool { !failsLate }
  public let isLasting = true

  public func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) {
    state.withLock { $0.tell = handler }
  }

  private enum Fate {
    case passes
    case fails(StoreFault)
    /// Taken, and then withdrawn or kept in line.
    case late(StoreFault, UInt64, (@Sendable (StoreNews) -> Void)?)
  }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    let fate = state.withLock { state -> Fate in
      guard let fault = state.fault else { return .passes }
      if state.left > 0 {
        state.left -= 1
        return .passes
      }
      // The first is met by surprise; from then on the store knows that it fails.
      guard failsLate, state.line.isEmpty, !gate.hasFailed else { return .fails(fault) }
      state.position += 1
      if change.isRevocable { gate.fail(state.position, fault) } else { state.line.append(change) }
      return .late(fault, state.position, state.tell)
    }
    switch fate {
    case .passes:
      let ticket = try store.commit(change)
      return failsLate ? CommitTicket(0, at: gate) : ticket
    case .fails(let fault): throw fault
    case .late(let fault, let position, let tell):
      // As a writer does, from another thread and after the engine has let go of its lock.
      Task {
        tell?(.fails(fault))
        if change.isRevocable { tell?(.withdrawn(change)) }
        gate.told(position, fault)
      }
      return CommitTicket(position, at: gate)
    }
  }

  /// Lets waiters through when the fault is over, and tells those whose change was withdrawn at once.
  private final class Gate: CommitGate {
    private struct State {
      var waiters: [OneShot<Void>] = []
      var failed: [UInt64: StoreFault] = [:]
      var told: Set<UInt64> = []
      var waiting: [UInt64: OneShot<Void>] = [:]
      var impatient: [UInt64: [OneShot<Void>]] = [:]
      /// Why nothing is stored, once that is told.
      var fault: StoreFault?
      var isOpen = true
    }

    private let state = Mutex(State())

    var hasFailed: Bool { state.withLock { !$0.isOpen } }

    func fail(_ position: UInt64, _ fault: StoreFault) {
      state.withLock { state in
        state.failed[position] = fault
        state.isOpen = false
      }
    }

    func told(_ position: UInt64, _ fault: StoreFault) {
      let waiters = state.withLock { state in
        state.isOpen = false
        state.fault = fault
        state.told.insert(position)
        var ready = state.impatient.removeValue(forKey: position) ?? []
        if state.failed[position] != nil, let waiter = state.waiting.removeValue(forKey: position) {
          ready.append(waiter)
        }
        return ready
      }
      for waiter in waiters { waiter.resolve(()) }
    }

    func withdrawal(of position: UInt64) -> StoreFault? {
      state.withLock { $0.told.contains(position) ? $0.failed[position] : nil }
    }

    func fault(before position: UInt64) async -> StoreFault? {
      guard position > 0 else { return nil }
      let waiter = OneShot<Void>()
      state.withLock { state in
        if state.told.contains(position) {
          waiter.resolve(())
        } else {
          state.impatient[position, default: []].append(waiter)
        }
      }
      await waiter.value
      return state.withLock { $0.failed[position] ?? ($0.isOpen ? nil : $0.fault) }
    }

    func open() {
      let waiters = state.withLock { state in
        state.isOpen = true
        defer { state.waiters = [] }
        return state.waiters
      }
      for waiter in waiters { waiter.resolve(()) }
    }

    func durable(_ position: UInt64) async throws(StoreFault) {
      guard position > 0 else { return }
      let waiter = OneShot<Void>()
      let fault = state.withLock { state -> StoreFault? in
        let fault = state.failed[position]
        if fault != nil {
          if state.told.contains(position) {
            waiter.resolve(())
          } else {
            state.waiting[position] = waiter
          }
        } else if state.isOpen, state.told.contains(position) {
          waiter.resolve(())
        } else {
          state.waiters.append(waiter)
        }
        return fault
      }
      await waiter.value
      if let fault { throw fault }
    }
  }

  public var doubt: String? { store.doubt }
  public func lookUp(_ id: CallID) -> Call? { store.lookUp(id) }
  public func call(_ id: CallID) -> Call? { store.call(id) }
  public func calls(_ query: HistoryQuery) -> HistoryPage<Call> { store.calls(query) }
  public func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    store.lastSucceeded(function, limit: limit)
  }

  public func lastDecided(_ function: String, before id: CallID) -> Call? {
    store.lastDecided(function, before: id)
  }
  public func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    store.twin(key, besides: id, since: time)
  }
  public func twins(since time: Date, limit: Int) -> StoredTwins {
    store.twins(since: time, limit: limit)
  }
  public func conversation(_ id: ConversationID) -> Conversation? { store.conversation(id) }
  public func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    store.conversations(query)
  }
  public func run(_ id: RunID) -> RunChange? { store.run(id) }
  public func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> { store.runs(query) }
  public var lastSequence: Int { store.lastSequence }

  public func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    store.events(after: sequence, limit: limit)
  }

  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    store.follow(follower)
  }

  public func unfinished() -> Unfinished { store.unfinished() }
  public func sealed(_ id: CallID) -> [UInt8]? { store.sealed(id) }
}
