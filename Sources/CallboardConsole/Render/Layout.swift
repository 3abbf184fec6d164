import Callboard
import CallboardTerminal

/// A rectangle of the screen.
struct Area: Sendable, Hashable {
  var row: Int
  var column: Int
  var width: Int
  var height: Int

  var endRow: Int { row + height }
  var isEmpty: Bool { width <= 0 || height <= 0 }
}

/// Where everything stands for one size: what is less important goes first when it is small.
struct Layout: Sendable {
  var size: (width: Int, height: Int)
  var tabs: Int?
  /// Rows of horizontal lines.
  var rules: [Int] = []
  var banner: Int?
  /// Two where two things are said, each in a row of its own.
  var bannerHeight = 0
  var body: Area
  /// The rows of a list, without its heading.
  var list: Area
  var listHeading: Int?
  var pane: Area?
  /// The vertical line between list and pane.
  var divider: Int?
  /// First row of what is said or asked, above the hints.
  var status: Int?
  var statusHeight: Int
  var hints: Int?

  static let narrow = 90
  /// From this width the review pane stands beside the list.
  static let beside = 100

  init(_ model: ConsoleModel, _ sight: Sight, said: Said, size: (width: Int, height: Int)) {
    self.init(
      size: size,
      place: model.place,
      said: said.lines.count,
      banners: sight.header.banners,
      isAsked: model.prompt != nil
    )
  }

  /// Divides a screen; `said` counts the lines that the prompt or notice wants above the hints, at least 1.
  init(size: (width: Int, height: Int), place: Place, said: Int, banners: Int, isAsked: Bool) {
    self.size = size
    let height = size.height
    var top = min(1, height)
    var bottom = height
    if height >= 3 {
      bottom -= 1
      hints = bottom
    }
    statusHeight = 0
    // A question must be seen whole; what it stands on can wait.
    let room = bottom - top - (height >= 12 ? 3 : 0)
    if height >= 5 || isAsked {
      statusHeight = max(0, min(said, isAsked ? bottom - top : max(1, room / 2)))
      bottom -= statusHeight
      status = bottom
    }
    if height >= 8, bottom - top >= 3 {
      tabs = top
      top += 1
    }
    if height >= 16, bottom - top >= 6 {
      if banners > 0 {
        banner = top
        bannerHeight = min(banners, bottom - top - 5)
      } else {
        rules.append(top)
      }
      top += max(1, bannerHeight)
      bottom -= 1
      rules.append(bottom)
    }
    body = Area(row: top, column: 0, width: size.width, height: max(0, bottom - top))
    list = body
    guard case .screen(let screen) = place, screen.isList else { return }
    if screen == .waiting {
      if size.width >= Self.beside, body.height >= 6 {
        let wide = max(47, min(72, size.width * 38 / 100))
        list.width = wide
        divider = wide
        pane = Area(
          row: body.row,
          column: wide + 1,
          width: size.width - wide - 1,
          height: body.height
        )
      } else if body.height >= 5 {
        let rows = body.height >= 14 ? 5 : max(1, body.height / 4)
        list.height = rows
        let hasRule = body.height >= 10
        if hasRule { rules.append(body.row + rows) }
        let start = body.row + rows + (hasRule ? 1 : 0)
        pane = Area(row: start, column: 0, width: size.width, height: body.endRow - start)
      }
    }
    if list.height >= 6 {
      listHeading = list.row
      list.row += 1
      list.height -= 1
    }
  }
}
