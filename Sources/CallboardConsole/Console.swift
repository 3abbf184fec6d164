import Callboard
import CallboardTerminal
import Foundation
import Glibc
import Synchronization

/// The full-screen console on an engine: watches it and acts on it for one person.
public final class Console: Sendable {
  /// Why the console ended.
  public enum Exit: Sendable, Hashable {
    /// The person left.
    case quit
    /// TERM, INT, HUP or QUIT: end as by that signal once everything is stopped.
    case signal(Int32)
    /// The terminal is gone.
    case hungUp
  }

  /// A console that cannot start: a sentence for the operator.
  public struct Fault: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  private let door: any EngineDoor
  private let principal: Principal
  private let options: ConsoleOptions
  private let keys: KeyMap

  /// Throws a ``Fault`` when the keys of the options cannot be used.
  public init(door: any EngineDoor, principal: Principal, options: ConsoleOptions) throws(Fault) {
    self.door = door
    self.principal = principal
    self.options = options
    do throws(KeyMap.Mistake) {
      keys = try KeyMap(replacing: options.keys)
    } catch {
      throw Fault(description: error.description)
    }
  }

  /// Shows the console and returns when the person leaves; the calling thread belongs to it until then.
  ///
  /// Throws a ``TerminalError`` where there is no terminal to show it on.
  public func run() throws -> Exit {
    let terminal = try CursesTerminal(theme: options.theme)
    defer { terminal.close() }
    let loop = try ConsoleLoop(
      terminal: terminal,
      door: door,
      model: ConsoleModel(principal: principal, options: options, keys: keys)
    )
    return loop.run()
  }

  /// As `run()`, on a thread of its own: a busy pool of tasks never freezes the screen.
  public func runOnOwnThread() async throws -> Exit {
    try await withCheckedThrowingContinuation { continuation in
      let thread = Thread { continuation.resume(with: Result { try self.run() }) }
      thread.name = "callboard.console"
      thread.stackSize = 8 << 20
      thread.start()
    }
  }
}

/// One screen as it would stand on a terminal of this size, without one.
public func renderSnapshot(
  screen: Screen,
  door: any EngineDoor,
  size: (width: Int, height: Int),
  principal: Principal,
  options: ConsoleOptions = ConsoleOptions()
) throws -> Grid {
  var model = ConsoleModel(
    principal: principal,
    options: options,
    keys: try KeyMap(replacing: options.keys)
  )
  model.show(screen)
  return Session(door: door, model: model, size: size).paint()
}

/// Waits for keys, the engine, signals and the next edge of an age; paints when something has changed.
private final class ConsoleLoop {
  private let terminal: CursesTerminal
  private let session: Session
  private let wakeUp: WakeUp
  private let observation: ObservationToken
  private let editor: ArgumentsEditor
  /// The engine has changed since the last look.
  private var engineHasChanged = false
  private var isDue = true
  private var paintedAt = Duration.zero
  /// When the last key was read.
  private var keyAt: Duration?
  /// Keys that come closer than this were not pressed one after the other.
  private static let burst = Duration.milliseconds(20)
  /// When an age on the screen will read differently.
  private var edge: Duration?
  private var exit: Console.Exit?
  private var attention = Attention()

  /// Frames for the engine's sake alone are this far apart; keys are painted at once.
  private static let engineFrame = Duration.milliseconds(84)
  /// From the signal that an editor may answer to its end.
  private static let editorGrace = Duration.seconds(2)
  /// A reply is looked for this often while one is awaited.
  private static let replyPoll = Duration.milliseconds(15)
  /// How long leaving waits until it is noted where this person left.
  private static let farewell = Duration.milliseconds(300)

  init(terminal: CursesTerminal, door: any EngineDoor, model: ConsoleModel) throws {
    self.terminal = terminal
    let wakeUp = try WakeUp()
    self.wakeUp = wakeUp
    observation = door.observe { wakeUp.signal() }
    editor = ArgumentsEditor(command: model.options.editor)
    session = Session(door: door, model: model, size: terminal.size, isUTF8: terminal.isUTF8)
  }

  func run() -> Console.Exit {
    paint()
    while true {
      let result = terminal.wait(
        timeoutMilliseconds: timeout(),
        wakeDescriptor: wakeUp.descriptor
      )
      if result.contains(.wake) {
        wakeUp.drain()
        engineHasChanged = true
      }
      if result.contains(.hungUp) {
        leave()
        return .hungUp
      }
      if result.contains(.signal) { takeSignals() }
      takeKeys()
      if session.collectReplies() { isDue = true }
      session.idle(at: CursesTerminal.now())
      session.sayReadingAgain(at: CursesTerminal.now())
      if let exit {
        leave()
        return exit
      }
      paintIfDue()
      attend(at: CursesTerminal.now())
    }
  }

  /// Says that this person leaves, and gives that a moment to be stored.
  private func leave() {
    guard let ticket = session.leave() else { return }
    let end = CursesTerminal.now() + Self.farewell
    while ticket.reply == nil, CursesTerminal.now() < end { usleep(2000) }
  }

  private func paintIfDue() {
    let now = CursesTerminal.now()
    let isTime = engineHasChanged && now - paintedAt >= Self.engineFrame
    if isDue || session.isDirty || isTime || edge.map({ $0 <= now }) == true { paint() }
  }

  private func paint() {
    isDue = false
    engineHasChanged = false
    let grid = session.paint()
    terminal.draw(grid)
    let now = CursesTerminal.now()
    if session.painted(at: now) { terminal.requestStatus() }
    paintedAt = now
    edge = session.frame?.next.map { next in
      // Never more often than this, should the engine's clock stand still.
      now + max(.milliseconds(100), .seconds(next.timeIntervalSince(session.sight.header.now)))
    }
  }

  private func attend(at now: Duration) {
    guard let call = attention.look(at: session.needs, now: now) else { return }
    let name = SafeText(untrusted: session.sight.header.name, limit: 60)
    let needs = session.needs
    terminal.setTitle(
      needs > 0 ? "(\(needs)) callboard · \(name)" : "callboard · \(name)"
    )
    if call { terminal.bell() }
  }

  /// Milliseconds until something is due; nil: nothing is.
  private func timeout() -> Int? {
    let now = CursesTerminal.now()
    var next: Duration?
    func at(_ time: Duration?) {
      if let time { next = min(next ?? time, time) }
    }
    if isDue || session.isDirty { return 0 }
    if engineHasChanged { at(paintedAt + Self.engineFrame) }
    if session.isWaiting { at(now + Self.replyPoll) }
    at(edge)
    at(session.gateDeadline)
    at(session.readingDeadline)
    at(attention.deadline)
    guard let next else { return nil }
    let left = max(.zero, next - now).components
    return Int(left.seconds) * 1000 + Int(left.attoseconds / 1_000_000_000_000_000) + 1
  }

  // MARK: keys and signals

  private func takeKeys() {
    while exit == nil, let key = terminal.readKey() {
      let now = CursesTerminal.now()
      let follows = keyAt.map { now - $0 < Self.burst } ?? false
      if key.isTyped { keyAt = now }
      let isAlone = { [self] in !follows && !isFollowed() }
      switch session.handle(key, at: now, isAlone: isAlone) {
      case .paintFirst:
        paint()
        if case .done(let intents) = session.handle(key, at: CursesTerminal.now(), isAlone: isAlone)
        {
          carryOut(intents)
        }
      case .done(let intents): carryOut(intents)
      }
    }
  }

  /// Whether another key comes at once: a terminal that does not bracket what is pasted sends it so.
  private func isFollowed() -> Bool {
    while let next = terminal.readKey(withinMilliseconds: 10) {
      guard next == .statusReport else {
        terminal.unread(next)
        return next.isTyped
      }
      _ = session.handle(next, at: CursesTerminal.now())
    }
    return false
  }

  private func takeSignals() {
    for signal in terminal.signals() {
      switch signal {
      case .terminate(let number): exit = .signal(number)
      case .resize:
        session.size = terminal.size
        isDue = true
      case .suspend: suspend()
      case .continued:
        session.forgetWhatWasPainted()
        session.size = terminal.size
      }
    }
  }

  /// Waits for the editor; whoever ends the console ends the editor with it.
  private func waitOutside(for editor: RunningEditor) {
    terminal.waitOutside(for: editor.descriptor) { number in
      editor.signal(number)
      return Self.editorGrace
    } isOverdue: {
      editor.kill()
    }
  }

  private func suspend() {
    terminal.suspend()
    session.size = terminal.size
    session.forgetWhatWasPainted()
  }

  private func carryOut(_ intents: [Intent]) {
    for intent in intents {
      switch intent {
      case .send, .find, .consider, .openBatch, .runBatch: break
      case .edit(let edit):
        let text = terminal.runOutside { editor.edit(edit.text, wait: waitOutside) }
        session.size = terminal.size
        session.forgetWhatWasPainted()
        session.look()
        session.returned(text, of: edit)
      case .copy(let text, let what):
        let isCopied = terminal.copy(SafeText(untrusted: text, limit: 1 << 20))
        session.say(
          isCopied
            ? "sent to the terminal's clipboard: \(what)"
            : "\(what) could not be copied: too long, or this terminal cannot; w writes a file",
          isCopied ? .good : .warning
        )
      case .writeView(let path):
        switch writeViewFile(session.wholeView(), to: path) {
        case .success(let text): session.say(text, .good)
        case .failure(let failure):
          session.say(SafeText(untrusted: failure.message, limit: 500), .bad)
        }
      case .suspend: suspend()
      case .repaint: terminal.repaint()
      case .quit: exit = .quit
      }
    }
  }
}

/// When to ring the bell and set the title: for something new that waits, at most once in ten seconds.
struct Attention {
  private var shown: Int?
  private var last: Duration?
  /// When to look again although nothing changes.
  private(set) var deadline: Duration?

  static let pause = Duration.seconds(10)

  /// Returns nil when nothing is to be done, else whether to ring the bell beside setting the title.
  mutating func look(at needs: Int, now: Duration) -> Bool? {
    deadline = nil
    guard needs != shown else { return nil }
    if let last, now - last < Self.pause {
      deadline = last + Self.pause
      return nil
    }
    let isFirst = shown == nil
    let isMore = needs > (shown ?? 0)
    shown = needs
    last = isFirst && !isMore ? nil : now
    return isMore
  }
}
