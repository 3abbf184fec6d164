import Callboard
import Foundation
import GRDB
import Glibc

extension StoreReader {
  /// Copies the store as it is at one moment into a new file, also while an engine writes, and verifies the copy.
  ///
  /// Refuses to overwrite. The copy is one file that only its owner can read; secrets stay sealed in it.
  public func backup(
    to target: String,
    key: Sealer.MasterKey?
  ) throws(StoreProblem) -> AuditReport {
    let target = URL(filePath: target).path
    // The name is taken first, so that nothing is overwritten, and given to the copy when that is whole.
    let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let isThere = errno == EEXIST
      let why = isThere ? "it exists" : String(cString: strerror(errno))
      throw StoreProblem("\(target) can't be made: \(why); name another file")
    }
    close(descriptor)
    let partial = target + ".partial"
    let parts = ["", "-wal", "-shm", "-journal"].map { partial + $0 }
    for part in parts { unlink(part) }
    do {
      let report = try copy(to: partial, key: key)
      try DurableFile.move(partial, to: target)
      return report
    } catch {
      for file in parts + [target] { unlink(file) }
      throw StoreProblem(error, at: target)
    }
  }

  private func copy(to partial: String, key: Sealer.MasterKey?) throws -> AuditReport {
    try DurableFile.write(partial) { _ in }
    var configuration = GRDB.Configuration()
    configuration.label = "callboard.backup"
    let copy = try DatabaseQueue(path: partial, configuration: configuration)
    do {
      try queue.backup(to: copy)
      // One file, without a log beside it; the engine that opens it turns that on again.
      try copy.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA journal_mode = DELETE")
      }
      let report = try copy.read { database in
        let found = try String.fetchAll(database, sql: "PRAGMA integrity_check(1)")
        guard found == ["ok"] else {
          throw StoreProblem(
            .damaged,
            "the copy is damaged: \(found.first ?? ""); run store check on the store"
          )
        }
        return try Self.verifyAudit(of: database, head: nil, key: key)
      }
      try copy.close()
      try DurableFile.sync(partial)
      return report
    } catch {
      try? copy.close()
      throw error
    }
  }
}
