import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

/// What the audit log can tell of a call, because its events do.
@Suite(.timeLimit(.minutes(10)))
struct AuditEventTests {
  private func wire() -> TestFunction { TestFunction("wire", parameters: amounts) }

  private func event(_ rig: Rig, _ id: CallID, _ state: CallState.Word) throws -> EngineEvent {
    try #require(rig.events.all(of: id).last { $0.type == .call(state) })
  }

  @Test func `what was proposed stands on the receipt, without its secrets`() async throws {
    let rig = try Rig(wire())
    let submission = await rig.submit("wire", ["amount": 5, "password": "hunter2"])
    let received = try event(rig, submission.id, .received)
    #expect(received.proposed == ["amount": 5, "password": .string(Redactor.mark)])
    #expect(received.json["proposed"]?["amount"] == 5)
    #expect(received.excerpt == nil)
  }

  @Test func `large arguments are told by how they begin and by their digest`() async throws {
    let rig = try Rig(wire())
    let text = String(repeating: "€", count: 3000)
    let submission = await rig.submit("wire", ["amount": 5, "memo": .string(text)])
    for state in [CallState.Word.received, .running] {
      let event = try event(rig, submission.id, state)
      #expect(event.proposed == nil)
      #expect(event.value == nil)
      let excerpt = try #require(event.excerpt)
      #expect(excerpt.bytes == 9000 + #"{"amount":5,"memo":""}"#.utf8.count)
      #expect(excerpt.head.hasPrefix(#"{"amount":5,"memo":"€€"#))
      #expect(!excerpt.head.contains("\u{FFFD}"))
      #expect(excerpt.sha256.count == 64)
    }
  }

  @Test func `what was no JSON is told as it came`() async throws {
    let rig = try Rig(wire())
    let submission = await rig.engine.submit("t.wire", text: "{amount", by: agent)
    #expect(try event(rig, submission.id, .received).excerpt?.head == "{amount")
  }

  @Test func `the rule that let a call run stands where it was admitted`() async throws {
    let rig = try Rig(wire(), rules: [asking("other"), free])
    let submission = await rig.submit("wire", ["amount": 5])
    #expect(try event(rig, submission.id, .queued).rule == "rule 2: every call")
    #expect(try event(rig, submission.id, .running).rule == nil)
    #expect(try rig.call(submission.id).admissionRule == "rule 2: every call")
  }

  @Test func `the rule that nobody could be asked for stands on the denial`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire")]) { $0.isUnattended = true }
    let submission = await rig.submit("wire", ["amount": 5])
    #expect(try event(rig, submission.id, .denied).rule == "rule 1: t.wire")
  }

  @Test func `the definition that ran stands on the first attempt only`() async throws {
    let fails = TestFunction("reads", .fail(.notSent()), .answer("done")) { $0.effect = .read }
    let rig = try Rig(fails)
    let submission = rig.begin("reads")
    await rig.advance(by: .milliseconds(100)) { fails.executions == 2 }
    let id = await submission.value.id
    let running = rig.events.all(of: id).filter { $0.type == .call(.running) }
    #expect(running.count == 2)
    #expect(running.first?.definition == (try rig.call(id).definitionHash))
    #expect(running.last?.definition == nil)
  }

  @Test func `an approval names what was asked and what was seen`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire", approvers: 2)])
    let submission = await rig.submit("wire", ["amount": 5])
    let asked = try event(rig, submission.id, .awaitingApproval)
    let first = try rig.seen(submission.id)
    #expect(asked.digest == first.digest)
    #expect(asked.call?.revision == first.revision)
    #expect(asked.seen == nil)
    try await rig.approve(submission.id)
    #expect(try event(rig, submission.id, .awaitingApproval).seen == first)
    let second = try rig.seen(submission.id)
    try await rig.approve(submission.id, by: omar)
    let approved = try #require(
      rig.events.all(of: submission.id).first { $0.type == .call(.queued) }
    )
    #expect(approved.by == "omar")
    #expect(approved.seen == second)
  }

  @Test func `an edit names what it replaced, and what is asked now`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 5])
    let before = try rig.seen(submission.id)
    try await rig.edit(submission.id, ["amount": 6])
    let edited = try event(rig, submission.id, .awaitingApproval)
    #expect(edited.seen == before)
    #expect(edited.digest == (try rig.seen(submission.id).digest))
    #expect(edited.digest != before.digest)
    #expect(edited.value == ["amount": 6])
  }

  @Test func `a denial names what was seen`() async throws {
    let rig = try Rig(wire(), rules: [asking("wire")])
    let submission = await rig.submit("wire", ["amount": 5])
    let seen = try rig.seen(submission.id)
    try await rig.deny(submission.id, "no")
    #expect(try event(rig, submission.id, .denied).seen == seen)
  }

  @Test func `an event reads back as it was written`() throws {
    var event = EngineEvent(time: Date(timeIntervalSince1970: 1), type: .engine(.held), by: "anna")
    event.definition = "d"
    event.digest = "e"
    event.seen = Seen(revision: 3, digest: "f")
    event.proposed = ["a": 1]
    event.excerpt = try #require(
      EngineEvent([
        "v": 1, "seq": 1, "time": "1970-01-01T00:00:01Z", "type": "engine.held",
        "excerpt": ["head": "h", "bytes": 7, "sha256": "s"],
      ])?.excerpt
    )
    #expect(EngineEvent(event.json)?.json == event.json)
  }

  @Test func `a line that is written by hand is the event's JSON, byte for byte`() throws {
    func line(_ event: EngineEvent) -> String {
      var writer = StoredFormWriter()
      writer.write(event)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
    let moments = [
      -62_167_219_200.5, -1_000_000_000.9991, -0.0004, 0, 1, 1_795_343_467.9996, 1_795_343_468.25,
    ]
    for seconds in moments {
      let event = EngineEvent(time: Date(timeIntervalSince1970: seconds), type: .engine(.started))
      #expect(line(event) == event.json.serialized())
    }
    let full = try Self.full()
    #expect(line(full) == full.json.serialized())
    let links: [Call.Link] = [
      .again(CallID(Self.id)), .settles(CallID(Self.id)), .fallback(for: CallID(Self.id)),
      .checks(CallID(Self.id)),
    ]
    for link in links {
      var event = full
      event.call?.link = link
      #expect(line(event) == event.json.serialized())
    }
    for word in CallState.Word.allCases {
      var event = full
      event.type = .call(word)
      event.call?.state = word
      event.call?.attempt = nil
      event.failure?.pointer = nil
      #expect(line(event) == event.json.serialized())
    }
  }

  private static let id = UUIDv7(high: 0x0193_0000_0000_7000, low: 0x8000_0000_0000_0001)

  /// Everything that an event can have, with text that JSON has to escape.
  private static func full() throws -> EngineEvent {
    let text = "a \"quoted\" \\ text,\n\u{1}\u{7F}\u{2028} ü 🦉"
    let failure = CallFailure(.invalidArguments, text, pointer: "/" + text, reach: .notSent)
    var event = EngineEvent(
      time: Date(timeIntervalSince1970: 1_795_343_467.123),
      type: .call(.running),
      call: EngineEvent.CallPart(
        id: CallID(Self.id),
        function: "crm.find" + text,
        caller: text,
        conversation: ConversationID(Self.id),
        state: .running,
        attempt: 12,
        revision: 100,
        link: nil
      ),
      conversation: ConversationID(Self.id),
      function: text,
      model: EngineEvent.ModelPart(name: text, failure: .throttled),
      cause: text,
      by: text,
      rule: text,
      failure: failure,
      source: .hit,
      value: ["a": [1, 2.5, nil, true, .string(text)]]
    )
    event.seq = 9_007_199_254_740_993
    event.call?.step = StepPlace(run: RunID(Self.id), step: text, item: 7)
    event.run = RunID(Self.id)
    event.workflow = text
    event.grant = GrantID(Self.id)
    event.definition = text
    event.digest = text
    event.twin = CallID(Self.id)
    event.seen = Seen(revision: 3, digest: text)
    event.proposed = [:]
    event.excerpt = EngineEvent.Excerpt(of: Array(String(repeating: text, count: 100).utf8))
    event.errorOutput = text
    return event
  }
}
