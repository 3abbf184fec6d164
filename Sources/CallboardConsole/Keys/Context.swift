import Callboard
import Foundation

/// What keys would act on now: the thing under the cursor and what surrounds it.
struct Context: Sendable {
  var place: Place
  var screen: Screen
  var mayAct: Bool
  var isHeld: Bool
  var call: CallRow?
  /// Equal calls in one row: no key decides on them.
  var fold: Fold?
  var conversation: ConversationID?
  /// The conversation's row, where the place shows one.
  var conversationRow: ConversationRow?
  var run: RunRow?
  var function: FunctionRow?
  /// The function's name, also where its row has not been fetched.
  var functionName: String?
  var provider: ProviderRow?
  var error: ErrorRow?
  /// A changed definition among what waits.
  var definition: DefinitionRow?
  /// Where a decision is made: the waiting screen or the large review.
  var isReview = false
  var isGap = false
  /// What this person may not do to the call, and why.
  var forbidden: [Action: SafeText] = [:]
  /// Review lines that are not read, and values that are folded.
  var unread: Int?
  var folded = 0
  /// The approval that `u` takes back, and until when.
  var undo: (call: CallRow, until: Date)?
  var depth: Int
  var hasFilter: Bool
  var hasSearch: Bool
  var isFrozen: Bool
  var hasPane: Bool
  var hasRows: Bool
  /// Things that are marked on this screen, and whether what the cursor is on is one of them.
  var marked = 0
  /// Those of them that are known to have left it.
  var markedGone = 0
  var isMarked = false
  var event: AuditRow?

  init(_ model: ConsoleModel, _ sight: Sight) {
    place = model.place
    screen = model.screen
    mayAct = model.mayAct
    isHeld = sight.header.held != nil
    depth = model.depth
    hasFilter = !model.list.filter.isEmpty
    hasSearch = model.search != nil
    isFrozen = model.list.frozen != nil
    hasPane = model.hasPane
    hasRows = sight.rows.total > 0
    switch place {
    case .screen(let screen):
      isGap = model.list.cursor.isGap
      isReview = screen == .waiting
      let marks = model.marks.on(screen)
      marked = marks.count
      if screen == .waiting, marked > 0, sight.rows.isWhole {
        let there = Set(sight.rows.items.flatMap(\.markable))
        markedGone = marks.count { !there.contains($0) }
      }
      let markable = sight.rows.item(model.list.cursor.id)?.markable ?? []
      isMarked =
        !markable.isEmpty && markable.allSatisfy { model.marks.holds($0, on: screen) }
      take(sight.rows.item(model.list.cursor.id))
      // The review shows the call as it is now, a frozen list as it was.
      if isReview, let detail = sight.detail, detail.row.id == call?.id { call = detail.row }
      // What has not been shown yet can't be decided.
      if isReview, sight.isDetailAwaited { call = nil }
      if isReview, let shown = call, !shown.state.needsPerson, shown.state != .approved {
        isGap = true
      }
    case .review(let id):
      isReview = true
      if let detail = sight.detail, detail.row.id == id { call = detail.row }
    case .call(let id):
      if let detail = sight.detail, detail.row.id == id { call = detail.row }
    case .conversation(let id):
      conversation = id
      if case .conversation(let detail) = sight.body { conversationRow = detail?.row }
    case .run: run = sight.body.run?.row
    case .function(let name):
      functionName = name
      if case .function(let detail) = sight.body { function = detail?.row }
    case .event(let seq):
      if let row = sight.event, row.seq == seq { take(.event(row)) }
    case .messages, .report, .batch, .grants: break
    }
    if let detail = sight.function, detail.row.name == functionName, fold != nil {
      function = detail.row
    }
    if let definition {
      if let detail = sight.function, detail.row.name == definition.name {
        function = detail.row
        if let reading = model.definitionReadings[definition.name], let change = detail.change,
          reading.shows(change.row.from, change.row.to)
        {
          unread = reading.unread
        }
      }
    }
    if let call {
      conversation = call.conversation
      functionName = call.function
      if let detail = sight.function, detail.row.name == call.function { function = detail.row }
      if let detail = sight.detail, detail.row.id == call.id {
        forbidden = Self.forbidden(by: detail, to: model.principal)
      }
      if isReview, let detail = sight.detail, detail.row.id == call.id {
        unread = model.unread(detail)
        folded = model.readings[call.id]?.folded ?? 0
      }
    }
    if let detail = sight.undo, case .approved(let until) = detail.call.state,
      until > sight.header.now
    {
      undo = (detail.row, until)
    }
  }

  /// What this person may not do to a call, and why.
  static func forbidden(
    by detail: CallDetail,
    to person: Principal
  ) -> [Action: SafeText] {
    var forbidden: [Action: SafeText] = [:]
    let actions: [(Action, DecidingAct)] = [
      (.approve, .approve), (.deny, .deny), (.edit, .edit), (.extend, .extend),
      (.settle, .settle), (.runAgain, .runAgain),
    ]
    for (action, act) in actions {
      guard let deciders = detail.deciders[act], !deciders.include(person) else { continue }
      forbidden[action] = "only \(untrusted: deciders.words, limit: 80) may"
    }
    if detail.requesters.contains(where: { $0.isSamePerson(as: person) }),
      forbidden[.approve] == nil
    {
      forbidden[.approve] = "you asked for it"
    }
    return forbidden
  }

  private mutating func take(_ item: Item?) {
    switch item {
    case .call(let row): call = row
    case .fold(let fold):
      self.fold = fold
      conversation = fold.rows.first?.conversation
      functionName = fold.rows.first?.function
    case .conversation(let row):
      conversation = row.id
      conversationRow = row
    case .run(let row): run = row
    case .function(let row):
      function = row
      functionName = row.name
    case .provider(let row): provider = row
    case .error(let row):
      error = row
      functionName = row.function
    case .event(let row):
      event = row
      conversation = row.conversation
      functionName = row.call != nil || row.type.hasPrefix("function.") ? row.subject : nil
    case .definition(let row):
      definition = row
      functionName = row.name
    case nil: break
    }
  }

  /// What a deciding key would act on, as a text that is another as soon as it is another thing; nil: nothing.
  func stake(_ model: ConsoleModel, _ sight: Sight) -> String? {
    if let prompt = model.prompt {
      return prompt.decides ? "prompt \(prompt.number) \(prompt.isLate(sight))" : nil
    }
    if model.showsHelp { return nil }
    if let call {
      var parts = ["call", call.id.description, isReview ? "decide" : "see"]
      if isReview {
        parts += [String(call.revision), call.digest ?? "", call.state.rawValue]
        if sight.revealed?.row.id == call.id { parts.append("revealed") }
      } else {
        // A change from queued to running does not change what x or t would do.
        parts.append(call.state.isEnded ? "ended" : call.state.needsPerson ? "waits" : "live")
      }
      parts.append(function.map { "\($0.isOn) \($0.breaker.rawValue)" } ?? "\(call.functionIsOn)")
      return parts.joined(separator: " ")
    }
    if let fold {
      let ids = fold.rows.map(\.id.description).joined(separator: " ")
      return "fold \(ids) \(function?.isOn == true)"
    }
    if let definition {
      let shown = sight.function?.change?.row ?? definition
      return
        "definition \(definition.name) \(shown.from) \(shown.to) \(shown.declined != nil) \(function?.isOn == true)"
    }
    if let conversation {
      let state = conversationRow?.state
      return "conversation \(conversation) \(state?.isLive == true) \(state == .paused)"
    }
    if let run {
      // A retry names the revision that was shown.
      return "run \(run.id) \(run.state.isLive ? "live" : "\(run.state.rawValue) \(run.revision)")"
    }
    if let function {
      return "function \(function.name) \(function.isOn) \(function.breaker.rawValue)"
    }
    if let provider { return "provider \(provider.namespace) \(provider.isOn)" }
    return error.map { "error \($0.id)" }
  }
}
