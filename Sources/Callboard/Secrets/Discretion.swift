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
    var known = KnownSecrets()
    for value in values {
      var payload = Payload(value)
      payload.redact(redactor.redact(_:))
      known.note(Redactor.secrets(of: payload))
    }
    shared = SharedSecrets(known)
  }

  /// What is secret everywhere, for an attempt at a call of no engine.
  static let usual = Discretion(Redactor(), arguments: nil, nil)

  /// The text without secrets by field name and form, those that the attempt was given, and those that its
  /// conversation knows.
  public func hiding(_ text: String) -> String {
    var known = shared?.known ?? KnownSecrets()
    if let arguments { known.note(Redactor.secrets(of: arguments)) }
    return redactor.redact(said: known.hiding(inCut: text))
  }
}
