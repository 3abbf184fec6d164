import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// `callboard approvals`: what waits for a person, and deciding it.
struct ApprovalsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approvals",
    abstract: "What waits for a person on a running instance, and deciding it.",
    discussion: """
      A decision names what you have seen: `show` prints a call with all its arguments and their digest, and \
      `approve`, `deny` and `edit` take that digest. When the call has changed since, nothing is decided (1), and the \
      sentence says who was faster.
      """,
    subcommands: [
      List.self, Show.self, Approve.self, Undo.self, Deny.self, Edit.self, SimulateCommand.self,
    ],
    defaultSubcommand: List.self
  )

  /// `callboard approvals list`: unknown outcomes first, then by the time left.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract:
        "List everything that waits for a person: unknown outcomes first, then by time left."
    )

    @Option(help: "At most so many.")
    var limit = 1000
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit is \(limit); use 1 or more.") }
    }

    func run() async throws {
      let snapshot = try instance.open().look(at: .waiting(ListQuery(after: limit - 1)))
      guard case .waiting(let page) = snapshot.body else { return }
      output.print(page.rows) {
        RowText.waiting($0, now: snapshot.header.now)
      } json: {
        RowText.json($0)
      }
      let rest = page.total - page.rows.count
      if rest > 0 { Output.error.row("callboard: and \(rest) more; --limit shows more of them") }
    }
  }

  /// `callboard approvals show`: what a decision has to name.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print one call with its revision, its digest and all arguments."
    )

    @OptionGroup var which: ShownCall

    func run() async throws { try which.show() }
  }

  /// `callboard approvals approve`: exactly what was seen.
  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "approve",
      abstract: "Approve exactly the call that `show` has shown."
    )

    @OptionGroup var seen: SeenOption
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let (id, seen) = try seen.resolved(on: instance)
      try instance.carryOut(.approve(id, seen))
    }
  }

  /// `callboard approvals deny`: with a reason that the caller hears.
  struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "deny",
      abstract: "Deny a call; its caller hears the reason."
    )

    @OptionGroup var seen: SeenOption
    @Option(help: "Why, for whoever asked.")
    var reason = ""
    @Flag(help: "Stop its conversation too.")
    var stopConversation = false
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let (id, seen) = try seen.resolved(on: instance)
      try instance.carryOut(.deny(id, seen, reason: reason, stopConversation: stopConversation))
    }
  }

  /// `callboard approvals edit`: other arguments, which then wait for approval of their own.
  struct Edit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "edit",
      abstract: "Give a waiting call other arguments; it waits for approval of what it is then."
    )

    @OptionGroup var seen: SeenOption
    @Argument(
      help: ArgumentHelp(
        "The arguments as JSON; - reads them from stdin, @FILE from a file.",
        valueName: "json"
      )
    )
    var arguments: String
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let value = try JSONArgument.value(arguments)
      let instance = try instance.open()
      let (id, seen) = try seen.resolved(on: instance)
      try instance.carryOut(.edit(id, seen, arguments: value))
    }
  }
}

/// A call, and what whoever decides on it has seen of it.
struct SeenOption: ParsableArguments {
  @Argument(help: "The call's id, or the end of it.")
  var call: String
  @Option(help: "The digest that `callboard approvals show` has printed.")
  var digest: String
  @Option(help: "The revision that was printed with it; the one that has this digest if not given.")
  var revision: Int?

  /// The digest binds to the arguments, so that a wrong one is refused there, and that is on record.
  func resolved(on instance: Instance) throws -> (CallID, Seen) {
    let detail = try instance.call(call)
    return (detail.row.id, Seen(revision: revision ?? detail.row.revision, digest: digest))
  }
}

/// JSON on a command line: itself, `-` for stdin, `@FILE` for a file.
enum JSONArgument {
  static func text(_ argument: String) throws -> String {
    if argument == "-" { return try Entry.standardInput() }
    if argument.hasPrefix("@") { return try Entry.text(ofFile: String(argument.dropFirst())) }
    return argument
  }

  static func value(_ argument: String) throws -> JSONValue {
    do {
      return try JSONValue(parsing: text(argument), options: .arguments)
    } catch let error as JSONParseError {
      throw Failure(.usage, "The arguments are not JSON: \(error).")
    }
  }
}
