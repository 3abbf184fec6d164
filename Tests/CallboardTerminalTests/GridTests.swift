import Callboard
import CallboardTerminal
import Testing

@Suite struct GridTests {
  @Test(
    .enabled(
      if: HostileText.hasPublished,
      "there is no shared/data/terminal beside the project: only our own hostile text was tried"
    )
  )
  func `hostile text is also what others published`() {
    #expect(HostileText.all.count > HostileText.own.count + 2000)
  }

  @Test func `hostile text leaves every other cell untouched and prints no control`() {
    var background = Grid(width: 40, height: 3)
    for row in 0..<3 { background.put(("#" as SafeText).repeated(40), row: row, column: 0) }
    for hostile in HostileText.all {
      let text = SafeText(untrusted: hostile)
      for width in [1, 2, 7, 20] {
        var grid = background
        let used = grid.put(text, row: 1, column: 5, width: width, style: .bad)
        #expect(used <= width)
        #expect(used == min(width, cellWidth(text)))
        for row in 0..<3 {
          var cells = 0
          for column in 0..<40 {
            cells += Int(grid[row, column].width)
            if row != 1 || column < 5 || column >= 5 + used {
              #expect(grid[row, column] == background[row, column], "\(hostile.debugDescription)")
            }
          }
          #expect(cells == 40)
        }
        let unsafe = grid.lines().joined().unicodeScalars.first { scalar in
          scalar.properties.isBidiControl || scalar.properties.isDefaultIgnorableCodePoint
            || scalar.properties.generalCategory == .control
            || scalar.properties.generalCategory == .format
        }
        #expect(unsafe == nil, "\(hostile.debugDescription)")
      }
    }
  }

  @Test func `a line is as wide on the grid as it was measured`() {
    for hostile in HostileText.all {
      let text = SafeText(untrusted: hostile)
      let width = cellWidth(text)
      var grid = Grid(width: width + 3, height: 1)
      let used = grid.put(text, row: 0, column: 1)
      #expect(used == width)
      #expect((0..<width).reduce(0) { $0 + Int(grid[0, $1 + 1].width) } == width)
      #expect(grid[0, width + 1].text == " ")
    }
  }

  @Test func `ASCII is one ASCII character a cell`() {
    for hostile in HostileText.all {
      var grid = Grid(width: 30, height: 1)
      grid.put(SafeText(untrusted: hostile), row: 0, column: 0)
      let ascii = grid.ascii()
      for column in 0..<30 {
        #expect(ascii[0, column].width == 1)
        #expect(ascii[0, column].text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(ascii[0, column].text.utf8.count == 1)
      }
    }
    var own = Grid(width: 20, height: 1)
    own.put("│ ▼ 3 more… ▌⏎ ×2", row: 0, column: 0)
    #expect(own.ascii().lines() == ["| v 3 more~ >$ x2"])
  }

  // MARK: cutting

  @Test(
    arguments: [
      ("hello", 5, "hello"), ("hello", 4, "hel…"), ("hello", 1, "…"), ("漢字", 4, "漢字"),
      ("漢字漢", 5, "漢字…"), ("漢字漢", 4, "漢 …"), ("漢字", 2, " …"), ("漢", 1, "…"),
      ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
    ]
  )
  func `text is cut at a cell and says so`(text: String, width: Int, shown: String) {
    var grid = Grid(width: 10, height: 1)
    let used = grid.put(SafeText(untrusted: text), row: 0, column: 0, width: width)
    #expect(used <= width)
    #expect(grid.lines() == [shown])
  }

  @Test func `text at the right edge is cut there`() {
    var grid = Grid(width: 6, height: 1)
    let cut = grid.put("abcdef", row: 0, column: 3)
    #expect(cut == 3)
    #expect(grid.lines() == ["   ab…"])
    let outside = [
      grid.put("x", row: 0, column: 6), grid.put("x", row: 1, column: 0),
      grid.put("x", row: -1, column: -1), grid.put("x", row: 0, column: 0, width: 0),
      grid.put("x", row: 0, column: 0, width: -5),
    ]
    #expect(outside == [0, 0, 0, 0, 0])
    #expect(grid.lines() == ["   ab…"])
  }

  @Test func `half of a wide character never stays`() {
    var grid = Grid(width: 6, height: 1)
    grid.put("漢字漢", row: 0, column: 0)
    grid.put("x", row: 0, column: 1)
    #expect(grid.lines() == [" x字漢"])
    grid.put("y", row: 0, column: 4)
    #expect(grid.lines() == [" x字y"])
  }

  @Test func `text is aligned in the room it has`() {
    var grid = Grid(width: 10, height: 3)
    grid.put("ab", row: 0, column: 1, width: 6, align: .trailing)
    grid.put("ab", row: 1, column: 1, width: 6, align: .centre)
    grid.put("too long", row: 2, column: 1, width: 6, align: .trailing)
    #expect(grid.lines() == ["     ab", "   ab", " too l…"])
  }

  @Test func `screens of every size take everything`() {
    for (width, height) in [(0, 0), (1, 1), (2, 1), (10, 3), (-4, -4)] {
      var grid = Grid(width: width, height: height)
      for row in -1...4 {
        for column in -1...11 {
          grid.put("漢字 text", row: row, column: column)
          grid.fill(row: row, from: column, to: column + 40, style: .bad)
          grid.line(row: row, from: column, to: 100)
          grid.line(column: column, from: row, to: 100)
          grid.clear(row: row, from: column)
        }
      }
      grid.cursor = (row: 7, column: 7)
      #expect(grid.cursor == nil)
      #expect(grid.lines().count == max(0, height))
    }
  }

  // MARK: lines and styles

  @Test func `lines that meet are joined`() {
    var grid = Grid(width: 5, height: 4)
    grid.line(row: 0, from: 0, to: 5)
    grid.line(row: 3, from: 0, to: 5)
    grid.line(column: 2, from: 0, to: 4)
    grid.line(row: 2, from: 2, to: 5)
    #expect(grid.lines() == ["──┬──", "  │", "  ├──", "──┴──"])
  }

  @Test func `restyling leaves the text`() {
    var grid = Grid(width: 6, height: 1)
    grid.put("a漢b", row: 0, column: 0)
    grid.fill(row: 0, from: 1, to: 2, style: .selected)
    #expect(grid.lines() == ["a漢b"])
    #expect(grid[0, 1].style == .selected)
    #expect(grid[0, 2].style == .selected)
    #expect(grid[0, 3].style == .plain)
  }

  @Test func `one grid goes into another and is cut at its edges`() {
    var inner = Grid(width: 4, height: 2)
    inner.put("漢字", row: 0, column: 0)
    inner.put("abcd", row: 1, column: 0)
    var grid = Grid(width: 5, height: 2)
    grid.put(inner, row: 0, column: -1)
    #expect(grid.lines() == [" 字", "bcd"])
    grid.put(inner, row: 1, column: 2)
    #expect(grid.lines() == [" 字", "bc漢"])
  }

  @Test func `ANSI output ends plain and says nothing about plain cells`() {
    var grid = Grid(width: 8, height: 2)
    grid.put("plain", row: 0, column: 0)
    grid.put("bad", row: 1, column: 0, style: .bad)
    #expect(grid.ansi(colours: true) == "plain\n\u{1B}[0;1;31mbad\u{1B}[0m\n")
    #expect(grid.ansi(colours: false) == "plain\n\u{1B}[0;1mbad\u{1B}[0m\n")
    #expect(grid.ansi(colours: true, theme: .mono) == "plain\n\u{1B}[0;1mbad\u{1B}[0m\n")
  }

  @Test func `no role needs colour to differ from plain text where it warns`() {
    for role in [Role.warning, .bad, .banner, .selected, .key, .title] {
      var styled = Grid(width: 1, height: 1)
      styled.put("x", row: 0, column: 0, style: Style(role))
      #expect(styled.ansi(colours: false, theme: .mono) != "x\n")
    }
  }
}
