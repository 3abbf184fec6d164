import Callboard
import JSONSchema

extension Scenario {
  /// Something that happens to the engine itself, or around it.
  enum WorldStep: Sendable {
    /// The next engine on the same store, after so long without one.
    case restart(after: Duration)
    /// The engine dies once such an event is stored.
    case die(EventPattern)
    /// An orderly stop begins.
    case stopEngine
    /// Nothing can be stored, for this reason; nil: it can again.
    case store(fault: String?)
    case definition(DefinitionStep)
    case grant(GrantStep)
    case revokeGrant(String)
    case pauseConversation(String, Bool)

    /// What it brings along.
    var values: [JSONValue] {
      switch self {
      case .grant(let grant): [grant.draft.when ?? .null]
      case .restart, .die, .stopEngine, .store, .definition, .revokeGrant, .pauseConversation: []
      }
    }
  }

  /// What becomes of a function's definition.
  struct DefinitionStep: Sendable {
    var function: FunctionName
    var change: Change

    enum Change: Sendable {
      /// Its server says something else of it.
      case announced(description: String?, parameters: JSONValue?)
      case removed
      case accepted
      case declined
    }
  }

  /// An approval ahead.
  struct GrantStep: Sendable {
    var name: String?
    var draft: GrantDraft
    /// Names of calls that wait and are approved too.
    var waiting: [String]
  }

  /// Namespaces whose functions are a server's, which announces others: those that steps change.
  var servers: Set<String> {
    Set(
      steps.compactMap { step in
        guard case .world(.definition(let definition), _) = step.action else { return nil }
        return String(definition.function.namespace)
      }
    )
  }

  /// Whether more than one engine is made on its store.
  var restarts: Bool {
    steps.contains { if case .world(.restart, _) = $0.action { true } else { false } }
  }
}
