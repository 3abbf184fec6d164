import CSpawn
import Foundation
import Glibc

/// A program about to be started, complete: nothing of it is looked up later.
struct ProgramLaunch: Sendable {
  /// The program first.
  var arguments: [String]
  /// `NAME=value`.
  var environment: [String]
  var workingDirectory: String?
  /// nil: stdin is `/dev/null`.
  var input: [UInt8]?
  /// Longest output that is kept.
  var outputLimit: Int
  /// Whether a program that writes more is stopped, or runs to its end with the rest thrown away.
  var stopsAtLimit: Bool
  /// Takes what it writes to stderr.
  let errors = ErrorTail()
}

/// A program that has just been started, with our ends of its pipes.
///
/// It leads a session and a process group of its own, so it has no terminal, and one signal reaches whatever
/// it starts; signals are at their defaults, and no descriptor but 0, 1 and 2 is open in it.
///
/// It outlives a callboard that is killed outright (`kill -9`). `PR_SET_PDEATHSIG` would end it then, but `posix_spawn`
/// can't set that, it reaches only the program and not what that has started, and a `write` that is cut short is no
/// better known than one that ends by itself: after a restart both are `unknown`.
struct SpawnedProgram {
  var process: pid_t
  /// Readable when the process has ended; -1 where the kernel has no such thing.
  var processDescriptor: Int32
  /// -1 where it reads `/dev/null`.
  var stdin: Int32
  var stdout: Int32
  var stderr: Int32
}

extension ProgramLaunch {
  /// Starts it.
  ///
  /// Blocks until the program has begun or was refused, mostly under a millisecond.
  func spawn() throws(SpawnFailure) -> SpawnedProgram {
    guard let program = executable() else { throw .notInPath }
    var open: [Int32] = []
    func pipe() throws(SpawnFailure) -> (read: Int32, write: Int32) {
      var ends: [Int32] = [-1, -1]
      guard pipe2(&ends, O_CLOEXEC) == 0 else { throw .pipe(errno) }
      // A descriptor below 3 would be overwritten while 0, 1 and 2 of the program are set up.
      for index in ends.indices where ends[index] < 3 {
        let moved = fcntl(ends[index], F_DUPFD_CLOEXEC, 3)
        let code = errno
        close(ends[index])
        ends[index] = moved
        guard moved >= 0 else {
          close(ends[1 - index])
          throw .pipe(code)
        }
      }
      open += ends
      return (ends[0], ends[1])
    }
    do throws(SpawnFailure) {
      let input: (read: Int32, write: Int32)? = self.input == nil ? nil : try pipe()
      let output = try pipe()
      let errors = try pipe()
      for ours in [input?.write, output.read, errors.read].compactMap(\.self) {
        _ = fcntl(ours, F_SETFL, fcntl(ours, F_GETFL) | O_NONBLOCK)
      }
      let process = try start(
        program,
        stdin: input?.read,
        stdout: output.write,
        stderr: errors.write
      )
      for theirs in [input?.read, output.write, errors.write].compactMap(\.self) { close(theirs) }
      return SpawnedProgram(
        process: process,
        processDescriptor: cspawn_pidfd_open(process),
        stdin: input?.write ?? -1,
        stdout: output.read,
        stderr: errors.read
      )
    } catch {
      for descriptor in open { close(descriptor) }
      throw error
    }
  }

  private func start(
    _ program: String,
    stdin: Int32?,
    stdout: Int32,
    stderr: Int32
  ) throws(SpawnFailure) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let workingDirectory {
      var status = stat()
      guard stat(workingDirectory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw .noWorkingDirectory
      }
      posix_spawn_file_actions_addchdir_np(&actions, workingDirectory)
    }
    if let stdin {
      posix_spawn_file_actions_adddup2(&actions, stdin, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, stdout, 1)
    posix_spawn_file_actions_adddup2(&actions, stderr, 2)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = CSPAWN_SETSID | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var argv = arguments.map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, &attributes, &argv, &envp)
    guard code == 0 else { throw .system(code) }
    return process
  }

  /// The path of the program: as given where it has a slash, else the first in `PATH` that can be run.
  private func executable() -> String? {
    guard let name = arguments.first, !name.isEmpty else { return nil }
    guard !name.contains("/") else { return name }
    let path = environment.first { $0.hasPrefix("PATH=") }.map { $0.dropFirst(5) } ?? ""
    // An empty entry would mean the working directory; nobody who writes `jq` means that.
    for directory in path.split(separator: ":") {
      let candidate = "\(directory)/\(name)"
      var status = stat()
      if stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        access(candidate, X_OK) == 0
      {
        return candidate
      }
    }
    return nil
  }
}
