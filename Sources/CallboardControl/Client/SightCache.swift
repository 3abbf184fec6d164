import Callboard
import Foundation

/// What an instance has shown, by query; parts of lists are cut from the larger parts that were fetched.
struct SightCache: Sendable {
  /// One answer.
  struct Entry: Sendable {
    var body: Snapshot.Body
    var definitions: [DefinitionRow]
    /// The instance's mark of this body.
    var mark: String
    /// Which change it is as new as.
    var epoch: Int
    /// When it came, by the monotonic clock.
    var at: Duration
    /// When it was asked for last, in looks.
    var usedAt: Int
    /// What the cursor was on when it was asked for, where the instance said that it is not in the list.
    var gone: String?
  }

  /// What is known about a query.
  struct Found: Sendable {
    var body: Snapshot.Body
    var definitions: [DefinitionRow]
    var epoch: Int
    var at: Duration
    /// All that was asked for is there; else there is only enough to go on with.
    var isWhole: Bool
  }

  private var entries: [Query: Entry] = [:]
  private var looks = 0

  /// More answers than a person goes back to.
  static let limit = 256

  mutating func find(_ query: Query) -> Found? {
    let family = query.family
    guard var entry = entries[family] else { return nil }
    looks += 1
    entry.usedAt = looks
    entries[family] = entry
    guard let (body, isWhole) = entry.body.part(for: query, gone: entry.gone) else { return nil }
    return Found(
      body: body,
      definitions: entry.definitions,
      epoch: entry.epoch,
      at: entry.at,
      isWhole: isWhole
    )
  }

  func has(_ query: Query) -> Bool { entries[query.family] != nil }

  func mark(of query: Query) -> String? { entries[query.family]?.mark }

  mutating func store(
    _ body: Snapshot.Body,
    _ definitions: [DefinitionRow],
    mark: String,
    of query: Query,
    epoch: Int,
    at: Duration
  ) {
    looks += 1
    var entry = Entry(
      body: body,
      definitions: definitions,
      mark: mark,
      epoch: epoch,
      at: at,
      usedAt: looks
    )
    entry.gone = body.lacksAnchor ? query.list?.anchor : nil
    entries[query.family] = entry
    guard entries.count > Self.limit,
      let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt })
    else { return }
    entries[oldest.key] = nil
  }

  /// The instance has said that an answer is as it was.
  mutating func confirm(_ query: Query, epoch: Int, at: Duration) {
    if let body = entries[query.family]?.body {
      entries[query.family]?.gone = body.lacksAnchor ? query.list?.anchor : nil
    }
    entries[query.family]?.epoch = epoch
    entries[query.family]?.at = at
  }

  /// Keeps only answers that are as new as this.
  mutating func drop(before epoch: Int) { entries = entries.filter { $0.value.epoch >= epoch } }

  /// The calls beside this one in the lists that are known, nearest first.
  func neighbours(of call: CallID) -> [CallID] {
    for entry in entries.values {
      let rows: [CallRow]
      switch entry.body {
      case .waiting(let page), .calls(let page): rows = page.rows
      case .overview, .call, .conversations, .conversation, .runs, .run, .functions, .function,
        .errors, .grants, .grantPreview, .report, .audit, .header:
        continue
      }
      guard let index = rows.firstIndex(where: { $0.id == call }) else { continue }
      return [1, -1, 2].map { index + $0 }.filter(rows.indices.contains).map { rows[$0].id }
    }
    return []
  }
}

extension Query {
  /// The same for every part of one list.
  var family: Query {
    switch self {
    case .waiting(let list): .waiting(list.whole)
    case .calls(let list): .calls(list.whole)
    case .conversations(let list): .conversations(list.whole)
    case .runs(let list): .runs(list.whole)
    case .functions(let list): .functions(list.whole)
    case .errors(let list): .errors(list.whole)
    case .audit(let list): .audit(list.whole)
    case .overview, .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header:
      self
    }
  }

  /// Asks for more rows than are shown, so that a cursor can move among them.
  var widened: Query {
    switch self {
    case .waiting(let list): .waiting(list.widened)
    case .calls(let list): .calls(list.widened)
    case .conversations(let list): .conversations(list.widened)
    case .runs(let list): .runs(list.widened)
    case .functions(let list): .functions(list.widened)
    case .errors(let list): .errors(list.widened)
    case .audit(let list): .audit(list.widened)
    case .overview, .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header:
      self
    }
  }
}

extension ListQuery {
  fileprivate var whole: ListQuery { ListQuery(filter: filter, sort: sort, reversed: reversed) }

  fileprivate var widened: ListQuery {
    var list = self
    list.before = max(list.before, 150)
    list.after = max(list.after, 150)
    return list
  }
}

extension Snapshot.Body {
  /// Whether it is a part of a list without the thing that it was asked for around.
  fileprivate var lacksAnchor: Bool {
    switch self {
    case .waiting(let page), .calls(let page): page.anchorIndex == nil
    case .conversations(let page): page.anchorIndex == nil
    case .runs(let page, _): page.anchorIndex == nil
    case .functions(let page, _): page.anchorIndex == nil
    case .errors(let page): page.anchorIndex == nil
    case .audit(let audit): audit.page.anchorIndex == nil
    case .overview, .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header:
      false
    }
  }

  /// What of it answers a query of its family, and whether that is all that was asked for; nil: it can't be told.
  ///
  /// By the list that is asked for: one answer stands under one family of queries.
  fileprivate func part(
    for query: Query,
    gone: String?
  ) -> (Snapshot.Body, isWhole: Bool)? {
    guard let list = query.list else { return (self, true) }
    switch self {
    case .waiting(let page):
      return page.part(for: list, gone: gone) { $0.id.description }.map { (.waiting($0.0), $0.1) }
    case .calls(let page):
      return page.part(for: list, gone: gone) { $0.id.description }.map { (.calls($0.0), $0.1) }
    case .conversations(let page):
      return page.part(for: list, gone: gone) { $0.id.description }.map {
        (.conversations($0.0), $0.1)
      }
    case .runs(let page, let workflows):
      return page.part(for: list, gone: gone) { $0.id.description }.map {
        (.runs($0.0, workflows: workflows), $0.1)
      }
    case .functions(let page, let providers):
      return page.part(for: list, gone: gone) { $0.id }.map {
        (.functions($0.0, providers: providers), $0.1)
      }
    case .errors(let page):
      return page.part(for: list, gone: gone) { $0.id }.map { (.errors($0.0), $0.1) }
    case .audit(let audit):
      return audit.page.part(for: list, gone: gone) { String($0.seq) }.map { part, isWhole in
        var audit = audit
        audit.page = part
        return (.audit(audit), isWhole)
      }
    case .overview, .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header:
      return nil
    }
  }
}

extension Query {
  /// The list that it is about; nil where it is about one thing.
  fileprivate var list: ListQuery? {
    switch self {
    case .waiting(let list), .calls(let list), .conversations(let list), .runs(let list),
      .functions(let list), .errors(let list), .audit(let list):
      list
    case .overview, .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header:
      nil
    }
  }
}

extension Page {
  /// The rows around the anchor of a query; nil: it can't be told from these rows where that is.
  fileprivate func part(
    for list: ListQuery,
    gone: String?,
    name: (Row) -> String
  ) -> (Page, isWhole: Bool)? {
    let end = firstIndex + rows.count
    let isAll = rows.count == total
    let anchor = list.anchor.flatMap { wanted in
      rows.firstIndex { name($0) == wanted }.map { $0 + firstIndex }
    }
    // A thing that is in none of these rows has left where these are all, or where the instance has said so.
    if list.anchor != nil, anchor == nil, !isAll, list.anchor != gone { return nil }
    let middle = min(anchor ?? list.anchorIndex, max(0, total - 1))
    guard total == 0 || (firstIndex..<end).contains(middle) else { return nil }
    let first = max(firstIndex, middle - list.before)
    // `after` may be as large as a number can be.
    let last = list.after >= end - middle ? end : middle + list.after + 1
    var page = Page(
      rows: first < last ? Array(rows[(first - firstIndex)..<(last - firstIndex)]) : [],
      firstIndex: first,
      total: total,
      hidden: hidden,
      anchorIndex: anchor
    )
    page.notice = notice
    let wantsBelow = list.after >= total - middle ? total : middle + list.after + 1
    return (page, first <= max(0, middle - list.before) && end >= wantsBelow)
  }
}
