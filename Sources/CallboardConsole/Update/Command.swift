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
      Verb(name: "help", argument: "", meaning: "the keys that work here"),
      Verb(name: "hold", argument: "", meaning: "start nothing new"),
      Verb(name: "messages", argument: "", meaning: "what this line has said"),
      Verb(name: "quit", argument: "", meaning: "leave"),
      Verb(name: "release", argument: "", meaning: "start again, asks"),
      Verb(name: "stop", argument: "ID", meaning: "stop a conversation"),
      Verb(name: "write", argument: "FILE", meaning: "write this view to a file"),
    ]

  /// The verbs that change something outside of the console.
  static let acting: Set<String> = [
    "cancel", "disable", "enable", "hold", "release", "stop",
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
    case "disable", "enable", "function":
      let names = sight.rows.items.compactMap { item -> String? in
        switch item {
        case .function(let row): row.name
        case .call(let row): row.function
        case .error(let row): row.function
        case .conversation, .provider: nil
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
    sight.rows.items.compactMap { item in
      if case .call(let row) = item { row } else { nil }
    } + (sight.detail.map { [$0.row] } ?? [])
  }

  private static func conversations(in sight: Sight) -> [ConversationID] {
    sight.rows.items.compactMap { item in
      switch item {
      case .conversation(let row): row.id
      case .call(let row): row.conversation
      case .function, .provider, .error: nil
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
    case "approve":
      if let call = call(argument, &model, sight: sight) { model.review(call) }
    case "call":
      if let call = call(argument, &model, sight: sight) { model.open(.call(call)) }
    case "cancel":
      if let call = call(argument, &model, sight: sight) { return [.send(.cancel(call), .plain)] }
    case "conversation":
      if let id = conversation(argument, &model, sight: sight) { model.open(.conversation(id)) }
    case "stop":
      if let id = conversation(argument, &model, sight: sight) {
        return [.send(.stopConversation(id), .plain)]
      }
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
    case "write": return [.writeView(path: argument)]
    default: break
    }
    return []
  }

  /// A whole id, or the last digits of one that is on this screen.
  private static func call(_ text: String, _ model: inout ConsoleModel, sight: Sight) -> CallID? {
    if let id = CallID(text) { return id }
    let fitting = Set(calls(in: sight).map(\.id).filter { $0.description.hasSuffix(text) })
    if fitting.count == 1 { return fitting.first }
    let found: SafeText = fitting.isEmpty ? "no call here ends" : "more than one call here ends"
    model.say(
      "\(found) in “\(untrusted: text, limit: 60)”; write the whole id",
      .warning,
      at: sight.header.now
    )
    return nil
  }

  private static func conversation(
    _ text: String,
    _ model: inout ConsoleModel,
    sight: Sight
  ) -> ConversationID? {
    if let id = ConversationID(text) { return id }
    let ending = text.hasPrefix("c-") ? String(text.dropFirst(2)) : text
    let fitting = Set(conversations(in: sight).filter { $0.description.hasSuffix(ending) })
    if fitting.count == 1 { return fitting.first }
    let found: SafeText =
      fitting.isEmpty ? "no conversation here ends" : "more than one conversation here ends"
    model.say(
      "\(found) in “\(untrusted: text, limit: 60)”; write the whole id",
      .warning,
      at: sight.header.now
    )
    return nil
  }
}
