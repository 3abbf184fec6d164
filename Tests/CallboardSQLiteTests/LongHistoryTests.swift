import Callboard
import CallboardSQLite
import Foundation
import JSONSchema
import Testing

/// Pages of a history that is longer than anybody counts for every page.
@Suite(.timeLimit(.minutes(10)))
struct LongHistoryTests {
  private static let count = 4500
  private let start = Date(timeIntervalSince1970: 1_795_341_600)

  private func call(_ number: Int) throws -> Call {
    let at = start.addingTimeInterval(Double(number))
    var call = Call(
      id: CallID(UUIDv7(at: at, sequence: 0, random: UInt64(number))),
      function: "t.f",
      caller: .caller("agent"),
      receivedAt: at,
      idempotencyKey: "key \(number)",
      proposed: [:]
    )
    var generator = SeededGenerator(seed: 1)
    _ = try call.handle(
      .refused(CallFailure(.notAllowed, "no")),
      function: nil,
      now: at,
      using: &generator
    )
    return call
  }

  /// A store of so many calls, and their ids, newest first.
  private func filled(_ path: String) async throws -> (SQLiteStore, [CallID]) {
    let store = try SQLiteStore(path)
    var ids: [CallID] = []
    for first in stride(from: 0, to: Self.count, by: 100) {
      let calls = try (first..<first + 100).map(call)
      ids += calls.map(\.id)
      try await store.commit(StoreChange(calls: calls.map { CallChange($0) })).durable()
    }
    return (store, ids.reversed())
  }

  private func expect(_ list: ListQuery, of store: SQLiteStore, is all: [CallID]) {
    let page = store.calls(HistoryQuery(list))
    let ordered = list.reversed ? all.reversed() : all
    let anchor = list.anchor.flatMap { CallID($0) }.flatMap { id in ordered.firstIndex(of: id) }
    let range = list.range(of: all.count, anchor: anchor)
    #expect(page.total == all.count)
    #expect(page.anchorIndex == anchor)
    #expect(page.firstIndex == range.lowerBound)
    #expect(page.items.map(\.id) == Array(ordered[range]), "around \(range)")
  }

  @Test(arguments: [false, true]) func `every page is where it belongs, however somebody got there`(
    reversed: Bool
  ) async throws {
    let folder = try Folder()
    let (store, all) = try await filled(folder.file("a.db"))
    var generator = SeededGenerator(seed: 7)
    var place = 0
    for turn in 0..<160 {
      // On by a page, back by a few, or far away.
      switch turn % 8 {
      case 0: place = Int.random(in: 0..<all.count, using: &generator)
      case 1: place = turn % 16 == 1 ? 0 : all.count - 1
      case 2: place = max(0, place - 3)
      default: place = min(all.count - 1, place + 8)
      }
      var list = ListQuery(reversed: reversed, before: 4, after: 8)
      list.anchorIndex = place
      if turn % 3 != 0 { list.anchor = all[reversed ? all.count - 1 - place : place].description }
      expect(list, of: store, is: all)
      await Task.yield()
    }
    #expect(store.close() == nil)
  }

  @Test func `a call that has left moves nothing, and one that comes moves every place by one`()
    async throws
  {
    let folder = try Folder()
    let (store, ids) = try await filled(folder.file("a.db"))
    var all = ids
    for deep in [2500, 3500, 2500] {
      expect(ListQuery(anchor: all[deep].description, before: 5, after: 8), of: store, is: all)
      let new = try call(Self.count + all.count)
      try await store.commit(StoreChange(calls: [CallChange(new)])).durable()
      all.insert(new.id, at: 0)
      let inLine = try call(Self.count + all.count)
      _ = try store.commit(StoreChange(calls: [CallChange(inLine)]))
      all.insert(inLine.id, at: 0)
      expect(ListQuery(anchor: all[deep].description, before: 5, after: 8), of: store, is: all)
    }
    #expect(store.close() == nil)
  }

  @Test func `when old calls are deleted, places are found out anew`() async throws {
    let folder = try Folder()
    let kept = 3500
    let (full, all) = try await filled(folder.file("a.db"))
    #expect(full.close() == nil)
    // By itself it deletes only some seconds after it was opened.
    let store = try SQLiteStore(
      folder.file("a.db"),
      retention: SQLiteStore.Retention(calls: kept)
    )
    expect(ListQuery(anchor: all[2500].description, before: 5, after: 8), of: store, is: all)
    while store.trim() > 0 {}
    expect(
      ListQuery(anchor: all[2500].description, after: 8),
      of: store,
      is: Array(all.prefix(kept))
    )
    expect(ListQuery(anchorIndex: 3490, before: 5), of: store, is: Array(all.prefix(kept)))
    #expect(store.close() == nil)
  }
}
