import Callboard
import JSONSchema
import Synchronization

/// Functions of a server that a test can have announce other definitions.
public final class DriftingProvider: FunctionProvider {
  private struct State {
    var functions: [FunctionDefinition]
    var observers: [Int: @Sendable () -> Void] = [:]
    var next = 0
  }

  private let provider: NativeProvider
  private let state: Mutex<State>
  public let identity: String

  /// The functions of a native provider, as a server's.
  public init(_ provider: NativeProvider, identity: String = "server") {
    self.provider = provider
    self.identity = identity
    state = Mutex(State(functions: provider.functions))
  }

  public var namespace: String { provider.namespace }
  public var summary: String { "a server of a test" }
  public var definitionsAreLocal: Bool { false }
  public var functions: [FunctionDefinition] { state.withLock { $0.functions } }

  public func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    try await provider.invoke(invocation)
  }

  public func onChange(_ changed: @escaping @Sendable () -> Void) -> ObservationToken? {
    let number = state.withLock { state in
      state.next += 1
      state.observers[state.next] = changed
      return state.next
    }
    return ObservationToken { [weak self] in
      self?.state.withLock { $0.observers[number] = nil }
    }
  }

  /// Changes what the server says of its functions, and tells whoever follows it.
  public func announce(_ change: (inout [FunctionDefinition]) -> Void) {
    let observers = state.withLock { state in
      change(&state.functions)
      return Array(state.observers.values)
    }
    for observer in observers { observer() }
  }

  /// Changes one function by its own name.
  public func announce(_ name: String, _ change: (inout FunctionDefinition) -> Void) {
    announce { functions in
      for index in functions.indices where functions[index].name.name == name {
        change(&functions[index])
      }
    }
  }
}
