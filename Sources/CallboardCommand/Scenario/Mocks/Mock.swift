import Callboard
import JSONSchema

/// A function and what it answers, one answer an attempt; the last that fits stays.
struct Mock: Sendable {
  var definition: FunctionDefinition
  var answers: [Answer]

  struct Answer: Sendable {
    var when: Schema?
    var times = 1
    var after: Latency?
    /// It goes on when it is told to stop.
    var ignoresStop = false
    var kind: Kind

    enum Kind: Sendable {
      /// `${…}` in it stands for the attempt's arguments and for what else is known of it.
      case value(WorkflowTemplate)
      /// One after the other; the last one stays.
      case sequence([WorkflowTemplate])
      case echo
      case fail(CallFailure)
      case hang
      /// The function behind answers.
      case pass
    }
  }

  /// What `${…}` may begin with in a value.
  static let names = ["args", "attempt", "count", "caller"]

  /// What `${…}` stands for.
  static func context(of invocation: Invocation, count: Int) -> JSONObject {
    [
      "args": invocation.arguments, "attempt": .integer(Int64(invocation.attempt)),
      "count": .integer(Int64(count)), "caller": .string(invocation.caller),
    ]
  }
}

extension Scenario {
  /// What stands in front of the configuration's functions: mocks, and what goes wrong.
  func overlays(in scene: MockProvider.Scene) -> [MockProvider] {
    let spaces = Dictionary(grouping: mocks) { String($0.definition.name.namespace) }
    let all = Set(spaces.keys).union(configuration.providers.map(\.namespace))
      .union(configuration.engine.workflows.isEmpty ? [] : [WorkflowProvider.name])
    let servers = servers
    return all.sorted().map {
      MockProvider(
        namespace: $0,
        mocks: spaces[$0] ?? [],
        isServer: servers.contains($0),
        in: scene
      )
    }
  }
}
