/// A mistake in the description of a provider, found before anything is called.
public struct ProviderConfigurationError: Error, Hashable, Sendable {
  /// Where, seen from the provider's own entry, such as `functions[2].path`.
  public var path: String
  /// What was found there and what to write, as a sentence.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }
}

extension ProviderConfigurationError: CustomStringConvertible {
  public var description: String { "\(path): \(message)" }
}
