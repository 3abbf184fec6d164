import JSONSchema

/// Why a text is not JSON, with a little of it.
struct JSONTextProblem: Error {
  var message: String
}

/// Reads one JSON value; nothing but white space is `null`, as what has nothing to say often says nothing.
func parseJSON(_ bytes: [UInt8]) throws(JSONTextProblem) -> JSONValue {
  guard bytes.contains(where: { !whitespace.contains($0) }) else { return .null }
  do {
    return try JSONValue(parsing: bytes)
  } catch {
    let shown = 200
    let excerpt = String(decoding: bytes.prefix(shown), as: UTF8.self)
    throw JSONTextProblem(
      message: "\(error); it begins “\(excerpt)\(bytes.count > shown ? "…" : "")”"
    )
  }
}

private let whitespace: [UInt8] = [0x20, 0x0A, 0x0D, 0x09]
