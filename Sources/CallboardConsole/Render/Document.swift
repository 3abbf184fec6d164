import Callboard
import CallboardTerminal

/// A stretch of text in one style.
struct Span: Sendable {
  var text: SafeText
  var style: Style

  init(_ text: SafeText, _ style: Style = .plain) {
    self.text = text
    self.style = style
  }
}

/// One line of a document or a table.
struct Line: Sendable {
  var spans: [Span]
  /// Names the line among those that must have been on the screen before a decision; nil for the rest.
  var reading: Int?

  init(_ spans: [Span] = [], reading: Int? = nil) {
    self.spans = spans
    self.reading = reading
  }

  init(_ text: SafeText, _ style: Style = .plain) {
    self.init([Span(text, style)])
  }

  var text: SafeText { spans.map(\.text).joined() }
}

/// Lines that are scrolled: a review, a call, a transcript, a help page.
struct Document: Sendable {
  let width: Int
  /// Without it, text is written in ASCII before it is cut into lines.
  private let isUTF8: Bool
  private(set) var lines: [Line] = []
  /// Numbers the lines that are added from now on as ones to be read; nil: they need not be.
  private var nextReading: Int?

  init(width: Int, isUTF8: Bool) {
    self.width = max(1, width)
    self.isUTF8 = isUTF8
  }

  private func cut(_ text: SafeText, to width: Int) -> [SafeText] {
    wrap(isUTF8 ? text : text.ascii, width: width)
  }

  /// Lines that follow must be read; sections are numbered apart, so that one line more in the first does not
  /// make the second unread again.
  mutating func beginReading(section: Int) { nextReading = section * 1_000_000 }
  mutating func endReading() { nextReading = nil }

  mutating func add(_ line: Line) {
    var line = line
    line.reading = nextReading
    if nextReading != nil { nextReading? += 1 }
    lines.append(line)
  }

  mutating func add(_ spans: [Span]) { add(Line(spans)) }

  mutating func blank() { add(Line()) }

  /// A paragraph, wrapped, with a margin before each line.
  mutating func text(_ text: SafeText, _ style: Style = .plain, margin: SafeText = " ") {
    for line in cut(text, to: max(1, width - cellWidth(margin))) {
      add([Span(margin, style), Span(line, style)])
    }
  }

  /// Words of callboard's and a text in quotes after them, which takes no line of its own where it needs none.
  mutating func text(_ text: SafeText, quoting quoted: SafeText, lines limit: Int) {
    let whole: SafeText = "\(text) · “\(quoted)”"
    if cut(whole, to: width - 1).count <= cut(text, to: width - 1).count {
      self.text(whole)
    } else {
      self.text(text)
      quote(quoted, lines: limit)
    }
  }

  /// A text within quotes on so many lines at most; what is longer ends in `…`.
  mutating func quote(_ text: SafeText, lines limit: Int) {
    let all = cut("“\(text)”", to: width - 1)
    for line in all.prefix(all.count > limit ? limit - 1 : limit) { add([Span(" "), Span(line)]) }
    guard all.count > limit else { return }
    let rest = cut(all.dropFirst(limit - 1).joined(), to: width - 3)
    add([Span(" "), Span((rest.first ?? .empty) + "…”")])
  }

  mutating func heading(_ text: SafeText) {
    if !lines.isEmpty { blank() }
    add([Span(" ", .plain), Span(text, .title)])
  }

  /// A label and callboard's own words beside it, wrapped.
  mutating func fact(_ label: SafeText, _ text: SafeText, labelWidth: Int, style: Style = .plain) {
    let wide = min(labelWidth, max(1, width - 10))
    for (index, line) in cut(text, to: max(1, width - wide - 3)).enumerated() {
      let shown = index == 0 ? label : .empty
      add([Span(" " + padded(shown, to: wide) + "  ", .faint), Span(line, style)])
    }
  }

  /// A named value: every line of the value, and of the name beside it, has a `│` that neither can print.
  mutating func value(
    _ name: SafeText,
    _ value: [SafeText],
    labelWidth: Int,
    style: Style = .value
  ) {
    let wide = max(1, min(labelWidth, width / 3))
    let room = max(1, width - wide - 4)
    let names = cut(name, to: wide)
    let chunks = value.flatMap { cut($0, to: room) }
    for index in 0..<max(names.count, chunks.count) {
      let label = index < names.count ? names[index] : .empty
      let chunk = index < chunks.count ? chunks[index] : .empty
      add([
        Span(" " + padded(label, to: wide, trailing: true) + " ", .faint),
        Span("│ ", .border),
        Span(chunk, style),
      ])
    }
  }

  /// A remark of callboard's below a value.
  mutating func remark(_ text: SafeText, labelWidth: Int, style: Style = .remark) {
    let wide = max(1, min(labelWidth, width / 3))
    for (index, line) in cut(text, to: max(1, width - wide - 4)).enumerated() {
      let margin = SafeText(" ").repeated(wide + 2)
      add([Span(margin + (index == 0 ? "· " : "  "), .remark), Span(line, style)])
    }
  }
}

/// Text with blanks up to a width; what is longer stays as it is.
func padded(_ text: SafeText, to width: Int, trailing: Bool = false) -> SafeText {
  let blanks = SafeText(" ").repeated(max(0, width - cellWidth(text)))
  return trailing ? blanks + text : text + blanks
}

extension Grid {
  /// Draws a line between two columns; what is longer is cut.
  mutating func draw(_ line: Line, row: Int, column: Int, width: Int) {
    var at = column
    let end = min(self.width, column + width)
    for span in line.spans {
      guard at < end else { return }
      at += put(span.text, row: row, column: at, width: end - at, style: span.style)
    }
  }
}
