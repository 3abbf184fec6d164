import ArgumentParser
import Callboard
import CallboardSQLite
import CallboardYAML
import Foundation
import Glibc
import JSONSchema

/// `callboard audit`: the log of everything that was proposed, asked, decided and done.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Verify, show, export or archive the audit log of a store.",
    discussion: """
      The log is chained by hash: an entry that was changed, removed, moved, inserted or cut off is found and named. \
      Keep the head that verify prints elsewhere: with it, or with the store's key, a log that somebody rewrote with \
      all its hashes is found too. All but archive work while an engine runs on the store.
      """,
    subcommands: [Verify.self, Show.self, Export.self, Archive.self]
  )

  /// `callboard audit verify`: whether the log is what the engine wrote.
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Say whether the log is whole; ends with 1 where it is not."
    )

    @OptionGroup var source: StoreOption
    @Option(
      help: ArgumentHelp(
        "A head that was kept elsewhere: 64 hexadecimal digits.",
        valueName: "hash"
      )
    )
    var head: String?
    @Option(
      help: ArgumentHelp("Verify a file of audit export or archive instead.", valueName: "export")
    )
    var file: String?
    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func validate() throws {
      try output.refusingLines("audit verify")
      if let head, AuditHash(head) == nil {
        throw ValidationError("--head is 64 hexadecimal digits, as audit verify prints them.")
      }
      if file != nil, source.store != nil {
        throw ValidationError("Give --store or --file, not both.")
      }
    }

    func run() async throws {
      let head = head.flatMap { AuditHash($0) }
      let report: AuditReport
      if let file {
        report = try Failure.onStoreProblem { () throws(StoreProblem) in
          try AuditExport.verify(file, head: head)
        }
      } else {
        let (reader, key) = (try source.open(), try source.masterKey())
        report = try Failure.onStoreProblem { () throws(StoreProblem) in
          try reader.verifyAudit(head: head, key: key)
        }
      }
      switch output {
      case .text: Output.standard.line(AuditText.text(report, isFile: file != nil))
      case .json, .jsonl: Output.standard.line(AuditText.json(report).serialized(pretty: true))
      }
      if !report.isWhole { throw Failure(.failed, "") }
    }
  }

  /// `callboard audit show`: the newest events, by what they are about.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Show the newest events, oldest first.",
      discussion: "Times are in your time zone. --limit 0 shows all."
    )

    @OptionGroup var source: StoreOption
    @Option(help: ArgumentHelp("Of one call: its id, or the last digits of it.", valueName: "id"))
    var call: String?
    @Option(help: ArgumentHelp("Of functions with such a name: payments.*", valueName: "pattern"))
    var function: String?
    @Option(help: ArgumentHelp("What this person did.", valueName: "name"))
    var by: String?
    @Option(help: ArgumentHelp("Not older than this: 8h, 2d.", valueName: "duration"))
    var since: String?
    @Option(help: "How many at most.")
    var limit = 100
    @Option(help: "text; jsonl: events as the stream has them; json: one array of them.")
    var output: OutputFormat = .text

    func validate() throws {
      if let since { _ = try AuditCommand.duration(since, of: "--since") }
      if limit < 0 { throw ValidationError("--limit is a number of events; 0 shows all.") }
    }

    func run() async throws {
      let age = try since.map { try AuditCommand.duration($0, of: "--since") }
      let query = AuditQuery(
        call: call,
        function: function.map { NamePattern($0) },
        by: by,
        since: age.map { Date.now.addingTimeInterval(-$0) },
        limit: limit == 0 ? .max : limit
      )
      let reader = try source.open()
      let events = try Failure.onStoreProblem { () throws(StoreProblem) in
        try reader.events(query)
      }
      switch output {
      case .text:
        for event in events { Output.standard.line(EventLine.text(of: event, in: .current)) }
      case .json: Output.standard.line(JSONValue.array(events).serialized(pretty: true))
      case .jsonl: for event in events { Output.standard.line(event.serialized()) }
      }
    }
  }

  /// `callboard audit export`: part of the log as a file that can be verified on its own.
  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export",
      abstract: "Write entries with their hashes as JSON lines.",
      discussion: "`callboard audit verify --file` verifies what it writes, without the store."
    )

    @OptionGroup var source: StoreOption
    @Option(help: ArgumentHelp("From the entry that holds this event.", valueName: "seq"))
    var from: Int?
    @Option(help: ArgumentHelp("Up to the entry that holds this event.", valueName: "seq"))
    var to: Int?
    @Argument(help: "The file, which must not exist; standard output if not given.")
    var file: String?

    func run() async throws {
      let reader = try source.open()
      let descriptor =
        try file.map { path in
          let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
          guard descriptor >= 0 else {
            let why = errno == EEXIST ? "it exists" : String(cString: strerror(errno))
            throw Failure(.usage, "\(path) can't be made: \(why); name another file.")
          }
          return descriptor
        } ?? STDOUT_FILENO
      do {
        let summary = try reader.exportAudit(from: from, to: to) { bytes in
          guard Output.write(bytes, to: descriptor) else { throw Unwritten(number: errno) }
        }
        guard file != nil else { return }
        guard fsync(descriptor) == 0 else { throw Unwritten(number: errno) }
        close(descriptor)
        let numbers = summary.first.map { ", events \($0)–\(summary.last ?? $0)" } ?? ""
        Output.error.line("\(AuditText.entries(summary.entries))\(numbers), head \(summary.hash)")
      } catch let fault as Unwritten {
        // A reader that has gone is no fault.
        if file == nil, fault.number == EPIPE { return }
        if let file { unlink(file) }
        throw Failure(
          .unreachable,
          "\(file ?? "standard output") can't be written: \(String(cString: strerror(fault.number)))."
        )
      } catch {
        if let file { unlink(file) }
        throw Failure(StoreProblem(error, at: reader.path))
      }
    }

    private struct Unwritten: Error {
      var number: Int32
    }
  }

  /// `callboard audit archive`: takes the oldest entries out of the store.
  struct Archive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "archive",
      abstract: "Move the oldest entries into a file, and leave a checkpoint.",
      discussion: """
        The file is on disk and verified before anything is removed. No engine may run on the store meanwhile. \
        Verification begins at the checkpoint afterwards, and says so; the file is verified with \
        `callboard audit verify --file`.
        """
    )

    @OptionGroup var source: StoreOption
    @Option(help: ArgumentHelp("Entries older than this: 90d.", valueName: "duration"))
    var before: String
    @Argument(help: "The folder for the file.")
    var folder: String
    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func validate() throws {
      try output.refusingLines("audit archive")
      _ = try AuditCommand.duration(before, of: "--before")
    }

    func run() async throws {
      let (path, key) = (try storePath(source), try source.masterKey())
      let age = try AuditCommand.duration(before, of: "--before")
      let now = Date.now
      let archived = try Failure.onStoreProblem { () throws(StoreProblem) in
        try AuditArchive.archive(
          path,
          before: now.addingTimeInterval(-age),
          into: folder,
          key: key,
          now: now
        )
      }
      switch output {
      case .json, .jsonl:
        let json = archived.checkpoint.map(AuditText.json) ?? .null
        Output.standard.line(JSONValue.object(["archived": json]).serialized(pretty: true))
      case .text:
        guard let checkpoint = archived.checkpoint else {
          Output.standard.line("no entry is older than \(before): nothing was archived")
          return
        }
        Output.standard.line(
          """
          \(AuditText.entries(checkpoint.entries)), events \(archived.first ?? 1)–\(checkpoint.sequence), \(checkpoint.entries == 1 ? "is" : "are") in \(checkpoint.file)
          head of the archive \(checkpoint.hash)
          """
        )
      }
    }
  }

  /// Seconds.
  fileprivate static func duration(_ text: String, of option: String) throws -> Double {
    do throws(DurationError) {
      return try Duration(callboard: text) / .seconds(1)
    } catch {
      throw ValidationError("\(option): \(error.description)")
    }
  }
}
