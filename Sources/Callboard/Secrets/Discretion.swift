import JSONSchema

/// What may be said of what a function wrote in one attempt.
///
/// For providers that quote a part of it: of a secret that was cut in two, nobody finds the rest.
public struct Discretion: Sendable {
  private let redactor: Redactor
  private let arguments: Payload?
  private let shared: SharedSecrets?

  init(_ redactor: Redactor, arguments: Payload?, _ shared: SharedSecrets?) {
    self.redactor = redactor
    self.arguments = arguments
    self.shared = shared
  }

  /// What is secret in values that no call holds, by these field names and pointers and wherever it stands again.
  public init(about values: [JSONValue], fields: [String], secretValues: [String]) {
    redactor = Redactor(fields: fields, values: secretValues)
    arguments = nil
    shared = SharedSecrets(KnownSecrets())
    for value in values { note(value) }
  }

  /// Adds what is secret in another value that no call holds.
  public func note(_ value: JSONValue) {
    var payload = Payload(value)
    payload.redact(redactor.redact(_:))
    shared?.note(Redactor.secrets(of: payload))
  }

  /// What is secret everywhere, for an attempt at a call of no engine.
  static let usual = Discretion(Redactor(), arguments: nil, nil)

  /// The value without secrets by field name and form, and without those that are known, also as names and whole numbers.
  public func safe(_ value: JSONValue) -> JSONValue {
    let shown = redactor.redact(value) ?? value
    return shared?.known.hiding(in: shown) ?? shown
  }

  /// The text without secrets by field name and form, those that the attempt was given, and those that its
  /// conversation knows.
  public func hiding(_ text: String) -> String {
    var known = shared?.known ?? KnownSecrets()
    if let arguments { known.note(Redactor.secrets(of: arguments)) }
    return redactor.redact(said: known.hiding(inCut: text))
  }
}
