import Callboard
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardModels

/// The engine has a `Script` too: a writing system.
private typealias Script = CallboardModels.Script

private func scripts(_ text: String) throws -> [Script] {
  try Script.load(YAMLDocument(text: text, file: "demo.yaml"))
}

/// The sentences that a file of scripts is refused with.
private func problems(_ text: String) throws -> [String] {
  do {
    _ = try scripts(text)
    return []
  } catch let error as Diagnostics {
    return error.all.map(\.description)
  }
}

/// A conversation with a script, whose calls are answered here.
private struct Talk {
  let model: ScriptedModel
  let clock: TestClock
  var messages: [Message]
  var tools: [ToolOffer] = []
  let deltas = Deltas()

  init(_ text: String, seed: UInt64 = 1, ordinal: Int = 0) throws {
    let script = try #require(try scripts(text).first)
    clock = TestClock(jumpingUpTo: .seconds(100_000))
    model = ScriptedModel(
      name: "demo",
      script: script,
      seed: seed,
      ordinal: ordinal,
      clock: clock,
      deadlines: DeadlineQueue(clock: clock)
    )
    messages = model.opening
  }

  @discardableResult
  mutating func turn() async throws -> ModelTurn {
    let deltas = deltas
    let request = ModelRequest(conversation: conversation(), messages: messages, tools: tools)
    let turn = try await model.respond(to: request) { deltas.add($0) }
    messages.append(Message(.assistant, turn.text, calls: turn.calls))
    return turn
  }

  /// Asks for a turn that should fail.
  mutating func failure() async throws -> ModelFailure? {
    do {
      try await turn()
      return nil
    } catch let failure as ModelFailure {
      return failure
    }
  }

  /// Answers the calls of the last turn, in their order.
  mutating func answer(_ results: JSONValue...) {
    let calls = messages.last { $0.role == .assistant }?.calls ?? []
    for (call, result) in zip(calls, results) {
      messages.append(Message(.tool, result.serialized(), answers: call.id))
    }
  }

  mutating func say(_ words: String) {
    messages.append(Message(.user, words, author: "maria"))
  }
}

private let hunt = """
  hunt:
    title: Flats in ${district}
    system: You help.
    user: A flat in ${district}, please, at most ${budget}.
    vars:
      district: { pick: [Mitte, Wedding, Pankow] }
      budget: { between: [200000, 400000], step: 10000 }
      memo: "for ${district}"
      limit: { max: "${budget}" }
    after: 0.5s..2s
    over: 1s
    turns:
      - say: Let me look in ${district}.
        calls:
          - function: properties.search
            id: search
            with: { district: "${district}", max: "${budget}", memo: "${memo}", limit: "${limit.max}", n: 3 }
          - function: market.analyse
      - choose:
          - if: { properties: { last: { required: [error] } } }
            say: The market is closed.
            goto: sum-up
          - if: { properties: { results: { prefixItems: [{ properties: { items: { maxItems: 0 } } }] } } }
            say: There is none.
            end: true
          - say: I found ${search.items.count}.
            calls:
              - function: properties.validate
                id: check
                with: { id: "${search.items[0].id ?? 'none'}", first: "${results[0].items[0]}" }
      - label: sum-up
        after: 3s
        over: 0s
        say: "Best: ${search.items[0].id}; ${check.ok ?? 'unchecked'}; turn ${turn}."
    on_message:
      - if: { properties: { message: { pattern: "[Ss][Tt][Oo][Pp]" } } }
        say: I stop.
        end: true
      - say: "You said: ${message}."
  """

@Suite struct `A scripted conversation` {
  @Test func `turns follow each other, and results flow into words and arguments`() async throws {
    var talk = try Talk(hunt)
    let opening = try #require(talk.messages.last?.text)
    #expect(talk.messages.map(\.role) == [.system, .user])
    #expect(talk.model.title.hasPrefix("Flats in "))
    let district = String(talk.model.title.dropFirst("Flats in ".count))
    #expect(["Mitte", "Wedding", "Pankow"].contains(district))
    #expect(opening.hasPrefix("A flat in \(district), please, at most "))

    let first = try await talk.turn()
    #expect(first.text == "Let me look in \(district).")
    #expect(first.finishReason == "tool_calls")
    #expect(first.calls.map(\.wireName) == ["properties_search", "market_analyse"])
    let arguments = try JSONValue(parsing: first.calls[0].arguments)
    let budget = try #require(arguments["max"]?.intValue)
    #expect(budget % 10_000 == 0 && (200_000...400_000).contains(budget))
    #expect(opening.contains("\(budget)."))
    #expect(arguments["memo"] == .string("for \(district)"))
    #expect(arguments["limit"]?.intValue == budget)
    #expect(arguments["n"] == 3)
    #expect(first.calls[1].arguments == "{}")

    talk.answer(["items": [["id": "a1"], ["id": "b2"]]], ["trend": "up"])
    let second = try await talk.turn()
    #expect(second.text == "I found 2.")
    #expect(
      try JSONValue(parsing: second.calls[0].arguments) == ["id": "a1", "first": ["id": "a1"]]
    )

    talk.answer(["ok": true])
    let third = try await talk.turn()
    #expect(third.text == "Best: a1; true; turn 3.")
    #expect(third.calls.isEmpty)
    #expect(third.finishReason == "stop")
  }

  @Test func `the first branch that holds is taken`() async throws {
    var talk = try Talk(hunt)
    try await talk.turn()
    talk.answer(["items": [["id": "a1"]]], ["error": ["kind": "timeout"]])
    #expect(try await talk.turn().text == "The market is closed.")
    // Without a call there is nothing to wait for: a person's word brings the next turn.
    talk.say("And?")
    #expect(try await talk.turn().text == "Best: a1; unchecked; turn 3.")

    var other = try Talk(hunt)
    try await other.turn()
    other.answer(["items": []], [:])
    #expect(try await other.turn().text == "There is none.")
    #expect(
      try await other.failure()
        == ModelFailure(.scriptEnded, "script hunt has no turn for this: it ended after 2 turns")
    )
  }

  @Test func `the wire names of the request are used`() async throws {
    var talk = try Talk(hunt)
    talk.tools = [
      ToolOffer(
        wireName: "search-7",
        function: try #require(FunctionName("properties.search")),
        description: "",
        parameters: [:]
      )
    ]
    #expect(try await talk.turn().calls.map(\.wireName) == ["search-7", "market_analyse"])
    #expect(
      talk.deltas.all.suffix(2) == [
        .callBegan(wireName: "search-7"), .callBegan(wireName: "market_analyse"),
      ]
    )
  }

  @Test func `words come one by one over their time, after the pause`() async throws {
    var talk = try Talk("s: { turns: [{ after: 2s, over: 1500ms, say: 'one two  three' }] }")
    let turn = try await talk.turn()
    #expect(turn.text == "one two  three")
    #expect(talk.deltas.all == [.text("one "), .text("two  "), .text("three")])
    let half = Duration.milliseconds(500)
    #expect(talk.clock.jumps == [.seconds(2), half, half, half])
  }

  @Test func `seed and ordinal decide everything that is drawn`() async throws {
    func story(seed: UInt64, ordinal: Int) async throws -> [String] {
      var talk = try Talk(hunt, seed: seed, ordinal: ordinal)
      try await talk.turn()
      return [talk.messages[1].text ?? "", talk.messages[2].calls[0].arguments]
        + talk.clock.jumps.map { "\($0)" }
    }
    #expect(try await story(seed: 1, ordinal: 4) == story(seed: 1, ordinal: 4))
    #expect(try await story(seed: 1, ordinal: 4) != story(seed: 1, ordinal: 5))
    #expect(try await story(seed: 1, ordinal: 4) != story(seed: 2, ordinal: 4))
    let titles = try (0..<60).map { try Talk(hunt, ordinal: $0).model.title }
    #expect(Set(titles).count == 3)
  }

  @Test func `a new model goes on where the messages stopped`() async throws {
    var talk = try Talk(hunt)
    try await talk.turn()
    talk.answer(["items": [["id": "a1"]]], [:])
    try await talk.turn()
    talk.answer(["ok": true])
    var restarted = try Talk(hunt)
    restarted.messages = talk.messages
    let expected = try await talk.turn()
    #expect(try await restarted.turn() == expected)
  }

  @Test func `usage is estimated, or as written`() async throws {
    var talk = try Talk(
      "s: { turns: [{ say: abcdefgh }, { say: x, usage: { input: 7, output: 9 } }] }"
    )
    #expect(try await talk.turn().usage == TokenUsage(input: 1, output: 3))
    talk.say("x")
    #expect(try await talk.turn().usage == TokenUsage(input: 7, output: 9))
  }

  @Test func `broken arguments can be written`() async throws {
    var talk = try Talk(
      "s: { turns: [{ calls: [{ function: a.b, raw: '{\"x\": ' }] }, { say: ok }] }"
    )
    #expect(try await talk.turn().calls.map(\.arguments) == ["{\"x\": "])
  }

  @Test func `a result that is no JSON is a text`() async throws {
    var talk = try Talk(
      "s: { turns: [{ calls: [{ function: a.b, id: r }] }, { say: 'It said ${r}' }] }"
    )
    let call = try await talk.turn().calls[0]
    talk.messages.append(Message(.tool, "plain words", answers: call.id))
    #expect(try await talk.turn().text == "It said plain words")
  }

  @Test func `stopping the task ends a pause`() async throws {
    let script = try #require(try scripts("s: { turns: [{ after: 1h, say: x }] }").first)
    let clock = TestClock()
    let deadlines = DeadlineQueue(clock: clock)
    let model = ScriptedModel(
      name: "m",
      script: script,
      seed: 1,
      ordinal: 0,
      clock: clock,
      deadlines: deadlines
    )
    let task = Task {
      try await model.respond(to: ModelRequest(conversation: conversation(), messages: [])) { _ in }
    }
    while deadlines.count == 0 { await Task.yield() }
    task.cancel()
    let error = await #expect(throws: ModelFailure.self) { try await task.value }
    #expect(error?.kind == .cancelled)
    #expect(deadlines.count == 0)
  }
}

@Suite struct `Ways through a script` {
  @Test func `a person who breaks in is answered, and the script goes on`() async throws {
    var talk = try Talk(hunt)
    try await talk.turn()
    talk.say("Also with a balcony")
    talk.answer(["items": [["id": "a1"]]], [:])
    let turn = try await talk.turn()
    #expect(turn.text == "You said: Also with a balcony.\n\nI found 1.")
    #expect(turn.calls.count == 1)
    talk.answer(["ok": false])
    #expect(try await talk.turn().text == "Best: a1; false; turn 3.")
    talk.say("Thanks")
    #expect(try await talk.turn().text == "You said: Thanks.")
  }

  @Test func `what a person says may end it`() async throws {
    var talk = try Talk(hunt)
    try await talk.turn()
    talk.say("STOP it")
    talk.answer(["items": [["id": "a1"]]], [:])
    let turn = try await talk.turn()
    #expect(turn.text == "I stop.")
    #expect(turn.calls.isEmpty)
    talk.say("Still there?")
    #expect(try await talk.turn().text == "You said: Still there?.")
  }

  @Test func `a script without an answer acknowledges`() async throws {
    var talk = try Talk("s: { turns: [{ calls: [{ function: a.b }] }, { say: Done. }] }")
    try await talk.turn()
    talk.say("Hey")
    talk.answer([:])
    let answer = try await talk.turn()
    #expect(answer.text == "I have read your message, and take it into account.\n\nDone.")
  }

  @Test func `a person who answers a question brings the next turn`() async throws {
    var talk = try Talk(
      "s: { turns: [{ say: Where? }, { say: 'In ${message} then.' }], on_message: { say: no } }"
    )
    try await talk.turn()
    talk.say("Mitte")
    #expect(try await talk.turn().text == "In Mitte then.")
  }

  @Test func `a turn is repeated so often, and the round is known`() async throws {
    var talk = try Talk(
      "s: { turns: [{ repeat: 3, calls: [{ function: a.b, id: r, with: { n: '${round}' } }] }, { say: 'After ${r.n}' }] }"
    )
    for round in 1...3 {
      #expect(try await talk.turn().calls.map(\.arguments) == ["{\"n\":\(round)}"])
      talk.answer(["n": .integer(Int64(round * 10))])
    }
    #expect(try await talk.turn().text == "After 30")
  }

  @Test func `a turn is repeated while a condition holds, but not for ever`() async throws {
    let text = """
      s:
        turns:
          - repeat: { while: { properties: { last: { properties: { state: { const: busy } } } } }, at_most: 4 }
            calls: [{ function: jobs.look, id: job }]
          - say: It is ${job.state}.
      """
    var talk = try Talk(text)
    for state in ["busy", "busy", "done"] {
      #expect(try await talk.turn().calls.count == 1)
      talk.answer(["state": .string(state)])
    }
    #expect(try await talk.turn().text == "It is done.")

    var stuck = try Talk(text)
    for _ in 1...4 {
      #expect(try await stuck.turn().calls.count == 1)
      stuck.answer(["state": "busy"])
    }
    #expect(try await stuck.turn().text == "It is busy.")
  }

  @Test func `a turn whose condition fails is passed over, and goto goes back`() async throws {
    let text = """
      s:
        turns:
          - label: ask
            calls: [{ function: a.b, id: r }]
          - if: { properties: { last: { properties: { more: { const: true } }, required: [more] } } }
            goto: ask
          - say: Enough after ${turn}.
      """
    var talk = try Talk(text)
    for _ in 0..<5 {
      #expect(try await talk.turn().calls.count == 1)
      talk.answer(["more": true])
    }
    #expect(try await talk.turn().calls.count == 1)
    talk.answer(["more": false])
    #expect(try await talk.turn().text == "Enough after 7.")
  }

  @Test func `a ring without a word is told, not walked for ever`() async throws {
    var talk = try Talk("s: { turns: [{ label: a, goto: b }, { label: b, goto: a }] }")
    let failure = try await talk.failure()
    #expect(failure?.kind == .scriptEnded)
    #expect(failure?.message.contains("goes round from label to label") == true)
  }

  @Test func `a failure comes so often, then the turn`() async throws {
    let failing = "fail: { kind: throttled, message: 'Slow, ${message}', times: 2 }"
    var talk = try Talk("s: { user: Hi, turns: [{ \(failing), say: Now. }, { say: Next. }] }")
    for _ in 0..<2 {
      #expect(try await talk.failure() == ModelFailure(.throttled, "Slow, Hi"))
    }
    #expect(try await talk.turn().text == "Now.")
    talk.say("x")
    #expect(try await talk.turn().text == "Next.")
  }

  @Test
  func `a failure without a turn gives way to the next, one without a number never does`()
    async throws
  {
    let once = "{ fail: { kind: server_error, times: 1 } }"
    var talk = try Talk("s: { turns: [\(once), { say: Then. }, { fail: { kind: unreachable } }] }")
    #expect(try await talk.failure()?.kind == .serverError)
    #expect(try await talk.turn().text == "Then.")
    talk.say("x")
    for _ in 0..<3 {
      #expect(try await talk.failure()?.kind == .unreachable)
    }
  }
}

@Suite struct `Loading scripts` {
  @Test func `the example of the documentation loads`() throws {
    let loaded = try scripts(hunt)
    #expect(loaded.map(\.name) == ["hunt"])
    #expect(
      loaded[0].functions.map(\.name.description) == [
        "properties.search", "market.analyse", "properties.validate",
      ]
    )
  }

  @Test func `functions that are not there are named with the nearest`() throws {
    let document = try YAMLDocument(text: hunt, file: "demo.yaml")
    let script = try #require(try Script.load(document).first)
    let known = Set(
      ["properties.search", "market.analyze", "other.thing"].compactMap { FunctionName($0) }
    )
    #expect(
      script.unknownFunctions(among: known, in: document).map(\.description) == [
        "demo.yaml:18:21: hunt.turns[0].calls[1].function names the unknown function market.analyse; did you mean market.analyze?",
        "demo.yaml:28:25: hunt.turns[1].choose[2].calls[0].function names the unknown function properties.validate; add it, or correct the name",
      ]
    )
  }

  @Test(arguments: [
    (
      "s:\n  turns:\n    - sya: hello\n",
      "demo.yaml:3:7: s.turns[0]: “sya” is not known here; did you mean say?"
    ),
    (
      "s:\n  turns:\n    - say: x\n      goto: endd\n    - label: end1\n      say: y\n",
      "demo.yaml:4:13: s.turns[0].goto leads to “endd”, a label that no turn has; did you mean end1?"
    ),
    (
      "s:\n  vars: { district: x }\n  turns:\n    - say: In ${distrikt}\n",
      "demo.yaml:4:12: s.turns[0].say uses ${distrikt}, which is not there; did you mean ${district}?"
    ),
    (
      "s:\n  turns:\n    - say: In ${calls.serch}\n      calls: [{ function: a.b, id: search }]\n    - say: x\n",
      "demo.yaml:3:12: s.turns[0].say uses ${serch}, which is not there; did you mean ${search}?"
    ),
    (
      "s:\n  turns:\n    - after: 5\n      say: x\n",
      "demo.yaml:3:14: s.turns[0].after is 5; write a duration such as 1.2s, or a range such as 0.5s..2s"
    ),
    (
      "s:\n  turns:\n    - after: 5x\n      say: x\n",
      "demo.yaml:3:14: s.turns[0].after is “5x” has the unknown unit “x”; write a duration such as 250ms, 1.5s, 5m, 2h or 1d, or a range such as 0.5s..2s"
    ),
    (
      "s:\n  turns:\n    - say: x\n      if: { properties: { lst: {} } }\n",
      "demo.yaml:4:32: s.turns[0].if.properties.lst asks about “lst”, which a condition does not see; did you mean last?"
    ),
    (
      "s:\n  turns:\n    - calls: [{ function: search }]\n    - say: x\n",
      "demo.yaml:3:27: s.turns[0].calls[0].function is “search”, which is no function name; write namespace.name"
    ),
    (
      "s:\n  turns:\n    - calls: [{ function: a.b }]\n",
      "demo.yaml:3:14: s.turns[0].calls asks for calls, but no turn follows that takes their results; add one that says what became of them"
    ),
    (
      "s:\n  vars: { last: 1 }\n  turns: [{ say: x }]\n",
      "demo.yaml:2:17: s.vars.last has a name that every script has already; choose another"
    ),
    (
      "s:\n  vars: { a: '${b}', b: 1 }\n  turns: [{ say: x }]\n",
      "demo.yaml:2:14: s.vars.a uses ${b}, which is not there; a variable may use those above it"
    ),
    (
      "s:\n  turns:\n    - choose: [{ say: x }, { say: y }]\n",
      "demo.yaml:3:16: s.turns[0].choose[0] has no if, so the branches after it are never taken; move it to the end"
    ),
    (
      "s:\n  turns:\n    - choose: [{ say: x }]\n      say: y\n",
      "demo.yaml:4:12: s.turns[0].say stands beside choose, where it is never used; move it into the branches"
    ),
    (
      "s:\n  turns:\n    - label: a\n      say: x\n    - label: a\n      say: y\n",
      "demo.yaml:5:14: s.turns[1].label is “a”, which an earlier turn has already; choose another"
    ),
    (
      "s:\n  turns:\n    - say: ${\n",
      "demo.yaml:3:12: s.turns[0].say has a ${ without a name; write ${name}, or $${ for a plain ${"
    ),
    (
      "s:\n  vars: { a: { between: [5, 1] } }\n  turns: [{ say: x }]\n",
      "demo.yaml:2:25: s.vars.a.between is no range of numbers; write [lower, upper], and a step above 0 if any"
    ),
    (
      "s:\n  turns:\n    - say: x\n      goto: a\n      end: true\n    - label: a\n      say: y\n",
      "demo.yaml:5:12: s.turns[0].end stands beside goto; keep one of them"
    ),
  ])
  func `what is wrong is told with its place and the nearest right word`(
    text: String,
    sentence: String
  ) throws {
    #expect(try problems(text) == [sentence])
  }

  @Test(arguments: [
    "s: { turns: [] }", "s: { }", "s: { turns: [{}] }", "s: 5", "- s",
    "s: { turns: [{ fail: { kind: tired } }] }",
    "s: { turns: [{ repeat: 0, say: x }] }", "s: { turns: [{ say: x, if: 5 }] }",
    "s: { turns: [{ say: x, if: { type: 7 } }] }",
    "s: { turns: [{ end: false }] }", "s: { turns: [{ calls: [] }] }",
    "s: { turns: [{ calls: [{}] }] }",
    "s: { vars: { a: { pick: [] } }, turns: [{ say: x }] }",
    "s: { turns: [{ repeat: 2, goto: a }, { label: a, say: x }] }",
    "s: { turns: [{ calls: [{ function: a.b, with: {}, raw: x }] }, { say: x }] }",
    "s: { on_message: [], turns: [{ say: x }] }",
  ])
  func `what makes no sense is refused`(text: String) throws {
    #expect(try !problems(text).isEmpty)
  }

  @Test func `a larger schema can hold that of the scripts`() throws {
    let schema = try Schema([
      "type": "object",
      "properties": [
        "scripts": ["$ref": "urn:callboard:scripts"],
        "one": ["$ref": "urn:callboard:scripts#/$defs/script"],
      ],
      "$defs": ["scripts": ScriptedModel.schema],
    ])
    #expect(
      schema.isValid([
        "scripts": ["s": ["turns": [["say": "x"]]]], "one": ["turns": [["say": "x"]]],
      ])
    )
    #expect(!schema.isValid(["scripts": ["s": ["turns": [["sya": "x"]]]]]))
    #expect(!schema.isValid(["one": ["turns": []]]))
  }
}
