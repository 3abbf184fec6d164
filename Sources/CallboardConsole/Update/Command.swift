import Callboard
import CallboardTerminal
import Foundation

/// The verbs of the `:` line.
enum Command {
  struct Verb: Sendable {
    let name: String
    /// What comes after it, in one word; empty: nothing.
    let argument: SafeText
    let meaning: SafeText
  }

  static let verbs: [Verb] =
    Screen.allCases.map { Verb(name: $0.name, argument: "", meaning: "the screen") } + [
      Verb(
        name: "accept",
        argument: "FUNCTION",
        meaning: "open a changed definition on the waiting screen; it never accepts"
      ),
      Verb(
        name: "approve",
        argument: "ID",
        meaning: "open a call on the waiting screen; it never approves"
      ),
      Verb(name: "call", argument: "ID", meaning: "open a call"),
      Verb(name: "cancel", argument: "ID", meaning: "cancel a call"),
      Verb(name: "conversation", argument: "ID", meaning: "open a conversation"),
      Verb(name: "disable", argument: "FUNCTION", meaning: "switch a function off"),
      Verb(name: "enable", argument: "FUNCTION", meaning: "switch a function on, asks"),
      Verb(name: "filter", argument: "TERMS", meaning: "narrow this list"),
      Verb(name: "function", argument: "FUNCTION", meaning: "open a function"),
      Verb(
        name: "grant",
        argument: SafeText(untrusted: GrantDraft.form),
        meaning: "approve calls of one kind ahead, asks"
      ),
      Verb(name: "grants", argument: "", meaning: "what is approved ahead, by whom and until when"),
      Verb(name: "help", argument: "", meaning: "the keys that work here"),
      Verb(name: "hold", argument: "", meaning: "start nothing new"),
      Verb(name: "messages", argument: "", meaning: "what this line has said"),
      Verb(name: "quit", argument: "", meaning: "leave"),
      Verb(name: "release", argument: "", meaning: "start again, asks"),
      Verb(name: "revoke", argument: "ID", meaning: "take a grant back"),
      Verb(name: "since", argument: "TIME", meaning: "what happened since then, as 8h"),
      Verb(name: "stop", argument: "ID", meaning: "stop a conversation"),
      Verb(name: "write", argument: "FILE", meaning: "write this view to a file"),
    ]

  /// The verbs that change something outside of the console.
  static let acting: Set<String> = [
    "cancel", "disable", "enable", "grant", "hold", "release", "revoke", "stop",
  ]

  /// Completes the word at the end as far as it is clear, and says what is possible.
  static func complete(_ text: String, sight: Sight) -> (text: String, note: SafeText?) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard let last = words.last else { return (text, nil) }
    let candidates: [String]
    if words.count == 1 {
      candidates = verbs.map(\.name)
    } else {
      candidates = arguments(of: words[0], sight: sight)
    }
    let fitting = candidates.filter { $0.hasPrefix(last) }
    guard let first = fitting.first else { return (text, "nothing begins like that") }
    let shared = fitting.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
    let head = words.dropLast().map { $0 + " " }.joined()
    if fitting.count == 1 {
      let takesMore =
        words.count == 1 && verbs.first { $0.name == first }?.argument.isEmpty == false
      return (head + first + (takesMore ? " " : ""), nil)
    }
    let note = fitting.prefix(12).map { SafeText(untrusted: $0, limit: 80) }.joined(separator: "  ")
    return (head + shared, note)
  }

  private static func arguments(of verb: String, sight: Sight) -> [String] {
    switch verb {
    case "accept", "disable", "enable", "function", "grant":
      let names = sight.rows.items.compactMap { item -> String? in
        switch item {
        case .function(let row): row.name
        case .call(let row): row.function
        case .error(let row): row.function
        case .definition(let row): row.name
        case .fold(let fold): fold.rows.first?.function
        case .conversation, .run, .provider, .event: nil
        }
      }
      return Array(Set(names)).sorted()
    case "approve", "call", "cancel":
      return calls(in: sight).map(\.id.short)
    case "conversation", "stop":
      return conversations(in: sight).map(\.short)
    default: return []
    }
  }

  private static func calls(in sight: Sight) -> [CallRow] {
    sight.rows.items.flatMap { item -> [CallRow] in
      switch item {
      case .call(let row): [row]
      case .fold(let fold): fold.rows
      case .conversation, .run, .function, .provider, .error, .event, .definition: []
      }
    } + (sight.detail.map { [$0.row] } ?? [])
  }

  private static func conversations(in sight: Sight) -> [ConversationID] {
    sight.rows.items.compactMap { item in
      switch item {
      case .conversation(let row): row.id
      case .call(let row): row.conversation
      case .fold(let fold): fold.rows.first?.conversation
      case .event(let row): row.conversation
      case .run, .function, .provider, .error, .definition: nil
      }
    }
  }

  static func run(_ text: String, _ model: inout ConsoleModel, sight: Sight) -> [Intent] {
    let now = sight.header.now
    let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
    guard let typed = parts.first else { return [] }
    let argument = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    let fitting = verbs.filter { $0.name == typed }
    let begun = verbs.filter { $0.name.hasPrefix(typed) }
    guard let verb = fitting.first ?? (begun.count == 1 ? begun.first : nil) else {
      let close = begun.isEmpty ? verbs : begun
      let names = close.map { SafeText(untrusted: $0.name) }.joined(separator: " ")
      model.say(
        "“\(untrusted: typed, limit: 60)” is not a command; there is \(names)",
        .warning,
        at: now
      )
      return []
    }
    if verb.argument.isEmpty != argument.isEmpty {
      let form: SafeText = ":\(untrusted: verb.name) \(verb.argument)"
      model.say(
        verb.argument.isEmpty ? "\(form)takes nothing after it" : "write \(form)",
        .warning,
        at: now
      )
      return []
    }
    if acting.contains(verb.name), !model.mayAct {
      model.say("read-only: :\(untrusted: verb.name) is not possible", .warning, at: now)
      return []
    }
    if let screen = Screen(name: verb.name) {
      model.show(screen)
      return []
    }
    return perform(verb.name, argument, &model, sight: sight)
  }

  private static func perform(
    _ verb: String,
    _ argument: String,
    _ model: inout ConsoleModel,
    sight: Sight
  ) -> [Intent] {
    let now = sight.header.now
    switch verb {
    case "approve", "call", "cancel", "conversation", "stop":
      return withID(verb, argument, &model, sight: sight)
    case "accept": model.review(definition: argument)
    case "disable":
      return [.send(.setFunction(argument, from: true, to: false), .switchOff(waiting: 0))]
    case "enable":
      let row = sight.rows.items.lazy.compactMap { item -> FunctionRow? in
        if case .function(let row) = item, row.name == argument { row } else { nil }
      }.first
      askToSwitchOn(argument, waiting: row?.held, &model)
    case "function": model.open(.function(argument))
    case "filter":
      guard case .screen(let screen) = model.place, screen.isList else {
        model.say("there is no list here to filter", .warning, at: now)
        return []
      }
      do throws(Filter.Mistake) {
        let filter = try Filter(argument)
        model.list.filter = filter
        model.list.frozen = nil
      } catch {
        model.say(SafeText(untrusted: error.description, limit: 400), .warning, at: now)
      }
    case "grant": return grant(argument, &model, sight: sight)
    case "grants": model.open(.grants)
    case "revoke":
      let ending = argument.lowercased()
      return [.find(Search(verb: verb, ending: String(ending.trimmingPrefix("g-"))))]
    case "help":
      model.showsHelp = true
      model.helpTop = 0
    case "hold":
      guard sight.header.held == nil else {
        model.say("it is held already", .warning, at: now)
        return []
      }
      return [.send(.hold(from: false, to: true), .plain)]
    case "release":
      guard sight.header.held != nil else {
        model.say("it is not held", .warning, at: now)
        return []
      }
      askToRelease(&model, sight: sight)
    case "messages": model.open(.messages)
    case "quit":
      while model.back() {}
      return update(&model, .character("q"), sight: sight)
    case "since":
      guard let seconds = Filter.seconds(argument[...]), seconds > 0 else {
        model.say("write a time such as 8h, 90m or 2d after :since", .warning, at: now)
        return []
      }
      model.open(.report(since: now.addingTimeInterval(-seconds), until: now))
    case "write": return [.writeView(path: argument)]
    default: break
    }
    return []
  }

  // MARK: ids

  /// Does what a verb says to the call or conversation of a whole id, or asks for the one that ends so.
  private static func withID(
    _ verb: String,
    _ text: String,
    _ model: inout ConsoleModel,
    sight: Sight
  ) -> [Intent] {
    if isAboutCall(verb) {
      // What acts at once has to name the revision that there is: the call is looked up first.
      if CallID(text) != nil, verb == "cancel" {
        return [.find(Search(verb: verb, ending: text.lowercased()))]
      }
      if let id = CallID(text) { return act(verb, on: id, &model) }
    } else if let id = ConversationID(text) {
      return act(verb, on: id, &model)
    }
    let ending = (text.hasPrefix("c-") ? String(text.dropFirst(2)) : text).lowercased()
    guard ending.count >= 2, ending.count < 36, ending.allSatisfy({ $0.isHexDigit || $0 == "-" }),
      !ending.hasPrefix("-")
    else {
      model.say(
        "“\(untrusted: text, limit: 60)” is no id; write its last digits as lists show them, or the whole",
        .warning,
        at: sight.header.now
      )
      return []
    }
    return [.find(Search(verb: verb, ending: ending))]
  }

  private static func isAboutCall(_ verb: String) -> Bool {
    verb == "approve" || verb == "call" || verb == "cancel"
  }

  private static func act(_ verb: String, on call: CallID, _ model: inout ConsoleModel) -> [Intent]
  {
    if verb == "approve" { model.review(call) } else { model.open(.call(call)) }
    return []
  }

  private static func act(
    _ verb: String,
    on conversation: ConversationID,
    _ model: inout ConsoleModel
  ) -> [Intent] {
    if verb == "stop" { return [.send(.stopConversation(conversation), .plain)] }
    model.open(.conversation(conversation))
    return []
  }

  /// Looks among everything that is kept, and acts where exactly one id ends so.
  static func found(
    _ search: Search,
    _ model: inout ConsoleModel,
    sight: Sight,
    in door: any EngineDoor
  ) -> [Intent] {
    if search.verb == "revoke" { return revoke(search.ending, &model, sight: sight, in: door) }
    // The filter finds the digits anywhere in an id or a text; what counts is where the id ends.
    let filter: Filter
    do throws(Filter.Mistake) {
      filter = try Filter(search.ending)
    } catch {
      return []
    }
    let query = ListQuery(filter: filter, after: 100_000)
    if isAboutCall(search.verb) {
      guard case .calls(let page) = door.snapshot(of: .calls(query)).body else { return [] }
      let rows = page.rows.filter { $0.id.description.hasSuffix(search.ending) }
      if rows.count == 1, let row = rows.first {
        if search.verb == "cancel" {
          return [.send(.cancel(row.id, revision: row.revision), .plain)]
        }
        return act(search.verb, on: row.id, &model)
      }
      let longer = rows.map { row -> SafeText in
        "\(SafeText(row.id).suffix(search.ending.count + 4)) \(untrusted: row.function, limit: 80)"
      }
      refuse(search, "call", longer, &model, at: sight.header.now)
    } else {
      guard case .conversations(let page) = door.snapshot(of: .conversations(query)).body else {
        return []
      }
      let rows = page.rows.filter { $0.id.description.hasSuffix(search.ending) }
      if rows.count == 1, let row = rows.first { return act(search.verb, on: row.id, &model) }
      let longer = rows.map { row -> SafeText in
        "\(SafeText(row.id).suffix(search.ending.count + 4)) “\(untrusted: row.title, limit: 60)”"
      }
      refuse(search, "conversation", longer, &model, at: sight.header.now)
    }
    return []
  }

  private static func refuse(
    _ search: Search,
    _ kind: SafeText,
    _ fitting: [SafeText],
    _ model: inout ConsoleModel,
    at now: Date
  ) {
    let ending = SafeText(untrusted: search.ending, limit: 60)
    guard !fitting.isEmpty else {
      model.say("no \(kind) that is kept ends in \(ending)", .warning, at: now)
      return
    }
    let more: SafeText = fitting.count > 3 ? ", and \(fitting.count - 3) more" : ""
    model.say(
      "\(fitting.count) \(kind)s end in \(ending); write more of the id: \(fitting.prefix(3).joined(separator: ", "))\(more)",
      .warning,
      at: now
    )
  }
}
