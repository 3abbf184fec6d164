/// The values of `format` that are asserted; any other is a note to people.
enum Format: String, Sendable, CaseIterable {
  case dateTime = "date-time"
  case date
  case time
  case duration
  case email
  case idnEmail = "idn-email"
  case hostname
  case idnHostname = "idn-hostname"
  case ipv4
  case ipv6
  case uri
  case uriReference = "uri-reference"
  case uriTemplate = "uri-template"
  case iri
  case iriReference = "iri-reference"
  case uuid
  case jsonPointer = "json-pointer"
  case relativeJSONPointer = "relative-json-pointer"
  case regex

  init?(name: String) { self.init(rawValue: name) }

  func matches(_ text: String) -> Bool {
    if case .regex = self { return Pattern.isPattern(text) }
    let answer = text.utf8.withContiguousStorageIfAvailable { matches(TextReader($0)) }
    if let answer { return answer }
    return Array(text.utf8).withUnsafeBufferPointer { matches(TextReader($0)) }
  }

  private func matches(_ text: TextReader) -> Bool {
    var text = text
    switch self {
    case .dateTime: return text.dateTime() && text.isAtEnd
    case .date: return text.fullDate() && text.isAtEnd
    case .time: return text.fullTime() && text.isAtEnd
    case .duration: return text.duration() && text.isAtEnd
    case .email: return text.isEmail(international: false)
    case .idnEmail: return text.isEmail(international: true)
    case .hostname: return text.isHostname(international: false)
    case .idnHostname: return text.isHostname(international: true)
    case .ipv4: return text.ipv4() && text.isAtEnd
    case .ipv6: return text.isIPv6
    case .uri: return text.isURI(reference: false, international: false)
    case .uriReference: return text.isURI(reference: true, international: false)
    case .iri: return text.isURI(reference: false, international: true)
    case .iriReference: return text.isURI(reference: true, international: true)
    case .uriTemplate: return text.isURITemplate
    case .uuid: return text.isUUID
    case .jsonPointer: return text.isJSONPointer
    case .relativeJSONPointer: return text.isRelativeJSONPointer
    case .regex: return false
    }
  }

  /// For a person, with an example.
  var phrase: String {
    switch self {
    case .dateTime: "a date and time such as 2026-11-22T10:31:07Z"
    case .date: "a date such as 2026-11-22"
    case .time: "a time such as 10:31:07Z"
    case .duration: "a duration such as P1DT2H"
    case .email, .idnEmail: "an e-mail address such as ann@example.com"
    case .hostname, .idnHostname: "a host name such as www.example.com"
    case .ipv4: "an IPv4 address such as 192.0.2.1"
    case .ipv6: "an IPv6 address such as 2001:db8::1"
    case .uri: "a URI such as https://example.com/a"
    case .uriReference: "a URI reference such as /a?b=c"
    case .uriTemplate: "a URI template such as /a/{b}"
    case .iri: "an IRI such as https://example.com/ä"
    case .iriReference: "an IRI reference such as /ä?b=c"
    case .uuid: "a UUID such as 123e4567-e89b-12d3-a456-426614174000"
    case .jsonPointer: "a JSON Pointer such as /a/0"
    case .relativeJSONPointer: "a relative JSON Pointer such as 1/a"
    case .regex: "a regular expression of ECMA-262"
    }
  }
}

/// Whether a text is a date and time of RFC 3339.
func isDateTime(_ text: String) -> Bool { Format.dateTime.matches(text) }
