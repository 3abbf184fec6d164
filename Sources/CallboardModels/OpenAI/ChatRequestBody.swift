import Callboard
import JSONSchema

/// Writes a request as the JSON of `POST /chat/completions`.
struct ChatRequestBody {
  var model: String
  var streams: Bool
  var tokenLimitField: String
  /// Members that the configuration adds, such as `temperature`; they win.
  var extra: JSONObject

  /// - Throws: a bad request when the tool choice names a function that is not offered.
  func json(for request: ModelRequest) throws(ModelFailure) -> JSONValue {
    var body: JSONObject = [
      "model": .string(model),
      "messages": .array(request.messages.map(Self.json(of:))),
    ]
    if !request.tools.isEmpty {
      body["tools"] = .array(request.tools.map(Self.json(of:)))
      body["tool_choice"] = try toolChoice(of: request)
      body["parallel_tool_calls"] = .bool(request.parallelToolCalls)
    }
    if let limit = request.maxTokens { body[tokenLimitField] = .integer(Int64(limit)) }
    if streams {
      body["stream"] = true
      body["stream_options"] = ["include_usage": true]
    }
    for (key, value) in extra { body[key] = value }
    return .object(body)
  }

  private func toolChoice(of request: ModelRequest) throws(ModelFailure) -> JSONValue {
    switch request.toolChoice {
    case .auto: return "auto"
    case .none: return "none"
    case .required: return "required"
    case .function(let name):
      guard let tool = request.tools.first(where: { $0.function == name }) else {
        throw ModelFailure(
          .badRequest,
          "the model must call \(name), which is not among the functions it is offered; offer it or choose another"
        )
      }
      return ["type": "function", "function": ["name": .string(tool.wireName)]]
    }
  }

  private static func json(of tool: ToolOffer) -> JSONValue {
    [
      "type": "function",
      "function": [
        "name": .string(tool.wireName),
        "description": .string(tool.description),
        "parameters": tool.parameters,
      ],
    ]
  }

  private static func json(of message: Message) -> JSONValue {
    var object: JSONObject = ["role": .string(message.role.rawValue)]
    switch message.role {
    case .system, .user:
      object["content"] = .string(message.text ?? "")
    case .assistant:
      // Beside calls it may be null or missing, but llama.cpp's server in Python answers 500 to both.
      object["content"] = .string(message.text ?? "")
      if !message.calls.isEmpty {
        object["tool_calls"] = .array(message.calls.map(json(of:)))
      }
    case .tool:
      object["tool_call_id"] = .string(message.answers ?? "")
      object["content"] = .string(message.text ?? "")
    }
    return .object(object)
  }

  private static func json(of call: RequestedCall) -> JSONValue {
    [
      "id": .string(call.id),
      "type": "function",
      "function": ["name": .string(call.wireName), "arguments": .string(call.arguments)],
    ]
  }
}
