import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

/// A provider whose attempts have written something beside their results.
private final class TalkingProvider: FunctionProvider {
  private let base: NativeProvider
  private let outputs = Mutex<[Int: String]>([:])

  init(_ base: NativeProvider) { self.base = base }

  var namespace: String { base.namespace }
  var identity: String { base.identity }
  var summary: String { base.summary }
  var functions: [FunctionDefinition] { base.functions }

  func write(_ text: String, in attempt: Int = 1) {
    outputs.withLock { $0[attempt] = text }
  }

  func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
    try await base.invoke(invocation)
  }

  func errorOutput(of call: CallID, attempt: Int) -> String? {
    outputs.withLock { $0[attempt] }
  }
}

@Suite(.timeLimit(.minutes(10)))
struct ErrorOutputTests {
  private func bench(_ function: TestFunction) throws -> (rig: Rig, provider: TalkingProvider) {
    let made = Mutex<TalkingProvider?>(nil)
    let rig = try Rig(
      all: [function],
      wrap: { base in
        let provider = TalkingProvider(base)
        made.withLock { $0 = provider }
        return provider
      }
    )
    return (rig, try #require(made.withLock { $0 }))
  }

  @Test func `a call that succeeded keeps it, and its event tells it`() async throws {
    let (rig, provider) = try bench(TestFunction("look", .answer(1)) { $0.effect = .read })
    provider.write("warning: slow")
    let submission = await rig.submit("look")
    #expect(submission.value == 1)
    #expect(try rig.call(submission.id).errorOutput(of: 1) == "warning: slow")
    let event = try #require(rig.events.all(of: submission.id).last)
    #expect(event.type == .call(.succeeded))
    #expect(event.json["stderr"] == "warning: slow")
  }

  @Test func `a call without any has none, and neither have its events`() async throws {
    let rig = try Rig(TestFunction("look", .answer(1)) { $0.effect = .read })
    let submission = await rig.submit("look")
    #expect(try rig.call(submission.id).errorOutput(of: 1) == nil)
    #expect(rig.events.all(of: submission.id).allSatisfy { $0.json["stderr"] == nil })
  }

  @Test func `a call that timed out tells it, and each attempt keeps its own`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { definition in
      definition.effect = .read
      definition.timeout = .seconds(10)
      definition.retry = RetryPolicy(maxAttempts: 2)
    }
    let (rig, provider) = try bench(look)
    let submission = rig.begin("look")
    let first = await look.attempt(1)
    provider.write("connecting")
    rig.clock.advance(by: .seconds(10))
    let failed = await rig.events.wait(for: .backingOff, of: first.id)
    #expect(failed.failure?.kind == .timeout)
    #expect(failed.errorOutput == "connecting")
    provider.write("still connecting", in: 2)
    rig.clock.advance(by: .seconds(30))
    _ = await look.attempt(2)
    rig.clock.advance(by: .seconds(10))
    #expect(await submission.value.failure?.kind == .timeout)
    #expect(
      rig.events.all(of: first.id).last { $0.type == .call(.failed) }?.errorOutput
        == "still connecting"
    )
    let call = try rig.call(first.id)
    #expect(call.errorOutput(of: 1) == "connecting")
    #expect(call.errorOutput(of: 2) == "still connecting")
  }

  @Test func `a call that was cancelled tells it`() async throws {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) { $0.effect = .read }
    let (rig, provider) = try bench(look)
    let submission = rig.begin("look")
    let attempt = await look.attempt(1)
    provider.write("half way")
    #expect(await rig.cancel(attempt.id).isDone)
    #expect(await submission.value.failure?.kind == .cancelled)
    #expect(try rig.call(attempt.id).errorOutput(of: 1) == "half way")
    #expect(rig.events.all(of: attempt.id).last?.errorOutput == "half way")
  }

  @Test func `a write of unknown outcome tells it, and what it says later is an event`()
    async throws
  {
    let wire = TestFunction("wire", .ignoreCancellation) { $0.timeout = .seconds(30) }
    let (rig, provider) = try bench(wire)
    let submission = rig.begin("wire")
    let attempt = await wire.attempt(1)
    provider.write("sending")
    rig.clock.advance(by: .seconds(30))
    let unknown = await rig.events.wait(for: .unknown, of: attempt.id)
    #expect(unknown.errorOutput == "sending")
    _ = await submission.value
    provider.write("sending\nsent")
    attempt.fail(CallFailure(.programFailed, "it exited with status 3", reach: .answered))
    let late = await rig.events.wait(for: .engine(.lateResult))
    #expect(late.call?.id == attempt.id)
    #expect(late.cause == "attempt 1 ended after it was over")
    #expect(late.failure?.kind == .programFailed)
    #expect(late.errorOutput == "sending\nsent")
    #expect(try rig.call(attempt.id).errorOutput(of: 1) == "sending\nsent")
  }

  @Test func `secrets are taken out of it, and models are not told`() async throws {
    let look = TestFunction("look", .answer(1)) { definition in
      definition.effect = .read
      definition.secrets = ["code"]
    }
    let (rig, provider) = try bench(look)
    provider.write("code s3same-0pen refused, Authorization: Bearer abcdefghijklmnop0123456789")
    let model = TestModel(.call(("t_look", #"{"code":"s3same-0pen"}"#)), .say("thanks"))
    let talk = try rig.talk(model)
    _ = await rig.engine.ended(talk)
    let id = try #require(rig.events.all.compactMap(\.call?.id).first)
    let text = try #require(try rig.call(id).errorOutput(of: 1))
    #expect(text.hasPrefix("code \(Redactor.mark) refused"))
    #expect(!text.contains("abcdefghijklmnop"))
    #expect(await model.asked(2).answers == ["1"])
  }

  @Test func `an event tells no more than the end of it`() async throws {
    let (rig, provider) = try bench(TestFunction("look", .answer(1)) { $0.effect = .read })
    provider.write(String(repeating: "ä", count: 4000) + "end")
    let submission = await rig.submit("look")
    let told = try #require(rig.events.all(of: submission.id).last?.errorOutput)
    #expect(told.hasPrefix("…ä") && told.hasSuffix("äend"))
    #expect((2000...2051).contains(told.utf8.count))
    #expect(try rig.call(submission.id).errorOutput(of: 1)?.utf8.count == 8003)
  }
}
