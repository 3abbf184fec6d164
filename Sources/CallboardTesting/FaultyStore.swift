import Callboard
import Synchronization

/// A store in memory that a test can make fail, as a full disk does.
public final class FaultyStore: Store {
  private struct Fault {
    var fault: StoreFault?
    /// How many commits still go through.
    var left = 0
  }

  private let store = InMemoryStore()
  private let state = Mutex(Fault())
  private let failsLate: Bool

  /// One that `failsLate` takes a commit, and says only afterwards that it could not be stored.
  public init(failsLate: Bool = false) { self.failsLate = failsLate }

  /// From now on, or after so many commits, nothing can be stored; nil: everything can.
  public func fail(_ fault: StoreFault?, after commits: Int = 0) {
    state.withLock { $0 = Fault(fault: fault, left: commits) }
  }

  public var name: String { store.name }
  public var commitsAtOnce: Bool { !failsLate }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    let fault = state.withLock { state -> StoreFault? in
      guard state.fault != nil, state.left > 0 else { return state.fault }
      state.left -= 1
      return nil
    }
    guard let fault else { return try store.commit(change) }
    guard failsLate else { throw fault }
    let written = OneShot<StoreFault?>()
    written.resolve(fault)
    return CommitTicket(written: written)
  }

  public func call(_ id: CallID) -> Call? { store.call(id) }
  public func eachCall(_ body: (Call) -> Bool) { store.eachCall(body) }
  public var callCount: Int { store.callCount }
  public func conversation(_ id: ConversationID) -> Conversation? { store.conversation(id) }
  public func eachConversation(_ body: (Conversation) -> Bool) { store.eachConversation(body) }
  public var conversationCount: Int { store.conversationCount }
  public var lastSequence: Int { store.lastSequence }

  public func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    store.events(after: sequence, limit: limit)
  }

  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    store.follow(follower)
  }
}
