import Callboard
import Foundation

/// Writes ages, countdowns and times as of one moment, and remembers when the first of them will read differently.
///
/// Ages change every second below a minute and every minute after that, so that an idle screen writes nothing.
final class Moment {
  let now: Date
  private let zone: TimeZone
  /// When something written with this will have changed.
  private(set) var next: Date?

  init(now: Date, zone: TimeZone) {
    self.now = now
    self.zone = zone
  }

  /// Notes that something on the screen reads differently from then on.
  func changes(at edge: Date) {
    guard edge > now else { return }
    if let known = next, known <= edge { return }
    next = edge
  }

  /// `12 s`, `5 min`, `3 h 12`, `2 d`.
  func age(since start: Date) -> SafeText {
    let seconds = max(0, Int(now.timeIntervalSince(start)))
    guard seconds >= 60 else {
      changes(at: start.addingTimeInterval(Double(seconds + 1)))
      return "\(seconds) s"
    }
    let minutes = seconds / 60
    changes(at: start.addingTimeInterval(Double((minutes + 1) * 60)))
    if minutes < 60 { return "\(minutes) min" }
    let hours = minutes / 60
    if hours < 24 { return "\(hours) h \(twoDigits(minutes % 60))" }
    return "\(hours / 24) d \(hours % 24) h"
  }

  /// `12:41` below an hour, `3 h 05` above; `over` when nothing is left.
  func left(until end: Date) -> SafeText {
    let exact = end.timeIntervalSince(now)
    guard exact > 0 else { return "over" }
    let seconds = Int(exact.rounded(.up))
    if seconds < 3600 {
      changes(at: end.addingTimeInterval(Double(1 - seconds)))
      return "\(seconds / 60):\(twoDigits(seconds % 60))"
    }
    let minutes = seconds / 60
    changes(at: end.addingTimeInterval(-Double(minutes * 60)))
    return "\(minutes / 60) h \(twoDigits(minutes % 60))"
  }

  /// Whether less than a minute is left; a screen that asks is told again when that minute begins.
  func isLastMinute(until end: Date) -> Bool {
    let left = end.timeIntervalSince(now)
    if left > 60 { changes(at: end.addingTimeInterval(-60)) }
    return left <= 60
  }

  /// `14:02:11` today, `Nov 21 14:02` before, in the zone of whoever looks.
  func clock(_ date: Date) -> SafeText {
    let (day, second) = civil(date)
    let (today, _) = civil(now)
    let time: SafeText = "\(twoDigits(second / 3600)):\(twoDigits(second / 60 % 60))"
    guard day != today else { return "\(time):\(twoDigits(second % 60))" }
    let (_, month, dayOfMonth) = calendar(day)
    return "\(months[month - 1]) \(dayOfMonth) \(time)"
  }

  /// As `clock`, without the seconds.
  func minute(_ date: Date) -> SafeText {
    let whole = clock(date)
    return civil(date).day == civil(now).day ? whole.prefix(5) : whole
  }

  /// `2026-11-22 14:02:11`.
  func full(_ date: Date) -> SafeText {
    let (day, second) = civil(date)
    let (year, month, dayOfMonth) = calendar(day)
    let date: SafeText = "\(untrusted: String(year))-\(twoDigits(month))-\(twoDigits(dayOfMonth))"
    return
      "\(date) \(twoDigits(second / 3600)):\(twoDigits(second / 60 % 60)):\(twoDigits(second % 60))"
  }

  private func civil(_ date: Date) -> (day: Int, second: Int) {
    let local =
      Int(date.timeIntervalSince1970.rounded(.down)) + zone.secondsFromGMT(for: date)
    let day = local >= 0 ? local / 86400 : (local - 86399) / 86400
    return (day, local - day * 86400)
  }

  // Days since 1970 to year, month and day: DateFormatter costs more than the whole frame.
  private func calendar(_ day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * ofYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}

private let months: [SafeText] = [
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]
