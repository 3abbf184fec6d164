import Callboard

/// What is marked on each screen, in the order in which it was marked: things, not rows.
///
/// A mark stays on its thing whatever rows come, go or are filtered; only a person, or a batch that took it, takes it off.
struct Marks: Sendable, Hashable {
  private var ids: [Screen: [String]] = [:]

  /// Most things that are marked on one screen.
  static let limit = 500

  func on(_ screen: Screen) -> [String] { ids[screen] ?? [] }

  func holds(_ id: String, on screen: Screen) -> Bool { ids[screen]?.contains(id) ?? false }

  /// Marks all of these, or unmarks them where all are marked; false where there is no room.
  mutating func toggle(_ new: [String], on screen: Screen) -> Bool {
    let known = ids[screen] ?? []
    if new.allSatisfy(known.contains) {
      ids[screen] = known.filter { !new.contains($0) }
      return true
    }
    let added = new.filter { !known.contains($0) }
    guard known.count + added.count <= Self.limit else { return false }
    ids[screen] = known + added
    return true
  }

  mutating func clear(_ screen: Screen) { ids[screen] = nil }

  mutating func take(_ taken: Set<String>, off screen: Screen) {
    ids[screen]?.removeAll(where: taken.contains)
  }
}

extension Screen {
  /// Whether its rows can be marked, and what a batch may do with them.
  var batchActions: [Action] {
    switch self {
    case .waiting, .calls: [.approve, .deny, .cancel, .runAgain]
    case .conversations: [.cancel]
    case .errors: [.runAgain]
    case .overview, .functions, .workflows, .audit: []
    }
  }
}

extension Item {
  /// What a mark on its row marks; empty: nothing of it can be marked.
  var markable: [String] {
    switch self {
    case .call, .conversation, .error: [id]
    case .fold(let fold): fold.rows.map(\.id.description)
    case .run, .function, .provider, .event, .definition: []
    }
  }
}
