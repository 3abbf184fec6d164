import Callboard
import Synchronization

/// A store in memory that a test can make fail, as a full disk does.
public final class FaultyStore: Store {
  private let store = InMemoryStore()
  private let fault = Mutex<StoreFault?>(nil)

  public init() {}

  /// From now on nothing can be stored; nil: everything can.
  public func fail(_ fault: StoreFault?) { self.fault.withLock { $0 = fault } }

  public var name: String { store.name }
  public var commitsAtOnce: Bool { store.commitsAtOnce }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    if let fault = fault.withLock({ $0 }) { throw fault }
    return try store.commit(change)
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
