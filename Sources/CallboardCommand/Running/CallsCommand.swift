import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// `callboard calls`: every call of a running instance, live and past.
struct CallsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calls",
    abstract: "Every call of a running instance, live and past.",
    subcommands: [List.self, Show.self, Settle.self, Rerun.self, Cancel.self],
    defaultSubcommand: List.self
  )

  /// `callboard calls list`: newest first.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List calls, newest first."
    )

    @Argument(help: "What to narrow it to, as in the console: fn:payments.* state:failed age:<10m")
    var filter: [String] = []
    @Option(help: "At most so many.")
    var limit = 100
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit is \(limit); use 1 or more.") }
      _ = try query()
    }

    private func query() throws -> ListQuery {
      do throws(Filter.Mistake) {
        return ListQuery(filter: try Filter(filter.joined(separator: " ")), after: limit - 1)
      } catch {
        throw ValidationError(error.description)
      }
    }

    func run() async throws {
      let snapshot = try instance.open().look(at: .calls(query()))
      guard case .calls(let page) = snapshot.body else { return }
      output.print(page.rows) {
        RowText.calls($0)
      } json: {
        RowText.json($0)
      }
      try page.tellNotice()
    }
  }

  /// `callboard calls show`: one call, whole.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print one call, whole."
    )

    @OptionGroup var which: ShownCall

    func run() async throws { try which.show() }
  }

  /// `callboard calls settle`: says what became of a call whose outcome is unknown.
  struct Settle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "settle",
      abstract: "Say what became of a call whose outcome is unknown.",
      discussion: """
        It names the revision that `show` has printed: where something has happened to the call since, such as a late \
        result, nothing is settled, and the sentence says so.
        """
    )

    @Argument(help: "The call's id, or the end of it.")
    var call: String
    @Option(
      help: ArgumentHelp(
        "It happened: its result as JSON, or a reference to it.",
        valueName: "result"
      )
    )
    var happened: String?
    @Option(help: ArgumentHelp("It did not happen: how you know.", valueName: "evidence"))
    var didNotHappen: String?
    @Option(help: "The call's revision, as `show` has printed it.")
    var revision: Int
    @OptionGroup var instance: InstanceOption

    func validate() throws {
      guard (happened == nil) != (didNotHappen == nil) else {
        throw ValidationError("Say one of --happened RESULT and --did-not-happen EVIDENCE.")
      }
    }

    func run() async throws {
      let instance = try instance.open()
      let row = try instance.call(call).row
      let settlement: Settlement
      if let happened {
        let text = try JSONArgument.text(happened)
        settlement = .happened(Payload((try? JSONValue(parsing: text)) ?? .string(text)))
      } else {
        settlement = .didNotHappen(evidence: didNotHappen ?? "")
      }
      try instance.carryOut(.settle(row.id, revision: revision, settlement))
    }
  }

  /// `callboard calls rerun`: an ended call as a new one, an unknown one with the same key.
  struct Rerun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rerun",
      abstract: "Run a call again: an ended one as a new one, an unknown one with the same key."
    )

    @Argument(help: "The call's id, or the end of it.")
    var call: String
    @Argument(
      help: ArgumentHelp(
        "Other arguments as JSON, of an ended call; - reads them from stdin, @FILE from a file.",
        valueName: "json"
      )
    )
    var arguments: String?
    @OptionGroup var revision: RevisionOption
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let value = try arguments.map(JSONArgument.value)
      let instance = try instance.open()
      let row = try instance.call(call).row
      try instance.carryOut(
        .runAgain(row.id, revision: revision.revision ?? row.revision, arguments: value)
      )
    }
  }

  /// `callboard calls cancel`: nothing starts any more, and what runs is told to stop.
  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel",
      abstract: "Cancel a call that has not ended."
    )

    @Argument(help: "The call's id, or the end of it.")
    var call: String
    @OptionGroup var revision: RevisionOption
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let row = try instance.call(call).row
      try instance.carryOut(.cancel(row.id, revision: revision.revision ?? row.revision))
    }
  }
}

/// Which revision of a call was seen.
struct RevisionOption: ParsableArguments {
  @Option(
    help: "Only if it is still at this revision, as `show` prints it; as it is now if not given."
  )
  var revision: Int?
}

/// A call that is to be printed, whole.
struct ShownCall: ParsableArguments {
  @Argument(help: "The call's id, or the end of it.")
  var call: String
  @OptionGroup var instance: InstanceOption
  @Option(help: "text, json or jsonl.")
  var output: OutputFormat = .text

  func show() throws {
    let instance = try instance.open()
    let snapshot = try instance.look(at: .call(instance.call(call).row.id))
    guard case .call(let detail?) = snapshot.body else {
      throw Failure(.failed, "No call \(call) is kept there.")
    }
    let lines = RowText.lines(detail, for: instance.welcome.you, now: snapshot.header.now)
    output.print(lines, json: RowText.json(detail))
  }
}
