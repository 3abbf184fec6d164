import Foundation
import JSONSchema

@testable import Callboard

/// A small office that sells houses, as hand-made values of one moment.
enum Fixture {
  /// 2026-11-22 14:02:11 UTC.
  static let now = Date(timeIntervalSince1970: 1_795_356_131)

  static func callID(_ number: Int) -> CallID {
    CallID(UUIDv7(high: 0x0192_0000_0000_7000, low: 0x8000_0000_0000_0000 + UInt64(number)))
  }

  static func conversationID(_ number: Int) -> ConversationID {
    ConversationID(UUIDv7(high: 0x0193_0000_0000_7000, low: 0x8000_0000_0000_0000 + UInt64(number)))
  }

  static let maria = Principal.operator("maria", uid: 1000)

  /// A call as a door shows it; what matters to a test is changed afterwards.
  static func call(
    _ number: Int,
    _ function: String = "payments.send_wire",
    state: CallState = .awaitingApproval,
    arguments: JSONValue = ["amount": 25000, "currency": "USD"],
    caller: String = "agent-7",
    ago: TimeInterval = 139,
    effect: FunctionEffect = .write
  ) -> CallDetail {
    let received = now.addingTimeInterval(-ago)
    var call = Call(
      id: callID(number),
      function: function,
      caller: .caller(caller),
      conversation: conversationID(number % 4),
      turn: 6,
      receivedAt: received,
      idempotencyKey: "key-\(number)",
      proposed: arguments
    )
    call.decided = Payload(arguments)
    call.state = state
    call.revision = 2
    call.history = [
      Call.Step(
        at: received,
        state: .received,
        attempt: nil,
        cause: "asked for by the model",
        by: nil
      ),
      Call.Step(
        at: received.addingTimeInterval(0.1),
        state: state.word,
        attempt: state.attempt,
        cause: "as it came",
        by: nil
      ),
    ]
    var row = CallRow(
      id: call.id,
      function: function,
      caller: caller,
      state: state.word,
      receivedAt: received,
      since: received.addingTimeInterval(0.1),
      summary: arguments.serialized(),
      revision: 2
    )
    row.conversation = call.conversation
    row.conversationTitle = "Closing on 12 Oak St"
    row.effect = effect
    row.attempt = state.attempt
    if state.word == .awaitingApproval {
      row.digest = "digest-\(number)-2"
      row.rule = "rule 2: payments.* when amount > 1000"
      row.approvalsNeeded = 1
      row.expiresAt = received.addingTimeInterval(900)
    }
    if state.word.isEnded {
      row.duration = 0.184
      call.endedAt = now.addingTimeInterval(-ago + 1)
    }
    var detail = CallDetail(row: row, call: call)
    detail.functionDescription = "Sends money by wire transfer."
    detail.argumentOrder = arguments.objectValue?.keys ?? []
    detail.timeout = 30
    return detail
  }

  static func runID(_ number: Int) -> RunID {
    RunID(UUIDv7(high: 0x0193_0000_0000_7000, low: 0x9000_0000_0000_0000 + UInt64(number)))
  }

  /// A run of the guide's example: its market was not to be had, and its offer waits or was never made.
  static func run(
    _ number: Int,
    state: WorkflowRun.Word,
    doing: String,
    needsPerson: Bool = false
  ) -> RunDetail {
    let isOver = !state.isLive
    func step(
      _ id: String,
      _ does: String,
      _ state: WorkflowRun.StepWord,
      after needs: [String] = [],
      why: String? = nil,
      seconds: Double?,
      calls: [CallRow] = []
    ) -> RunDetail.StepRow {
      RunDetail.StepRow(
        id: id,
        needs: needs,
        does: does,
        isRequired: id != "market",
        state: state,
        why: why,
        startedAt: seconds.map { _ in now.addingTimeInterval(-90) },
        endedAt: seconds.map { now.addingTimeInterval(-90 + $0) },
        items: nil,
        calls: calls,
        conversations: []
      )
    }
    let row = RunRow(
      id: runID(number),
      workflow: "due-diligence",
      caller: "agent-1",
      state: state,
      doing: doing,
      done: 3,
      steps: 4,
      needsPerson: needsPerson,
      startedAt: now.addingTimeInterval(-90),
      endedAt: isOver ? now.addingTimeInterval(-80) : nil,
      lastActivity: now.addingTimeInterval(isOver ? -80 : -12),
      retries: number - 1,
      revision: 4
    )
    return RunDetail(
      row: row,
      input: ["address": "12 Oak St", "ask": 450_000],
      output: nil,
      failure: isOver ? doing : nil,
      steps: [
        step("validate", "properties.validate", .succeeded, seconds: 0.4),
        step(
          "market",
          "market.analyse",
          .failed,
          after: ["validate"],
          why: "The market feed answered 503 Service Unavailable.",
          seconds: 6
        ),
        step(
          "compliance",
          "compliance.check",
          isOver ? .failed : .succeeded,
          after: ["validate"],
          why: isOver ? "the register is closed" : nil,
          seconds: 2
        ),
        step(
          "offer",
          "offers.submit",
          isOver ? .waiting : .running,
          after: ["market", "compliance"],
          seconds: nil,
          calls: isOver ? [] : [call(2, "offers.submit").row]
        ),
      ]
    )
  }

  static func conversation(
    _ number: Int,
    _ title: String,
    state: Conversation.Word,
    doing: String
  )
    -> ConversationDetail
  {
    let row = ConversationRow(
      id: conversationID(number),
      title: title,
      caller: "agent-\(number)",
      model: "scripted",
      state: state,
      doing: doing,
      turns: 6,
      calls: 4,
      tokens: 8412,
      startedAt: now.addingTimeInterval(-400),
      lastActivity: now.addingTimeInterval(-2)
    )
    let ask = RequestedCall(id: "m1", wireName: "pricing_quote", arguments: "{\"house\":12}")
    return ConversationDetail(
      row: row,
      transcript: [
        TranscriptEntry(
          at: now.addingTimeInterval(-400),
          turn: 1,
          message: Message(
            .user,
            "Please close on 12 Oak St.\nPay the earnest money.",
            author: "anna"
          )
        ),
        TranscriptEntry(
          at: now.addingTimeInterval(-390),
          turn: 5,
          message: Message(.assistant, "I ask for the price first.", calls: [ask])
        ),
        TranscriptEntry(
          at: now.addingTimeInterval(-380),
          turn: 5,
          message: Message(.tool, "{\"quote\": 25000}", answers: "m1")
        ),
      ],
      writing: state == .thinking ? "The house at" : nil
    )
  }

  static func function(
    _ name: String,
    effect: FunctionEffect = .read,
    isOn: Bool = true
  )
    -> FunctionDetail
  {
    let namespace = String(name.prefix { $0 != "." })
    var row = FunctionRow(
      name: name,
      provider: namespace,
      wireName: name.replacing(".", with: "_"),
      description: "Does what its name says.",
      effect: effect,
      isOn: isOn
    )
    row.calls = 911
    row.errors = 17
    row.p50 = 0.4
    row.p95 = 1.9
    if !isOn { row.switched = Switched(by: "anna", at: now.addingTimeInterval(-130)) }
    if effect == .read {
      row.isCached = true
      row.cacheHits = 81
      row.cacheLookups = 100
    } else {
      row.rule = "rule 2: payments.* when amount > 1000"
    }
    return FunctionDetail(
      row: row,
      parameters: ["type": "object", "properties": ["amount": ["type": "integer"]]],
      definitionHash: "3f9a2c",
      policies: [FunctionDetail.Policy(name: "time limit", value: "30 s")]
    )
  }

  static var office: FakeDoor.State {
    var header = Header(name: "realestate", store: "memory", now: now)
    header.waiting = 2
    header.unknown = 1
    header.running = 1
    header.queued = 1
    header.live = 5
    header.recentErrors = 7
    header.cacheHits = 63
    header.cacheLookups = 100
    header.p95 = 0.184
    header.calls = 1204
    var state = FakeDoor.State(header: header)
    var failed = call(
      9,
      "crm.find",
      state: .failed,
      arguments: ["name": "Ada"],
      ago: 700,
      effect: .read
    )
    failed.row.failure = .connectionFailed
    state.calls = [
      call(1),
      call(
        2,
        "offers.submit",
        arguments: ["price": 410_000, "house": "12 Oak St"],
        caller: "agent-1",
        ago: 65
      ),
      call(3, state: .unknown(attempt: 1), ago: 240),
      call(
        4,
        "market.analyse",
        state: .running(attempt: 1, child: nil),
        arguments: ["zip": "60311"],
        ago: 1.2,
        effect: .read
      ),
      call(
        5,
        "compliance.check",
        state: .queued(attempt: 1, joined: nil),
        arguments: ["deal": 12],
        ago: 3,
        effect: .read
      ),
      call(
        8,
        "properties.search",
        state: .succeeded,
        arguments: ["city": "Mitte"],
        ago: 90,
        effect: .read
      ),
      failed,
    ]
    state.runs = [
      run(1, state: .running, doing: "waiting for you", needsPerson: true),
      run(2, state: .failed, doing: "step compliance failed: the register is closed"),
    ]
    state.conversations = [
      conversation(1, "Closing on 12 Oak St", state: .calling, doing: "waiting for you"),
      conversation(2, "Flats under 300k, Mitte", state: .thinking, doing: "model writing"),
      conversation(3, "Market in 60311", state: .finished, doing: "finished"),
    ]
    state.functions = [
      function("crm.find", isOn: false),
      function("market.analyse"),
      function("payments.send_wire", effect: .write),
    ]
    var crm = ProviderRow(
      namespace: "crm",
      summary: "http https://crm.example",
      state: "down",
      functions: 1,
      isOn: true
    )
    crm.since = now.addingTimeInterval(-240)
    crm.lastError = "connection refused"
    state.providers = [
      crm,
      ProviderRow(namespace: "market", summary: "native", state: "up", functions: 1, isOn: true),
      ProviderRow(namespace: "payments", summary: "native", state: "up", functions: 1, isOn: true),
    ]
    state.errors = [
      ErrorRow(
        function: "crm.find",
        kind: .connectionFailed,
        count: 12,
        recent: 7,
        first: now.addingTimeInterval(-3000),
        last: now.addingTimeInterval(-20),
        conversations: 3,
        heard: "connection refused; try again later",
        sample: callID(9)
      )
    ]
    state.callsPerSecond = (0..<60).map { Double($0 % 12) }
    state.errorsPerMinute = (0..<60).map { $0 == 40 ? 9 : 0 }
    state.p95 = (0..<60).map { $0 < 5 ? nil : 0.1 + Double($0) / 400 }
    return state
  }
}
