import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What is more than there may be fails by itself, and says so; the engine goes on.
@Suite(.timeLimit(.minutes(10)))
struct LimitTests {
  private func held(_ limit: Int) throws -> Rig {
    try Rig(TestFunction("pay"), rules: [asking("pay")]) { $0.held = limit }
  }

  private func looking(
    _ change: @escaping (inout EngineConfiguration) -> Void = { _ in }
  ) throws
    -> Rig
  {
    try Rig(TestFunction("look", .answer(1)) { $0.effect = .read }, configure: change)
  }

  private func nested(_ depth: Int) -> JSONValue {
    (0..<depth).reduce(JSONValue.integer(1)) { value, _ in .array([value]) }
  }

  @Test func `more calls than may wait for a person are rejected, and room is room again`()
    async throws
  {
    let rig = try held(2)
    let first = await rig.submit("pay")
    #expect(first.isPending)
    #expect(await rig.submit("pay").isPending)
    let third = await rig.submit("pay")
    #expect(third.failure?.kind == .queueFull)
    #expect(third.failure?.message.contains("waiting for a person") == true)
    _ = try await rig.deny(first.id, "no")
    #expect(await rig.submit("pay").isPending)
  }

  @Test(arguments: [true, false])
  func `arguments that are too long are rejected, as text and as a value`(isText: Bool) async throws
  {
    let rig = try looking { $0.maxArgumentBytes = 100 }
    let long: JSONValue = ["text": .string(String(repeating: "x", count: 200_000))]
    let submission =
      isText
      ? await rig.engine.submit("t.look", text: long.serialized(), by: agent)
      : await rig.submit("look", long)
    #expect(submission.failure?.kind == .invalidArguments)
    #expect(
      submission.failure?.message
        == "The arguments have 200011 bytes, more than the 100 arguments may have."
    )
    let kept = try rig.call(submission.id)
    #expect(kept.proposed == nil)
    #expect((kept.unparsed?.utf8.count ?? 0) <= Limit.unparsed.value + 3)
    #expect(await rig.submit("look", ["text": "short"]).value == 1)
  }

  @Test func `a model hears how long its arguments were, though their text was cut`() async throws {
    let rig = try looking { $0.maxArgumentBytes = 100 }
    let long = #"{"text":"\#(String(repeating: "x", count: 200_000))"}"#
    let model = TestModel(.call(("t_look", long)), .say("done"))
    _ = await rig.engine.ended(try rig.talk(model))
    let answer = try #require(await model.asked(2).request.messages.last?.text)
    #expect(
      answer.contains("The arguments have 200011 bytes, more than the 100 arguments may have.")
    )
  }

  @Test func `names and ids that a model made up are kept in the transcript as far as a name goes`()
    async throws
  {
    let rig = try looking()
    let long = String(repeating: "n", count: 100_000)
    let model = TestModel(
      .take(ModelTurn(calls: [RequestedCall(id: long, wireName: long, arguments: "{}")])),
      .say("done")
    )
    let talk = try rig.talk(model)
    _ = await rig.engine.ended(talk)
    let messages = try rig.conversation(talk).transcript.map(\.message)
    let asked = try #require(messages.flatMap(\.calls).first)
    #expect(asked.id.count == Limit.name.value && asked.wireName.count == Limit.name.value)
    #expect(messages.compactMap(\.answers).map(\.count) == [Limit.name.value])
    #expect(await model.asked(2).request.messages.flatMap(\.calls).map(\.id) == [long])
  }

  @Test func `arguments and results that are nested too deep are refused`() async throws {
    let rig = try looking()
    let deep = await rig.submit("look", ["a": nested(600)])
    #expect(deep.failure?.kind == .invalidArguments)
    #expect(deep.failure?.message.contains("nested deeper") == true)
    let answer = nested(600)
    let read = try Rig(TestFunction("look", .answer(answer)) { $0.effect = .read })
    #expect(await read.submit("look").failure?.kind == .invalidResult)
    let write = try Rig(TestFunction("pay", .answer(answer)))
    #expect(await write.submit("pay").value?["withheld"] == true)
  }

  @Test func `a name that a model made up is kept as far as a name goes`() async throws {
    let rig = try looking()
    let name = String(repeating: "n", count: 100_000)
    let submission = await rig.engine.submit(name, [:], by: agent)
    #expect(submission.failure?.kind == .unknownFunction)
    #expect(try rig.call(submission.id).function.count == Limit.name.value)
  }

  @Test func `errors, messages and error outputs are told as far as they are kept`() async throws {
    let long = String(repeating: "m", count: 100_000)
    let failure = CallFailure(
      .functionThrew,
      long,
      reach: .answered,
      details: (0..<1000).map {
        ValidationError(
          path: "/\($0)",
          keyword: "x",
          schemaPath: "/x",
          expected: "a",
          found: "b"
        )
      }
    )
    let rig = try Rig(
      TestFunction("look", .fail(failure)) {
        $0.effect = .read
        $0.retry.maxAttempts = 1
      }
    )
    let told = await rig.submit("look").failure
    #expect(told?.message.utf8.count == Limit.failure.value + 3)
    #expect(told?.details.count == Limit.details.value)
  }

  @Test func `a reason or evidence that is too long is refused, and the call stays`() async throws {
    let rig = try held(10)
    let id = await rig.submit("pay").id
    let reply = try await rig.deny(id, String(repeating: "r", count: Limit.remark.value + 1))
    #expect(reply.message.contains("shorten it"))
    #expect(rig.audited(id).count == 1)
    #expect(try rig.call(id).state == .awaitingApproval)
    let arguments: JSONValue = ["a": .string(String(repeating: "x", count: 2 << 20))]
    let edit = await rig.engine.perform(
      .edit(id, try rig.seen(id), arguments: arguments),
      by: maria
    )
    #expect(edit.message.contains("arguments are longer than"))
  }

  @Test func `a message that is too long is refused, first and later`() async throws {
    let rig = try looking { $0.maxMessageBytes = 10 }
    let model = TestModel(.hold)
    #expect(throws: ConfigurationMistake.self) {
      try rig.engine.start(
        ConversationRequest(
          title: "t",
          caller: agent,
          model: "test",
          messages: ["longer than ten"]
        ),
        model: model
      )
    }
    let talk = try rig.talk(model)
    let reply = await rig.engine.perform(.message(talk, "longer than ten"), by: maria)
    #expect(reply == .refused("a message of 15 bytes is longer than the 10 it may have"))
  }

  @Test func `a model's answer that is too long ends its conversation, and calls nothing`()
    async throws
  {
    let rig = try looking { $0.maxAnswerBytes = 1000 }
    let model = TestModel(
      .call(("t_look", #"{"a":"\#(String(repeating: "x", count: 1000))"}"#))
    )
    let talk = try rig.talk(model)
    guard case .failed(let why) = await rig.engine.ended(talk)?.state else {
      Issue.record("it went on")
      return
    }
    #expect(why.contains("more than the 1000 an answer may have"))
    #expect(rig.events.all.allSatisfy { $0.call == nil })
  }

  @Test func `a transcript that has grown too long ends its conversation with a sentence`()
    async throws
  {
    let rig = try looking()
    let text = String(repeating: "w", count: 400)
    let model = TestModel(.take(ModelTurn(text: text, calls: [look])), .say("more"))
    let talk = try rig.talk(model, limits: ConversationLimits(transcript: 300))
    guard case .failed(let why) = await rig.engine.ended(talk)?.state else {
      Issue.record("it went on")
      return
    }
    #expect(why.contains("its transcript has grown to"))
    #expect(model.count == 1)
  }

  private let look = RequestedCall(id: "1", wireName: "t_look", arguments: "{}")

  @Test func `more conversations than may live do not begin`() async throws {
    let rig = try looking { $0.conversations = 1 }
    let model = TestModel(.hold)
    _ = try rig.talk(model)
    let mistake = #expect(throws: ConfigurationMistake.self) { try rig.talk(model) }
    #expect(mistake?.message.contains("1 conversations live already") == true)
  }

  @Test func `every limit has a name of its own, a bound, and a consequence`() {
    #expect(Set(Limit.all.map(\.name)).count == Limit.all.count)
    #expect(Limit.all.allSatisfy { $0.value > 0 && !$0.beyond.isEmpty && !$0.unit.isEmpty })
    #expect(Limit.page.contains("| `limits.held` |"))
  }
}
