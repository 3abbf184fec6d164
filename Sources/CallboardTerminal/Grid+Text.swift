/// Neighbouring cells of one style.
public struct Run: Sendable, Hashable {
  public let text: String
  public let style: Style
  public let column: Int
  /// In cells.
  public let width: Int
}

extension Grid {
  /// The rows as text without the blanks at their ends.
  public func lines() -> [String] {
    (0..<height).map { row in
      var line = (0..<width).map { self[row, $0].text }.joined()
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// One row in pieces of one style, blanks included.
  public func runs(row: Int) -> [Run] {
    guard (0..<height).contains(row) else { return [] }
    var runs: [Run] = []
    var start = 0
    while start < width {
      let style = self[row, start].style
      var end = start
      var text = ""
      while end < width, self[row, end].style == style {
        text += self[row, end].text
        end += 1
      }
      runs.append(Run(text: text, style: style, column: start, width: end - start))
      start = end
    }
    return runs
  }

  /// The screen with its styles as escape sequences, a row a line.
  public func ansi(colours: Bool, theme: Theme = .dark) -> String {
    var output = ""
    for row in 0..<height {
      var runs = runs(row: row)
      if let last = runs.last, theme.look(of: last.style) == Look() {
        runs[runs.count - 1] = Run(
          text: last.text.trimmingTrailingSpaces(),
          style: last.style,
          column: last.column,
          width: last.width
        )
      }
      var styled = false
      for run in runs where !run.text.isEmpty {
        let look = theme.look(of: run.style)
        if look != Look() || styled { output += look.sgr(colours: colours) }
        styled = look != Look()
        output += run.text
      }
      if styled { output += Look().sgr(colours: colours) }
      output += "\n"
    }
    return output
  }
}

extension String {
  fileprivate func trimmingTrailingSpaces() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
