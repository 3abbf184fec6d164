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

  /// Everything a person decides by: who asks, why a person is asked, and all arguments.
  static func lines(_ detail: CallDetail, now: Date) -> [String] {
    let (row, call) = (detail.row, detail.call)
    var pairs: [(String, String)] = [
      ("call", row.id.description), ("function", row.function + effect(row)),
      ("state", row.state.rawValue), ("asked by", row.caller),
    ]
    if let conversation = row.conversation {
      let title = row.conversationTitle.map { " “\($0)”" } ?? ""
      pairs.append(("conversation", conversation.description + title))
    }
    if let approval = call.approval {
      pairs.append(("held by", approval.requirement.rule))
      let names = approval.approvals.map(\.by.name)
      let who = names.isEmpty ? "" : " (\(names.joined(separator: ", ")))"
      pairs.append(("approved by", "\(names.count) of \(approval.requirement.approvers)\(who)"))
      if row.state == .awaitingApproval {
        pairs.append(("expires in", left(until: approval.expiresAt, from: now)))
      }
    }
    pairs.append(("revision", String(row.revision)))
    if let digest = row.digest { pairs.append(("digest", digest)) }
    if let outcome = call.outcome {
      if let value = outcome.value?.shown { pairs.append(("result", value.serialized())) }
      if let failure = outcome.failure {
        pairs.append(("failure", "\(failure.kind.rawValue): \(failure.message)"))
      }
    } else if let failure = call.firstFailure {
      pairs.append(("failure", "\(failure.kind.rawValue): \(failure.message)"))
    }
    let width = pairs.map(\.0.count).max() ?? 0
    var lines = pairs.map { name, value in
      name + String(repeating: " ", count: width - name.count) + "  " + value
    }
    lines.append("arguments")
    let arguments = (call.decided ?? call.proposed)?.shown.serialized(pretty: true)
    lines += (arguments ?? call.unparsed ?? "none").split(separator: "\n").map { "  \($0)" }
    lines.append("history")
    for step in call.history {
      let by = step.by.map { ", by \($0)" } ?? ""
      lines.append("  \(ISOTime.text(of: step.at))  \(step.state.rawValue)  \(step.cause)\(by)")
    }
    return lines
  }

  private static func effect(_ row: CallRow) -> String {
    row.effect.map { ", \($0.rawValue)" } ?? ""
  }

  static func json(_ detail: CallDetail) -> JSONValue {
    guard case .object(var object) = json(detail.row) else { return .null }
    let call = detail.call
    object["proposed"] = call.proposed?.shown
    object["arguments"] = (call.decided ?? call.proposed)?.shown
    object["unparsed"] = call.unparsed.map { .string($0) }
    object["result"] = call.outcome?.value?.shown
    if let failure = call.outcome?.failure ?? call.firstFailure {
      object["failure"] = [
        "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
        "reach": .string(failure.reach.rawValue),
      ]
    }
    if let approval = call.approval {
      object["approved_by"] = .array(approval.approvals.map { .string($0.by.name) })
    }
    object["history"] = .array(
      call.history.map { step in
        var part: JSONObject = [
          "at": time(step.at), "state": .string(step.state.rawValue), "cause": .string(step.cause),
        ]
        part["by"] = step.by.map { .string($0) }
        part["attempt"] = step.attempt.map { .integer(Int64($0)) }
        return .object(part)
      }
    )
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

  private static func time(_ date: Date) -> JSONValue { .string(ISOTime.text(of: date)) }
}
