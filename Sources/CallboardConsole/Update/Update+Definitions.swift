import Callboard
import CallboardTerminal

/// Keys that act on a changed definition.
func decide(
  _ action: Action,
  on definition: DefinitionRow,
  _ model: inout ConsoleModel,
  sight: Sight
) -> [Intent] {
  let now = sight.header.now
  guard let shown = sight.function?.change?.row, shown.name == definition.name,
    let reading = model.definitionReadings[definition.name], reading.shows(shown.from, shown.to)
  else {
    model.say("it has changed and is not on the screen yet; nothing ran", .warning, at: now)
    return []
  }
  if action == .deny {
    return [
      .send(.declineDefinition(definition.name, from: reading.from, to: reading.to), .plain)
    ]
  }
  guard reading.unread == 0 else {
    let key = model.keys.key(of: reading.isBelow ? .paneDown : .paneUp)
    model.say("\(counted(reading.unread, "line", "lines")) unread: \(key)", .warning, at: now)
    return []
  }
  return [.send(.acceptDefinition(definition.name, from: reading.from, to: reading.to), .plain)]
}
