import Foundation

/// What of the calls or conversations that a store keeps is wanted.
public struct HistoryQuery: Sendable {
  public var list: ListQuery
  public var now: Date
  /// What a function does to the world, where there is one of that name: for `effect:` in filters.
  public var effect: @Sendable (String) -> FunctionEffect?

  public init(
    _ list: ListQuery = ListQuery(),
    now: Date = .distantPast,
    effect: @escaping @Sendable (String) -> FunctionEffect? = { _ in nil }
  ) {
    self.list = list
    self.now = now
    self.effect = effect
  }
}

/// The part of the history that was asked for.
public struct HistoryPage<Item: Sendable>: Sendable {
  public var items: [Item]
  /// Position of the first item in the whole filtered list, from 0.
  public var firstIndex: Int
  /// Items in the whole filtered list.
  public var total: Int
  /// Items that the filter hides.
  public var hidden: Int
  /// Position of the anchor in the whole filtered list, or nil when it has left.
  public var anchorIndex: Int?
  /// What was not done as asked, and why, in a sentence.
  public var notice: String?
  /// Nothing could be read, which is not the same as that there is nothing.
  public var isUnreadable = false

  public init(
    items: [Item] = [],
    firstIndex: Int = 0,
    total: Int = 0,
    hidden: Int = 0,
    anchorIndex: Int? = nil,
    notice: String? = nil
  ) {
    self.items = items
    self.firstIndex = firstIndex
    self.total = total
    self.hidden = hidden
    self.anchorIndex = anchorIndex
    self.notice = notice
  }

  /// The items around the anchor, of a list in order.
  public static func window(
    of kept: [Item],
    hidden: Int,
    _ query: ListQuery,
    name: (Item) -> String
  ) -> HistoryPage {
    let kept = query.reversed ? kept.reversed() : kept
    let anchor = query.anchor.flatMap { text in kept.firstIndex { name($0) == text } }
    let range = query.range(of: kept.count, anchor: anchor)
    return HistoryPage(
      items: Array(kept[range]),
      firstIndex: range.lowerBound,
      total: kept.count,
      hidden: hidden,
      anchorIndex: anchor
    )
  }
}

extension ListQuery {
  /// The places of a list that are wanted, where the anchor stands at one of them.
  public func range(of count: Int, anchor: Int?) -> Range<Int> {
    let centre = min(anchor ?? anchorIndex, max(count - 1, 0))
    let first = min(max(0, centre - before), count)
    return first..<max(first, min(count, centre + after + 1))
  }
}

extension HistoryQuery {
  /// A window onto calls that are all in memory, in their natural order.
  func page(of calls: [Call], title: (ConversationID) -> String?) -> HistoryPage<Call> {
    var kept = calls.filter { call in
      list.filter.admits(Filter.Subject(call, effect: effect, title: title), at: now)
    }
    switch list.sort {
    case .natural: break
    case .name: kept = sorted(kept, by: \.function)
    case .age: kept.sort { $0.receivedAt > $1.receivedAt }
    case .state: kept = sorted(kept, by: \.state.word.index)
    case .duration: kept.sort { ($0.duration ?? -1) > ($1.duration ?? -1) }
    case .count: kept.sort { $0.attempts.count > $1.attempts.count }
    }
    return .window(of: kept, hidden: calls.count - kept.count, list) { $0.id.description }
  }

  /// A window onto conversations that are all in memory.
  func page(of all: [Conversation]) -> HistoryPage<Conversation> {
    var kept = all.filter { list.filter.admits(Filter.Subject($0), at: now) }
    switch list.sort {
    case .natural:
      kept.sort {
        ($0.state.word.isLive ? 1 : 0, $0.lastActivity) > (
          $1.state.word.isLive ? 1 : 0, $1.lastActivity
        )
      }
    case .name: kept.sort { $0.title < $1.title }
    case .age: kept.sort { $0.startedAt > $1.startedAt }
    case .state: kept.sort { $0.state.word.rawValue < $1.state.word.rawValue }
    case .duration: kept.sort { $0.busySeconds > $1.busySeconds }
    case .count: kept.sort { $0.callCount > $1.callCount }
    }
    return .window(of: kept, hidden: all.count - kept.count, list) { $0.id.description }
  }

  /// A window onto runs that are all in memory.
  func page(of all: [WorkflowRun]) -> HistoryPage<WorkflowRun> {
    var kept = all.filter { list.filter.admits(Filter.Subject($0), at: now) }
    func order(_ run: WorkflowRun) -> (Int, Date, RunID) {
      (run.state.word.isLive ? 1 : 0, run.listedBy, run.id)
    }
    switch list.sort {
    case .natural: kept.sort { order($0) > order($1) }
    case .name: kept.sort { ($0.workflow.name, $1.id) < ($1.workflow.name, $0.id) }
    case .age: kept.sort { ($0.startedAt, $0.id) > ($1.startedAt, $1.id) }
    case .state: kept.sort { ($0.state.word.rawValue, $1.id) < ($1.state.word.rawValue, $0.id) }
    case .duration: kept.sort { ($0.seconds(at: now), $0.id) > ($1.seconds(at: now), $1.id) }
    case .count: kept.sort { ($0.steps.count, $0.id) > ($1.steps.count, $1.id) }
    }
    return .window(of: kept, hidden: all.count - kept.count, list) { $0.id.description }
  }

  /// By one thing, and the natural order where that is equal.
  private func sorted<Item, Value: Comparable>(_ items: [Item], by value: (Item) -> Value) -> [Item]
  {
    items.enumerated().map { (value($1), $0, $1) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
  }
}

extension Filter.Subject {
  /// What a filter looks at of a call.
  public init(
    _ call: Call,
    effect: (String) -> FunctionEffect?,
    title: (ConversationID) -> String?
  ) {
    self.init(
      function: call.function,
      state: call.state.word.rawValue,
      caller: call.caller.name,
      conversation: call.conversation.map { $0.short + " " + $0.description } ?? "",
      effect: effect(call.function)?.rawValue ?? "",
      since: call.receivedAt,
      text: [
        call.summary, call.outcome?.failure?.message ?? "", call.conversation.flatMap(title) ?? "",
      ],
      ids: [call.id.description]
    )
  }

  /// What a filter looks at of a run.
  public init(_ run: WorkflowRun) {
    self.init(
      state: run.state.word.rawValue,
      caller: run.caller.name,
      since: run.startedAt,
      text: [run.workflow.name],
      ids: [run.id.short, run.id.description]
    )
  }

  /// What a filter looks at of a conversation.
  public init(_ conversation: Conversation) {
    self.init(
      state: conversation.state.word.rawValue,
      caller: conversation.caller.name,
      conversation: conversation.id.short + " " + conversation.id.description,
      since: conversation.startedAt,
      text: [conversation.title, conversation.model]
    )
  }
}
