import Callboard
import CallboardSQLite
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@Suite(.timeLimit(.minutes(5)))
struct SQLiteStoreSuiteTests {
  @Test(arguments: StoreSuite.cases) func `the store in a file keeps every rule of stores`(
    _ rule: StoreCase
  ) async throws {
    let folder = try Folder()
    try await rule.run(on: try SQLiteStore(folder.file("a.db")))
  }
}

@Suite(.timeLimit(.minutes(5)))
struct SQLiteRestartTests {
  @Test(arguments: RestartSuite.cases) func `an engine goes on with what the store in a file holds`(
    _ rule: RestartCase
  ) async throws {
    let folder = try Folder()
    let home = StoreHome {
      try SQLiteStore(folder.file("a.db"))
    } close: { store in
      _ = (store as? SQLiteStore)?.close()
    }
    try await rule.run(on: home)
  }
}

/// A folder that is removed with what is in it.
final class Folder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/callboard-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func file(_ name: String) -> String { path + "/" + name }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
