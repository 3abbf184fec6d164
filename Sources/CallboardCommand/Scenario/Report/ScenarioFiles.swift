import CallboardYAML
import Foundation
import Glibc
import JSONSchema

/// Which files scenarios are played from: those named, those in folders, those that a pattern fits.
enum ScenarioFiles {
  /// In the order in which they are named; those of a folder or pattern in the order of their names, but for those that
  /// are among them already.
  static func find(_ arguments: [String]) throws -> [String] {
    var found: [String] = []
    var seen: Set<String> = []
    for argument in arguments {
      let files = try files(of: argument)
      guard !files.isEmpty else {
        throw Failure(.usage, "\(argument) has no scenarios: no file there is YAML with a list do.")
      }
      let isNamed = files == [argument]
      found += files.filter { seen.insert($0).inserted || isNamed }
    }
    return found
  }

  private static func files(of argument: String) throws -> [String] {
    if let isFolder = isFolder(argument) { return isFolder ? scenarios(in: argument) : [argument] }
    guard argument.contains(where: { "*?[".contains($0) }) else { return [argument] }
    return expand(argument).flatMap { path in
      isFolder(path) == true ? scenarios(in: path) : [path]
    }
  }

  /// nil where there is nothing.
  private static func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
    return isFolder.boolValue
  }

  /// What a shell would make of it, for patterns that came in quotes.
  private static func expand(_ pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).compactMap { index in
      result.gl_pathv[index].map { String(cString: $0) }
    }
  }

  /// Every file below a folder that is a scenario; tables, workflows and configurations lie beside them.
  private static func scenarios(in folder: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
      .map { prefix + $0 }.filter(isScenario)
  }

  /// One that can't be read is taken for one, so that it is told.
  private static func isScenario(_ path: String) -> Bool {
    guard let document = try? YAMLDocument(file: path) else { return true }
    return document.value["do"] != nil
  }
}
