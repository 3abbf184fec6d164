import Callboard
import CallboardTerminal

/// One line of the table of keys, from which keys are run, hints are drawn and help is written.
struct Binding: Sendable {
  let action: Action
  let keys: [Key]
  /// Acts on the thing under the cursor, so it counts only when that was on the screen.
  var isDeciding = false
  /// Changes something outside of the console: not bound when read-only.
  var acts = false
  /// Shown in help only; everybody knows the arrows.
  var isMovement = false
  /// What it means here and now; nil: nothing, it is not bound here.
  let label: @Sendable (Context) -> SafeText?
}

/// A binding that works here and now.
struct LiveBinding: Sendable {
  let binding: Binding
  let label: SafeText

  var action: Action { binding.action }
}

extension Binding {
  /// The bindings that work here and now, in the order of the hints.
  static func live(in context: Context) -> [LiveBinding] {
    all.compactMap { binding in
      guard context.mayAct || !binding.acts else { return nil }
      return binding.label(context).map { LiveBinding(binding: binding, label: $0) }
    }
  }

  static func live(_ action: Action, in context: Context) -> LiveBinding? {
    guard let binding = table[action], context.mayAct || !binding.acts else { return nil }
    return binding.label(context).map { LiveBinding(binding: binding, label: $0) }
  }

  static let table = Dictionary(uniqueKeysWithValues: all.map { ($0.action, $0) })

  private static func deciding(
    _ action: Action,
    _ key: Character,
    _ label: @escaping @Sendable (Context) -> SafeText?
  ) -> Binding {
    Binding(
      action: action,
      keys: [.character(key)],
      isDeciding: true,
      acts: true,
      label: label
    )
  }

  private static func looking(
    _ action: Action,
    _ keys: Key...,
    movement: Bool = false,
    _ label: @escaping @Sendable (Context) -> SafeText?
  ) -> Binding {
    Binding(action: action, keys: keys, isMovement: movement, label: label)
  }

  static let all: [Binding] = decisions + sights + movements

  private static let decisions: [Binding] = [
    deciding(.approve, "a") { context in
      if let label = context.batchLabel(.approve) { return label }
      if context.fold != nil { return "unfold" }
      if context.definition != nil, context.isReview {
        guard let unread = context.unread, unread > 0 else { return "accept" }
        return "accept (\(counted(unread, "line", "lines")) unread)"
      }
      if context.call == nil, context.function?.awaitsAcceptance == true { return "review" }
      guard context.call?.state == .awaitingApproval else { return nil }
      guard context.isReview else { return "review" }
      guard !context.isGap else { return nil }
      if context.isHeld { return "approve (held)" }
      if context.function?.isOn == false || context.call?.functionIsOn == false {
        return "approve (function off)"
      }
      if let why = context.forbidden[.approve] { return "approve (\(why))" }
      if context.folded > 0 {
        return "approve (\(counted(context.folded, "value", "values")) folded)"
      }
      if let unread = context.unread, unread > 0 {
        return "approve (\(counted(unread, "line", "lines")) unread)"
      }
      return "approve"
    },
    deciding(.deny, "d") { context in
      if let label = context.batchLabel(.deny) { return label }
      if context.fold != nil { return "unfold" }
      if let definition = context.definition, context.isReview {
        return definition.declined == nil ? "decline" : nil
      }
      guard let state = context.call?.state else { return nil }
      guard context.isReview else { return state == .awaitingApproval ? "review" : nil }
      guard state == .awaitingApproval || state == .approved, !context.isGap else { return nil }
      return context.named("deny", .deny)
    },
    deciding(.edit, "e") { context in
      if context.fold != nil { return "unfold" }
      guard let call = context.call else { return nil }
      if call.state == .awaitingApproval {
        return context.isReview ? context.named("edit", .edit) : "review"
      }
      let onCalls = context.screen == .calls && !context.isReview
      return onCalls && call.state.isEnded ? "edit as a new call" : nil
    },
    deciding(.settle, "s") { context in
      guard context.call?.state == .unknown, context.isReview || context.screen == .calls else {
        return nil
      }
      return context.named("settle", .settle)
    },
    deciding(.extend, "+") { context in
      context.isReview && context.call?.state == .awaitingApproval
        ? context.named("more time", .extend) : nil
    },
    deciding(.runAgain, "r") { context in
      if let label = context.batchLabel(.runAgain) { return label }
      if let run = context.run { return run.mayBeRetried ? "retry" : nil }
      guard let state = context.call?.state, context.isReview || context.screen == .calls else {
        return nil
      }
      if state == .unknown { return context.named("run again", .runAgain) }
      return state.isEnded && context.screen == .calls
        ? context.named("run again", .runAgain) : nil
    },
    deciding(.cancel, "x") { context in
      if let label = context.batchLabel(.cancel) { return label }
      if let call = context.call {
        guard context.screen == .waiting || context.screen == .calls else { return nil }
        let stoppable =
          !call.state.isEnded && call.state != .unknown && call.state != .stopping
        return stoppable ? "cancel" : nil
      }
      if let run = context.run { return run.state == .running ? "cancel" : nil }
      return context.conversationRow?.state.isLive == true ? "stop" : nil
    },
    deciding(.pause, "p") { context in
      guard context.call == nil, let state = context.conversationRow?.state, state.isLive else {
        return nil
      }
      return state == .paused ? "resume" : "pause"
    },
    deciding(.message, "m") { context in
      context.call == nil && context.conversationRow != nil ? "message" : nil
    },
    Binding(action: .undo, keys: [.character("u")], isDeciding: false, acts: true) { context in
      context.undo.map {
        "undo approval of \(untrusted: $0.call.function) \($0.call.id)"
      }
    },
  ]

  private static let sights: [Binding] = [
    looking(.mark, .character(" ")) { context in
      guard case .screen(let screen) = context.place, !screen.batchActions.isEmpty else {
        return nil
      }
      let has =
        context.call != nil || context.fold != nil || context.conversationRow != nil
        || context.error != nil
      return has && !context.isGap ? context.isMarked ? "unmark" : "mark" : nil
    },
    looking(.unmarkAll, .character("U")) { context in
      context.marked > 0 ? "unmark all \(context.marked)" : nil
    },
    looking(.open, .enter) { context in
      guard !context.isGap || context.call != nil else { return nil }
      switch context.place {
      case .screen(.waiting):
        if context.fold != nil { return "unfold" }
        if context.definition != nil { return "function" }
        guard context.call != nil else { return nil }
        return context.folded > 0 ? "unfold" : "whole screen"
      case .screen:
        let has =
          context.call != nil || context.conversationRow != nil || context.function != nil
          || context.error != nil || context.event != nil || context.run != nil
          || context.provider != nil && context.screen == .overview
        return has ? "open" : nil
      case .event: return context.event?.call == nil ? nil : "open the call"
      case .review, .call, .conversation, .run, .function, .report, .batch, .messages, .grants:
        return nil
      }
    },
    looking(.paneDown, .character("J")) { context in
      context.hasPane || context.place.isDocument ? "read on" : nil
    },
    looking(.paneUp, .character("K")) { context in
      context.hasPane || context.place.isDocument ? "read back" : nil
    },
    Binding(action: .hold, keys: [.character("!")], acts: true) { context in
      context.isHeld ? "release the engine" : "hold everything"
    },
    looking(.goConversation, .character("i")) { context in
      if case .conversation = context.place { return nil }
      return context.conversation == nil ? nil : "conversation"
    },
    looking(.goFunction, .character("f")) { context in
      if case .function = context.place { return nil }
      return context.functionName == nil ? nil : "function"
    },
    deciding(.toggle, "t") { context in
      if let provider = context.provider { return provider.isOn ? "all off" : "all on" }
      if let function = context.function { return function.isOn ? "function off" : "function on" }
      return context.call.map { $0.functionIsOn ? "function off" : "function on" }
    },
    deciding(.breaker, "b") { context in context.function == nil ? nil : "breaker" },
    deciding(.clearCache, "c") { context in
      context.screen == .functions && context.function?.isCached == true ? "clear cache" : nil
    },
    looking(.follow, .character("F")) { context in
      switch context.place {
      case .screen(let screen) where screen.isList && screen != .functions:
        context.isFrozen ? "follow" : "freeze"
      case .conversation: "follow or stay"
      case .screen, .review, .call, .run, .function, .event, .report, .batch, .messages, .grants:
        nil
      }
    },
    looking(.sort, .character("o")) { context in context.lists ? "sort" : nil },
    looking(.reverse, .character("O")) { context in context.lists ? "reverse" : nil },
    looking(.filter, .character("/")) { context in
      context.lists ? "filter" : context.place.isDocument ? "search" : nil
    },
    looking(.next, .character("n")) { context in
      context.hasSearch ? "next match" : context.isNarrowed ? "next" : nil
    },
    looking(.previous, .character("N")) { context in
      context.hasSearch ? "match before" : context.isNarrowed ? "previous" : nil
    },
    looking(.command, .character(":")) { _ in "command" },
    looking(.copy, .character("y")) { context in
      let has =
        context.call != nil || context.conversation != nil || context.functionName != nil
        || context.provider != nil || context.run != nil
      return has ? "copy" : nil
    },
    looking(.write, .character("w")) { _ in "write to a file" },
    looking(.back, .escape) { context in
      if context.hasSearch { return "end search" }
      if context.hasFilter, case .screen = context.place { return "clear filter" }
      return context.depth > 1 ? "back" : nil
    },
    looking(.quit, .character("q")) { context in context.depth > 1 ? "back" : "quit" },
    looking(.help, .character("?")) { _ in "help" },
  ]

  private static let movements: [Binding] = [
    looking(.down, .character("j"), .down, movement: true) { _ in "down" },
    looking(.up, .character("k"), .up, movement: true) { _ in "up" },
    looking(.pageDown, .pageDown, movement: true) { _ in "page down" },
    looking(.pageUp, .pageUp, movement: true) { _ in "page up" },
    looking(.first, .character("g"), .home, movement: true) { _ in "first" },
    looking(.last, .character("G"), .end, movement: true) { _ in "last" },
    looking(.nextScreen, .tab, .right, movement: true) { _ in "next screen" },
    looking(.previousScreen, .backTab, .left, movement: true) { _ in "screen before" },
    looking(.overview, .character("1"), movement: true) { _ in "Overview" },
    looking(.waiting, .character("2"), movement: true) { _ in "Waiting" },
    looking(.calls, .character("3"), movement: true) { _ in "Calls" },
    looking(.conversations, .character("4"), movement: true) { _ in "Conversations" },
    looking(.functions, .character("5"), movement: true) { _ in "Functions" },
    looking(.workflows, .character("6"), movement: true) { _ in "Workflows" },
    looking(.errors, .character("7"), movement: true) { _ in "Errors" },
    looking(.audit, .character("8"), movement: true) { _ in "Audit" },
    looking(.repaint, .control("l"), movement: true) { _ in "paint again" },
    looking(.suspend, .control("z"), movement: true) { _ in "suspend" },
  ]
}

extension Context {
  /// A key's label, with why it is not for this person.
  fileprivate func named(_ label: SafeText, _ action: Action) -> SafeText {
    forbidden[action].map { "\(label) (\($0))" } ?? label
  }

  /// A list with a filter, and rows that it lets through.
  fileprivate var isNarrowed: Bool { lists && hasFilter && hasRows }

  fileprivate var lists: Bool {
    if case .screen(let screen) = place { screen.isList } else { false }
  }
}
