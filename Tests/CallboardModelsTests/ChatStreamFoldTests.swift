import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardModels

/// Feeds pieces of a stream through parser and fold.
private func fold(_ pieces: [ArraySlice<UInt8>]) throws -> (turn: ModelTurn, deltas: [ModelDelta]) {
  var parser = EventStreamParser(limit: 8 << 20)
  var fold = ChatStreamFold(limit: 32 << 20)
  var deltas: [ModelDelta] = []
  func take(_ event: ServerSentEvent) throws(ChatFoldError) {
    deltas += try fold.add(event)
  }
  for piece in pieces { try parser.feed(piece, take) }
  try parser.finish(take)
  return (try fold.finish(), deltas)
}

private func fold(_ chunks: [String]) throws -> ModelTurn {
  try fold([Array(chunks.map { "data: \($0)\n\n" }.joined().utf8)[...]]).turn
}

private func fold(calls deltas: [JSONValue]) throws -> [[String]] {
  let chunks = deltas.map { Chunk.calls($0) } + [Chunk.finish("tool_calls"), Chunk.done]
  return try fold(chunks).calls.map { [$0.id, $0.wireName, $0.arguments] }
}

private func failure(_ chunks: [String]) -> String {
  do {
    _ = try fold(chunks)
    return "a turn"
  } catch EventStreamError<ChatFoldError>.receiver(.broken(let what)), ChatFoldError.broken(
    let what
  )
  {
    return "broken: \(what)"
  } catch EventStreamError<ChatFoldError>.receiver(.excessive(let what)) {
    return "excessive: \(what)"
  } catch EventStreamError<ChatFoldError>.receiver(.reported(let error)), ChatFoldError.reported(
    let error
  )
  {
    return "reported: \(error.message)"
  } catch {
    return "\(error)"
  }
}

@Suite(
  .enabled(
    if: FileManager.default.fileExists(atPath: recordedStreams.path),
    "there is no shared/data/chat-streams beside the project"
  )
)
struct `Recorded streams` {
  /// What a published stream folds to, for its first choice.
  struct Recording: Sendable, CustomTestStringConvertible {
    var file: String
    var bytes: [UInt8]
    var expected: JSONValue

    var testDescription: String { file }
  }

  static let recordings: [Recording] = {
    let file = recordedStreams.appending(path: "EXPECTED.json")
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      let expected = try? JSONValue(parsing: text).objectValue
    else { return [] }
    return expected.compactMap { name, value in
      guard let data = try? Data(contentsOf: recordedStreams.appending(path: name)) else {
        return nil
      }
      return Recording(file: name, bytes: Array(data), expected: value)
    }
  }()

  @Test func `none of them is missing`() {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: recordedStreams.path)) ?? []
    #expect(Self.recordings.count == files.filter { $0.hasSuffix(".sse") }.count)
    #expect(Self.recordings.count >= 58)
  }

  private func check(_ turn: ModelTurn, against expected: JSONValue) {
    let choice = expected["choices"]?.arrayValue?.first { $0["index"]?.intValue == 0 }
    #expect(turn.text == choice?["content"]?.stringValue)
    #expect(turn.refusal == choice?["refusal"]?.stringValue)
    #expect(turn.finishReason == choice?["finish_reason"]?.stringValue)
    let calls = (choice?["tool_calls"]?.arrayValue ?? []).map {
      RequestedCall(
        id: $0["id"]?.stringValue ?? "",
        wireName: $0["name"]?.stringValue ?? "",
        arguments: $0["arguments"]?.stringValue ?? ""
      )
    }
    #expect(turn.calls == calls)
    let usage = expected["usage"].flatMap { usage in
      usage.isNull
        ? nil
        : TokenUsage(
          input: usage["prompt_tokens"]?.intValue ?? -1,
          output: usage["completion_tokens"]?.intValue ?? -1
        )
    }
    #expect(turn.usage == usage)
  }

  @Test(arguments: recordings)
  func `folds to what was expected, whole and byte by byte`(recording: Recording) throws {
    let (whole, deltas) = try fold([recording.bytes[...]])
    check(whole, against: recording.expected)
    let single = try fold(recording.bytes.indices.map { recording.bytes[$0...$0] })
    #expect(single.turn == whole)
    #expect(single.deltas == deltas)
    let told = deltas.map { if case .text(let words) = $0 { words } else { "" } }.joined()
    #expect(told == whole.text ?? "")
  }

  @Test(arguments: recordings)
  func `folds to the same in random pieces and with other line ends`(recording: Recording) throws {
    let whole = try fold([recording.bytes[...]]).turn
    for seed in 1...2 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var pieces: [ArraySlice<UInt8>] = []
      var at = 0
      while at < recording.bytes.count {
        let end = min(recording.bytes.count, at + Int.random(in: 1...400, using: &generator))
        pieces.append(recording.bytes[at..<end])
        at = end
      }
      #expect(try fold(pieces).turn == whole)
    }
    for end in ["\r\n", "\r"] {
      let text = String(decoding: recording.bytes, as: UTF8.self)
      let other = text.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(
        of: "\n",
        with: end
      )
      #expect(try fold([Array(other.utf8)[...]]).turn == whole)
    }
  }

  @Test(arguments: recordings)
  func `cut before its finish reason gives no turn`(recording: Recording) throws {
    let text = String(decoding: recording.bytes, as: UTF8.self)
    let events = text.components(separatedBy: "\n\n").filter { !$0.trimmed.isEmpty }
    let whole = events.firstIndex { event in
      event == "data: [DONE]" || event.contains("\"finish_reason\":\"")
        || event.contains("\"finish_reason\": \"")
    }
    let end = try #require(whole)
    // Reading every part of a long stream would take as long as the square of its length.
    for count in stride(from: 0, to: end, by: max(1, end / 8)) {
      let part = events[..<count].joined(separator: "\n\n") + "\n\n"
      #expect(throws: (any Error).self) { try fold([Array(part.utf8)[...]]) }
    }
  }
}

@Suite struct `Folding chunks` {
  @Test func `pieces go to the call of their index`() throws {
    #expect(
      try fold(calls: [
        ["index": 0, "id": "a", "type": "function", "function": ["name": "f", "arguments": ""]],
        ["index": 0, "function": ["arguments": "{\"x\""]],
        ["index": 1, "id": "b", "function": ["name": "g", "arguments": "{"]],
        ["index": 0, "function": ["arguments": ":1}"]],
        ["index": 1, "function": ["arguments": "}"]],
      ]) == [["a", "f", "{\"x\":1}"], ["b", "g", "{}"]]
    )
  }

  @Test func `a new id is a new call, with the index missing or always 0`() throws {
    for index in [nil, 0] as [JSONValue?] {
      func delta(_ members: JSONObject) -> JSONValue {
        var members = members
        members["index"] = index
        return .object(members)
      }
      #expect(
        try fold(calls: [
          delta(["id": "a", "function": ["name": "f", "arguments": "{\"x\":1"]]),
          delta(["function": ["arguments": "}"]]),
          delta(["id": "b", "function": ["name": "f", "arguments": "{\"x\""]]),
          delta(["function": ["arguments": ":2}"]]),
        ]) == [["a", "f", "{\"x\":1}"], ["b", "f", "{\"x\":2}"]]
      )
    }
  }

  @Test func `an id that every piece repeats is one call`() throws {
    #expect(
      try fold(calls: [
        ["index": 0, "id": "a", "function": ["name": "f", "arguments": "{"]],
        ["index": 0, "id": "a", "function": ["name": "f", "arguments": "\"x\":1"]],
        ["index": 0, "id": "a", "function": ["name": "", "arguments": "}"]],
      ]) == [["a", "f", "{\"x\":1}"]]
    )
  }

  @Test func `an id that every piece draws anew is one call`() throws {
    #expect(
      try fold(calls: [
        ["index": 0, "id": "r1", "function": ["name": "f", "arguments": "{"]],
        ["index": 0, "id": "r2", "function": ["arguments": "\"x\":1"]],
        ["index": 0, "id": "r3", "function": ["name": nil, "arguments": "}"]],
      ]) == [["r1", "f", "{\"x\":1}"]]
    )
  }

  @Test func `calls without ids get some, and stay apart`() throws {
    #expect(
      try fold(calls: [
        ["index": 0, "id": "", "function": ["name": "f", "arguments": "{\"x\":1}"]],
        ["index": 0, "id": "", "function": ["name": "f", "arguments": "{\"x\":2}"]],
        ["function": ["name": "g", "arguments": ["x": 3]]],
      ]) == [
        ["call_1", "f", "{\"x\":1}"], ["call_2", "f", "{\"x\":2}"], ["call_3", "g", "{\"x\":3}"],
      ]
    )
  }

  @Test func `one id for two calls is made two`() throws {
    #expect(
      try fold(calls: [
        ["index": 0, "id": "call", "function": ["name": "f", "arguments": "{}"]],
        ["index": 1, "id": "call", "function": ["name": "g", "arguments": "{}"]],
      ]) == [["call", "f", "{}"], ["call_2", "g", "{}"]]
    )
  }

  @Test func `an argument-only piece with a strange index continues the last call`() throws {
    #expect(
      try fold(calls: [
        ["index": 1, "id": "a", "function": ["name": "f"]],
        ["index": 7, "function": ["arguments": "{}"]],
      ]) == [["a", "f", "{}"]]
    )
  }

  @Test func `no arguments are an empty object`() throws {
    #expect(
      try fold(calls: [["index": 0, "id": "a", "function": ["name": "f", "arguments": ""]]]) == [
        ["a", "f", "{}"]
      ]
    )
    #expect(
      try fold(calls: [["index": 0, "id": "a", "function": ["name": "f", "arguments": nil]]]) == [
        ["a", "f", "{}"]
      ]
    )
  }

  @Test func `arguments that are no JSON are handed on as they are`() throws {
    #expect(
      try fold(calls: [["index": 0, "id": "a", "function": ["name": "f", "arguments": "{\"x\":"]]])
        == [["a", "f", "{\"x\":"]]
    )
  }

  @Test func `the legacy form of a call is one call`() throws {
    let turn = try fold([
      Chunk.chunk(["function_call": ["name": "f", "arguments": ""]]),
      Chunk.chunk(["function_call": ["arguments": "{\"x\":"]]),
      Chunk.chunk(["function_call": ["arguments": "1}"]]),
      Chunk.finish("function_call"),
    ])
    #expect(turn.calls == [RequestedCall(id: "call_1", wireName: "f", arguments: "{\"x\":1}")])
    #expect(turn.finishReason == "function_call")
  }

  @Test(arguments: [true, false])
  func `one call in the old form and the new one is one call`(together: Bool) throws {
    let old: JSONObject = ["function_call": ["name": "f", "arguments": "{\"x\":1}"]]
    let new: JSONObject = [
      "tool_calls": [
        ["index": 0, "id": "a", "function": ["name": "f", "arguments": "{\"x\":1}"]]
      ]
    ]
    var both = old
    both["tool_calls"] = new["tool_calls"]
    let chunks = together ? [.object(both)] : [JSONValue.object(old), .object(new)]
    let turn = try fold(chunks.map { Chunk.chunk($0) } + [Chunk.finish("tool_calls")])
    #expect(turn.calls == [RequestedCall(id: "a", wireName: "f", arguments: "{\"x\":1}")])
  }

  @Test func `refusal, parts of content, nulls and unknown fields`() throws {
    let turn = try fold([
      Chunk.chunk([
        "role": "assistant", "content": nil, "tool_calls": nil, "refusal": nil, "mystery": [1],
      ]),
      Chunk.chunk([
        "content": [
          ["type": "text", "text": "a"], ["type": "image"], ["type": "text", "text": "b"],
        ]
      ]),
      Chunk.chunk(["refusal": "I "]),
      Chunk.chunk(["refusal": "cannot."]),
      #"{"choices":null}"#, #"{"unknown":1}"#, #"{"choices":[]}"#, #"{"choices":[{"delta":null}]}"#,
      Chunk.finish("stop"),
      #"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
      #"{"choices":[],"usage":null}"#,
    ])
    #expect(
      turn
        == ModelTurn(
          text: "ab",
          refusal: "I cannot.",
          finishReason: "stop",
          usage: TokenUsage(input: 3, output: 4)
        )
    )
  }

  @Test(arguments: ["reasoning_content", "reasoning"])
  func `reasoning is told and is no part of the text`(field: String) throws {
    let chunks = [Chunk.chunk(.object([field: "hmm"])), Chunk.text("yes"), Chunk.finish("stop")]
    let bytes = Array(chunks.map { "data: \($0)\n\n" }.joined().utf8)
    let (turn, deltas) = try fold([bytes[...]])
    #expect(turn.text == "yes")
    #expect(deltas == [.reasoning("hmm"), .text("yes")])
  }

  @Test func `the first of several choices counts`() throws {
    let turn = try fold([
      #"{"choices":[{"index":1,"delta":{"content":"no"}}]}"#,
      #"{"choices":[{"index":0,"delta":{"content":"yes"}},{"index":1,"delta":{"content":"no"}}]}"#,
      #"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
      #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ])
    #expect(turn.text == "yes")
    #expect(turn.finishReason == "stop")
  }

  @Test func `the beginning of a call is told once`() throws {
    let chunks = [
      Chunk.calls(["index": 0, "id": "a", "function": ["name": "f", "arguments": ""]]),
      Chunk.calls(["index": 0, "function": ["arguments": "{}"]]), Chunk.finish("tool_calls"),
    ]
    let bytes = Array(chunks.map { "data: \($0)\n\n" }.joined().utf8)
    #expect(try fold([bytes[...]]).deltas == [.callBegan(wireName: "f")])
  }

  @Test func `a finish reason or [DONE] is an end, neither is a cut`() throws {
    #expect(try fold([Chunk.text("a"), Chunk.finish("stop")]).text == "a")
    #expect(try fold([Chunk.text("a"), Chunk.done]).text == "a")
    #expect(
      failure([Chunk.text("a")]).hasPrefix("broken: ended its answer without a finish reason")
    )
    #expect(failure([]).hasPrefix("broken: ended its answer without"))
    #expect(failure([Chunk.done]).hasPrefix("broken: ended its answer before it began"))
  }

  @Test func `nothing after [DONE] counts`() throws {
    #expect(try fold([Chunk.text("a"), Chunk.finish("stop"), Chunk.done, "rubbish"]).text == "a")
  }

  @Test(arguments: [
    #"{"error":{"message":"overloaded","type":"server_error"}}"#, #"{"error":"overloaded"}"#,
    #"{"error":{"message":"overloaded","code":503},"choices":[]}"#,
    #"{"error":{"error":{"message":"overloaded"}}}"#,
  ])
  func `an error in the middle of a stream is reported`(chunk: String) {
    #expect(failure([Chunk.text("a"), chunk, Chunk.done]) == "reported: overloaded")
  }

  @Test func `an event named error is an error whatever it holds`() throws {
    for data in [
      "overloaded", #"{"message":"overloaded"}"#, #"{"error":{"message":"overloaded"}}"#,
    ] {
      var fold = ChatStreamFold(limit: 32 << 20)
      do {
        _ = try fold.add(ServerSentEvent(name: "error", data: data))
        Issue.record("it was taken")
      } catch {
        guard case .reported(let reported) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(reported.message == "overloaded")
      }
    }
  }

  @Test func `what is no chunk breaks the answer`() {
    #expect(
      failure(["{\"choices\":[", Chunk.done]).hasPrefix("broken: sent an event that is not JSON")
    )
    #expect(failure(["5"]).hasPrefix("broken: sent a chunk that is no JSON object"))
    #expect(
      failure([Chunk.calls(["index": 0, "function": ["arguments": "{}"]]), Chunk.done]).hasPrefix(
        "broken: asked for a call without"
      )
    )
  }

  @Test func `a turn has bounds`() {
    let calls = (0...ChatStreamFold.callLimit).map {
      Chunk.calls([
        "index": .integer(Int64($0)), "id": .string("id\($0)"), "function": ["name": "f"],
      ])
    }
    #expect(failure(calls).hasPrefix("excessive: asked for more than 256 calls"))
    var fold = ChatStreamFold(limit: 1 << 20)
    let event = ServerSentEvent(
      name: "message",
      data: Chunk.text(String(repeating: "x", count: 1 << 19))
    )
    #expect(throws: Never.self) { _ = try fold.add(event) }
    do {
      _ = try fold.add(event)
      Issue.record("it was taken")
    } catch {
      guard case .broken(let what) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(what == "sent more than 1 MB")
    }
  }
}
