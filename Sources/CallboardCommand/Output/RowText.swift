import Callboard
import Foundation
import JSONSchema

/// What lists of a running instance look like on a command line: columns for people, JSON for programs.
enum RowText {
  /// Rows in columns as wide as what stands in them; the last one is not padded.
  static func columns(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, text in
        column == row.count - 1
          ? text : text + String(repeating: " ", count: widths[column] - text.count)
      }.joined(separator: "  ")
    }
  }

  /// `4m 10s`: how long until then, or `over`.
  static func left(until end: Date?, from now: Date) -> String {
    guard let end else { return "-" }
    let seconds = Int(end.timeIntervalSince(now).rounded(.down))
    guard seconds > 0 else { return "over" }
    if seconds < 60 { return "\(seconds)s" }
    if seconds < 3600 { return "\(seconds / 60)m \(seconds % 60)s" }
    return "\(seconds / 3600)h \(seconds % 3600 / 60)m"
  }

  // MARK: - Calls

  static func waiting(_ rows: [CallRow], now: Date) -> [String] {
    columns(
      rows.map { row in
        [
          row.id.description, row.function,
          row.state == .unknown
            ? "outcome unknown" : "\(row.approvalsGiven) of \(row.approvalsNeeded)",
          left(until: row.expiresAt, from: now), row.caller, row.summary,
        ]
      }
    )
  }

  static func calls(_ rows: [CallRow]) -> [String] {
    columns(
      rows.map { row in
        [
          row.id.description, ISOTime.text(of: row.receivedAt), row.state.rawValue, row.function,
          row.caller, row.summary,
        ]
      }
    )
  }

  static func json(_ row: CallRow) -> JSONValue {
    var object: JSONObject = [
      "id": .string(row.id.description), "function": .string(row.function),
      "caller": .string(row.caller), "state": .string(row.state.rawValue),
      "received_at": time(row.receivedAt), "since": time(row.since),
      "revision": .integer(Int64(row.revision)), "summary": .string(row.summary),
    ]
    object["effect"] = row.effect.map { .string($0.rawValue) }
    object["conversation"] = row.conversation.map { .string($0.description) }
    object["attempt"] = row.attempt.map { .integer(Int64($0)) }
    object["duration"] = row.duration.map { .double($0) }
    object["digest"] = row.digest.map { .string($0) }
    object["rule"] = row.rule.map { .string($0) }
    object["expires_at"] = row.expiresAt.map(time)
    object["failure"] = row.failure.map { .string($0.rawValue) }
    if row.approvalsNeeded > 0 {
      object["approvals"] = [
        "given": .integer(Int64(row.approvalsGiven)),
        "needed": .integer(Int64(row.approvalsNeeded)),
      ]
    }
    if row.isHeld { object["held"] = true }
    return .object(object)
  }

  // MARK: - Conversations

  static func conversations(_ rows: [ConversationRow]) -> [String] {
    columns(
      rows.map { row in
        [
          row.id.description, row.state.rawValue, row.caller, row.model, "\(row.turns) turns",
          "\(row.calls) calls", row.doing, row.title,
        ]
      }
    )
  }

  static func json(_ row: ConversationRow) -> JSONValue {
    [
      "id": .string(row.id.description), "title": .string(row.title),
      "caller": .string(row.caller), "model": .string(row.model),
      "state": .string(row.state.rawValue), "doing": .string(row.doing),
      "turns": .integer(Int64(row.turns)), "calls": .integer(Int64(row.calls)),
      "tokens": .integer(Int64(row.tokens)), "started_at": time(row.startedAt),
      "last_activity": time(row.lastActivity),
    ]
  }

  static func lines(_ detail: ConversationDetail) -> [String] {
    var lines = conversations([detail.row])
    if let failure = detail.failure { lines.append("failed: \(failure)") }
    for entry in detail.transcript {
      let text = entry.message.text ?? ""
      let calls = entry.calls.map { "calls \($0.function) \($0.id)" }
      let words = ([text] + calls).filter { !$0.isEmpty }.joined(separator: " · ")
      lines.append("\(ISOTime.text(of: entry.at))  \(entry.message.role.rawValue)  \(words)")
    }
    if let writing = detail.writing { lines.append("writing: \(writing)") }
    return lines
  }

  static func json(_ detail: ConversationDetail) -> JSONValue {
    guard case .object(var object) = json(detail.row) else { return .null }
    object["failure"] = detail.failure.map { .string($0) }
    object["transcript"] = .array(
      detail.transcript.map { entry in
        var part: JSONObject = [
          "at": time(entry.at), "turn": .integer(Int64(entry.turn)),
          "role": .string(entry.message.role.rawValue),
        ]
        part["text"] = entry.message.text.map { .string($0) }
        if !entry.calls.isEmpty {
          part["calls"] = .array(entry.calls.map { .string($0.id.description) })
        }
        return .object(part)
      }
    )
    return .object(object)
  }

  static func time(_ date: Date) -> JSONValue { .string(ISOTime.text(of: date)) }
}
