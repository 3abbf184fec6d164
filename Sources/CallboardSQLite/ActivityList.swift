import Callboard

/// What a list looks at of one conversation or run: live ones first, then by a moment.
struct ActivityHead<ID: TimeOrderedID>: Sendable {
  var id: ID
  var isLive: Bool
  var activity: Double
  var subject: Filter.Subject
}

extension SQLiteStore {
  /// The part of a list that was asked for.
  ///
  /// `isCut`: there are more than were looked at, so that no order but that of the index is right. `things`: what they are
  /// called in its notice.
  static func window<ID>(
    of heads: [ActivityHead<ID>],
    isCut: Bool,
    _ query: HistoryQuery,
    things: String
  ) -> HistoryPage<ActivityHead<ID>> {
    let list = query.list
    var kept = heads.filter { list.filter.admits($0.subject, at: query.now) }
    kept.sort {
      ($0.isLive ? 1 : 0, $0.activity, $0.id) > ($1.isLive ? 1 : 0, $1.activity, $1.id)
    }
    var notice: String?
    switch list.sort {
    case .natural: break
    case .name where isCut, .age where isCut, .state where isCut:
      notice =
        "more than \(searched) \(things) can't be sorted by \(list.sort.rawValue): live ones first"
    case .name: kept.sort { ($0.subject.text[0], $1.id) < ($1.subject.text[0], $0.id) }
    case .age: kept.sort { ($0.subject.since, $0.id) > ($1.subject.since, $1.id) }
    case .state: kept.sort { ($0.subject.state, $1.id) < ($1.subject.state, $0.id) }
    case .duration, .count:
      notice = "\(things) can't be sorted by \(list.sort.rawValue): live ones first"
    }
    if isCut, notice == nil { notice = "only the newest \(searched) \(things) are listed" }
    var window = HistoryPage.window(of: kept, hidden: heads.count - kept.count, list) {
      $0.id.description
    }
    window.notice = notice
    return window
  }
}
