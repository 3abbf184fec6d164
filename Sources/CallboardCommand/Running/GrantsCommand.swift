import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// `callboard grants`: approvals given ahead, on a running instance.
struct GrantsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grants",
    abstract: "Approvals given ahead on a running instance: for calls of one kind, until a time.",
    subcommands: [List.self, Add.self, Revoke.self],
    defaultSubcommand: List.self
  )

  /// `callboard grants list`: the newest first.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract:
        "List grants, the newest first: who gave them, what they cover, until when, and how often they served."
    )

    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      guard case .grants(let rows) = try instance.open().look(at: .grants).body else { return }
      output.print(rows) {
        GrantText.lines($0)
      } json: {
        (try? JSONValue(encoding: $0)) ?? .null
      }
    }
  }

  /// `callboard grants add`: says what it would cover; gives it with --yes.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Approve calls ahead: FUNCTION for 2h [limit N] [when {…}].",
      discussion: """
        Without --yes it only says what the grant would cover, and which calls that wait it would approve. With --yes \
        it is given, for calls that come; with --waiting CALL, the last one that was shown, those that were shown are \
        approved as well, as far as they still wait unchanged. What has come since waits on.
        """
    )

    @Argument(help: "As on the console's line, such as: payments.* for 2h limit 5.")
    var words: [String]
    @Flag(help: "Give it.")
    var yes = false
    @Option(
      help: ArgumentHelp(
        "Approve what waits already too, up to this call: the last of those that were shown.",
        valueName: "call"
      )
    )
    var waiting: String?
    @OptionGroup var instance: InstanceOption

    func validate() throws {
      guard let waiting, CallID(waiting) == nil else { return }
      throw ValidationError(
        "--waiting is \(waiting), which is no id of a call; write it as `grants add` without --yes has shown it."
      )
    }

    func run() async throws {
      let draft: GrantDraft
      do {
        draft = try GrantDraft(parsing: words.joined(separator: " "))
      } catch {
        throw Failure(.usage, "A grant can't be read: \(error)")
      }
      let running = try instance.open()
      let query = Query.grantPreview(draft, by: running.welcome.you)
      guard case .grantPreview(let preview) = try running.look(at: query).body else { return }
      if let why = preview.refusal { throw Failure(.failed, "It can't be given: \(why)") }
      guard yes else {
        for line in GrantText.lines(preview) { Output.standard.row(line) }
        return
      }
      // Ids are in the order in which calls came.
      let last = waiting.flatMap { CallID($0) }
      let shown = preview.waiting.filter { call in last.map { call.call <= $0 } ?? false }
      try running.carryOut(.grant(draft, waiting: shown))
    }
  }

  /// `callboard grants revoke`: it approves nothing from then on.
  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke",
      abstract: "Take a grant back: nothing starts by it from then on."
    )

    @Argument(help: "The grant's id, or its last digits as the list shows them.")
    var grant: String
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let running = try instance.open()
      guard case .grants(let rows) = try running.look(at: .grants).body else { return }
      let digits = grant.hasPrefix("g-") ? String(grant.dropFirst(2)) : grant
      let fitting = rows.filter { $0.id.description.hasSuffix(digits.lowercased()) }
      guard digits.count >= 4, let first = fitting.first else {
        throw Failure(.failed, "No grant whose id ends in \(grant) is kept there.")
      }
      guard fitting.count == 1 else {
        throw Failure(
          .usage,
          "\(fitting.count) grants end in \(grant); write more of the id:\n  "
            + fitting.prefix(5).map(\.id.description).joined(separator: "\n  ")
        )
      }
      try running.carryOut(.revokeGrant(first.id))
    }
  }
}

/// Grants in words, for the command line.
private enum GrantText {
  static func lines(_ rows: [GrantRow]) -> [String] {
    guard !rows.isEmpty else { return ["nothing is approved ahead"] }
    return rows.map { row in
      let grant = row.grant
      let limit = grant.limit.map { " of \($0)" } ?? ""
      let condition = grant.when.map { " when \($0.serialized())" } ?? ""
      let revoked = row.revoked.map { " by \($0.by)" } ?? ""
      let why = row.void.isEmpty ? row.voidCause.map { " (\($0))" } ?? "" : ""
      let void = row.void.map { part -> String in
        "; void for \(part.function) since \(ISOTime.text(of: part.since)): its definition has changed: \(part.cause)"
      }
      let gone = row.absent.isEmpty ? "" : "; gone: \(row.absent.joined(separator: ", "))"
      let first =
        "\(grant.id.short)  \(row.state.rawValue)\(revoked)\(why)  \(grant.function.text)\(condition)"
      let second =
        "  by \(grant.by.name), until \(ISOTime.text(of: grant.until)), used \(row.uses)\(limit)"
      return first + second + void.joined() + gone
    }
  }

  static func lines(_ preview: GrantPreview) -> [String] {
    var lines = [
      "\(preview.draft.words), until \(ISOTime.text(of: preview.until))",
      "covers: \(preview.functions.joined(separator: ", "))",
    ]
    if !preview.waiting.isEmpty {
      let count = preview.waiting.count
      let calls = count == 1 ? "1 call that waits is" : "\(count) calls that wait are"
      lines += preview.waiting.prefix(50).map { "  \($0.call)" }
      if count > 50 { lines.append("  and \(count - 50) more") }
      let last = preview.waiting.map(\.call).max().map { " \($0)" } ?? ""
      lines.append(
        "\(calls) of its kind; with --waiting\(last) approved as well, and \(preview.starting) would start"
      )
    }
    return lines + ["nothing was given; say --yes to give it"]
  }
}
