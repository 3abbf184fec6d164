import CSpawn
import Callboard
import Foundation
import Glibc
import Synchronization

/// Runs programs: one thread starts, feeds, reads, stops and reaps all of them.
///
/// The thread begins with the first program and ends when the last has ended, so an idle supervisor costs
/// two descriptors. Whatever a program leaves behind in its process group ends with it.
final class ProgramSupervisor: Sendable {
  /// From the polite signal to the one that cannot be ignored.
  static let grace = Duration.seconds(2)
  /// How long stdout and stderr may stay open after the program itself has ended.
  static let drain = Duration.milliseconds(250)

  private struct Inbox {
    var requests: [Request] = []
    var nextID: UInt64 = 0
    var isRunning = false
  }

  private enum Request: Sendable {
    case start(id: UInt64, ProgramLaunch, Waiter)
    case cancel(id: UInt64)
    case alarm(id: UInt64)
  }

  /// Who waits for a program.
  private final class Waiter: Sendable {
    let report = OneShot<ProgramReport>()
    let isCancelled = Atomic(false)
  }

  private let inbox = Mutex(Inbox())
  private let wakeUp: (read: Int32, write: Int32)
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue

  init(clock: any EngineClock, deadlines: DeadlineQueue) throws(SpawnFailure) {
    self.clock = clock
    self.deadlines = deadlines
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC | O_NONBLOCK) == 0 else { throw .pipe(errno) }
    wakeUp = (ends[0], ends[1])
  }

  deinit {
    close(wakeUp.read)
    close(wakeUp.write)
  }

  /// Runs one program to its end.
  ///
  /// Cancelling the task stops the program, and the report still comes when it is
  /// gone.
  func run(_ launch: ProgramLaunch) async -> ProgramReport {
    let waiter = Waiter()
    let id = inbox.withLock { inbox in
      inbox.nextID += 1
      return inbox.nextID
    }
    return await withTaskCancellationHandler {
      submit(.start(id: id, launch, waiter))
      return await waiter.report.value
    } onCancel: {
      // The flag is for a cancellation that overtakes the start, the request for one that comes after it.
      waiter.isCancelled.store(true, ordering: .releasing)
      submit(.cancel(id: id))
    }
  }

  private func submit(_ request: Request) {
    let mustStart = inbox.withLock { inbox in
      inbox.requests.append(request)
      defer { inbox.isRunning = true }
      return !inbox.isRunning
    }
    if mustStart {
      let thread = Thread { [self] in serve() }
      thread.name = "callboard.programs"
      thread.start()
    } else {
      // A full pipe wakes the thread as well as one more byte would.
      var byte: UInt8 = 0
      _ = write(wakeUp.write, &byte, 1)
    }
  }

  // MARK: - The thread

  private func serve() {
    // Signals are for other threads; above all, SIGPIPE is not to end callboard when a program stops reading.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, nil)
    var programs: [UInt64: Program] = [:]
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while let requests = nextRequests(isIdle: programs.isEmpty) {
      for request in requests {
        switch request {
        case .start(let id, let launch, let waiter): programs[id] = start(launch, for: waiter)
        case .cancel(let id): update(id, in: &programs) { $0.cancel() }
        case .alarm(let id): update(id, in: &programs) { $0.timeIsUp() }
        }
      }
      if !programs.isEmpty { pump(&programs, buffer: &buffer) }
    }
  }

  /// What has been asked since; nil, and the thread's end, when there is nothing and no program is left.
  private func nextRequests(isIdle: Bool) -> [Request]? {
    inbox.withLock { inbox in
      let requests = inbox.requests
      inbox.requests = []
      guard requests.isEmpty, isIdle else { return requests }
      inbox.isRunning = false
      return nil
    }
  }

  private func start(_ launch: ProgramLaunch, for waiter: Waiter) -> Program? {
    do throws(SpawnFailure) {
      guard !waiter.isCancelled.load(ordering: .acquiring) else { throw .cancelled }
      return Program(try launch.spawn(), launch, report: waiter.report)
    } catch {
      waiter.report.resolve(ProgramReport(ending: .notStarted(error)))
      return nil
    }
  }

  /// Changes one program, and does what then has to be done: set or clear its alarm, or bury it.
  private func update(
    _ id: UInt64,
    in programs: inout [UInt64: Program],
    _ change: (inout Program) -> Void
  ) {
    guard var program = programs.removeValue(forKey: id) else { return }
    change(&program)
    if let delay = program.wantedAlarm {
      program.wantedAlarm = nil
      if let old = program.alarm { deadlines.cancel(old) }
      program.alarm = deadlines.schedule(at: clock.monotonic + delay) { [weak self] in
        self?.submit(.alarm(id: id))
      }
    }
    guard program.isOver else {
      programs[id] = program
      return
    }
    if let alarm = program.alarm { deadlines.cancel(alarm) }
    let report = program.report
    report.resolve(program.bury())
  }

  /// Waits for any program, and moves what can be moved.
  private func pump(_ programs: inout [UInt64: Program], buffer: inout [UInt8]) {
    var polled = [pollfd(fd: wakeUp.read, events: Int16(POLLIN), revents: 0)]
    var owners: [(id: UInt64, stream: Program.Stream)] = []
    var mustLook: [UInt64] = []
    for (id, program) in programs {
      for (stream, descriptor, events) in program.awaited {
        polled.append(pollfd(fd: descriptor, events: events, revents: 0))
        owners.append((id, stream))
      }
      if !program.hasExited, program.processDescriptor < 0 { mustLook.append(id) }
    }
    // Without process descriptors the only way to learn of an end is to look.
    let count = poll(&polled, nfds_t(polled.count), mustLook.isEmpty ? -1 : 20)
    for id in mustLook { update(id, in: &programs) { $0.noticeExit() } }
    guard count > 0 else { return }
    if polled[0].revents != 0 {
      _ = buffer.withUnsafeMutableBytes { read(wakeUp.read, $0.baseAddress, $0.count) }
    }
    for (index, owner) in owners.enumerated() where polled[index + 1].revents != 0 {
      update(owner.id, in: &programs) { $0.serve(owner.stream, buffer: &buffer) }
    }
  }
}

/// One program that runs, as the supervisor's thread sees it.
private struct Program {
  enum Stream { case process, stdin, stdout, stderr }

  let process: pid_t
  private(set) var processDescriptor: Int32
  private var stdin: Int32
  private var stdout: Int32
  private var stderr: Int32
  private let launch: ProgramLaunch
  let report: OneShot<ProgramReport>

  private var written = 0
  private var output: [UInt8] = []
  private var outputOverflowed = false
  private(set) var hasExited = false
  /// Somebody else in this process has reaped it, so its number may be another's by now.
  private var isLost = false
  private var wasCancelled = false
  private var isStopping = false
  /// Nothing more is waited for.
  private var isGivenUp = false

  /// How long from now the program may take for what it is doing; taken by the supervisor.
  var wantedAlarm: Duration?
  var alarm: DeadlineQueue.Token?

  init(_ spawned: SpawnedProgram, _ launch: ProgramLaunch, report: OneShot<ProgramReport>) {
    process = spawned.process
    processDescriptor = spawned.processDescriptor
    stdin = spawned.stdin
    stdout = spawned.stdout
    stderr = spawned.stderr
    self.launch = launch
    self.report = report
    if launch.input?.isEmpty ?? false { closeStdin() }
  }

  /// What to poll for.
  var awaited: [(Stream, Int32, Int16)] {
    var awaited: [(Stream, Int32, Int16)] = []
    if !hasExited, processDescriptor >= 0 {
      awaited.append((.process, processDescriptor, Int16(POLLIN)))
    }
    if stdin >= 0 { awaited.append((.stdin, stdin, Int16(POLLOUT))) }
    if stdout >= 0 { awaited.append((.stdout, stdout, Int16(POLLIN))) }
    if stderr >= 0 { awaited.append((.stderr, stderr, Int16(POLLIN))) }
    return awaited
  }

  /// The program has ended, and its output too or the time for it.
  var isOver: Bool { hasExited && (isGivenUp || (stdout < 0 && stderr < 0)) }

  mutating func serve(_ stream: Stream, buffer: inout [UInt8]) {
    switch stream {
    case .process: noticeExit()
    case .stdin: feed()
    case .stdout: readOutput(&buffer)
    case .stderr: readErrors(&buffer)
    }
  }

  mutating func cancel() {
    // An end that came first counts as what it was.
    noticeExit()
    guard !hasExited else { return }
    wasCancelled = true
    stop()
  }

  mutating func noticeExit() {
    guard !hasExited else { return }
    var info = siginfo_t()
    // WNOWAIT: the process stays a zombie, so that its number, which is its group's, is not given to another.
    let result = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
    isLost = result < 0 && errno == ECHILD
    guard isLost || (result == 0 && info.si_signo != 0) else { return }
    hasExited = true
    closeStdin()
    wantedAlarm = ProgramSupervisor.drain
  }

  mutating func timeIsUp() {
    guard hasExited else {
      kill(-process, SIGKILL)
      return
    }
    isGivenUp = true
    // What the program itself wrote is in the pipe, and no pipe holds more than these reads unless someone
    // goes on writing.
    var buffer = [UInt8](repeating: 0, count: 65_536)
    for _ in 0..<16 where stdout >= 0 && readOutput(&buffer) {}
    if stderr >= 0 { readErrors(&buffer) }
  }

  private mutating func stop() {
    guard !isStopping, !hasExited else { return }
    isStopping = true
    kill(-process, SIGTERM)
    wantedAlarm = ProgramSupervisor.grace
  }

  private mutating func feed() {
    guard stdin >= 0, let input = launch.input else { return }
    let count = input.withUnsafeBytes { bytes in
      write(stdin, bytes.baseAddress.map { $0 + written }, bytes.count - written)
    }
    if count >= 0 {
      written += count
      if written == input.count { closeStdin() }
    } else if errno != EAGAIN, errno != EINTR {
      // A program may stop reading when it has read enough; its status says how that went.
      closeStdin()
    }
  }

  /// Returns whether there was anything to read.
  @discardableResult
  private mutating func readOutput(_ buffer: inout [UInt8]) -> Bool {
    let count = Self.read(&stdout, &buffer)
    guard count > 0 else { return false }
    let room = launch.outputLimit - output.count
    output += buffer[..<min(count, max(room, 0))]
    if count > room {
      outputOverflowed = true
      if launch.stopsAtLimit { stop() }
    }
    return true
  }

  private mutating func readErrors(_ buffer: inout [UInt8]) {
    let count = Self.read(&stderr, &buffer)
    if count > 0 { launch.errors.append(buffer[..<count]) }
  }

  /// Reads once, so that a program that writes without end does not keep the others waiting.
  ///
  /// Closes the descriptor at the end of the stream.
  private static func read(_ descriptor: inout Int32, _ buffer: inout [UInt8]) -> Int {
    guard descriptor >= 0 else { return 0 }
    let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) {
      close(descriptor)
      descriptor = -1
    }
    return count
  }

  private mutating func closeStdin() {
    guard stdin >= 0 else { return }
    close(stdin)
    stdin = -1
  }

  /// Ends what is left of its group, takes its status, closes everything.
  mutating func bury() -> ProgramReport {
    var status: Int32 = 0
    var reaped: pid_t = -1
    if !isLost {
      kill(-process, SIGKILL)
      repeat { reaped = waitpid(process, &status, 0) } while reaped < 0 && errno == EINTR
    }
    for descriptor in [processDescriptor, stdin, stdout, stderr] where descriptor >= 0 {
      close(descriptor)
    }
    let signal = status & 0x7F
    let ending: ProgramReport.Ending =
      reaped < 0 ? .unknown : signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    return ProgramReport(
      ending: ending,
      output: output,
      outputOverflowed: outputOverflowed,
      wasCancelled: wasCancelled
    )
  }
}
