import Foundation
import JSONSchema
import Synchronization

/// Which of the conversations that whoever starts an engine has begun once and for all.
///
/// On the store with the conversation itself, and kept longer than it: a restart begins none of them a second time.
final class BegunConversations: Sendable {
  let state = Mutex<[String: ConversationID]>([:])
}

extension Engine {
  /// The conversation that began on this store under a name of `Conversation.Setup.plan`; nil: none has.
  public func begun(_ plan: String) -> ConversationID? {
    let name = redactor.redact(said: plan)
    return begunConversations.state.withLock { $0[name] }
  }

  /// Takes note that a conversation which does not say so itself is the one of this name.
  public func note(_ id: ConversationID, asBegun plan: String) {
    commit(events: [], settings: noting(id, asBegun: redactor.redact(said: plan)))
  }

  /// What has to be stored of it.
  func noting(_ id: ConversationID, asBegun name: String) -> [String: JSONValue] {
    begunConversations.state.withLock { $0[name] = id }
    return [Setting.begun(name).key: .string(id.description)]
  }

  func takeUp(begun value: JSONValue, _ name: String) {
    guard let id = value.stringValue.flatMap({ ConversationID($0) }) else { return }
    begunConversations.state.withLock { $0[name] = id }
  }
}
