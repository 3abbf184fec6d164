import Callboard
import CallboardYAML
import JSONSchema

/// Definitions from elsewhere as a configuration of callboard's, whose provider a person fills in.
struct ImportedFunctions {
  let namespace: String
  /// Whether parameters are made fit for OpenAI's strict mode.
  let isStrict: Bool
  /// What was changed or left out, one line each.
  private(set) var notes: [String] = []
  private(set) var leftOut = 0
  private(set) var functions: [JSONValue] = []
  private var names: Set<String> = []

  init(namespace: String, isStrict: Bool) {
    self.namespace = namespace
    self.isStrict = isStrict
  }

  /// Takes the definitions of a file over, repaired.
  mutating func add(_ file: DefinitionFile) {
    for other in file.others {
      leftOut += 1
      let line = file.line(of: other).map { ":\($0)" } ?? ""
      notes.append(
        "\(file.path)\(line): \(other.pointer): left out, because it is no function but of type “\(other.type)”"
      )
    }
    for (index, definition) in file.definitions.enumerated() {
      var repaired = DialectRepair(definition.value)
      for change in repaired.changes {
        let pointer = JSONPointer(tokens: definition.pointer.tokens + change.pointer.tokens)
        note(change.message, at: pointer, of: repaired.name, index, in: file)
      }
      let name = freeName(repaired.name)
      if name != repaired.name {
        note(
          "there is one of this name already; it is called \(name)",
          at: definition.pointer,
          of: repaired.name,
          index,
          in: file
        )
        repaired.rename(to: name)
      }
      do throws(SchemaError) {
        _ = try Schema(repaired.parameters)
      } catch {
        leftOut += 1
        note(
          "left out, because its parameters are no JSON Schema that can be used: \(error)",
          at: definition.pointer,
          of: repaired.name,
          index,
          in: file
        )
        continue
      }
      names.insert(name)
      var parameters = repaired.parameters
      if isStrict {
        let place = definition.pointer.appending("parameters")
        let conversion = StrictMode.convert(parameters)
        parameters = conversion.parameters
        let told =
          conversion.changes.map { ($0.pointer, $0.message) }
          + conversion.remaining.map { ($0.pointer, "not strict yet: it \($0.message)") }
        for (inner, message) in told {
          let pointer = JSONPointer(tokens: place.tokens + inner.tokens)
          note(message, at: pointer, of: name, index, in: file)
        }
      }
      functions.append(Self.function(repaired, parameters))
    }
  }

  private mutating func note(
    _ message: String,
    at pointer: JSONPointer,
    of name: String,
    _ index: Int,
    in file: DefinitionFile
  ) {
    let line = file.line(of: pointer, in: index).map { ":\($0)" } ?? ""
    let parts = ["\(file.path)\(line)", name, pointer.description, message]
    notes.append(parts.filter { !$0.isEmpty }.joined(separator: ": "))
  }

  private func freeName(_ name: String) -> String {
    guard names.contains(name) else { return name }
    var number = 2
    while true {
      let mark = "_\(number)"
      let candidate = name.prefix(64 - mark.count) + mark
      if !names.contains(String(candidate)) { return String(candidate) }
      number += 1
    }
  }

  private static func function(_ repaired: DialectRepair, _ parameters: JSONValue) -> JSONValue {
    [
      "name": .string(repaired.name), "description": .string(escaped(repaired.description)),
      "effect": "write", "method": "POST", "path": .string("/" + repaired.name),
      "parameters": parameters,
    ]
  }

  /// A description is no place for the environment: its `${NAME}` stays what it is.
  private static func escaped(_ text: String) -> String {
    guard text.contains("${") else { return text }
    var result = ""
    var rest = text[...]
    while let next = rest.first {
      if rest.hasPrefix("${") { result.append("$") }
      result.append(next)
      rest.removeFirst()
    }
    return result
  }

  /// The configuration, with what is to be filled in said in comments.
  var yaml: String {
    let variable = String(
      namespace.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" }
    )
    return """
      # Written by callboard functions import. Fill in where the functions run: the url and each method and path here,
      # or `type: program` and a `run` for each; and say of each whether it is a read, idempotent or a write.
      providers:
        \(namespace):
          type: http
          url: ${FUNCTIONS_\(variable)_URL:-http://127.0.0.1:9100}
          functions:

      """ + JSONValue.array(functions).yaml(indent: 6)
  }
}
