import ArgumentParser
import Callboard
import CallboardSQLite
import Foundation
import JSONSchema

/// `callboard store`: looks after the file that calls, conversations and the audit log are kept in.
struct StoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store",
    abstract: "Say what is in a store, check it, or back it up.",
    discussion: "All of them work while an engine runs on the store.",
    subcommands: [Info.self, Check.self, Backup.self]
  )

  /// `callboard store info`: what is in it, and who holds it.
  struct Info: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "info",
      abstract: "Say how large a store is, what is in it and who holds it."
    )

    @OptionGroup var source: StoreOption
    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func validate() throws { try output.refusingLines("store info") }

    func run() async throws {
      let reader = try source.open()
      let info = try Failure.onStoreProblem { () throws(StoreProblem) in try reader.info() }
      switch output {
      case .text: Output.standard.line(Self.text(info))
      case .json, .jsonl: Output.standard.line(Self.json(info).serialized(pretty: true))
      }
    }

    private static func text(_ info: StoreInfo) -> String {
      func range(_ from: Date?, _ to: Date?) -> String {
        guard let from, let to else { return "" }
        return ", \(ISOTime.text(of: from)) to \(ISOTime.text(of: to))"
      }
      let free = info.freeDisk.map { ", \(bytes($0)) free on its disk" } ?? ""
      let rows: [(String, String)] = [
        ("file", info.path),
        ("size", "\(bytes(info.size)), log \(bytes(info.walSize))" + free),
        (
          "migration",
          info.migration
            + (info.migration == info.newestMigration ? "" : " of \(info.newestMigration)")
        ),
        ("stream", info.stream ?? "none yet"),
        ("held by", info.holder ?? "nobody"),
        (
          "calls",
          "\(info.liveCalls) live, \(info.endedCalls) ended"
            + range(info.oldestCall, info.newestCall)
        ),
        (
          "conversations",
          "\(info.liveConversations) live, \(info.endedConversations) ended, \(info.messages) messages"
        ),
        (
          "audit log",
          "\(info.events) events in \(AuditText.entries(info.entries))"
            + range(info.oldestEvent, info.newestEvent)
        ),
      ]
      let archives = info.checkpoints.map {
        ("archived", "\(AuditText.entries($0.entries)) up to event \($0.sequence) in \($0.file)")
      }
      return (rows + archives).map { $0.0 + String(repeating: " ", count: 15 - $0.0.count) + $0.1 }
        .joined(separator: "\n")
    }

    private static func bytes(_ count: Int) -> String {
      let units = ["B", "kB", "MB", "GB", "TB"]
      var value = Double(count)
      var unit = 0
      while value >= 1000, unit < units.count - 1 {
        value /= 1000
        unit += 1
      }
      return (unit == 0 ? String(count) : String(format: "%.1f", value)) + " " + units[unit]
    }

    private static func json(_ info: StoreInfo) -> JSONValue {
      func time(_ date: Date?) -> JSONValue { date.map { .string(ISOTime.text(of: $0)) } ?? .null }
      func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
      func number(_ number: Int?) -> JSONValue { number.map(AuditText.number) ?? .null }
      return [
        "file": .string(info.path), "bytes": number(info.size), "wal_bytes": number(info.walSize),
        "free_disk_bytes": number(info.freeDisk), "migration": .string(info.migration),
        "newest_migration": .string(info.newestMigration), "stream": text(info.stream),
        "held_by": text(info.holder),
        "calls": [
          "live": number(info.liveCalls), "ended": number(info.endedCalls),
          "oldest": time(info.oldestCall), "newest": time(info.newestCall),
        ],
        "conversations": [
          "live": number(info.liveConversations), "ended": number(info.endedConversations),
          "messages": number(info.messages),
        ],
        "audit": [
          "entries": number(info.entries), "events": number(info.events),
          "first": number(info.firstEvent), "last": number(info.lastEvent),
          "oldest": time(info.oldestEvent), "newest": time(info.newestEvent),
          "checkpoints": .array(info.checkpoints.map(AuditText.json)),
        ],
      ]
    }
  }

  /// `callboard store check`: looks for damage.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Look for damage; ends with 1 where there is some."
    )

    @OptionGroup var source: StoreOption
    @Flag(help: "Leave out what takes long: indexes, and reading every record.")
    var quick = false
    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func validate() throws { try output.refusingLines("store check") }

    func run() async throws {
      let (reader, key) = (try source.open(), try source.masterKey())
      let check = try Failure.onStoreProblem { () throws(StoreProblem) in
        try reader.check(isQuick: quick, key: key)
      }
      switch output {
      case .text:
        for note in check.notes { Output.standard.line("ok       " + note) }
        if let audit = check.audit, audit.isWhole {
          Output.standard.line(
            "ok       the audit log is whole: \(AuditText.entries(audit.entries))"
          )
        }
        for problem in check.problems { Output.standard.line("PROBLEM  " + problem) }
        for fault in check.audit?.faults ?? [] {
          Output.standard.line("PROBLEM  the audit log is not whole: \(fault)")
        }
      case .json, .jsonl:
        let json: JSONValue = [
          "sound": .bool(check.isSound), "problems": .array(check.problems.map(JSONValue.string)),
          "notes": .array(check.notes.map(JSONValue.string)),
          "audit": check.audit.map(AuditText.json) ?? .null,
        ]
        Output.standard.line(json.serialized(pretty: true))
      }
      if !check.isSound { throw Failure(.failed, "") }
    }
  }

  /// `callboard store backup`: a copy as the store is at one moment.
  struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "backup",
      abstract: "Copy a store into a new file, and verify the copy.",
      discussion: "Secrets stay sealed in the copy: keep the store's key too, and elsewhere."
    )

    @OptionGroup var source: StoreOption
    @Argument(help: "The file, which must not exist.")
    var file: String
    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func validate() throws { try output.refusingLines("store backup") }

    func run() async throws {
      let (reader, key) = (try source.open(), try source.masterKey())
      let report = try Failure.onStoreProblem { () throws(StoreProblem) in
        try reader.backup(to: file, key: key)
      }
      switch output {
      case .text:
        Output.standard.line("\(file) holds the store\n" + AuditText.text(report))
      case .json, .jsonl:
        let json: JSONValue = ["file": .string(file), "audit": AuditText.json(report)]
        Output.standard.line(json.serialized(pretty: true))
      }
      if !report.isWhole { throw Failure(.failed, "") }
    }
  }
}
