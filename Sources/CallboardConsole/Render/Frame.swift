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
  var batchScroll: ConsoleModel.Scroll?
  /// What was shown of a call under review.
  var reading: (call: CallID, reading: Reading)?
  /// What was shown of a changed definition.
  var definitionReading: DefinitionReading?
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
    if let scroll = frame.batchScroll { batchScroll = scroll }
    if let reading = frame.definitionReading { definitionReadings[reading.name] = reading }
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
    said = Said(model, sight, width: size.width, isUTF8: isUTF8)
    layout = Layout(model, sight, said: said, size: size)
    context.hasPane = layout.pane != nil
    frame = Frame(grid: Grid(width: size.width, height: size.height))
    frame.grid.isASCII = !isUTF8
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
    if case .batch(let batch)? = model.prompt?.kind {
      paintBatch(batch)
      return
    }
    switch model.place {
    case .screen(.overview): paintOverview()
    case .screen(.waiting):
      paintWaiting()
      guard let pane = layout.pane else { break }
      if let fold = context.fold {
        paintFold(fold, in: pane)
      } else if let definition = context.definition {
        paintDefinition(definition, in: pane)
      } else {
        paintReview(in: pane, scroll: model.paneScroll, place: nil)
      }
    case .screen(.calls): paintCalls()
    case .screen(.conversations): paintConversations()
    case .screen(.functions): paintFunctions()
    case .screen(.workflows): paintWorkflows()
    case .screen(.errors): paintErrors()
    case .screen(.audit): paintAudit()
    case .review:
      paintReview(
        in: layout.body,
        scroll: model.scrolls[model.place] ?? ConsoleModel.Scroll(),
        place: model.place
      )
    case .call: paintDocument(callDocument(width: layout.body.width))
    case .conversation: paintDocument(transcriptDocument(width: layout.body.width))
    case .run: paintDocument(runDocument(width: layout.body.width))
    case .function: paintDocument(functionDocument(width: layout.body.width))
    case .event: paintDocument(eventDocument(width: layout.body.width))
    case .report: paintDocument(reportDocument(width: layout.body.width))
    case .batch(let number): paintDocument(batchRunDocument(number, width: layout.body.width))
    case .messages: paintDocument(messagesDocument(width: layout.body.width))
    case .grants: paintDocument(grantsDocument(width: layout.body.width))
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
    let height = visibleHeight(of: document, in: area)
    let last = max(0, document.lines.count - height)
    if scroll.followsEnd { scroll.top = last }
    if scroll.top >= last, case .conversation = model.place { scroll.followsEnd = true }
    scroll.top = max(0, min(scroll.top, last))
    paint(document, top: scroll.top, height: height, in: area)
    frame.scroll = (model.place, scroll)
  }

  /// Lines of a document that are shown at once: where not all are, the lowest row says what is hidden.
  func visibleHeight(of document: Document, in area: Area) -> Int {
    document.lines.count <= area.height || area.height < 2 ? area.height : area.height - 1
  }

  /// Draws as much of a document as fits, and how much is hidden.
  mutating func paint(_ document: Document, top: Int, height: Int, in area: Area) {
    var box = area
    box.height = height
    paint(document, top: top, in: box)
    frame.paneHeight = max(1, height)
    guard height < area.height else { return }
    let below = document.lines.count - top - height
    let text: SafeText =
      below > 0
      ? "▼ \(counted(below, "more line", "more lines")) · \(model.keys.key(of: .paneDown))"
      : "▲ \(counted(top, "line", "lines")) above · \(model.keys.key(of: .paneUp))"
    frame.grid.put(
      text,
      row: area.endRow - 1,
      column: area.column + 1,
      width: area.width - 1,
      style: .faint
    )
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
  mutating func paintList(
    _ columns: [Table.Column],
    empty: SafeText,
    row draw: (Item) -> [TableCell]
  ) {
    let state = model.list
    let area = layout.list
    let gap: Int? = state.cursor.isGap ? state.cursor.index : nil
    let items = (0..<max(0, area.height)).map { offset -> Item? in
      let position = state.top + offset
      guard position != gap else { return nil }
      return sight.rows.item(at: gap.map { position > $0 ? position - 1 : position } ?? position)
    }
    let rows = items.map { $0.map { plain(draw($0)) } ?? [] }
    let table = Table(columns, rows: rows, width: area.width)
    if let heading = layout.listHeading {
      table.drawHeading(on: &frame.grid, row: heading, area: area)
    }
    guard !area.isEmpty else { return }
    guard state.count(of: sight.rows) > 0 else {
      let hidden = sight.rows.hidden
      let text =
        hidden > 0
        ? "nothing here · \(hidden) hidden by the filter · Esc shows all"
        : sight.absence(empty)
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
    for (offset, item) in items.enumerated() {
      let row = area.row + offset
      if state.top + offset == gap {
        paintGap(row: row, area: area)
        continue
      }
      guard let item else { continue }
      table.draw(rows[offset], on: &frame.grid, row: row, area: area)
      if item.markable.contains(where: { model.marks.holds($0, on: model.screen) }) {
        frame.grid.put("*", row: row, column: area.column, width: 1, style: .accent)
      }
      if item.id == state.cursor.id { mark(row: row, area: area) }
    }
  }

  /// Cells as the terminal at hand shows them, so that their columns are as wide as what is drawn.
  func plain(_ cells: [TableCell]) -> [TableCell] {
    isUTF8 ? cells : cells.map { TableCell($0.text.ascii, $0.style) }
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
        "· \(name) has left: \(ending(of: detail)) \(moment.age(since: detail.row.since)) ago"
      let stillFits = model.screen != .waiting || detail.row.state.needsPerson
      if stillFits, sight.rows.hidden > 0 { text = "· \(name) is hidden by the filter" }
    }
    frame.grid.clear(row: row, from: area.column, to: area.column + area.width)
    frame.grid.put(text, row: row, column: area.column, width: area.width, style: .remark)
    if model.prompt == nil { frame.grid.cursor = (row, area.column) }
  }
}
