/// How long an answer of a `read` function stands, and for whom.
public struct CachePolicy: Sendable, Hashable, Codable {
  /// Age at which an answer is no longer used; 5 minutes, the guide's, unless said.
  public var ttl: Duration
  public var scope: Scope

  public init(ttl: Duration = .seconds(300), scope: Scope = .caller) {
    self.ttl = ttl
    self.scope = scope
  }

  /// Who may get an answer that was made for somebody.
  public enum Scope: String, Sendable, Codable, CaseIterable {
    /// Only the same caller.
    case caller
    /// Every caller that may call the function.
    case shared
  }
}
