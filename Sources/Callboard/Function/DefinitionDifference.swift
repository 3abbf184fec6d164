import JSONSchema

/// One thing in which two definitions of a function differ.
public struct DefinitionDifference: Sendable, Hashable, Codable {
  /// What it is about: `effect`, `description`, or a place in the parameters in the words of a reader, such as `amount`
  /// or `amount: maximum`.
  public var what: String
  /// nil: it was not there.
  public var before: JSONValue?
  /// nil: it is not there any more.
  public var after: JSONValue?
  /// Only words for people and models: nothing that is accepted or refused changes by it.
  public var isNotice: Bool

  public init(what: String, before: JSONValue?, after: JSONValue?, isNotice: Bool = false) {
    self.what = what
    self.before = before
    self.after = after
    self.isNotice = isNotice
  }
}

extension DefinitionDifference {
  /// What has changed from an accepted definition, what binds first.
  static func between(
    _ before: AcceptedDefinition,
    description: String,
    parameters: JSONValue,
    effect: FunctionEffect
  ) -> [DefinitionDifference] {
    var found: [DefinitionDifference] = []
    if before.effect != effect {
      found.append(
        DefinitionDifference(
          what: "effect",
          before: .string(before.effect.rawValue),
          after: .string(effect.rawValue)
        )
      )
    }
    compare(before.parameters, parameters, at: "", &found)
    if before.description != description {
      found.append(
        DefinitionDifference(
          what: "description",
          before: .string(before.description),
          after: .string(description),
          isNotice: true
        )
      )
    }
    return found.filter { !$0.isNotice } + found.filter(\.isNotice)
  }

  /// Keywords whose members are schemas of fields, which are named without the keyword.
  private static let fields: Set<String> = ["properties"]

  private static func compare(
    _ before: JSONValue,
    _ after: JSONValue,
    at place: String,
    _ found: inout [DefinitionDifference]
  ) {
    guard before != after else { return }
    guard let old = before.objectValue, let new = after.objectValue else {
      found.append(
        DefinitionDifference(
          what: place.isEmpty ? "parameters" : place,
          before: before,
          after: after
        )
      )
      return
    }
    for key in old.keys + new.keys.filter({ old[$0] == nil }) {
      if fields.contains(key), old[key]?.objectValue != nil || new[key]?.objectValue != nil {
        let names = old[key]?.objectValue ?? JSONObject()
        let others = new[key]?.objectValue ?? JSONObject()
        for name in names.keys + others.keys.filter({ names[$0] == nil }) {
          let path = place.isEmpty ? name : place + "/" + name
          member(names[name], others[name], path, isNotice: false, &found)
        }
      } else {
        member(
          old[key],
          new[key],
          place.isEmpty ? key : place + ": " + key,
          isNotice: DefinitionHash.annotations.contains(key),
          &found
        )
      }
    }
  }

  private static func member(
    _ before: JSONValue?,
    _ after: JSONValue?,
    _ place: String,
    isNotice: Bool,
    _ found: inout [DefinitionDifference]
  ) {
    guard before != after else { return }
    guard let before, let after, !isNotice, before.objectValue != nil, after.objectValue != nil
    else {
      found.append(
        DefinitionDifference(what: place, before: before, after: after, isNotice: isNotice)
      )
      return
    }
    compare(before, after, at: place, &found)
  }

  /// A few words for lists and the event stream: `amount: maximum, memo and 2 more`.
  static func summary(of differences: [DefinitionDifference]) -> String {
    let binding = differences.filter { !$0.isNotice }
    let names = (binding.isEmpty ? differences : binding).map { difference in
      let verb = difference.before == nil ? "+" : difference.after == nil ? "-" : "~"
      return verb + " " + difference.what
    }
    guard names.count > 3 else { return names.joined(separator: ", ") }
    return names.prefix(3).joined(separator: ", ") + " and \(names.count - 3) more"
  }
}
