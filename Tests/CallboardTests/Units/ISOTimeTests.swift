import Foundation
import Testing

@testable import Callboard

struct ISOTimeTests {
  @Test(arguments: [
    0: "1970-01-01T00:00:00.000Z", 1_795_343_467.412: "2026-11-22T10:31:07.412Z",
    -0.0005: "1969-12-31T23:59:59.999Z",
    951_782_400: "2000-02-29T00:00:00.000Z", 4_107_542_399.5: "2100-02-28T23:59:59.500Z",
    -11_644_473_600: "1601-01-01T00:00:00.000Z", 253_402_300_799.999: "9999-12-31T23:59:59.999Z",
    -62_135_596_800: "0001-01-01T00:00:00.000Z",
  ])
  func `times are RFC 3339 in UTC with milliseconds`(seconds: Double, text: String) {
    #expect(ISOTime.text(of: Date(timeIntervalSince1970: seconds)) == text)
  }

  @Test func `every day of four centuries is Foundation's`() {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    for day in stride(from: -47_482, to: 109_207, by: 1) {
      let date = Date(
        timeIntervalSince1970: Double(day) * 86400 + Double((day % 86400 + 86400) % 86400)
      )
      let ours = ISOTime.text(of: date)
      if ours != date.formatted(style) {
        Issue.record("\(ours) is not \(date.formatted(style))")
        return
      }
    }
  }

  @Test func `every millisecond is its own`() {
    for millisecond in 0..<1000 {
      let date = Date(timeIntervalSince1970: 1_795_343_467 + Double(millisecond) / 1000)
      let digits = String(String(1000 + millisecond).dropFirst())
      #expect(ISOTime.text(of: date) == "2026-11-22T10:31:07.\(digits)Z")
    }
  }
}
