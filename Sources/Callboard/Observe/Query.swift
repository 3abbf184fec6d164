import Foundation

/// What a view wants to know.
///
/// Its cost depends on the rows asked for, not on how many calls there are.
public enum Query: Sendable, Hashable, Codable {
  case overview(rows: Int)
  case waiting(ListQuery)
  case calls(ListQuery)
  case call(CallID)
  case conversations(ListQuery)
  case conversation(ConversationID)
  /// Runs of workflows, and the workflows there are.
  case runs(ListQuery)
  case run(RunID)
  case functions(ListQuery)
  case function(String)
  case errors(ListQuery)
  /// Approvals given ahead, the newest first.
  case grants
  /// What a grant would do if this person gave it now.
  case grantPreview(GrantDraft, by: Principal)
  /// What happened between two moments; read in the background, so the first answer may be none.
  case report(since: Date, until: Date)
  /// The event log, newest first.
  case audit(ListQuery)
  /// Only the title row's numbers.
  case header
}

/// A window onto a list.
public struct ListQuery: Sendable, Hashable, Codable {
  public var filter: Filter
  public var sort: Sort
  public var reversed: Bool
  /// Identity of the row the cursor is on (a call's, conversation's or function's text form).
  public var anchor: String?
  /// Where the anchor was last: used when it has left the list.
  public var anchorIndex: Int
  /// Rows wanted before and after the anchor.
  ///
  /// Without an anchor the window begins at `anchorIndex` − `before`.
  public var before: Int
  public var after: Int

  public init(
    filter: Filter = Filter(),
    sort: Sort = .natural,
    reversed: Bool = false,
    anchor: String? = nil,
    anchorIndex: Int = 0,
    before: Int = 0,
    after: Int = 50
  ) {
    self.filter = filter
    self.sort = sort
    self.reversed = reversed
    self.anchor = anchor
    self.anchorIndex = anchorIndex
    self.before = before
    self.after = after
  }

  /// What a list can be ordered by.
  public enum Sort: String, Sendable, Hashable, Codable, CaseIterable {
    /// Each list's own order: waiting by unknown first and time left, calls newest first, functions by
    /// name, conversations by last activity, errors by count.
    case natural
    case name
    case age
    case state
    case duration
    case count
  }
}

/// The part of a list that was asked for.
public struct Page<Row: Sendable & Codable>: Sendable, Codable {
  public var rows: [Row]
  /// Position of the first row in the whole filtered list, from 0.
  public var firstIndex: Int
  /// Rows in the whole filtered list.
  public var total: Int
  /// Rows that the filter hides.
  public var hidden: Int
  /// Position of the anchor in the whole filtered list, or nil when it has left.
  public var anchorIndex: Int?
  /// What was not done as asked, and why, in a sentence.
  public var notice: String?
  /// Nothing could be read, which is not the same as that there is nothing.
  public var isUnreadable = false

  public init(
    rows: [Row] = [],
    firstIndex: Int = 0,
    total: Int = 0,
    hidden: Int = 0,
    anchorIndex: Int? = nil
  ) {
    self.rows = rows
    self.firstIndex = firstIndex
    self.total = total
    self.hidden = hidden
    self.anchorIndex = anchorIndex
  }

  /// The rows of a part of the history.
  init<Item>(_ page: HistoryPage<Item>, rows: [Row]) {
    self.init(
      rows: rows,
      firstIndex: page.firstIndex,
      total: page.total,
      hidden: page.hidden,
      anchorIndex: page.anchorIndex
    )
    isUnreadable = page.isUnreadable
  }
}
