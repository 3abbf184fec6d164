import Foundation
import JSONSchema
import Testing

/// What the program itself prints and writes, with secrets planted in its configuration and its calls.
@Suite struct SecretCommandTests {
  private let key = "sk-live-swordfish-1234567890"
  private let configuration = """
    providers:
      shell:
        type: program
        functions:
          - { name: fails, effect: read, retry: { attempts: 1 }, secrets: [floor_code], environment: { TOKEN: "${PLANTED}" },
              run: [sh, -c, "cat >&2; echo with $TOKEN >&2; exit 3"] }
          - { name: tells, effect: read, environment: { TOKEN: "${PLANTED}" },
              run: [sh, -c, "cat >&2; echo with $TOKEN >&2; echo '{\\"ok\\":true}'"] }
      dead:
        type: http
        url: http://127.0.0.1:9
        headers: { Authorization: "Bearer ${PLANTED}" }
        functions: [{ name: api, effect: read, path: /, retry: { attempts: 1 } }]
    models:
      gpt: { type: openai, url: "http://127.0.0.1:9/v1", model: m, key: "${PLANTED}" }
    approvals: [{ effect: read, approval: never }]
    """
  private let arguments =
    #"{"password":"swordfish-name","floor_code":"swordfish-floor","note":"card 4111 1111 1111 1111"}"#
  private var planted: [String] {
    [key, "swordfish-name", "swordfish-floor", "4111 1111 1111 1111"]
  }

  private func expectNothing(in text: String, _ place: String) {
    for secret in planted { #expect(!text.contains(secret), "\(place): \(text)") }
  }

  @Test(arguments: [
    ["config", "check"], ["functions", "list", "--output", "json"],
    ["call", "shell.fails", "-"], ["call", "shell.tells", "-"], ["call", "dead.api", "-"],
    ["call", "shell.fails", "-", "--output", "jsonl"], ["call", "shell.tells", "-", "--dry-run"],
    ["snapshot", "functions"], ["snapshot", "overview"],
  ])
  func `nothing that a command prints holds a secret`(command: [String]) async throws {
    let scratch = try Scratch()
    _ = try scratch.file("callboard.yaml", configuration)
    let ended = try await Program.run(
      command,
      input: arguments,
      environment: ["PLANTED": key],
      folder: scratch.path
    )
    #expect(!(ended.output + ended.error).isEmpty)
    expectNothing(in: ended.output, "stdout of \(command)")
    expectNothing(in: ended.error, "stderr of \(command)")
  }

  @Test func `a wrong value that comes from the environment is not repeated`() async throws {
    let scratch = try Scratch()
    let wrong = configuration.replacingOccurrences(
      of: "key: \"${PLANTED}\"",
      with: "key: \"${PLANTED}\", stream: \"${PLANTED}\""
    )
    .replacingOccurrences(of: "http://127.0.0.1:9/v1", with: "${PLANTED}")
    _ = try scratch.file("callboard.yaml", wrong)
    let ended = try await Program.run(
      ["config", "check"],
      environment: ["PLANTED": key],
      folder: scratch.path
    )
    #expect(ended.status == 65)
    #expect(ended.error.contains("models.gpt.url"), "\(ended.error)")
    expectNothing(in: ended.error, "stderr")
  }

  @Test func `the events of a scenario, and what it prints, hold no secret`() async throws {
    let scratch = try Scratch()
    _ = try scratch.file(
      "scenario.yaml",
      #"""
      functions:
        api.read: { effect: read, secrets: [floor_code], answers: [{ echo: true }] }
        api.fails: { effect: read, retry: { attempts: 1 }, answers: [{ fail: { kind: client_error, message: "no Bearer swordfish-bearer-99" } }] }
      approvals: [{ effect: read, approval: never }]
      scripts:
        leaky:
          turns:
            - say: "with 4111 1111 1111 1111"
              calls:
                - { function: api.read, id: read, with: { password: swordfish-name, floor_code: swordfish-floor } }
                - { function: api.fails, id: fails, with: { secret: swordfish-name } }
            - say: "It was swordfish-name, at floor swordfish-floor."
              end: true
      do:
        - conversation: { name: leaking, script: leaky, caller: agent-7, title: "Card 4111 1111 1111 1111", messages: "My card is 4111 1111 1111 1111" }
      expect:
        calls: [{ function: api.read, state: succeeded, result: { const: 1 } }]
        conversations: [{ conversation: leaking, state: finished }]
      """#
    )
    let ended = try await Program.run(
      ["run", "scenario.yaml", "--events", "events.jsonl"],
      folder: scratch.path
    )
    let events = try String(contentsOfFile: scratch.path + "/events.jsonl", encoding: .utf8)
    #expect(events.contains("call.succeeded"), "\(ended) \(events)")
    #expect(!events.contains("swordfish-bearer-99"))
    expectNothing(in: events, "events")
    expectNothing(in: ended.output, "stdout")
    expectNothing(in: ended.error, "stderr")
  }

  @Test func `every limit is listed`() async throws {
    let text = try await Program.run(["config", "limits"])
    #expect(text.output.contains("1048576 bytes"))
    #expect(text.output.contains("(limits.arguments): the call is rejected"))
    let lines = try await Program.run(["config", "limits", "--output", "jsonl"]).output
    #expect(
      try lines.split(separator: "\n").allSatisfy {
        try JSONValue(parsing: String($0))["value"] != nil
      }
    )
  }
}
