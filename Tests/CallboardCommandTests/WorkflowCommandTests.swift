import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// `callboard workflows`, from outside: what it prints, and the numbers it ends with.
@Suite(.timeLimit(.minutes(5)))
struct WorkflowCommandTests {
  private static let functions = """
    name: flows
    store: memory
    control: none
    providers:
      desk:
        type: program
        functions:
          - name: look
            effect: read
            description: Gives back what it got.
            run: [cat]
            parameters: { type: object, additionalProperties: false, required: [zip], properties: { zip: { type: string } } }
            result: { type: object, properties: { zip: { type: string } } }
          - { name: pay, effect: write, run: [cat], parameters: { type: object, properties: { zip: { type: string } } } }
          - { name: fail, effect: read, run: ["false"], stdin: none }
    """

  private static let approvals = """

    approvals:
      - { function: desk.pay, label: every payment }
      - { approval: never }
    """

  private static let workflow = """
    workflow: chain
    input: { type: object, required: [zip], properties: { zip: { type: string } } }
    steps:
      - id: look
        call: desk.look
        with: { zip: "${input.zip}" }
      - id: bad
        needs: [look]
        call: desk.fail
        required: false
      - id: again
        needs: [look, bad]
        call: desk.look
        with: { zip: "${bad.zip ?? look.zip}" }
    output: { zip: "${again.zip}" }

    """

  private func scratch(_ more: String = "") throws -> Scratch {
    let scratch = try Scratch()
    _ = try scratch.file("callboard.yaml", Self.functions + Self.approvals + more)
    _ = try scratch.file("chain.yaml", Self.workflow)
    return scratch
  }

  private func run(_ scratch: Scratch, _ arguments: String...) async throws -> Program.Ended {
    try await Program.run(arguments, folder: scratch.path)
  }

  @Test func `a file is checked, and its steps are printed in their order`() async throws {
    let ended = try await run(try scratch(), "workflows", "check", "chain.yaml", "--graph")
    #expect(ended.status == 0, "\(ended.error)")
    #expect(
      ended.output == """
        chain: 3 steps, no mistakes
          1  look   desk.look
          2  bad    desk.fail  after look · not required
          3  again  desk.look  after look, bad

        """
    )
  }

  @Test func `what is wrong is told with line and column, and the nearest right name`() async throws
  {
    let scratch = try scratch()
    _ = try scratch.file(
      "wrong.yaml",
      Self.workflow.replacing("${bad.zip ?? look.zip}", with: "${bad.zip} ${look.zipp}")
    )
    let ended = try await run(scratch, "workflows", "check", "wrong.yaml")
    #expect(ended.status == 65)
    #expect(
      ended.error.contains(
        "wrong.yaml:14:21: steps[2].with.zip: bad may have no result (it is not required)"
      )
    )
    #expect(
      ended.error.contains(
        "wrong.yaml:14:32: steps[2].with.zip: look has no member “zipp”; did you mean zip?"
      ),
      "\(ended.error)"
    )
  }

  @Test func `a configuration says what is wrong with its workflows`() async throws {
    let scratch = try scratch(
      "\nworkflows: [chain.yaml, { workflow: two, steps: [{ id: a, call: desk.lok }] }]"
    )
    let ended = try await run(scratch, "config", "check", "callboard.yaml")
    #expect(ended.status == 65)
    #expect(
      ended.error.contains(
        "workflows[1].steps[0].call: there is no function desk.lok; did you mean desk.look?"
      ),
      "\(ended.error)"
    )
  }

  @Test func `a file is run alone, and its output printed`() async throws {
    let ended = try await run(
      try scratch(),
      "workflows",
      "run",
      "chain.yaml",
      #"{"zip": "02134"}"#
    )
    #expect(ended.status == 0, "\(ended.error)")
    #expect(try JSONValue(parsing: ended.output) == ["zip": "02134"])
  }

  @Test func `what can be run is listed from the configuration where no instance runs`()
    async throws
  {
    let scratch = try scratch("\nworkflows: [chain.yaml]\n")
    let listed = try await run(scratch, "workflows", "list", "--available")
    #expect(listed.status == 0, "\(listed)")
    #expect(listed.output.contains("chain"), "\(listed)")
    #expect(listed.output.contains("3 steps"), "\(listed)")
  }

  @Test func `what it ends with says what became of it`() async throws {
    let scratch = try scratch()
    _ = try scratch.file("pay.yaml", "workflow: p\nsteps: [{ id: a, call: desk.pay }]\n")
    _ = try scratch.file("fail.yaml", "workflow: f\nsteps: [{ id: a, call: desk.fail }]\n")
    let denied = try await run(scratch, "workflows", "run", "pay.yaml")
    #expect(denied.status == 77, "\(denied.error)")
    let failed = try await run(scratch, "workflows", "run", "fail.yaml", "--output", "json")
    #expect(failed.status == 1)
    let detail = try JSONValue(parsing: failed.output)
    #expect(detail["state"] == "failed")
    #expect(detail["steps"]?[0]?["state"] == "failed")
    let wrong = try await run(scratch, "workflows", "run", "chain.yaml", #"{"zip": 1}"#)
    #expect(wrong.status == 1)
    #expect(wrong.error.contains("does not fit"), "\(wrong.error)")
    let none = try await run(scratch, "workflows", "run", "chian")
    #expect(none.status == 64)
  }

  @Test func `with a store a run that was killed goes on where an instance starts`() async throws {
    let scratch = try Scratch()
    _ = try scratch.file(
      "callboard.yaml",
      (Self.functions + Self.approvals)
        .replacing("store: memory", with: "store: { file: s.db }")
        .replacing("control: none", with: "control: { socket: c.sock }") + "\nworkflows: [w.yaml]\n"
    )
    _ = try scratch.file(
      "w.yaml",
      """
      workflow: w
      steps:
        - { id: look, call: desk.look, with: { zip: "1" } }
        - { id: pay, needs: [look], call: desk.pay, with: { zip: "${look.zip}" } }
      output: "${pay.zip}"
      """
    )
    let first = try Running(["serve"], folder: scratch.path)
    try await until(scratch, "workflows", "list") { $0.status == 0 }
    let started = try await run(scratch, "workflows", "run", "w", "--detach")
    let id = started.output.trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(started.status == 0, "\(started.error)")
    try await until(scratch, "workflows", "show", id) { $0.output.contains("awaiting_approval") }
    let waiting = try Running(["workflows", "run", "w"], folder: scratch.path)
    waiting.told("waits for a person to decide")
    first.send(SIGKILL)
    _ = try first.ended()
    let other = try waiting.ended()
    #expect(other.status == 74, "\(other)")
    #expect(
      other.error.contains("it goes on when callboard serve runs again on its store"),
      "\(other)"
    )
    let second = try Running(["serve"], folder: scratch.path)
    defer { second.send(SIGKILL) }
    try await until(scratch, "workflows", "show", id) { $0.output.contains("awaiting_approval") }
    // Whoever asked for it may not approve it; what they may do is cancel, and have it go on.
    let cancelled = try await run(scratch, "workflows", "cancel", id)
    #expect(cancelled.status == 0, "\(cancelled.error)")
    try await until(scratch, "workflows", "show", id) { $0.output.contains("w \(id) cancelled") }
    let late = try await run(scratch, "workflows", "cancel", id)
    #expect(late.status == 1)
    let retried = try await run(scratch, "workflows", "retry", String(id.suffix(6)))
    #expect(retried.status == 0, "\(retried.error)")
    try await until(scratch, "workflows", "show", id) { $0.output.contains("awaiting_approval") }
    let shown = try await run(scratch, "workflows", "show", id, "--output", "json")
    let detail = try JSONValue(parsing: shown.output)
    #expect(detail["retries"] == 1)
    #expect(detail["steps"]?[0]?["state"] == "succeeded")
  }

  /// Each step writes down that it was done; the last one is a `write`.
  @Test func `a run that is killed between any two steps goes on, and does no step twice`()
    async throws
  {
    let scratch = try Scratch()
    let names = ["validate", "analyse", "comply", "submit"]
    let functions = names.map { name in
      """
            - name: \(name)
              effect: \(name == "submit" ? "write" : "idempotent")
              stdin: none
              output: text
              run: [sh, -c, "while [ -e stop-\(name) ]; do sleep 0.02; done; echo $CALLBOARD_IDEMPOTENCY_KEY >> \(name); echo done"]
      """
    }
    _ = try scratch.file(
      "callboard.yaml",
      """
      name: killed
      store: { file: s.db }
      control: { socket: c.sock }
      providers:
        deal:
          type: program
          functions:
      \(functions.joined(separator: "\n"))
      approvals: [{ approval: never }]
      workflows: [w.yaml]
      """
    )
    _ = try scratch.file(
      "w.yaml",
      """
      workflow: deal
      steps:
        - { id: validate, call: deal.validate }
        - { id: analyse, needs: [validate], call: deal.analyse }
        - { id: comply, needs: [analyse], call: deal.comply }
        - { id: submit, needs: [comply], call: deal.submit }
      output: "${submit}"
      """
    )
    func state(of step: Int, in ended: Program.Ended) -> JSONValue? {
      (try? JSONValue(parsing: ended.output))?["steps"]?[step]?["state"]
    }
    func lines(_ name: String) -> [Substring] {
      let text = try? String(contentsOfFile: scratch.path + "/" + name, encoding: .utf8)
      return text?.split(separator: "\n") ?? []
    }
    for last in names.indices.dropLast() {
      // A store of its own: else the last step would be held as a twin of the one before.
      for name in names + ["s.db", "s.db-wal", "s.db-shm"] {
        try? FileManager.default.removeItem(atPath: scratch.path + "/" + name)
      }
      // The next step has begun, and has done nothing yet, when the kill comes.
      let gate = try scratch.file("stop-" + names[last + 1], "")
      let first = try Running(["serve"], folder: scratch.path)
      first.told("killed is up")
      let started = try await run(scratch, "workflows", "run", "deal", "--detach")
      let id = started.output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(started.status == 0, "\(started)")
      try await until(scratch, "workflows", "show", id, "--output", "json") {
        state(of: last, in: $0) == "succeeded" && state(of: last + 1, in: $0) == "running"
      }
      first.send(SIGKILL)
      _ = try first.ended()
      let second = try Running(["serve"], folder: scratch.path)
      defer { second.send(SIGKILL) }
      second.told("killed is up")
      try FileManager.default.removeItem(atPath: gate)
      let isWrite = last + 1 == names.count - 1
      // Of a `write` that was cut off nobody knows whether it was done: a person finds out.
      let end = isWrite ? "unknown" : "deal \(id) succeeded"
      try await until(scratch, "workflows", "show", id) { $0.output.contains(end) }
      for (index, name) in names.enumerated() {
        let done = lines(name)
        if index != last + 1 {
          #expect(done.count == 1, "\(name): \(done)")
        } else if isWrite {
          #expect(done.count <= 1, "\(name): \(done)")
        } else {
          // What was cut off is repeated with its key, and counts once.
          #expect(Set(done).count == 1, "\(name): \(done)")
        }
      }
    }
  }

  private func until(
    _ scratch: Scratch,
    _ arguments: String...,
    holds: (Program.Ended) -> Bool
  ) async throws {
    while true {
      let ended = try await Program.run(arguments, folder: scratch.path)
      if holds(ended) { return }
      await Task.yield()
    }
  }
}
