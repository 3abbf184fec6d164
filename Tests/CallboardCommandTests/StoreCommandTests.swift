import Callboard
import CallboardSQLite
import CallboardTesting
import Foundation
import GRDB
import JSONSchema
import Testing

@testable import CallboardCommand

/// `callboard audit` and `callboard store` from outside, on a store that an engine has written.
@Suite struct StoreCommandTests {
  private let scratch: Scratch
  private let store: String
  private let key: String

  init() async throws {
    scratch = try Scratch()
    store = scratch.path + "/a.db"
    key = scratch.path + "/a.db.key"
    let (store, key) = (store, key)
    // Opening and closing a store waits for the disk, and the tests beside this one need the pool's few threads.
    try await Program.onOwnThread {
      let bytes = Data(repeating: 9, count: 32)
      let isMade = FileManager.default.createFile(
        atPath: key,
        contents: bytes,
        attributes: [.posixPermissions: 0o600]
      )
      #expect(isMade)
      let sqlite = try SQLiteStore(store, key: Sealer.MasterKey(bytes))
      try sqlite.commitEach(
        (1...5).map { number in
          let event = EngineEvent(
            time: Date(timeIntervalSince1970: 1_700_000_000 + Double(number)),
            type: .function(.off),
            function: number == 3 ? "pay.send" : "crm.find",
            cause: "switched off",
            by: number == 5 ? "ben" : "anna"
          )
          return StoreChange(events: [event], isAwaited: true)
        }
      )
      _ = sqlite.close()
    }
  }

  private func run(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(arguments, folder: scratch.path)
  }

  private func json(_ arguments: String...) async throws -> JSONValue {
    let ended = try await Program.run(arguments + ["--output", "json"], folder: scratch.path)
    return try JSONValue(parsing: ended.output)
  }

  private func edit(_ sql: String) async throws {
    let store = store
    try await Program.onOwnThread {
      let queue = try DatabaseQueue(path: store)
      try queue.write { try $0.execute(sql: sql) }
      try queue.close()
    }
  }

  @Test func `a log that is whole ends with 0 and prints the head to keep`() async throws {
    let ended = try await run("audit", "verify", "--store", store)
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("the audit log is whole: 5 entries, events 1–5"))
    #expect(ended.output.contains("the head is signed with the store's key"))
    let head = try #require(
      try await json("audit", "verify", "--store", store)["head"]?.stringValue
    )
    #expect(ended.output.contains("head \(head)\n"))
    let later = try await run("audit", "verify", "--store", store, "--head", head)
    #expect(
      later.output.contains("the head you gave is entry 5 (event 5); 0 entries have come since")
    )
  }

  @Test func `a log that was changed ends with 1 and says where`() async throws {
    try await edit("DELETE FROM events WHERE seq = 3")
    let ended = try await run("audit", "verify", "--store", store)
    #expect(ended.status == 1, "\(ended)")
    #expect(ended.output.contains("event 3 was removed"))
    #expect(ended.error == "")
    let report = try await json("audit", "verify", "--store", store)
    #expect(report["whole"] == false)
    #expect(report["faults"]?.arrayValue?.first?["kind"] == "removed")
    #expect(try await run("store", "check", "--store", store).status == 1)
  }

  @Test func `an export is verified without its store`() async throws {
    let file = scratch.path + "/export.jsonl"
    let exported = try await run("audit", "export", "--store", store, "--from", "2", file)
    #expect(exported.status == 0, "\(exported)")
    #expect(exported.output == "")
    let ended = try await run("audit", "verify", "--file", file)
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("4 entries, events 2–5"))
    let again = try await run("audit", "export", "--store", store, file)
    #expect(again.status == 64)
    #expect(again.error.contains("it exists"))
    let printed = try await run("audit", "export", "--store", store)
    #expect(printed.output.split(separator: "\n").count == 7)
  }

  @Test func `events are shown by what they are about`() async throws {
    let shown = try await run("audit", "show", "--store", store, "--function", "pay.*")
    #expect(shown.output.split(separator: "\n").count == 1)
    #expect(shown.output.contains("pay.send"))
    #expect(shown.output.contains("by anna"))
    #expect(try await json("audit", "show", "--store", store, "--by", "ben").arrayValue?.count == 1)
    let newest = try await run(
      "audit",
      "show",
      "--store",
      store,
      "--limit",
      "2",
      "--output",
      "jsonl"
    )
    #expect(newest.output.split(separator: "\n").count == 2)
    #expect(try await run("audit", "show", "--store", store, "--since", "8h").output == "")
    #expect(try await run("audit", "show", "--store", store, "--since", "8").status == 64)
  }

  @Test func `old entries are archived, and the log says so from then on`() async throws {
    let archived = try await run(
      "audit",
      "archive",
      "--store",
      store,
      "--before",
      "90d",
      "archive"
    )
    #expect(archived.status == 0, "\(archived)")
    #expect(archived.output.contains("5 entries, events 1–5"))
    let ended = try await run("audit", "verify", "--store", store)
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("archived up to event 5"))
    let file = try #require(
      try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/archive").first
    )
    #expect(try await run("audit", "verify", "--file", "archive/" + file).status == 0)
    let nothing = try await run(
      "audit",
      "archive",
      "--store",
      store,
      "--before",
      "90d",
      "archive"
    )
    #expect(nothing.output.contains("nothing was archived"))
  }

  @Test func `info, check and backup answer while an engine holds the store`() async throws {
    let path = store
    let engine = try await Program.onOwnThread {
      try SQLiteStore(path, key: Sealer.MasterKey(Data(repeating: 9, count: 32)))
    }
    let info = try await run("store", "info", "--store", store)
    #expect(info.status == 0, "\(info)")
    #expect(info.output.contains("held by        process \(getpid())"), "\(info)")
    #expect(try await json("store", "info", "--store", store)["audit"]?["events"] == 5)
    #expect(try await run("store", "check", "--store", store).status == 0)
    let backup = try await run("store", "backup", "--store", store, "--key", key, "copy.db")
    #expect(backup.status == 0, "\(backup)")
    #expect(try await run("store", "backup", "--store", store, "copy.db").status == 69)
    #expect(try await run("audit", "verify", "--store", "copy.db", "--key", key).status == 0)
    let archive = try await run("audit", "archive", "--store", store, "--before", "1d", "archive")
    #expect(archive.status == 69)
    #expect(archive.error.contains("is held by process \(getpid())"))
    _ = try await Program.onOwnThread { engine.close() }
  }

  @Test func `what is no store, no key and no head is said, with the number for it`() async throws {
    #expect(try await run("store", "info", "--store", "none.db").status == 69)
    let text = try scratch.file("text.db", "this is no database")
    #expect(try await run("store", "info", "--store", text).status == 65)
    #expect(try await run("audit", "verify", "--file", text).status == 65)
    #expect(try await run("audit", "verify", "--store", store, "--key", text).status == 65)
    #expect(try await run("audit", "verify", "--store", store, "--head", "12").status == 64)
    let unnamed = try await run("store", "check")
    #expect(unnamed.status == 64)
    #expect(unnamed.error.contains("--store FILE"))
  }

  @Test func `a file that is no store is told as that, and not as one whose key is gone`() throws {
    let text = try scratch.file("notes.db", "this is no database")
    let gone = scratch.path + "/gone.db"
    try FileManager.default.copyItem(atPath: store, toPath: gone)
    for (path, words) in [
      (text, "notes.db is no SQLite database"), (gone, "gone.db.key is not there"),
    ] {
      let file = StorePlan.File(path: path, key: .beside(store: path))
      let failure = #expect(throws: Failure.self) {
        try OpenedStore.open(file, environment: [:])
      }
      #expect(failure?.description.contains(words) == true, "\(String(describing: failure))")
    }
  }
}
