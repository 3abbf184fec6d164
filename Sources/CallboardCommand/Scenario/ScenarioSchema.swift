import Callboard
import JSONSchema

/// The JSON Schema of a scenario file; parts that configurations have, too, are the same.
enum ScenarioSchema {
  static let document: JSONValue = {
    var definitions = ConfigurationSchema.definitions
    for (name, value) in ConfigurationSchema.parsed(definitionsText).objectValue ?? JSONObject() {
      definitions[name] = value
    }
    definitions["failure_kind"] = [
      "enum": .array(CallFailure.Kind.allCases.map { .string($0.rawValue) })
    ]
    let actions = ConfigurationSchema.parsed(actionsText)
    for (name, base) in [
      ("decision", actions), ("decide_step", actions),
      ("scenario_conversation", definitions["conversation"]?["properties"] ?? [:]),
      ("step_of_scenario", WorldSchema.steps),
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
        "timeout": { "$ref": "#/$defs/duration", "description": "Longest real time of all; 60s." },
        "clock": { "description": "auto: where nothing but time is waited for it goes on at once. real: it goes by as on the machine. auto, if not given.", "enum": ["auto", "real"] },
        "proves": { "description": "Names of the rules that it plays, for the tests.", "type": "array", "items": { "type": "string" } },
        "functions": {
          "description": "Functions that answer as told here, by qualified name; they stand in front of the configuration's.",
          "type": "object",
          "additionalProperties": { "$ref": "#/$defs/mock_function" }
        },
        "workflows": {
          "description": "Workflows beside those of the configuration: each a workflow, or the path of its file.",
          "type": "array",
          "items": { "type": ["object", "string"], "hint": "write a workflow, or the path of its file" }
        },
        "each": {
          "description": "Rows: it is played once for each of them, with ${each.name} in its texts put in.",
          "type": ["array", "object"],
          "items": { "type": "object" },
          "minItems": 1,
          "required": ["file"],
          "additionalProperties": false,
          "properties": { "file": { "description": "A list of rows as YAML or JSON, or a table as CSV; beside this file.", "type": "string" } },
          "hint": "write a list of rows, or { file: rows.csv }"
        },
        "prices": {
          "description": "What a million tokens of a model cost, by its name.",
          "type": "object",
          "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "input": { "type": "number", "minimum": 0 }, "output": { "type": "number", "minimum": 0 } }
          }
        },
        "faults": {
          "description": "What goes wrong with functions, mocked or real: delays of all that strike an attempt, and of the rest the first.",
          "type": "array",
          "items": { "$ref": "#/$defs/fault" }
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
      "cancel": { "$ref": "#/$defs/yes" },
      "let_expire": { "$ref": "#/$defs/yes", "description": "Nobody decides: it waits until it expires." }
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
          "recording": { "description": "A file that callboard run --record has made, relative to this one: its turns are the model's.", "type": "string" },
          "of": { "description": "Which conversation of the recording; 1.", "type": "integer", "minimum": 1 },
          "caller": { "description": "On whose behalf; caller, if not given.", "type": "string" },
          "wait": { "description": "false: go on at once.", "type": "boolean" }
        },
        "oneOf": [{ "required": ["script"] }, { "required": ["model"] }, { "required": ["recording"] }],
        "dependentRequired": { "of": ["recording"] }
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
          "workflow": { "description": "The name of a workflow.", "type": "string" },
          "cause": { "description": "Part of the cause.", "type": "string" },
          "count": { "description": "How many of them.", "type": "integer", "minimum": 1 },
          "after": { "$ref": "#/$defs/event_pattern", "description": "In never_events: only after the first of these." },
          "before": { "$ref": "#/$defs/event_pattern", "description": "In never_events: only before the first of these." }
        }
      },
      "fault": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "on": { "$ref": "#/$defs/pattern", "description": "Which functions; all, if not given." },
          "caller": { "$ref": "#/$defs/pattern" },
          "when": { "$ref": "#/$defs/schema", "description": "Only for arguments like these." },
          "attempts": {
            "description": "Only attempts at each function from one to another, counted from 1 over all calls.",
            "type": "object", "additionalProperties": false, "minProperties": 1,
            "properties": { "from": { "type": "integer", "minimum": 1 }, "to": { "type": "integer", "minimum": 1 } },
            "hint": "write { from: 1, to: 3 }"
          },
          "during": {
            "description": "Only from one moment of the scenario up to another.",
            "type": "object", "additionalProperties": false, "minProperties": 1,
            "properties": { "from": { "$ref": "#/$defs/duration" }, "to": { "$ref": "#/$defs/duration" } },
            "hint": "write { from: 10s, to: 40s }"
          },
          "probability": { "description": "This share of them, by the seed.", "type": "number", "minimum": 0, "maximum": 1, "hint": "write a share from 0 to 1" },
          "times": { "description": "At most so many.", "type": "integer", "minimum": 1 },
          "delay": { "$ref": "#/$defs/latency", "description": "Before it is done, or fails." },
          "fail": { "$ref": "#/$defs/mock_failure" },
          "down": { "$ref": "#/$defs/yes", "description": "No connection: connection_failed, not_sent." },
          "hang": { "$ref": "#/$defs/yes", "description": "Never answers." },
          "truncate": {
            "description": "So much of the result comes through: as a text shorter, as anything else an invalid_result.",
            "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            "properties": {
              "bytes": { "type": "integer", "minimum": 0 },
              "share": { "type": "number", "minimum": 0, "maximum": 1 }
            },
            "hint": "write { bytes: 40 } or { share: 0.5 }"
          }
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
          { "required": ["settle"] }, { "required": ["run_again"] }, { "required": ["cancel"] },
          { "required": ["let_expire"] }
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
      "workflow_step": {
        "description": "A run of a workflow.",
        "type": "object",
        "additionalProperties": false,
        "required": ["run"],
        "properties": {
          "run": {
            "description": "The name of a workflow, a file (with a . or / in it), or a workflow that stands here.",
            "type": ["string", "object"],
            "hint": "write the name of a workflow, its file, or a workflow"
          },
          "with": { "description": "The input." },
          "name": { "$ref": "#/$defs/name", "description": "What steps and expectations call it; the workflow's own name, if not given." },
          "as": { "description": "The caller; caller, if not given.", "type": "string" },
          "wait": { "description": "false: go on at once.", "type": "boolean" },
          "refused": { "description": "It has to be refused, with these words in the reason.", "type": "string" }
        }
      },
      "load_step": {
        "description": "Many calls of one kind.",
        "type": "object",
        "additionalProperties": false,
        "required": ["call", "count"],
        "properties": {
          "call": {
            "type": "object",
            "additionalProperties": false,
            "required": ["function"],
            "properties": {
              "function": { "type": "string" },
              "with": { "description": "The arguments; ${n} is the number of the call." },
              "as": { "description": "The caller; caller, if not given.", "type": "string" }
            }
          },
          "name": { "$ref": "#/$defs/name", "description": "load, if not given." },
          "count": { "description": "How many calls.", "type": "integer", "minimum": 1, "maximum": 100000 },
          "rate": { "description": "How many begin a second, minute or hour, such as 100/s; as soon as there is room, if not given.", "type": "string", "hint": "write a rate such as 100/s, 30/m or 1000/h" },
          "parallel": { "description": "Most at one time; with a rate as many as there are, else 1.", "type": "integer", "minimum": 1, "maximum": 100000 }
        }
      },
      "boundary_step": {
        "description": "Calls with arguments at the bounds of a function's schema and just beyond: the invalid have to be rejected where they are, and no others.",
        "type": "object",
        "additionalProperties": false,
        "required": ["function"],
        "properties": {
          "function": { "type": "string" },
          "with": { "description": "Members of the valid arguments that all others are made from.", "type": "object" },
          "as": { "description": "The caller; caller, if not given.", "type": "string" },
          "only": { "enum": ["valid", "invalid"] }
        }
      },
      "time_of": {
        "description": "At most so long, or { at_least, at_most }.",
        "type": ["string", "object"],
        "additionalProperties": false,
        "properties": { "at_least": { "$ref": "#/$defs/duration" }, "at_most": { "$ref": "#/$defs/duration" } },
        "hint": "write a duration, or { at_least: 1s, at_most: 5m }"
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
          "workflow": { "$ref": "#/$defs/workflow_step" },
          "cancel_run": { "description": "The name of a run.", "type": "string" },
          "retry_run": { "description": "The name of a run.", "type": "string" },
          "load": { "$ref": "#/$defs/load_step" },
          "boundary": { "$ref": "#/$defs/boundary_step" },
          "pause": { "$ref": "#/$defs/duration", "description": "Lets so much time go by; what is due meanwhile happens in its order." },
          "advance": { "$ref": "#/$defs/duration", "description": "Sets the clock forward in one go: what is due by then happens at once." },
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
      "amount_of": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "properties": { "at_least": { "type": "number" }, "at_most": { "type": "number" } },
        "hint": "write { at_least: 1, at_most: 3 }"
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
                "time": { "$ref": "#/$defs/time_of", "description": "From being received to its end." },
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
                "tokens": { "$ref": "#/$defs/number_of" },
                "time": { "$ref": "#/$defs/time_of" },
                "failure": { "description": "Part of why it failed.", "type": "string" }
              }
            }
          },
          "workflows": {
            "description": "What has to become of runs; of all, where no run is named.",
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "run": { "type": "string" },
                "state": { "enum": ["running", "stopping", "succeeded", "failed", "cancelled"] },
                "output": { "$ref": "#/$defs/schema" },
                "failure": { "description": "Part of why it failed.", "type": "string" },
                "retries": { "$ref": "#/$defs/number_of" },
                "time": { "$ref": "#/$defs/time_of" },
                "steps": {
                  "description": "By their ids.",
                  "type": "object",
                  "additionalProperties": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "state": { "enum": ["waiting", "running", "succeeded", "skipped", "failed"] },
                      "result": { "$ref": "#/$defs/schema" },
                      "why": { "description": "Part of why it was skipped, or failed.", "type": "string" },
                      "calls": { "$ref": "#/$defs/number_of" }
                    }
                  }
                }
              }
            }
          },
          "loads": {
            "type": "array",
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "load": { "type": "string" },
                "count": { "$ref": "#/$defs/number_of" },
                "states": { "description": "How many calls ended how.", "type": "object", "propertyNames": { "$ref": "#/$defs/state" }, "additionalProperties": { "$ref": "#/$defs/number_of" } },
                "failures": { "description": "How many failed with what kind.", "type": "object", "propertyNames": { "$ref": "#/$defs/failure_kind" }, "additionalProperties": { "$ref": "#/$defs/number_of" } },
                "latency": {
                  "description": "From when a call was due to its end.",
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "p50": { "$ref": "#/$defs/time_of" }, "p90": { "$ref": "#/$defs/time_of" }, "p95": { "$ref": "#/$defs/time_of" },
                    "p99": { "$ref": "#/$defs/time_of" }, "max": { "$ref": "#/$defs/time_of" }
                  }
                },
                "time": { "$ref": "#/$defs/time_of" },
                "throughput": { "$ref": "#/$defs/amount_of", "description": "Calls a second." }
              }
            }
          },
          "time": { "$ref": "#/$defs/time_of", "description": "From the first step to the end of everything, by the scenario's clock." },
          "tokens": { "$ref": "#/$defs/number_of", "description": "Of all conversations together." },
          "cost": { "$ref": "#/$defs/amount_of", "description": "Of all conversations together, by prices." },
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
