import Callboard

/// A function that is one request to an HTTP API.
///
/// Every argument has one place: the path, a header, the query or the body. What no other place names goes to the
/// body where that takes the rest, else to the query.
public struct HTTPFunction: Sendable {
  public var definition: FunctionDefinition
  /// GET, HEAD, POST, PUT, PATCH or DELETE.
  public var method: String
  /// What follows the base URL, such as `/v1/forecast/{city}?units=metric`.
  ///
  /// `{argument}` stands for an argument of the call that is always present, percent-encoded so that it cannot
  /// leave its segment or its place in the query; `{{` and `}}` stand for braces.
  public var path: String
  /// nil: the rest, where the body does not take it.
  public var query: Query?
  /// nil: JSON of the rest for POST, PUT and PATCH, nothing for the others.
  public var body: Body?
  /// Sent besides the provider's own, and in place of one with the same name.
  ///
  /// Values may hold `{argument}`; a header is left out when an argument of it is missing from the call.
  public var headers: [(name: String, value: String)]
  public var result: Result

  public init(
    definition: FunctionDefinition,
    method: String,
    path: String,
    query: Query? = nil,
    body: Body? = nil,
    headers: [(name: String, value: String)] = [],
    result: Result = .json
  ) {
    self.definition = definition
    self.method = method
    self.path = path
    self.query = query
    self.body = body
    self.headers = headers
    self.result = result
  }

  /// Which arguments go to the query: the items of an array as so many parameters of one name, an object as its
  /// JSON, `null` not at all.
  public enum Query: Sendable, Hashable {
    case rest
    case arguments([String])
  }

  /// What is sent as the body of the request.
  public enum Body: Sendable, Hashable {
    case none
    /// A JSON object of the rest.
    case json
    /// The JSON of one argument.
    case jsonArgument(String)
    /// The rest as `application/x-www-form-urlencoded`, flattened as in the query.
    case form
  }

  /// What of the answer is the function's result.
  public enum Result: Sendable, Hashable {
    /// The whole body, which is JSON; an empty body is `null`.
    case json
    /// What stands at a JSON Pointer in the body.
    case pointer(String)
    /// The body as a string.
    case text
  }
}
