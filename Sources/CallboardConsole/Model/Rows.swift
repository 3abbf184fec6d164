import Callboard

/// One thing a cursor can be on.
enum Item: Sendable {
  case call(CallRow)
  /// Calls that wait and are alike, in one row.
  case fold(Fold)
  case conversation(ConversationRow)
  case run(RunRow)
  case function(FunctionRow)
  case provider(ProviderRow)
  case error(ErrorRow)
  case event(AuditRow)
  case definition(DefinitionRow)

  var id: String {
    switch self {
    case .call(let row): row.id.description
    case .fold(let fold): fold.id
    case .conversation(let row): row.id.description
    case .run(let row): row.id.description
    case .function(let row): row.id
    // A space is in no name of a function.
    case .provider(let row): "provider " + row.id
    case .error(let row): "error " + row.id
    // A number alone is the id of nothing else.
    case .event(let row): String(row.seq)
    case .definition(let row): Self.id(ofDefinition: row.name)
    }
  }
}

extension Item {
  /// A space is in no name of a function, and in no id of a call.
  static func id(ofDefinition name: String) -> String { "definition " + name }
}

/// Waiting calls of one function, rule, requester and conversation.
struct Fold: Sendable {
  /// At least two, in the order of the list.
  var rows: [CallRow]
  /// What they have in common; no call's id looks like it.
  var id: String

  /// The fold that a call belongs to; nil: it stands alone.
  static func id(of row: CallRow) -> String? {
    guard row.state == .awaitingApproval else { return nil }
    let conversation = row.conversation?.description ?? ""
    return ["fold", row.function, row.caller, conversation, row.rule ?? ""]
      .joined(separator: "\u{1F}")
  }

  /// The parts of each call's summary that not all of them have.
  var differences: [String] {
    let parts = rows.map { $0.summary.split(separator: " · ").map(String.init) }
    let shared = parts.dropFirst().reduce(Set(parts.first ?? [])) { $0.intersection($1) }
    return parts.map { $0.filter { !shared.contains($0) }.joined(separator: " · ") }
  }
}

/// The part of a list that was fetched, whatever it lists.
struct Rows: Sendable {
  var items: [Item] = []
  /// Position of the first one in the whole filtered list.
  var firstIndex = 0
  var total = 0
  var hidden = 0
  /// What was not done as asked, and why.
  var notice: String?
  /// Equal calls have a row each, because there are more than were fetched.
  private(set) var isTooLongToFold = false
  /// Whether a cursor that is on nothing goes to the first row by itself.
  var isForTaking = true

  /// Everything that there is was fetched, and nothing is filtered out.
  var isWhole: Bool { firstIndex == 0 && items.count == total && hidden == 0 }

  func item(at index: Int) -> Item? {
    let offset = index - firstIndex
    return items.indices.contains(offset) ? items[offset] : nil
  }

  func index(of id: String) -> Int? {
    items.firstIndex { $0.id == id }.map { $0 + firstIndex }
  }

  func item(_ id: String?) -> Item? {
    guard let id else { return nil }
    return items.first { $0.id == id }
  }

  init() {}

  init(whole items: [Item], hidden: Int = 0) {
    self.items = items
    total = items.count
    self.hidden = hidden
  }

  private init<Row>(_ page: Page<Row>, _ item: (Row) -> Item) {
    items = page.rows.map(item)
    firstIndex = page.firstIndex
    total = page.total
    hidden = page.hidden
    notice = page.notice
  }

  /// The rows that a snapshot holds; none for a document.
  init(_ body: Snapshot.Body, sort: ListQuery.Sort) {
    switch body {
    case .overview(let overview):
      self.init(whole: OverviewLayout.items(of: overview))
      // What runs is gone in a moment; what waits for a person stays.
      isForTaking = !overview.waiting.isEmpty
    case .waiting(let page), .calls(let page): self.init(page, Item.call)
    case .conversations(let page): self.init(page, Item.conversation)
    case .runs(let page, _): self.init(page, Item.run)
    case .errors(let page): self.init(page, Item.error)
    case .audit(let audit): self.init(audit.page, Item.event)
    case .functions(let page, let providers):
      self.init(
        whole: Rows.grouped(page.rows, providers: providers, sort: sort),
        hidden: page.hidden
      )
    case .call, .conversation, .run, .function, .report, .grants, .grantPreview, .header:
      self.init()
    }
  }

  /// The same rows with equal waiting calls in one row each, where all rows are there.
  ///
  /// What the cursor is on is never folded away under it.
  func folded(open: Set<String>, cursor: String?) -> Rows {
    guard items.count == total else {
      var single = self
      single.isTooLongToFold = true
      return single
    }
    var members: [String: [CallRow]] = [:]
    var open = open
    for case .call(let row) in items {
      guard let id = Fold.id(of: row) else { continue }
      members[id, default: []].append(row)
      if row.id.description == cursor { open.insert(id) }
    }
    var folded = self
    folded.items = items.compactMap { item in
      guard case .call(let row) = item, let id = Fold.id(of: row), !open.contains(id),
        let rows = members[id], rows.count > 1
      else { return item }
      return rows.first?.id == row.id ? .fold(Fold(rows: rows, id: id)) : nil
    }
    folded.total = folded.items.count
    return folded
  }

  /// The same with changed definitions after everything else, where the end of the list is there.
  func with(_ definitions: [DefinitionRow]) -> Rows {
    var all = self
    if firstIndex + items.count == total { all.items += definitions.map(Item.definition) }
    all.total += definitions.count
    return all
  }

  /// Functions under their providers while they are in the order of their names, else by themselves.
  private static func grouped(
    _ functions: [FunctionRow],
    providers: [ProviderRow],
    sort: ListQuery.Sort
  ) -> [Item] {
    guard sort == .natural || sort == .name else { return functions.map(Item.function) }
    var items: [Item] = []
    var last: String?
    for function in functions {
      if function.provider != last {
        last = function.provider
        if let provider = providers.first(where: { $0.namespace == function.provider }) {
          items.append(.provider(provider))
        }
      }
      items.append(.function(function))
    }
    return items
  }
}
