import CallboardTerminal
import Foundation
import Glibc

/// Gives a text to the person's editor in a private file, and takes it back.
struct ArgumentsEditor {
  /// As a command line, such as `vim` or `code --wait`.
  let command: String

  init(command: String?, environment: [String: String] = ProcessInfo.processInfo.environment) {
    let named = [command, environment["VISUAL"], environment["EDITOR"]]
    self.command = named.compactMap { $0 }.first { !$0.isEmpty } ?? "vi"
  }

  /// What the editor may leave at most, in bytes.
  static let limit = 4 << 20

  /// Runs the editor and waits for its end, by `wait`, which is given a way to end it early.
  ///
  /// The terminal must have been given away. The file is removed by the shell that ran the editor, so that
  /// arguments are not left behind when this process dies meanwhile.
  func edit(
    _ text: String,
    wait: (RunningEditor) -> Void
  ) -> Result<String, EditorFailure> {
    var path: [CChar] = []
    let file = temporary(suffix: ".json", path: &path)
    guard file >= 0 else { return .failure(failure("no private file could be made in \(folder)")) }
    // A name for when the shell did not even start; harmless when it has removed the file itself.
    defer { unlink(path) }
    let isWritten = write(text, to: file)
    close(file)
    var answerPath: [CChar] = []
    let answer = temporary(suffix: ".tmp", path: &answerPath)
    guard answer >= 0 else {
      return .failure(failure("no private file could be made in \(folder)"))
    }
    unlink(answerPath)
    defer { close(answer) }
    guard isWritten else {
      return .failure(failure("the private file in \(folder) could not be written"))
    }
    guard let status = run(on: path, answer: answer, wait: wait) else {
      return .failure(failure("/bin/sh could not be started"))
    }
    switch status {
    case 0: break
    case 126, 127: return .failure(failure("“\(command)” could not be started; set $EDITOR"))
    default: return .failure(failure("“\(command)” ended with status \(status)"))
    }
    guard let edited = read(answer) else {
      return .failure(failure("what “\(command)” left is no UTF-8, or more than 4 MB"))
    }
    return .success(edited)
  }

  private func failure(_ why: String) -> EditorFailure {
    EditorFailure(message: why + "; nothing was changed")
  }

  private var folder: String {
    let environment = ProcessInfo.processInfo.environment
    let named = [environment["XDG_RUNTIME_DIR"], environment["TMPDIR"]]
    return named.compactMap { $0 }.first { !$0.isEmpty && access($0, W_OK | X_OK) == 0 } ?? "/tmp"
  }

  /// A new file that only this user can read.
  private func temporary(suffix: String, path: inout [CChar]) -> Int32 {
    path = Array("\(folder)/callboard-XXXXXX\(suffix)".utf8CString)
    let file = mkstemps(&path, Int32(suffix.utf8.count))
    if file >= 0 {
      fchmod(file, 0o600)
      _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    }
    return file
  }

  private func write(_ text: String, to file: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private func read(_ file: Int32) -> String? {
    lseek(file, 0, SEEK_SET)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= Self.limit {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return String(validating: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
    return nil
  }

  private var hasTerminal: Bool {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard terminal >= 0 else { return false }
    close(terminal)
    return true
  }

  /// Runs the editor in the foreground; nil when there is no shell.
  ///
  /// Not by Foundation's `Process`, which starts a process group of its own: the terminal would stop it.
  private func run(
    on path: [CChar],
    answer: Int32,
    wait: (RunningEditor) -> Void
  ) -> Int32? {
    let script =
      "trap : INT QUIT; trap 'rm -f -- \"$1\"; exit 129' HUP TERM; "
      + "\(command) \"$1\"; status=$?; "
      + "[ $status -eq 0 ] && cat -- \"$1\" >&3; rm -f -- \"$1\"; exit $status"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if isatty(STDIN_FILENO) != 1, hasTerminal {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/tty", O_RDWR, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, answer, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    sigaddset(&defaults, SIGXFSZ)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    let texts = ["sh", "-c", script, "sh"]
    var arguments: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    arguments.append(path.withUnsafeBufferPointer { $0.baseAddress.flatMap { strdup($0) } })
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    guard let hasEnded = try? WakeUp() else { return nil }
    var process: pid_t = 0
    guard posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, environ) == 0 else {
      return nil
    }
    let shell = process
    let watcher = Thread {
      // WNOWAIT: its number is not given to another process while it may still be signalled.
      var info = siginfo_t()
      while waitid(P_PID, id_t(shell), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
      hasEnded.signal()
    }
    watcher.name = "callboard.editor"
    watcher.start()
    wait(RunningEditor(shell: shell, hasEnded: hasEnded))
    var status: Int32 = 0
    while waitpid(shell, &status, 0) < 0 {
      guard errno == EINTR else { return nil }
    }
    let wasKilled = status & 0x7F
    return wasKilled == 0 ? (status >> 8) & 0xFF : 128 + wasKilled
  }
}

/// An editor under way, in the shell that removes its file.
struct RunningEditor {
  fileprivate let shell: pid_t
  fileprivate let hasEnded: WakeUp

  /// Readable when it has ended.
  var descriptor: Int32 { hasEnded.descriptor }

  /// Sends a signal to the shell and to what it runs: a shell hears of one only when what it waits for has ended.
  func signal(_ number: Int32) {
    Glibc.kill(shell, number)
    for child in children { Glibc.kill(child, number) }
  }

  /// Ends what the shell runs, which itself goes on to remove the file.
  func kill() {
    for child in children { Glibc.kill(child, SIGKILL) }
  }

  private var children: [pid_t] {
    let path = "/proc/\(shell)/task/\(shell)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
  }
}
