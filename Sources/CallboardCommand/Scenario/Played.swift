import Callboard
import JSONSchema

/// A scenario that was played, as its expectations look at it.
struct Played: Sendable {
  var events: [EngineEvent]
  /// By the names that the scenario gives.
  var calls: [String: CallID]
  var conversations: [String: ConversationID]
  var engine: Engine
  var runs: [String: RunID] = [:]
  var endedRuns: [RunID: WorkflowRun] = [:]
  var loads: [LoadReport] = []
  /// From the first step to the end of everything, by the scenario's clock.
  var time = Duration.zero
  /// What the model of each conversation used, also of those that are steps of workflows.
  var usage: [(model: String, usage: TokenUsage)] = []
  var prices: [String: TokenPrice] = [:]

  func run(_ id: RunID) -> RunDetail? {
    guard case .run(let detail) = engine.snapshot(of: .run(id)).body else { return nil }
    return detail
  }

  var callCount: Int { events.count { $0.type == .call(.received) } }

  func call(_ id: CallID) -> Call? {
    guard case .call(let detail) = engine.snapshot(of: .call(id)).body else { return nil }
    return detail?.call
  }

  /// Every call in the order in which they came.
  func allCalls() -> [Call] {
    events.filter { $0.type == .call(.received) }.compactMap { $0.call.flatMap { call($0.id) } }
  }

  func conversation(_ id: ConversationID) -> ConversationDetail? {
    guard case .conversation(let detail) = engine.snapshot(of: .conversation(id)).body else {
      return nil
    }
    return detail
  }

  /// Why the model gave no turn in the end; nil where that is not what ended the conversation.
  func lastModelFailure(in id: ConversationID) -> ModelFailure.Kind? {
    events.last { $0.type == .model(.failed) && $0.conversation == id }?.model?.failure
  }

  func functionRows() -> [FunctionRow] {
    guard
      case .functions(let page, _) = engine.snapshot(of: .functions(ListQuery(after: 10_000))).body
    else { return [] }
    return page.rows
  }

  /// What models were told of their calls; of one conversation, or of all.
  func heard(conversation name: String?) -> [(function: String, text: String)] {
    let ids = conversations.filter { name == nil || $0.key == name }.sorted { $0.key < $1.key }.map(
      \.value
    )
    return ids.flatMap { id -> [(function: String, text: String)] in
      let transcript = conversation(id)?.transcript ?? []
      var functions: [String: String] = [:]
      for entry in transcript {
        for (requested, row) in zip(entry.message.calls, entry.calls) {
          functions[requested.id] = row.function
        }
      }
      return transcript.filter { $0.message.role == .tool }.map {
        (functions[$0.message.answers ?? ""] ?? "", $0.message.text ?? "")
      }
    }
  }

  /// One line for each conversation: how it went, and its last words.
  func conversationLines() -> [String] {
    conversations.sorted { $0.key < $1.key }.compactMap { name, id in
      guard let detail = conversation(id) else { return nil }
      let words = detail.transcript.last {
        $0.message.role == .assistant && $0.message.text != nil
      }?.message.text
      var line =
        "\(name): \(detail.row.state.rawValue), \(detail.row.turns) turns, \(detail.row.calls) calls"
      if let failure = detail.failure { line += ", \(failure)" }
      if let words { line += ", “\(words.prefix(160))”" }
      return line
    }
  }
}
