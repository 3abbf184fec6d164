import Callboard
import CallboardTerminal
import Foundation

/// One picture of the console, and what has to be known about it once it is painted.
struct Frame: Sendable {
  var grid: Grid
  /// When something on it will read differently although nothing happens.
  var next: Date?
  var listHeight = 1
  var paneHeight = 1
  var hasPane = false
  /// Where the document or pane really stands, after it was kept within its ends.
  var scroll: (place: Place?, scroll: ConsoleModel.Scroll)?
  var helpTop: Int?
  /// What was shown of a call under review.
  var reading: (call: CallID, reading: Reading)?
}

extension ConsoleModel {
  /// Remembers what was really painted.
  mutating func painted(_ frame: Frame) {
    listHeight = frame.listHeight
    paneHeight = frame.paneHeight
    hasPane = frame.hasPane
    if let (place, scroll) = frame.scroll {
      if let place { scrolls[place] = scroll } else { paneScroll = scroll }
    }
    if let top = frame.helpTop { helpTop = top }
    guard let (call, reading) = frame.reading else { return }
    if readings.count >= Self.readingLimit, readings[call] == nil {
      // Calls are in the order of time: the oldest goes.
      if let oldest = readings.keys.min() { readings[oldest] = nil }
    }
    readings[call] = reading
  }
}

/// Draws what the model and the engine show into a grid; decides nothing.
func render(
  _ model: ConsoleModel,
  _ sight: Sight,
  size: (width: Int, height: Int),
  isUTF8: Bool = true,
  cache: ArgumentCache = ArgumentCache()
) -> Frame {
  var painter = Painter(model: model, sight: sight, size: size, isUTF8: isUTF8, cache: cache)
  return painter.paint()
}

/// Draws one frame.
struct Painter {
  let model: ConsoleModel
  let sight: Sight
  /// With what this frame shows of the review, which the hints name.
  var context: Context
  let layout: Layout
  let moment: Moment
  let isUTF8: Bool
  let cache: ArgumentCache
  var frame: Frame
  let said: Said

  init(
    model: ConsoleModel,
    sight: Sight,
    size: (width: Int, height: Int),
    isUTF8: Bool,
    cache: ArgumentCache = ArgumentCache()
  ) {
    self.cache = cache
    self.model = model
    self.sight = sight
    self.isUTF8 = isUTF8
    context = Context(model, sight)
    moment = Moment(now: sight.header.now, zone: model.options.timeZone)
    said = Said(model, sight, width: size.width)
    layout = Layout(model, sight, said: said, size: size)
    context.hasPane = layout.pane != nil
    frame = Frame(grid: Grid(width: size.width, height: size.height))
  }

  var width: Int { layout.size.width }

  mutating func paint() -> Frame {
    guard layout.size.width > 0, layout.size.height > 0 else { return frame }
    paintTitle()
    paintTabs()
    paintBanner()
    for rule in layout.rules { frame.grid.line(row: rule, from: 0, to: width) }
    paintBody()
    paintStatus()
    paintHints()
    frame.next = moment.next
    return frame
  }

  private mutating func paintBody() {
    frame.listHeight = max(1, layout.list.height)
    frame.paneHeight = max(1, layout.body.height)
    guard !layout.body.isEmpty else { return }
    if model.showsHelp {
      paintHelp()
      return
    }
    switch model.place {
    case .screen(.overview): paintOverview()
    case .screen(.waiting):
      paintWaiting()
      if let pane = layout.pane { paintReview(in: pane, scroll: model.paneScroll, place: nil) }
    case .screen(.calls): paintCalls()
    case .screen(.conversations): paintConversations()
    case .screen(.functions): paintFunctions()
    case .screen(.errors): paintErrors()
    case .review:
      paintReview(
        in: layout.body,
        scroll: model.scrolls[model.place] ?? ConsoleModel.Scroll(),
        place: model.place
      )
    case .call: paintDocument(callDocument(width: layout.body.width))
    case .conversation: paintDocument(transcriptDocument(width: layout.body.width))
    case .function: paintDocument(functionDocument(width: layout.body.width))
    case .messages: paintDocument(messagesDocument(width: layout.body.width))
    }
  }

  // MARK: documents

  /// Draws a document that fills the body, scrolled and searched as the model says.
  mutating func paintDocument(_ document: Document) {
    var scroll = model.scrolls[model.place] ?? ConsoleModel.Scroll()
    let area = layout.body
    if scroll.jump != 0, let search = model.search {
      scroll.top = match(search, in: document, from: scroll.top, by: scroll.jump) ?? scroll.top
      scroll.jump = 0
    }
    let last = max(0, document.lines.count - area.height)
    if scroll.followsEnd { scroll.top = last }
    if scroll.top >= last, case .conversation = model.place { scroll.followsEnd = true }
    scroll.top = max(0, min(scroll.top, last))
    paint(document, top: scroll.top, in: area)
    frame.scroll = (model.place, scroll)
  }

  func match(_ search: String, in document: Document, from top: Int, by jump: Int) -> Int? {
    let wanted = search.lowercased()
    let found = document.lines.indices.filter {
      document.lines[$0].text.text.lowercased().contains(wanted)
    }
    return jump > 0
      ? found.first { $0 > top } ?? found.first : found.last { $0 < top } ?? found.last
  }

  mutating func paint(_ document: Document, top: Int, in area: Area) {
    let wanted = model.search?.lowercased()
    for offset in 0..<area.height {
      let index = top + offset
      guard document.lines.indices.contains(index) else { return }
      let line = document.lines[index]
      frame.grid.draw(line, row: area.row + offset, column: area.column, width: area.width)
      if let wanted, line.text.text.lowercased().contains(wanted) {
        frame.grid.fill(
          row: area.row + offset,
          from: area.column,
          to: area.column + area.width,
          style: Style(.accent, reverse: true)
        )
      }
    }
  }

  // MARK: lists

  /// Draws the visible rows of a list: heading, rows, the gap, the cursor's bar.
  mutating func paintList(_ table: Table, empty: SafeText, row draw: (Item) -> [TableCell]) {
    let state = model.list
    let area = layout.list
    if let heading = layout.listHeading {
      table.drawHeading(on: &frame.grid, row: heading, area: area)
    }
    guard !area.isEmpty else { return }
    guard state.count(of: sight.rows) > 0 else {
      let hidden = sight.rows.hidden
      let text =
        hidden > 0 ? "nothing here · \(hidden) hidden by the filter · Esc shows all" : empty
      for (offset, line) in wrap(text, width: max(1, area.width - 4)).prefix(area.height)
        .enumerated()
      {
        frame.grid.put(
          line,
          row: area.row + offset,
          column: area.column + 2,
          width: area.width - 2,
          style: .faint
        )
      }
      return
    }
    let gap: Int? = state.cursor.isGap ? state.cursor.index : nil
    for offset in 0..<area.height {
      let position = state.top + offset
      let row = area.row + offset
      if position == gap {
        paintGap(row: row, area: area)
        continue
      }
      let index = gap.map { position > $0 ? position - 1 : position } ?? position
      guard let item = sight.rows.item(at: index) else { continue }
      table.draw(draw(item), on: &frame.grid, row: row, area: area)
      if item.id == state.cursor.id { mark(row: row, area: area) }
    }
  }

  /// The bar and the reverse video of the row under the cursor.
  mutating func mark(row: Int, area: Area) {
    if frame.grid[row, area.column].text == " " {
      frame.grid.put("▌", row: row, column: area.column, width: 1)
    }
    frame.grid.fill(
      row: row,
      from: area.column,
      to: area.column + area.width,
      style: .selected
    )
    if model.prompt == nil { frame.grid.cursor = (row, area.column) }
  }

  private mutating func paintGap(row: Int, area: Area) {
    var text: SafeText = "· the row that was here has left"
    if let detail = sight.detail, detail.row.id.description == model.list.cursor.lastID {
      let name = SafeText(untrusted: detail.row.function, limit: 128)
      text =
        "· \(name) has left: \(words(detail.row.state)) \(moment.age(since: detail.row.since)) ago"
      let stillFits = model.screen != .waiting || detail.row.state.needsPerson
      if stillFits, sight.rows.hidden > 0 { text = "· \(name) is hidden by the filter" }
    }
    frame.grid.clear(row: row, from: area.column, to: area.column + area.width)
    frame.grid.put(text, row: row, column: area.column, width: area.width, style: .remark)
    if model.prompt == nil { frame.grid.cursor = (row, area.column) }
  }
}
