import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What stood in a secret field is hidden wherever it stands again.
@Suite(.timeLimit(.minutes(10)))
struct EchoedSecretsTests {
  private let mark = JSONValue.string(Redactor.mark)

  private func read(_ name: String, _ plan: TestFunction.Behaviour...) -> TestFunction {
    TestFunction(name, all: plan) { $0.effect = .read }
  }

  @Test func `a secret argument is hidden in the other arguments, and in the result`() async throws
  {
    let rig = try Rig(read("look", .answer("the token is hunter2-x")))
    let id = await rig.submit("look", ["password": "hunter2-x", "note": "it is hunter2-x"]).id
    let call = try rig.call(id)
    #expect(
      call.decided?.shown == ["password": mark, "note": .string("it is \(Redactor.mark)")]
    )
    #expect(call.outcome?.value?.shown == .string("the token is \(Redactor.mark)"))
    #expect(rig.events.all(of: id).allSatisfy { !"\($0.json)".contains("hunter2-x") })
  }

  @Test func `the function and its caller get what was given and answered`() async throws {
    let look = read("look", .echo)
    let rig = try Rig(look)
    let arguments: JSONValue = ["password": "hunter2-x", "note": "it is hunter2-x"]
    #expect(await rig.submit("look", arguments).value == arguments)
    #expect(look.invocations.map(\.arguments) == [arguments])
  }

  @Test func `a secret of a result is hidden in the arguments that were proposed with it`()
    async throws
  {
    let rig = try Rig(read("look", .answer(["password": "hunter2-x"])))
    let id = await rig.submit("look", ["guess": "hunter2-x"]).id
    #expect(try rig.call(id).proposed?.shown == ["guess": mark])
  }

  @Test func `a result that does not fit quotes no secret argument`() async throws {
    let look = TestFunction("look", .answer(["pw": "hunter2-x"])) {
      $0.effect = .read
      $0.resultSchema = ["properties": ["pw": ["maxLength": 3]]]
    }
    let rig = try Rig(look)
    let failure = await rig.submit("look", ["password": "hunter2-x"]).failure
    #expect(failure?.kind == .invalidResult)
    #expect(failure?.message.contains("hunter2") == false, "\(failure?.message ?? "")")
  }

  @Test func `errors of arguments quote no secret that stands in another one`() async throws {
    let look = TestFunction("look", parameters: ["properties": ["n": ["type": "integer"]]]) {
      $0.effect = .read
    }
    let rig = try Rig(look)
    let failure = await rig.submit("look", ["password": "hunter2-x", "n": "hunter2-x"]).failure
    #expect(failure?.kind == .invalidArguments)
    #expect(failure?.message.contains("hunter2") == false, "\(failure?.message ?? "")")
  }

  @Test func `what a call of a conversation hides is hidden in its later calls`() async throws {
    let login = read("login", .answer(["password": "hunter2-x", "user": "joe"]))
    let use = read("use", .echo)
    let rig = try Rig(login, use)
    let model = TestModel(
      .call(("t_login", "{}")),
      .call(("t_use", #"{"memo":"with hunter2-x","hunter2-x":1,"other":"joe"}"#)),
      .call(("hunter2-x", "{}")),
      .say("It was hunter2-x.")
    )
    let talk = try rig.talk(model)
    _ = await rig.engine.ended(talk)
    let id = try #require(
      rig.events.all.last { $0.type == .call(.succeeded) && $0.call?.function == "t.use" }?.call?.id
    )
    let shown: JSONValue = [
      "memo": .string("with \(Redactor.mark)"), .init(Redactor.mark): 1, "other": "joe",
    ]
    #expect(try rig.call(id).decided?.shown == shown)
    #expect(try rig.call(id).outcome?.value?.shown == shown)
    let transcript = try JSONValue(encoding: rig.conversation(talk).transcript).serialized()
    #expect(!transcript.contains("hunter2"), "\(transcript)")
    #expect(use.invocations.first?.arguments["memo"] == "with hunter2-x")
    #expect(await model.asked(3).request.messages.last?.text?.contains("hunter2-x") == true)
    #expect(rig.events.all.last { $0.type == .call(.rejected) }?.call?.function == Redactor.mark)
  }

  @Test func `what one call of a turn hides is hidden in those beside it`() async throws {
    let rig = try Rig(read("use", .echo, .echo))
    let model = TestModel(
      .call(("t_use", #"{"memo":"hunter2-x"}"#), ("t_use", #"{"password":"hunter2-x"}"#)),
      .say("done")
    )
    _ = await rig.engine.ended(try rig.talk(model))
    #expect(rig.events.all.allSatisfy { !"\($0.json)".contains("hunter2-x") })
  }

  @Test func `what a message of a conversation hides is hidden in its calls`() async throws {
    let rig = try Rig(read("use", .echo))
    let model = TestModel(.call(("t_use", #"{"memo":"hunter2-x"}"#)), .say("done"))
    let talk = try rig.engine.start(
      ConversationRequest(
        title: "a talk",
        caller: agent,
        model: model.name,
        messages: ["log in with password=hunter2-x"]
      ),
      model: model
    )
    _ = await rig.engine.ended(talk)
    #expect(rig.events.all.allSatisfy { !"\($0.json)".contains("hunter2-x") })
  }

  @Test func `a fallback hides what the call hides that it stands in for`() async throws {
    let other = read("other", .answer("it was hunter2-x"))
    let name = try #require(FunctionName("t.other"))
    let failure = CallFailure(.serverError, "it said no", reach: .answered)
    let look = TestFunction("look", .fail(failure)) {
      $0.effect = .read
      $0.retry.maxAttempts = 1
      $0.secrets = ["floor"]
      $0.fallback = .function(name)
    }
    let rig = try Rig(look, other)
    let submission = await rig.submit("look", ["floor": "hunter2-x"])
    #expect(submission.value == "it was hunter2-x")
    #expect(rig.events.all.allSatisfy { !"\($0.json)".contains("hunter2-x") })
  }

  @Test func `a rehearsal shows no secret, also where it stands twice`() throws {
    let rig = try Rig(read("look"))
    let rehearsal = rig.engine.rehearse(
      "t.look",
      ["password": "hunter2-x", "note": "hunter2-x"],
      by: agent
    )
    guard case .runs(let arguments) = rehearsal else {
      Issue.record("\(rehearsal)")
      return
    }
    #expect(arguments == ["password": mark, "note": mark])
  }
}
