import Foundation
import JSONSchema
import Testing

/// The test data of other projects, which lies beside the project and not in it.
enum SharedData {
  static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "shared/data")

  static func folder(_ name: String) -> URL { folder.appending(path: name) }

  static func bytes(_ url: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: url)) }

  static func json(_ url: URL) throws -> JSONValue { try JSONValue(parsing: bytes(url)) }

  /// One value a line.
  static func jsonLines(_ url: URL) throws -> [JSONValue] {
    try bytes(url).split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: $0) }
  }

  static func files(in folder: URL, recursively: Bool = false) throws -> [URL] {
    guard recursively else {
      return try FileManager.default.contentsOfDirectory(
        at: folder,
        includingPropertiesForKeys: nil
      ).filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
    }
    return try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
      .filter { $0.hasSuffix(".json") }.map { folder.appending(path: $0) }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test, and says why, where this folder of the data is missing.
  static func needs(sharedData name: String) -> Self {
    .enabled(
      if: FileManager.default.fileExists(atPath: SharedData.folder(name).path),
      "there is no shared/data/\(name) beside the project"
    )
  }
}

/// A generator whose numbers are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
