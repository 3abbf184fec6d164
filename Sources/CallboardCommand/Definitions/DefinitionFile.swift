import Callboard
import CallboardYAML
import Foundation
import JSONSchema

/// A file with definitions of functions, in whichever form somebody keeps them, and where each of them is.
struct DefinitionFile {
  var path: String
  /// Whether it is a configuration of callboard's own.
  var isConfiguration = false
  var definitions: [Definition] = []
  /// What stands among the definitions and is no function, such as a tool of the model's own.
  private(set) var others: [Other] = []
  /// Of a document that is read whole, the lines of its parts.
  private var document: YAMLDocument?

  struct Definition {
    /// `{ name, description, parameters }`, in a configuration with the qualified name.
    var value: JSONValue
    /// Where in its document it is.
    var pointer: JSONPointer
    /// In a file of a document a line: which line.
    var line: Int?
  }

  struct Other {
    var type: String
    var pointer: JSONPointer
    var line: Int?
  }

  /// Reads a configuration, an array, `{ "tools": […] }`, one definition, or a definition a line.
  ///
  /// - Throws: a failure that says where the file is none of them.
  static func read(_ path: String) throws -> DefinitionFile {
    let text = path == "-" ? try Entry.standardInput() : try Entry.text(ofFile: path)
    return try parse(text, path: path == "-" ? "standard input" : path)
  }

  static func parse(_ text: String, path: String) throws -> DefinitionFile {
    var file = DefinitionFile(path: path)
    let start = text.first { !$0.isWhitespace }
    guard start == "{" || start == "[" else {
      do {
        let document = try YAMLDocument(text: text, file: path)
        file.document = document
        try file.add(document.value)
      } catch let error as Diagnostic {
        throw Failure(.fileIsWrong, error.description)
      }
      return try file.checked()
    }
    do {
      let value = try JSONValue(parsing: text)
      // Only for the numbers of its lines: what is JSON and no YAML has none.
      file.document = try? YAMLDocument(text: text, file: path)
      try file.add(value)
    } catch let error as JSONParseError {
      guard try file.addLines(of: text) else {
        throw Failure(.fileIsWrong, "\(path):\(error.line):\(error.column): \(error.reason)")
      }
    }
    return try file.checked()
  }

  /// The line of a part of a definition, where it is known.
  func line(of pointer: JSONPointer, in index: Int?) -> Int? {
    if let index, let line = definitions[index].line { return line }
    return line(of: pointer)
  }

  private func line(of pointer: JSONPointer) -> Int? {
    guard let document else { return nil }
    var pointer = pointer
    while true {
      if let place = document.keyPosition(of: pointer) { return place.line }
      guard !pointer.tokens.isEmpty else { return nil }
      pointer.tokens.removeLast()
    }
  }

  func line(of other: Other) -> Int? { other.line ?? line(of: other.pointer) }

  private func checked() throws(Failure) -> DefinitionFile {
    guard !definitions.isEmpty else { throw noDefinitions(at: nil) }
    return self
  }

  private func noDefinitions(at place: String?) -> Failure {
    Failure(
      .fileIsWrong,
      "\(path)\(place.map { ":\($0)" } ?? ""): there are no definitions of functions here; give a configuration, an array of tools, {\"tools\": […]}, or a definition a line."
    )
  }

  /// Whether each line is a document of its own; one that is not is told with its number, once it is sure that the
  /// file is meant so.
  private mutating func addLines(of text: String) throws -> Bool {
    var number = 0
    for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      guard line.contains(where: { $0 > UInt8(ascii: " ") }) else { continue }
      do {
        let value = try JSONValue(parsing: Array(line))
        guard value.objectValue != nil || !definitions.isEmpty else { return false }
        let before = definitions.count
        try add(value, line: number)
        guard definitions.count > before else { throw noDefinitions(at: "\(number)") }
      } catch let error as JSONParseError {
        guard !definitions.isEmpty else { return false }
        throw Failure(.fileIsWrong, "\(path):\(number):\(error.column): \(error.reason)")
      }
    }
    return true
  }

  private mutating func add(_ value: JSONValue, line: Int? = nil) throws(Failure) {
    let root = JSONPointer()
    if let providers = value["providers"]?.objectValue {
      isConfiguration = true
      for (namespace, provider) in providers {
        let list = root.appending("providers").appending(namespace).appending("functions")
        for (index, function) in (provider["functions"]?.arrayValue ?? []).enumerated() {
          var function = function
          function["name"] = .string(namespace + "." + (function["name"]?.stringValue ?? ""))
          definitions.append(.init(value: function, pointer: list.appending(index), line: line))
        }
      }
      return
    }
    for keyword in ["tools", "functions", "function"] {
      guard let list = value[keyword]?.arrayValue else { continue }
      try add(list, at: root.appending(keyword), line: line)
      return
    }
    if let list = value.arrayValue {
      try add(list, at: root, line: line)
    } else if let definition = Self.definition(value, at: root, line: line) {
      definitions.append(definition)
    }
  }

  private mutating func add(
    _ list: [JSONValue],
    at pointer: JSONPointer,
    line: Int?
  ) throws(Failure) {
    for (index, item) in list.enumerated() {
      let place = pointer.appending(index)
      // Model APIs have tools of their own kinds beside functions.
      if let type = item["type"]?.stringValue, type != "function", item["function"] == nil,
        item["name"] == nil || item["parameters"] == nil
      {
        others.append(.init(type: type, pointer: place, line: line))
        continue
      }
      guard let definition = Self.definition(item, at: place, line: line) else {
        throw Failure(
          .fileIsWrong,
          "\(path): \(place) is no definition of a function; write {\"name\": …, \"description\": …, \"parameters\": …}."
        )
      }
      definitions.append(definition)
    }
  }

  /// `{ "type": "function", "function": { … } }`, or what stands in it alone.
  private static func definition(
    _ value: JSONValue,
    at pointer: JSONPointer,
    line: Int?
  )
    -> Definition?
  {
    if let function = value["function"], function.objectValue != nil {
      return Definition(value: function, pointer: pointer.appending("function"), line: line)
    }
    guard value["name"] != nil || value["parameters"] != nil else { return nil }
    return Definition(value: value, pointer: pointer, line: line)
  }
}
