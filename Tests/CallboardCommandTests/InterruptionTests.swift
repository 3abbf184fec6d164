import Foundation
import Testing

/// What a signal does to a command whose calls run.
@Suite struct InterruptionTests {
  private let scratch: Scratch
  private let sign: StartSign

  init() throws {
    scratch = try Scratch()
    sign = try StartSign(in: scratch)
    _ = try scratch.file(
      "pay.yaml",
      """
      name: paying
      store: { file: s.db }
      providers:
        p:
          type: program
          functions:
            - { name: move, description: Moves., effect: write, run: [sh, -c, "echo > started; sleep 1; echo moved"], stdin: none, output: text }
            - { name: hang, description: Hangs., effect: write, run: [sh, -c, "echo > started; exec sleep 600"], stdin: none, output: text }
            - { name: look, description: Hangs., effect: read, run: [sh, -c, "echo > started; exec sleep 600"], stdin: none, output: text }
      approvals: [{ approval: never }]
      """
    )
    _ = try scratch.file(
      "hangs.yaml",
      """
      clock: real
      functions:
        pay.send: { effect: write, timeout: 1h, answers: [{ hang: true }] }
      approvals: [{ approval: never }]
      do: [{ call: { name: wire, function: pay.send } }]
      """
    )
  }

  /// Runs a command, and something beside it.
  private func run(
    _ arguments: String...,
    beside: @escaping @Sendable (Running) throws -> Void
  ) async throws -> Program.Ended {
    let folder = scratch.path
    return try await Program.onOwnThread {
      let running = try Running(arguments, folder: folder)
      try beside(running)
      return try running.ended()
    }
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func `a write whose call is interrupted has ten seconds to end`(number: Int32) async throws {
    let ended = try await run("call", "p.move", "--config", "pay.yaml") { [sign] running in
      try sign.wait()
      running.send(number)
    }
    #expect(ended.status == 130, "\(ended)")
    #expect(ended.output == "moved\n")
    #expect(ended.error.contains("stopping; 1 call runs, a write: up to 10 s to end"), "\(ended)")
    #expect(ended.error.contains("another signal: at once"))
    #expect(ended.error.contains("p.move ended before that"))
  }

  @Test func `a second signal ends a write, and 74 says that nobody knows what became of it`()
    async throws
  {
    let ended = try await run("call", "p.hang", "--config", "pay.yaml") { [sign] running in
      try sign.wait()
      running.send(SIGTERM)
      running.told("up to 10 s to end")
      running.send(SIGTERM)
    }
    #expect(ended.status == 74, "\(ended)")
    #expect(ended.error.contains("p.hang may or may not have happened"), "\(ended)")
    let info = try await Program.run(
      ["audit", "show", "--store", "s.db", "--function", "p.hang"],
      folder: scratch.path
    )
    #expect(info.output.contains("call.unknown"), "\(info)")
    let stopped = try await Program.run(["audit", "show", "--store", "s.db"], folder: scratch.path)
    #expect(stopped.output.contains("engine.stopped"), "\(stopped)")
  }

  @Test func `what may be repeated ends with 130`() async throws {
    let ended = try await run("call", "p.look", "--config", "pay.yaml") { [sign] running in
      try sign.wait()
      running.send(SIGINT)
      running.told("1 call runs: up to 10 s to end")
      running.send(SIGINT)
    }
    #expect(ended.status == 130, "\(ended)")
  }

  @Test func `the HUPs of one hang-up are one signal`() async throws {
    let ended = try await run("call", "p.move", "--config", "pay.yaml") { [sign] running in
      try sign.wait()
      running.send(SIGHUP)
      running.told("up to 10 s to end")
      for _ in 0..<3 { running.send(SIGHUP) }
    }
    #expect(ended.output == "moved\n", "\(ended)")
    #expect(ended.status == 130)
  }

  @Test func `a run that is interrupted says which write nobody knows the outcome of`() async throws
  {
    let folder = scratch.path
    let ended = try await Program.onOwnThread {
      let running = try Running(
        ["run", "hangs.yaml", "--events", folder + "/started"],
        folder: folder
      )
      let events = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder + "/started"))
      var seen = ""
      while !seen.contains("call.running") {
        let data = events.availableData
        guard !data.isEmpty else { break }
        seen += String(decoding: data, as: UTF8.self)
      }
      running.send(SIGTERM)
      running.told("1 call runs, a write: up to 10 s to end")
      running.send(SIGTERM)
      return try running.ended()
    }
    #expect(ended.status == 74, "\(ended)")
    #expect(ended.error.contains("callboard: pay.send "), "\(ended)")
    #expect(ended.error.contains("whether it happened is unknown"))
  }
}
