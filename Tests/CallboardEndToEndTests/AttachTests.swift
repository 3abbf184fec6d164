import Foundation
import Glibc
import JSONSchema
import Testing

/// An instance that runs without a terminal, started as often as a test says, and a console attached to it.
private final class Served {
  let terminal: Terminal
  private(set) var starts = 1

  /// Three conversations each ask for one payment, which a file notes, and then wait for long.
  init(width: Int = 120, height: Int = 40) throws {
    let agents = (1...3).map {
      "  - { model: paying-\($0), caller: agent-\($0), title: payment \($0) }"
    }
    let models = (1...3).map { "  paying-\($0): { type: script, script: paying-\($0) }" }
    let scripts = (1...3).map {
      """
        paying-\($0):
          user: Pay \($0)00.
          turns:
            - calls: [{ function: desk.pay, id: pay, with: { amount: \($0)00 } }]
            - calls: [{ function: desk.linger, id: linger }]
            - { say: "Done.", end: true }
      """
    }
    let configuration = """
      name: desk
      store: { file: desk.db }
      control: { socket: control.sock }
      providers:
        desk:
          type: program
          functions:
            - name: pay
              description: Pays.
              effect: write
              run: [sh, -c, "cat >> paid; echo >> paid; echo 1"]
              parameters: { type: object, required: [amount], properties: { amount: { type: integer } } }
            - { name: linger, description: Takes its time., effect: read, run: [sleep, "600"], stdin: none, timeout: 20m }
      approvals:
        - { function: desk.pay, label: every payment, expires: 1h }
        - { approval: never }

      """
    terminal = try Terminal(
      width: width,
      height: height,
      files: [
        "desk.yaml": configuration
          + (["scripts:"] + scripts + ["models:"] + models + ["conversations:"] + agents).joined(
            separator: "\n"
          ) + "\n"
      ],
      script: """
        n=1
        while [ ! -e over ]; do
          "$CALLBOARD" serve --config desk.yaml --events events.$n 2> serve.$n &
          echo $! > new.pid; mv new.pid pid.$n
          wait $! 2> /dev/null
          n=$((n + 1))
          while [ ! -e start.$n ] && [ ! -e over ]; do sleep 0.05; done
        done > /dev/null 2>&1 &
        while ! grep -q 'is up' serve.1 2> /dev/null; do sleep 0.05; done
        "$CALLBOARD" attach --config desk.yaml
        echo $? > new.status; mv new.status status
        read line
        """
    )
  }

  deinit {
    try? terminal.write("", to: "over")
    if let id = terminal.read("pid.\(starts)").flatMap({
      Int32($0.trimmingCharacters(in: .newlines))
    }) {
      kill(id, SIGKILL)
    }
  }

  private func process() async throws -> Int32 {
    try #require(Int32(try await terminal.wait(file: "pid.\(starts)")))
  }

  func signal(_ number: Int32) async throws { #expect(kill(try await process(), number) == 0) }

  func start() throws {
    starts += 1
    try terminal.write("", to: "start.\(starts)")
  }

  /// The events of one start.
  func events(_ start: Int) -> EventLog { EventLog(terminal.path("events.\(start)")) }

  /// What was paid, in order.
  var paid: [String] {
    (terminal.read("paid") ?? "").split(separator: "\n").map(String.init)
  }

  func command(_ line: String) async throws -> String {
    let name = "out." + UUID().uuidString
    // In the folder of the terminal, as another person's shell would.
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "\"$0\" \(line) > \(name) 2>&1", Program.path]
    process.currentDirectoryURL = URL(fileURLWithPath: terminal.folder)
    process.environment = ["HOME": terminal.folder, "PATH": "/usr/bin:/bin"]
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      process.terminationHandler = { _ in continuation.resume() }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    return terminal.read(name) ?? ""
  }
}

extension EndToEnd {
  /// A console attached to an instance that is killed under it, stopped, and started again.
  @Suite struct AttachTests {
    /// Waits for the first call on Waiting, besides one that has left, and gives the end of its id and its amount.
    private func review(
      _ served: Served,
      besides last: String = ""
    ) async throws -> (id: String, amount: String) {
      try served.terminal.press("2", "g")
      var found: (String, String)?
      try await served.terminal.wait("a payment to be shown") { screen in
        guard let id = screen.firstMatch(of: /call ([0-9a-f]{6})/)?.1,
          let amount = screen.firstMatch(of: /amount │ (\d+)/)?.1, id != last
        else { return false }
        found = (String(id), String(amount))
        return true
      }
      return try #require(found)
    }

    private func isGone(_ screen: String) -> Bool { screen.contains("GONE since") }

    @Test
    func
      `kill -9 under an attached console loses no decision, asks for none again, and it goes on`()
      async throws
    {
      let served = try Served()
      try await served.terminal.wait(for: "waiting 3")
      let first = try await review(served)
      try await served.terminal.decide("a") { $0.contains("\(first.id) approved") }
      try await served.events(1).first("call.succeeded", function: "desk.pay")
      try await served.terminal.wait(for: "waiting 2")
      let second = try await review(served, besides: first.id)
      try await served.signal(SIGKILL)
      try await served.terminal.wait("the console to say so", until: isGone)
      try await served.terminal.decide("a") { $0.contains("nothing was sent") }
      #expect(try served.terminal.screen().contains("call \(second.id)"))
      try served.start()
      try await served.terminal.wait("the console to go on") {
        !isGone($0) && $0.contains("waiting 2")
      }
      #expect(try served.terminal.screen().contains("call \(second.id)"))
      #expect(served.paid == [#"{"amount":\#(first.amount)}"#])
      // What was decided before is decided, and what was not is decided now, by the keys of the same console.
      try await served.terminal.decide("a") { $0.contains("\(second.id) approved") }
      try await served.events(2).first("call.succeeded", function: "desk.pay")
      try await served.terminal.wait(for: "waiting 1")
      #expect(served.paid == [first, second].map { #"{"amount":\#($0.amount)}"# })
      let all = try served.events(1).all() + served.events(2).all()
      let approvals = all.filter { $0.cause?.hasPrefix("approved") == true && $0.by != nil }
      #expect(
        approvals.compactMap { $0.call?.suffix(6) }.map(String.init) == [first.id, second.id]
      )
    }

    @Test
    func `a decision that was on its way when the instance was killed is done once or not at all`()
      async throws
    {
      let served = try Served()
      try await served.terminal.wait(for: "waiting 3")
      var decided = 0
      for _ in 0..<3 {
        let waiting = try await review(served)
        // The key counts half a second after the call was painted.
        try await Task.sleep(for: .milliseconds(700))
        try served.terminal.press("a")
        try await served.signal(SIGKILL)
        try await served.terminal.wait("the console to say so", until: isGone)
        let screen = try served.terminal.screen()
        let wasApproved = screen.contains("\(waiting.id) approved")
        try served.start()
        try await served.terminal.wait("the console to go on") {
          !isGone($0)
            && ($0.contains("waiting \(3 - decided)") || $0.contains("waiting \(2 - decided)"))
        }
        let shown = try await served.command(
          "calls show \(waiting.id) --config desk.yaml --output json"
        )
        let isWaiting = shown.contains(#""state": "awaiting_approval""#)
        #expect(
          !(wasApproved && isWaiting),
          "it was said to be approved, and is asked again:\n\(shown)"
        )
        if !isWaiting { decided += 1 }
        try served.terminal.press("C-l")
        let count = served.paid.filter { $0.contains(#""amount":\#(waiting.amount)}"#) }.count
        #expect(count <= (isWaiting ? 0 : 1), "\(served.paid)")
      }
    }

    @Test func `an orderly stop says so on the screen, and leaving ends nothing but the console`()
      async throws
    {
      let served = try Served(width: 80, height: 24)
      try await served.terminal.wait(for: "waiting 3")
      try await served.signal(SIGTERM)
      try await served.terminal.wait("the console to say so") {
        isGone($0) && $0.contains("it was stopped in order")
      }
      try served.start()
      try await served.terminal.wait("the console to go on") {
        !isGone($0) && $0.contains("waiting 3")
      }
      try served.terminal.press("q")
      #expect(try await served.terminal.wait(file: "status") == "0")
      #expect(try await served.command("approvals list --config desk.yaml").contains("desk.pay"))
    }

    @Test func `a console and a command see each other's decisions, and who was faster`()
      async throws
    {
      let served = try Served()
      try await served.terminal.wait(for: "waiting 3")
      let waiting = try await review(served)
      let json = try JSONValue(
        parsing: try await served.command(
          "approvals show \(waiting.id) --config desk.yaml --output json"
        )
      )
      let digest = try #require(json["digest"]?.stringValue)
      let line = "approvals approve \(waiting.id) --digest \(digest) --config desk.yaml"
      #expect(try await served.command(line).contains("\(waiting.id) approved"))
      try await served.terminal.wait(for: "waiting 2")
      #expect(try await served.command(line).contains("Not done:"))
      #expect(try await served.command("hold --config desk.yaml").contains("everything is held"))
      try await served.terminal.wait(for: "HELD by")
      #expect(try await served.command("release --config desk.yaml").contains("released"))
      try await served.terminal.wait("the release to be shown") { !$0.contains("HELD") }
    }
  }
}
