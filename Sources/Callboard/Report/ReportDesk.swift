import Foundation
import Synchronization

/// Reports that were asked for: each is read once, in the background, and kept for a while.
final class ReportDesk: Sendable {
  struct Window: Hashable, Sendable {
    var since: Date
    var until: Date
  }

  struct State {
    var done: [Window: ShiftReport] = [:]
    /// Oldest first.
    var order: [Window] = []
    var reading: Set<Window> = []
  }

  /// Most reports that are kept.
  static let kept = 4

  let state = Mutex(State())
}

extension Engine {
  /// What happened between two moments; nil while it is being read, and observers hear when it has been.
  func report(since: Date, until: Date) -> ShiftReport? {
    let window = ReportDesk.Window(since: since, until: until)
    let (done, begins) = reports.state.withLock { state -> (ShiftReport?, Bool) in
      if let done = state.done[window] { return (done, false) }
      guard state.reading.count < ReportDesk.kept else { return (nil, false) }
      return (nil, state.reading.insert(window).inserted)
    }
    guard begins else { return done }
    Task.detached(priority: .utility) { [weak self] in
      guard let self else { return }
      let report = await self.read(window)
      self.reports.state.withLock { state in
        state.reading.remove(window)
        state.done[window] = report
        state.order.append(window)
        if state.order.count > ReportDesk.kept { state.done[state.order.removeFirst()] = nil }
      }
      self.changed()
    }
    return nil
  }

  /// Events that are read at once; others may use the store between.
  private static let piece = 2000

  private func read(_ window: ReportDesk.Window) async -> ShiftReport {
    var builder = ShiftReportBuilder(
      since: window.since,
      until: window.until,
      sums: configuration.reportSums
    )
    let from = ShiftReportBuilder.readsSince(window.since, until: window.until)
    var next = firstEvent(since: from) - 1
    let begins = store.events(after: 0, limit: 1).first
    while true {
      let events = store.events(after: next, limit: Self.piece)
      guard let last = events.last else { break }
      for event in events { builder.take(event) }
      next = last.seq
      if last.time >= window.until { break }
      await Task.yield()
    }
    var report = builder.finished(open: openNow())
    if let begins, begins.seq > 1, begins.time > window.since {
      report.gap = "the event log begins at event \(begins.seq): what was before is kept no longer"
    }
    return report
  }

  /// The number of the first event that is not older than a moment: events are in the order of time.
  private func firstEvent(since: Date) -> Int {
    var low = 1
    var high = store.lastSequence + 1
    while low < high {
      let middle = (low + high) / 2
      if let event = store.events(after: middle - 1, limit: 1).first, event.time < since {
        low = max(middle, event.seq) + 1
      } else {
        high = middle
      }
    }
    return low
  }

  private func openNow() -> [ShiftReport.Open] {
    waiting.ids.prefix(ShiftReportBuilder.followedCalls).compactMap { id in
      table.withShard(of: id) { $0.calls[id]?.call }.map { call in
        ShiftReport.Open(
          call: id,
          function: call.function,
          caller: call.caller.name,
          state: call.state.word,
          since: call.state.word == .awaitingApproval
            ? call.approval?.askedAt ?? call.inStateSince : call.inStateSince
        )
      }
    }
  }
}
