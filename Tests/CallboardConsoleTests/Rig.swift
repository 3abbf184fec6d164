import Callboard
import CallboardTerminal
import Foundation

@testable import CallboardConsole

/// Drives a session as the console's loop does, with a clock moved by hand.
final class Rig {
  let door: FakeDoor
  let session: Session
  private(set) var time = Duration.seconds(100)
  private(set) var grid = Grid(width: 0, height: 0)
  private(set) var intents: [Intent] = []

  init(
    _ state: FakeDoor.State = Fixture.office,
    screen: Screen = .overview,
    size: (width: Int, height: Int) = (120, 40),
    principal: Principal = Fixture.maria,
    options: ConsoleOptions? = nil,
    isUTF8: Bool = true
  ) throws {
    door = FakeDoor(state)
    var options = options ?? ConsoleOptions()
    options.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
    var model = ConsoleModel(
      principal: principal,
      options: options,
      keys: try KeyMap(replacing: options.keys)
    )
    model.show(screen)
    session = Session(door: door, model: model, size: size, isUTF8: isUTF8)
    settle()
  }

  /// Paints, and lets the terminal answer late enough for every key to count.
  func settle() {
    paint()
    _ = session.handle(.statusReport, at: time)
    time += .seconds(1)
  }

  /// Paints as the loop does; the terminal answers at once.
  func paint() {
    grid = session.paint()
    _ = session.painted(at: time)
  }

  /// Keys that come one by one, each after the screen has settled.
  func press(_ keys: Key...) {
    for key in keys {
      packet(key)
      session.collectReplies()
      settle()
    }
  }

  func press(_ text: String) {
    for character in text { press(.character(character)) }
  }

  /// One key of several that come in one piece, after everything was painted.
  func together(_ key: Key) {
    if case .done(let new) = session.handle(key, at: time, isAlone: { false }) { intents += new }
  }

  /// Keys that come at once, in one packet.
  func packet(_ keys: Key...) {
    let isAlone = { keys.count == 1 }
    for key in keys {
      switch session.handle(key, at: time, isAlone: isAlone) {
      case .done(let new): intents += new
      case .paintFirst:
        paint()
        if case .done(let new) = session.handle(key, at: time, isAlone: isAlone) { intents += new }
      }
    }
  }

  func wait(_ duration: Duration) { time += duration }

  var lines: [String] { grid.lines() }
  var text: String { lines.joined(separator: "\n") }
  var sent: [Request] { door.sent }
  var notice: String { session.model.notice?.text.text ?? "" }
  var cursor: ListState.Cursor { session.model.list.cursor }
}
