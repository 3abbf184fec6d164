import Foundation
import JSONSchema

extension WorkflowRun {
  /// The run as JSON text, which `Codable` reads once its workflow is put back; written by hand, because a store writes a
  /// run anew with every step.
  public func storedForm() throws -> [UInt8] {
    var writer = StoredFormWriter()
    try writer.write(self)
    return writer.bytes
  }
}

extension StoredFormWriter {
  fileprivate mutating func write(_ run: WorkflowRun) throws {
    put(#"{"id":""#)
    put(run.id.description)
    put(#"","caller":"#)
    put(run.caller)
    put(#","startedAt":"#)
    put(run.startedAt)
    put(#","input":"#)
    put(run.input)
    put(#","state":"#)
    switch run.state {
    case .running: put(#"{"running":{}}"#)
    case .succeeded: put(#"{"succeeded":{}}"#)
    case .stopping, .failed, .cancelled: try put(encoding: run.state)
    }
    put(#","steps":["#)
    for (index, step) in run.steps.enumerated() {
      if index > 0 { put(",") }
      try put(step)
    }
    put("]")
    try put(#","output":"#, run.output) { $0.put($1) }
    put(#","revision":"#)
    put(String(run.revision))
    put(#","lastActivity":"#)
    put(run.lastActivity)
    try put(#","endedAt":"#, run.endedAt) { $0.put($1) }
    put(#","retries":"#)
    put(String(run.retries))
    put(#","people":["#)
    for (index, person) in run.people.enumerated() {
      if index > 0 { put(",") }
      put(person)
    }
    put("]}")
  }

  private mutating func put(_ step: WorkflowRun.Step) throws {
    put(#"{"id":"#)
    put(string: step.id)
    put(#","state":"#)
    switch step.state {
    case .waiting, .running, .succeeded: put(#"{"\#(step.state.word.rawValue)":{}}"#)
    case .skipped, .failed: try put(encoding: step.state)
    }
    put(#","items":["#)
    for (index, item) in step.items.enumerated() {
      if index > 0 { put(",") }
      try put(item)
    }
    put("]")
    try put(#","startedAt":"#, step.startedAt) { $0.put($1) }
    try put(#","endedAt":"#, step.endedAt) { $0.put($1) }
    put("}")
  }

  private mutating func put(_ item: WorkflowRun.Item) throws {
    put(#"{"state":"#)
    switch item.state {
    case .waiting: put(#"{"waiting":{}}"#)
    case .open: put(#"{"open":{}}"#)
    case .succeeded(let payload):
      put(#"{"succeeded":{"_0":"#)
      put(payload)
      put("}}")
    case .fellBack, .failed: try put(encoding: item.state)
    }
    switch item.work {
    case .call(let id): put(#","work":{"call":{"_0":"\#(id)"}}"#)
    case .conversation(let id): put(#","work":{"conversation":{"_0":"\#(id)"}}"#)
    case nil: break
    }
    try put(#","startedAt":"#, item.startedAt) { $0.put($1) }
    try put(#","endedAt":"#, item.endedAt) { $0.put($1) }
    put(#","isTimedOut":\#(item.isTimedOut)}"#)
  }
}
