import Crypto
import Foundation
import JSONSchema

/// What a function is, in one hash: its name, schema without annotations, effect and provider.
///
/// An approval binds to it, so a function that changes its meaning voids what was approved.
enum DefinitionHash {
  /// Words for people, which bind nobody.
  static let annotations: Set<String> = [
    "title", "description", "$comment", "examples", "deprecated", "readOnly", "writeOnly",
  ]

  /// `effect`: another one than the definition has, to find whether only that differs.
  static func of(
    _ definition: FunctionDefinition,
    provider: String,
    effect: FunctionEffect? = nil
  ) -> String {
    let parts: JSONValue = [
      "name": .string(definition.name.description),
      "schema": withoutAnnotations(definition.parameters),
      "effect": .string((effect ?? definition.effect).rawValue),
      "provider": .string(provider),
    ]
    return hexadecimal(SHA256.hash(data: Data(parts.canonicalBytes())))
  }

  /// Only keywords are annotations: a property called `title` stays, and so does what depends on one.
  private static func withoutAnnotations(_ schema: JSONValue) -> JSONValue {
    switch schema {
    case .object(let object):
      var result = JSONObject()
      for (key, value) in object where !annotations.contains(key) {
        switch key {
        case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
          "dependencies":
          guard let members = value.objectValue else {
            result[key] = value
            continue
          }
          var inner = JSONObject()
          for (name, member) in members { inner[name] = withoutAnnotations(member) }
          result[key] = .object(inner)
        case "enum", "const", "default", "required", "dependentRequired": result[key] = value
        default: result[key] = withoutAnnotations(value)
        }
      }
      return .object(result)
    case .array(let items): return .array(items.map(withoutAnnotations))
    case .null, .bool, .integer, .double, .decimal, .string: return schema
    }
  }
}

/// Bytes as lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}
