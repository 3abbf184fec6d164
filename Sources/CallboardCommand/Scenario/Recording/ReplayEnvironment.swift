import CallboardYAML
import Foundation
import JSONSchema

/// The environment for a replay, which needs no keys: what files name and the environment has not is made up.
enum ReplayEnvironment {
  private static let madeUp = "not-needed-for-a-replay"

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
    var complete = environment
    for text in texts {
      for match in text.matches(of: /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/) {
        let name = String(match.1)
        complete[name] = complete[name] ?? madeUp
      }
    }
    return complete
  }
}
