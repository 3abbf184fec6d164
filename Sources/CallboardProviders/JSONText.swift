import Callboard
import JSONSchema

/// Why a text is not JSON, with a little of it.
struct JSONTextProblem: Error {
  var message: String
}

/// Reads one JSON value; nothing but white space is `null`, as what has nothing to say often says nothing.
func parseJSON(
  _ bytes: [UInt8],
  _ discretion: Discretion
) throws(JSONTextProblem) -> JSONValue {
  guard bytes.contains(where: { !whitespace.contains($0) }) else { return .null }
  do {
    return try JSONValue(parsing: bytes)
  } catch {
    let shown = 200
    // More than is shown, so that what is secret in it is found whole.
    let begin = discretion.hiding(String(decoding: bytes.prefix(16 * shown), as: UTF8.self))
    let isCut = begin.count > shown || bytes.count > 16 * shown
    throw JSONTextProblem(
      message: "\(error); it begins “\(begin.prefix(shown))\(isCut ? "…" : "")”"
    )
  }
}

private let whitespace: [UInt8] = [0x20, 0x0A, 0x0D, 0x09]
