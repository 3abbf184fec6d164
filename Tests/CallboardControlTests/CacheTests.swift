import Callboard
import Foundation
import Testing

@testable import CallboardControl

/// Parts of lists that are cut from larger parts are what the instance would have given.
@Suite struct CacheTests {
  private func rows(_ range: Range<Int>) -> [FunctionRow] {
    range.map { number in
      FunctionRow(
        name: "t.\(number)",
        provider: "t",
        wireName: "t",
        description: "",
        effect: .read,
        isOn: true
      )
    }
  }

  /// What an instance with so many rows says.
  private func page(_ list: ListQuery, of total: Int) -> Page<FunctionRow> {
    let anchor = list.anchor.flatMap { Int($0.dropFirst(2)) }.flatMap { $0 < total ? $0 : nil }
    let middle = min(anchor ?? list.anchorIndex, max(0, total - 1))
    let first = max(0, middle - list.before)
    let end = min(total, middle + list.after + 1)
    return Page(
      rows: rows(first..<max(first, end)),
      firstIndex: first,
      total: total,
      anchorIndex: anchor
    )
  }

  private func cache(_ list: ListQuery, of total: Int) -> SightCache {
    var cache = SightCache()
    guard case .functions(let wide) = Query.functions(list).widened else { return cache }
    cache.store(
      .functions(page(wide, of: total), providers: []),
      [],
      mark: "m",
      of: .functions(wide),
      epoch: 1,
      at: .zero
    )
    return cache
  }

  private func found(_ cache: SightCache, _ list: ListQuery) -> (Page<FunctionRow>, Bool)? {
    var cache = cache
    guard let found = cache.find(.functions(list)), case .functions(let page, _) = found.body else {
      return nil
    }
    return (page, found.isWhole)
  }

  @Test(arguments: [0, 1, 40, 300, 301, 5000])
  func `a part that is whole is the part that the instance gives`(total: Int) throws {
    let start = ListQuery(anchorIndex: 0, before: 60, after: 60)
    let cache = cache(start, of: total)
    var whole = 0
    for index in stride(from: 0, to: min(total + 3, 400), by: 7) {
      for anchor in [nil, "t.\(index)"] {
        let list = ListQuery(anchor: anchor, anchorIndex: index, before: 30, after: 30)
        guard let (part, isWhole) = found(cache, list), isWhole else { continue }
        whole += 1
        let direct = page(list, of: total)
        #expect(part.rows == direct.rows && part.firstIndex == direct.firstIndex)
        #expect(part.total == direct.total && part.anchorIndex == direct.anchorIndex)
      }
    }
    #expect(whole > 0)
  }

  @Test func `a row that was not fetched is not said to have left`() {
    let cache = cache(ListQuery(after: 60), of: 5000)
    #expect(found(cache, ListQuery(anchor: "t.4000", anchorIndex: 4000, after: 5)) == nil)
  }

  @Test func `a row of which the instance has said that it left has left`() throws {
    let list = ListQuery(anchor: "t.9999", anchorIndex: 20, before: 10, after: 10)
    let (part, isWhole) = try #require(found(cache(list, of: 5000), list))
    #expect(isWhole)
    #expect(part.anchorIndex == nil)
    #expect(part.firstIndex == 10)
  }

  @Test func `near the end of what was fetched more is asked for, and what is there is shown`()
    throws
  {
    let list = ListQuery(anchor: "t.140", anchorIndex: 140, before: 30, after: 30)
    let (part, isWhole) = try #require(found(cache(ListQuery(), of: 5000), list))
    #expect(!isWhole)
    #expect(part.anchorIndex == 140)
  }
}
