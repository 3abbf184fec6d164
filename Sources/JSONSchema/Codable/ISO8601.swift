import FoundationEssentials

/// A date as text in UTC, with three, six or nine decimals of the second: as many as reading it back needs.
func iso8601(_ date: Date) -> String? {
  let seconds = date.timeIntervalSinceReferenceDate
  guard seconds.isFinite, seconds.magnitude < 1e12 else { return nil }
  for decimals in [3, 6, 9] {
    guard let text = iso8601(seconds, decimals: decimals) else { return nil }
    if decimals == 9 || JSONSchema.date(fromISO8601: text) == date { return text }
  }
  return nil
}

/// 1 January 2001, from where Foundation counts, in days since 1970.
private let referenceDay: Int64 = 11323

private func iso8601(_ seconds: Double, decimals: Int) -> String? {
  var scale: Int64 = 1
  for _ in 0..<decimals { scale *= 10 }
  var whole = Int64(seconds.rounded(.down))
  var fraction = Int64(((seconds - seconds.rounded(.down)) * Double(scale)).rounded())
  if fraction == scale {
    whole += 1
    fraction = 0
  }
  var day = whole / 86400
  var second = whole % 86400
  if second < 0 {
    second += 86400
    day -= 1
  }
  let (year, month, dayOfMonth) = civil(day + referenceDay)
  guard year >= 0, year <= 9999 else { return nil }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(30)
  func put(_ value: Int64, _ width: Int) {
    var divisor: Int64 = 1
    for _ in 1..<width { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }
  put(year, 4)
  bytes.append(UInt8(ascii: "-"))
  put(month, 2)
  bytes.append(UInt8(ascii: "-"))
  put(dayOfMonth, 2)
  bytes.append(UInt8(ascii: "T"))
  put(second / 3600, 2)
  bytes.append(UInt8(ascii: ":"))
  put(second / 60 % 60, 2)
  bytes.append(UInt8(ascii: ":"))
  put(second % 60, 2)
  bytes.append(UInt8(ascii: "."))
  put(fraction, decimals)
  bytes.append(UInt8(ascii: "Z"))
  return String(decoding: bytes, as: UTF8.self)
}

/// The date of a text in the form of RFC 3339, nil where it is none.
func date(fromISO8601 text: String) -> Date? {
  guard isDateTime(text) else { return nil }
  let bytes = Array(text.utf8)
  func number(_ range: Range<Int>) -> Int64 {
    range.reduce(0) { $0 * 10 + Int64(bytes[$1] &- 0x30) }
  }
  let day = days(year: number(0..<4), month: number(5..<7), day: number(8..<10)) - referenceDay
  var seconds = day * 86400 + number(11..<13) * 3600 + number(14..<16) * 60 + number(17..<19)
  var at = 19
  var fraction = 0.0
  if bytes[at] == UInt8(ascii: ".") {
    let start = at + 1
    at = start
    while bytes[at] &- 0x30 < 10 { at += 1 }
    let digits = min(at - start, 15)
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    fraction = Double(number(start..<start + digits)) / scale
  }
  if bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
    let offset = number(at + 1..<at + 3) * 3600 + number(at + 4..<at + 6) * 60
    seconds -= bytes[at] == UInt8(ascii: "-") ? -offset : offset
  }
  return Date(timeIntervalSinceReferenceDate: Double(seconds) + fraction)
}

/// Year, month and day of a day counted from 1 January 1970.
private func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
  // Years are counted from 1 March of year 0, so that the leap day is the last of its year.
  let shifted = day + 719468
  let era = (shifted >= 0 ? shifted : shifted - 146096) / 146097
  let dayOfEra = shifted - era * 146097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shiftedMonth = (5 * dayOfYear + 2) / 153
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}

/// The day counted from 1 January 1970.
private func days(year: Int64, month: Int64, day: Int64) -> Int64 {
  let shifted = month <= 2 ? year - 1 : year
  let era = (shifted >= 0 ? shifted : shifted - 399) / 400
  let yearOfEra = shifted - era * 400
  let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
}
