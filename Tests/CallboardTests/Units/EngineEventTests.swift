import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct EngineEventTests {
  let time = Date(timeIntervalSince1970: 1_795_343_467.412)

  @Test func `an event is one line of JSON, with its parts in a fixed order`() throws {
    let id = "01977a3e-0000-7000-8000-0000001f002a"
    let conversation = "01977a3e-0000-7000-8000-00000000002a"
    var event = EngineEvent(
      time: time,
      type: .call(.awaitingApproval),
      call: EngineEvent.CallPart(
        id: try #require(CallID(id)),
        function: "payments.send_wire",
        caller: "agent-1",
        conversation: ConversationID(conversation),
        state: .awaitingApproval,
        attempt: nil,
        revision: 1,
        link: nil
      ),
      cause: "held by rule 1",
      by: "maria",
      rule: "rule 1",
      value: ["amount": 5]
    )
    event.seq = 412
    #expect(
      event.json.serialized()
        == #"{"v":1,"seq":412,"time":"2026-11-22T10:31:07.412Z","type":"call.awaiting_approval","#
        + #""call":{"id":"\#(id)","function":"payments.send_wire","caller":"agent-1","#
        + #""conversation":"\#(conversation)","state":"awaiting_approval","revision":1},"#
        + #""cause":"held by rule 1","by":"maria","rule":"rule 1","value":{"amount":5}}"#
    )
  }

  @Test func `a failure carries kind, message, reach and place`() {
    let event = EngineEvent(
      time: time,
      type: .call(.rejected),
      failure: CallFailure(.invalidArguments, "too small", pointer: "/amount")
    )
    #expect(
      event.json["failure"]
        == [
          "kind": "invalid_arguments", "message": "too small", "reach": "not_sent",
          "pointer": "/amount",
        ]
    )
  }

  @Test func `attempt, source and link are there where they mean something`() throws {
    let other = CallID(UUIDv7(high: 1, low: 1))
    func part(_ link: Call.Link) -> EngineEvent.CallPart {
      EngineEvent.CallPart(
        id: other,
        function: "f.a",
        caller: "c",
        conversation: nil,
        state: .succeeded,
        attempt: 2,
        revision: 5,
        link: link
      )
    }
    let links: [(Call.Link, String)] = [
      (.again(other), "again"), (.settles(other), "settles"),
      (.fallback(for: other), "fallback_for"),
    ]
    for (link, key) in links {
      let event = EngineEvent(
        time: time,
        type: .call(.succeeded),
        call: part(link),
        source: .degraded
      )
      #expect(event.json["call"]?[key] == .string(other.description))
      #expect(event.json["call"]?["attempt"] == 2)
      #expect(event.json["source"] == "degraded")
    }
    let plain = EngineEvent(time: time, type: .engine(.held))
    #expect(plain.json.objectValue?.keys == ["v", "seq", "time", "type"])
  }

  @Test(arguments: [
    (EngineEvent.Kind.call(.backingOff), "call.backing_off"),
    (.function(.cacheCleared), "function.cache_cleared"),
    (.breaker(.halfOpen), "breaker.half_open"),
    (.engine(.decisionRefused), "engine.decision_refused"),
    (.engine(.lateResult), "engine.late_result"), (.function(.off), "function.off"),
    (.model(.retrying), "model.retrying"),
  ])
  func `types are a family, a dot and a word`(kind: EngineEvent.Kind, text: String) {
    #expect(kind.text == text)
  }

  @Test func `each step of a call is one event, with the revision it made`() throws {
    var it = try Situation.awaiting()
    try it.approve(by: Situation.maria)
    try it.on(.start(digest: Situation.digest))
    try it.on(.attemptSucceeded(attempt: 1, ["id": 7]))
    it.call.redact(Redactor(), nil)
    let events = CallSteps(of: CallRecord(it.call), after: 0).events
    #expect(
      events.map(\.type.text)
        == [
          "call.received", "call.awaiting_approval", "call.queued", "call.running",
          "call.succeeded",
        ]
    )
    #expect(events.map { $0.call?.revision } == [0, 1, 2, 3, 4])
    #expect(events.map { $0.call?.attempt } == [nil, nil, 1, 1, nil])
    #expect(events.map(\.by) == [nil, nil, "maria", nil, nil])
    #expect(events[1].rule == "rule 1: payments.*")
    #expect(events[4].source == .attempt)
    #expect(events[4].value == ["id": 7])
    #expect(CallSteps(of: CallRecord(it.call), after: 3).events.count == 2)
  }
}
