import Foundation
import JSONSchema

/// One part of a report as lines to read; what is in them may be from outside.
public struct ReportSection: Sendable, Hashable {
  public var title: String
  public var lines: [String]
}

extension ShiftReport {
  /// The report in words, for the command line and the console alike, with times in a zone.
  public func sections(in zone: TimeZone) -> [ReportSection] {
    let clock = ReportClock(zone: zone, today: until)
    var sections: [ReportSection] = []
    func add(_ title: String, _ lines: [String]) {
      if !lines.isEmpty { sections.append(ReportSection(title: title, lines: lines)) }
    }
    add("from \(clock.text(since)) to \(clock.text(until))", [summary] + [gap].compactMap(\.self))
    add("still open", openLines(clock))
    add("decided by", people.map(\.words))
    add("by grant", byGrant.map(\.words))
    add("grants given, taken back and void", grants.map { $0.words(clock) })
    add("by rule, without a person", byRule.map(\.words))
    add(
      "not decided",
      expired.map { "\($0.name): \($0.count) expired unanswered" }
        + nobodyToAsk.map { "\($0.name): \($0.count) denied, with nobody to ask" }
    )
    add("switched", switched.map { $0.words(clock) })
    add("outages", outages.map { $0.words(clock) })
    add("changed definitions", definitions.map { $0.words(clock) })
    for sum in sums where !sum.groups.isEmpty || sum.unread > 0 {
      let by = sum.by.map { " by \($0)" } ?? ""
      add("sum of \(sum.field)\(by), \(sum.function)", sum.lines)
    }
    let new = errors.filter(\.isNew)
    add(
      "new errors, not seen since \(clock.text(comparedSince))",
      new.map { $0.words(clock) }
    )
    add("errors seen before", errors.filter { !$0.isNew }.map { $0.words(clock) })
    if notified + notifyFailed > 0 {
      let failed = notifyFailed > 0 ? ", \(notifyFailed) of them in vain" : ""
      add("called", ["people were called \(notified) times\(failed)"])
    }
    if left > 0 { add("not listed", ["\(left) more lines that no list here had room for"]) }
    return sections
  }

  private var summary: String {
    var parts = ["\(calls.received) calls: \(calls.succeeded) succeeded"]
    func add(_ count: Int, _ word: String) { if count > 0 { parts.append("\(count) \(word)") } }
    add(calls.failed, "failed")
    add(calls.unknown, "with unknown outcome")
    add(calls.rejected, "rejected")
    add(calls.denied, "denied")
    add(calls.expired, "expired")
    add(calls.cancelled, "cancelled")
    return parts.joined(separator: ", ")
  }

  private func openLines(_ clock: ReportClock) -> [String] {
    guard !open.isEmpty else { return ["nothing waits for a person"] }
    let lines = open.map { call in
      let what = call.state == .unknown ? "outcome unknown" : "waits for approval"
      return "\(call.function) \(call.call.short) of \(call.caller): \(what) since "
        + clock.text(call.since)
    }
    return openLeft > 0 ? lines + ["and \(openLeft) more"] : lines
  }
}

/// Times of a report: of the day, with the date where it is another day than the report's end.
struct ReportClock {
  var zone: TimeZone
  var today: Date

  func text(_ date: Date) -> String {
    let (day, time) = parts(date)
    return day == parts(today).day ? time : "\(day) \(time)"
  }

  private func parts(_ date: Date) -> (day: String, time: String) {
    let local = date.addingTimeInterval(Double(zone.secondsFromGMT(for: date)))
    let text = ISOTime.text(of: local)
    return (String(text.prefix(10)), String(text.dropFirst(11).prefix(5)))
  }
}

extension ShiftReport.Count {
  fileprivate var words: String { "\(name): \(count)" }
}

extension ShiftReport.Person {
  fileprivate var words: String {
    var parts: [String] = []
    func add(_ count: Int, _ word: String) { if count > 0 { parts.append("\(word) \(count)") } }
    add(approved, "approved")
    add(denied, "denied")
    add(edited, "edited")
    add(extended, "gave more time to")
    add(undone, "took back")
    add(settled, "settled")
    add(cancelled, "cancelled")
    add(ranAgain, "ran again")
    add(lookedUp, "looked up")
    add(refused, "was refused")
    return "\(name): " + parts.joined(separator: ", ")
  }
}

extension ShiftReport.GrantStep {
  fileprivate func words(_ clock: ReportClock) -> String {
    let name = grant?.short ?? "a grant"
    switch kind {
    case .given:
      let end = until.map { ", until " + clock.text($0) } ?? ""
      return "\(clock.text(at)) \(by) gave \(name): \(covers)" + end
    case .takenBack:
      return "\(clock.text(at)) \(by) took back \(name) of \(giver ?? "?"), for \(function)"
    case .void:
      return
        "\(clock.text(at)) \(name) of \(giver ?? "?") is void for \(function): its definition has changed"
        + (cause.map { ": \($0)" } ?? "")
    }
  }
}

extension ShiftReport.Switch {
  fileprivate func words(_ clock: ReportClock) -> String {
    "\(clock.text(at)) \(function ?? "everything") \(to.replacing("_", with: " ")) by \(by)"
  }
}

extension ShiftReport.Definition {
  fileprivate func words(_ clock: ReportClock) -> String {
    "\(clock.text(at)) \(function) \(change.replacing("_", with: " "))"
      + (by.map { " by \($0)" } ?? "")
  }
}

extension ShiftReport.Outage {
  fileprivate func words(_ clock: ReportClock) -> String {
    let what =
      switch kind {
      case .breaker: "\(name ?? "?"): breaker open"
      case .store: "the store took nothing"
      case .engine: "callboard was down"
      case .model: "the model \(name ?? "?") gave no turn"
      }
    var text = "\(what) \(times == 1 ? "once" : "\(times) times")"
    // Of a kill only the last thing before it and the first after it are known.
    let bound = kind == .engine ? "at most " : ""
    if kind != .model { text += ", \(bound)\(Duration.seconds(seconds.rounded()).words) in all" }
    text += ", first \(clock.text(first))"
    if let last {
      if kind != .model { text += ", over since \(clock.text(last))" }
    } else {
      text += ", not over"
    }
    return text + (why.map { ": \($0)" } ?? "")
  }
}

extension ShiftReport.Sum {
  fileprivate var lines: [String] {
    var lines = groups.map { group in
      let name = group.value.map { "\($0): " } ?? ""
      let maybe =
        group.unknownCalls > 0
        ? "; and perhaps \(group.unknown) of \(group.unknownCalls) with unknown outcome" : ""
      return
        "\(name)\(group.total) in \(group.calls) \(group.calls == 1 ? "call" : "calls")\(maybe)"
    }
    if unread > 0 { lines.append("not in it: \(unread) calls whose \(field) could not be read") }
    return lines
  }
}

extension ShiftReport.Failures {
  fileprivate func words(_ clock: ReportClock) -> String {
    "\(function) \(kind.rawValue.replacing("_", with: " ")) \(count == 1 ? "once" : "\(count) times"), "
      + "last \(clock.text(last)): \(message)"
  }
}
