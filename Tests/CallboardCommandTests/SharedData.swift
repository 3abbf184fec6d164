import Foundation
import Testing

/// The test data of other projects, which lies beside the project and not in it.
enum SharedData {
  static func folder(_ name: String) -> URL {
    Project.root.deletingLastPathComponent().appending(path: "shared/data").appending(path: name)
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
