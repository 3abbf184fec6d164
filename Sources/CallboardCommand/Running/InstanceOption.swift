import ArgumentParser
import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// Which running instance a command is about.
struct InstanceOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The instance's control socket; the one of the configuration if not given.",
      valueName: "path"
    )
  )
  var socket: String?
  @OptionGroup var source: ConfigurationOption

  /// The options that lead another command to the same instance, each after a space.
  var again: String {
    let words = [socket.map { "--socket '\($0)'" }, source.config.map { "--config '\($0)'" }]
    return words.compactMap(\.self).map { " " + $0 }.joined()
  }

  /// The path of the socket.
  func path() throws -> String {
    if let socket { return socket }
    guard let path = try source.load().socketPath else {
      throw Failure(
        .usage,
        "The configuration has no control socket (control: none); name an instance's with --socket PATH."
      )
    }
    return path
  }

  /// Connects, or says why not.
  func open() throws -> Instance {
    let path = try path()
    return try Failure.onControlProblem { () throws(ControlProblem) in try Instance(at: path) }
  }

  /// The instance that listens there, where one does.
  func running() throws -> Instance? {
    switch try reached() {
    case .running(let instance): instance
    case .none: nil
    }
  }

  /// The same, or why there is none.
  func reached() throws -> Reached {
    if let socket { return .running(try Reached.named(socket)) }
    return try Reached(in: try source.load())
  }
}

/// A running instance, where one was found.
enum Reached {
  case running(Instance)
  /// Why, in a sentence.
  case none(String)

  /// The one that a configuration's socket leads to.
  init(in configuration: Configuration) throws {
    guard let path = configuration.socketPath else {
      self = .none("The configuration has no control socket (control: none).")
      return
    }
    do throws(ControlProblem) {
      self = .running(try Instance(at: path))
    } catch {
      guard case .unreachable(let why) = error else { throw Failure(error) }
      self = .none(why)
    }
  }

  /// The one at a socket that somebody named: there has to be one.
  static func named(_ socket: String) throws -> Instance {
    try Failure.onControlProblem { () throws(ControlProblem) in try Instance(at: socket) }
  }
}

extension Failure {
  /// What an instance said, or that it said nothing, with the number for the shell.
  static func onControlProblem<Outcome>(
    _ body: () throws(ControlProblem) -> Outcome
  ) throws(Failure) -> Outcome {
    do {
      return try body()
    } catch {
      throw Failure(error)
    }
  }

  /// A text with an end: a question, or a sentence that has one already, gets no other.
  static func sentence(_ text: String) -> String {
    text.last.map { ".?!".contains($0) } ?? true ? text : text + "."
  }

  init(_ problem: ControlProblem) {
    switch problem {
    case .unreachable(let why), .notUnderstood(let why): self.init(.unreachable, why)
    case .forbidden(let why): self.init(.denied, why)
    case .refused(let why): self.init(.denied, Self.sentence("The instance refused: " + why))
    case .lost(let why): self.init(.outcomeUnknown, why)
    }
  }
}

extension Instance {
  /// Has a request carried out, and says what became of it: on stdout that it was done, else why not.
  func carryOut(_ request: Request) throws {
    let reply = try Failure.onControlProblem { () throws(ControlProblem) in try send(request) }
    switch reply {
    case .done(let what): Output.standard.row(what)
    case .notStored(let what): throw Failure(.unreachable, Failure.sentence(what))
    case .refused(let why):
      throw Failure(welcome.you.mayDecide ? .failed : .denied, Failure.sentence("Not done: " + why))
    case .invalid(let errors):
      throw Failure(
        .failed,
        "Not done: the arguments are not what the schema says:\n  "
          + errors.map(\.message).joined(separator: "\n  ")
      )
    case .unknown(let why): throw Failure(.outcomeUnknown, why)
    }
  }

  func look(at query: Query) throws -> Snapshot {
    let seen = try Failure.onControlProblem { () throws(ControlProblem) in
      try snapshot(of: query)
    }
    StoreNotice.tell(seen.header)
    return seen
  }

  /// Says on standard error whose word follows: it may be another than the file's at hand.
  func tellWhoIsAsked() {
    Output.error.row(
      "callboard: this is what the running instance says (\(welcome.name), process \(welcome.pid))."
    )
  }

  // MARK: - Ids

  /// The call of an id, whole or the end of it as screens show it.
  func call(_ text: String) throws -> CallDetail {
    let id = try CallID(text) ?? found(text)
    guard case .call(let detail?) = try look(at: .call(id)).body else {
      throw Failure(.failed, "No call \(text) is kept there.")
    }
    return detail
  }

  private func found(_ text: String) throws -> CallID {
    guard case .calls(let page) = try look(at: .calls(Self.ending(text, "call"))).body else {
      throw Failure(.fault, "The instance shows no calls.")
    }
    return try Self.only(page.rows.map(\.id), ending: text, "call")
  }

  func conversation(_ text: String) throws -> ConversationDetail {
    let id = try ConversationID(text) ?? foundConversation(text)
    guard case .conversation(let detail?) = try look(at: .conversation(id)).body else {
      throw Failure(.failed, "No conversation \(text) is kept there.")
    }
    return detail
  }

  private func foundConversation(_ text: String) throws -> ConversationID {
    let query = try Self.ending(text, "conversation")
    guard case .conversations(let page) = try look(at: .conversations(query)).body else {
      throw Failure(.fault, "The instance shows no conversations.")
    }
    return try Self.only(page.rows.map(\.id), ending: text, "conversation")
  }

  private static func digits(_ text: String) -> String {
    (text.hasPrefix("c-") || text.hasPrefix("w-") ? String(text.dropFirst(2)) : text).lowercased()
  }

  static func ending(_ text: String, _ kind: String) throws -> ListQuery {
    let digits = digits(text)
    guard digits.count >= 4, digits.allSatisfy({ $0.isHexDigit || $0 == "-" }),
      !digits.hasPrefix("-"), let filter = try? Filter(digits)
    else {
      throw Failure(
        .usage,
        "“\(text)” is no id of a \(kind); write the whole, or its last digits as lists show them."
      )
    }
    return ListQuery(filter: filter, after: 100_000)
  }

  static func only<ID: LosslessStringConvertible>(
    _ ids: [ID],
    ending text: String,
    _ kind: String
  ) throws -> ID {
    let fitting = ids.filter { $0.description.hasSuffix(digits(text)) }
    guard let first = fitting.first else {
      throw Failure(.failed, "No \(kind) whose id ends in \(text) is kept there.")
    }
    guard fitting.count == 1 else {
      throw Failure(
        .usage,
        "\(fitting.count) \(kind)s end in \(text); write more of the id:\n  "
          + fitting.prefix(5).map(\.description).joined(separator: "\n  ")
      )
    }
    return first
  }
}

extension OutputFormat {
  /// Prints a list: a row a thing for people, or its JSON.
  func print<Thing>(
    _ things: [Thing],
    text: ([Thing]) -> [String],
    json: (Thing) -> JSONValue
  ) {
    switch self {
    case .text: for line in text(things) { Output.standard.row(line) }
    case .json: Output.standard.line(JSONValue.array(things.map(json)).serialized(pretty: true))
    case .jsonl: for thing in things { Output.standard.line(json(thing).serialized()) }
    }
  }

  /// Prints one thing: lines for people, or its JSON.
  func print(_ lines: [String], json: JSONValue) {
    switch self {
    case .text: for line in lines { Output.standard.row(line) }
    case .json: Output.standard.line(json.serialized(pretty: true))
    case .jsonl: Output.standard.line(json.serialized())
    }
  }
}

extension Page {
  /// Says what was not done as asked; throws where nothing could be read, because that is no empty list.
  func tellNotice() throws {
    guard let notice else { return }
    guard !isUnreadable else { throw Failure(.unreachable, Failure.sentence(notice)) }
    Output.error.row("callboard: \(notice)")
  }
}
