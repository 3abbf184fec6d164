import Callboard
import Foundation
import JSONSchema

/// The conversations that the configuration asks for.
extension EngineSession {
  /// Begins each that has not begun on this store before; says in a sentence which were left alone and have ended.
  func beginConversations() throws -> String? {
    var ended = 0
    var before = unnamed
    for (name, plan) in Self.named(configuration.conversations) {
      if let id = engine.begun(name) {
        if !isLive(id) { ended += 1 }
        continue
      }
      // Of a store that was written before conversations said which of these they are.
      let title = Self.title(of: plan)
      let known = before.firstIndex {
        $0.model == plan.model && (title == nil || $0.title == title)
      }
      if let known {
        engine.note(before.remove(at: known).id, asBegun: name)
        continue
      }
      _ = try start(plan, named: name)
    }
    guard ended > 0 else { return nil }
    return
      (ended == 1
      ? "1 conversation of the configuration has"
      : "\(ended) conversations of the configuration have")
      + " ended before and \(ended == 1 ? "is" : "are") not begun again; under another title one begins anew"
  }

  /// Each with what it is known by on a store: caller, model, title, and which one of those that are alike in these.
  static func named(
    _ plans: [Configuration.ConversationPlan]
  ) -> [(name: String, plan: Configuration.ConversationPlan)] {
    var alike: [String: Int64] = [:]
    return plans.map { plan in
      let title = title(of: plan).map(JSONValue.string) ?? .null
      let parts: [JSONValue] = [.string(plan.caller), .string(plan.model), title]
      let kind = JSONValue.array(parts).serialized()
      alike[kind, default: 0] += 1
      return (JSONValue.array(parts + [.integer(alike[kind, default: 1])]).serialized(), plan)
    }
  }

  private func isLive(_ id: ConversationID) -> Bool {
    guard case .conversation(let detail?) = engine.snapshot(of: .conversation(id)).body else {
      return false
    }
    return detail.row.state.isLive
  }

  /// Its own, or the first words that are said, short enough for a title; nil: its script's.
  static func title(of plan: Configuration.ConversationPlan) -> String? {
    if let title = plan.title { return title }
    // Before it is cut: a part of a secret is not recognised.
    return plan.messages.first.map(Redactor().redact(said:)).map {
      $0.count > 48 ? $0.prefix(47) + "…" : $0
    }
  }
}
