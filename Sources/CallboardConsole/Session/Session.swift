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
  /// Originals that were asked for, of the call on the screen and the few before it; in memory only.
  private var reveals: [Reveal] = []
  /// Requests of batches that are not sent yet.
  private var batchQueue: [(request: Request, purpose: Purpose)] = []
  /// When this person was last said to read a call.
  private var readingSaidAt: Duration?
  private var notifyFaultAt: Date?
  private var names: [String: String] = [:]
  /// Names in the transcript at hand that no function has.
  private var unknownNames: Set<String> = []
  /// Something the screen shows may have changed since the last frame.
  private(set) var isDirty = true

  /// A reply that takes longer is said to be on the way.
  private static let patience = Duration.milliseconds(500)

  /// With more waiting calls than this, equal ones are not folded.
  private static let foldLimit = 200

  private struct Pending {
    var request: Request
    var ticket: RequestTicket
    var purpose: Purpose
    var sentAt: Duration
  }

  private struct Reveal {
    var call: CallID
    var revision: Int
    var ticket: RevealTicket
    var isSeen = false
  }

  /// Most calls whose originals are kept while somebody moves between them.
  private static let revealLimit = 64

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
  var isWaiting: Bool { !pending.isEmpty || reveals.contains { !$0.isSeen } }

  /// What the title of the window and the bell go by.
  var needs: Int { sight.header.needs }

  // MARK: looking

  /// Looks at the engine again and finds the cursor's thing in what is there now.
  func look() {
    noticeWhoThisIs()
    let height = listHeight
    let snapshot = door.snapshot(of: query(height: height))
    var new = Sight(snapshot)
    if model.hintEnd == nil {
      model.hintEnd = new.header.now.addingTimeInterval(ConsoleModel.hintSeconds)
    }
    if case .screen(let screen) = model.place {
      var list = model.list
      new.rows = list.frozen?.rows ?? rows(snapshot, list)
      let before = list.cursor
      list.settle(on: new.rows, height: height)
      model.lists[screen] = list
      if list.cursor != before { new.rows = list.frozen?.rows ?? refetched(new.rows, list, height) }
    }
    lookCloser(&new)
    new.revealed = new.detail.flatMap(revealed)
    if let fault = new.header.notifyFault, fault.at != notifyFaultAt {
      notifyFaultAt = fault.at
      model.say(SafeText(untrusted: fault.text, limit: 500), .warning, at: fault.at)
    }
    sight = new
  }

  /// A role that was given or taken meanwhile counts here at once, and is said.
  private func noticeWhoThisIs() {
    guard let you = door.you, you != model.principal else { return }
    let before = model.principal
    model.principal = you
    reveals.removeAll { _ in !you.mayReveal }
    let roles = you.roles.map(\.rawValue).sorted().joined(separator: ", ")
    let name = SafeText(untrusted: you.name, limit: 60)
    model.say(
      roles.isEmpty
        ? "the instance was told anew who is who: \(name) has no role there any more"
        : "the instance was told anew who is who: you are \(name), \(untrusted: roles, limit: 100)",
      before.roles.isSubset(of: you.roles) ? .plain : .warning,
      at: sight.header.now
    )
  }

  private func rows(_ snapshot: Snapshot, _ list: ListState) -> Rows {
    let rows = Rows(snapshot.body, sort: list.sort)
    guard case .waiting = snapshot.body else { return rows }
    return rows.folded(open: list.openFolds, cursor: list.cursor.id).with(snapshot.definitions)
  }

  /// A cursor that was wanted far away is on a row only once that row is there.
  private func refetched(_ rows: Rows, _ list: ListState, _ height: Int) -> Rows {
    guard case .wanted = list.cursor else { return rows }
    let snapshot = door.snapshot(of: query(height: height))
    let new = self.rows(snapshot, list)
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
      case .waiting:
        // More than fit, because equal ones fold into one row where all are there.
        var list = list
        list.before = max(list.before, Self.foldLimit)
        list.after = max(list.after, Self.foldLimit)
        return .waiting(list)
      case .calls: return .calls(list)
      case .conversations: return .conversations(list)
      case .functions:
        // Whole, because providers stand between the functions: a catalogue, not a log.
        return .functions(
          ListQuery(filter: list.filter, sort: list.sort, reversed: list.reversed, after: 10_000)
        )
      case .workflows: return .runs(list)
      case .errors: return .errors(list)
      case .audit: return .audit(list)
      }
    case .review(let id), .call(let id): return .call(id)
    case .conversation(let id): return .conversation(id)
    case .run(let id): return .run(id)
    case .function(let name): return .function(name)
    case .event(let seq): return .audit(ListQuery(anchor: String(seq), after: 0))
    case .report(let since, let until): return .report(since: since, until: until)
    case .messages, .batch: return .header
    case .grants: return .grants
    }
  }

  /// What is shown beside the body: the call under the cursor, its function, what a prompt is about.
  private func lookCloser(_ sight: inout Sight) {
    switch model.place {
    case .screen(.waiting), .screen(.calls):
      let id = model.list.cursor.lastID.flatMap { CallID($0) }
      if let id {
        let glance = door.glance(of: .call(id))
        sight.detail = glance?.call
        sight.isDetailAwaited = glance == nil
      }
    case .review, .call: if case .call(let detail) = sight.body { sight.detail = detail }
    case .event(let seq):
      if case .audit(let audit) = sight.body {
        sight.event = audit.page.rows.first { $0.seq == seq }
      }
    case .screen, .conversation, .run, .function, .report, .batch, .messages, .grants: break
    }
    if case .audit(let audit) = sight.body {
      sight.departure = audit.left[model.principal.identity]
    }
    var row = sight.detail?.row
    switch sight.rows.item(model.list.cursor.id) {
    case .call(let shown)?: row = row ?? shown
    case .fold(let fold)?: row = fold.rows.first
    case .definition(let shown)?:
      sight.function = door.glance(of: .function(shown.name))?.function
    case .conversation?, .run?, .function?, .provider?, .error?, .event?, nil: break
    }
    if case .screen(.errors) = model.place { row = nil }
    if let row { sight.function = door.glance(of: .function(row.function))?.function }
    sight.functionNames = functionNames(for: sight)
    if let subject = model.prompt?.subject {
      sight.subject =
        sight.detail?.row.id == subject.call
        ? sight.detail : door.glance(of: .call(subject.call))?.call
    }
    if let undoable = sight.header.undoable.first(where: { $0.by.isSamePerson(as: model.principal) }
    ) {
      sight.undo = door.glance(of: .call(undoable.call))?.call
    }
  }

  /// The catalogue's names by those that models use; asked for again only when a name is new.
  private func functionNames(for sight: Sight) -> [String: String] {
    var transcript: ConversationDetail?
    if case .conversation(let detail) = sight.body { transcript = detail }
    let used = (transcript?.transcript ?? []).flatMap { $0.message.calls.map(\.wireName) }
    guard used.contains(where: { names[$0] == nil && !unknownNames.contains($0) }) else {
      return names
    }
    let query = Query.functions(ListQuery(after: 10_000))
    guard let glance = door.glance(of: query) else { return names }
    if case .functions(let page, _) = glance.body {
      names = Dictionary(page.rows.map { ($0.wireName, $0.name) }) { first, _ in first }
    }
    unknownNames = Set(used).subtracting(names.keys)
    return names
  }

  /// Rows of the list for the size and place at hand.
  private var listHeight: Int {
    let said = Said(model, sight, width: size.width, isUTF8: isUTF8)
    return max(1, Layout(model, sight, said: said, size: size).list.height)
  }

  // MARK: keys

  enum Outcome {
    case done([Intent])
    /// The key must wait: paint first, then give it again.
    case paintFirst
  }

  /// Takes one key; the intents are the ones that the session cannot carry out itself.
  ///
  /// `isAlone` says whether nothing was typed close before or after it; it may wait a moment to find out, and is asked
  /// only of keys that decide.
  func handle(_ key: Key, at now: Duration, isAlone: () -> Bool = { true }) -> Outcome {
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
      case .run:
        if mustBeAlone(key), !isAlone() {
          return drop("came in one piece with other keys, as a paste does: press it alone")
        }
      case .waitForPaint: return .paintFirst
      case .dropped(let why): return drop(why)
      }
    }
    isDirty = true
    return .done(carryOut(update(&model, key, sight: sight), at: now))
  }

  /// One key that decides by itself; the text of a prompt is typed at any speed, and holding is never wrong.
  private func mustBeAlone(_ key: Key) -> Bool {
    key != .character("!") && model.prompt.map(\.isQuestion) ?? true
  }

  private func drop(_ why: SafeText) -> Outcome {
    model.say(why, .warning, at: sight.header.now)
    isDirty = true
    return .done([])
  }

  /// A cursor beyond the rows that were fetched.
  private var needsRows: Bool {
    if case .wanted = model.list.cursor, !model.place.isDocument { return true }
    return sightIsElsewhere
  }

  /// Whether the place has changed since the last look.
  private var sightIsElsewhere: Bool {
    switch model.place {
    case .screen(let screen): !isOf(screen, sight.body)
    case .review(let id), .call(let id):
      if case .call = sight.body { sight.detail?.row.id != id } else { true }
    case .conversation(let id): sight.body.conversation?.row.id != id
    case .run(let id): sight.body.run?.row.id != id
    case .function(let name): sight.body.function?.row.name != name
    case .event(let seq): sight.event?.seq != seq
    case .report: if case .report = sight.body { false } else { true }
    case .grants: if case .grants = sight.body { false } else { true }
    case .messages, .batch: false
    }
  }

  private func isOf(_ screen: Screen, _ body: Snapshot.Body) -> Bool {
    switch body {
    case .overview: screen == .overview
    case .waiting: screen == .waiting
    case .calls: screen == .calls
    case .conversations: screen == .conversations
    case .functions: screen == .functions
    case .runs: screen == .workflows
    case .errors: screen == .errors
    case .audit: screen == .audit
    case .call, .conversation, .run, .function, .report, .grants, .grantPreview, .header: false
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
    // It decides nothing yet: it lays before a person what they would decide.
    if context.opensBatch(action) { return false }
    return live.binding.isDeciding
  }

  /// Sends requests and looks things up; gives back what only the owner of the terminal can do.
  private func carryOut(_ intents: [Intent], at now: Duration) -> [Intent] {
    intents.flatMap { intent -> [Intent] in
      switch intent {
      case .send(let request, let purpose):
        send(request, purpose, at: now)
        return []
      case .consider(let draft):
        Command.considered(draft, &model, sight: sight, in: door)
        return []
      case .find(let search):
        let found = Command.found(search, &model, sight: sight, in: door)
        return found.isEmpty ? [] : carryOut(found, at: now)
      case .openBatch(let action, let screen):
        openBatch(action, on: screen)
        return []
      case .runBatch(let batch):
        run(batch, at: now)
        return []
      case .edit, .copy, .writeView, .suspend, .repaint, .quit: return [intent]
      }
    }
  }

  /// Sends a batch, a few requests at a time.
  private func run(_ batch: Batch, at now: Duration) {
    let number = model.began(batch)
    for (index, entry) in batch.entries.enumerated() {
      guard let request = batch.request(for: entry) else {
        model.receive(.refused("it can't be done"), of: index, in: number, at: sight.header.now)
        continue
      }
      batchQueue.append((request, .batch(run: number, entry: index)))
    }
    sendBatches(at: now)
  }

  private func sendBatches(at now: Duration) {
    while !batchQueue.isEmpty, pending.count < Batch.pace {
      let (request, purpose) = batchQueue.removeFirst()
      pending.append(
        Pending(
          request: request,
          ticket: door.send(request, by: model.principal),
          purpose: purpose,
          sentAt: now
        )
      )
    }
  }

  // MARK: who reads what

  /// A person is said to read a call again and again while it is on the screen: others forget it soon.
  static let readingPause = Duration.seconds(10)

  /// The call that is before this person's eyes, where others may be about to decide on it too.
  private var readCall: CallID? {
    guard model.mayAct, showsArguments, let detail = sight.detail, detail.row.state.needsPerson
    else { return nil }
    return detail.row.id
  }

  private func sayWhatIsRead(at now: Duration) {
    let read = readCall
    if let before = model.reading, before != read {
      _ = door.send(.reading(before, isThere: false), by: model.principal)
    }
    guard let read else {
      model.reading = nil
      readingSaidAt = nil
      return
    }
    if read == model.reading, let said = readingSaidAt, now - said < Self.readingPause { return }
    model.reading = read
    readingSaidAt = now
    _ = door.send(.reading(read, isThere: true), by: model.principal)
  }

  /// When to say again what is read, although nothing changes; nil: nothing is.
  var readingDeadline: Duration? {
    model.reading == nil ? nil : readingSaidAt.map { $0 + Self.readingPause }
  }

  /// Says again what is read, without a new picture.
  func sayReadingAgain(at now: Duration) {
    if let deadline = readingDeadline, deadline <= now { sayWhatIsRead(at: now) }
  }

  /// Says for the last time what is read, and up to which event this person has been told.
  func leave() -> RequestTicket? {
    if let read = model.reading {
      _ = door.send(.reading(read, isThere: false), by: model.principal)
    }
    guard !model.options.isReadOnly else { return nil }
    return door.send(.left(seq: sight.header.seq), by: model.principal)
  }

  private func send(_ request: Request, _ purpose: Purpose, at now: Duration) {
    guard !pending.contains(where: { $0.request == request }) else {
      model.say("it is on the way already", .warning, at: sight.header.now)
      return
    }
    pending.append(
      Pending(
        request: request,
        ticket: door.send(request, by: model.principal),
        purpose: purpose,
        sentAt: now
      )
    )
  }

  /// Takes in the replies that have come, and says whether there were any.
  @discardableResult
  func collectReplies() -> Bool {
    let isRevealed = collectReveals()
    var rest: [Pending] = []
    var replies: [(Reply, Pending)] = []
    for request in pending {
      if let reply = request.ticket.reply {
        replies.append((reply, request))
      } else {
        rest.append(request)
      }
    }
    guard !replies.isEmpty else { return isRevealed }
    pending = rest
    let now = door.snapshot(of: .header).header.now
    let sentAt = replies.map(\.1.sentAt).max()
    for (reply, request) in replies {
      receive(&model, reply, for: outcome(of: request, reply), at: now)
    }
    sendBatches(at: sentAt ?? .zero)
    isDirty = true
    return true
  }

  /// A refusal to stop the conversation does not take back the denial before it.
  private func outcome(of request: Pending, _ reply: Reply) -> Purpose {
    guard case .denial(let denial) = request.purpose, !reply.isDone,
      case .deny(let id, _, _, _) = request.request
    else { return request.purpose }
    let isDenied = door.snapshot(of: .call(id)).call?.row.state == .denied
    return isDenied ? .denial(denial) : .plain
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
    askForOriginals()
    sayWhatIsRead(at: now)
    return gate.painted(Context(model, sight).stake(model, sight), at: now)
  }

  // MARK: originals of secrets

  /// Asks for the originals of the call on the screen, once for each of its revisions: that is on record.
  private func askForOriginals() {
    guard model.mayReveal, showsArguments, let detail = sight.detail, detail.call.isMarked,
      !reveals.contains(where: {
        $0.call == detail.row.id && $0.revision == detail.call.revision
      })
    else { return }
    reveals.append(
      Reveal(
        call: detail.row.id,
        revision: detail.call.revision,
        ticket: door.reveal(detail.row.id, by: model.principal)
      )
    )
    if reveals.count > Self.revealLimit { reveals.removeFirst() }
  }

  private var showsArguments: Bool {
    switch model.place {
    case .screen(.waiting): model.hasPane
    case .review, .call: true
    case .screen, .conversation, .run, .function, .event, .report, .batch, .messages, .grants: false
    }
  }

  private func collectReveals() -> Bool {
    var hasNew = false
    for index in reveals.indices where !reveals[index].isSeen {
      guard let answer = reveals[index].ticket.answer else { continue }
      reveals[index].isSeen = true
      hasNew = true
      if case .refused(let why) = answer {
        say("its secrets are not shown: \(untrusted: why, limit: 300)", .warning)
      }
    }
    if hasNew { isDirty = true }
    return hasNew
  }

  private func revealed(_ detail: CallDetail) -> CallDetail? {
    guard model.mayReveal else { return nil }
    for reveal in reveals where reveal.isSeen && reveal.call == detail.row.id {
      if case .originals(let originals) = reveal.ticket.answer,
        let shown = detail.revealing(originals)
      {
        return shown
      }
    }
    return nil
  }

  /// Call when no key is left to read.
  func idle(at now: Duration) {
    if let words = gate.idle(at: now) { say(words, .faint) }
    let slow = pending.count { now - $0.sentAt >= Self.patience }
    if slow != model.requestsOnTheWay {
      model.requestsOnTheWay = slow
      isDirty = true
    }
  }

  var gateDeadline: Duration? { gate.deadline }

  func forgetWhatWasPainted() {
    gate.forget()
    isDirty = true
  }
}
