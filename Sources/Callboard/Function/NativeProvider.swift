import JSONSchema

/// Functions written in Swift, in this process.
public struct NativeProvider: FunctionProvider {
  public typealias Body = @Sendable (Invocation) async throws -> JSONValue

  public let namespace: String
  public let functions: [FunctionDefinition]
  private let bodies: [String: Body]

  public var identity: String { "native:" + namespace }
  public var summary: String { "Swift, in this process" }

  public init(namespace: String, _ functions: [NativeFunction]) throws(ConfigurationMistake) {
    self.namespace = namespace
    var definitions: [FunctionDefinition] = []
    var bodies: [String: Body] = [:]
    for function in functions {
      guard let name = FunctionName(namespace: namespace, name: function.name) else {
        throw ConfigurationMistake(
          path: "functions.\(namespace).\(function.name)",
          message: "is not a name; use letters, digits, _ and -"
        )
      }
      var definition = function.definition(name)
      definition.name = name
      definitions.append(definition)
      bodies[name.description] = function.body
    }
    self.functions = definitions
    self.bodies = bodies
  }

  public func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    guard let body = bodies[invocation.function.description] else {
      throw CallFailure(
        .unknownFunction,
        "\(invocation.function) is not a function of \(namespace)."
      )
    }
    do {
      return try await body(invocation)
    } catch {
      throw Self.failure(error, of: invocation.function)
    }
  }

  private static func failure(_ error: any Error, of function: FunctionName) -> CallFailure {
    if let failure = error as? CallFailure { return failure }
    if error is CancellationError {
      return CallFailure(.cancelled, "\(function) was stopped.", reach: .maybe)
    }
    // A thrown Swift error is an answer; for a `write` only where the function declares that nothing was done.
    return CallFailure(.functionThrew, "\(function) failed: \(error)", reach: .answered)
  }
}

/// One Swift function: from JSON to JSON, or from one `Codable` value to another.
public struct NativeFunction: Sendable {
  let name: String
  let definition: @Sendable (FunctionName) -> FunctionDefinition
  let body: NativeProvider.Body

  /// A function over JSON.
  ///
  /// `configure` sets effect and policies.
  public init(
    _ name: String,
    _ description: String,
    parameters: JSONValue,
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in },
    body: @escaping @Sendable (Invocation) async throws -> JSONValue
  ) {
    self.name = name
    definition = { qualified in
      var definition = FunctionDefinition(
        name: qualified,
        description: description,
        parameters: parameters
      )
      configure(&definition)
      return definition
    }
    self.body = body
  }

  /// A function from one `Codable` value to another.
  ///
  /// The schema has to describe `Input`: arguments that pass it and can't be read are the function's fault, and said so.
  public init<Input: Decodable & Sendable, Output: Encodable & Sendable>(
    _ name: String,
    _ description: String,
    parameters: JSONValue,
    configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in },
    handler: @escaping @Sendable (Input) async throws -> Output
  ) {
    self.init(name, description, parameters: parameters, configure: configure) { invocation in
      let input: Input
      do {
        input = try invocation.arguments.decode(as: Input.self)
      } catch {
        throw CallFailure(
          .functionThrew,
          "The arguments fit the schema of \(invocation.function), but not its Swift type: \(error)",
          reach: .notSent
        )
      }
      let output = try await handler(input)
      do {
        return try JSONValue(encoding: output)
      } catch {
        // It has done what it does.
        throw CallFailure(
          .invalidResult,
          "\(invocation.function) answered with what can't be written as JSON: \(error)",
          reach: .answered
        )
      }
    }
  }
}
