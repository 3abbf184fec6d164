import JSONSchema

/// What the model hears of a call: results as they are, failures as data it can correct itself by.
enum ModelAnswer {
  /// The text for a call that has ended or whose outcome is unknown.
  ///
  /// Not for one that waits: the model is never told that a waiting call succeeded.
  static func text(for call: Call) -> String {
    guard let outcome = call.heard else { return unknown(call) }
    switch outcome {
    case .result(let payload, .degraded):
      let answer: JSONValue = [
        "degraded": true,
        "note": .string(
          "Not a fresh answer: \(call.firstFailure?.message ?? "the function failed.")"
        ),
        "result": payload.original,
      ]
      return answer.serialized()
    case .result(let payload, _): return payload.original.serialized()
    case .failure(let failure): return text(for: failure)
    }
  }

  static func text(for failure: CallFailure) -> String {
    var error: JSONObject = [
      "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
    ]
    if let pointer = failure.pointer { error["path"] = .string(pointer) }
    if !failure.details.isEmpty {
      error["errors"] = .array(
        failure.details.prefix(20).map { detail in
          var entry: JSONObject = [
            "path": .string(detail.path), "expected": .string(detail.expected),
            "found": .string(detail.found), "message": .string(detail.message),
          ]
          if let suggestion = detail.suggestion { entry["did_you_mean"] = .string(suggestion) }
          return .object(entry)
        }
      )
    }
    error["retryable"] = .bool(failure.isRetryable)
    return JSONValue.object(["error": .object(error)]).serialized()
  }

  private static func unknown(_ call: Call) -> String {
    let why = call.firstFailure?.message ?? "It was stopped while it ran."
    let failure = CallFailure(
      .outcomeUnknown,
      "\(why) It may or may not have happened. Do not repeat this call; a person is finding out.",
      reach: .maybe
    )
    return text(for: failure)
  }
}
