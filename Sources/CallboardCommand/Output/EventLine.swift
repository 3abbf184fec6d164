import Callboard
import Foundation
import JSONSchema

/// One event as a line for people, from the JSON of an event file.
enum EventLine {
  /// The line, with its time in a zone.
  ///
  /// `10:31:07.412     412  call.awaiting_approval  payments.send_wire 1a2b3c  agent-7  rule 2: …`
  static func text(of event: JSONValue, in zone: TimeZone) -> String {
    var parts = [
      time(event["time"]?.stringValue ?? "", in: zone),
      padded(event["seq"]?.intValue.map(String.init) ?? "", 6, leading: true),
      padded(event["type"]?.stringValue ?? "?", 22),
    ]
    if let call = event["call"] {
      parts.append(
        "\(call["function"]?.stringValue ?? "?") \(call["id"]?.stringValue?.suffix(6) ?? "")"
      )
      if let attempt = call["attempt"]?.intValue, attempt > 1 { parts.append("attempt \(attempt)") }
      if let caller = call["caller"]?.stringValue { parts.append(caller) }
    } else if let function = event["function"]?.stringValue {
      parts.append(function)
    } else if let model = event["model"]?["name"]?.stringValue {
      parts.append(model)
    }
    let conversation = event["conversation"] ?? event["call"]?["conversation"]
    if let conversation = conversation?.stringValue { parts.append("c-" + conversation.suffix(4)) }
    parts += details(of: event)
    return parts.joined(separator: "  ")
  }

  private static func details(of event: JSONValue) -> [String] {
    var details: [String] = []
    if let cause = event["cause"]?.stringValue { details.append(cause) }
    if let by = event["by"]?.stringValue { details.append("by \(by)") }
    if let rule = event["rule"]?.stringValue { details.append(rule) }
    if let source = event["source"]?.stringValue, source != "attempt" {
      details.append("(\(source))")
    }
    if let failure = event["failure"] {
      let kind = failure["kind"]?.stringValue ?? ""
      details.append("\(kind): \(failure["message"]?.stringValue ?? "")")
    }
    if let revision = event["seen"]?["revision"]?.intValue {
      details.append("seen at revision \(revision)")
    }
    if let value = event["proposed"] { details.append("proposed " + brief(value.serialized())) }
    if let value = event["value"] { details.append(brief(value.serialized())) }
    if let excerpt = event["excerpt"], let bytes = excerpt["bytes"]?.intValue {
      let digest = excerpt["sha256"]?.stringValue?.prefix(12) ?? ""
      details.append(
        brief(excerpt["head"]?.stringValue ?? "") + " (\(bytes) bytes, SHA-256 \(digest)…)"
      )
    }
    if let last = event["stderr"]?.stringValue?.split(whereSeparator: \.isNewline).last {
      details.append("stderr: \(last.count > 120 ? "…" + last.suffix(120) : last)")
    }
    return details
  }

  private static func brief(_ text: String) -> String {
    text.count > 120 ? text.prefix(120) + "…" : text
  }

  private static func padded(_ text: String, _ width: Int, leading: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return leading ? blanks + text : text + blanks
  }

  /// The time of day in a zone; what can't be read stays as it is.
  private static func time(_ text: String, in zone: TimeZone) -> String {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    guard let date = try? style.parse(text) else { return text }
    let seconds = date.timeIntervalSince1970 + Double(zone.secondsFromGMT(for: date))
    let milliseconds = Int((seconds * 1000).rounded()) % 86_400_000
    func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
    let rest = milliseconds % 1000
    let fraction = String(rest + 1000).dropFirst()
    let whole = milliseconds / 1000
    return "\(two(whole / 3600)):\(two(whole / 60 % 60)):\(two(whole % 60)).\(fraction)"
  }
}
