import Callboard
import Foundation
import Synchronization

/// Calls people by running programs: without a shell, with a time limit, a few at a time.
///
/// The notice stands on stdin as one line, and in `CALLBOARD_NOTICE`, `CALLBOARD_CALL_ID`, `CALLBOARD_FUNCTION` and
/// `CALLBOARD_OPEN` (the command that opens the call, with the control socket of this instance).
public final class NoticeRunner: Attendant {
  /// Longest time that one program may take.
  public static let limit = Duration.seconds(30)
  /// Most programs at one time, and most notices that wait for their turn.
  static let atOnce = 4
  static let inLine = 100

  private struct Line {
    var running = 0
    var waiting: [OneShot<Bool>] = []
  }

  private let supervisor: ProgramSupervisor
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue
  private let environment: [String]
  private let limit: Duration
  private let socket: String?
  private let line = Mutex(Line())

  /// `socket` is where the instance listens for commands, or nil.
  ///
  /// `inherited` is the environment that the programs' `PATH`, `HOME` and `LANG` are taken from.
  public init(
    clock: any EngineClock,
    deadlines: DeadlineQueue,
    socket: String?,
    limit: Duration = NoticeRunner.limit,
    inherited: [String: String] = ProcessInfo.processInfo.environment
  ) throws(AttendantFault) {
    do {
      supervisor = try ProgramSupervisor(clock: clock, deadlines: deadlines)
    } catch {
      throw AttendantFault("no programs can be run: \(error.sentence(for: ""))")
    }
    self.clock = clock
    self.deadlines = deadlines
    self.limit = limit
    self.socket = socket
    environment = [
      "PATH=\(inherited["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")",
      "HOME=\(inherited["HOME"] ?? "/")", "LANG=\(inherited["LANG"] ?? "C.UTF-8")",
    ]
  }

  /// What is wrong with what is to be run: the item, and a sentence.
  public static func problems(_ run: [String]) -> [(item: Int, sentence: String)] {
    NoticeTemplate.problems(run)
  }

  public func call(_ notice: Notice) async throws(AttendantFault) {
    guard await turn() else {
      throw AttendantFault(
        "\(Self.inLine) notices wait for their turn already; is \(notice.run.first ?? "the program") too slow?"
      )
    }
    defer { next() }
    try await run(notice)
  }

  private func run(_ notice: Notice) async throws(AttendantFault) {
    let program = notice.run.first ?? ""
    let words = NoticeWords(notice: notice, socket: socket)
    let launch = ProgramLaunch(
      arguments: NoticeTemplate(notice.run).arguments(for: words),
      environment: environment + [
        "CALLBOARD_NOTICE=\(words.text)", "CALLBOARD_CALL_ID=\(notice.call)",
        "CALLBOARD_FUNCTION=\(words.value(of: .function))",
        "CALLBOARD_OPEN=\(words.command)",
      ],
      workingDirectory: nil,
      input: Array((words.text + "\n").utf8),
      outputLimit: 1024,
      stopsAtLimit: false
    )
    let begun = OneShot<Bool>()
    let running = Task { [supervisor] in
      begun.resolve(true)
      return await supervisor.run(launch)
    }
    // On a busy machine the program's time does not run before its turn has come.
    _ = await begun.value
    let alarm = deadlines.schedule(at: clock.monotonic + limit) { running.cancel() }
    let report = await running.value
    deadlines.cancel(alarm)
    // Nothing else cancels it; on a busy machine its time may be over before it has begun.
    if report.wasCancelled || report.ending == .notStarted(.cancelled) {
      throw AttendantFault("“\(program)” took longer than \(limit.words) and was stopped")
    }
    let said = launch.errors.text.map { ": " + String($0.suffix(300)) } ?? ""
    switch report.ending {
    case .exited(0): return
    case .exited(let status):
      throw AttendantFault("“\(program)” ended with status \(status)\(said)")
    case .signalled(let signal):
      throw AttendantFault("“\(program)” was ended by signal \(signal)\(said)")
    case .notStarted(let failure): throw AttendantFault(failure.sentence(for: program))
    case .unknown: throw AttendantFault("“\(program)” ended, and nobody knows how")
    }
  }

  // MARK: - Turns

  private func turn() async -> Bool {
    let gate = OneShot<Bool>()
    line.withLock { line in
      if line.running < Self.atOnce {
        line.running += 1
        gate.resolve(true)
      } else if line.waiting.count < Self.inLine {
        line.waiting.append(gate)
      } else {
        gate.resolve(false)
      }
    }
    return await gate.value
  }

  private func next() {
    let gate = line.withLock { line -> OneShot<Bool>? in
      guard !line.waiting.isEmpty else {
        line.running -= 1
        return nil
      }
      return line.waiting.removeFirst()
    }
    gate?.resolve(true)
  }
}
