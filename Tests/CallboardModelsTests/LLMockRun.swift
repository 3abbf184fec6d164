import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardModels

@Suite(.serialized) struct LLMockRun {
  static let base = ProcessInfo.processInfo.environment["LLMOCK"]

  func curl(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments = ["-s"] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  @Test func run() async throws {
    guard let base = Self.base else { return }
    let clock = SystemClock()
    let deadlines = DeadlineQueue(clock: clock)
    let connections = ModelConnections()
    func model(stream: Bool, key: String = "k", silence: Duration = .seconds(2)) -> OpenAIModel {
      OpenAIModel(
        name: "llmock",
        baseURL: base + "/v1",
        model: "gpt-4o",
        apiKey: key,
        stream: stream,
        timeouts: .init(silence: silence),
        clock: clock,
        deadlines: deadlines,
        seed: 42,
        connections: connections
      )
    }
    _ = try curl("-X", "POST", base + "/_llmock/reset")
    let tool = ToolOffer(
      wireName: "get_weather",
      function: FunctionName("demo.get_weather")!,
      description: "Weather.",
      parameters: [
        "type": "object", "properties": ["city": ["type": "string"]], "required": ["city"],
      ]
    )
    let phases: [(String, Bool, [ToolOffer])] = [
      (#"[]"#, true, []),
      (#"[{"type":"fail","status":429,"retry_after":1,"times":2}]"#, true, []),
      (
        #"[{"type":"fail","status":429,"retry_after":0.7,"times":1},{"type":"fail","status":503,"times":1}]"#,
        false, []
      ),
      (#"[{"type":"fail","status":500,"times":2}]"#, true, []),
      (#"[{"type":"fail","status":500,"times":5}]"#, false, []),
      (#"[{"type":"stream_fault","kind":"truncate","after_chunks":2}]"#, true, []),
      (#"[{"type":"stream_fault","kind":"disconnect","after_chunks":1,"times":2}]"#, true, []),
      (#"[{"type":"stream_fault","kind":"malformed","after_chunks":1}]"#, true, []),
      (#"[{"type":"stream_fault","kind":"stall","after_chunks":1,"stall_seconds":8}]"#, true, []),
      (#"[{"type":"slow_first_token","seconds":1}]"#, true, []),
      (#"[{"type":"fail","status":400,"message":"Nope."}]"#, true, []),
      (#"[{"type":"fail","status":401}]"#, true, []),
      (#"[{"type":"fail","status":404}]"#, true, []),
      (#"[{"type":"fail","status":422}]"#, false, []),
      (
        #"[{"type":"reply","tool_calls":[{"name":"get_weather","arguments":{"city":"Paris"}},{"name":"get_weather","arguments":{"city":"Bonn"}}]}]"#,
        true, [tool]
      ),
      (
        #"[{"type":"reply","tool_calls":[{"name":"get_weather","arguments":{"city":"Paris"}}]},{"type":"stream_fault","kind":"disconnect","after_chunks":2}]"#,
        true, [tool]
      ),
      (#"[{"type":"tool_fault","kind":"malformed_arguments"}]"#, true, [tool]),
      (#"[{"type":"tool_fault","kind":"unknown_tool"}]"#, false, [tool]),
    ]
    for (number, (behaviors, stream, tools)) in phases.enumerated() {
      _ = try curl("-X", "POST", base + "/_llmock/scenario", "-d", "{\"behaviors\": \(behaviors)}")
      let request = ModelRequest(
        conversation: conversation(),
        messages: [Message(.user, "Question number \(number), please answer.")],
        tools: tools
      )
      do {
        let turn = try await model(stream: stream).respond(to: request) { _ in }
        print(
          "LLMOCK \(number) \(behaviors.prefix(90)) ->",
          turn.text ?? "-",
          turn.calls.map { $0.wireName + $0.arguments },
          turn.finishReason ?? "-",
          turn.usage.map { "\($0.input)+\($0.output)" } ?? "-"
        )
      } catch {
        print(
          "LLMOCK \(number) \(behaviors.prefix(90)) -> FAILURE \(error.kind.rawValue): \(error.message)"
        )
      }
      let left = try curl(base + "/_llmock/scenario")
      if number != 4 { print("LLMOCK   left: \(left)") }
      if number == 4 { _ = try curl("-X", "DELETE", base + "/_llmock/scenario") }
    }
    print(
      "LLMOCK "
        + (try curl(base + "/_llmock/verdict?format=text")).replacingOccurrences(
          of: "\n",
          with: "\nLLMOCK "
        )
    )
    print("LLMOCK " + (try curl(base + "/_llmock/verdict")))
    await connections.shutDown()
  }
}
