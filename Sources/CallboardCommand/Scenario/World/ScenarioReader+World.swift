import Callboard
import JSONSchema

/// Steps that happen to the engine itself, or around it.
extension ScenarioReader {
  /// nil where it is none of them, or is wrong.
  mutating func worldStep(
    _ key: String,
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> Scenario.WorldStep? {
    switch key {
    case "restart":
      return .restart(
        after: reader.duration(value["after"], at: pointer.appending("after")) ?? .zero
      )
    case "die": return .die(pattern(value, at: pointer))
    case "stop_engine": return .stopEngine
    case "store":
      guard value.stringValue != "works" else { return .store(fault: nil) }
      return .store(fault: value["fails"]?.stringValue ?? Self.fullDisk)
    case "definition": return definitionStep(value, at: pointer)
    case "grant":
      let seconds = reader.seconds(value["for"], at: pointer.appending("for")) ?? 0
      for (index, name) in reader.strings(value["waiting"]).enumerated() {
        let place = pointer.appending("waiting").appending(index)
        checkName(name, among: callNames, "call", at: place)
      }
      let name = value["name"]?.stringValue
      if let name { grantNames.insert(name) }
      return .grant(
        Scenario.GrantStep(
          name: name,
          draft: GrantDraft(
            function: value["function"]?.stringValue ?? "",
            when: value["when"],
            seconds: seconds,
            limit: value["limit"]?.intValue.map { Int($0) }
          ),
          waiting: reader.strings(value["waiting"])
        )
      )
    case "revoke_grant":
      let name = value.stringValue ?? ""
      checkName(name, among: grantNames, "grant before this", at: pointer)
      return .revokeGrant(name)
    case "pause_conversation", "resume_conversation":
      let name = value.stringValue ?? ""
      checkName(name, among: conversationNames, "conversation", at: pointer)
      return .pauseConversation(name, key == "pause_conversation")
    default: return nil
    }
  }

  /// What a store says whose disk is full.
  private static let fullDisk = "the disk is full: callboard.db can't grow; make room there"

  private mutating func definitionStep(
    _ value: JSONValue,
    at pointer: JSONPointer
  ) -> Scenario.WorldStep? {
    let name = value["function"]?.stringValue ?? ""
    guard let function = mocked.first(where: { $0.name.description == name })?.name else {
      let near = nearest(to: name, among: mocked.map(\.name.description))
      reader.report(
        pointer.appending("function"),
        "is “\(name)”, which no function of this scenario is called; "
          + (near.map { "did you mean \($0)?" } ?? "add it to functions")
      )
      return nil
    }
    let change: Scenario.DefinitionStep.Change
    if value["removed"] != nil {
      change = .removed
    } else if value["accept"] != nil {
      change = .accepted
    } else if value["decline"] != nil {
      change = .declined
    } else {
      if let schema = value["parameters"] {
        reader.checkSchema(schema, at: pointer.appending("parameters"))
      }
      change = .announced(
        description: value["description"]?.stringValue,
        parameters: value["parameters"]
      )
    }
    return .definition(Scenario.DefinitionStep(function: function, change: change))
  }
}
