import Crypto
import Foundation
import JSONSchema

/// Seals originals of secrets, so that what waits can go on after a restart and nobody reads them in the store.
///
/// AES-256-GCM. What is sealed is bound to its place: it can't be opened as something else's.
public struct Sealer: Sendable {
  /// The key that everything is derived from: 32 bytes.
  public struct MasterKey: Sendable {
    let key: SymmetricKey
    /// Every commit of a store needs it.
    private let audit: SymmetricKey

    private init(_ key: SymmetricKey) {
      self.key = key
      audit = Self.derive("audit", from: key)
    }

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: some ContiguousBytes) {
      let key = SymmetricKey(data: bytes)
      guard key.bitCount == 256 else { return nil }
      self.init(key)
    }

    /// A new key from the system's random numbers.
    public init() { self.init(SymmetricKey(size: .bits256)) }

    public var bytes: [UInt8] { key.withUnsafeBytes(Array.init) }

    /// A key for one purpose, by HKDF (RFC 5869) with SHA-256.
    func derived(_ purpose: String) -> SymmetricKey { Self.derive(purpose, from: key) }

    private static func derive(_ purpose: String, from key: SymmetricKey) -> SymmetricKey {
      HKDF<SHA256>.deriveKey(
        inputKeyMaterial: key,
        info: Data("callboard v1 \(purpose)".utf8),
        outputByteCount: 32
      )
    }

    /// Tells one key from another, and nothing of either.
    public var fingerprint: String {
      hexadecimal(SHA256.hash(data: Data(derived("fingerprint").withUnsafeBytes(Array.init))))
        .prefix(16).description
    }

    /// A code over the audit log's head, which nobody makes who does not have the key.
    public func auditCode(of bytes: [UInt8]) -> [UInt8] {
      Array(HMAC<SHA256>.authenticationCode(for: bytes, using: audit))
    }
  }

  private let key: SymmetricKey
  let digest: ApprovalDigest
  let twinKey: SymmetricKey

  public init(_ key: MasterKey) {
    self.key = key.derived("seal")
    twinKey = key.derived("twin")
    digest = ApprovalDigest(key: key.derived("digest"))
  }

  func seal(_ value: JSONValue, for place: String) -> [UInt8] {
    do {
      let box = try AES.GCM.seal(
        value.serializedBytes(),
        using: key,
        authenticating: Array(place.utf8)
      )
      guard let combined = box.combined else {
        preconditionFailure("a box with a nonce of 12 bytes has a combined form")
      }
      return Array(combined)
    } catch {
      preconditionFailure("AES-GCM with a key of 256 bits seals anything: \(error)")
    }
  }

  /// Nil where it was sealed with another key, for another place, or was changed.
  func open(_ sealed: [UInt8], for place: String) -> JSONValue? {
    guard let box = try? AES.GCM.SealedBox(combined: sealed),
      let bytes = try? AES.GCM.open(box, using: key, authenticating: Array(place.utf8))
    else { return nil }
    return try? JSONValue(parsing: String(decoding: bytes, as: UTF8.self), options: .lenient)
  }
}

extension Sealer {
  /// The originals of a call that differ from what is shown; nil where none does.
  func seal(_ call: Call) -> [UInt8]? {
    guard call.hasOriginals else { return nil }
    var originals = JSONObject()
    if let payload = call.proposed, payload.hasSecrets { originals["proposed"] = payload.original }
    if let payload = call.decided, payload.hasSecrets { originals["decided"] = payload.original }
    if let payload = call.lateResult, payload.hasSecrets { originals["late"] = payload.original }
    if let payload = call.outcome?.value, payload.hasSecrets {
      originals["result"] = payload.original
    }
    return seal(.object(originals), for: "call \(call.id)")
  }

  /// The call with its originals in their places; nil where they can't be opened.
  func restoring(_ call: Call, from sealed: [UInt8]) -> Call? {
    guard let originals = open(sealed, for: "call \(call.id)") else { return nil }
    var call = call
    if let original = originals["proposed"] { call.proposed?.restore(original) }
    if let original = originals["decided"] { call.decided?.restore(original) }
    if let original = originals["late"] { call.lateResult?.restore(original) }
    if let original = originals["result"], case .result(var payload, let source) = call.outcome {
      payload.restore(original)
      call.outcome = .result(payload, source)
    }
    return call
  }

  /// Whether what is sealed beside a call can be opened, and belongs to it.
  package func opens(_ sealed: [UInt8], ofCall id: CallID) -> Bool {
    open(sealed, for: "call \(id)") != nil
  }

  package func opens(_ sealed: [UInt8], ofMessage index: Int, of id: ConversationID) -> Bool {
    openMessage(sealed, index, of: id) != nil
  }

  func seal(_ message: Message, _ index: Int, of id: ConversationID) -> [UInt8]? {
    (try? JSONValue(encoding: message)).map { seal($0, for: "message \(index) of \(id)") }
  }

  func openMessage(_ sealed: [UInt8], _ index: Int, of id: ConversationID) -> Message? {
    open(sealed, for: "message \(index) of \(id)").flatMap { try? $0.decode(as: Message.self) }
  }

  /// What a conversation's transcript does not hold yet.
  struct Rest: Codable {
    var pending: [Message]
    var answers: [CallID: String]
  }

  func seal(_ rest: Rest, of id: ConversationID) -> [UInt8]? {
    (try? JSONValue(encoding: rest)).map { seal($0, for: "rest of \(id)") }
  }

  func openRest(_ sealed: [UInt8], of id: ConversationID) -> Rest? {
    open(sealed, for: "rest of \(id)").flatMap { try? $0.decode(as: Rest.self) }
  }
}
