import Foundation
import JSONSchema

/// A console on a small configuration whose calls are known beforehand, while others keep arriving.
final class Desk {
  let terminal: Terminal
  let events: EventLog

  /// Two conversations call `desk.tick` and `desk.tock` without end; each of `conversations` begins beside them.
  init(_ conversations: String..., width: Int = 120, height: Int = 40) throws {
    let plans = (["ticking", "tocking"] + conversations).enumerated().map {
      "  - { model: \($1), caller: agent-\($0 + 1) }"
    }
    let models = ["ticking", "tocking", "paying", "explaining", "lingering", "losing"].map {
      "  \($0): { type: script, script: \($0) }"
    }
    let rest = ["models:"] + models + ["conversations:"] + plans
    terminal = try Terminal(
      width: width,
      height: height,
      environment: ["VISUAL": "sh editor"],
      files: [
        "desk.yaml": Self.configuration + rest.joined(separator: "\n") + "\n",
        "editor": #"sed -i 's/"amount": *12/"amount": 99/' "$1""# + "\n",
      ],
      script: #"exec "$CALLBOARD" console --config desk.yaml --events events"#
    )
    events = EventLog(terminal.path("events"))
  }

  /// Waits until this function's call waits for a person (or has an unknown outcome), and opens Waiting on it.
  func review(
    _ state: String = "call.awaiting_approval",
    of function: String
  ) async throws -> String {
    let id = try await events.first(state, function: function).call ?? ""
    try terminal.press("2", "g")
    try await terminal.wait(for: "call \(id.suffix(6))")
    return id
  }

  /// Shows this function's calls on Calls, with the cursor on the newest.
  func showCalls(of function: String) async throws {
    try terminal.press("3")
    try await terminal.wait { $0.contains("[3 Call") || $0.contains("[3Call") }
    try terminal.press("/")
    try await terminal.wait(for: "filter (fn:")
    try terminal.press("C-u")
    try terminal.type("fn:" + function)
    try terminal.press("Enter")
    try await terminal.wait { !$0.contains("filter (fn:") && $0.contains(function) }
    try terminal.press("g")
  }

  /// Waits until Calls shows this call in this state.
  func wait(for call: String, _ state: String) async throws {
    try await terminal.wait("Calls to show \(call.suffix(6)) \(state)") { screen in
      screen.split(separator: "\n").contains {
        $0.contains(call.hasPrefix("desk.") ? call : String(call.suffix(6))) && $0.contains(state)
      }
    }
  }

  /// The events of this kind that came after another.
  func events(_ type: String, of function: String, after seq: Int64) throws -> [EventLog.Event] {
    try events.all().filter { $0.seq > seq && $0.type == type && $0.function == function }
  }

  /// Waits for so many more starts of a function, which shows that time has passed and calls keep arriving.
  func wait(_ count: Int, _ type: String, of function: String, after seq: Int64) async throws {
    _ = try await events.first(type, function: function, after: seq) { _ in
      try events(type, of: function, after: seq).count >= count
    }
  }

  private static let configuration = """
    name: desk
    providers:
      desk:
        type: program
        functions:
          - { name: tick, description: Says the time., effect: read, run: [date], stdin: none, output: text }
          - { name: tock, description: Says the time too., effect: read, run: [date], stdin: none, output: text }
          - { name: linger, description: Takes its time., effect: read, run: [sleep, "600"], stdin: none, timeout: 20m }
          - { name: lose, description: Never says what became of it., effect: write, run: [sleep, "600"], stdin: none, timeout: 300ms }
          - name: pay
            description: Pays, and says back what was paid.
            effect: write
            run: [cat]
            parameters: &payment
              type: object
              additionalProperties: false
              required: [amount, payee]
              properties:
                amount: { type: integer, minimum: 1 }
                payee: { type: string }
                memo: { type: string }
          - { name: explain, description: Pays with many words., effect: write, run: [cat], parameters: *payment }
    approvals:
      - { function: desk.pay, label: every payment, expires: 1h }
      - { function: desk.explain, label: every payment, expires: 1h }
      - { approval: never }
    limits:
      conversation: { turns: 100000, calls: 100000, time: 1h }
    scripts:
      ticking:
        user: Tick.
        after: 50ms..150ms
        turns: [{ label: again, calls: [{ function: desk.tick, id: tick }], goto: again }]
      tocking:
        user: Tock.
        after: 50ms..150ms
        turns: [{ label: again, calls: [{ function: desk.tock, id: tock }], goto: again }]
      paying:
        user: Pay anna ${amount}.
        vars: { amount: 12 }
        turns:
          - calls: [{ function: desk.pay, id: pay, with: { amount: "${amount}", payee: anna } }]
          - { say: "It ended: ${pay.amount ?? pay.error.message}.", end: true }
      explaining:
        user: Pay bert 34, and explain.
        turns:
          - calls: [{ function: desk.explain, id: pay, with: { amount: 34, payee: bert, memo: "\(memo)" } }]
          - { say: "Paid.", end: true }
      lingering:
        user: Wait.
        turns:
          - calls: [{ function: desk.linger, id: linger }]
          - { say: "No more.", end: true }
      losing:
        user: Lose it.
        turns:
          - calls: [{ function: desk.lose, id: lose }]
          - { say: "It is settled.", end: true }

    """

  /// More lines than any pane here has, and less than a folded value.
  private static let memo = (1...60).map { "reason number \($0)" }.joined(separator: #"\n"#)
}
