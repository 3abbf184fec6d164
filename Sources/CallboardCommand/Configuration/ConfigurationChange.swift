import Callboard
import JSONSchema

/// What a configuration that was read anew says otherwise, and what of that needs a restart.
struct ConfigurationChange: Sendable {
  /// Sections that count from now on.
  private(set) var sections: [String] = []
  /// Sections, or keys of them, that count from the next start on.
  private(set) var waitsForRestart: [String] = []
  var functions: ReloadedFunctions?

  /// What counts without a restart.
  private static let reloaded: Set<String> = [
    "name", "providers", "approvals", "access", "limits", "secrets", "operators", "callers",
    "scripts", "workflows",
  ]
  /// Limits of what is made at the start.
  private static let fixedLimits = ["cache_entries", "cache_bytes"]

  init(from before: Configuration, to after: Configuration) {
    let names = before.sections.keys + after.sections.keys.filter { before.sections[$0] == nil }
    for name in names {
      let (old, new) = (before.sections[name], after.sections[name])
      guard old != new else { continue }
      if name == "limits" {
        let fixed = Self.fixedLimits.filter { old?[$0] != new?[$0] }
        waitsForRestart += fixed.map { "limits.\($0)" }
        if Self.without(old) == Self.without(new) { continue }
      }
      if Self.reloaded.contains(name) {
        sections.append(name)
      } else {
        waitsForRestart.append(name)
      }
    }
  }

  private static func without(_ limits: JSONValue?) -> JSONValue? {
    var limits = limits
    for key in fixedLimits { limits?[key] = nil }
    return limits
  }

  /// For the event stream.
  var sentence: String {
    var text =
      sections.isEmpty
      ? "the configuration was read anew, and says nothing else"
      : "the configuration was read anew: \(sections.joined(separator: ", ")) changed"
    if !waitsForRestart.isEmpty {
      text += "; \(waitsForRestart.joined(separator: ", ")) count from the next start on"
    }
    return text
  }

  /// For whoever asked for it, a line for each thing.
  var lines: [String] {
    var lines = [sentence]
    func say(_ names: [String], _ what: String) {
      if !names.isEmpty { lines.append("\(names.joined(separator: ", ")): \(what)") }
    }
    if let functions {
      say(functions.added, "new")
      say(functions.removed, "gone; what waited for it has failed, what runs goes on")
      say(functions.changed, "another definition; what waited for approval is asked about anew")
      say(functions.described, "only the description is another")
      say(functions.held, "another definition of its server, held until somebody accepts it")
    }
    return lines
  }
}
