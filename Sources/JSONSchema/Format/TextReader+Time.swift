extension TextReader {
  /// `full-date` of RFC 3339.
  mutating func fullDate() -> Bool {
    guard let year = number(digits: 4), take("-"), let month = number(digits: 2), take("-"),
      let day = number(digits: 2)
    else { return false }
    let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    switch month {
    case 2: return (1...(isLeap ? 29 : 28)).contains(day)
    case 4, 6, 9, 11: return (1...30).contains(day)
    case 1, 3, 5, 7, 8, 10, 12: return (1...31).contains(day)
    default: return false
    }
  }

  /// `full-time` of RFC 3339.
  ///
  /// A leap second is one only at the end of a day in UTC.
  mutating func fullTime() -> Bool {
    guard let hour = number(digits: 2), take(":"), let minute = number(digits: 2), take(":"),
      let second = number(digits: 2), hour < 24, minute < 60, second <= 60
    else { return false }
    if take("."), skipDigits() == 0 { return false }
    var minuteInUTC = hour * 60 + minute
    if !takeLetter("z") {
      let isBehind = take("-")
      guard isBehind || take("+"), let hours = number(digits: 2), take(":"),
        let minutes = number(digits: 2), hours < 24, minutes < 60
      else { return false }
      minuteInUTC += (isBehind ? 1 : -1) * (hours * 60 + minutes)
    }
    return second < 60 || (minuteInUTC + 2880) % 1440 == 1439
  }

  /// `date-time` of RFC 3339.
  mutating func dateTime() -> Bool { fullDate() && takeLetter("t") && fullTime() }

  /// `duration` of RFC 3339, appendix A.
  mutating func duration() -> Bool {
    guard take("P") else { return false }
    if next == UInt8(ascii: "T") { return durationTime() }
    guard skipDigits() > 0 else { return false }
    if take("W") { return true }
    guard run(of: ["Y", "M", "D"]) else { return false }
    return next == UInt8(ascii: "T") ? durationTime() : true
  }

  private mutating func durationTime() -> Bool {
    take("T") && skipDigits() > 0 && run(of: ["H", "M", "S"])
  }

  /// Units after numbers, the first number already read: they follow each other without a gap.
  private mutating func run(of units: [Unicode.Scalar]) -> Bool {
    guard var place = units.firstIndex(where: { UInt32(next) == $0.value }) else { return false }
    skip()
    while isDigit(next) {
      place += 1
      guard skipDigits() > 0, place < units.count, take(units[place]) else { return false }
    }
    return true
  }
}
