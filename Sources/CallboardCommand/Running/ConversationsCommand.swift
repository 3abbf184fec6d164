import ArgumentParser
import Callboard
import CallboardControl
import Foundation

/// `callboard conversations`: those of a running instance.
struct ConversationsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conversations",
    abstract: "Conversations of a running instance.",
    subcommands: [List.self, Show.self, Stop.self, Pause.self, Resume.self, Message.self],
    defaultSubcommand: List.self
  )

  /// `callboard conversations list`: by last activity.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List conversations by their last activity."
    )

    @Option(help: "At most so many.")
    var limit = 100
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit is \(limit); use 1 or more.") }
    }

    func run() async throws {
      let query = Query.conversations(ListQuery(after: limit - 1))
      guard case .conversations(let page) = try instance.open().look(at: query).body else { return }
      output.print(page.rows) {
        RowText.conversations($0)
      } json: {
        RowText.json($0)
      }
      try page.tellNotice()
    }
  }

  /// `callboard conversations show`: the transcript.
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a conversation with its transcript."
    )

    @OptionGroup var which: ConversationArgument
    @OptionGroup var instance: InstanceOption
    @Option(help: "text, json or jsonl.")
    var output: OutputFormat = .text

    func run() async throws {
      let detail = try instance.open().conversation(which.conversation)
      output.print(RowText.lines(detail), json: RowText.json(detail))
    }
  }

  /// `callboard conversations stop`: cancels its calls too.
  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "stop",
      abstract: "Stop a conversation and cancel its calls."
    )

    @OptionGroup var which: ConversationArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let id = try instance.conversation(which.conversation).row.id
      try instance.carryOut(.stopConversation(id))
    }
  }

  /// `callboard conversations pause`: no further turn is taken.
  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "pause",
      abstract: "Take no further turn in a conversation."
    )

    @OptionGroup var which: ConversationArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let id = try instance.conversation(which.conversation).row.id
      try instance.carryOut(.pauseConversation(id, from: false, to: true))
    }
  }

  /// `callboard conversations resume`: goes on after a pause.
  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "resume",
      abstract: "Go on with a paused conversation."
    )

    @OptionGroup var which: ConversationArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let id = try instance.conversation(which.conversation).row.id
      try instance.carryOut(.pauseConversation(id, from: true, to: false))
    }
  }

  /// `callboard conversations message`: says something in it.
  struct Message: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "message",
      abstract: "Say something in a conversation."
    )

    @OptionGroup var which: ConversationArgument
    @Argument(help: "What to say; - reads it from stdin, @FILE from a file.")
    var text: String
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let words = try JSONArgument.text(text)
      let instance = try instance.open()
      let id = try instance.conversation(which.conversation).row.id
      try instance.carryOut(.message(id, words))
    }
  }
}

/// Which conversation is meant.
struct ConversationArgument: ParsableArguments {
  @Argument(help: "The conversation's id, or the end of it.")
  var conversation: String
}
