import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// What has to be read before a decision: who asks, why a person is asked, the time left, and every argument whole.
extension Painter {
  /// Draws the review of the call under the cursor and notes which of its lines have been on the screen.
  mutating func paintReview(in area: Area, scroll: ConsoleModel.Scroll, place: Place?) {
    guard !area.isEmpty else { return }
    let isLarge = place != nil
    frame.hasPane = true
    guard let detail = sight.detail,
      isLarge || detail.row.id.description == model.list.cursor.lastID
    else {
      if sight.rows.total > 0 || isLarge {
        frame.grid.put(
          sight.isDetailAwaited ? "asking the instance …" : sight.absence("not there any more"),
          row: area.row,
          column: area.column + 1,
          style: .faint
        )
      }
      return
    }
    let (document, folded) = reviewDocument(detail, width: area.width, unfolds: isLarge)
    var scroll = scroll
    if scroll.jump != 0, let search = model.search {
      scroll.top = match(search, in: document, from: scroll.top, by: scroll.jump) ?? scroll.top
      scroll.jump = 0
    }
    let height = visibleHeight(of: document, in: area)
    scroll.top = max(0, min(scroll.top, document.lines.count - height))
    paint(document, top: scroll.top, height: height, in: area)
    frame.scroll = (place, scroll)
    note(detail, document: document, top: scroll.top, height: height, folded: folded)
    if height < area.height { paintUnread(in: area) }
  }

  /// What is unread is said instead of what is hidden.
  private mutating func paintUnread(in area: Area) {
    guard let (_, reading) = frame.reading, reading.unread > 0 else { return }
    let row = area.endRow - 1
    let key = model.keys.key(of: reading.isBelow ? .paneDown : .paneUp)
    frame.grid.clear(row: row, from: area.column, to: area.column + area.width)
    frame.grid.put(
      "\(reading.isBelow ? "▼" : "▲") \(counted(reading.unread, "line", "lines")) unread · \(key)",
      row: row,
      column: area.column + 1,
      width: area.width - 1,
      style: .warning
    )
  }

  /// Counts what has been read of a waiting call, this frame included.
  private mutating func note(
    _ detail: CallDetail,
    document: Document,
    top: Int,
    height: Int,
    folded: Int
  ) {
    guard detail.row.state == .awaitingApproval, let seen = detail.seen else { return }
    let known = model.readings[detail.row.id]
    let width = document.width
    let arguments = (detail.call.decided ?? detail.call.proposed)?.shown
    var reading = Reading(seen: seen, width: width, unread: 0, folded: folded, arguments: arguments)
    reading.isRevealed = sight.drawn(detail).call.isMarked != detail.call.isMarked
    if let known {
      if known.seen == seen {
        reading.earlier = known.earlier
        // Other line breaks or folds make other lines: what was read of those counts for nothing.
        if known.width == width, known.folded == folded, known.isRevealed == reading.isRevealed {
          reading.painted = known.painted
        }
      } else {
        reading.earlier = known.arguments == arguments ? known.earlier : known.arguments
      }
    }
    for (index, line) in document.lines.enumerated() where index >= top && index < top + height {
      if let name = line.reading { reading.painted.insert(name) }
    }
    var isBelow = false
    var unread = 0
    for (index, line) in document.lines.enumerated() {
      guard let name = line.reading, !reading.painted.contains(name) else { continue }
      unread += 1
      if index >= top + height { isBelow = true }
    }
    reading.unread = unread
    reading.isBelow = isBelow
    frame.reading = (detail.row.id, reading)
    context.unread = unread
    context.folded = folded
  }

  // MARK: the document

  func reviewDocument(
    _ detail: CallDetail,
    width: Int,
    unfolds: Bool
  ) -> (document: Document, folded: Int) {
    var document = Document(width: width, isUTF8: isUTF8)
    let row = detail.row
    document.beginReading(section: 0)
    addHead(detail, to: &document)
    document.beginReading(section: 1)
    addStanding(detail, to: &document)
    addTwin(detail, to: &document)
    if detail.row.state == .unknown { addCheck(detail, to: &document) }
    addAuthority(detail, to: &document)
    // Whoever comes and goes makes nothing unread again.
    document.endReading()
    addOthers(detail, to: &document)
    document.beginReading(section: 2)
    addChanges(detail, to: &document)
    document.blank()
    document.beginReading(section: 3)
    let drawn = sight.drawn(detail)
    addRevealed(detail, to: &document)
    let folded = addArguments(
      (drawn.call.decided ?? drawn.call.proposed)?.shown,
      of: drawn,
      unfolds: unfolds || model.unfolded.contains(row.id),
      to: &document
    )
    document.beginReading(section: 4)
    document.blank()
    addOutlook(detail, to: &document)
    document.endReading()
    return (document, folded)
  }

  private func addHead(_ detail: CallDetail, to document: inout Document) {
    let row = detail.row
    let effect: SafeText = row.effect.map { SafeText(untrusted: $0.rawValue) } ?? "unknown function"
    let name = SafeText(untrusted: row.function, limit: 300)
    let gap = document.width - cellWidth(name) - cellWidth(effect) - 3
    let style: Style = row.effect == .write ? .warning : .faint
    if gap > 0 {
      document.add([
        Span(" "), Span(name, .title), Span(SafeText(" ").repeated(gap)), Span(effect, style),
      ])
    } else {
      document.text(name, .title)
      document.text(effect, style)
    }
    if let description = detail.functionDescription, !description.isEmpty {
      document.text(SafeText(untrusted: description, limit: 300), .faint)
    }
    if let rule = row.rule {
      document.text("held by \(untrusted: rule, limit: 400)")
    }
    var asks: SafeText = "\(untrusted: row.caller, limit: 100) asks"
    if let conversation = row.conversation { asks += " in \(conversation)" }
    if let turn = detail.call.turn { asks += ", turn \(turn)" }
    asks += " · call \(row.id) · \(moment.clock(row.receivedAt))"
    // Last on its line: whatever a title says stands within its quotes and nothing of callboard's follows.
    if let title = row.conversationTitle.map({ SafeText(untrusted: $0, limit: 1000) }) {
      document.text(
        asks,
        quoting: title,
        lines: layout.size.height < 30 || width < Layout.narrow ? 1 : 2
      )
    } else {
      document.text(asks)
    }
    if let link = detail.call.link { document.text(described(link), .warning) }
  }

  private func addStanding(_ detail: CallDetail, to document: inout Document) {
    let row = detail.row
    switch row.state {
    case .awaitingApproval:
      var spans: [Span] = [Span(" ")]
      spans.append(Span("approved by \(row.approvalsGiven) of \(row.approvalsNeeded)"))
      let names = approvers(of: detail)
      if !names.isEmpty { spans.append(Span(": " + names.joined(separator: ", "), .good)) }
      if let end = row.expiresAt {
        spans.append(Span(" · expires in "))
        let isLast = moment.isLastMinute(until: end)
        spans.append(
          Span(moment.left(until: end), isLast ? Style(.warning, reverse: true) : .plain)
        )
      }
      document.add(spans)
      if !row.functionIsOn {
        document.text("the function is switched off: an approval is refused", .warning)
      }
    case .unknown:
      document.text(
        "outcome unknown since \(moment.age(since: row.since)): it may have been done",
        .bad
      )
      if let failure = detail.call.firstFailure ?? detail.call.attempts.last?.failure {
        document.text("\(words(failure.kind)): \(untrusted: failure.message, limit: 600)")
      }
      if let attempt = detail.call.attempts.last,
        let errorOutput = detail.call.errorOutput(of: attempt.number)
      {
        document.value("stderr", errorLines(errorOutput), labelWidth: 10)
      }
      if let late = detail.call.lateResult {
        let drawn = sight.drawn(detail).call.lateResult ?? late
        document.value("came late", safeLines(of: drawn.shown), labelWidth: 10)
      }
      if let rerun = detail.call.rerun { document.text("is being run again as \(rerun)", .warning) }
    case .approved:
      let until: SafeText =
        context.undo?.call.id == row.id ? " · \(model.keys.key(of: .undo)) undoes" : ""
      document.text("approved\(until)", .good)
    default:
      document.text(
        "has left: \(ending(of: detail)) \(moment.age(since: row.since)) ago",
        .warning
      )
    }
  }

  /// What is another than when this person last saw it.
  private func addChanges(_ detail: CallDetail, to document: inout Document) {
    guard let reading = model.readings[detail.row.id], let seen = detail.seen else { return }
    let before = reading.seen == seen ? reading.earlier : reading.arguments
    guard let before, let now = (detail.call.decided ?? detail.call.proposed)?.shown, before != now
    else { return }
    let by = detail.call.editedBy.map { " by " + SafeText(untrusted: $0.name, limit: 60) } ?? ""
    document.text("changed\(by) since you first read it:", .warning)
    for change in ArgumentChange.between(before, now) {
      func shown(_ value: JSONValue?, else missing: SafeText) -> SafeText {
        value.map { SafeText(untrusted: $0.serialized(), limit: 300) } ?? missing
      }
      document.value(
        SafeText(untrusted: change.name, limit: 200),
        [
          shown(change.before, else: "(was not there)") + " → "
            + shown(change.after, else: "(is gone)")
        ],
        labelWidth: 14,
        style: Style(.value, dim: true)
      )
    }
  }

  /// That this person sees what others do not.
  func addRevealed(_ detail: CallDetail, to document: inout Document) {
    guard detail.call.isMarked, !sight.drawn(detail).call.isMarked else { return }
    document.text(
      "its secrets are shown to you, which is on record; nobody else sees them",
      .warning
    )
  }

  private func addOutlook(_ detail: CallDetail, to document: inout Document) {
    let row = detail.row
    if let last = detail.lastTime {
      document.fact(
        "last time",
        "\(moment.age(since: last.since)) ago · \(words(last.state)) · \(untrusted: last.summary, limit: 200)",
        labelWidth: 10
      )
    }
    if row.state == .unknown {
      let attempts = max(1, detail.call.attempts.count)
      document.fact(
        "it ran",
        "\(attempts == 1 ? "once" : counted(attempts, "time", "times")) · runs again only when a person asks for it",
        labelWidth: 10
      )
      return
    }
    guard !row.state.isEnded else { return }
    var then: SafeText =
      switch row.effect {
      case .write: "once · never repeated by itself"
      case .idempotent: "may be repeated: doing it twice is doing it once"
      case .read: "changes nothing · may be repeated"
      case nil: "its function is not known"
      }
    if let timeout = detail.timeout { then += " · limit \(lasting(timeout))" }
    document.fact("if it runs", then, labelWidth: 10)
  }

  func described(_ link: Call.Link) -> SafeText {
    switch link {
    case .again(let id): "runs call \(id) again, as a new one"
    case .settles(let id): "runs call \(id) of unknown outcome again, with the same key"
    case .fallback(let id): "answers in place of call \(id)"
    case .checks(let id): "looks whether call \(id) has happened"
    }
  }

  // MARK: arguments

  /// Longest value that is shown whole at first, in bytes of UTF-8.
  static let foldLimit = 4096

  /// Adds every argument, named ones first, and says how many values are folded.
  func addArguments(
    _ arguments: JSONValue?,
    of detail: CallDetail,
    unfolds: Bool,
    to document: inout Document
  ) -> Int {
    let key = ArgumentCache.Key(
      call: detail.row.id,
      revision: detail.call.revision,
      arguments: arguments,
      width: document.width,
      unfolds: unfolds,
      origins: detail.origins
    )
    let (lines, folded) = cache.lines(for: key) {
      var part = Document(width: document.width, isUTF8: isUTF8)
      let folded = writeArguments(arguments, of: detail, unfolds: unfolds, to: &part)
      return (part.lines, folded)
    }
    for line in lines { document.add(line) }
    return folded
  }

  private func writeArguments(
    _ arguments: JSONValue?,
    of detail: CallDetail,
    unfolds: Bool,
    to document: inout Document
  ) -> Int {
    guard let arguments else {
      document.text("the arguments were not JSON:", .warning)
      document.value(
        "as it came",
        [SafeText(untrusted: detail.call.unparsed ?? "")],
        labelWidth: 10
      )
      return 0
    }
    guard let object = arguments.objectValue, !object.isEmpty else {
      document.value("arguments", safeLines(of: arguments), labelWidth: 9)
      return 0
    }
    let named = detail.argumentOrder.filter { object[$0] != nil }
    let names = named + object.keys.filter { !named.contains($0) }
    let labels = names.map { cellWidth(SafeText(untrusted: $0, limit: .max)) }
    let labelWidth = min(labels.max() ?? 1, max(8, document.width / 4))
    var folded = 0
    for name in names {
      guard let value = object[name] else { continue }
      let label = SafeText(untrusted: name, limit: .max)
      let shown = Shown(value)
      if shown.bytes > Self.foldLimit, !unfolds {
        folded += 1
        document.value(label, shown.folded(isUTF8: isUTF8), labelWidth: labelWidth)
        document.remark(
          "folded: \(size(ofBytes: shown.bytes)), SHA-256 \(untrusted: shown.hash), \(model.keys.key(of: .open)) unfolds",
          labelWidth: labelWidth,
          style: .warning
        )
      } else {
        document.value(label, safeLines(of: shown), labelWidth: labelWidth)
      }
      for remark in remarks(on: name, value, detail: detail) {
        document.remark(remark, labelWidth: labelWidth)
      }
    }
    return folded
  }

  private func remarks(on name: String, _ value: JSONValue, detail: CallDetail) -> [SafeText] {
    var remarks: [SafeText] = []
    if let text = value.stringValue, Shown.needsQuotes(text) {
      remarks.append("a text in quotes, not a number or word of JSON")
    }
    return remarks + detail.remarks(on: name, value)
  }

  /// The lines of a value, for the terminal at hand.
  func safeLines(of value: JSONValue) -> [SafeText] { safeLines(of: Shown(value)) }

  func safeLines(of shown: Shown) -> [SafeText] {
    isUTF8 ? shown.lines : shown.lines.map(\.ascii)
  }

  /// What a program wrote to stderr, line by line.
  func errorLines(_ text: String) -> [SafeText] {
    let lines = SafeText.lines(untrusted: text, limit: .max)
    return isUTF8 ? lines : lines.map(\.ascii)
  }

  func safeLines(_ text: SafeText) -> [SafeText] { [isUTF8 ? text : text.ascii] }
}

/// A JSON value as it is read by a person: strings bare where that cannot mislead, the rest as JSON.
struct Shown {
  /// One for a text, whose line breaks are shown as such; those of JSON are callboard's own.
  let lines: [SafeText]
  let bytes: Int
  private let raw: String

  init(_ value: JSONValue) {
    switch value {
    case .string(let text): raw = Shown.needsQuotes(text) ? value.serialized() : text
    case .object(let object): raw = object.isEmpty ? "{}" : value.serialized(pretty: true)
    case .array(let items): raw = items.isEmpty ? "[]" : value.serialized(pretty: true)
    case .null, .bool, .integer, .double, .decimal: raw = value.serialized()
    }
    bytes = raw.utf8.count
    switch value {
    case .object, .array: lines = SafeText.lines(untrusted: raw, limit: .max)
    case .string, .null, .bool, .integer, .double, .decimal:
      lines = [SafeText(untrusted: raw, limit: .max)]
    }
  }

  /// Whether a bare text would be taken for something else.
  static func needsQuotes(_ text: String) -> Bool {
    guard let first = text.first, let last = text.last else { return true }
    if first == " " || last == " " || first == "\"" { return true }
    if ["true", "false", "null"].contains(text) { return true }
    guard first.isASCII, first.isNumber || first == "-" else { return false }
    return text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2D || $0 == 0x2B || $0 == 0x45
        || $0 == 0x65
    }
  }

  var hash: String { sha256(raw) }

  /// Head and tail of a long value.
  func folded(isUTF8: Bool) -> [SafeText] {
    let head = SafeText(untrusted: String(raw.prefix(400)))
    let tail = SafeText(untrusted: String(raw.suffix(200)))
    return (isUTF8 ? [head, "…", tail] : [head.ascii, "~", tail.ascii])
  }
}
