import Callboard
import Foundation
import JSONSchema
import Synchronization

/// One thing that every store does, as a function that a test of any store can run.
public struct StoreCase: Sendable, CustomStringConvertible {
  /// The sentence that is false when the case fails.
  public let name: String
  private let body: @Sendable (any Store) async throws -> Void

  init(_ name: String, _ body: @escaping @Sendable (any Store) async throws -> Void) {
    self.name = name
    self.body = body
  }

  public var description: String { name }

  /// Runs the case on a store that is empty, and throws `StoreCaseFailed` where it does not hold.
  public func run(on store: any Store) async throws { try await body(store) }
}

/// What a store did otherwise than it has to.
public struct StoreCaseFailed: Error, CustomStringConvertible {
  public let description: String
}

/// What every store does.
///
/// `InMemoryStore` is the specification; each other store runs the same cases.
public enum StoreSuite {
  public static let cases: [StoreCase] = [
    StoreCase("an empty store holds nothing") { store in
      try equal(store.lastSequence, 0, "last sequence")
      try equal(store.callCount, 0, "calls")
      try equal(store.conversationCount, 0, "conversations")
      try equal(store.events(after: 0, limit: 10).count, 0, "events")
      try expect(store.call(makeCall(1).id) == nil, "it knows a call that was never stored")
      try expect(
        store.conversation(makeConversation(1).id) == nil,
        "it knows a conversation that was never stored"
      )
    },
    StoreCase("it has a name for the title row") { store in
      try expect(!store.name.isEmpty, "its name is empty")
    },
    StoreCase("a call comes back as it was stored") { store in
      var call = makeCall(1)
      try move(
        &call,
        .admitted(arguments: ["n": 1, "exact": 9_007_199_254_740_993], definitionHash: "h")
      )
      try move(&call, .start(digest: nil))
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try same(store.call(call.id), call)
    },
    StoreCase("a later commit of a call replaces the earlier one") { store in
      var call = makeCall(1)
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try move(&call, .admitted(arguments: ["n": 1], definitionHash: "h"))
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try same(store.call(call.id), call)
      try equal(store.callCount, 1, "calls")
    },
    StoreCase("a call waiting for approval keeps its digest and revision") { store in
      var call = makeCall(1)
      try move(
        &call,
        .approvalNeeded(
          ApprovalRequirement(rule: "rule 1", approvers: 2),
          arguments: ["n": 1],
          definitionHash: "h",
          digest: "d1"
        )
      )
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try equal(store.call(call.id)?.approval?.digest, "d1", "digest")
      try equal(store.call(call.id)?.approval?.requirement.approvers, 2, "approvers")
      try equal(store.call(call.id)?.revision, call.revision, "revision")
    },
    StoreCase("an ended call keeps its outcome") { store in
      var call = makeCall(1)
      try move(&call, .refused(CallFailure(.notAllowed, "no", pointer: "/a", reach: .answered)))
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try equal(store.call(call.id)?.outcome, call.outcome, "outcome")
      try equal(store.call(call.id)?.endedAt, call.endedAt, "end")
    },
    StoreCase("calls are walked newest first, each once") { store in
      let calls = (1...700).map(makeCall)
      for call in calls { try await store.commit(StoreChange(calls: [CallChange(call)])).durable() }
      // A later change of an old call does not make it a newer one.
      var first = calls[0]
      try move(&first, .admitted(arguments: [:], definitionHash: "h"))
      try await store.commit(StoreChange(calls: [CallChange(first)])).durable()
      var walked: [CallID] = []
      store.eachCall { call in
        walked.append(call.id)
        return true
      }
      try equal(walked, calls.reversed().map(\.id), "order")
    },
    StoreCase("a walk over calls ends when it is told to") { store in
      for number in 1...20 {
        try await store.commit(StoreChange(calls: [CallChange(makeCall(number))])).durable()
      }
      var walked = 0
      store.eachCall { _ in
        walked += 1
        return walked < 3
      }
      try equal(walked, 3, "calls walked")
    },
    StoreCase("a conversation comes back as it was stored, and is replaced by a later commit") {
      store in
      let conversation = makeConversation(1)
      try await store.commit(StoreChange(conversation: conversation)).durable()
      try equal(store.conversation(conversation.id)?.title, "conversation 1", "title")
      let later = makeConversation(1, title: "renamed")
      try await store.commit(StoreChange(conversation: later)).durable()
      try equal(store.conversation(conversation.id)?.title, "renamed", "title")
      try equal(store.conversation(conversation.id)?.limits, conversation.limits, "limits")
      try equal(store.conversationCount, 1, "conversations")
    },
    StoreCase("conversations are walked newest first, and a walk ends when it is told to") {
      store in
      for number in 1...5 {
        try await store.commit(StoreChange(conversation: makeConversation(number))).durable()
      }
      var titles: [String] = []
      store.eachConversation { conversation in
        titles.append(conversation.title)
        return titles.count < 3
      }
      try equal(titles, [5, 4, 3].map { "conversation \($0)" }, "order")
    },
    StoreCase("a turn and its calls are stored by one commit") { store in
      let calls = (1...3).map(makeCall)
      try await store.commit(
        StoreChange(
          calls: calls.map { CallChange($0) },
          conversation: makeConversation(1),
          events: [makeEvent("turn")]
        )
      ).durable()
      try equal(store.callCount, 3, "calls")
      try equal(store.conversationCount, 1, "conversations")
      try equal(
        store.events(after: 0, limit: 10).map { $0.call?.id },
        [nil] + calls.map(\.id),
        "events: the turn's, and one for each call's first step"
      )
    },
    StoreCase("events are numbered from 1 without a gap") { store in
      for number in 1...5 {
        let events = (0..<number).map { makeEvent("\(number).\($0)") }
        try await store.commit(StoreChange(events: events)).durable()
      }
      let events = store.events(after: 0, limit: 100)
      try equal(events.map(\.seq), Array(1...15), "sequence numbers")
      try equal(events.first?.cause, "1.0", "first event")
      try equal(events.last?.cause, "5.4", "last event")
      try equal(store.lastSequence, 15, "last sequence")
    },
    StoreCase("events are read in windows") { store in
      try await store.commit(StoreChange(events: (1...10).map { makeEvent("\($0)") })).durable()
      try equal(store.events(after: 3, limit: 4).map(\.seq), [4, 5, 6, 7], "window")
      try equal(store.events(after: 8, limit: 4).map(\.seq), [9, 10], "last window")
      try equal(store.events(after: 10, limit: 4).count, 0, "events after the last")
      try equal(store.events(after: 0, limit: 0).count, 0, "events within a limit of 0")
    },
    StoreCase("a follower hears every event from then on, once and in order") { store in
      try await store.commit(StoreChange(events: [makeEvent("before")])).durable()
      let heard = Heard()
      let token = store.follow { heard.take($0) }
      for number in 1...50 {
        try await store.commit(StoreChange(events: [makeEvent("\(number)"), makeEvent("and")]))
          .durable()
      }
      try equal(heard.events.map(\.seq), Array(2...101), "what a follower heard")
      withExtendedLifetime(token) {}
    },
    StoreCase("a follower hears nothing once its token is gone") { store in
      let heard = Heard()
      var token: ObservationToken? = store.follow { heard.take($0) }
      try await store.commit(StoreChange(events: [makeEvent("heard")])).durable()
      withExtendedLifetime(token) {}
      token = nil
      try await store.commit(StoreChange(events: [makeEvent("unheard")])).durable()
      try equal(heard.events.map(\.cause), ["heard"], "what a follower heard")
    },
    StoreCase("two followers hear the same") { store in
      let first = Heard()
      let second = Heard()
      let tokens = [store.follow { first.take($0) }, store.follow { second.take($0) }]
      try await store.commit(StoreChange(events: (1...9).map { makeEvent("\($0)") })).durable()
      try equal(first.events.map(\.seq), Array(1...9), "what the first heard")
      try equal(second.events.map(\.seq), Array(1...9), "what the second heard")
      withExtendedLifetime(tokens) {}
    },
    StoreCase(
      "commits from many tasks get each number once, and each commit's numbers are neighbours"
    ) {
      store in
      let heard = Heard()
      let token = store.follow { heard.take($0) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<8 {
          group.addTask {
            for number in 0..<100 {
              let call = makeCall(task * 1000 + number + 1)
              try await store.commit(
                StoreChange(
                  calls: [CallChange(call)],
                  events: [makeEvent("\(call.id)")]
                )
              ).durable()
            }
          }
        }
        try await group.waitForAll()
      }
      let events = heard.events
      try equal(events.map(\.seq), Array(1...1600), "sequence numbers")
      for pair in stride(from: 0, to: events.count, by: 2) {
        try equal(
          events[pair].cause,
          events[pair + 1].call.map { "\($0.id)" },
          "the two events of one commit"
        )
      }
      try equal(store.callCount, 800, "calls")
      withExtendedLifetime(token) {}
    },
    StoreCase("a walk while others commit sees each call at most once") { store in
      for number in 1...500 {
        try await store.commit(StoreChange(calls: [CallChange(makeCall(number))])).durable()
      }
      async let writing: Void = {
        for number in 501...900 {
          try await store.commit(StoreChange(calls: [CallChange(makeCall(number))])).durable()
        }
      }()
      for _ in 0..<10 {
        var seen: [CallID: Int] = [:]
        store.eachCall { call in
          seen[call.id, default: 0] += 1
          return true
        }
        try expect(seen.count >= 500, "a walk missed calls that were there before it")
        try expect(seen.values.allSatisfy { $0 == 1 }, "a walk met a call twice")
      }
      try await writing
    },
  ]

  // MARK: - What cases are made of

  private static let start = Date(timeIntervalSince1970: 1_795_341_600)

  private static func uuid(_ number: Int) -> UUIDv7 {
    UUIDv7(
      at: start.addingTimeInterval(Double(number)),
      sequence: 0,
      random: UInt64(number)
    )
  }

  private static func makeCall(_ number: Int) -> Call {
    Call(
      id: CallID(uuid(number)),
      function: "t.f",
      caller: .caller("agent"),
      receivedAt: start.addingTimeInterval(Double(number)),
      idempotencyKey: "key \(number)",
      proposed: ["n": .integer(Int64(number))]
    )
  }

  private static func makeConversation(_ number: Int, title: String? = nil) -> Conversation {
    Conversation(
      id: ConversationID(uuid(number)),
      title: title ?? "conversation \(number)",
      caller: .caller("agent"),
      model: "test",
      startedAt: start.addingTimeInterval(Double(number))
    )
  }

  private static func makeEvent(_ cause: String) -> EngineEvent {
    EngineEvent(time: start, type: .engine(.started), cause: cause)
  }

  private static func move(_ call: inout Call, _ event: CallEvent) throws {
    var generator = SeededGenerator(seed: 1)
    let function = FunctionName("t.f").map { FunctionDefinition(name: $0, description: "") }
    _ = try call.handle(event, function: function, now: start, using: &generator)
  }

  private static func expect(_ holds: Bool, _ otherwise: String) throws {
    guard holds else { throw StoreCaseFailed(description: otherwise) }
  }

  private static func equal<Value: Equatable>(
    _ found: Value,
    _ expected: Value,
    _ what: String
  ) throws {
    try expect(found == expected, "\(what): expected \(expected), found \(found)")
  }

  /// Calls are compared by everything of them that is stored.
  private static func same(_ found: Call?, _ expected: Call) throws {
    guard let found else { throw StoreCaseFailed(description: "the call is not there") }
    let fields = try (JSONValue(encoding: found), JSONValue(encoding: expected))
    try expect(fields.0 == fields.1, "expected \(fields.1), found \(fields.0)")
  }

  private final class Heard: Sendable {
    private let kept = Mutex<[EngineEvent]>([])

    func take(_ event: EngineEvent) { kept.withLock { $0.append(event) } }

    var events: [EngineEvent] { kept.withLock { $0 } }
  }
}
