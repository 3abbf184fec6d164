import Callboard
import CallboardSQLite
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// `callboard report`, `callboard approvals simulate`, and what they and `notify` say in a configuration.
@Suite struct ShiftCommandTests {
  private let scratch: Scratch
  private let configuration: String

  private static let text = """
    store: { file: shift.db }
    callers: { robot: {} }
    providers:
      pay:
        type: program
        functions:
          - name: send
            description: Sends money.
            effect: write
            run: [cat]
            parameters:
              type: object
              required: [amount]
              properties: { amount: { type: number }, currency: { type: string, default: USD } }
          - { name: list, description: Lists payments., effect: read, run: [cat] }
    approvals:
      - { effect: read, approval: never }
      - function: pay.send
        when: { properties: { amount: { exclusiveMinimum: 1000 } }, required: [amount] }
        label: over 1,000
        approvers: 2
      - { caller: robot, approval: never }
    report: { sums: { pay.send: [amount by currency] } }

    """

  init() throws {
    scratch = try Scratch()
    configuration = try scratch.file("callboard.yaml", Self.text)
  }

  private func run(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(arguments, folder: scratch.path)
  }

  @Test func `simulate says which rule decides and why none before it`() async throws {
    let ended = try await run("approvals", "simulate", "pay.send", #"{"amount": 5000}"#)
    #expect(ended.status == 77, "\(ended.error)")
    #expect(
      ended.output == """
        it would wait for approval by 2 different people, for 15 min
          rule 1: every read: does not match
              its effect is write, not read
          rule 2: over 1,000: matches, and decides

        """
    )
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/shift.db"))
  }

  @Test func `simulate ends by what would happen`() async throws {
    let robot = try await run(
      "approvals",
      "simulate",
      "pay.send",
      #"{"amount": 5}"#,
      "--as",
      "robot",
      "--output",
      "json"
    )
    #expect(robot.status == 0)
    let json = try JSONValue(parsing: robot.output)
    #expect(json["verdict"] == "runs")
    #expect(json["rule"] == "rule 3: from robot")
    #expect(json["arguments"]?["currency"] == "USD")
    #expect(json["rules"]?.arrayValue?.count == 3)
    let other = try await run("approvals", "simulate", "pay.send", #"{"amount": 5}"#)
    #expect(other.status == 77)
    #expect(other.output.contains("no rule matches, and what no rule matches waits"))
    let wrong = try await run("approvals", "simulate", "pay.send", "{}")
    #expect(wrong.status == 1)
    #expect(wrong.output.contains("rejected before any rule is asked"))
    #expect(try await run("approvals", "simulate", "pay.send", "{").status == 64)
  }

  @Test func `report tells a shift from the store, in words and as JSON`() async throws {
    let store = scratch.path + "/shift.db"
    try await Program.onOwnThread {
      let sqlite = try SQLiteStore(store, key: nil)
      let now = Date.now
      let id = try #require(CallID("01977a3e-0000-7000-8000-0000001f002a"))
      func part(_ state: CallState.Word) -> EngineEvent.CallPart {
        EngineEvent.CallPart(
          id: id,
          function: "pay.send",
          caller: "agent",
          conversation: nil,
          state: state,
          attempt: nil,
          revision: 1,
          link: nil
        )
      }
      let events = [
        EngineEvent(
          time: now.addingTimeInterval(-3 * 86_400),
          type: .function(.off),
          by: "long ago"
        ),
        EngineEvent(
          time: now.addingTimeInterval(-600),
          type: .function(.off),
          function: "pay.list",
          by: "anna"
        ),
        EngineEvent(
          time: now.addingTimeInterval(-500),
          type: .call(.queued),
          call: part(.queued),
          cause: "approved",
          by: "maria"
        ),
        EngineEvent(
          time: now.addingTimeInterval(-400),
          type: .call(.running),
          call: part(.running),
          value: ["amount": 0.1, "currency": "EUR"]
        ),
        EngineEvent(
          time: now.addingTimeInterval(-300),
          type: .call(.succeeded),
          call: part(.succeeded),
          source: .attempt
        ),
      ]
      for event in events { _ = try sqlite.commit(StoreChange(events: [event])) }
      _ = sqlite.close()
    }
    let ended = try await run("report", "--since", "8h")
    #expect(ended.status == 0, "\(ended.error)")
    #expect(ended.output.contains("nothing waits for a person"))
    #expect(ended.output.contains("  maria: approved 1"))
    #expect(ended.output.contains("pay.list off by anna"))
    #expect(ended.output.contains("sum of amount by currency, pay.send\n  EUR: 0.1 in 1 call"))
    #expect(!ended.output.contains("long ago"))
    let json = try JSONValue(parsing: try await run("report", "--output", "json").output)
    #expect(json["people"]?[0]?["name"] == "maria")
    #expect(json["open_left"] == 0)
    #expect(json["sums"]?[0]?["groups"]?[0]?["total"] == "0.1")
    #expect(try await run("report", "--since", "soon").status == 64)
  }

  @Test(arguments: [
    ("notify: { after: 2m, run: [pager, \"${call.ids}\"] }", "did you mean ${call.id}?"),
    ("notify: { after: 0s, run: [pager] }", "is 0; write how long"),
    ("notify: { after: 2m, run: [] }", "notify/run"),
    ("notify: { run: [pager] }", "after"),
    ("notify: [{ after: 1m, run: [a] }, { after: 1m, run: [\"${text}\"] }]", "let a call choose"),
  ])
  func `a notifier that cannot be meant is told with its line`(
    notify: String,
    words: String
  ) async throws {
    let file = try scratch.file(
      "wrong.yaml",
      Self.text.replacing("approvers: 2", with: "approvers: 2\n    \(notify)")
    )
    let ended = try await run("config", "check", file)
    #expect(ended.status == 65)
    let said = ended.output + ended.error
    #expect(said.contains("wrong.yaml:"))
    #expect(said.contains(words) || said.contains(words.replacing("/", with: ".")), "\(said)")
  }

  @Test func `a notifier is read with its groups, and keeps its places from the environment`()
    throws
  {
    let file = try scratch.file(
      "right.yaml",
      "operators: { maria: { uid: 1 }, omar: { uid: 2 } }\n"
        + Self.text.replacing(
          "approvers: 2",
          with: """
            approvers: 2
                notify:
                  - { after: 2m, run: [pager, "${call.id}", "${TEAM}"] }
                  - { after: 5m, run: [pager, "--all", "${text}"] }
            """
        )
    )
    let read = try ConfigurationFile.load(file, environment: ["TEAM": "night"])
    #expect(
      read.engine.rules.rules[1].notify == [
        Notify(after: 120, run: ["pager", "${call.id}", "night"]),
        Notify(after: 300, run: ["pager", "--all", "${text}"]),
      ]
    )
    #expect(read.warnings.isEmpty)
  }

  @Test(arguments: [
    ("pay.send: [amonut]", "did you mean amount?"),
    ("pay.send: [amount of currency]", "FIELD by FIELD"),
  ])
  func `a sum that cannot be meant is told`(sum: String, words: String) throws {
    let file = try scratch.file(
      "wrong.yaml",
      Self.text.replacing("pay.send: [amount by currency]", with: sum)
    )
    let failure = #expect(throws: Failure.self) {
      try ConfigurationFile.load(file, environment: [:])
    }
    #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
  }
}
