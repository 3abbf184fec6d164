import Callboard
import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import CallboardCommand

/// Plays scenarios that are written in a test.
enum Played {
  static func scenario(_ text: String) async throws -> ScenarioResult {
    let scratch = try Scratch()
    let file = try scratch.file("scenario.yaml", text)
    return try await scenario(file: file)
  }

  static func scenario(file: String) async throws -> ScenarioResult {
    let scenario = try ScenarioReader.read(file, configuration: nil, environment: [:])
    return try await ScenarioRunner(scenario, events: nil).run()
  }

  /// What is wrong with it, as it is told.
  static func fault(_ text: String) throws -> String {
    let scratch = try Scratch()
    let file = try scratch.file("scenario.yaml", text)
    let failure = #expect(throws: Failure.self) {
      try ScenarioReader.readRows(file, configuration: nil, environment: [:])
    }
    #expect(failure?.status == .fileIsWrong)
    return failure?.description ?? ""
  }
}

@Suite struct ScenarioTimeTests {
  /// A clock with its thread, and what runs on it.
  private final class Stage: Sendable {
    let clock = ScenarioClock(isReal: false)
    let executor: ScenarioExecutor
    let deadlines: DeadlineQueue
    private let told = Mutex<[String]>([])

    init() {
      executor = ScenarioExecutor(clock: clock)
      deadlines = DeadlineQueue(clock: clock)
    }

    deinit { executor.end() }

    var lines: [String] { told.withLock { $0 } }

    func tell(_ line: String) {
      let at = clock.monotonic.words
      told.withLock { $0.append("\(line) at \(at)") }
    }

    func sleep(_ duration: Duration) async { try? await clock.sleep(for: duration, on: deadlines) }

    func play(_ body: @escaping @Sendable () async -> Void) async {
      await withTaskExecutorPreference(executor) { await body() }
    }
  }

  @Test func `hours of waiting take no time, and come in the order of their moments`() async {
    let stage = Stage()
    let start = ContinuousClock.now
    await stage.play {
      await withTaskGroup(of: Void.self) { group in
        for hours in [3, 1, 2] {
          group.addTask {
            await stage.sleep(.seconds(3600 * hours))
            stage.tell("\(hours)")
          }
        }
      }
    }
    #expect(stage.lines == ["1 at 1 h", "2 at 2 h", "3 at 3 h"])
    // Far from an hour, however slow the machine is.
    #expect(ContinuousClock.now - start < .seconds(600))
  }

  @Test func `time does not go on while a task has something to do`() async {
    let stage = Stage()
    await stage.play {
      let alarm = Task(executorPreference: stage.executor) {
        await stage.sleep(.milliseconds(1))
        stage.tell("alarm")
      }
      // Hands itself from task to task, as calls do on their way from commit to commit.
      for _ in 0..<5000 {
        await Task(executorPreference: stage.executor) { await Task.yield() }.value
      }
      stage.tell("done")
      await alarm.value
    }
    #expect(stage.lines == ["done at 0 s", "alarm at 1 ms"])
  }

  @Test func `what one moment brings is over before the next one comes`() async {
    let stage = Stage()
    await stage.play {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          await stage.sleep(.seconds(1))
          // Each wait is set when the one before is over: at 1.5 s, before 2 s.
          for _ in 0..<5 { await stage.sleep(.milliseconds(100)) }
          stage.tell("five times")
        }
        group.addTask {
          await stage.sleep(.seconds(2))
          stage.tell("two")
        }
      }
    }
    #expect(stage.lines == ["five times at 1.5 s", "two at 2 s"])
  }

  @Test func `while something takes real time the clock does not go ahead of it`() async {
    let stage = Stage()
    let (begun, ended) = (OneShot<Void>(), OneShot<Void>())
    await stage.play {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          await stage.clock.inRealTime {
            begun.resolve(())
            await ended.value
          }
          stage.tell("real")
        }
        group.addTask {
          await begun.value
          // An hour away: it would be over before a program could have ended.
          await stage.sleep(.seconds(3600))
          stage.tell("hour")
        }
        // Not on the scenario's thread, as an answer from outside.
        group.addTask {
          await Task.detached {
            try? await Task.sleep(for: .milliseconds(30))
            ended.resolve(())
          }.value
        }
      }
    }
    #expect(stage.lines.count == 2)
    #expect(stage.lines.first?.hasPrefix("real") == true)
    #expect(stage.lines.last?.hasPrefix("hour at 1 h") == true)
  }

  @Test func `what is due while something takes real time comes meanwhile`() async {
    let stage = Stage()
    let ended = OneShot<Void>()
    await stage.play {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          await stage.clock.inRealTime { await ended.value }
          stage.tell("real")
        }
        group.addTask {
          await Task.yield()
          await stage.sleep(.milliseconds(5))
          stage.tell("short")
          ended.resolve(())
        }
      }
    }
    #expect(stage.lines.map { $0.prefix(5) } == ["short", "real "])
  }

  @Test func `that nothing is left is told once nothing is on its way and no moment is waited for`()
    async
  {
    let stage = Stage()
    let gate = OneShot<Void>()
    stage.executor.onNothingLeft {
      if gate.resolve(()) { stage.tell("nothing left") }
    }
    await stage.play {
      await stage.sleep(.seconds(1))
      await gate.value
    }
    #expect(stage.lines == ["nothing left at 1 s"])
  }

  @Test func `a timer that only sets itself anew is found to bring nothing`() async {
    let stage = Stage()
    let gate = OneShot<Void>()
    stage.executor.onNothingLeft { gate.resolve(()) }
    @Sendable func again() {
      stage.deadlines.schedule(at: stage.clock.monotonic + .seconds(1)) { again() }
    }
    await stage.play {
      again()
      await gate.value
    }
    #expect(stage.clock.monotonic > .seconds(86_400))
  }

  @Test func `the wall clock goes with it`() async {
    let stage = Stage()
    let before = stage.clock.now
    await stage.play { await stage.sleep(.seconds(86_400)) }
    #expect(abs(stage.clock.now.timeIntervalSince(before) - 86_400) < 0.001)
  }

  // MARK: - In scenarios

  @Test
  func `an expiry of half an hour, a backoff of minutes and an open breaker are played at once`()
    async throws
  {
    let start = ContinuousClock.now
    let result = try await Played.scenario(
      """
      functions:
        api.read:
          effect: read
          retry: { attempts: 4, base: 4m, cap: 10m }
          breaker: { failures: 0, rate: 0 }
          answers: [{ times: 3, fail: { kind: server_error, retry_after: 5m } }, { value: at last }]
        api.write: { effect: write, answers: [{ echo: true }] }
      approvals: [{ effect: read, approval: never }, { function: api.write, expires: 30m }]
      decisions: [{ on: api.write, let_expire: true }]
      do:
        - call: { name: read, function: api.read }
        - call: { name: write, function: api.write }
      expect:
        calls:
          - { call: read, state: succeeded, attempts: 4, time: { at_least: 15m } }
          - { call: write, state: expired, attempts: 0, time: { at_least: 30m, at_most: 31m } }
        time: { at_least: 45m }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
    #expect(ContinuousClock.now - start < .seconds(600))
  }

  @Test func `a step leaves a call to expire`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.write: { effect: write, answers: [{ echo: true }] } }
      approvals: [{ function: api.write, expires: 30m }]
      do:
        - call: { name: a, function: api.write }
        - decide: { call: a, let_expire: true }
      expect: { calls: [{ call: a, state: expired, attempts: 0 }], time: { at_least: 30m } }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `people take their time beside each other`() async throws {
    let result = try await Played.scenario(
      """
      operators: { maria: { uid: 1 }, bo: { uid: 2 } }
      functions: { api.write: { effect: write, answers: [{ times: 9, echo: true }] } }
      approvals: [{ function: api.write, expires: 30m }]
      decisions:
        - { on: api.write, caller: slow, approve: true, as: maria, after: 20m }
        - { on: api.write, approve: true, as: bo, after: 1m }
      do:
        - together:
            - { name: a, function: api.write, with: { n: 1 }, as: slow }
            - { name: b, function: api.write, with: { n: 2 }, as: slow }
            - { name: c, function: api.write, with: { n: 3 } }
      expect:
        calls:
          - { call: a, state: succeeded, time: { at_least: 20m, at_most: 21m } }
          - { call: b, state: succeeded, time: { at_least: 20m, at_most: 21m } }
          - { call: c, state: succeeded, time: { at_least: 1m, at_most: 2m } }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `what a step waits for and nothing can bring is told without waiting for it`()
    async throws
  {
    let start = ContinuousClock.now
    let result = try await Played.scenario(
      """
      timeout: 10m
      functions: { api.read: { effect: read, answers: [{ value: 1 }] } }
      do:
        - call: { function: api.read }
        - until: { type: call.failed }
      """
    )
    #expect(result.checks.compactMap(\.came) == ["it never came"], "\(result.lines)")
    #expect(ContinuousClock.now - start < .seconds(300))
  }

  @Test func `a program takes its own time, and its time-out counts while it runs`() async throws {
    let scratch = try Scratch()
    let configuration = try scratch.file(
      "callboard.yaml",
      """
      providers:
        sh:
          type: program
          functions:
            - { name: short, effect: read, run: [sh, -c, "sleep 0.2; echo 1"], timeout: 5m }
            - { name: long, effect: read, run: [sleep, "600"], timeout: 100ms, retry: { attempts: 1 } }
      approvals: [{ approval: never }]
      """
    )
    let result = try await Played.scenario(
      """
      config: \(configuration)
      functions: { api.slow: { effect: read, timeout: 2h, answers: [{ after: 1h, value: 2 }] } }
      do:
        - together:
            - { name: short, function: sh.short }
            - { name: slow, function: api.slow }
        - call: { name: long, function: sh.long }
      expect:
        calls:
          - { call: short, state: succeeded, time: { at_least: 150ms } }
          - { call: slow, state: succeeded, time: { at_least: 1h } }
          - { call: long, state: failed, failure: timeout, time: { at_least: 90ms } }
        events:
          - { type: call.succeeded, function: sh.short }
          - { type: call.succeeded, function: api.slow }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `a clock that is real does not go ahead`() async throws {
    let result = try await Played.scenario(
      """
      clock: real
      timeout: 100ms
      functions: { api.read: { effect: read, timeout: 1h, answers: [{ hang: true }] } }
      do: [{ call: { function: api.read } }]
      """
    )
    #expect(result.status == .outOfTime)
  }

  @Test func `a scenario that was played leaves no thread behind`() async throws {
    func threads() throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = status.split(separator: "\n").first { $0.hasPrefix("Threads:") }
      return Int(line?.split(separator: "\t").last ?? "") ?? 0
    }
    let before = try threads()
    for _ in 0..<200 {
      let result = try await Played.scenario(
        "functions: { a.b: { answers: [{ after: 1h, value: 1 }] } }\ndo: [{ call: { function: a.b } }, { pause: 1h }]"
      )
      #expect(result.status == .done || result.status == .outcomeUnknown)
    }
    // Their last steps may still be on their way.
    var rest = 1000
    while try threads() > before + 50, rest > 0 {
      rest -= 1
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(try threads() <= before + 50)
  }

  @Test(.timeLimit(.minutes(5)))
  func `the same scenario is played the same way each time`() async throws {
    let text = """
      seed: 7
      functions:
        api.read:
          effect: read
          slots: 3
          retry: { attempts: 3, base: 1s }
          answers: [{ times: 100, after: { exponential: { mean: 2s } }, echo: true }]
      faults: [{ on: api.read, probability: 0.3, fail: { kind: server_error } }]
      do: [{ load: { call: { function: api.read, with: { n: "${n}" } }, count: 40, rate: 5/s } }]
      """
    let scratch = try Scratch()
    let file = try scratch.file("scenario.yaml", text)
    var plays: [[String]] = []
    for number in 1...3 {
      let events = try EventFile(scratch.path + "/\(number).jsonl") { _ in }
      let scenario = try ScenarioReader.read(file, configuration: nil, environment: [:])
      _ = try await ScenarioRunner(scenario, events: events).run()
      #expect(events.finish())
      let text = try String(contentsOfFile: scratch.path + "/\(number).jsonl", encoding: .utf8)
      plays.append(
        try text.split(separator: "\n").compactMap {
          EngineEvent(try JSONValue(parsing: String($0)))
        }.map { "\($0.type.text) \($0.proposed?.serialized() ?? "") \($0.call?.attempt ?? 0)" }
      )
    }
    #expect(plays[0].count > 150)
    #expect(plays[0] == plays[1])
    #expect(plays[0] == plays[2])
  }
}
