import Callboard
import CallboardYAML
import Foundation
import JSONSchema

/// Steps that are workflows, loads and boundary arguments.
extension ScenarioReader {
  /// The functions that the scenario has, mocked or real.
  var definitions: [FunctionDefinition] {
    let mocked = Set(mocked.map(\.name))
    return self.mocked + base.definitions.filter { !mocked.contains($0.name) }
  }

  private var modelNames: [String] { base.models.map(\.name) + scriptNames }

  /// The section `workflows`, beside those of the configuration.
  mutating func workflows() -> [Workflow] {
    let own = reader.workflows(
      root["workflows"],
      at: at("workflows"),
      functions: definitions,
      models: modelNames
    )
    let names = Set(own.map(\.name))
    return base.engine.workflows.filter { !names.contains($0.name) } + own
  }

  mutating func workflowStep(
    _ value: JSONValue,
    at pointer: JSONPointer,
    among known: [Workflow]
  ) -> Scenario.Step.Action? {
    let workflow = workflow(value["run"] ?? .null, at: pointer.appending("run"), among: known)
    // Also where it can't be used, so that only that is told.
    if let name = value["name"]?.stringValue ?? value["run"]?.stringValue { runNames.insert(name) }
    guard let workflow else { return nil }
    let name = value["name"]?.stringValue ?? workflow.name
    runNames.insert(name)
    return .workflow(
      Scenario.WorkflowStep(
        name: name,
        workflow: workflow,
        input: value["with"] ?? .object(JSONObject()),
        caller: value["as"]?.stringValue ?? "caller",
        waits: value["wait"]?.boolValue ?? true
      )
    )
  }

  /// One of those that are known by name, that of a file, or one that stands here.
  private mutating func workflow(
    _ value: JSONValue,
    at pointer: JSONPointer,
    among known: [Workflow]
  ) -> Workflow? {
    if let name = value.stringValue, !name.contains(where: { $0 == "." || $0 == "/" }) {
      if let found = known.first(where: { $0.name == name }) { return found }
      let written = root["workflows"]?.arrayValue ?? []
      // What is wrong with it is told where it stands.
      guard !written.contains(where: { $0["workflow"]?.stringValue == name }) else { return nil }
      let near = nearest(to: name, among: known.map(\.name)).map { "did you mean \($0)?" }
      reader.report(
        pointer,
        "is “\(name)”, which no workflow is called; \(near ?? "add it to workflows, or name its file")"
      )
      return nil
    }
    let check = WorkflowCheck(functions: definitions, models: modelNames)
    do throws(Diagnostics) {
      if let path = value.stringValue {
        let (workflow, document) = try WorkflowFile.read(reader.resolved(path))
        let mistakes = check.mistakes(in: workflow)
        if let wrong = WorkflowFile.diagnostics(mistakes, in: document, at: JSONPointer()) {
          throw wrong
        }
        return workflow
      }
      let workflow = try WorkflowFile.workflow(in: document, at: pointer)
      let mistakes = check.mistakes(in: workflow)
      if let wrong = WorkflowFile.diagnostics(mistakes, in: document, at: pointer) { throw wrong }
      return workflow
    } catch {
      reader.problems += error.all
      return nil
    }
  }

  mutating func loadStep(_ value: JSONValue, at pointer: JSONPointer) -> Scenario.Step.Action {
    let call = value["call"] ?? .null
    let place = pointer.appending("call")
    let count = value["count"]?.intValue ?? 1
    return .load(
      Scenario.LoadPlan(
        name: value["name"]?.stringValue ?? "load",
        function: call["function"]?.stringValue ?? "",
        arguments: template(
          call["with"] ?? .object(JSONObject()),
          at: place.appending("with"),
          knowing: Scenario.LoadPlan.names
        ),
        caller: call["as"]?.stringValue ?? "caller",
        count: count,
        interval: rate(value["rate"], at: pointer.appending("rate")),
        parallel: value["parallel"]?.intValue ?? (value["rate"] == nil ? 1 : count)
      )
    )
  }

  /// `100/s` as the time from one to the next.
  private mutating func rate(_ value: JSONValue?, at pointer: JSONPointer) -> Duration? {
    guard let text = value?.stringValue else { return nil }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let units: [String: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3600)]
    guard parts.count == 2, let number = Double(parts[0]), number > 0, number <= 1_000_000,
      let unit = units[String(parts[1])]
    else {
      reader.report(pointer, "is “\(text)”; write a rate such as 100/s, 30/m or 1000/h")
      return nil
    }
    return unit / number
  }

  mutating func boundaryStep(
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> Scenario.Step.Action? {
    let name = value["function"]?.stringValue ?? ""
    guard let definition = definitions.first(where: { $0.name.description == name }) else {
      let near = nearest(to: name, among: definitions.map(\.name.description))
      reader.report(
        pointer.appending("function"),
        "is “\(name)”, which no function is called; "
          + (near.map { "did you mean \($0)?" } ?? "add it to functions")
      )
      return nil
    }
    do throws(BoundaryArguments.Impossible) {
      let cases = try BoundaryArguments.cases(of: definition.parameters, given: value["with"])
      let only = value["only"]?.stringValue
      return .boundary(
        Scenario.BoundaryPlan(
          function: name,
          caller: value["as"]?.stringValue ?? "caller",
          cases: cases.filter { only == nil || $0.isValid == (only == "valid") }
        )
      )
    } catch {
      reader.report(
        value["with"] == nil ? pointer.appending("function") : pointer.appending("with"),
        "gives no boundary arguments: \(error.reason)"
      )
      return nil
    }
  }
}
