import JSONSchema

/// A value that may hold secrets: what is shown, and beside it the original where that differs.
///
/// Only `commit` redacts. Until then nothing of it is encoded, and afterwards only what is shown is.
public struct Payload: Sendable, Hashable, Codable {
  /// What may be stored in clear, logged and shown.
  public private(set) var shown: JSONValue
  private var hidden: JSONValue?
  public private(set) var isRedacted: Bool
  /// Counted when it is redacted, because every commit asks.
  private var counted = 0

  public init(_ original: JSONValue) {
    shown = original
    hidden = nil
    isRedacted = false
  }

  /// The value as it was proposed, decided or answered.
  public var original: JSONValue { hidden ?? shown }

  /// About how many bytes what is shown takes as JSON.
  var approximateBytes: Int { isRedacted ? counted : shown.approximateBytes(upTo: .max) }

  /// Whether something is hidden from view.
  public var hasSecrets: Bool { hidden != nil }

  /// Replaces what is shown by what the redactor lets through.
  ///
  /// The redactor returns nil where nothing is secret.
  public mutating func redact(_ redactor: (JSONValue) -> JSONValue?) {
    guard !isRedacted else { return }
    isRedacted = true
    if let safe = redactor(shown) {
      hidden = shown
      shown = safe
    }
    counted = shown.approximateBytes(upTo: .max)
  }

  /// Hides more of what is shown, once something was found to be secret elsewhere.
  mutating func hide(_ known: KnownSecrets) {
    guard isRedacted, let safe = known.hiding(in: shown) else { return }
    hidden = hidden ?? shown
    shown = safe
    counted = shown.approximateBytes(upTo: .max)
  }

  /// Puts the original back beside what is shown, as it was before a restart.
  mutating func restore(_ original: JSONValue) { hidden = original }

  /// The same without its original: for stores and views.
  public var withoutOriginal: Payload {
    guard hidden != nil else { return self }
    var copy = self
    copy.hidden = nil
    return copy
  }

  public init(from decoder: any Decoder) throws {
    shown = try JSONValue(from: decoder)
    hidden = nil
    isRedacted = true
    counted = shown.approximateBytes(upTo: .max)
  }

  public func encode(to encoder: any Encoder) throws { try encoded.encode(to: encoder) }

  /// What of it is written anywhere.
  var encoded: JSONValue { isRedacted ? shown : .string("«not redacted yet»") }
}
