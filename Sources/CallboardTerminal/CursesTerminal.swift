import CNcurses
import Callboard
import Glibc

/// What has come while the loop waited.
public struct WaitResult: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// ``CursesTerminal/readKey()`` may have something.
  public static let input = WaitResult(rawValue: 1)
  public static let wake = WaitResult(rawValue: 2)
  /// ``CursesTerminal/signals()`` has something.
  public static let signal = WaitResult(rawValue: 4)
  public static let timedOut = WaitResult(rawValue: 8)
  /// The terminal is gone: end as after SIGHUP.
  public static let hungUp = WaitResult(rawValue: 16)
}

/// A signal of the operating system, as the loop sees it.
public enum Signal: Sendable, Hashable {
  /// TERM, INT, HUP or QUIT: close the terminal, end what runs, then ``CursesTerminal/end(by:)``.
  case terminate(Int32)
  /// ``CursesTerminal/size`` is new.
  case resize
  /// Somebody asked for a stop: ``CursesTerminal/suspend()``.
  case suspend
  /// Goes on after a stop; everything has been painted again.
  case continued

  var isTerminate: Bool {
    if case .terminate = self { return true }
    return false
  }
}

/// The terminal, which draws grids and reads keys.
///
/// Used from one thread only. Whatever ends the program (a return, a signal, a fault, `exit`), the
/// terminal is as it was before. What is written to stderr meanwhile is kept and printed
/// afterwards.
public final class CursesTerminal {
  public private(set) var size: (width: Int, height: Int)
  /// 0 when the terminal has none or NO_COLOR is set.
  public let colours: Int
  /// Without it, ``draw(_:)`` shows ASCII; values should be shown by ``SafeText/ascii`` before they
  /// are cut into lines.
  public let isUTF8: Bool
  public var theme: Theme { didSet { if theme != oldValue { painted = nil } } }

  private let input: Int32
  private let output: Int32
  private let files: (input: UnsafeMutablePointer<FILE>, output: UnsafeMutablePointer<FILE>)
  private let signalPipe: (read: Int32, write: Int32)
  private let messageFile: Int32
  private let standardError: Int32
  private let modes: termios
  /// Understands the private modes and titles of xterm and what came after it.
  private let isXTermLike: Bool

  private var decoder: KeyDecoder
  private var heldKeys: [Key] = []
  private var heldSignals: [Signal] = []
  private var painted: Grid?
  private var cursorIsVisible = true
  private var isUp = false
  private var isClosed = false
  private var isHungUp = false
  private var wasContinued = false
  private var title: SafeText?
  private var droppedMessages = 0
  private var row: [cchar_t] = []

  /// Takes the terminal over.
  ///
  /// Throws a sentence for the operator where there is no terminal or none that can show a screen.
  public init(theme: Theme = .dark) throws(TerminalError) {
    guard isatty(STDOUT_FILENO) == 1 else { throw .notATerminal }
    guard let term = getenv("TERM").map({ String(cString: $0) }), !term.isEmpty else {
      throw .noTerm
    }
    guard term != "dumb" else { throw .cannotDraw(term: term) }
    isUTF8 = Self.takeLocale()

    let keyboard = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : open("/dev/tty", O_RDWR | O_CLOEXEC)
    var modes = termios()
    guard keyboard >= 0, tcgetattr(keyboard, &modes) == 0 else { throw .notATerminal }
    self.modes = modes
    var ends: [Int32] = [-1, -1]
    input = callboard_duplicate(keyboard)
    output = callboard_duplicate(STDOUT_FILENO)
    guard input >= 0, output >= 0, callboard_pipe(&ends) == 0,
      let inputFile = fdopen(callboard_duplicate(keyboard), "r"),
      let outputFile = fdopen(callboard_duplicate(STDOUT_FILENO), "w")
    else { throw .noDescriptor(errno) }
    if keyboard != STDIN_FILENO { Glibc.close(keyboard) }
    signalPipe = (ends[0], ends[1])
    files = (inputFile, outputFile)

    // Before newterm: ncurses leaves signals alone that have a handler.
    callboard_install_handlers(signalPipe.write)
    callboard_handler_stack()
    guard newterm(term, outputFile, inputFile) != nil else {
      callboard_remove_handlers()
      Self.closeAll([input, output, ends[0], ends[1]], inputFile, outputFile)
      throw .unknownTerm(term: term)
    }
    guard callboard_capability("cup") != nil else {
      endwin()
      callboard_remove_handlers()
      Self.closeAll([input, output, ends[0], ends[1]], inputFile, outputFile)
      throw .cannotDraw(term: term)
    }
    raw()
    noecho()
    nonl()
    // A frame is finished even when keys wait.
    typeahead(-1)

    let noColour = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
    // init_pair and its relatives crash on a terminal without colours.
    let hasColours =
      !noColour && has_colors() && start_color() == OK && use_default_colors() == OK
      && Colour.allCases.allSatisfy { init_pair(Int16($0.rawValue), Int16($0.rawValue), -1) == OK }
    colours = hasColours ? Int(callboard_colours()) : 0
    self.theme = theme
    isXTermLike =
      tigetflag("XT") == 1
      || Self.xtermLike.contains { term == $0 || term.hasPrefix($0 + "-") }
    decoder = KeyDecoder(named: Self.namedKeys())
    size = (80, 24)

    // A file the person chose for stderr keeps getting it.
    let captures = isatty(STDERR_FILENO) == 1
    messageFile = captures ? callboard_memory_file() : -1
    standardError = messageFile >= 0 ? callboard_duplicate(STDERR_FILENO) : -1

    callboard_register_at_exit()
    enter()
  }

  deinit { close() }

  /// Now, on the clock that ``KeyDecoder`` and ``InputGate`` are to be given.
  public static func now() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  // MARK: drawing

  /// Shows the grid; writes only what differs from what is shown, and nothing when nothing does.
  public func draw(_ wanted: Grid) {
    guard isUp, !isHungUp else { return }
    let grid = isUTF8 ? wanted : wanted.ascii()
    guard grid != painted else { return }
    let before = painted.flatMap { $0.width == grid.width && $0.height == grid.height ? $0 : nil }
    let window = callboard_stdscr()
    if before == nil {
      werase(window)
      clearok(callboard_curscr(), painted == nil)
    }
    for line in 0..<min(grid.height, size.height) where before?.row(line) != grid.row(line) {
      drawRow(grid.row(line), at: line, in: window)
    }
    if (grid.cursor != nil) != cursorIsVisible {
      cursorIsVisible = grid.cursor != nil
      curs_set(cursorIsVisible ? 1 : 0)
    }
    let place = grid.cursor ?? (max(0, grid.height - 1), 0)
    wmove(
      window,
      Int32(min(place.row, size.height - 1)),
      Int32(min(place.column, size.width - 1))
    )
    wnoutrefresh(window)
    // By write(2), not putp: stdio's buffer would leave after the frame that ncurses writes itself.
    if isXTermLike { send("\u{1B}[?2026h") }
    doupdate()
    if isXTermLike { send("\u{1B}[?2026l") }
    painted = grid
  }

  /// Paints everything again, for a screen that something else has written on.
  public func repaint() {
    let grid = painted
    painted = nil
    if let grid { draw(grid) }
  }

  private func drawRow(
    _ cells: ArraySlice<Cell>,
    at line: Int,
    in window: UnsafeMutablePointer<WINDOW>?
  ) {
    row.removeAll(keepingCapacity: true)
    var style: Style?
    var flags: UInt32 = 0
    var pair: Int16 = 0
    var column = 0
    for cell in cells where cell.width > 0 {
      guard column + Int(cell.width) <= size.width else { break }
      column += Int(cell.width)
      if cell.style != style {
        style = cell.style
        (flags, pair) = attributes(of: theme.look(of: cell.style))
      }
      var character = cchar_t()
      callboard_cell(
        &character,
        cell.base,
        cell.mark1,
        cell.mark2,
        cell.mark3,
        cell.mark4,
        flags,
        pair
      )
      row.append(character)
    }
    wmove(window, Int32(line), 0)
    wadd_wchnstr(window, row, Int32(row.count))
  }

  private func attributes(of look: Look) -> (UInt32, Int16) {
    var flags: UInt32 = 0
    if look.bold { flags |= UInt32(CALLBOARD_BOLD) }
    if look.reverse { flags |= UInt32(CALLBOARD_REVERSE) }
    if look.underline { flags |= UInt32(CALLBOARD_UNDERLINE) }
    if look.dim { flags |= UInt32(CALLBOARD_DIM) }
    return (flags, colours > 0 ? Int16(look.colour?.rawValue ?? 0) : 0)
  }

  /// Asks the terminal to answer when it has drawn everything so far: ``Key/statusReport``.
  public func requestStatus() { send("\u{1B}[5n") }

  public func bell() { send("\u{07}") }

  /// Sets the window's title, which is put back at the end.
  public func setTitle(_ new: SafeText) {
    guard isXTermLike, isUp, new != title else { return }
    title = new
    send("\u{1B}]2;\((isUTF8 ? new : new.ascii).prefix(200).text)\u{07}")
  }

  /// Copies by OSC 52, which also works over SSH; false when the text is too long or the terminal
  /// too old.
  public func copy(_ text: SafeText) -> Bool {
    let coded = base64(text.text.utf8)
    // xterm and hterm cut longer ones.
    guard isXTermLike, isUp, coded.utf8.count <= 74_984 else { return false }
    send("\u{1B}]52;c;\(coded)\u{07}")
    return true
  }

  private func send(_ text: String) {
    guard isUp, !isHungUp else { return }
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = write(output, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EAGAIN {
          var ready = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
          poll(&ready, 1, -1)
          continue
        }
        guard count > 0 else {
          isHungUp = true
          return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }

  // MARK: waiting and reading

  /// Waits for keys, signals, the wake-up or the time; nil waits without end.
  public func wait(timeoutMilliseconds: Int?, wakeDescriptor: Int32 = -1) -> WaitResult {
    trimMessages()
    if !heldKeys.isEmpty { return .input }
    if !heldSignals.isEmpty { return .signal }
    if isHungUp { return .hungUp }
    var timeout = timeoutMilliseconds
    if let deadline = decoder.deadline {
      let left = max(.zero, deadline - Self.now())
      let milliseconds =
        Int(left.components.seconds) * 1000
        + Int(left.components.attoseconds / 1_000_000_000_000_000)
      timeout = min(timeout ?? .max, milliseconds + 1)
    }
    var descriptors = [
      pollfd(fd: input, events: Int16(POLLIN), revents: 0),
      pollfd(fd: signalPipe.read, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    let limit = timeout.map { Int32(clamping: max(0, $0)) } ?? -1
    let count = poll(&descriptors, nfds_t(descriptors.count), limit)
    var result: WaitResult = []
    if count <= 0 {
      result.insert(decoder.deadline == nil ? .timedOut : .input)
      // A signal: its byte is in the pipe by now.
      if count < 0 { result = .signal }
      return result
    }
    if descriptors[0].revents & Int16(POLLIN) != 0 {
      result.insert(.input)
    } else if descriptors[0].revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 {
      isHungUp = true
      result.insert(.hungUp)
    }
    if descriptors[1].revents != 0 { result.insert(.signal) }
    if descriptors[2].revents != 0 { result.insert(.wake) }
    return result
  }

  /// The next key, or nil when none has come yet; never waits.
  public func readKey() -> Key? {
    if !heldKeys.isEmpty { return heldKeys.removeFirst() }
    // Before the decoder judges how late it is: the rest of a sequence may have come meanwhile.
    readInput()
    return decoder.next(at: Self.now())
  }

  /// The next key, waiting a moment for it.
  public func readKey(withinMilliseconds limit: Int) -> Key? {
    if let key = readKey() { return key }
    var ready = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    guard isUp, poll(&ready, 1, Int32(clamping: limit)) == 1 else { return nil }
    return readKey()
  }

  /// All keys that have come.
  public func readKeys() -> [Key] {
    var keys: [Key] = []
    while let key = readKey() { keys.append(key) }
    return keys
  }

  /// Gives a key back, to be read first: for a deciding key that has to wait for a frame.
  public func unread(_ key: Key) { heldKeys.insert(key, at: 0) }

  private func readInput() {
    var ready = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
    guard isUp, poll(&ready, 1, 0) == 1 else { return }
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      let count = read(input, buffer.baseAddress, buffer.count)
      if count > 0 { decoder.feed(buffer[..<count], at: Self.now()) }
      if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { isHungUp = true }
    }
  }

  // MARK: signals, stopping and other programs

  /// The signals since the last look; a new size has been taken over and a continued program
  /// repainted.
  public func signals() -> [Signal] {
    readSignals()
    defer { heldSignals = [] }
    return heldSignals
  }

  private func readSignals() {
    callboard_ending_read()
    var byte: UInt8 = 0
    while read(signalPipe.read, &byte, 1) == 1 {
      let signal: Signal
      switch Int32(byte) {
      case SIGWINCH:
        guard takeSize() else { continue }
        signal = .resize
      case SIGCONT:
        wasContinued = true
        guard isUp else { continue }
        if isForeground {
          // The shell has used the terminal since.
          comeBack()
          signal = .continued
        } else {
          signal = .suspend
        }
      case SIGTSTP: signal = .suspend
      default: signal = .terminate(Int32(byte))
      }
      if !heldSignals.contains(signal) { heldSignals.append(signal) }
    }
  }

  /// Stops the program and the processes of its group, as Ctrl-Z does in a shell; returns when it
  /// goes on.
  ///
  /// Call ``InputGate/forget()`` afterwards.
  public func suspend() {
    guard isUp else { return }
    leave()
    repeat {
      wasContinued = false
      callboard_stop_group()
      readSignals()
      // `kill %1` in the shell ends a stopped job: nothing to paint any more.
      if heldSignals.contains(where: \.isTerminate) { return }
      // Continued by `bg`: stops again until it has the terminal.
    } while wasContinued && !isForeground
    comeBack()
    readSignals()
    heldSignals.removeAll { $0 == .continued || $0 == .suspend }
  }

  /// Waits, while another program has the terminal, until `descriptor` is readable.
  ///
  /// `isAskedToEnd` is told of each signal that is to end this program, and says how long to wait for the other one's
  /// end; `isOverdue` is called when that is over. ``signals()`` has the signal afterwards.
  public func waitOutside(
    for descriptor: Int32,
    isAskedToEnd: (Int32) -> Duration,
    isOverdue: () -> Void
  ) {
    var deadline: Duration?
    var later: [UInt8] = []
    while true {
      var descriptors = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signalPipe.read, events: Int16(POLLIN), revents: 0),
      ]
      let left = deadline.map {
        Int32(clamping: Int(max(.zero, $0 - Self.now()) / .milliseconds(1)) + 1)
      }
      poll(&descriptors, nfds_t(descriptors.count), left ?? -1)
      if descriptors[0].revents != 0 { break }
      if let end = deadline, end <= Self.now() {
        deadline = nil
        isOverdue()
      }
      callboard_ending_read()
      var byte: UInt8 = 0
      while read(signalPipe.read, &byte, 1) == 1 {
        later.append(byte)
        let number = Int32(byte)
        guard number == SIGTERM || number == SIGHUP else { continue }
        deadline = Self.now() + isAskedToEnd(number)
      }
    }
    // They are acted on when the terminal is this program's again.
    for byte in later {
      var byte = byte
      _ = write(signalPipe.write, &byte, 1)
    }
  }

  private var isForeground: Bool { callboard_is_foreground(output) != 0 }

  /// Lends the terminal to another program (`$EDITOR`) for as long as `body` runs.
  ///
  /// Ctrl-C and Ctrl-\ meanwhile are the other program's, and Ctrl-Z stops both. Call
  /// ``InputGate/forget()`` afterwards.
  public func runOutside<Result>(_ body: () throws -> Result) rethrows -> Result {
    let wasUp = isUp
    if wasUp { leave() }
    callboard_set_outside(1)
    callboard_signal_default(SIGTSTP)
    defer {
      callboard_signal_noted(SIGTSTP)
      callboard_set_outside(0)
      if wasUp {
        comeBack()
        readSignals()
        heldSignals.removeAll { $0 == .continued }
      }
    }
    return try body()
  }

  /// Ends the process as the signal would have, so that its exit status says so.
  public static func end(by signal: Int32) -> Never {
    callboard_end_by(signal)
    _exit(128 + signal)
  }

  /// Gives the terminal back as it was, then prints what stderr got meanwhile.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    leave()
    callboard_remove_handlers()
    printMessages()
    var own = [input, output, signalPipe.read, signalPipe.write]
    if messageFile >= 0 { own += [messageFile, standardError] }
    Self.closeAll(own, files.input, files.output)
  }

  private func enter() {
    guard !isUp else { return }
    if messageFile >= 0 { dup2(messageFile, STDERR_FILENO) }
    armRestore()
    isUp = true
    _ = takeSize()
    if isXTermLike { send("\u{1B}[22;0t\u{1B}[?2004h") }
  }

  private func comeBack() {
    let grid = painted
    let shown = title
    // After `kill -STOP` and `fg` the modes are the shell's although this program never left.
    reset_prog_mode()
    if isUp, isXTermLike { send("\u{1B}[?2004h") }
    enter()
    // What was typed or answered meanwhile was meant for the other program.
    tcflush(input, TCIFLUSH)
    decoder.reset()
    heldKeys = []
    painted = nil
    cursorIsVisible = true
    if let grid { draw(grid) }
    title = nil
    if let shown { setTitle(shown) }
  }

  private func leave() {
    guard isUp else { return }
    guard isForeground else {
      // In the background: the terminal is the shell's, and touching it would stop this program.
      isUp = false
      callboard_disarm()
      if messageFile >= 0 { dup2(standardError, STDERR_FILENO) }
      return
    }
    if isXTermLike { send("\u{1B}[?2026l\u{1B}[?2004l\u{1B}[23;0t") }
    if !cursorIsVisible { curs_set(1) }
    cursorIsVisible = true
    endwin()
    isUp = false
    callboard_disarm()
    var modes = modes
    tcsetattr(input, TCSADRAIN, &modes)
    if messageFile >= 0 { dup2(standardError, STDERR_FILENO) }
  }

  private func takeSize() -> Bool {
    var width: Int32 = 0
    var height: Int32 = 0
    callboard_window_size(output, &width, &height)
    // Serial lines say 0: what ncurses found in the terminal's description stands.
    if width <= 0 || height <= 0 {
      width = getmaxx(callboard_stdscr())
      height = getmaxy(callboard_stdscr())
    }
    let new = (width: Int(width), height: Int(height))
    guard new != size || painted == nil else { return false }
    size = new
    if getmaxx(callboard_stdscr()) != width || getmaxy(callboard_stdscr()) != height {
      resize_term(height, width)
    }
    painted = nil
    return true
  }

  private func armRestore() {
    var bytes: [UInt8] = []
    if isXTermLike { bytes += Array("\u{1B}[?2026l\u{1B}[?2004l\u{1B}[23;0t".utf8) }
    for name in ["sgr0", "op", "cnorm"] { bytes += Self.capability(name) }
    let leaveScreen = Self.capability("rmcup")
    // Without a second screen to leave: below what is shown.
    bytes += leaveScreen.isEmpty ? Array("\u{1B}[999;1H\r\n".utf8) : leaveScreen
    var modes = modes
    bytes.withUnsafeBytes { buffer in
      callboard_arm(
        output,
        messageFile,
        standardError,
        &modes,
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
        Int32(buffer.count)
      )
    }
  }

  // MARK: messages

  /// The last lines that were written to stderr since the screen came up.
  public func messages(limit: Int = 1000) -> [SafeText] {
    Array(SafeText.lines(untrusted: capturedText()).suffix(limit))
  }

  private static let messageBound = 1 << 22

  private func capturedText() -> String {
    guard messageFile >= 0 else { return "" }
    var status = stat()
    guard fstat(messageFile, &status) == 0, status.st_size > 0 else { return "" }
    let length = min(Int(status.st_size), 1 << 18)
    let text = withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { buffer in
      let count = pread(messageFile, buffer.baseAddress, length, status.st_size - off_t(length))
      return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }
    return text.last == "\n" ? String(text.dropLast()) : text
  }

  private func trimMessages() {
    guard messageFile >= 0 else { return }
    var status = stat()
    guard fstat(messageFile, &status) == 0, status.st_size > Self.messageBound else { return }
    ftruncate(messageFile, 0)
    droppedMessages += Int(status.st_size)
  }

  private func printMessages() {
    guard messageFile >= 0 else { return }
    var status = stat()
    guard fstat(messageFile, &status) == 0 else { return }
    let text = capturedText()
    let left = droppedMessages + max(0, Int(status.st_size) - (1 << 18))
    var lines = text.isEmpty ? [] : SafeText.lines(untrusted: text)
    if left > 0 { lines.insert("(\(left) bytes of earlier messages are left out)", at: 0) }
    for line in lines {
      var bytes = Array((isUTF8 ? line : line.ascii).text.utf8) + [0x0A]
      callboard_write_all(STDERR_FILENO, &bytes, Int32(bytes.count))
    }
  }

  // MARK: facts about the terminal

  private static func closeAll(
    _ descriptors: [Int32],
    _ input: UnsafeMutablePointer<FILE>,
    _ output: UnsafeMutablePointer<FILE>
  ) {
    for descriptor in descriptors { Glibc.close(descriptor) }
    fclose(input)
    fclose(output)
  }

  /// Takes the person's locale for characters only and says whether it is UTF-8.
  private static func takeLocale() -> Bool {
    if setlocale(LC_CTYPE, "") == nil {
      let values = ["LC_ALL", "LC_CTYPE", "LANG"].map { (name: String) in
        getenv(name).map { String(cString: $0) } ?? ""
      }
      let name = (values.first { !$0.isEmpty } ?? "").lowercased()
      // Named in SSH's environment and not installed here.
      if name.hasSuffix("utf-8") || name.hasSuffix("utf8") { setlocale(LC_CTYPE, "C.UTF-8") }
    }
    return String(cString: callboard_codeset()) == "UTF-8"
  }

  private static let xtermLike = [
    "xterm", "tmux", "screen", "rxvt", "foot", "alacritty", "kitty", "wezterm", "ghostty", "st",
    "konsole", "vte", "gnome", "mintty", "contour", "iterm", "iterm2", "putty", "ms-terminal",
  ]

  /// A capability without the padding marks `$<2>`.
  private static func capability(_ name: String) -> [UInt8] {
    guard let value = callboard_capability(name) else { return [] }
    var bytes = Array(String(cString: value).utf8)
    while let mark = bytes.firstIndex(of: UInt8(ascii: "$")), mark + 1 < bytes.count,
      bytes[mark + 1] == UInt8(ascii: "<"),
      let end = bytes[mark...].firstIndex(of: UInt8(ascii: ">"))
    {
      bytes.removeSubrange(mark...end)
    }
    return bytes
  }

  private static func namedKeys() -> [[UInt8]: Key] {
    var names: [String: Key] = [
      "kcuu1": .up, "kcud1": .down, "kcub1": .left, "kcuf1": .right, "khome": .home, "kend": .end,
      "kpp": .pageUp, "knp": .pageDown, "kdch1": .delete, "kich1": .insert, "kcbt": .backTab,
    ]
    for number in 1...12 { names["kf\(number)"] = .function(number) }
    var keys: [[UInt8]: Key] = [:]
    for (name, key) in names { keys[capability(name)] = key }
    return keys
  }
}

extension Grid {
  fileprivate func row(_ line: Int) -> ArraySlice<Cell> {
    cells[(line * width)..<((line + 1) * width)]
  }
}

private func base64(_ bytes: some Collection<UInt8>) -> String {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var coded: [UInt8] = []
  coded.reserveCapacity(bytes.count / 3 * 4 + 4)
  var rest = bytes[...]
  while !rest.isEmpty {
    let three = Array(rest.prefix(3))
    rest = rest.dropFirst(3)
    let word = three.reduce(0) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - three.count))
    for place in 0..<4 {
      let letter = letters[Int(word >> UInt32(18 - 6 * place) & 63)]
      coded.append(place <= three.count ? letter : UInt8(ascii: "="))
    }
  }
  return String(decoding: coded, as: UTF8.self)
}

// MARK: what other files of this target need from the C library by way of the shim

/// 0 for what joins the cell before, 1 or 2 for a cell of its own, -1 for what the C library does
/// not know.
func scalarWidth(_ scalar: Unicode.Scalar) -> Int {
  if scalar.value >= 0x20, scalar.value < 0x7F { return 1 }
  return Int(callboard_wcwidth(scalar.value, utf8Locale))
}

// Made once and never changed or freed; glibc's locale objects may be used by any thread.
private nonisolated(unsafe) let utf8Locale = callboard_utf8_locale()

func makeEventDescriptor() -> Int32 { callboard_eventfd() }
