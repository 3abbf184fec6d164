/// Texts at the edges of the formats of JSON Schema.
struct FormatEdges {
  var valid: [String]
  var invalid: [String]

  /// None for a format that is not known.
  static func of(_ format: String) -> FormatEdges {
    known[format] ?? FormatEdges(valid: [], invalid: [])
  }

  private static let known: [String: FormatEdges] = [
    "date": FormatEdges(
      valid: ["2024-02-29", "1999-12-31", "0001-01-01"],
      invalid: ["2023-02-29", "2024-13-01", "2024-1-1", ""]
    ),
    "date-time": FormatEdges(
      valid: ["2024-02-29T23:59:59Z", "2024-06-30T12:00:00.5+05:30"],
      invalid: ["2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01 00:00", ""]
    ),
    "time": FormatEdges(
      valid: ["23:59:59Z", "00:00:00+01:00"],
      invalid: ["24:00:00Z", "12:60:00Z", ""]
    ),
    "duration": FormatEdges(valid: ["P1D", "PT0S", "P1Y2M3DT4H5M6S"], invalid: ["P", "1D", ""]),
    "email": FormatEdges(
      valid: ["ada@example.org", "a+b@example.org"],
      invalid: ["ada", "ada@", "@example.org", ""]
    ),
    "hostname": FormatEdges(valid: ["example.org", "a"], invalid: ["-a.org", "a..b", ""]),
    "ipv4": FormatEdges(
      valid: ["192.0.2.1", "255.255.255.255", "0.0.0.0"],
      invalid: ["256.0.0.1", "1.2.3", "01.2.3.4", ""]
    ),
    "ipv6": FormatEdges(valid: ["::1", "2001:db8::ff"], invalid: ["12345::", "::1::", ""]),
    "uri": FormatEdges(
      valid: ["https://example.org/a?b#c", "urn:a:b"],
      invalid: ["//no.scheme", "a b", ""]
    ),
    "uuid": FormatEdges(
      valid: ["6f9619ff-8b86-d011-b42d-00cf4fc964ff", "00000000-0000-0000-0000-000000000000"],
      invalid: ["6f9619ff-8b86-d011-b42d-00cf4fc964f", "not-a-uuid", ""]
    ),
    "json-pointer": FormatEdges(valid: ["", "/a/0"], invalid: ["a", "/~2"]),
    "regex": FormatEdges(valid: ["^a+$"], invalid: ["(", "["]),
  ]
}
