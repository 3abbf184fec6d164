import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What a store writes of a call by hand is what the call says of itself.
struct StoredFormTests {
  private func again(_ call: Call) throws -> (JSONValue, JSONValue) {
    let text = String(decoding: try call.storedForm(), as: UTF8.self)
    let read = try JSONValue(parsing: text).decode(as: Call.self)
    return (try JSONValue(encoding: read), try JSONValue(encoding: call))
  }

  @Test(arguments: EveryPairTests.Place.allCases, FunctionEffect.allCases)
  func `a call in any state is read as it was written`(
    _ place: EveryPairTests.Place,
    _ effect: FunctionEffect
  ) throws {
    guard var call = try place.situation(effect)?.call else { return }
    call.redact(Redactor(), nil)
    let (read, written) = try again(call)
    #expect(read == written)
  }

  @Test(arguments: [
    0, 0.5, 1_795_341_600.123, 1_795_341_600.123456, 1_795_341_600.999_999_9, -1.25,
  ])
  func `its dates come back`(_ seconds: Double) throws {
    let call = Call(
      id: CallID(UUIDv7(at: Situation.start, sequence: 1, random: 1)),
      function: "t.f “quoted” \"x\"\n",
      caller: Principal(name: "änna", uid: 7, roles: [.caller], isShared: true),
      conversation: ConversationID(UUIDv7(at: Situation.start, sequence: 2, random: 2)),
      turn: 3,
      modelCallID: "call_1",
      link: .again(CallID(UUIDv7(at: Situation.start, sequence: 3, random: 3))),
      requestedBy: .operator("maria"),
      receivedAt: Date(timeIntervalSince1970: seconds),
      idempotencyKey: "k",
      proposed: nil,
      unparsed: "{"
    )
    let (read, written) = try again(call)
    #expect(read == written)
  }

  @Test(arguments: [nil, 3]) func `a call of a run says which step of it`(_ item: Int?) throws {
    let run = RunID(UUIDv7(at: Situation.start, sequence: 4, random: 4))
    var call = Call(
      Call.Origin(
        id: CallID(UUIDv7(at: Situation.start, sequence: 1, random: 1)),
        function: "t.f",
        caller: .caller("agent"),
        conversation: nil,
        turn: nil,
        modelCallID: nil,
        link: nil,
        requestedBy: nil,
        receivedAt: Situation.start,
        idempotencyKey: .given("k"),
        step: StepPlace(run: run, step: "offer", item: item)
      ),
      proposed: [:],
      unparsed: nil
    )
    call.redact(Redactor(), nil)
    let (read, written) = try again(call)
    #expect(read == written)
    #expect(read["origin"]?["value"]?["step"]?["step"] == "offer")
  }

  @Test func `a run in any state is read as it was written`() throws {
    var random = SeededGenerator(seed: 5)
    let workflow = try Workflow(dueDiligence)
    let failure = CallFailure(.timeout, "no answer within “5” s", reach: .maybe)
    let states: [WorkflowRun.State] = [
      .running, .stopping(.failed("why")), .stopping(.cancelled), .succeeded, .failed("x"),
      .cancelled,
    ]
    let items: [WorkflowRun.ItemState] = [
      .waiting, .open, .succeeded(Payload(["a": "b"])), .fellBack(Payload(7), failure),
      .failed(failure),
    ]
    let steps: [WorkflowRun.StepState] = [
      .waiting, .running, .succeeded, .skipped("its condition"), .failed(failure),
    ]
    let call = CallID(UUIDv7(at: Situation.start, sequence: 1, random: 1))
    let talk = ConversationID(UUIDv7(at: Situation.start, sequence: 2, random: 2))
    let start = Situation.start + 0.123_456_7
    var times = [nil, start, start - 3, start + 5e9]
    for _ in 1...20 { times.append(start + Double.random(in: 0...1e6, using: &random)) }
    for state in states {
      var run = WorkflowRun(
        id: RunID(UUIDv7(at: Situation.start, sequence: 3, random: 3)),
        workflow: workflow,
        input: ["address": "a \"quoted\" street"],
        caller: Principal(name: "änna", uid: 7, roles: [.caller], isShared: true),
        startedAt: start
      )
      run.state = state
      for index in run.steps.indices {
        run.steps[index].state = steps.randomElement(using: &random) ?? .waiting
        run.steps[index].items = items.shuffled(using: &random).map { state in
          WorkflowRun.Item(
            state: state,
            work: [.call(call), .conversation(talk), nil].randomElement(using: &random) ?? nil,
            startedAt: times.randomElement(using: &random) ?? nil,
            endedAt: times.randomElement(using: &random) ?? nil,
            isTimedOut: Bool.random(using: &random)
          )
        }
        run.steps[index].startedAt = times.randomElement(using: &random) ?? nil
        run.steps[index].endedAt = times.randomElement(using: &random) ?? nil
      }
      run.output = state == .succeeded ? Payload(["done": true]) : nil
      run.endedAt = state.word.isLive ? nil : start + 2
      run.lastActivity = start + 1.987_654_3
      run.people.append(.operator("maria"))
      run.redact(Redactor())
      let written = try JSONValue(encoding: run)
      let stored = try JSONValue(parsing: String(decoding: try run.storedForm(), as: UTF8.self))
      // Stores of before have what `Codable` writes.
      for form in [stored, written] {
        let read = try WorkflowRun(storedForm: form, of: workflow.document)
        #expect(try JSONValue(encoding: read) == written)
      }
    }
  }
}
