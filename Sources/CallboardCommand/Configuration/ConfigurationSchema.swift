import CallboardModels
import JSONSchema

/// The one JSON Schema of a configuration file: what `callboard config schema` prints and every file is checked by.
enum ConfigurationSchema {
  /// For editors and for reading.
  static let document = document(rootText, definitions: definitions)

  static let compiled = compile(document)

  /// The schema of a kind of file: what its text says, and the sections that configurations and scenarios share.
  static func document(_ text: String, definitions: JSONObject) -> JSONValue {
    var root = parsed(text)
    for name in [
      "scripts", "approvals", "access", "deciders", "operators", "callers", "limits", "secrets",
    ] {
      root["properties"]?[name] = ["$ref": .string("#/$defs/" + name)]
    }
    root["$defs"] = .object(definitions)
    return root
  }

  /// Parts that configurations and scenarios share: functions, rules, people, limits, scripts.
  static let definitions: JSONObject = {
    var definitions = parsed(definitionsText).objectValue ?? JSONObject()
    let policies = parsed(policiesText).objectValue ?? JSONObject()
    for (name, text) in [
      ("http_function", httpText), ("program_function", programText), ("demo_function", "{}"),
      ("mock_function", mockText),
    ] {
      var properties = policies
      for (key, value) in parsed(text).objectValue ?? JSONObject() { properties[key] = value }
      // A mock is written under its qualified name.
      if name == "mock_function" { properties["name"] = nil }
      definitions[name] = .object(function(properties, required: required[name] ?? []))
    }
    for (name, value) in scriptDefinitions { definitions[name] = value }
    return definitions
  }()

  static func parsed(_ text: String) -> JSONValue {
    do {
      return try JSONValue(parsing: text)
    } catch {
      preconditionFailure("the schema of configurations is no JSON: \(error)")
    }
  }

  static func compile(_ document: JSONValue) -> Schema {
    do {
      return try Schema(document)
    } catch {
      preconditionFailure("the schema of configurations cannot be used: \(error)")
    }
  }

  private static let required: [String: [JSONValue]] = [
    "http_function": ["name", "path"], "program_function": ["name", "run"],
    "demo_function": ["name"],
  ]

  private static func function(_ properties: JSONObject, required: [JSONValue]) -> JSONObject {
    [
      "type": "object", "additionalProperties": false, "required": .array(required),
      "properties": .object(properties),
    ]
  }

  /// The schema of scripts with its references turned to this document, so that its hints are found here.
  private static let scriptDefinitions: JSONObject = {
    var result = JSONObject()
    for (name, value) in ScriptedModel.schema["$defs"]?.objectValue ?? JSONObject() {
      result["script_" + name] = redirected(value)
    }
    var section = ScriptedModel.schema
    section["$defs"] = nil
    section["$id"] = nil
    section["$schema"] = nil
    result["scripts"] = redirected(section)
    return result
  }()

  private static func redirected(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      var result = JSONObject()
      for (key, member) in members {
        if key == "$ref", let target = member.stringValue, target.hasPrefix("#/$defs/") {
          result[key] = .string("#/$defs/script_" + target.dropFirst(8))
        } else {
          result[key] = redirected(member)
        }
      }
      return .object(result)
    case .array(let items): return .array(items.map(redirected))
    case .null, .bool, .integer, .double, .decimal, .string: return value
    }
  }

  private static let rootText = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "callboard configuration",
      "type": "object",
      "additionalProperties": false,
      "required": ["providers"],
      "properties": {
        "name": { "description": "Stands in the title row.", "type": "string", "minLength": 1 },
        "report": { "$ref": "#/$defs/report" },
        "store": {
          "description": "Where calls and events are kept. memory: nothing survives the exit. Not said: the console keeps them in the state folder, and a single call in memory.",
          "oneOf": [{ "const": "memory" }, { "$ref": "#/$defs/store_file" }],
          "hint": "write memory, or a file: { file: callboard.db }"
        },
        "control": {
          "description": "The Unix socket through which commands and consoles use a running instance. none: there is none. Not said: a socket of this configuration's own in $XDG_RUNTIME_DIR, else beside the state folder.",
          "oneOf": [{ "const": "none" }, { "$ref": "#/$defs/control_socket" }],
          "hint": "write none, or a socket: { socket: callboard.sock, group: operators }"
        },
        "providers": {
          "description": "Where functions come from, by namespace: a function is namespace.name.",
          "type": "object",
          "minProperties": 1,
          "propertyNames": { "$ref": "#/$defs/namespace" },
          "additionalProperties": { "$ref": "#/$defs/provider" }
        },
        "models": {
          "description": "The language models of conversations, by name.",
          "type": "object",
          "additionalProperties": { "$ref": "#/$defs/model" }
        },
        "workflows": {
          "description": "What can be run by name: each a workflow, or the path of its file.",
          "type": "array",
          "items": { "type": ["object", "string"], "hint": "write a workflow, or the path of its file" }
        },
        "conversations": {
          "description": "Conversations that begin with the console or serve, each once on a store that is a file.",
          "type": "array",
          "items": { "$ref": "#/$defs/conversation" }
        }
      }
    }
    """#

  private static let definitionsText = #"""
    {
      "namespace": {
        "pattern": "^[A-Za-z0-9_-]{1,128}$",
        "hint": "use letters, digits, _ and -, without a dot"
      },
      "control_socket": {
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {
          "socket": { "description": "Its path.", "type": "string", "minLength": 1 },
          "group": { "description": "The group of this machine that may connect too; not said: only whoever starts the instance.", "type": "string", "minLength": 1 }
        }
      },
      "store_file": {
        "type": "object",
        "additionalProperties": false,
        "required": ["file"],
        "properties": {
          "file": { "description": "The SQLite file; it is made where there is none.", "type": "string", "minLength": 1 },
          "key_file": { "description": "The file with the key that secrets are sealed with; not said: FILE.key, made at the first start.", "type": "string", "minLength": 1 },
          "key_variable": { "description": "The environment variable with that key, instead of a file.", "type": "string", "minLength": 1 },
          "keep": {
            "description": "How long ended calls and conversations are kept; the audit log always is.",
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "time": { "$ref": "#/$defs/duration", "description": "90d." },
              "calls": { "description": "5000000.", "type": "integer", "minimum": 0 },
              "bytes": { "description": "21474836480.", "type": "integer", "minimum": 0 }
            }
          }
        },
        "not": { "required": ["key_file", "key_variable"] }
      },
      "duration": {
        "description": "A duration such as 250ms, 1.5s, 5m, 2h or 1d.",
        "type": "string",
        "hint": "write a duration such as 250ms, 1.5s, 5m, 2h or 1d"
      },
      "pattern": {
        "description": "A name; * stands for any run of characters.",
        "type": "string",
        "minLength": 1,
        "hint": "write a name, such as payments.send_wire or payments.*"
      },
      "schema": {
        "description": "A JSON Schema.",
        "type": ["object", "boolean"],
        "hint": "write a JSON Schema"
      },
      "when": {
        "description": "A JSON Schema over the arguments; name every property it looks at in required, too.",
        "type": ["object", "boolean"],
        "hint": "write a JSON Schema over the arguments"
      },
      "headers": {
        "type": "object",
        "additionalProperties": { "type": "string", "hint": "write a text, in quotes if it looks like something else" }
      },
      "mock_failure": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "kind": {
            "enum": [
              "timeout", "connection_failed", "throttled", "server_error", "client_error", "function_threw",
              "program_failed", "invalid_result", "result_too_big", "internal_fault"
            ]
          },
          "message": { "type": "string" },
          "reach": { "enum": ["not_sent", "answered", "maybe"] },
          "retryable": { "type": "boolean" },
          "retry_after": { "$ref": "#/$defs/duration" }
        }
      },
      "latency": {
        "description": "How long it takes: a duration, or a distribution that is drawn from by the scenario's seed.",
        "type": ["string", "object"],
        "additionalProperties": false,
        "properties": {
          "uniform": {
            "type": "object", "additionalProperties": false, "required": ["from", "to"],
            "properties": { "from": { "$ref": "#/$defs/duration" }, "to": { "$ref": "#/$defs/duration" } }
          },
          "normal": {
            "type": "object", "additionalProperties": false, "required": ["mean", "deviation"],
            "properties": { "mean": { "$ref": "#/$defs/duration" }, "deviation": { "$ref": "#/$defs/duration" } }
          },
          "exponential": {
            "type": "object", "additionalProperties": false, "required": ["mean"],
            "properties": { "mean": { "$ref": "#/$defs/duration" } }
          },
          "at_most": { "$ref": "#/$defs/duration", "description": "No draw is longer." }
        },
        "hint": "write a duration, { uniform: { from: 10ms, to: 1s } }, { normal: { mean: 1s, deviation: 200ms } } or { exponential: { mean: 1s } }"
      },
      "secrets": {
        "description": "Names of fields, or JSON Pointers, that are never shown or stored in clear.",
        "type": "array",
        "items": { "type": "string", "minLength": 1 },
        "hint": "write a list of field names or JSON Pointers"
      },
      "role": { "enum": ["caller", "viewer", "operator", "revealer"] },
      "roles": {
        "description": "caller: may ask for functions. viewer: may look. operator: may look, decide and switch. revealer: sees the originals of secrets, which is audited.",
        "type": "array",
        "items": { "$ref": "#/$defs/role" },
        "hint": "write a list of caller, viewer, operator and revealer"
      },
      "provider": {
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "enum": ["http", "program", "demo"] } },
        "allOf": [
          {
            "if": { "properties": { "type": { "const": "http" } }, "required": ["type"] },
            "then": {
              "additionalProperties": false,
              "required": ["url", "functions"],
              "properties": {
                "type": true,
                "url": { "description": "What every path is added to.", "type": "string" },
                "headers": { "$ref": "#/$defs/headers" },
                "functions": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/http_function" } }
              }
            }
          },
          {
            "if": { "properties": { "type": { "const": "program" } }, "required": ["type"] },
            "then": {
              "additionalProperties": false,
              "required": ["functions"],
              "properties": {
                "type": true,
                "functions": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/program_function" } }
              }
            }
          },
          {
            "if": { "properties": { "type": { "const": "demo" } }, "required": ["type"] },
            "then": {
              "additionalProperties": false,
              "required": ["functions"],
              "properties": {
                "type": true,
                "functions": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/demo_function" } }
              }
            }
          }
        ]
      },
      "model": {
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "enum": ["openai", "script"] } },
        "allOf": [
          {
            "if": { "properties": { "type": { "const": "openai" } }, "required": ["type"] },
            "then": {
              "additionalProperties": false,
              "required": ["url", "model"],
              "properties": {
                "type": true,
                "url": {
                  "description": "Up to and without /chat/completions, such as https://api.openai.com/v1.",
                  "type": "string",
                  "pattern": "^https?://[^\\s/?#]+",
                  "hint": "write a URL such as https://api.openai.com/v1"
                },
                "model": { "description": "Its name on the wire.", "type": "string", "minLength": 1 },
                "key": { "description": "Sent as a bearer token; best from the environment: ${OPENAI_API_KEY}.", "type": "string" },
                "headers": { "$ref": "#/$defs/headers" },
                "stream": { "description": "Whether answers come in pieces; true unless said.", "type": "boolean" },
                "body": { "description": "Members added to each request, such as temperature.", "type": "object" },
                "timeout": { "$ref": "#/$defs/duration", "description": "Longest time of one attempt; 10m." },
                "silence": { "$ref": "#/$defs/duration", "description": "Longest pause within an answer; 2m." },
                "retry": { "$ref": "#/$defs/retry" }
              }
            }
          },
          {
            "if": { "properties": { "type": { "const": "script" } }, "required": ["type"] },
            "then": {
              "additionalProperties": false,
              "required": ["script"],
              "properties": {
                "type": true,
                "script": { "description": "Its name among scripts.", "type": "string" },
                "file": { "description": "A file with scripts, beside this one; nil: those of this file.", "type": "string" }
              }
            }
          }
        ]
      },
      "retry": {
        "description": "What of a failed attempt may be repeated is decided by the function's effect.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "attempts": {
            "description": "All attempts together; 3.",
            "type": "integer", "minimum": 1, "maximum": 100,
            "hint": "use 1 to run once without retry"
          },
          "base": { "$ref": "#/$defs/duration", "description": "Longest wait before the second attempt; 200ms." },
          "cap": { "$ref": "#/$defs/duration", "description": "Longest wait at all; 30s." }
        }
      },
      "breaker": {
        "description": "Stops calling a function that keeps failing, and lets one probe through after a pause.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "failures": { "description": "So many in a row open it; 5; 0: not counted.", "type": "integer", "minimum": 0 },
          "rate": {
            "description": "Share of failures in the window that opens it; 0.5; 0: not counted.",
            "type": "number", "minimum": 0, "maximum": 1,
            "hint": "write a share from 0 to 1"
          },
          "window": { "$ref": "#/$defs/duration", "description": "1m." },
          "minimum": { "description": "Fewest calls in the window; 10.", "type": "integer", "minimum": 1 },
          "open": { "$ref": "#/$defs/duration", "description": "Time until a probe; 30s." }
        }
      },
      "cache": {
        "description": "Only for effect read.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "ttl": { "$ref": "#/$defs/duration", "description": "5m." },
          "scope": { "description": "Who may get an answer made for somebody: the same caller, or all.", "enum": ["caller", "shared"] }
        }
      },
      "fallback": {
        "description": "What answers when the attempts are spent: a value, the stale cached answer, or another function.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
        "properties": {
          "value": true,
          "stale": { "const": true, "hint": "write stale: true" },
          "function": { "description": "Its qualified name.", "type": "string" }
        },
        "hint": "write one of value, stale and function"
      },
      "approvals": {
        "description": "An ordered list; the first rule that matches decides, and no match asks.",
        "type": "array",
        "items": {
          "type": "object",
          "additionalProperties": false,
          "minProperties": 1,
          "properties": {
            "function": { "$ref": "#/$defs/pattern" },
            "effect": { "$ref": "#/$defs/effect" },
            "caller": { "$ref": "#/$defs/pattern" },
            "when": { "$ref": "#/$defs/when" },
            "label": { "description": "What it matches, in words for the screen.", "type": "string", "minLength": 1 },
            "approval": { "description": "always: ask; never: nobody needs to be asked.", "enum": ["always", "never"] },
            "approvers": {
              "description": "How many different people; 1.",
              "type": "integer", "minimum": 1, "maximum": 20,
              "hint": "use 1 to 20, or approval: never"
            },
            "expires": { "$ref": "#/$defs/duration", "description": "15m; on expiry: denied." },
            "max_wait": { "$ref": "#/$defs/duration", "description": "How far the expiry can be moved; 1h." },
            "grace": { "$ref": "#/$defs/duration", "description": "Time in which an approval can be undone; 0s." },
            "notify": { "$ref": "#/$defs/notify" }
          }
        }
      },
      "notify": {
        "description": "Whom to call when nobody has decided for a while, or an outcome is unknown: one group, or a list of them.",
        "type": ["object", "array"],
        "required": ["after", "run"],
        "additionalProperties": false,
        "properties": {
          "after": { "$ref": "#/$defs/duration", "description": "Since the call waits, or since the group before was called." },
          "run": {
            "description": "A program and its arguments; ${call.id}, ${call.function}, ${call.caller}, ${call.conversation}, ${call.state}, ${call.rule}, ${text} and ${command} stand for what they say.",
            "type": "array", "minItems": 1, "items": { "type": "string" }
          }
        },
        "items": { "$ref": "#/$defs/notify_group" },
        "minItems": 1,
        "maxItems": 5,
        "hint": "write { after: 2m, run: [program, argument] }, or a list of such"
      },
      "notify_group": {
        "type": "object",
        "required": ["after", "run"],
        "additionalProperties": false,
        "properties": {
          "after": { "$ref": "#/$defs/duration" },
          "run": { "type": "array", "minItems": 1, "items": { "type": "string" } }
        }
      },
      "report": {
        "description": "What callboard report sums up.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "sums": {
            "description": "By function: fields of its arguments, such as amount, or amount by currency.",
            "type": "object",
            "additionalProperties": { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } }
          }
        }
      },
      "access": {
        "description": "Who may call what: an ordered list; the first match decides, no match refuses. Without it every caller may call everything.",
        "type": "array",
        "items": {
          "type": "object",
          "additionalProperties": false,
          "required": ["allow"],
          "properties": {
            "caller": { "$ref": "#/$defs/pattern" },
            "function": { "$ref": "#/$defs/pattern" },
            "effect": { "$ref": "#/$defs/effect" },
            "when": { "$ref": "#/$defs/when" },
            "allow": { "type": "boolean" }
          }
        }
      },
      "deciders": {
        "description": "Which operators may decide which calls: an ordered list; the first match decides, no match leaves it to every operator.",
        "type": "array",
        "items": {
          "type": "object",
          "additionalProperties": false,
          "required": ["operators"],
          "properties": {
            "caller": { "$ref": "#/$defs/pattern" },
            "function": { "$ref": "#/$defs/pattern" },
            "effect": { "$ref": "#/$defs/effect" },
            "when": { "$ref": "#/$defs/when" },
            "acts": {
              "description": "What the rule is about; everything, unless said. grant: approving ahead, which takes approve as well.",
              "type": "array", "minItems": 1,
              "items": { "enum": ["approve", "deny", "edit", "extend", "settle", "run_again", "grant"] },
              "hint": "write a list of approve, deny, edit, extend, settle, run_again and grant"
            },
            "operators": {
              "description": "Who may, by name; nobody else does.",
              "type": "array", "items": { "$ref": "#/$defs/pattern" },
              "hint": "write a list of names of operators, such as [maria, \"night-*\"]"
            }
          }
        }
      },
      "check": {
        "description": "The read function by which a person sees whether an unknown outcome has happened. Only for effect write.",
        "type": "object",
        "additionalProperties": false,
        "required": ["function"],
        "properties": {
          "function": { "description": "Its qualified name; its effect is read.", "type": "string" },
          "with": {
            "description": "Its arguments by name: a JSON Pointer into the call's arguments such as /id, { value: … }, or { idempotency_key: true }.",
            "type": "object",
            "additionalProperties": {
              "type": ["string", "object"],
              "if": { "type": "string" },
              "then": { "pattern": "^(/|$)", "hint": "write a JSON Pointer into the call's arguments, such as /id" },
              "else": {
                "minProperties": 1, "maxProperties": 1,
                "additionalProperties": false,
                "properties": { "value": true, "idempotency_key": { "const": true } },
                "hint": "write a pointer such as /id, { value: … } or { idempotency_key: true }"
              }
            }
          }
        }
      },
      "effect": {
        "description": "read changes nothing; idempotent may be done twice; write is never repeated. What a function is until said otherwise: write.",
        "enum": ["read", "idempotent", "write"]
      },
      "operators": {
        "description": "The people at the console, by name. Without it whoever starts callboard has every right.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "uid": { "description": "The Unix user id behind the terminal.", "type": "integer", "minimum": 0, "maximum": 4294967295 },
            "roles": { "$ref": "#/$defs/roles" },
            "shared": { "description": "An account several people use: it can't complete a quorum.", "type": "boolean" }
          }
        }
      },
      "callers": {
        "description": "Who may ask for functions, by name. Without it everybody may.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
          "type": "object",
          "additionalProperties": false,
          "properties": { "roles": { "$ref": "#/$defs/roles" } }
        }
      },
      "limits": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "slots": { "description": "Most attempts at one time; 256.", "type": "integer", "minimum": 1 },
          "queue": { "description": "Most calls waiting for a slot; 10000.", "type": "integer", "minimum": 0 },
          "held": { "description": "Most calls waiting for a person; 100000.", "type": "integer", "minimum": 0 },
          "conversations": { "description": "Most conversations that live at one time; 10000.", "type": "integer", "minimum": 1 },
          "message": { "description": "Longest message of a person, in bytes; 1048576.", "type": "integer", "minimum": 1 },
          "answer": { "description": "Longest answer of a model with the arguments of its calls, in bytes; 8388608.", "type": "integer", "minimum": 1 },
          "arguments": { "description": "Longest arguments, in bytes of JSON; 1048576.", "type": "integer", "minimum": 2 },
          "cache_entries": { "description": "10000.", "type": "integer", "minimum": 1 },
          "cache_bytes": { "description": "67108864.", "type": "integer", "minimum": 1 },
          "conversation": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "turns": { "description": "50.", "type": "integer", "minimum": 1 },
              "calls": { "description": "200.", "type": "integer", "minimum": 0 },
              "tokens": { "description": "1000000.", "type": "integer", "minimum": 1 },
              "transcript": { "description": "In bytes; 33554432.", "type": "integer", "minimum": 1 },
              "time": { "$ref": "#/$defs/duration", "description": "Without the time people take; 30m." },
              "unknown_wait": { "$ref": "#/$defs/duration", "description": "How long an unknown outcome keeps a turn open; 15m." }
            }
          }
        }
      },
      "conversation": {
        "type": "object",
        "additionalProperties": false,
        "required": ["model"],
        "properties": {
          "title": { "type": "string", "minLength": 1 },
          "caller": { "description": "On whose behalf; the model's name unless said.", "type": "string", "minLength": 1 },
          "model": { "description": "A name among models or scripts.", "type": "string" },
          "system": { "type": "string" },
          "messages": {
            "description": "What is said first: one text, or several.",
            "type": ["string", "array"],
            "items": { "type": "string" },
            "hint": "write one text, or a list of texts"
          },
          "tool_choice": {
            "description": "auto, none, required, or the one function the model must ask for.",
            "type": "string"
          },
          "tool_choice_after": {
            "description": "The same once the model has answers: auto, or none for one that would call again.",
            "enum": ["auto", "none"]
          },
          "parallel": { "description": "Whether the model may ask for several functions at once.", "type": "boolean" }
        }
      }
    }
    """#

  private static let policiesText = #"""
    {
      "name": {
        "description": "Without its namespace.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_.-]{1,128}$",
        "hint": "use letters, digits, _, - and ."
      },
      "description": { "description": "What it does, for the model and for people.", "type": "string" },
      "parameters": { "$ref": "#/$defs/schema", "description": "JSON Schema of the arguments." },
      "effect": { "$ref": "#/$defs/effect" },
      "timeout": { "$ref": "#/$defs/duration", "description": "Longest time of one attempt; 30s." },
      "retry": { "$ref": "#/$defs/retry" },
      "breaker": { "$ref": "#/$defs/breaker" },
      "cache": { "$ref": "#/$defs/cache" },
      "slots": { "description": "Most attempts at one time; as many as the engine has.", "type": "integer", "minimum": 1 },
      "max_queue": { "$ref": "#/$defs/duration", "description": "Longest wait for a slot; 15m." },
      "max_result": { "description": "Longest result, in bytes of JSON; 1048576.", "type": "integer", "minimum": 2 },
      "secrets": { "$ref": "#/$defs/secrets" },
      "fails_cleanly": {
        "description": "Its own word that its exit status, other than 0, means that nothing was done. Not for HTTP, where a 4xx says so by itself.",
        "type": "boolean"
      },
      "result": { "$ref": "#/$defs/schema", "description": "JSON Schema that a result has to meet." },
      "fallback": { "$ref": "#/$defs/fallback" },
      "check": {
        "description": "What has to hold between fields: one comparison such as max_price > min_price, or a list of them.",
        "type": ["string", "array"],
        "items": { "type": "string", "minLength": 1 },
        "hint": "write a comparison such as max_price > min_price, or a list of them"
      },
      "outcome_check": { "$ref": "#/$defs/check" }
    }
    """#

  private static let httpText = #"""
    {
      "method": { "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] },
      "path": { "description": "Added to the URL; {argument} stands for an argument.", "type": "string" },
      "query": {
        "description": "Which arguments go to the query: rest, or a list of names.",
        "type": ["string", "array"],
        "items": { "type": "string" },
        "if": { "type": "string" },
        "then": { "const": "rest", "hint": "write rest, or a list of arguments" }
      },
      "body": {
        "description": "none, json or form (of the arguments that no other place names), or { argument: NAME }.",
        "type": ["string", "object"],
        "if": { "type": "string" },
        "then": { "enum": ["none", "json", "form"] },
        "else": {
          "additionalProperties": false,
          "required": ["argument"],
          "properties": { "argument": { "type": "string" } }
        }
      },
      "headers": { "$ref": "#/$defs/headers" },
      "answer": {
        "description": "What of the answer is the result: json, text, or { pointer: /data }.",
        "type": ["string", "object"],
        "if": { "type": "string" },
        "then": { "enum": ["json", "text"] },
        "else": {
          "additionalProperties": false,
          "required": ["pointer"],
          "properties": { "pointer": { "type": "string" } }
        }
      }
    }
    """#

  private static let programText = #"""
    {
      "run": {
        "description": "The program and its arguments; {argument} stands for an argument of the call. No shell.",
        "type": "array", "minItems": 1, "items": { "type": "string" },
        "hint": "write a list: the program, then its arguments"
      },
      "may_begin_with_dash": { "type": "array", "items": { "type": "string" } },
      "stdin": { "description": "What it reads: the arguments as JSON, or nothing.", "enum": ["arguments", "none"] },
      "environment": { "$ref": "#/$defs/headers", "description": "Set for it besides PATH, HOME and LANG." },
      "working_directory": { "description": "Relative to this file's folder.", "type": "string" },
      "output": { "description": "How its output becomes the result.", "enum": ["json", "text", "lines"] }
    }
    """#

  private static let mockText = #"""
    {
      "answers": {
        "description": "One for each attempt, in order; the last one stays.",
        "type": "array",
        "minItems": 1,
        "items": {
          "type": "object",
          "additionalProperties": false,
          "minProperties": 1,
          "properties": {
            "when": { "$ref": "#/$defs/schema", "description": "Only for arguments like these." },
            "times": { "description": "For so many attempts; 1, and of values as many as they are.", "type": "integer", "minimum": 1 },
            "after": { "$ref": "#/$defs/latency" },
            "value": { "description": "The result; ${args.name} in it stands for an argument, ${attempt}, ${count} and ${caller} for what else is known." },
            "values": { "description": "Results one after the other; the last one stays.", "type": "array", "minItems": 1 },
            "pass": { "description": "The configuration's own function answers.", "const": true },
            "echo": { "description": "The arguments are the result.", "const": true },
            "hang": { "description": "Never answers; stopping it says nothing of how far it got.", "const": true },
            "ignores_stop": { "description": "It goes on when it is told to stop, so what it answers comes late.", "const": true },
            "fail": { "$ref": "#/$defs/mock_failure" }
          }
        }
      }
    }
    """#
}
