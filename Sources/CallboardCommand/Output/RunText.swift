import Callboard
import Foundation
import JSONSchema

/// Runs of workflows on a command line: columns for people, JSON for programs.
enum RunText {
  static func rows(_ rows: [RunRow]) -> [String] {
    RowText.columns(
      rows.map { row in
        [
          row.id.description, ISOTime.text(of: row.startedAt), row.state.rawValue, row.workflow,
          "\(row.done)/\(row.steps)", row.caller, row.doing,
        ]
      }
    )
  }

  static func json(_ row: RunRow) -> JSONValue {
    var object: JSONObject = [
      "id": .string(row.id.description), "workflow": .string(row.workflow),
      "caller": .string(row.caller), "state": .string(row.state.rawValue),
      "steps": .integer(Int64(row.steps)), "done": .integer(Int64(row.done)),
      "started_at": .string(ISOTime.text(of: row.startedAt)),
      "last_activity": .string(ISOTime.text(of: row.lastActivity)),
      "retries": .integer(Int64(row.retries)), "revision": .integer(Int64(row.revision)),
      "needs_person": .bool(row.needsPerson),
    ]
    object["ended_at"] = row.endedAt.map { .string(ISOTime.text(of: $0)) }
    if !row.doing.isEmpty { object["doing"] = .string(row.doing) }
    return .object(object)
  }

  static func lines(_ detail: RunDetail) -> [String] {
    let row = detail.row
    var lines = [
      "\(row.workflow) \(row.id) \(row.state.rawValue), for \(row.caller), began \(ISOTime.text(of: row.startedAt))",
      "input: \(detail.input.serialized())",
    ]
    let steps = detail.steps.map { step -> [String] in
      let time = step.startedAt.map { began in
        let seconds = (step.endedAt ?? row.endedAt ?? row.lastActivity).timeIntervalSince(began)
        return Duration.seconds(max(0, seconds)).words
      }
      let items = step.items.map { " \($0.done)/\($0.all)" } ?? ""
      let waiting = step.calls.filter(\.state.needsPerson).map { "\($0.state.rawValue) \($0.id)" }
      return [
        "  " + step.id, step.state.rawValue + items, time ?? "-", step.does,
        step.why ?? waiting.joined(separator: ", "),
      ]
    }
    lines += RowText.columns(steps)
    if let output = detail.output { lines.append("output: \(output.serialized())") }
    if let failure = detail.failure { lines.append("failed: \(failure)") }
    return lines
  }

  static func json(_ detail: RunDetail) -> JSONValue {
    var object = json(detail.row).objectValue ?? JSONObject()
    object["input"] = detail.input
    object["output"] = detail.output
    object["failure"] = detail.failure.map { .string($0) }
    object["steps"] = .array(
      detail.steps.map { step in
        var part: JSONObject = [
          "id": .string(step.id), "state": .string(step.state.rawValue),
          "does": .string(step.does), "required": .bool(step.isRequired),
        ]
        part["why"] = step.why.map { .string($0) }
        part["started_at"] = step.startedAt.map { .string(ISOTime.text(of: $0)) }
        part["ended_at"] = step.endedAt.map { .string(ISOTime.text(of: $0)) }
        part["items"] = step.items.map {
          ["done": .integer(Int64($0.done)), "all": .integer(Int64($0.all))]
        }
        part["calls"] = .array(step.calls.map { RowText.json($0) })
        if !step.conversations.isEmpty {
          part["conversations"] = .array(step.conversations.map { .string($0.description) })
        }
        return .object(part)
      }
    )
    return .object(object)
  }
}
