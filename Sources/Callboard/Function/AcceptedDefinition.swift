import Crypto
import Foundation
import JSONSchema

/// What of a function was accepted: by loading it, or by a person.
///
/// Kept in the store for functions whose definitions come from a server, so that a change while callboard was away is
/// seen, and can be shown.
struct AcceptedDefinition: Sendable, Hashable, Codable {
  var hash: String
  var description: String
  /// As they may be shown: without secrets that are recognised by their form.
  var parameters: JSONValue
  var effect: FunctionEffect
  /// Digest of the provider's identity, which may hold a secret.
  var provider: String

  init(_ function: RegisteredFunction) {
    hash = function.hash
    description = function.redactor.redact(text: function.definition.description)
    parameters = function.shownParameters
    effect = function.definition.effect
    provider = Self.digest(of: function.providerIdentity)
  }

  static func digest(of identity: String) -> String {
    hexadecimal(SHA256.hash(data: Data(identity.utf8)))
  }

  /// As a store keeps it.
  var setting: JSONValue {
    [
      "hash": .string(hash), "description": .string(description), "parameters": parameters,
      "effect": .string(effect.rawValue), "provider": .string(provider),
    ]
  }

  init?(setting: JSONValue) {
    guard let hash = setting["hash"]?.stringValue, let parameters = setting["parameters"],
      let effect = setting["effect"]?.stringValue.flatMap(FunctionEffect.init(rawValue:))
    else { return nil }
    self.hash = hash
    self.parameters = parameters
    self.effect = effect
    description = setting["description"]?.stringValue ?? ""
    provider = setting["provider"]?.stringValue ?? ""
  }
}

/// A definition that a server announced in place of the accepted one, and that nobody has accepted.
struct UnacceptedDefinition: Sendable {
  var accepted: AcceptedDefinition
  /// Of what is announced.
  var hash: String
  var since: Date
  /// Who has looked at it and left it held.
  var declined: Switched?
  /// Why it can't be used at all.
  var problem: String?
  var differences: [DefinitionDifference]
}

extension RegisteredFunction {
  /// What stands behind it, as its hash has it.
  var providerIdentity: String { provider.identity(of: definition.name) }

  /// Its schema without secrets that are recognised by their form: its names are those of its properties.
  var shownParameters: JSONValue {
    redactor.redactValues(in: definition.parameters) ?? definition.parameters
  }
}
