import Callboard
import JSONSchema

/// Puts something in place of the marks that a recording has where a secret was, so that it still fits its schema.
enum StandIn {
  private static let text = "as in the recording"

  /// The text of arguments; as it is where nothing was hidden in it.
  static func filled(_ arguments: String, by schema: JSONValue?) -> String {
    guard arguments.contains(Redactor.mark), let value = try? JSONValue(parsing: arguments) else {
      return arguments
    }
    return filled(value, by: schema ?? true).serialized()
  }

  static func filled(_ value: JSONValue, by schema: JSONValue) -> JSONValue {
    fill(value, ExampleValue(root: schema).resolved(schema), ExampleValue(root: schema))
  }

  private static func fill(
    _ value: JSONValue,
    _ rules: JSONValue?,
    _ examples: ExampleValue
  ) -> JSONValue {
    switch value {
    case .string(Redactor.mark): return standIn(rules, examples)
    case .string(let text): return .string(text.replacing(Redactor.mark, with: Self.text))
    case .array(let items):
      let inner = rules?["items"].flatMap { examples.resolved($0) }
      return .array(items.map { fill($0, inner, examples) })
    case .object(let object):
      return .object(
        JSONObject(
          object.map { key, member in
            let inner = rules?["properties"]?[key].flatMap { examples.resolved($0) }
            return (key, fill(member, inner, examples))
          }
        )
      )
    case .null, .bool, .integer, .double, .decimal: return value
    }
  }

  private static func standIn(_ rules: JSONValue?, _ examples: ExampleValue) -> JSONValue {
    guard let rules else { return .string(text) }
    if (try? Schema(rules))?.isValid(.string(text)) ?? true { return .string(text) }
    return ExampleValue(root: rules).candidates(nil).first ?? .string(text)
  }
}
