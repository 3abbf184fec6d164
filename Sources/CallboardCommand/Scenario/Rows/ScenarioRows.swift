import CallboardYAML
import Foundation
import JSONSchema

/// The section `each` of a scenario: it is played once for each row, with `${each.name}` in its texts put in.
struct ScenarioRows {
  static let most = 10_000

  struct Row {
    var name: String
    var values: JSONObject
  }

  /// The rows; nil where the scenario has none of its own.
  static func read(_ document: YAMLDocument, folder: URL) throws(Diagnostics) -> [Row]? {
    let pointer = JSONPointer(tokens: ["each"])
    guard let each = document.value["each"] else { return nil }
    let values: [JSONObject]
    if let items = each.arrayValue {
      values = try objects(items, of: document, at: pointer)
    } else if let file = each["file"]?.stringValue {
      values = try read(
        URL(fileURLWithPath: file, relativeTo: folder).path,
        for: document,
        at: pointer.appending("file")
      )
    } else {
      throw wrong(document, pointer, "has no rows; write a list of rows, or { file: rows.csv }")
    }
    guard !values.isEmpty else { throw wrong(document, pointer, "has no rows") }
    guard values.count <= most else {
      throw wrong(document, pointer, "has \(values.count) rows; \(most) can be played")
    }
    return values.enumerated().map { index, values in
      Row(name: values["name"]?.stringValue ?? "row \(index + 1)", values: values)
    }
  }

  private static func wrong(
    _ document: YAMLDocument,
    _ pointer: JSONPointer,
    _ sentence: String
  ) -> Diagnostics {
    Diagnostics(document.diagnostic(at: pointer, sentence))
  }

  private static func objects(
    _ items: [JSONValue],
    of document: YAMLDocument,
    at pointer: JSONPointer
  ) throws(Diagnostics) -> [JSONObject] {
    var rows: [JSONObject] = []
    for (index, item) in items.enumerated() {
      guard let row = item.objectValue else {
        throw wrong(document, pointer.appending(index), "is no row; write values by their names")
      }
      rows.append(row)
    }
    return rows
  }

  private static func read(
    _ path: String,
    for document: YAMLDocument,
    at pointer: JSONPointer
  ) throws(Diagnostics) -> [JSONObject] {
    if path.lowercased().hasSuffix(".csv") {
      guard let data = FileManager.default.contents(atPath: path),
        let text = String(validating: data, as: UTF8.self)
      else { throw wrong(document, pointer, "can't be read, or is not UTF-8") }
      do throws(CSVText.Fault) {
        return try CSVText.rows(text)
      } catch {
        throw Diagnostics(
          Diagnostic(
            file: path,
            position: Diagnostic.Position(line: error.line, column: 1),
            message: error.message
          )
        )
      }
    }
    let rows: YAMLDocument
    do throws(YAMLError) {
      rows = try YAMLDocument(file: path)
    } catch {
      throw Diagnostics(error)
    }
    guard let items = rows.value.arrayValue else {
      throw Diagnostics(rows.diagnostic(at: JSONPointer(), "is no list of rows"))
    }
    return try objects(items, of: rows, at: JSONPointer())
  }

  // MARK: - Putting in

  /// The document with a row's values in its texts; what it has no value for is told where it stands.
  static func fill(_ document: YAMLDocument, with row: Row) throws(Diagnostics) -> YAMLDocument {
    var problems: [Diagnostic] = []
    let filled = document.replacingTexts { pointer, text in
      guard pointer.tokens.first != "each", text.contains("${each.") else { return nil }
      return fill(text, with: row) { name in
        let near = nearest(to: name, among: row.values.keys).map { "did you mean \($0)?" }
        problems.append(
          document.diagnostic(
            at: pointer,
            "wants ${each.\(name)}, which \(row.name) has not; "
              + (near ?? "it has \(row.values.keys.joined(separator: ", "))")
          )
        )
      }
    }
    if let wrong = Diagnostics(problems) { throw wrong }
    return filled
  }

  /// A text that is one reference becomes the value as it is.
  private static func fill(
    _ text: String,
    with row: Row,
    missing: (String) -> Void
  ) -> JSONValue {
    var result = ""
    var rest = text[...]
    while let found = rest.range(of: "${each.") {
      let before = rest[..<found.lowerBound]
      guard let close = rest[found.upperBound...].firstIndex(of: "}") else { break }
      let name = String(rest[found.upperBound..<close])
      let after = rest[rest.index(after: close)...]
      if before.last == "$" {
        // It is to stay, for a template that reads it later.
        result += rest[..<rest.index(after: close)]
        rest = after
        continue
      }
      guard let value = value(named: name, in: row) else {
        missing(name)
        return .string(text)
      }
      if result.isEmpty, before.isEmpty, after.isEmpty { return value }
      result += before + (value.stringValue ?? value.serialized())
      rest = after
    }
    return .string(result + rest)
  }

  private static func value(named name: String, in row: Row) -> JSONValue? {
    if let value = row.values[name] { return value }
    var value: JSONValue? = .object(row.values)
    for key in name.split(separator: ".", omittingEmptySubsequences: false) {
      value = value?[String(key)]
    }
    return value
  }
}
