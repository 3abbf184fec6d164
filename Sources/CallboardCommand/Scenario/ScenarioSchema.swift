import JSONSchema

/// The JSON Schema of a scenario file; parts that configurations have, too, are the same.
enum ScenarioSchema {
  static let document: JSONValue = {
    var definitions = ConfigurationSchema.definitions
    for (name, value) in ConfigurationSchema.parsed(definitionsText).objectValue ?? JSONObject() {
      definitions[name] = value
    }
    let actions = ConfigurationSchema.parsed(actionsText)
    for (name, base) in [
      ("decision", actions), ("decide_step", actions),
      ("scenario_conversation", definitions["conversation"]?["properties"] ?? [:]),
    ] {
      for (key, value) in base.objectValue ?? JSONObject()
      where definitions[name]?["properties"]?[key] == nil {
        definitions[name]?["properties"]?[key] = value
      }
    }
    return ConfigurationSchema.document(rootText, definitions: definitions)
  }()

  static let compiled = ConfigurationSchema.compile(document)

  private static let rootText = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "callboard scenario",
      "type": "object",
      "additionalProperties": false,
      "required": ["do"],
      "properties": {
        "name": { "type": "string", "minLength": 1 },
        "description": { "type": "string" },
        "config": { "description": "A configuration that this builds on, relative to this file.", "type": "string" },
        "seed": { "type": "integer", "minimum": 0 },
        "timeout": { "$ref": "#/$defs/duration", "description": "Longest time of all; 60s." },
        "proves": { "description": "Names of the rules that it plays, for the tests.", "type": "array", "items": { "type": "string" } },
        "functions": {
          "description": "Functions that answer as told here, by qualified name; they stand in front of the configuration's.",
          "type": "object",
          "additionalProperties": { "$ref": "#/$defs/mock_function" }
        },
        "decisions": {
          "description": "What stands in for people: for a call that waits, the first that fits is done.",
          "type": "array",
          "items": { "$ref": "#/$defs/decision" }
        },
        "do": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/step_of_scenario" } },
        "expect": { "$ref": "#/$defs/expect" }
      }
    }
    """#

  /// What rules and steps decide alike.
  private static let actionsText = #"""
    {
      "call": { "description": "The name of a call.", "type": "string" },
      "as": { "description": "The person; operator, if not given.", "type": "string" },
      "approve": { "$ref": "#/$defs/yes" },
      "deny": { "description": "The reason.", "type": "string" },
      "edit": { "description": "Members that replace those of the arguments.", "type": "object" },
      "extend": { "$ref": "#/$defs/yes" },
      "settle": { "$ref": "#/$defs/settlement" },
      "run_again": { "$ref": "#/$defs/yes" },
      "cancel": { "$ref": "#/$defs/yes" }
    }
    """#

  private static let definitionsText = #"""
    {
      "name": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "hint": "use letters, digits, - and _" },
      "yes": { "const": true, "hint": "write true, or leave it out" },
      "scenario_call": {
        "type": "object",
        "additionalProperties": false,
        "required": ["function"],
        "properties": {
          "function": { "type": "string" },
          "name": { "$ref": "#/$defs/name", "description": "What steps and expectations call it." },
          "with": { "description": "The arguments." },
          "raw": { "description": "The text of the arguments, for broken ones.", "type": "string" },
          "as": { "description": "The caller; caller, if not given.", "type": "string" },
          "wait": { "description": "false: go on at once.", "type": "boolean" }
        }
      },
      "scenario_conversation": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "name": { "$ref": "#/$defs/name" },
          "script": { "type": "string" },
          "caller": { "description": "On whose behalf; caller, if not given.", "type": "string" },
          "wait": { "description": "false: go on at once.", "type": "boolean" }
        },
        "oneOf": [{ "required": ["script"] }, { "required": ["model"] }]
      },
      "event_pattern": {
        "description": "What an event has to be; what is not said may be anything.",
        "type": "object",
        "additionalProperties": false,
        "required": ["type"],
        "properties": {
          "type": { "description": "Such as call.running or breaker.open; * stands for anything.", "type": "string" },
          "function": { "$ref": "#/$defs/pattern" },
          "call": { "description": "The name of a call.", "type": "string" },
          "attempt": { "type": "integer", "minimum": 1 },
          "by": { "type": "string" },
          "failure": { "description": "A kind of failure.", "type": "string" },
          "source": { "enum": ["attempt", "hit", "shared", "degraded", "settled"] },
          "cause": { "description": "Part of the cause.", "type": "string" },
          "count": { "description": "How many of them.", "type": "integer", "minimum": 1 },
          "after": { "$ref": "#/$defs/event_pattern", "description": "In never_events: only after the first of these." },
          "before": { "$ref": "#/$defs/event_pattern", "description": "In never_events: only before the first of these." }
        }
      },
      "settlement": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
        "properties": { "happened": true, "did_not_happen": { "description": "On what evidence.", "type": "string" } },
        "hint": "write happened: RESULT or did_not_happen: EVIDENCE"
      },
      "decision": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "on": { "$ref": "#/$defs/pattern" },
          "when": { "$ref": "#/$defs/schema", "description": "Over the arguments as they stand." },
          "caller": { "$ref": "#/$defs/pattern" },
          "times": { "description": "For so many calls; all, if not given.", "type": "integer", "minimum": 1 },
          "after": { "$ref": "#/$defs/duration" }
        },
        "oneOf": [
          { "required": ["approve"] }, { "required": ["deny"] }, { "required": ["edit"] }, { "required": ["extend"] },
          { "required": ["settle"] }, { "required": ["run_again"] }, { "required": ["cancel"] }
        ]
      },
      "decide_step": {
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["call"] }, { "required": ["on"] }],
        "properties": {
          "on": { "$ref": "#/$defs/pattern", "description": "In place of call: the last call of such a function that waits for a person." },
          "stale": { "$ref": "#/$defs/yes", "description": "Decides on what was there when the call first waited." },
          "digest": { "description": "Names this digest in place of the one that was shown.", "type": "string" },
          "name": { "$ref": "#/$defs/name", "description": "What run_again is called." },
          "refused": { "description": "The engine has to refuse it, with these words in its reason.", "type": "string" },
          "undo": { "$ref": "#/$defs/yes" }
        }
      },
      "switch_step": {
        "type": "string",
        "minLength": 1,
        "hint": "write a function as namespace.name, or a namespace"
      },
      "step_of_scenario": {
        "description": "One thing that is done; the next one begins when it is over.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {
          "call": { "$ref": "#/$defs/scenario_call" },
          "together": { "description": "Calls at the same time.", "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/scenario_call" } },
          "conversation": { "$ref": "#/$defs/scenario_conversation" },
          "pause": { "$ref": "#/$defs/duration" },
          "advance": { "$ref": "#/$defs/duration", "description": "Sets the clock forward: what is due by then happens at once." },
          "until": { "$ref": "#/$defs/event_pattern", "description": "Waits for an event, counted from the beginning." },
          "disable": { "$ref": "#/$defs/switch_step" },
          "enable": { "$ref": "#/$defs/switch_step" },
          "hold": { "$ref": "#/$defs/yes" },
          "release": { "$ref": "#/$defs/yes" },
          "trip": { "description": "Opens a function's breaker by hand.", "type": "string" },
          "reset": { "description": "Closes a function's breaker by hand.", "type": "string" },
          "clear_cache": { "type": "string" },
          "decide": { "$ref": "#/$defs/decide_step" },
          "stop": { "description": "The name of a conversation.", "type": "string" },
          "message": {
            "type": "object",
            "additionalProperties": false,
            "required": ["to", "text"],
            "properties": { "to": { "type": "string" }, "text": { "type": "string" } }
          },
          "as": { "description": "Who switches; operator, if not given.", "type": "string" },
          "refused": { "description": "The engine has to refuse it, with these words in its reason.", "type": "string" }
        }
      },
      "number_of": {
        "description": "Exactly so many, or { at_least, at_most }.",
        "type": ["integer", "object"],
        "minimum": 0,
        "additionalProperties": false,
        "properties": { "at_least": { "type": "integer" }, "at_most": { "type": "integer" } },
        "hint": "write a number, or { at_least: 1, at_most: 3 }"
      },
      "state": {
        "enum": [
          "received", "awaiting_approval", "approved", "queued", "running", "stopping", "backing_off", "unknown",
          "succeeded", "failed", "rejected", "denied", "expired", "cancelled"
        ]
      },
      "expect": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "calls": {
            "description": "Each picks calls by call, function, caller and conversation; all of them have to be as the rest says, or so many as count says.",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "call": { "type": "string" },
                "function": { "$ref": "#/$defs/pattern" },
                "caller": { "$ref": "#/$defs/pattern" },
                "conversation": { "type": "string" },
                "count": { "$ref": "#/$defs/number_of" },
                "state": { "$ref": "#/$defs/state" },
                "arguments": { "$ref": "#/$defs/schema", "description": "Over the arguments as they ran." },
                "proposed": { "$ref": "#/$defs/schema" },
                "result": { "$ref": "#/$defs/schema" },
                "attempts": { "$ref": "#/$defs/number_of" },
                "source": { "enum": ["attempt", "hit", "shared", "degraded", "settled"] },
                "failure": { "type": "string" },
                "reach": { "enum": ["not_sent", "answered", "maybe"] },
                "says": { "description": "Part of the failure's message.", "type": "string" },
                "rule": { "description": "Part of the rule that asked.", "type": "string" },
                "runs_again": { "description": "The name of the call it runs again.", "type": "string" },
                "same_key_as": { "type": "string" },
                "other_key_than": { "type": "string" }
              }
            }
          },
          "order": { "description": "Functions in the order in which they were first asked for.", "type": "array", "items": { "type": "string" } },
          "answers": {
            "description": "What a model heard of its calls: one answer at least has to be so.",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "conversation": { "type": "string" },
                "function": { "$ref": "#/$defs/pattern" },
                "heard": { "$ref": "#/$defs/schema" },
                "says": { "type": "string" },
                "count": { "$ref": "#/$defs/number_of" }
              }
            }
          },
          "conversations": {
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "conversation": { "type": "string" },
                "state": { "enum": ["thinking", "calling", "paused", "stopped", "finished", "failed"] },
                "says": { "description": "Part of the model's last words.", "type": "string" },
                "turns": { "$ref": "#/$defs/number_of" },
                "calls": { "$ref": "#/$defs/number_of" },
                "failure": { "description": "Part of why it failed.", "type": "string" }
              }
            }
          },
          "events": {
            "description": "Events in this order; others may lie between them.",
            "type": "array",
            "items": { "$ref": "#/$defs/event_pattern" }
          },
          "never_events": { "type": "array", "items": { "$ref": "#/$defs/event_pattern" } },
          "never": { "description": "Functions of which no attempt ever started.", "type": "array", "items": { "$ref": "#/$defs/pattern" } },
          "counters_equal_events": { "description": "What the Functions screen counts is what the events count.", "type": "boolean" }
        }
      }
    }
    """#
}
