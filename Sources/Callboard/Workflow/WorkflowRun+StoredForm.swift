import Foundation
import JSONSchema

/// How a run stands in a store, which writes it anew with every step: as short JSON text without its workflow, which
/// never changes.
///
/// Beside what `Codable` would write: steps stand in the order of the workflow, a step that waits is `0`, what began or
/// ended with its step does not say when, and other times are nanoseconds since the run began.
extension WorkflowRun {
  public func storedForm() throws -> [UInt8] {
    var writer = StoredFormWriter()
    try writer.write(self)
    return writer.bytes
  }

  /// Reads what `storedForm` wrote, or what `Codable` did, as stores before it have it.
  ///
  /// `document`: the workflow's.
  public init(storedForm: JSONValue, of document: JSONValue) throws {
    var form = storedForm
    if let start = try form["start"].map({ try $0.decode(as: Date.self) }) {
      form = try Expansion(start: start).run(form, of: document)
    }
    form["workflow"] = document
    self = try form.decode(as: WorkflowRun.self)
  }
}

extension StoredFormWriter {
  fileprivate mutating func write(_ run: WorkflowRun) throws {
    put(#"{"id":""#)
    put(run.id.uuid)
    put(#"","caller":"#)
    put(run.caller)
    put(#","start":"#)
    put(run.startedAt)
    put(#","input":"#)
    put(run.input)
    put(#","state":"#)
    switch run.state {
    case .running, .succeeded: put(quoted: run.state.word.rawValue)
    case .stopping, .failed, .cancelled: try put(encoding: run.state)
    }
    put(#","steps":["#)
    for (index, step) in run.steps.enumerated() {
      if index > 0 { put(",") }
      try put(step, of: run)
    }
    put("]")
    try put(#","output":"#, run.output) { $0.put($1) }
    put(#","revision":"#)
    put(number: run.revision)
    put(#","last":"#)
    put(run.lastActivity, since: run.startedAt)
    try put(#","end":"#, run.endedAt) { $0.put($1, since: run.startedAt) }
    if run.retries > 0 {
      put(#","retries":"#)
      put(number: run.retries)
    }
    if run.people != [run.caller] {
      try put(#","people":"#, run.people) { try $0.put(encoding: $1) }
    }
    put("}")
  }

  private mutating func put(_ step: WorkflowRun.Step, of run: WorkflowRun) throws {
    if step == WorkflowRun.Step(id: step.id) { return put("0") }
    put(#"{"state":"#)
    switch step.state {
    case .waiting, .running, .succeeded: put(quoted: step.state.word.rawValue)
    case .skipped, .failed: try put(encoding: step.state)
    }
    try put(#","start":"#, step.startedAt) { $0.put($1, since: run.startedAt) }
    try put(#","end":"#, step.endedAt) { $0.put($1, since: run.startedAt) }
    put(#","items":["#)
    for (index, item) in step.items.enumerated() {
      if index > 0 { put(",") }
      try put(item, of: step, run)
    }
    put("]}")
  }

  private mutating func put(
    _ item: WorkflowRun.Item,
    of step: WorkflowRun.Step,
    _ run: WorkflowRun
  ) throws {
    if item == WorkflowRun.Item() { return put("0") }
    switch item.state {
    case .waiting: put(#"{"state":"waiting""#)
    case .open: put(#"{"state":"open""#)
    case .succeeded(let payload):
      put(#"{"result":"#)
      put(payload)
    case .fellBack, .failed:
      put(#"{"state":"#)
      try put(encoding: item.state)
    }
    switch item.work {
    case .call(let id):
      put(#","call":""#)
      put(id.uuid)
      put("\"")
    case .conversation(let id):
      put(#","talk":""#)
      put(id.uuid)
      put("\"")
    case nil: break
    }
    put(#","start":"#, item.startedAt, unless: step.startedAt, since: run.startedAt)
    put(#","end":"#, item.endedAt, unless: step.endedAt, since: run.startedAt)
    if item.isTimedOut { put(#","isTimedOut":true"#) }
    put("}")
  }

  private mutating func put(_ key: String, _ date: Date?, unless known: Date?, since start: Date) {
    guard date != known else { return }
    put(key)
    if let date { put(date, since: start) } else { put("null") }
  }

  /// Nanoseconds; one that is decades away is written out.
  ///
  /// Exact, because a `Date` of our days has steps of more than a hundred.
  private mutating func put(_ date: Date, since start: Date) {
    let seconds = date.timeIntervalSince(start)
    guard abs(seconds) < 1e9 else { return put(date) }
    put(number: Int((seconds * 1e9).rounded()))
  }
}

/// Makes of a stored form what `Codable` reads.
private struct Expansion {
  let start: Date

  func run(_ form: JSONValue, of document: JSONValue) throws -> JSONValue {
    var run = form
    run["start"] = nil
    run["startedAt"] = form["start"]
    run["state"] = form["state"].map(state)
    run["last"] = nil
    run["lastActivity"] = try form["last"].map(date)
    run["end"] = nil
    run["endedAt"] = try form["end"].map(date)
    run["retries"] = form["retries"] ?? 0
    run["people"] = form["people"] ?? .array([form["caller"] ?? .null])
    let ids = document["steps"]?.arrayValue ?? []
    let steps = form["steps"]?.arrayValue ?? []
    guard ids.count == steps.count else {
      let words = "\(steps.count) steps are kept of a workflow with \(ids.count)"
      throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: words))
    }
    run["steps"] = .array(
      try zip(ids, steps).map { described, step in try self.step(step, id: described["id"] ?? .null)
      }
    )
    return run
  }

  private func step(_ form: JSONValue, id: JSONValue) throws -> JSONValue {
    guard form.objectValue != nil else {
      return ["id": id, "state": ["waiting": [:]], "items": []]
    }
    var step: JSONValue = ["id": id]
    step["state"] = form["state"].map(state)
    step["items"] = .array(try (form["items"]?.arrayValue ?? []).map { try item($0, of: form) })
    step["startedAt"] = try form["start"].map(date)
    step["endedAt"] = try form["end"].map(date)
    return step
  }

  private func item(_ form: JSONValue, of step: JSONValue) throws -> JSONValue {
    var item: JSONValue = ["isTimedOut": form["isTimedOut"] ?? false]
    guard form.objectValue != nil else {
      item["state"] = ["waiting": [:]]
      return item
    }
    item["state"] = form["result"].map { ["succeeded": ["_0": $0]] } ?? form["state"].map(state)
    item["work"] =
      form["call"].map { ["call": ["_0": $0]] } ?? form["talk"].map { ["conversation": ["_0": $0]] }
    for (key, name) in [("start", "startedAt"), ("end", "endedAt")] {
      guard let value = form[key] ?? step[key], !value.isNull else { continue }
      item[name] = try date(value)
    }
    return item
  }

  /// A state without more to it is its word.
  private func state(_ form: JSONValue) -> JSONValue {
    form.stringValue.map { .object([$0: [:]]) } ?? form
  }

  private func date(_ form: JSONValue) throws -> JSONValue {
    guard let nanoseconds = form.intValue else { return form }
    return try JSONValue(encoding: start.addingTimeInterval(Double(nanoseconds) / 1e9))
  }
}
