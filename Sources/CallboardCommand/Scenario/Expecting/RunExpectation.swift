import Callboard
import Foundation
import JSONSchema

/// What has to become of a workflow's run, and of its steps.
struct RunExpectation: Sendable {
  private var value: JSONValue
  private var output: Schema?
  private var results: [String: Schema] = [:]

  /// `compile` makes a schema of a value at a place below it.
  init(_ value: JSONValue, compile: (JSONValue, [String]) -> Schema?) {
    self.value = value
    output = value["output"].flatMap { compile($0, ["output"]) }
    for (id, step) in value["steps"]?.objectValue ?? JSONObject() {
      results[id] = step["result"].flatMap { compile($0, ["steps", id, "result"]) }
    }
  }

  func checks(_ played: Played) -> [ScenarioRunner.Check] {
    let name = value["run"]?.stringValue
    let runs = played.runs.filter { name == nil || $0.key == name }.sorted { $0.key < $1.key }
    guard !runs.isEmpty else {
      return [.init(expected: "run \(name ?? "of any workflow")", came: "there was none")]
    }
    return runs.flatMap { name, id -> [ScenarioRunner.Check] in
      guard let detail = played.run(id) else {
        return [.init(expected: "run \(name)", came: "it is kept no longer")]
      }
      return checks(name, detail, played.endedRuns[id])
    }
  }

  private func checks(
    _ name: String,
    _ detail: RunDetail,
    _ ended: WorkflowRun?
  ) -> [ScenarioRunner.Check] {
    var checks: [ScenarioRunner.Check] = []
    func expect(_ what: String, _ holds: Bool, _ came: @autoclosure () -> String) {
      checks.append(.init(expected: "run \(name): \(what)", came: holds ? nil : came()))
    }
    let row = detail.row
    if let state = value["state"]?.stringValue {
      expect(
        "state \(state)",
        row.state.rawValue == state,
        "\(row.state.rawValue)\(detail.failure.map { ": \($0)" } ?? ", \(row.doing)")"
      )
    }
    if let output {
      let error = detail.output.map { output.validate($0, stopAtFirst: true).first?.message }
      expect(
        "output fits \(output.document.serialized())",
        error == .some(nil),
        (error ?? nil) ?? "it gave no output"
      )
    }
    if let words = value["failure"]?.stringValue {
      expect(
        "failure “\(words)”",
        detail.failure?.contains(words) == true,
        "“\(detail.failure ?? "nothing")”"
      )
    }
    if let retries = NumberOf(value["retries"]) {
      expect("\(retries.words) retries", retries.holds(row.retries), "\(row.retries)")
    }
    if let time = DurationBounds(value["time"]) {
      let took = Duration.seconds(
        (row.endedAt ?? row.lastActivity).timeIntervalSince(row.startedAt)
      )
      expect("takes \(time.words)", time.holds(took), took.words)
    }
    for (id, wanted) in value["steps"]?.objectValue ?? JSONObject() {
      guard let step = detail.steps.first(where: { $0.id == id }) else {
        let near = nearest(to: id, among: detail.steps.map(\.id)).map { "; did you mean \($0)?" }
        expect("step \(id)", false, "it has no such step\(near ?? "")")
        continue
      }
      for (what, holds, came) in faults(of: step, wanted, ended) {
        expect("step \(id): \(what)", holds, came)
      }
    }
    return checks
  }

  private func faults(
    of step: RunDetail.StepRow,
    _ wanted: JSONValue,
    _ ended: WorkflowRun?
  ) -> [(what: String, holds: Bool, came: String)] {
    var found: [(what: String, holds: Bool, came: String)] = []
    if let state = wanted["state"]?.stringValue {
      let why = step.why.map { ": \($0)" } ?? ""
      found.append(
        ("state \(state)", step.state.rawValue == state, "\(step.state.rawValue)\(why)")
      )
    }
    if let words = wanted["why"]?.stringValue {
      found.append(
        ("because “\(words)”", step.why?.contains(words) == true, "“\(step.why ?? "nothing")”")
      )
    }
    if let calls = NumberOf(wanted["calls"]) {
      found.append(("\(calls.words) calls", calls.holds(step.calls.count), "\(step.calls.count)"))
    }
    if let schema = results[step.id] {
      let value = ended?.result(of: step.id)
      let error = value.map { schema.validate($0, stopAtFirst: true).first?.message }
      found.append(
        (
          "result fits \(schema.document.serialized())", error == .some(nil),
          (error ?? nil) ?? (ended == nil ? "its run has not ended" : "it gave no result")
        )
      )
    }
    return found
  }
}

extension WorkflowRun {
  /// What a step gave, as it may be shown; the array of its items' results where it has a `for_each`.
  fileprivate func result(of id: String) -> JSONValue? {
    guard let step = steps.first(where: { $0.id == id }), !step.items.isEmpty else { return nil }
    let values = step.items.map { $0.state.value?.shown ?? .null }
    if workflow.step(id)?.repetition != nil { return .array(values) }
    return step.items.first?.state.value?.shown
  }
}
