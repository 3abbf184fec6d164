import Callboard
import JSONSchema
import NIOHTTP1

/// One HTTP function, checked, and how a call becomes its request.
struct HTTPRoute: Sendable {
  let definition: FunctionDefinition
  let method: HTTPMethod
  let path: PathTemplate
  let result: Result
  /// Header values to be blotted out wherever a server repeats them.
  let secrets: [String]

  private let headers: [Header]
  private let query: HTTPFunction.Query
  private let body: HTTPFunction.Body
  /// The arguments that have a place of their own.
  private let placed: Set<String>

  enum Result: Sendable {
    case json
    case pointer(JSONPointer)
    case text
  }

  struct Header: Sendable {
    var name: String
    var value: ArgumentTemplate
  }

  /// What a call sends.
  struct Request: Sendable {
    /// Path and query, to be put after the base URL.
    var path: String
    var headers: HTTPHeaders
    var body: [UInt8]?
  }

  // MARK: - A call

  func request(for invocation: Invocation) throws(CallFailure) -> Request {
    let arguments = invocation.arguments.objectValue ?? JSONObject()
    var request = Request(
      path: try path.filled(with: invocation.arguments),
      headers: try headerFields(for: invocation.arguments)
    )
    let rest = JSONObject(arguments.filter { !placed.contains($0.key) })
    var parameters: [(String, String)] = []
    switch query {
    case .rest: parameters = flattened(rest)
    case .arguments(let names):
      parameters = flattened(JSONObject(arguments.filter { names.contains($0.key) }))
    }
    if !parameters.isEmpty { request.path += (path.hasQuery ? "&" : "?") + encoded(parameters) }
    switch body {
    case .none: break
    case .json: request.body = JSONValue.object(rest).serializedBytes()
    case .jsonArgument(let name): request.body = arguments[name]?.serializedBytes()
    case .form: request.body = Array(encoded(flattened(rest)).utf8)
    }
    if query != .rest, !body.takesRest, let stray = rest.keys.first {
      throw CallFailure(
        .invalidArguments,
        "“\(stray)” has no place in the request of “\(definition.name)”; leave it out",
        pointer: argumentPointer(stray)
      )
    }
    if request.body != nil {
      let type = body == .form ? "application/x-www-form-urlencoded" : "application/json"
      if !request.headers.contains(name: "Content-Type") {
        request.headers.add(name: "Content-Type", value: type)
      }
    }
    if definition.effect != .read {
      request.headers.add(name: "Idempotency-Key", value: "\"\(invocation.idempotencyKey)\"")
    }
    return request
  }

  private func headerFields(for arguments: JSONValue) throws(CallFailure) -> HTTPHeaders {
    var fields = HTTPHeaders()
    for header in headers {
      if header.value.arguments.contains(where: { arguments[$0]?.isNull ?? true }) { continue }
      let value = try header.value.filled { (name) throws(CallFailure) in
        let text = arguments[name]?.plainText ?? ""
        guard isHeaderText(text) else {
          throw CallFailure(
            .invalidArguments,
            "“\(name)” holds characters that the header \(header.name) cannot carry; use printable ASCII",
            pointer: argumentPointer(name)
          )
        }
        return text
      }
      fields.add(name: header.name, value: value)
    }
    if !fields.contains(name: "User-Agent") { fields.add(name: "User-Agent", value: "callboard") }
    if !fields.contains(name: "Accept") {
      if case .text = result {
        fields.add(name: "Accept", value: "*/*")
      } else {
        fields.add(name: "Accept", value: "application/json")
      }
    }
    return fields
  }

  private func flattened(_ object: JSONObject) -> [(String, String)] {
    var parameters: [(String, String)] = []
    for (name, value) in object {
      switch value {
      case .null: break
      case .array(let items): parameters += items.filter { !$0.isNull }.map { (name, $0.plainText) }
      case .bool, .integer, .double, .decimal, .string, .object:
        parameters.append((name, value.plainText))
      }
    }
    return parameters
  }

  private func encoded(_ parameters: [(String, String)]) -> String {
    parameters.map { "\(percentEncoded($0))=\(percentEncoded($1))" }.joined(separator: "&")
  }
}

/// Whether a header can carry a text: printable ASCII and tabs, so no line break can begin another header.
func isHeaderText(_ text: String) -> Bool {
  text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
}

extension HTTPFunction.Body {
  fileprivate var takesRest: Bool {
    switch self {
    case .json, .form: true
    case .none, .jsonArgument: false
    }
  }
}

// MARK: - Checks

extension HTTPRoute {
  /// Reads every function, and lists everything that is wrong.
  static func compile(
    _ functions: [HTTPFunction],
    namespace: String,
    headers: [(name: String, value: String)]
  ) -> (routes: [HTTPRoute], problems: [ProviderConfigurationError]) {
    var routes: [HTTPRoute] = []
    var problems = namespaceProblems(namespace, functions.map(\.definition))
    var common: [Header] = []
    for (name, value) in headers {
      let at = "headers.\(name)"
      checkHeaderName(name, at: at, &problems)
      if !isHeaderText(value) { problems.append(notHeaderText(at)) }
      common.append(Header(name: name, value: ArgumentTemplate(literal: value)))
    }
    for (index, function) in functions.enumerated() {
      let before = problems.count
      let route = HTTPRoute(function, common: common, at: "functions[\(index)]", &problems)
      if let route, problems.count == before { routes.append(route) }
    }
    return (routes, problems)
  }

  private init?(
    _ function: HTTPFunction,
    common: [Header],
    at: String,
    _ problems: inout [ProviderConfigurationError]
  ) {
    let parameters = ParameterList(function.definition.parameters)
    definition = function.definition
    method = HTTPMethod(rawValue: function.method)
    let hasBody = ["POST", "PUT", "PATCH"].contains(function.method)
    if !hasBody, !["GET", "HEAD", "DELETE"].contains(function.method) {
      problems.append(
        .init(
          "\(at).method",
          "“\(function.method)” is not a method; use GET, HEAD, POST, PUT, PATCH or DELETE"
        )
      )
    }
    body = function.body ?? (hasBody && function.query != .rest ? .json : .none)
    query = function.query ?? (body.takesRest ? .arguments([]) : .rest)
    if body != .none, function.method == "GET" || function.method == "HEAD" {
      problems.append(
        .init("\(at).body", "\(function.method) carries no body; send the arguments in the query")
      )
    }
    if query == .rest, body.takesRest {
      problems.append(
        .init("\(at).query", "both query and body take the rest; list the arguments of the query")
      )
    }
    var headers = common
    var secrets = common.flatMap { $0.value.literals }
    var placed: Set<String> = []
    for (name, value) in function.headers {
      let here = "\(at).headers.\(name)"
      Self.checkHeaderName(name, at: here, &problems)
      if !isHeaderText(value) { problems.append(Self.notHeaderText(here)) }
      do throws(TemplateError) {
        let template = try ArgumentTemplate(value)
        for argument in template.arguments {
          placed.insert(argument)
          guard let problem = parameters.problem(with: argument, mustBePresent: false) else {
            continue
          }
          problems.append(.init(here, problem))
        }
        headers.removeAll { $0.name.lowercased() == name.lowercased() }
        headers.append(Header(name: name, value: template))
        secrets += template.literals
      } catch {
        // The value may be a secret: only its braces are spoken of.
        problems.append(
          .init(here, "has a “{” or “}” that is no part of “{argument}”; write “{{” or “}}” for it")
        )
      }
    }
    self.headers = headers
    // Also without the scheme's name, as in `Bearer …`; what is shorter could be any word.
    self.secrets = secrets.flatMap { [$0, $0.split(separator: " ").last.map(String.init) ?? ""] }
      .filter { $0.utf8.count >= 6 }
    switch function.result {
    case .json: result = .json
    case .text: result = .text
    case .pointer(let text):
      do throws(JSONPointerError) {
        result = .pointer(try JSONPointer(parsing: text))
      } catch {
        problems.append(.init("\(at).result", "\(error)"))
        result = .json
      }
    }
    if case .jsonArgument(let name) = body {
      placed.insert(name)
      if let problem = parameters.problem(with: name, mustBePresent: true) {
        problems.append(.init("\(at).body", problem))
      }
    }
    if case .arguments(let names) = query {
      placed.formUnion(names)
      for name in names {
        guard let problem = parameters.problem(with: name, mustBePresent: false) else { continue }
        problems.append(.init("\(at).query", problem))
      }
    }
    do throws(PathTemplateError) {
      path = try PathTemplate(function.path)
    } catch {
      problems.append(.init("\(at).path", error.message))
      return nil
    }
    for name in path.arguments {
      placed.insert(name)
      guard let problem = parameters.problem(with: name, mustBePresent: true) else { continue }
      problems.append(.init("\(at).path", problem))
    }
    self.placed = placed
    if query != .rest, !body.takesRest {
      for name in parameters.names where !placed.contains(name) {
        problems.append(
          .init(
            at,
            "the argument “\(name)” has no place in the request; put it into path, query, headers or body"
          )
        )
      }
    }
  }

  private static func checkHeaderName(
    _ name: String,
    at: String,
    _ problems: inout [ProviderConfigurationError]
  ) {
    if name.isEmpty || !name.utf8.allSatisfy(\.mayStandInHeaderName) {
      problems.append(.init(at, "“\(name)” is not the name of a header"))
    } else if reserved.contains(name.lowercased()) {
      problems.append(.init(at, "\(name) is set by callboard itself; leave it out"))
    }
  }

  private static func notHeaderText(_ at: String) -> ProviderConfigurationError {
    .init(at, "the value holds characters that a header cannot carry; use printable ASCII")
  }

  private static let reserved: Set<String> = [
    "connection", "content-length", "expect", "host", "idempotency-key", "te", "trailer",
    "transfer-encoding",
    "upgrade",
  ]
}

extension ArgumentTemplate {
  /// A text in which braces are braces.
  init(literal: String) {
    pieces = [.text(literal)]
  }

  fileprivate var literals: [String] {
    pieces.compactMap { piece in
      if case .text(let text) = piece { text } else { nil }
    }
  }
}
