import Callboard
import Foundation
import JSONSchema
import NIOHTTP1
import Synchronization
import Testing

@testable import CallboardModels

/// A model against a server on this machine, with a clock that jumps over every wait of up to 500 s.
private struct Bench {
  let server: LoopbackServer
  let clock: TestClock
  let deadlines: DeadlineQueue
  let connections = ModelConnections()
  let model: OpenAIModel

  init(
    _ replies: [[LoopbackServer.Step]],
    stream: Bool = true,
    key: String? = "sk-secret-key",
    attempts: Int = 3,
    timeouts: OpenAIModel.Timeouts = .init(silence: .seconds(1000), total: .seconds(2000)),
    clock: TestClock = TestClock(jumpingUpTo: .seconds(500))
  ) async throws {
    server = try await LoopbackServer(replies)
    self.clock = clock
    deadlines = DeadlineQueue(clock: clock)
    model = OpenAIModel(
      name: "test",
      baseURL: server.url,
      model: "gpt-test",
      apiKey: key,
      stream: stream,
      timeouts: timeouts,
      retry: RetryPolicy(maxAttempts: attempts, base: .milliseconds(500), cap: .seconds(8)),
      clock: clock,
      deadlines: deadlines,
      seed: 7,
      connections: connections
    )
  }

  func stop() async {
    await connections.shutDown()
    await server.stop()
  }
}

private let request = ModelRequest(
  conversation: conversation(),
  messages: [Message(.user, "Hello")]
)

/// What a model answers on such a server: a turn, or its failure.
private func answer(
  _ replies: [[LoopbackServer.Step]],
  to request: ModelRequest = request,
  stream: Bool = true,
  attempts: Int = 3
) async throws -> (
  outcome: Result<ModelTurn, ModelFailure>, requests: [LoopbackServer.Request], waits: [Duration]
) {
  let bench = try await Bench(replies, stream: stream, attempts: attempts)
  let outcome: Result<ModelTurn, ModelFailure>
  do throws(ModelFailure) {
    outcome = .success(try await bench.model.respond(to: request) { _ in })
  } catch {
    outcome = .failure(error)
  }
  await bench.stop()
  return (outcome, bench.server.requests, bench.clock.jumps)
}

private func failure(_ outcome: Result<ModelTurn, ModelFailure>) -> ModelFailure? {
  if case .failure(let failure) = outcome { failure } else { nil }
}

@Suite struct `A model behind an OpenAI-compatible API` {
  @Test func `a streamed answer becomes one turn, and is told as it comes`() async throws {
    let bench = try await Bench([.stream(Chunk.hello)])
    let deltas = Deltas()
    let turn = try await bench.model.respond(to: request) { deltas.add($0) }
    await bench.stop()
    #expect(turn == ModelTurn(text: "Good morning", finishReason: "stop"))
    #expect(deltas.all == [.text("Good "), .text("morning")])
  }

  @Test func `the request carries messages, functions and choice in the words of the API`()
    async throws
  {
    let tool = ToolOffer(
      wireName: "properties_search",
      function: try #require(FunctionName("properties.search")),
      description: "Finds flats.",
      parameters: ["type": "object", "properties": [:]]
    )
    let request = ModelRequest(
      conversation: conversation(),
      messages: [
        Message(.system, "Be kind."), Message(.user, "Find."),
        Message(
          .assistant,
          nil,
          calls: [RequestedCall(id: "c1", wireName: "properties_search", arguments: "{\"a\":1}")]
        ),
        Message(.tool, "[]", answers: "c1"), Message(.assistant, "None."),
        Message(.user, "Again.", author: "Bo"),
      ],
      tools: [tool],
      toolChoice: .function(tool.function),
      parallelToolCalls: false,
      maxTokens: 77
    )
    let (outcome, requests, _) = try await answer([.stream(Chunk.hello)], to: request)
    #expect(throws: Never.self) { try outcome.get() }
    let sent = try #require(requests.first)
    #expect(sent.headers["authorization"] == ["Bearer sk-secret-key"])
    #expect(sent.headers["content-type"] == ["application/json"])
    #expect(
      sent.body == [
        "model": "gpt-test",
        "messages": [
          ["role": "system", "content": "Be kind."],
          ["role": "user", "content": "Find."],
          [
            "role": "assistant", "content": "",
            "tool_calls": [
              [
                "id": "c1", "type": "function",
                "function": ["name": "properties_search", "arguments": "{\"a\":1}"],
              ]
            ],
          ],
          ["role": "tool", "tool_call_id": "c1", "content": "[]"],
          ["role": "assistant", "content": "None."],
          ["role": "user", "content": "Again."],
        ],
        "tools": [
          [
            "type": "function",
            "function": [
              "name": "properties_search", "description": "Finds flats.",
              "parameters": ["type": "object", "properties": [:]],
            ],
          ]
        ],
        "tool_choice": ["type": "function", "function": ["name": "properties_search"]],
        "parallel_tool_calls": false,
        "max_tokens": 77,
        "stream": true,
        "stream_options": ["include_usage": true],
      ]
    )
  }

  @Test(arguments: [(ToolChoice.auto, "auto"), (.none, "none"), (.required, "required")])
  func `the choice of functions is one word, and is only sent with functions`(
    choice: ToolChoice,
    word: String
  ) throws {
    let body = ChatRequestBody(
      model: "m",
      streams: false,
      tokenLimitField: "max_tokens",
      extra: ["temperature": 0]
    )
    var request = request
    request.toolChoice = choice
    let bare = try body.json(for: request)
    #expect(
      bare == ["model": "m", "messages": [["role": "user", "content": "Hello"]], "temperature": 0]
    )
    let function = try #require(FunctionName("a.b"))
    request.tools = [
      ToolOffer(wireName: "a_b", function: function, description: "", parameters: [:])
    ]
    #expect(try body.json(for: request)["tool_choice"] == .string(word))
    #expect(try body.json(for: request)["stream"] == nil)
  }

  @Test func `a choice of a function that is not offered is refused before anything is sent`()
    async throws
  {
    var request = request
    request.toolChoice = .function(try #require(FunctionName("a.b")))
    request.tools = [
      ToolOffer(
        wireName: "c_d",
        function: try #require(FunctionName("c.d")),
        description: "",
        parameters: [:]
      )
    ]
    let (outcome, requests, _) = try await answer([.stream(Chunk.hello)], to: request)
    #expect(failure(outcome)?.kind == .badRequest)
    #expect(requests.isEmpty)
  }

  @Test func `calls come out as they were asked for, also byte by byte`() async throws {
    let events = [
      Chunk.calls([
        "index": 0, "id": "a", "type": "function", "function": ["name": "f", "arguments": ""],
      ]),
      Chunk.calls(["index": 0, "function": ["arguments": "{\"street\":\"Größe 漢字\"}"]]),
      Chunk.finish("tool_calls"),
      #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}"#, Chunk.done,
    ]
    for size in [1, 7, 100_000] {
      let (outcome, _, _) = try await answer([.stream(events, chunk: size)])
      #expect(
        try outcome.get()
          == ModelTurn(
            calls: [RequestedCall(id: "a", wireName: "f", arguments: "{\"street\":\"Größe 漢字\"}")],
            finishReason: "tool_calls",
            usage: TokenUsage(input: 5, output: 6)
          )
      )
    }
  }

  @Test(arguments: [true, false])
  func `an answer in one piece is taken, asked for or not`(stream: Bool) async throws {
    let body = """
      {"object":"chat.completion","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant",
      "content":"Looking.","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}}],
      "usage":{"prompt_tokens":1,"completion_tokens":2}}
      """
    let (outcome, requests, _) = try await answer([.json(200, body)], stream: stream)
    #expect(
      try outcome.get()
        == ModelTurn(
          text: "Looking.",
          calls: [RequestedCall(id: "a", wireName: "f", arguments: "{}")],
          finishReason: "tool_calls",
          usage: TokenUsage(input: 1, output: 2)
        )
    )
    #expect(requests.first?.body["stream"] == (stream ? true : nil))
  }
}

@Suite struct `A model's server that fails` {
  @Test func `429 waits as long as it was asked to`() async throws {
    let replies: [[LoopbackServer.Step]] = [
      .json(429, "{}", headers: [("retry-after", "7")]),
      .json(429, "{}", headers: [("retry-after-ms", "2500")]),
      .stream(Chunk.hello),
    ]
    let (outcome, requests, waits) = try await answer(replies)
    #expect(try outcome.get().text == "Good morning")
    #expect(requests.count == 3)
    #expect(waits.prefix(2) == [.seconds(7), .milliseconds(2500)])
  }

  @Test(arguments: [408, 409, 429, 500, 502, 503, 504, 529])
  func `what may go better the next time is asked again, with a drawn wait`(
    status: Int
  ) async throws {
    let (outcome, requests, waits) = try await answer([
      .json(status, "{}"), .json(status, "{}"), .stream(Chunk.hello),
    ])
    #expect(try outcome.get().text == "Good morning")
    #expect(requests.count == 3)
    #expect(requests.map(\.body).allSatisfy { $0 == requests[0].body })
    #expect(waits.allSatisfy { $0 <= .seconds(1) })
  }

  @Test func `each retry is told with its reason and its wait`() async throws {
    let bench = try await Bench([
      .json(429, "{}", headers: [("retry-after", "7")]), .stream([Chunk.text("Half")]),
      .stream(Chunk.hello),
    ])
    let deltas = Deltas()
    _ = try await bench.model.respond(to: request) { deltas.add($0) }
    await bench.stop()
    var told: [ModelFailure.Kind] = []
    for case .startedOver(let failure, let wait) in deltas.all {
      told.append(failure.kind)
      #expect(failure.message.hasPrefix("model test at http://127.0.0.1:"))
      #expect(failure.kind == .throttled ? wait == .seconds(7) : wait <= .seconds(8))
    }
    #expect(told == [.throttled, .brokenAnswer])
  }

  @Test func `attempts are counted and end with what the server said`() async throws {
    let (outcome, requests, _) = try await answer([
      .json(503, #"{"error":{"message":"Overloaded."}}"#)
    ])
    #expect(requests.count == 3)
    #expect(failure(outcome)?.kind == .serverError)
    let message = try #require(failure(outcome)?.message)
    #expect(message.hasPrefix("model test at http://127.0.0.1:"))
    #expect(message.hasSuffix("/v1 answered 503: Overloaded.; gave up after 3 attempts"))
  }

  @Test(arguments: [
    (
      400, #"{"error":{"message":"No such field."}}"#, ModelFailure.Kind.badRequest,
      "No such field."
    ),
    (404, #"{"error":{"message":"No such model."}}"#, .badRequest, "No such model."),
    (422, #"{"detail":"Wrong."}"#, .badRequest, "Wrong."),
    (413, "Too large", .badRequest, "Too large"),
    (401, #"{"error":{"message":"Bad key."}}"#, .unauthorised, "Bad key."),
    (403, "", .unauthorised, "check the API key"),
    (301, "", .badRequest, "correct url"),
    (
      429, #"{"error":{"message":"Quota spent.","code":"insufficient_quota"}}"#, .throttled,
      "Quota spent."
    ),
    (400, #"[{"error":{"code":400,"message":"In a list."}}]"#, .badRequest, "In a list."),
  ])
  func `what no retry can mend is told at once`(
    status: Int,
    body: String,
    kind: ModelFailure.Kind,
    words: String
  ) async throws {
    let (outcome, requests, waits) = try await answer([.json(status, body)])
    #expect(requests.count == 1)
    #expect(waits.isEmpty)
    #expect(failure(outcome)?.kind == kind)
    #expect(failure(outcome)?.message.contains(words) == true)
  }

  @Test func `the key is never repeated, nor what would move a cursor`() async throws {
    let body = #"{"error":{"message":"Wrong key sk-secret-key\u001b[2J\u202e given."}}"#
    let (outcome, _, _) = try await answer([.json(401, body)])
    let message = try #require(failure(outcome)?.message)
    #expect(!message.contains("sk-secret-key"))
    #expect(message.contains("Wrong key [secret] [2J given."))
  }

  @Test func `a wait that is too long fails with a sentence`() async throws {
    let (outcome, requests, _) = try await answer([
      .json(429, "{}", headers: [("retry-after", "121")])
    ])
    #expect(requests.count == 1)
    #expect(failure(outcome)?.kind == .throttled)
    #expect(
      failure(outcome)?.message.contains("asked to wait 121 s, longer than the 120 s") == true
    )
  }

  @Test(
    arguments: [
      ([("retry-after", "1.5")], 1.5), ([("retry-after", "0")], nil),
      ([("retry-after", "-3")], nil),
      ([("retry-after", "soon")], nil), ([("retry-after-ms", "100"), ("retry-after", "9")], 0.1),
      ([], nil),
      ([("retry-after-ms", "x"), ("retry-after", "9")], 9), ([("retry-after", "nan")], nil),
      ([("retry-after", "inf")], nil),
      ([("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")], 30),
      ([("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT")], nil),
    ] as [([(String, String)], Double?)]
  )
  func `the wait is read from milliseconds, seconds or a date`(
    headers: [(String, String)],
    seconds: Double?
  ) {
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    #expect(RetryAfter.seconds(in: .init(headers), now: now) == seconds)
  }

  @Test func `a stream that is cut is asked for again as a whole`() async throws {
    let cutClean: [LoopbackServer.Step] = .stream([Chunk.text("Half a")])
    let cutHard: [LoopbackServer.Step] = [
      [LoopbackServer.Step].streamHead, .chunk(Array("data: \(Chunk.text("Half"))\n\nda".utf8)),
      .close,
    ]
    let (outcome, requests, _) = try await answer([cutClean, cutHard, .stream(Chunk.hello)])
    #expect(try outcome.get().text == "Good morning")
    #expect(requests.count == 3)
    for cut in [cutClean, cutHard] {
      let (outcome, requests, _) = try await answer([cut])
      #expect(failure(outcome)?.kind == .brokenAnswer)
      #expect(requests.count == 3)
    }
  }

  @Test func `a server that never closes after [DONE] does not hold the turn`() async throws {
    let never = OneShot<Void>()
    let bytes = Chunk.hello.map { "data: \($0)\n\n" }.joined()
    let (outcome, _, _) = try await answer([
      [[LoopbackServer.Step].streamHead, .chunk(Array(bytes.utf8)), .wait(never)]
    ])
    #expect(try outcome.get().text == "Good morning")
    never.resolve(())
  }

  @Test(arguments: [
    (#"{"error":{"message":"Busy.","type":"server_error"}}"#, ModelFailure.Kind.serverError, 3),
    (#"{"error":{"message":"Slow down.","code":"rate_limit_exceeded"}}"#, .throttled, 3),
    (#"{"error":{"message":"Too long.","code":"context_length_exceeded"}}"#, .badRequest, 1),
    ("{broken", .brokenAnswer, 3),
  ])
  func `an error in the middle of an answer is no turn`(
    event: String,
    kind: ModelFailure.Kind,
    attempts: Int
  ) async throws {
    let (outcome, requests, _) = try await answer([.stream([Chunk.text("Half"), event])])
    #expect(failure(outcome)?.kind == kind)
    #expect(requests.count == attempts)
  }

  @Test func `an answer that is no JSON is broken`() async throws {
    let (outcome, requests, _) = try await answer([.json(200, "<html>")], stream: false)
    #expect(failure(outcome)?.kind == .brokenAnswer)
    #expect(requests.count == 3)
  }

  @Test func `nobody there is unreachable, after its retries`() async throws {
    let bench = try await Bench([])
    await bench.server.stop()
    let error = await #expect(throws: ModelFailure.self) {
      try await bench.model.respond(to: request) { _ in }
    }
    await bench.connections.shutDown()
    #expect(error?.kind == .unreachable)
    #expect(error?.message.contains("gave up after 3 attempts") == true)
  }

  @Test func `an address that is none is told at once`() async throws {
    let clock = TestClock()
    let connections = ModelConnections()
    let model = OpenAIModel(
      name: "test",
      baseURL: "not an address",
      model: "m",
      clock: clock,
      deadlines: DeadlineQueue(clock: clock),
      seed: 1,
      connections: connections
    )
    let error = await #expect(throws: ModelFailure.self) {
      try await model.respond(to: request) { _ in }
    }
    await connections.shutDown()
    #expect(error?.kind == .unreachable)
    #expect(error?.message.contains("url") == true)
  }

  @Test func `a dead server is not stormed by many conversations`() async throws {
    let bench = try await Bench([.json(500, "{}")])
    await withTaskGroup { group in
      for _ in 0..<50 {
        group.addTask { _ = try? await bench.model.respond(to: request) { _ in } }
      }
    }
    await bench.stop()
    #expect(bench.server.requests.count == 50 + 20)
  }

  @Test func `waits that the server asked for spend no retries`() async throws {
    let bench = try await Bench([.json(429, "{}", headers: [("retry-after", "2")])])
    await withTaskGroup { group in
      for _ in 0..<50 {
        group.addTask { _ = try? await bench.model.respond(to: request) { _ in } }
      }
    }
    await bench.stop()
    #expect(bench.server.requests.count == 50 * 3)
  }

  @Test func `turns that come earn retries back`() {
    var allowance = RetryAllowance()
    let first = (0..<21).map { _ in allowance.spend() }
    #expect(first == Array(repeating: true, count: 20) + [false])
    for _ in 0..<5 { allowance.earn() }
    let second = (0..<2).map { _ in allowance.spend() }
    #expect(second == [true, false])
  }
}

@Suite struct `A stream that ends without [DONE]` {
  /// Everything but the mark of the end, which comes in order, by a lost connection or by silence.
  enum End: CaseIterable {
    case inOrder
    case lost
    case silent
  }

  private static func bare(_ end: End, _ words: String = "Bare") -> [LoopbackServer.Step] {
    let bytes = [Chunk.text(words), Chunk.finish("stop")].map { "data: \($0)\n\n" }.joined()
    let head: [LoopbackServer.Step] = [[LoopbackServer.Step].streamHead, .chunk(Array(bytes.utf8))]
    switch end {
    case .inOrder: return head + [.lastChunk]
    case .lost: return head + [.close]
    case .silent: return head
    }
  }

  /// Asks once for each reply that is expected, and gives back what came and how many requests it took.
  private func talk(
    _ replies: [[LoopbackServer.Step]],
    turns: Int,
    attempts: Int = 3
  ) async throws -> (texts: [String?], requests: [Int]) {
    let bench = try await Bench(replies, attempts: attempts)
    var texts: [String?] = []
    var requests: [Int] = []
    for _ in 0..<turns {
      let before = bench.server.requests.count
      texts.append(try await bench.model.respond(to: request) { _ in }.text)
      requests.append(bench.server.requests.count - before)
    }
    await bench.stop()
    return (texts, requests)
  }

  @Test(arguments: [End.inOrder, .lost])
  func `is asked for again where nothing is known of the server`(end: End) async throws {
    let (texts, requests) = try await talk([Self.bare(end), .stream(Chunk.hello)], turns: 1)
    #expect(texts == ["Good morning"])
    #expect(requests == [2])
  }

  @Test(arguments: [End.inOrder, .lost])
  func `costs a server that never sends it one request, once`(end: End) async throws {
    let (texts, requests) = try await talk([Self.bare(end)], turns: 3)
    #expect(texts == ["Bare", "Bare", "Bare"])
    #expect(requests == [2, 1, 1])
  }

  @Test func `was cut where the server has sent it before`() async throws {
    let replies: [[LoopbackServer.Step]] = [
      .stream(Chunk.hello), Self.bare(.inOrder), Self.bare(.lost), .stream(Chunk.hello),
    ]
    let (texts, requests) = try await talk(replies, turns: 2)
    #expect(texts == ["Good morning", "Good morning"])
    #expect(requests == [1, 3])
  }

  @Test func `was cut where the server sends it later`() async throws {
    let replies: [[LoopbackServer.Step]] = [
      Self.bare(.inOrder), Self.bare(.inOrder), .stream(Chunk.hello), Self.bare(.inOrder),
      .stream(Chunk.hello),
    ]
    let (texts, requests) = try await talk(replies, turns: 3)
    #expect(texts == ["Bare", "Good morning", "Good morning"])
    #expect(requests == [2, 1, 2])
  }

  @Test func `is taken where nothing better can be had`() async throws {
    let once = try await talk([Self.bare(.inOrder)], turns: 1, attempts: 1)
    #expect(once.texts == ["Bare"])
    #expect(once.requests == [1])
    let replies: [[LoopbackServer.Step]] = [
      Self.bare(.lost), .json(503, "{}"), .json(503, "{}"), .stream(Chunk.hello),
    ]
    let failing = try await talk(replies, turns: 1)
    #expect(failing.texts == ["Bare"])
    #expect(failing.requests == [3])
  }

  @Test func `is a stopped turn where somebody stops it, and teaches nothing`() async throws {
    let never = OneShot<Void>()
    let bench = try await Bench(
      [Self.bare(.silent) + [.wait(never)], Self.bare(.inOrder), .stream(Chunk.hello)]
    )
    let firstWord = OneShot<Void>()
    let task = Task { try await bench.model.respond(to: request) { _ in firstWord.resolve(()) } }
    await firstWord.value
    task.cancel()
    let error = await #expect(throws: ModelFailure.self) { try await task.value }
    #expect(error?.kind == .cancelled)
    let turn = try await bench.model.respond(to: request) { _ in }
    #expect(turn.text == "Good morning")
    never.resolve(())
    await bench.stop()
  }

  @Test func `is asked for again when the server falls silent after its finish reason`()
    async throws
  {
    let never = OneShot<Void>()
    let bench = try await Bench(
      [Self.bare(.silent) + [.wait(never)], .stream(Chunk.hello)],
      timeouts: .init(silence: .seconds(60), total: .seconds(1000)),
      clock: TestClock(jumpingUpTo: .seconds(30))
    )
    let turn = try await bench.model.respond(to: request) { delta in
      if delta == .text("Bare") { bench.clock.advance(by: .seconds(60), firing: bench.deadlines) }
    }
    #expect(turn.text == "Good morning")
    #expect(bench.server.requests.count == 2)
    never.resolve(())
    await bench.stop()
  }
}

@Suite struct `A model that is slow or stopped` {
  private static let begun: [LoopbackServer.Step] = [
    [LoopbackServer.Step].streamHead, .chunk(Array("data: \(Chunk.text("Half"))\n\n".utf8)),
  ]

  @Test func `cancelling the task ends the request`() async throws {
    let never = OneShot<Void>()
    let bench = try await Bench([Self.begun + [.wait(never)]], clock: TestClock())
    let firstWord = OneShot<Void>()
    let task = Task {
      try await bench.model.respond(to: request) { _ in firstWord.resolve(()) }
    }
    await firstWord.value
    task.cancel()
    let error = await #expect(throws: ModelFailure.self) { try await task.value }
    #expect(error?.kind == .cancelled)
    await bench.server.hungUp.value
    #expect(bench.server.requests.count == 1)
    #expect(bench.deadlines.count == 0)
    never.resolve(())
    await bench.stop()
  }

  @Test func `cancelling ends a wait before the next attempt`() async throws {
    let bench = try await Bench(
      [.json(503, "{}", headers: [("retry-after", "60")])],
      clock: TestClock()
    )
    let task = Task { try await bench.model.respond(to: request) { _ in } }
    while bench.server.requests.isEmpty { await Task.yield() }
    task.cancel()
    let error = await #expect(throws: ModelFailure.self) { try await task.value }
    #expect(error?.kind == .cancelled)
    await bench.stop()
  }

  @Test func `silence in the middle of an answer breaks it`() async throws {
    let never = OneShot<Void>()
    let bench = try await Bench(
      [Self.begun + [.wait(never)]],
      attempts: 1,
      timeouts: .init(silence: .seconds(60), total: .seconds(600)),
      clock: TestClock()
    )
    let error = await #expect(throws: ModelFailure.self) {
      try await bench.model.respond(to: request) { _ in
        bench.clock.advance(by: .seconds(60), firing: bench.deadlines)
      }
    }
    #expect(error?.kind == .brokenAnswer)
    #expect(error?.message.contains("fell silent in the middle of its answer for 60 s") == true)
    never.resolve(())
    await bench.stop()
  }

  @Test func `a server that never answers is unreachable`() async throws {
    let never = OneShot<Void>()
    let bench = try await Bench(
      [[.wait(never)]],
      attempts: 1,
      timeouts: .init(silence: .seconds(60), total: .seconds(600)),
      clock: TestClock()
    )
    let task = Task { try await bench.model.respond(to: request) { _ in } }
    while bench.server.requests.isEmpty { await Task.yield() }
    bench.clock.advance(by: .seconds(60), firing: bench.deadlines)
    let error = await #expect(throws: ModelFailure.self) { try await task.value }
    #expect(error?.kind == .unreachable)
    #expect(error?.message.contains("did not answer for 60 s") == true)
    never.resolve(())
    await bench.stop()
  }

  @Test
  func `an answer that goes on for ever ends with the total time, and is not asked for again`()
    async throws
  {
    let never = OneShot<Void>()
    let bench = try await Bench(
      [Self.begun + [.wait(never)]],
      timeouts: .init(silence: .seconds(600), total: .seconds(100)),
      clock: TestClock()
    )
    let error = await #expect(throws: ModelFailure.self) {
      try await bench.model.respond(to: request) { _ in
        bench.clock.advance(by: .seconds(100), firing: bench.deadlines)
      }
    }
    #expect(error?.kind == .brokenAnswer)
    #expect(error?.message.contains("took longer than 100 s") == true)
    #expect(bench.server.requests.count == 1)
    never.resolve(())
    await bench.stop()
  }

  @Test func `a slow answer that keeps coming is no silence`() async throws {
    let gates = (0..<4).map { _ in OneShot<Void>() }
    var steps: [LoopbackServer.Step] = [[LoopbackServer.Step].streamHead]
    for (index, gate) in gates.enumerated() {
      steps += [.chunk(Array("data: \(Chunk.text("\(index)"))\n\n".utf8)), .wait(gate)]
    }
    let end = "data: \(Chunk.finish("stop"))\n\ndata: \(Chunk.done)\n\n"
    steps += [.chunk(Array(end.utf8)), .lastChunk]
    let bench = try await Bench(
      [steps],
      timeouts: .init(silence: .seconds(60), total: .seconds(600)),
      clock: TestClock()
    )
    let count = Mutex(0)
    let turn = try await bench.model.respond(to: request) { _ in
      bench.clock.advance(by: .seconds(50), firing: bench.deadlines)
      let index = count.withLock { count in
        defer { count += 1 }
        return count
      }
      gates[index].resolve(())
    }
    #expect(turn.text == "0123")
    await bench.stop()
  }
}
