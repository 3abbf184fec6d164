import Callboard

/// What a peer may ask for at most: numbers and names come from outside.
enum Bounds {
  /// Rows on one side of a list's cursor, and positions in it.
  static let rows = 100_000
  static let positions = 1 << 40
  static let overviewRows = 1...1000
  /// Bytes of a function's or provider's name.
  static let name = 512

  static func isName(_ text: String) -> Bool { text.utf8.count <= name }
}

extension Query {
  /// The same with numbers that can be counted with.
  var bounded: Query {
    switch self {
    case .overview(let rows):
      .overview(
        rows: min(max(rows, Bounds.overviewRows.lowerBound), Bounds.overviewRows.upperBound)
      )
    case .waiting(let list): .waiting(list.bounded)
    case .calls(let list): .calls(list.bounded)
    case .conversations(let list): .conversations(list.bounded)
    case .runs(let list): .runs(list.bounded)
    case .functions(let list): .functions(list.bounded)
    case .errors(let list): .errors(list.bounded)
    case .audit(let list): .audit(list.bounded)
    case .call, .conversation, .run, .function, .grants, .grantPreview, .report, .header: self
    }
  }
}

extension ListQuery {
  fileprivate var bounded: ListQuery {
    var list = self
    list.anchorIndex = min(max(0, anchorIndex), Bounds.positions)
    list.before = min(max(0, before), Bounds.rows)
    list.after = min(max(0, after), Bounds.rows)
    return list
  }
}

extension Request {
  /// Whether the names in it can be names.
  var hasPossibleNames: Bool {
    switch self {
    case .setFunction(let name, _, _), .setProvider(let name, _, _), .setBreaker(let name, _, _),
      .acceptDefinition(let name, _, _), .declineDefinition(let name, _, _):
      Bounds.isName(name)
    case .grant(let draft, _): Bounds.isName(draft.function)
    case .startRun(let name, _, _): Bounds.isName(name)
    case .clearCache(let function): function.map(Bounds.isName) ?? true
    case .approve, .deny, .edit, .extend, .undo, .settle, .check, .cancel, .runAgain, .hold,
      .revokeGrant, .stopConversation, .pauseConversation, .message, .cancelRun, .retryRun,
      .reading, .left:
      true
    }
  }
}
