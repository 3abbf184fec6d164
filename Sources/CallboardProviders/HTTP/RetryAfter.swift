import Foundation

/// The seconds that a `Retry-After` asks to wait: a number, or the time until a date; nil where it says neither.
func retryAfter(_ text: String, now: Date) -> Double? {
  let text = text.trimmingCharacters(in: .whitespaces)
  if let seconds = Double(text),
    text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") })
  {
    return seconds
  }
  return httpDate(text).map { max(0, $0.timeIntervalSince(now)) }
}

/// A date in any of the three forms of RFC 9110, all of which name day, month and year in an order that tells
/// them apart.
func httpDate(_ text: String) -> Date? {
  var day: Int?
  var month: Int?
  var year: Int?
  var seconds: Int?
  for token in text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }) {
    if token.contains(":") {
      let parts = token.split(separator: ":").map { Int($0) }
      guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2],
        (0..<24).contains(hour), (0..<60).contains(minute), (0...60).contains(second)
      else { return nil }
      seconds = (hour * 60 + minute) * 60 + second
    } else if let number = Int(token) {
      if day == nil {
        day = number
      } else {
        year = number < 100 ? number + (number < 70 ? 2000 : 1900) : number
      }
    } else if let index = months.firstIndex(of: String(token)) {
      month = index + 1
    }
  }
  guard let day, (1...31).contains(day), let month, let year, (1970..<10_000).contains(year),
    let seconds
  else { return nil }
  return Date(
    timeIntervalSince1970: Double(
      daysSince1970(year: year, month: month, day: day) * 86_400 + seconds
    )
  )
}

private let months = [
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]

/// Counts days in years that begin in March, so that the leap day is the last.
private func daysSince1970(year: Int, month: Int, day: Int) -> Int {
  let shifted = month > 2 ? year : year - 1
  let monthFromMarch = (month + 9) % 12
  return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * monthFromMarch + 2)
    / 5 + day - 719_469
}
