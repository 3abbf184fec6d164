import CallboardYAML
import Foundation
import JSONSchema

/// The environment for a replay, which needs no keys: what files name and the environment has not is made up.
enum ReplayEnvironment {
  /// Something of the form that is wanted where it stands, which is told by what stands before it.
  private static func madeUp(after before: Substring) -> String {
    switch before {
    case "!!int", "!!float": "1"
    case "!!bool": "true"
    case "url:": "http://not-needed-for-a-replay.invalid"
    default: "not-needed-for-a-replay"
    }
  }

  static func complete(
    _ environment: [String: String],
    for files: [String],
    configuration: String?
  ) -> [String: String] {
    var texts: [String] = []
    for file in files {
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
      texts.append(text)
      guard configuration == nil, let document = try? YAMLDocument(file: file),
        let own = document.value["config"]?.stringValue
      else { continue }
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
      let path = URL(fileURLWithPath: own, relativeTo: folder).path
      if let text = try? String(contentsOfFile: path, encoding: .utf8) { texts.append(text) }
    }
    if let configuration, let text = try? String(contentsOfFile: configuration, encoding: .utf8) {
      texts.append(text)
    }
    var missing: [String: String] = [:]
    for text in texts {
      let names = /(?:(!!int|!!float|!!bool|\burl:)\s*["']?)?\$\{([A-Za-z_][A-Za-z0-9_]*)\}/
      for match in text.matches(of: names) where missing[String(match.2)] == nil || match.1 != nil {
        missing[String(match.2)] = madeUp(after: match.1 ?? "")
      }
    }
    return environment.merging(missing) { own, _ in own }
  }
}
