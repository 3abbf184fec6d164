import Foundation

@testable import CallboardCommand

/// Files of this project, wherever it lies.
enum Project {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func path(_ relative: String) -> String { root.appendingPathComponent(relative).path }

  static var scenarios: [String] {
    let folder = path("config/scenarios")
    return (try? ScenarioFiles.find([folder])) ?? []
  }
}

/// A folder that goes when the test has ended.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "callboard-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String, _ text: String) throws -> String {
    let file = path + "/" + name
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }

  func folder(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: path + "/" + name,
      withIntermediateDirectories: true
    )
  }
}
