import Callboard
import CallboardSQLite
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// The conversations of a configuration: which begin when its engine starts.
@Suite(.timeLimit(.minutes(5)))
struct BeginningTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Two that end by themselves and are alike, one that waits for a person, and one whose model fails.
  private static let text = """
    name: beginning
    control: { socket: control.sock }
    store: { file: s.db }
    providers:
      desk:
        type: program
        functions:
          - { name: pay, description: Pays., effect: write, run: [cat], parameters: { type: object, properties: { n: { type: integer } } } }
    scripts:
      brief: { user: Say it., turns: [{ say: "Done.", end: true }] }
      paying:
        user: Pay.
        turns: [{ calls: [{ function: desk.pay, with: { n: 1 } }] }, { say: "Paid.", end: true }]
      failing: { user: Fail., turns: [{ fail: { kind: bad_request, message: the model is broken } }] }
    conversations:
      - { model: brief }
      - { model: brief }
      - { model: paying, title: a payment }
      - { model: failing }

    """

  private func session(_ text: String = text) throws -> EngineSession {
    let document = try YAMLDocument(text: text, file: scratch.path + "/callboard.yaml")
    let configuration = try ConfigurationFile.read(document, environment: [:])
    let file = try #require(configuration.storeFile(ofConsole: true))
    return try EngineSession(
      configuration,
      isUnattended: false,
      store: try OpenedStore.open(file, environment: [:]),
      takesUp: true
    )
  }

  private func talks(_ session: EngineSession) -> [ConversationRow] {
    guard
      case .conversations(let page) = session.engine.snapshot(
        of: .conversations(ListQuery(after: 100))
      ).body
    else { return [] }
    return page.rows
  }

  private func settled(_ session: EngineSession, _ states: [String]) async throws {
    while talks(session).map(\.state.rawValue).sorted() != states {
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test func `each begins once on a store, however it ended, and one that goes on is taken up`()
    async throws
  {
    let states = ["calling", "failed", "finished", "finished"]
    let first = try session()
    #expect(try first.beginConversations() == nil)
    try await settled(first, states)
    await first.close(patience: .zero)
    let second = try session()
    let said = try second.beginConversations()
    #expect(said?.hasPrefix("3 conversations of the configuration have ended before") == true)
    #expect(talks(second).map(\.state.rawValue).sorted() == states)
    let paying = try #require(talks(second).first { $0.state.isLive })
    let person = Principal.owner("root", uid: 0)
    #expect(await second.engine.perform(.stopConversation(paying.id), by: person).isDone)
    await second.close(patience: .zero)
    let third = try session()
    #expect(try third.beginConversations()?.hasPrefix("4 conversations") == true)
    #expect(talks(third).count == 4 && !talks(third).contains { $0.state.isLive })
    await third.close(patience: .zero)
  }

  @Test func `one that is new in the file, or has another title, begins at the next start`()
    async throws
  {
    let first = try session()
    _ = try first.beginConversations()
    try await settled(first, ["calling", "failed", "finished", "finished"])
    await first.close(patience: .zero)
    let second = try session(
      Self.text.replacing("title: a payment", with: "title: the next payment")
        + "  - { model: brief }\n"
    )
    _ = try second.beginConversations()
    try await settled(
      second,
      ["calling", "calling", "failed", "finished", "finished", "finished"]
    )
    await second.close(patience: .zero)
  }

  @Test func `what went on in a store before conversations had names is not begun beside it`()
    async throws
  {
    let before = try session()
    for plan in before.configuration.conversations.dropFirst(2).prefix(1) {
      _ = try before.start(plan)
    }
    try await settled(before, ["calling"])
    await before.close(patience: .zero)
    for _ in 0..<2 {
      let session = try session()
      _ = try session.beginConversations()
      try await settled(session, ["calling", "failed", "finished", "finished"])
      await session.close(patience: .zero)
    }
  }

  @Test func `serve says at a start which it does not begin again`() async throws {
    _ = try scratch.file("callboard.yaml", Self.text)
    let folder = scratch.path
    for nth in 1...2 {
      let error = try await Program.onOwnThread {
        let running = try Running(["serve"], folder: folder)
        running.told("beginning is up")
        while true {
          let list = try Running(["conversations", "list", "--output", "jsonl"], folder: folder)
            .ended()
          let count = { (state: String) in
            list.output.components(separatedBy: "\"state\":\"\(state)\"").count - 1
          }
          if count("finished") == 2, count("failed") == 1 {
            #expect(list.output.split(separator: "\n").count == 4, "\(list)")
            break
          }
        }
        running.send(SIGTERM)
        return try running.ended().error
      }
      #expect(
        error.contains("3 conversations of the configuration have ended before") == (nth == 2),
        "\(error)"
      )
    }
  }
}
