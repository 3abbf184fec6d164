import Callboard
import CallboardTesting
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(10)))
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

  /// As an HTTP API that answers 200 with a text, or a program that ends well and writes too much.
  @Test(arguments: [CallFailure.Kind.invalidResult, .resultTooBig])
  func `a write whose answer its provider can't use was done all the same`(
    _ kind: CallFailure.Kind
  ) async throws {
    let refused = CallFailure(kind, "It answered OK, which is not JSON.", reach: .answered)
    let wire = TestFunction("wire", .fail(refused))
    let rig = try Rig(wire)
    let submission = await rig.submit("wire")
    #expect(rig.events.states(of: submission.id).last == .succeeded)
    #expect(submission.value?["withheld"] == true)
    #expect(submission.value?["reason"] == "It answered OK, which is not JSON.")

    let look = TestFunction("look", .fail(refused), .answer(1)) { $0.effect = .read }
    #expect(await (try Rig(look)).submit("look").failure?.kind == kind)
    #expect(look.executions == 1)
  }

  @Test func `a write in Swift whose result can't be written as JSON was done all the same`()
    async throws
  {
    struct Endless: Codable, Sendable { var amount = Double.infinity }
    let function = NativeFunction(
      "pay",
      "Pays.",
      parameters: ["type": "object"],
      configure: { $0.failsCleanly = true },
      handler: { (_: [String: Int]) in Endless() }
    )
    let rig = try Rig(native: [function])
    let submission = await rig.submit("pay")
    #expect(submission.value?["withheld"] == true)
  }

  @Test func `a result just within its limit passes`() async throws {
    let text = String(repeating: "x", count: 100 - #"{"price":1,"text":""}"#.utf8.count)
    let answer: JSONValue = ["price": 1, "text": .string(text)]
    #expect(answer.serializedBytes().count == 100)
    let rig = try Rig(function(.read, answer))
    #expect(await rig.submit("job").value == answer)
  }
}
