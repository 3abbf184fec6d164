import Callboard
import JSONSchema

/// Comparisons between fields of a function's arguments.
extension ConfigurationReader {
  /// Reads them; whether their names are in the schema is checked with the whole.
  mutating func checks(_ value: JSONValue?, at pointer: JSONPointer) -> [FieldCheck] {
    let texts: [(String, JSONPointer)] =
      if let text = value?.stringValue {
        [(text, pointer)]
      } else {
        (value?.arrayValue ?? []).enumerated().map { ($1.stringValue ?? "", pointer.appending($0)) }
      }
    var checks: [FieldCheck] = []
    for (text, place) in texts {
      do throws(FieldCheck.Mistake) {
        checks.append(try FieldCheck(text))
      } catch {
        report(place, "“\(text)” \(error)")
      }
    }
    return checks
  }
}
