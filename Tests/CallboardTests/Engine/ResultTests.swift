import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ResultTests {
  private func function(_ effect: FunctionEffect, _ answer: JSONValue) -> TestFunction {
    TestFunction("job", .answer(answer)) { definition in
      definition.effect = effect
      definition.maxResultBytes = 100
      definition.resultSchema = ["type": "object", "required": ["price"]]
    }
  }

  static let large: JSONValue = ["price": 1, "text": .string(String(repeating: "x", count: 200))]

  @Test(arguments: [FunctionEffect.read, .idempotent])
  func `a result that is too big or invalid fails a call that changed nothing twice`(
    _ effect: FunctionEffect
  ) async throws {
    let big = function(effect, Self.large)
    let submission = await (try Rig(big)).submit("job")
    #expect(submission.failure?.kind == .resultTooBig)
    #expect(big.executions == 1)

    let wrong = await (try Rig(function(effect, ["cost": 1]))).submit("job")
    #expect(wrong.failure?.kind == .invalidResult)
    #expect(wrong.failure?.message.contains("price") == true)
  }

  @Test(arguments: [large, ["cost": 1]] as [JSONValue])
  func `of a write that was done only the result is withheld`(_ answer: JSONValue) async throws {
    let rig = try Rig(function(.write, answer))
    let submission = await rig.submit("job")
    #expect(submission.outcome?.source == .attempt)
    #expect(submission.value?["withheld"] == true)
    #expect(submission.value?["reason"]?.stringValue?.isEmpty == false)
    #expect(rig.events.states(of: submission.id).last == .succeeded)
  }

  @Test func `a result just within its limit passes`() async throws {
    let text = String(repeating: "x", count: 100 - #"{"price":1,"text":""}"#.utf8.count)
    let answer: JSONValue = ["price": 1, "text": .string(text)]
    #expect(answer.serializedBytes().count == 100)
    let rig = try Rig(function(.read, answer))
    #expect(await rig.submit("job").value == answer)
  }
}
