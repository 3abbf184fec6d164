import Callboard
import CallboardTerminal
import Foundation

/// Everything the console remembers of its own: where it is, its cursors, what has been read, what is typed.
struct ConsoleModel: Sendable {
  /// Who looks and acts here; another one, or with other roles, when the instance says so.
  var principal: Principal
  let options: ConsoleOptions
  let keys: KeyMap
  /// The way here; the last is shown.
  private(set) var stack: [Place]
  var lists: [Screen: ListState] = [:]
  var scrolls: [Place: Scroll] = [:]
  /// The review pane beside the waiting list.
  var paneScroll = Scroll()
  /// What has been read, by call; the newest `readingLimit` are kept.
  var readings: [CallID: Reading] = [:]
  /// What has been read of changed definitions, by function.
  var definitionReadings: [String: DefinitionReading] = [:]
  /// Calls whose long values are unfolded.
  var unfolded: Set<CallID> = []
  var prompt: Prompt?
  var marks = Marks()
  /// Where the table of an open batch is scrolled to.
  var batchScroll = Scroll()
  /// Batches that were sent, by number.
  var batchRuns: [Int: BatchRun] = [:]
  /// The call that this person is said to read.
  var reading: CallID?
  private var promptCount = 0
  var showsHelp = false
  var helpTop = 0
  var notice: Notice?
  /// What the options say to somebody who is new here, until the first key or `hintEnd`.
  var hint: String?
  var hintEnd: Date?
  /// Requests whose replies take long.
  var requestsOnTheWay = 0
  private(set) var notices: [Notice] = []
  var commands: [String] = []
  var search: String?
  /// Rows of the list and lines of the pane in the last frame.
  var listHeight = 20
  var paneHeight = 10
  /// Whether the last frame had a pane beside or below the list.
  var hasPane = false

  static let readingLimit = 512
  static let hintSeconds = 30.0
  static let noticeLimit = 200

  init(principal: Principal, options: ConsoleOptions, keys: KeyMap) {
    self.principal = principal
    self.options = options
    self.keys = keys
    hint = options.hint
    stack = [.screen(.overview)]
  }

  /// Where a document is scrolled to.
  struct Scroll: Sendable, Hashable {
    var top = 0
    /// Stays at the end as lines come.
    var followsEnd = false
    /// Lines that match the search to go on by, at the next frame.
    var jump = 0
  }

  struct Notice: Sendable {
    var text: SafeText
    var style: Style
    var at: Date
  }

  var mayAct: Bool { principal.mayDecide && !options.isReadOnly }

  /// A screen that only shows is often one that everybody sees.
  var mayReveal: Bool { principal.mayReveal && !options.isReadOnly }

  var place: Place { stack.last ?? .screen(.overview) }

  /// The tab the place was opened from.
  var screen: Screen {
    for place in stack.reversed() {
      if case .screen(let screen) = place { return screen }
    }
    return .overview
  }

  var depth: Int { stack.count }

  var list: ListState {
    get { lists[screen] ?? ListState() }
    set { lists[screen] = newValue }
  }

  // MARK: moving between places

  mutating func show(_ screen: Screen) {
    stack = [.screen(screen)]
    lists[screen]?.openFolds = []
    search = nil
    arrive()
  }

  mutating func open(_ place: Place) {
    guard place != self.place else { return }
    stack.append(place)
    if stack.count > 32 { stack.removeFirst() }
    search = nil
    arrive()
  }

  /// Shows the calls of a folded row one by one, with the cursor on the first.
  mutating func unfold(_ fold: Fold) {
    guard let first = fold.rows.first else { return }
    list.openFolds.insert(fold.id)
    list.cursor = .row(id: first.id.description, index: list.cursor.index)
    paneScroll = Scroll()
  }

  /// Opens a call on the waiting screen.
  mutating func review(_ call: CallID) {
    var state = lists[.waiting] ?? ListState()
    state.cursor = .row(id: call.description, index: state.cursor.index)
    lists[.waiting] = state
    if place != .screen(.waiting) { open(.screen(.waiting)) }
    paneScroll = Scroll()
  }

  /// Opens a changed definition on the waiting screen.
  mutating func review(definition name: String) {
    var state = lists[.waiting] ?? ListState()
    state.cursor = .row(id: Item.id(ofDefinition: name), index: state.cursor.index)
    lists[.waiting] = state
    if place != .screen(.waiting) { open(.screen(.waiting)) }
    paneScroll = Scroll()
  }

  mutating func back() -> Bool {
    guard stack.count > 1 else { return false }
    stack.removeLast()
    arrive()
    return true
  }

  private mutating func arrive() {
    switch place {
    case .conversation where scrolls[place] == nil: scrolls[place] = Scroll(followsEnd: true)
    case .screen(.waiting): paneScroll = Scroll()
    default: break
    }
  }

  // MARK: prompts and notices

  mutating func ask(_ prompt: Prompt) {
    promptCount += 1
    var prompt = prompt
    prompt.number = promptCount
    self.prompt = prompt
  }

  mutating func ask(_ question: Question, about subject: Prompt.Subject? = nil) {
    ask(Prompt(.question(question), subject: subject))
  }

  mutating func say(_ text: SafeText, _ style: Style = .plain, at now: Date) {
    let new = Notice(text: text, style: style, at: now)
    notice = new
    notices.append(new)
    if notices.count > Self.noticeLimit { notices.removeFirst() }
  }

  // MARK: reading

  /// The lines of a call's review that are not read yet, as last painted; nil: never painted as it is now.
  func unread(_ detail: CallDetail) -> Int? {
    guard let reading = readings[detail.row.id], reading.seen == detail.seen else { return nil }
    return reading.unread
  }
}

extension CallDetail {
  /// What a decision on it must name.
  var seen: Seen? { row.seen }
}

extension CallRow {
  var seen: Seen? { digest.map { Seen(revision: revision, digest: $0) } }
}
