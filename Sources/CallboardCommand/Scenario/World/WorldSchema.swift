import JSONSchema

/// The schema of steps that happen to the engine itself, or around it.
enum WorldSchema {
  /// Members of a step.
  static let steps = ConfigurationSchema.parsed(text)

  private static let text = #"""
    {
      "restart": {
        "description": "A new engine on the same store: after the stop or death that was begun, else as after kill -9. after: so long there is none.",
        "type": ["boolean", "object"],
        "if": { "type": "boolean" },
        "then": { "const": true },
        "else": {
          "additionalProperties": false,
          "required": ["after"],
          "properties": { "after": { "$ref": "#/$defs/duration" } }
        },
        "hint": "write true, or { after: 5m }"
      },
      "die": { "$ref": "#/$defs/event_pattern", "description": "The engine dies, as by kill -9, once the next such event is stored; restart waits for that." },
      "stop_engine": { "$ref": "#/$defs/yes", "description": "Begins an orderly stop and goes on at once; restart waits until it is over." },
      "store": {
        "description": "fails: nothing can be stored, as on a full disk; { fails: WHY } says why. works: everything can.",
        "type": ["string", "object"],
        "if": { "type": "string" },
        "then": { "enum": ["fails", "works"] },
        "else": {
          "additionalProperties": false,
          "required": ["fails"],
          "properties": { "fails": { "type": "string", "minLength": 1 } }
        },
        "hint": "write fails, works or { fails: WHY }"
      },
      "definition": {
        "description": "What its server says of a function from now on, or what a person says to that.",
        "type": "object",
        "additionalProperties": false,
        "required": ["function"],
        "properties": {
          "function": { "type": "string" },
          "description": { "type": "string" },
          "parameters": { "$ref": "#/$defs/schema" },
          "removed": { "$ref": "#/$defs/yes" },
          "accept": { "$ref": "#/$defs/yes" },
          "decline": { "$ref": "#/$defs/yes" }
        },
        "anyOf": [
          { "required": ["description"] }, { "required": ["parameters"] }, { "required": ["removed"] },
          { "required": ["accept"] }, { "required": ["decline"] }
        ],
        "not": {
          "anyOf": [
            { "required": ["removed", "accept"] }, { "required": ["removed", "decline"] }, { "required": ["accept", "decline"] },
            { "required": ["removed", "parameters"] }, { "required": ["accept", "parameters"] }, { "required": ["decline", "parameters"] },
            { "required": ["removed", "description"] }, { "required": ["accept", "description"] }, { "required": ["decline", "description"] }
          ]
        },
        "hint": "write what it is now (description, parameters), or one of removed, accept and decline: true"
      },
      "grant": {
        "description": "Approves calls of one kind ahead.",
        "type": "object",
        "additionalProperties": false,
        "required": ["function", "for"],
        "properties": {
          "name": { "$ref": "#/$defs/name", "description": "What revoke_grant calls it." },
          "function": { "$ref": "#/$defs/pattern" },
          "when": { "$ref": "#/$defs/when" },
          "for": { "$ref": "#/$defs/duration", "description": "How long it is valid." },
          "limit": { "description": "How many calls it may serve.", "type": "integer", "minimum": 1 },
          "waiting": { "description": "Names of calls that wait and are approved too.", "type": "array", "items": { "type": "string" } }
        }
      },
      "revoke_grant": { "description": "The name of a grant.", "type": "string" },
      "pause_conversation": { "description": "The name of a conversation.", "type": "string" },
      "resume_conversation": { "description": "The name of a conversation.", "type": "string" }
    }
    """#
}
