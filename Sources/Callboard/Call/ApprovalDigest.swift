import Crypto
import Foundation
import JSONSchema

/// What an approval binds to (v1): caller, conversation, function, definition, arguments and rule.
///
/// SHA-256 over the RFC 8785 form; an HMAC with the store's key where a field is secret, so that the digest of
/// a short secret can't be guessed from a list. The expiry is outside it.
struct ApprovalDigest: Sendable {
  /// The store's key; in memory the process's.
  let key: SymmetricKey

  init(key: SymmetricKey = SymmetricKey(size: .bits256)) {
    self.key = key
  }

  func callAsFunction(
    caller: Principal,
    conversation: ConversationID?,
    function: String,
    definitionHash: String,
    arguments: JSONValue,
    rule: String,
    hasSecrets: Bool
  ) -> String {
    let bound: JSONValue = [
      "v": 1,
      "caller": .string(caller.name),
      "conversation": conversation.map { .string($0.description) } ?? .null,
      "function": .string(function),
      "definition": .string(definitionHash),
      "arguments": arguments,
      "rule": .string(rule),
    ]
    let bytes = Data(bound.canonicalBytes())
    guard hasSecrets else { return hexadecimal(SHA256.hash(data: bytes)) }
    return hexadecimal(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
  }
}
