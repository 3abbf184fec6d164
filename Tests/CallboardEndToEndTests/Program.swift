import Foundation

/// The program that these tests drive.
enum Program {
  /// Beside the tests, where the package manager puts it.
  static var path: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("callboard")
      .path
  }
}
