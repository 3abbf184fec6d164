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

/// What every store does.
///
/// `InMemoryStore` is the specification; each other store runs the same cases.
public enum StoreSuite {
  public static let cases: [StoreCase] = [
    StoreCase("an empty store holds nothing") { store in
      try equal(store.lastSequence, 0, "last sequence")
      try equal(count(store), 0, "calls")
      try equal(conversationCount(store), 0, "conversations")
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
        .admitted(
          arguments: ["n": 1, "exact": 9_007_199_254_740_993],
          definitionHash: "h",
          rule: nil
        )
      )
      try move(&call, .start(digest: nil))
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try same(store.call(call.id), call)
    },
    StoreCase("a later commit of a call replaces the earlier one") { store in
      var call = makeCall(1)
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try move(&call, .admitted(arguments: ["n": 1], definitionHash: "h", rule: nil))
      try await store.commit(StoreChange(calls: [CallChange(call)])).durable()
      try same(store.call(call.id), call)
      try equal(count(store), 1, "calls")
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
    StoreCase("calls are listed newest first, each once") { store in
      let calls = (1...700).map(makeCall)
      for call in calls { _ = try store.commit(StoreChange(calls: [CallChange(call)])) }
      // A later change of an old call does not make it a newer one.
      var first = calls[0]
      try move(&first, .admitted(arguments: [:], definitionHash: "h", rule: nil))
      try await store.commit(StoreChange(calls: [CallChange(first)])).durable()
      let page = store.calls(HistoryQuery(ListQuery(after: 1000)))
      try equal(page.items.map(\.id), calls.reversed().map(\.id), "order")
      try equal(page.total, 700, "total")
      try equal(page.firstIndex, 0, "first index")
    },
    StoreCase("a window of calls stands around its anchor, or where that was") { store in
      let calls = (1...50).map(makeCall)
      for call in calls { _ = try store.commit(StoreChange(calls: [CallChange(call)])) }
      let anchor = calls[29].id
      let list = ListQuery(anchor: anchor.description, before: 2, after: 3)
      let page = store.calls(HistoryQuery(list))
      try equal(page.anchorIndex, 20, "anchor")
      try equal(page.firstIndex, 18, "first index")
      try equal(page.items.map(\.id), calls[26...31].reversed().map(\.id), "window")
      let gone = ListQuery(
        anchor: makeCall(99).id.description,
        anchorIndex: 45,
        before: 1,
        after: 9
      )
      let rest = store.calls(HistoryQuery(gone))
      try equal(rest.anchorIndex, nil, "an anchor that is not there")
      try equal(rest.firstIndex, 44, "first index")
      try equal(rest.items.map(\.id), calls[..<6].reversed().map(\.id), "window")
      try equal(rest.total, 50, "total")
    },
    StoreCase("a list that is reversed is oldest first") { store in
      let calls = (1...9).map(makeCall)
      for call in calls { _ = try store.commit(StoreChange(calls: [CallChange(call)])) }
      let list = ListQuery(reversed: true, anchor: calls[4].id.description, before: 1, after: 1)
      let page = store.calls(HistoryQuery(list))
      try equal(page.items.map(\.id), calls[3...5].map(\.id), "window")
      try equal(page.anchorIndex, 4, "anchor")
    },
    StoreCase("a filter lets through what it says, and counts what it hides") { store in
      for number in 1...20 {
        var call = makeCall(number, function: number % 2 == 0 ? "pay.send" : "t.f")
        if number % 5 == 0 {
          try move(&call, .refused(CallFailure(.notAllowed, "not on a Sunday")))
        }
        _ = try store.commit(StoreChange(calls: [CallChange(call)]))
      }
      func found(_ filter: String) throws -> HistoryPage<Call> {
        store.calls(
          HistoryQuery(ListQuery(filter: try Filter(filter), after: 100), now: start) { name in
            name == "pay.send" ? .write : .read
          }
        )
      }
      try equal(try found("fn:pay.*").total, 10, "by function")
      try equal(try found("fn:pay.*").hidden, 10, "hidden")
      try equal(
        try found("state:rejected").items.map(\.id),
        [20, 15, 10, 5].map { makeCall($0).id },
        "by state"
      )
      try equal(try found("-state:rejected").total, 16, "by not being in a state")
      try equal(try found("effect:write state:rejected").total, 2, "by effect and state")
      try equal(try found("sunday").total, 4, "by a word of the failure")
      try equal(try found("caller:nobody").total, 0, "by another caller")
      let anchor = makeCall(10).id.description
      let list = ListQuery(
        filter: try Filter("state:rejected"),
        anchor: anchor,
        before: 1,
        after: 0
      )
      let window = store.calls(HistoryQuery(list))
      try equal(window.anchorIndex, 2, "anchor in a filtered list")
      try equal(window.items.map(\.id), [15, 10].map { makeCall($0).id }, "filtered window")
    },
    StoreCase("the last call of a function that people decided is found") { store in
      for number in 1...4 {
        var call = makeCall(number, function: number == 4 ? "t.other" : "t.f")
        if number != 3 { try decide(&call) }
        _ = try store.commit(StoreChange(calls: [CallChange(call)]))
      }
      try equal(store.lastDecided("t.f", before: makeCall(9).id)?.id, makeCall(2).id, "last")
      try equal(store.lastDecided("t.f", before: makeCall(2).id)?.id, makeCall(1).id, "before")
      try expect(store.lastDecided("t.f", before: makeCall(1).id) == nil, "one before the first")
    },
    StoreCase("an equal call is found that lives, or succeeded since, and no other") { store in
      let (key, other) = (TwinKey(high: 1, low: 1), TwinKey(high: 1, low: 2))
      func put(_ call: Call, _ key: TwinKey?) async throws {
        let change = CallChange(CallRecord(call), stored: 0, twin: key)
        try await store.commit(StoreChange(calls: [change])).durable()
      }
      var (succeeded, failed) = (makeCall(1), makeCall(3))
      try decide(&succeeded)
      try move(&failed, .refused(CallFailure(.notAllowed, "no")))
      for (call, key) in [(succeeded, key), (makeCall(2), other), (failed, key)] {
        try await put(call, key)
      }
      try await put(makeCall(4), nil)
      let (nobody, before, end) = (makeCall(9).id, start.addingTimeInterval(-1), start)
      try equal(store.twin(key, besides: nobody, since: before), succeeded.id, "succeeded")
      try equal(store.twin(key, besides: nobody, since: end), nil, "succeeded too early")
      try equal(store.twin(key, besides: succeeded.id, since: before), nil, "itself")
      try equal(store.twin(other, besides: nobody, since: end), makeCall(2).id, "live")
      try equal(store.twin(TwinKey(high: 2, low: 1), besides: nobody, since: before), nil, "none")
      // What it is now counts, not what it was.
      try await put(makeCall(5), key)
      try equal(store.twin(key, besides: nobody, since: end), makeCall(5).id, "the newest")
      let edited = CallChange(CallRecord(makeCall(5)), stored: 1, twin: other)
      try await store.commit(StoreChange(calls: [edited])).durable()
      try equal(store.twin(key, besides: nobody, since: end), nil, "edited away")
      try equal(store.twin(other, besides: nobody, since: end), makeCall(5).id, "edited to")
    },
    StoreCase(
      "an engine that starts is told of the writes that live, and of the newest that succeeded"
    ) { store in
      func key(_ number: Int) -> TwinKey { TwinKey(high: 7, low: UInt64(number)) }
      func end(_ number: Int, _ event: CallEvent? = nil) async throws {
        var call = makeCall(number)
        if let event { try move(&call, event) } else { try decide(&call) }
        let change = CallChange(CallRecord(call), stored: 0, twin: key(number))
        try await store.commit(StoreChange(calls: [change])).durable()
      }
      for number in 1...3 { try await end(number) }
      try await end(4, .refused(CallFailure(.notAllowed, "no")))
      let live = CallChange(CallRecord(makeCall(5)), stored: 0, twin: key(5))
      try await store.commit(StoreChange(calls: [live])).durable()
      let before = start.addingTimeInterval(-1)
      let all = try store.twins(since: before, limit: 10)
      try equal(all.isWholeSince, .distantPast, "whole since")
      try equal(all.entries.filter { $0.succeeded == nil }.map(\.key), [key(5)], "live")
      let done = all.entries.filter { $0.succeeded != nil }
      try equal(Set(done.map(\.call)), Set((1...3).map { makeCall($0).id }), "succeeded")
      try equal(Set(done.map(\.key)), Set((1...3).map(key)), "their keys")
      let some = try store.twins(since: before, limit: 2)
      try expect(some.isWholeSince >= start, "as if it were whole")
      try equal(some.entries.filter { $0.succeeded == nil }.map(\.key), [key(5)], "live")
      let none = try store.twins(since: start.addingTimeInterval(1000), limit: 10)
      try equal(none.entries.map(\.key), [key(5)], "of later")
    },
    StoreCase("the newest calls of a function that succeeded are found, and whether they are all") {
      store in
      for number in 1...6 {
        var call = makeCall(number, function: number == 4 ? "t.other" : "t.f")
        if number != 3 {
          var generator = SeededGenerator(seed: 1)
          let events: [CallEvent] = [
            .admitted(arguments: [:], definitionHash: "h", rule: nil), .start(digest: nil),
            .attemptSucceeded(attempt: 1, true),
          ]
          for event in events {
            _ = try call.handle(event, function: nil, now: call.receivedAt, using: &generator)
          }
        }
        _ = try store.commit(StoreChange(calls: [CallChange(call)]))
      }
      let all = store.lastSucceeded("t.f", limit: 4)
      try equal(all.calls.map(\.id), [6, 5, 2, 1].map { makeCall($0).id }, "newest first")
      try expect(all.isAll, "they are all")
      let some = store.lastSucceeded("t.f", limit: 3)
      try equal(some.calls.map(\.id), [6, 5, 2].map { makeCall($0).id }, "as many as asked for")
      try expect(!some.isAll, "there are others")
    },
    StoreCase("a conversation comes back as it was stored, and is replaced by a later commit") {
      store in
      let conversation = makeConversation(1)
      try await store.commit(StoreChange(conversation: ConversationChange(conversation))).durable()
      try equal(store.conversation(conversation.id)?.title, "conversation 1", "title")
      let later = makeConversation(1, title: "renamed")
      try await store.commit(StoreChange(conversation: ConversationChange(later))).durable()
      try equal(store.conversation(conversation.id)?.title, "renamed", "title")
      try equal(store.conversation(conversation.id)?.limits, conversation.limits, "limits")
      try equal(conversationCount(store), 1, "conversations")
    },
    StoreCase("live conversations are listed first, and each kind by its last activity") { store in
      for number in 1...5 {
        var conversation = makeConversation(number)
        if number.isMultiple(of: 2) {
          try move(&conversation, .stop(by: .operator("anna")), at: Double(100 - number))
        }
        _ = try store.commit(StoreChange(conversation: ConversationChange(conversation)))
      }
      let page = store.conversations(HistoryQuery(ListQuery(after: 2)))
      try equal(page.items.map(\.title), [5, 3, 1].map { "conversation \($0)" }, "live ones")
      try equal(page.total, 5, "total")
      let rest = store.conversations(HistoryQuery(ListQuery(anchorIndex: 3, after: 9)))
      try equal(rest.items.map(\.title), [2, 4].map { "conversation \($0)" }, "ended ones")
      let filtered = HistoryQuery(ListQuery(filter: try Filter("state:stopped"), after: 9))
      try equal(store.conversations(filtered).total, 2, "filtered")
      try equal(store.conversations(filtered).hidden, 3, "hidden")
    },
    StoreCase("a transcript comes back message by message") { store in
      var conversation = makeConversation(1)
      for turn in 1...3 {
        conversation = try adding("message \(turn)", to: conversation)
        _ = try store.commit(StoreChange(conversation: ConversationChange(conversation)))
      }
      let found = store.conversation(conversation.id)
      try equal(found?.messages, conversation.messages, "transcript")
      try equal(found?.pending, conversation.pending, "words that wait")
    },
    StoreCase("a turn and its calls are stored by one commit") { store in
      let calls = (1...3).map(makeCall)
      try await store.commit(
        StoreChange(
          calls: calls.map { CallChange($0) },
          conversation: ConversationChange(makeConversation(1)),
          events: [makeEvent("turn")]
        )
      ).durable()
      try equal(count(store), 3, "calls")
      try equal(conversationCount(store), 1, "conversations")
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
      try equal(count(store), 800, "calls")
      withExtendedLifetime(token) {}
    },
    StoreCase("a list while others commit has each call at most once") { store in
      for number in 1...500 {
        _ = try store.commit(StoreChange(calls: [CallChange(makeCall(number))]))
      }
      async let writing: Void = {
        for number in 501...900 {
          try await store.commit(StoreChange(calls: [CallChange(makeCall(number))])).durable()
        }
      }()
      for _ in 0..<10 {
        let ids = store.calls(HistoryQuery(ListQuery(after: 2000))).items.map(\.id)
        try expect(ids.count >= 500, "a list missed calls that were there before it")
        try equal(Set(ids).count, ids.count, "calls in a list, each once")
        try expect(zip(ids, ids.dropFirst()).allSatisfy { $0 > $1 }, "a list is out of order")
      }
      try await writing
      try equal(count(store), 900, "calls")
    },
    StoreCase("what is read after a commit is what was committed, on disk or not yet") { store in
      var call = makeCall(1)
      _ = try store.commit(StoreChange(calls: [CallChange(call)]))
      for round in 0..<50 {
        if round == 25 {
          try move(&call, .admitted(arguments: ["n": 1], definitionHash: "h", rule: nil))
        }
        _ = try store.commit(StoreChange(calls: [CallChange(call)]))
        try equal(store.call(call.id)?.state.word, call.state.word, "state in round \(round)")
        try equal(store.calls(HistoryQuery()).items.map(\.state.word), [call.state.word], "listed")
      }
    },
    StoreCase("live calls and conversations, and what people have set, are there to be taken up") {
      store in
      var ended = makeCall(1)
      try move(&ended, .refused(CallFailure(.notAllowed, "no")))
      var stopped = makeConversation(1)
      try move(&stopped, .stop(by: .operator("anna")), at: 1)
      let talk = try adding("hello", to: makeConversation(2))
      for call in [ended, makeCall(2), makeCall(3)] {
        _ = try store.commit(StoreChange(calls: [CallChange(call)]))
      }
      for conversation in [stopped, talk] {
        _ = try store.commit(StoreChange(conversation: ConversationChange(conversation)))
      }
      _ = try store.commit(StoreChange(settings: ["a": 1, "b": ["by": "anna"]]))
      try await store.commit(StoreChange(settings: ["a": .null, "c": true])).durable()
      let found = try store.unfinished()
      try equal(found.calls.map(\.call.id), [makeCall(2).id, makeCall(3).id], "live calls")
      try same(found.calls.first?.call, makeCall(2))
      try equal(found.conversations.map(\.conversation.id), [talk.id], "live conversations")
      try equal(found.conversations.first?.conversation.messages, talk.messages, "transcript")
      try equal(found.settings, ["b": ["by": "anna"], "c": true], "settings")
    },
    StoreCase("what is sealed comes back as it was, and only where it was") { store in
      let call = CallChange(CallRecord(makeCall(1)), stored: 0, sealed: [1, 2, 3])
      var talk = try adding("one", to: makeConversation(1))
      _ = try store.commit(StoreChange(calls: [call, CallChange(makeCall(2))]))
      _ = try store.commit(
        StoreChange(
          conversation: ConversationChange(talk, sealedMessages: [0: [7]], sealedRest: [9, 9])
        )
      )
      talk = try adding("two", to: talk)
      try await store.commit(
        StoreChange(conversation: ConversationChange(talk, sealedMessages: [1: [8]]))
      ).durable()
      try equal(store.sealed(makeCall(1).id), [1, 2, 3], "a call's originals")
      try equal(store.sealed(makeCall(2).id), nil, "originals of a call without secrets")
      let found = try store.unfinished()
      try equal(found.calls.map(\.sealed), [[1, 2, 3], nil], "originals of live calls")
      try equal(found.conversations.first?.sealedMessages, [0: [7], 1: [8]], "of messages")
      try equal(found.conversations.first?.sealedRest, nil, "of what has been said by now")
    },
    StoreCase("a run comes back as it was stored last, with its sealed originals") { store in
      var run = try makeRun(1)
      let first = run
      try await store.commit(StoreChange(run: RunChange(run, isNew: true))).durable()
      try equal(
        try JSONValue(encoding: store.run(run.id)?.run),
        try JSONValue(encoding: run),
        "run"
      )
      var generator = SeededGenerator(seed: 1)
      _ = try run.handle(.start, now: start.addingTimeInterval(5), using: &generator)
      _ = try store.commit(StoreChange(run: RunChange(first, isNew: false)))
      try await store.commit(
        StoreChange(run: RunChange(run, sealed: [1, 2, 3], isNew: false))
      ).durable()
      let found = try need(store.run(run.id), "run")
      try equal(try JSONValue(encoding: found.run), try JSONValue(encoding: run), "run")
      try equal(found.sealed, [1, 2, 3], "sealed originals")
      try expect(store.run(try makeRun(2).id) == nil, "it knows a run that was never stored")
    },
    StoreCase("runs that live are taken up, and listed first") { store in
      var runs: [WorkflowRun] = []
      for number in 1...5 {
        var run = try makeRun(number)
        var generator = SeededGenerator(seed: UInt64(number))
        let now = start.addingTimeInterval(Double(number))
        _ = try run.handle(.start, now: now, using: &generator)
        if number > 3 {
          _ = try run.handle(.cancel(by: .operator("anna")), now: now, using: &generator)
          for work in run.openWork {
            let end = WorkflowRun.WorkEnd.failure(CallFailure(.cancelled, "cancelled"))
            _ = try run.handle(.workEnded(work, end), now: now, using: &generator)
          }
        }
        runs.append(run)
        try await store.commit(StoreChange(run: RunChange(run, isNew: true))).durable()
      }
      try equal(try store.unfinished().runs.map(\.run.id), runs.prefix(3).map(\.id), "unfinished")
      let order = [2, 1, 0, 4, 3].map { runs[$0].id }
      try equal(store.runs(HistoryQuery()).items.map(\.id), order, "order")
      let list = ListQuery(filter: try Filter("state:cancelled"))
      let page = store.runs(HistoryQuery(list))
      try equal(page.items.map(\.id), [runs[4].id, runs[3].id], "cancelled ones")
      try equal(page.hidden, 3, "hidden")
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

  private static func makeCall(_ number: Int) -> Call { makeCall(number, function: "t.f") }

  private static func makeCall(_ number: Int, function: String) -> Call {
    Call(
      id: CallID(uuid(number)),
      function: function,
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

  private static func makeRun(_ number: Int) throws -> WorkflowRun {
    var run = WorkflowRun(
      id: RunID(UUIDv7(at: start, sequence: UInt16(number), random: UInt64(number))),
      workflow: try Workflow([
        "workflow": "w", "steps": [["id": "a", "call": "t.f", "with": ["n": "${input.n}"]]],
      ]),
      input: ["n": .integer(Int64(number))],
      caller: .caller("agent"),
      startedAt: start
    )
    run.redact(Redactor())
    return run
  }

  private static func makeEvent(_ cause: String) -> EngineEvent {
    EngineEvent(time: start, type: .engine(.started), cause: cause)
  }

  private static func move(_ call: inout Call, _ event: CallEvent) throws {
    var generator = SeededGenerator(seed: 1)
    let function = FunctionName("t.f").map { FunctionDefinition(name: $0, description: "") }
    _ = try call.handle(event, function: function, now: start, using: &generator)
  }

  /// Takes a call to an end that a person decided.
  private static func decide(_ call: inout Call) throws {
    let requirement = ApprovalRequirement(rule: "rule 1")
    try move(
      &call,
      .approvalNeeded(requirement, arguments: ["n": 1], definitionHash: "h", digest: "d")
    )
    let seen = Seen(revision: call.revision, digest: "d")
    try move(
      &call,
      .approve(seen, by: .operator("anna"), isHeld: false, requesters: [], lapsed: [])
    )
    try move(&call, .start(digest: "d"))
    try move(&call, .attemptSucceeded(attempt: 1, "done"))
  }

  private static func move(
    _ conversation: inout Conversation,
    _ event: ConversationEvent,
    at seconds: Double
  ) throws {
    _ = try conversation.handle(event, now: start.addingTimeInterval(seconds))
  }

  /// One more message in the transcript, and one that waits.
  private static func adding(_ text: String, to conversation: Conversation) throws -> Conversation {
    var conversation = conversation
    conversation.append(Message(.user, text, author: "anna"), at: start)
    try move(&conversation, .message(Message(.user, text + " waits"), by: .operator("anna")), at: 1)
    return conversation
  }

  private static func count(_ store: any Store) -> Int { store.calls(HistoryQuery()).total }

  private static func conversationCount(_ store: any Store) -> Int {
    store.conversations(HistoryQuery()).total
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
