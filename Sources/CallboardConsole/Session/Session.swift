import Callboard
import CallboardTerminal
import Foundation

/// The console without its terminal: looks at the engine, takes keys, paints frames, sends requests.
///
/// Used from one thread. The time comes from whoever drives it: the console's loop, or a test.
final class Session {
  let door: any EngineDoor
  var model: ConsoleModel
  private(set) var sight: Sight
  private(set) var frame: Frame?
  var size: (width: Int, height: Int) { didSet { isDirty = true } }
  let isUTF8: Bool
  private var gate = InputGate()
  private let cache = ArgumentCache()
  private var pending: [Pending] = []
  /// Something the screen shows may have changed since the last frame.
  private(set) var isDirty = true

  private struct Pending {
    var ticket: RequestTicket
    var purpose: Purpose
  }

  init(
    door: any EngineDoor,
    model: ConsoleModel,
    size: (width: Int, height: Int),
    isUTF8: Bool = true
  ) {
    self.door = door
    self.model = model
    self.size = size
    self.isUTF8 = isUTF8
    sight = Sight(door.snapshot(of: .header))
  }

  /// Requests whose replies have not come.
  var isWaiting: Bool { !pending.isEmpty }

  /// What the title of the window and the bell go by.
  var needs: Int { sight.header.waiting + sight.header.unknown }

  // MARK: looking

  /// Looks at the engine again and finds the cursor's thing in what is there now.
  func look() {
    let height = listHeight
    let snapshot = door.snapshot(of: query(height: height))
    var new = Sight(snapshot)
    if case .screen(let screen) = model.place {
      var list = model.list
      new.rows = list.frozen?.rows ?? Rows(snapshot.body, sort: list.sort)
      let before = list.cursor
      list.settle(on: new.rows, height: height)
      model.lists[screen] = list
      if list.cursor != before { new.rows = list.frozen?.rows ?? refetched(new.rows, list, height) }
    }
    lookCloser(&new)
    sight = new
  }

  /// A cursor that was wanted far away is on a row only once that row is there.
  private func refetched(_ rows: Rows, _ list: ListState, _ height: Int) -> Rows {
    guard case .wanted = list.cursor else { return rows }
    let snapshot = door.snapshot(of: query(height: height))
    let new = Rows(snapshot.body, sort: list.sort)
    var list = list
    list.settle(on: new, height: height)
    model.list = list
    return new
  }

  private func query(height: Int) -> Query {
    switch model.place {
    case .screen(let screen):
      let list = model.list.query(rows: height)
      switch screen {
      case .overview: return .overview(rows: min(10, max(3, size.height / 6)))
      case .waiting: return .waiting(list)
      case .calls: return .calls(list)
      case .conversations: return .conversations(list)
      case .functions:
        // Whole, because providers stand between the functions: a catalogue, not a log.
        return .functions(
          ListQuery(filter: list.filter, sort: list.sort, reversed: list.reversed, after: 10_000)
        )
      case .errors: return .errors(list)
      }
    case .review(let id), .call(let id): return .call(id)
    case .conversation(let id): return .conversation(id)
    case .function(let name): return .function(name)
    case .messages: return .header
    }
  }

  /// What is shown beside the body: the call under the cursor, its function, what a prompt is about.
  private func lookCloser(_ sight: inout Sight) {
    switch model.place {
    case .screen(.waiting), .screen(.calls):
      let id = model.list.cursor.lastID.flatMap { CallID($0) }
      if let id { sight.detail = door.snapshot(of: .call(id)).call }
    case .review, .call: if case .call(let detail) = sight.body { sight.detail = detail }
    case .screen, .conversation, .function, .messages: break
    }
    var row = sight.detail?.row
    if row == nil, case .call(let shown)? = sight.rows.item(model.list.cursor.id) { row = shown }
    if case .screen(.errors) = model.place { row = nil }
    if let row { sight.function = door.snapshot(of: .function(row.function)).function }
    let isRead = model.place != .screen(.calls)
    if isRead, let detail = sight.detail, let conversation = detail.row.conversation {
      sight.transcript = door.snapshot(of: .conversation(conversation)).conversation
    }
    if let subject = model.prompt?.subject {
      sight.subject =
        sight.detail?.row.id == subject.call
        ? sight.detail : door.snapshot(of: .call(subject.call)).call
    }
    if let undoable = model.undoable {
      sight.undo = door.snapshot(of: .call(undoable)).call
      if let state = sight.undo?.row.state, state != .approved, state != .awaitingApproval {
        model.undoable = nil
      }
    }
  }

  /// Rows of the list for the size and place at hand.
  private var listHeight: Int {
    let said = Said(model, sight, width: size.width)
    return max(1, Layout(model, sight, said: said, size: size).list.height)
  }

  // MARK: keys

  enum Outcome {
    case done([Intent])
    /// The key must wait: paint first, then give it again.
    case paintFirst
  }

  /// Takes one key; the intents are the ones that the session cannot carry out itself.
  func handle(_ key: Key, at now: Duration) -> Outcome {
    if key == .statusReport {
      gate.statusAnswered(at: now)
      return .done([])
    }
    if needsRows {
      look()
      isDirty = true
    } else if model.list.cursor.isGap {
      // What has become of it is said as of now.
      look()
    }
    let context = Context(model, sight)
    if decides(key, context) {
      guard !isDirty else { return .paintFirst }
      let stake = context.stake(model, sight)
      switch gate.admits(key, deciding: true, on: stake, frameIsDue: false, at: now) {
      case .run: break
      case .waitForPaint: return .paintFirst
      case .dropped(let why):
        model.say(why, .warning, at: sight.header.now)
        isDirty = true
        return .done([])
      }
    }
    isDirty = true
    return .done(carryOut(update(&model, key, sight: sight)))
  }

  /// A cursor beyond the rows that were fetched.
  private var needsRows: Bool {
    if case .wanted = model.list.cursor, !model.place.isDocument { return true }
    return sightIsElsewhere
  }

  /// Whether the place has changed since the last look.
  private var sightIsElsewhere: Bool {
    switch (model.place, sight.body) {
    case (.screen(.overview), .overview), (.screen(.waiting), .waiting), (.screen(.calls), .calls),
      (.screen(.conversations), .conversations), (.screen(.functions), .functions),
      (.screen(.errors), .errors), (.messages, _):
      false
    case (.review(let id), .call), (.call(let id), .call): sight.detail?.row.id != id
    case (.conversation(let id), .conversation(let detail)): detail?.row.id != id
    case (.function(let name), .function(let detail)): detail?.row.name != name
    case (.screen, _), (.review, _), (.call, _), (.conversation, _), (.function, _): true
    }
  }

  private func decides(_ key: Key, _ context: Context) -> Bool {
    if case .paste = key { return false }
    if let prompt = model.prompt {
      guard prompt.decides else { return false }
      if prompt.isQuestion {
        if case .character = key { return true }
        return false
      }
      return key == .enter
    }
    guard !model.showsHelp, let action = model.keys.action(of: key),
      let live = Binding.live(action, in: context)
    else { return false }
    return live.binding.isDeciding
  }

  /// Sends requests; gives back what only the owner of the terminal can do.
  private func carryOut(_ intents: [Intent]) -> [Intent] {
    intents.filter { intent in
      guard case .send(let request, let purpose) = intent else { return true }
      pending.append(
        Pending(ticket: door.send(request, by: model.principal), purpose: purpose)
      )
      return false
    }
  }

  /// Takes in the replies that have come, and says whether there were any.
  @discardableResult
  func collectReplies() -> Bool {
    var rest: [Pending] = []
    var replies: [(Reply, Purpose)] = []
    for request in pending {
      if let reply = request.ticket.reply {
        replies.append((reply, request.purpose))
      } else {
        rest.append(request)
      }
    }
    guard !replies.isEmpty else { return false }
    pending = rest
    let now = door.snapshot(of: .header).header.now
    for (reply, purpose) in replies { receive(&model, reply, for: purpose, at: now) }
    isDirty = true
    return true
  }

  func returned(_ text: Result<String, EditorFailure>, of edit: ArgumentsEdit) {
    receive(&model, edited: text, of: edit, at: sight.header.now)
    isDirty = true
  }

  func say(_ text: SafeText, _ style: Style = .plain) {
    model.say(text, style, at: sight.header.now)
    isDirty = true
  }

  // MARK: painting

  /// The picture as it should be now.
  func paint() -> Grid {
    look()
    let frame = render(model, sight, size: size, isUTF8: isUTF8, cache: cache)
    self.frame = frame
    return frame.grid
  }

  /// Notes that the last picture is on its way to the terminal, and says whether to ask for its status.
  func painted(at now: Duration) -> Bool {
    if let frame { model.painted(frame) }
    isDirty = false
    return gate.painted(Context(model, sight).stake(model, sight), at: now)
  }

  /// Call when no key is left to read.
  func idle(at now: Duration) {
    if let words = gate.idle(at: now) { say(words, .faint) }
  }

  var gateDeadline: Duration? { gate.deadline }

  func forgetWhatWasPainted() {
    gate.forget()
    isDirty = true
  }
}
