import JSONSchema

/// A table as a text with commas (RFC 4180), its first line the names of the columns.
///
/// What stands in quotes is a text; anything else is a number, true, false or null where it is one in JSON, and a text
/// where it is not. So a zip code that begins with 1 goes in quotes.
enum CSVText {
  /// What is wrong, and in which line.
  struct Fault: Error {
    var line: Int
    var message: String
  }

  private struct Field {
    var text = ""
    var isQuoted = false
  }

  static func rows(_ text: String) throws(Fault) -> [JSONObject] {
    var lines = try fields(text)
    guard !lines.isEmpty else { return [] }
    let header = lines.removeFirst()
    let names = header.fields.map(\.text)
    if Set(names).count != names.count || names.contains("") {
      throw Fault(line: 1, message: "two columns have the same name, or one has none")
    }
    var rows: [JSONObject] = []
    for line in lines {
      guard line.fields.count == names.count else {
        throw Fault(
          line: line.number,
          message: "there are \(line.fields.count) fields and \(names.count) columns"
        )
      }
      rows.append(JSONObject(zip(names, line.fields).map { ($0, value(of: $1)) }))
    }
    return rows
  }

  private static func value(of field: Field) -> JSONValue {
    guard !field.isQuoted, let value = try? JSONValue(parsing: field.text) else {
      return .string(field.text)
    }
    switch value {
    case .null, .bool, .integer, .double, .decimal: return value
    case .string, .array, .object: return .string(field.text)
    }
  }

  private static func fields(
    _ text: String
  ) throws(Fault) -> [(number: Int, fields: [Field])] {
    // By scalars: a line break of two is one character otherwise.
    let scalars = Array(text.unicodeScalars)
    var lines: [(number: Int, fields: [Field])] = []
    var current: [Field] = []
    var field = Field()
    var isOpen = false
    var line = 1
    var start = 1
    var position = scalars.first == "\u{FEFF}" ? 1 : 0
    func endLine() {
      current.append(field)
      field = Field()
      let isEmpty = current.count == 1 && current[0].text.isEmpty && !current[0].isQuoted
      if !isEmpty { lines.append((start, current)) }
      current = []
    }
    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      if isOpen {
        if scalar == "\"" {
          if position < scalars.count, scalars[position] == "\"" {
            field.text.unicodeScalars.append(scalar)
            position += 1
          } else {
            isOpen = false
          }
        } else {
          if scalar == "\n" { line += 1 }
          field.text.unicodeScalars.append(scalar)
        }
        continue
      }
      switch scalar {
      case "\"":
        guard field.text.isEmpty, !field.isQuoted else {
          throw Fault(
            line: line,
            message: "a quote stands in the midst of a field; quote the whole, and write \"\""
          )
        }
        field.isQuoted = true
        isOpen = true
      case ",":
        current.append(field)
        field = Field()
      case "\r": break
      case "\n":
        endLine()
        line += 1
        start = line
      default:
        guard !field.isQuoted else {
          throw Fault(line: line, message: "something follows a closing quote")
        }
        field.text.unicodeScalars.append(scalar)
      }
    }
    if isOpen { throw Fault(line: start, message: "a quote is not closed") }
    endLine()
    return lines
  }
}
