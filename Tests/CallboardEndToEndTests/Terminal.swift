import Foundation
import Glibc

/// A pseudo-terminal of its own, held by a tmux server that nobody else uses, with a shell script in it.
final class Terminal {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Files of the script and of the program in it; goes with the terminal.
  let folder: String
  private let tmux: String
  private let name = "callboard-" + UUID().uuidString.prefix(13).lowercased()

  /// The longest time that anything on the screen or in a file is waited for.
  static let patience = Duration.seconds(30)

  /// Runs the script by `sh`, in `folder`, on a terminal of this size.
  ///
  /// In the script `$CALLBOARD` is the program. A variable of the environment that is nil is not set at all.
  init(
    width: Int = 120,
    height: Int = 40,
    environment: [String: String?] = [:],
    files: [String: String] = [:],
    script: String
  ) throws {
    tmux = try Self.tmux()
    folder = NSTemporaryDirectory() + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (file, text) in files { try write(text, to: file) }
    try write(script, to: "script")
    try write(
      "set -g status off\nset -g escape-time 0\nset -g remain-on-exit on\n",
      to: "tmux.conf"
    )
    var own: [String: String?] = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder,
      "LANG": "C.UTF-8", "TERM": "screen", "CALLBOARD": Program.path,
    ]
    own.merge(environment) { $1 }
    let settings = own.compactMap { name, value in value.map { "\(name)=\($0)" } }
    try run(
      [
        "-f", path("tmux.conf"), "new-session", "-d", "-s", "s", "-x", "\(width)", "-y",
        "\(height)",
      ]
        + ["-c", folder, "env", "-i"] + settings + ["sh", path("script")]
    )
  }

  deinit {
    _ = try? run(["kill-server"])
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func tmux() throws -> String {
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let places = folders.split(separator: ":").map { String($0) + "/tmux" }
    guard let tmux = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else {
      throw Failure(
        description:
          "These tests hold the console in tmux, which is missing: run config/packages.sh."
      )
    }
    return tmux
  }

  @discardableResult
  private func run(_ arguments: [String]) throws -> String {
    let output = path("tmux.out")
    try write("", to: "tmux.out")
    let status = try spawn([tmux, "-u", "-L", name] + arguments, output: output)
    let text = read("tmux.out") ?? ""
    guard status == 0 else {
      throw Failure(description: "tmux \(arguments.joined(separator: " ")): \(text)")
    }
    return text
  }

  /// Not by Foundation's `Process`, which waits for whoever has its socket: also the server that the first command
  /// leaves behind.
  private func spawn(_ command: [String], output: String) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The threads of tests block signals, and the server would inherit that: TERM could not end it.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var environment = ProcessInfo.processInfo.environment
    environment["TMUX"] = nil
    // The server's socket goes with the folder.
    environment["TMUX_TMPDIR"] = folder
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] =
      environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + settings { free(text) } }
    var process: pid_t = 0
    guard posix_spawn(&process, tmux, &actions, &attributes, &arguments, &settings) == 0 else {
      throw Failure(description: "\(tmux) could not be started.")
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(description: "\(tmux) went away.") }
    }
    return status
  }

  /// Closes the terminal under whatever runs in it.
  func hangUp() throws { try run(["kill-session", "-t", "s"]) }

  // MARK: files

  func path(_ file: String) -> String { folder + "/" + file }

  func write(_ text: String, to file: String) throws {
    try text.write(toFile: path(file), atomically: true, encoding: .utf8)
  }

  func read(_ file: String) -> String? {
    FileManager.default.contents(atPath: path(file)).map { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: keys

  /// Presses keys by their tmux names, such as `Enter`, `C-z` or `a`.
  func press(_ keys: String...) throws { try run(["send-keys", "-t", "s"] + keys) }

  /// Types a text as it stands, in one packet.
  func type(_ text: String) throws { try run(["send-keys", "-t", "s", "-l", text]) }

  /// Pastes as a terminal does: between brackets, where the program has asked for them.
  func paste(_ text: String) throws {
    try run(["set-buffer", text])
    try run(["paste-buffer", "-p", "-t", "s"])
  }

  /// Presses a key that counts only half a second after the screen has changed, again where it came too early.
  func decide(_ key: String, until sign: (String) throws -> Bool) async throws {
    let tooEarly = "typed before this was on screen"
    while true {
      // Takes the words about the key before away, in prompts too.
      try press("C-l")
      // The last row is drawn last: without it this is half a repaint.
      try await wait { screen in
        let rows = screen.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return !screen.contains(tooEarly) && rows.last?.allSatisfy(\.isWhitespace) == false
      }
      try press(key)
      var isDone = false
      try await wait("\(key) to act") {
        isDone = try sign($0)
        return isDone || $0.contains(tooEarly)
      }
      if isDone { return }
    }
  }

  // MARK: the screen

  func screen() throws -> String { try run(["capture-pane", "-p", "-t", "s"]) }

  /// What tmux knows about the terminal, such as `alternate_on`.
  func flag(_ name: String) throws -> String {
    try run(["display-message", "-p", "-t", "s", "#{\(name)}"])
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  func wait(
    _ what: String = "the screen",
    for text: String...
  ) async throws {
    try await wait("\(what) to show \(text)") { screen in text.allSatisfy(screen.contains) }
  }

  func wait(_ what: String = "the screen", until sign: (String) throws -> Bool) async throws {
    let clock = ContinuousClock()
    let end = clock.now + Self.patience
    while true {
      let screen = try self.screen()
      if try sign(screen) { return }
      guard clock.now < end else {
        throw Failure(description: "Waited \(Self.patience) for \(what). The screen:\n\(screen)")
      }
      try await Task.sleep(for: .milliseconds(30))
    }
  }

  /// Waits until the script has made a file, and gives its text.
  func wait(file: String) async throws -> String {
    try await wait("the file \(file)") { _ in read(file) != nil }
    return (read(file) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
