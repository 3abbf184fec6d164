import Foundation

extension Duration {
  /// For sentences, to the millisecond: `300 ms`, `1.5 s`, `30 min`, `1 h 30 min`.
  package var words: String {
    let milliseconds = Int((self / .milliseconds(1)).rounded())
    guard milliseconds >= 1000 else { return milliseconds == 0 ? "0 s" : "\(milliseconds) ms" }
    let seconds = milliseconds / 1000
    var parts: [String] = []
    if seconds >= 3600 { parts.append("\(seconds / 3600) h") }
    if seconds / 60 % 60 > 0 { parts.append("\(seconds / 60 % 60) min") }
    if milliseconds % 60_000 > 0 {
      parts.append("\((Double(milliseconds % 60_000) / 1000).formatted()) s")
    }
    return parts.joined(separator: " ")
  }
}
