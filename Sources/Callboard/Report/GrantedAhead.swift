import Foundation

/// Counts the calls that grants let start, as the event stream tells of them.
///
/// A grant counts where its approval has let a call start, or still may: what an edit, another definition or the end of
/// the grant has made void, and what ended before it started, counts no longer.
struct GrantedAhead: Sendable {
  private struct Approval: Sendable {
    var grant: GrantID
    var giver: String?

    var name: String { giver.map { "\(grant.short) of \($0)" } ?? grant.short }
  }

  private var counts = Tally()
  /// Of calls that have not started yet.
  private var standing: [CallID: [Approval]] = [:]

  var lines: [ShiftReport.Count] { counts.lines }

  /// Takes the next event of a call within the shift.
  mutating func take(_ word: CallState.Word, _ call: CallID, _ event: EngineEvent) {
    if let grant = event.grant, event.by != nil, word.isApproval {
      let approval = Approval(grant: grant, giver: event.by)
      counts.add(approval.name)
      if standing.count < ShiftReportBuilder.followedCalls {
        standing[call, default: []].append(approval)
      }
      return
    }
    guard standing[call] != nil else { return }
    switch word {
    case .awaitingApproval: askedAnew(call, event)
    case .running, .succeeded: standing[call] = nil
    case .failed, .denied, .expired, .cancelled, .rejected: void(call) { _ in true }
    case .received, .approved, .queued, .backingOff, .stopping, .unknown: break
    }
  }

  /// Something of it changed while it waited, or it waits again.
  private mutating func askedAnew(_ call: CallID, _ event: EngineEvent) {
    guard let by = event.by else {
      // The grant that ended; else everything that was approved before.
      return void(call) { event.grant == nil || $0.grant == event.grant }
    }
    let cause = event.cause ?? ""
    if cause.hasPrefix("edited") {
      void(call) { _ in true }
    } else if cause.contains("taken back") {
      void(call) { $0.giver == by }
    }
  }

  private mutating func void(_ call: CallID, where isVoid: (Approval) -> Bool) {
    guard let approvals = standing[call] else { return }
    for approval in approvals where isVoid(approval) { counts.remove(approval.name) }
    let left = approvals.filter { !isVoid($0) }
    standing[call] = left.isEmpty ? nil : left
  }
}

extension CallState.Word {
  /// Where an approval may leave a call.
  fileprivate var isApproval: Bool {
    switch self {
    case .awaitingApproval, .approved, .queued: true
    case .received, .running, .stopping, .backingOff, .unknown, .succeeded, .failed, .rejected,
      .denied, .expired, .cancelled:
      false
    }
  }
}

/// How often each name came; names beyond the bound share one.
struct Tally: Sendable {
  private var counts: [String: Int] = [:]
  private static let others = "(others)"

  mutating func add(_ name: String) {
    let isNew = counts[name] == nil && counts.count >= ShiftReportBuilder.lines
    counts[isNew ? Self.others : name, default: 0] += 1
  }

  /// Takes one back that was added.
  mutating func remove(_ name: String) {
    let known = counts[name] == nil ? Self.others : name
    counts[known, default: 0] -= 1
    if counts[known, default: 0] <= 0 { counts[known] = nil }
  }

  var lines: [ShiftReport.Count] {
    counts.map { ShiftReport.Count(name: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }
}
