import JSONSchema

extension ScriptedModel {
  /// The JSON Schema of a section of scripts by name.
  ///
  /// It carries its own `$id`, ``schemaID``: a larger schema puts it into its `$defs` and refers to it by
  /// `{"$ref": "urn:callboard:scripts"}`, and to one script by `{"$ref": "urn:callboard:scripts#/$defs/script"}`.
  public static let schema: JSONValue = {
    do {
      return try JSONValue(parsing: text)
    } catch {
      preconditionFailure("the schema of scripts is no JSON: \(error)")
    }
  }()

  /// The `$id` of ``schema``.
  public static let schemaID = "urn:callboard:scripts"

  static let sectionSchema = compiled(schema)

  static let scriptSchema: Schema = {
    // The script's own rules stand at the top, so that a diagnostic finds the hints beside them.
    var script = schema["$defs"]?["script"] ?? .bool(false)
    script["$defs"] = schema["$defs"]
    return compiled(script)
  }()

  private static func compiled(_ document: JSONValue) -> Schema {
    do {
      return try Schema(document)
    } catch {
      preconditionFailure("the schema of scripts cannot be used: \(error)")
    }
  }

  private static let text = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "urn:callboard:scripts",
      "description": "Scripted conversations by name.",
      "type": "object",
      "propertyNames": {
        "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
        "hint": "name a script with letters, digits, - and _, beginning with a letter"
      },
      "additionalProperties": { "$ref": "#/$defs/script" },
      "$defs": {
        "name": {
          "type": "string",
          "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$",
          "hint": "use letters, digits, - and _, beginning with a letter"
        },
        "pause": {
          "description": "A duration such as 1.2s, or a range such as 0.5s..2s that is drawn from.",
          "type": "string",
          "hint": "write a duration such as 1.2s, or a range such as 0.5s..2s"
        },
        "duration": {
          "description": "A duration such as 250ms, 1.5s or 2m.",
          "type": "string",
          "hint": "write a duration such as 250ms, 1.5s or 2m"
        },
        "condition": {
          "description": "A JSON Schema over results, last, calls, message, vars, turn and round.",
          "type": ["object", "boolean"],
          "hint": "write a JSON Schema over what came before"
        },
        "template": {
          "description": "A text; ${…} stands for a variable, a result, or the person's message.",
          "type": "string",
          "hint": "write a text, in quotes if it looks like something else"
        },
        "script": {
          "description": "One scripted conversation.",
          "type": "object",
          "additionalProperties": false,
          "required": ["turns"],
          "properties": {
            "title": { "$ref": "#/$defs/template" },
            "system": { "$ref": "#/$defs/template" },
            "user": {
              "description": "The opening message, or several.",
              "type": ["string", "array"],
              "items": { "$ref": "#/$defs/template" },
              "hint": "write one text, or a list of texts"
            },
            "vars": {
              "description": "Values that are drawn once a conversation.",
              "type": "object",
              "propertyNames": { "$ref": "#/$defs/name" },
              "additionalProperties": { "$ref": "#/$defs/variable" }
            },
            "after": { "$ref": "#/$defs/pause" },
            "over": { "$ref": "#/$defs/duration" },
            "turns": {
              "type": "array",
              "minItems": 1,
              "items": { "$ref": "#/$defs/step" },
              "hint": "write a list of turns"
            },
            "on_message": {
              "description": "The answer to a person who writes while calls are out.",
              "type": ["object", "array"],
              "if": { "type": "array" },
              "then": { "minItems": 1, "items": { "$ref": "#/$defs/branch" } },
              "else": { "$ref": "#/$defs/branch" }
            }
          }
        },
        "variable": {
          "description": "pick one of a list, a number between two, or the value itself.",
          "if": { "type": "object", "anyOf": [{ "required": ["pick"] }, { "required": ["between"] }] },
          "then": {
            "additionalProperties": false,
            "properties": {
              "pick": { "type": "array", "minItems": 1 },
              "between": {
                "type": "array",
                "items": { "type": "number" },
                "minItems": 2,
                "maxItems": 2,
                "hint": "write [lower, upper]"
              },
              "step": { "type": "number", "exclusiveMinimum": 0, "hint": "use a step above 0" }
            }
          }
        },
        "step": {
          "if": { "type": "object", "required": ["choose"] },
          "then": {
            "type": "object",
            "required": ["choose"],
            "properties": {
              "label": { "$ref": "#/$defs/name" },
              "choose": {
                "description": "The first branch whose if holds.",
                "type": "array",
                "minItems": 1,
                "items": { "$ref": "#/$defs/branch" }
              }
            }
          },
          "else": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
              "label": { "$ref": "#/$defs/name" },
              "choose": true,
              "if": { "$ref": "#/$defs/condition" },
              "after": { "$ref": "#/$defs/pause" },
              "over": { "$ref": "#/$defs/duration" },
              "say": { "$ref": "#/$defs/template" },
              "calls": { "$ref": "#/$defs/calls" },
              "fail": { "$ref": "#/$defs/failure" },
              "usage": { "$ref": "#/$defs/usage" },
              "goto": { "$ref": "#/$defs/name" },
              "end": { "const": true, "hint": "write end: true, or leave it out" },
              "repeat": { "$ref": "#/$defs/repetition" }
            }
          }
        },
        "branch": {
          "type": "object",
          "minProperties": 1,
          "additionalProperties": false,
          "properties": {
            "if": { "$ref": "#/$defs/condition" },
            "after": { "$ref": "#/$defs/pause" },
            "over": { "$ref": "#/$defs/duration" },
            "say": { "$ref": "#/$defs/template" },
            "calls": { "$ref": "#/$defs/calls" },
            "fail": { "$ref": "#/$defs/failure" },
            "usage": { "$ref": "#/$defs/usage" },
            "goto": { "$ref": "#/$defs/name" },
            "end": { "const": true, "hint": "write end: true, or leave it out" },
            "repeat": { "$ref": "#/$defs/repetition" }
          }
        },
        "calls": {
          "type": "array",
          "minItems": 1,
          "items": { "$ref": "#/$defs/call" },
          "hint": "write a list of calls, each with its function"
        },
        "call": {
          "type": "object",
          "additionalProperties": false,
          "required": ["function"],
          "properties": {
            "function": {
              "description": "The qualified name, such as properties.search.",
              "type": "string",
              "hint": "write namespace.name"
            },
            "id": { "$ref": "#/$defs/name" },
            "with": {
              "description": "The arguments; their texts are templates.",
              "type": "object",
              "hint": "write the arguments as a mapping, or raw: for a text that is none"
            },
            "raw": { "$ref": "#/$defs/template" }
          }
        },
        "failure": {
          "type": "object",
          "additionalProperties": false,
          "required": ["kind"],
          "properties": {
            "kind": {
              "enum": [
                "unreachable", "unauthorised", "throttled", "server_error", "bad_request", "broken_answer",
                "script_ended", "cancelled"
              ]
            },
            "message": { "$ref": "#/$defs/template" },
            "times": { "type": "integer", "minimum": 1, "hint": "use 1 or more; leave it out to fail always" }
          }
        },
        "usage": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "input": { "type": "integer", "minimum": 0 },
            "output": { "type": "integer", "minimum": 0 }
          }
        },
        "repetition": {
          "description": "How often the turn is taken, or while what holds.",
          "if": { "type": "object" },
          "then": {
            "additionalProperties": false,
            "required": ["while", "at_most"],
            "properties": {
              "while": { "$ref": "#/$defs/condition" },
              "at_most": { "type": "integer", "minimum": 1, "maximum": 1000 }
            }
          },
          "else": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "hint": "write a number from 1 to 1000, or { while: SCHEMA, at_most: NUMBER }"
          }
        }
      }
    }
    """#
}
