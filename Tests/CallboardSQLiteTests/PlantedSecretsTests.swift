import Callboard
import CallboardConsole
import CallboardSQLite
import CallboardTerminal
import CallboardTesting
import Foundation
import JSONSchema
import Logging
import Synchronization
import Testing

/// Plants secrets on every road into the engine, and then looks for them in everything that comes out of it.
@Suite(.timeLimit(.minutes(10)))
struct PlantedSecretsTests {
  /// What was planted: none of these may be found anywhere.
  private final class Garden: Sendable {
    private let planted = Mutex<[String]>([])

    var all: [String] { planted.withLock { $0 } }

    /// A word that is secret by the field it stands in.
    func word(_ road: String) -> String {
      let word = "swordfish-\(road)"
      plant(word)
      return word
    }

    /// A text that is secret by its form.
    func bearer(_ road: String) -> String {
      let token = "tokenfish.\(road.replacing(" ", with: "-"))"
      plant(token)
      return "Bearer \(token)"
    }

    /// A card number that is not planted anywhere else, in groups of four.
    func card(_ number: Int) -> String {
      let digits = "400000" + String(format: "%09d", number * 7919)
      let sum = digits.reversed().enumerated().reduce(0) { sum, digit in
        let value = digit.element.wholeNumberValue ?? 0
        guard digit.offset % 2 == 0 else { return sum + value }
        return sum + (value * 2 > 9 ? value * 2 - 9 : value * 2)
      }
      let card = digits + String((10 - sum % 10) % 10)
      plant(card)
      let groups = stride(from: 0, to: 16, by: 4).map { card.dropFirst($0).prefix(4) }
      let written = groups.joined(separator: " ")
      plant(written)
      return written
    }

    func plant(_ text: String) { planted.withLock { $0.append(text) } }

    /// The planted texts that stand in what was written, wherever the lines of a screen break.
    func found(in bytes: some Sequence<UInt8>) -> [String] {
      let haystack = Data(bytes)
      return all.filter { haystack.firstRange(of: Data($0.utf8)) != nil }
    }
  }

  /// Functions that tell everything they know, in every way there is.
  private final class Leaky: FunctionProvider {
    let namespace = "t"
    let identity = "leaky"
    let summary: String
    let functions: [FunctionDefinition]
    let garden: Garden
    let mayAnswer = OneShot<JSONValue>()
    let began = OneShot<CallID>()
    private let given = Mutex<[CallID: String]>([:])

    init(_ garden: Garden, key: String) throws {
      self.garden = garden
      summary = "HTTP http://leaky.example/?key=\(key)"
      let fallback = garden.word("fallback")
      let strict: JSONValue = [
        "type": "object",
        "properties": [
          "pin": ["type": "integer", "maximum": 5],
          "kind": ["enum": ["a", "b"]],
        ],
        "required": ["kind"], "additionalProperties": false,
      ]
      let definitions: [(String, (inout FunctionDefinition) -> Void)] = [
        ("pay", { $0.secrets = ["floor_code", "/deep/*/memo"] }),
        ("look", { $0.effect = .read }),
        ("echo", { $0.effect = .read }),
        ("fails", { $0.effect = .read }),
        ("details", { $0.effect = .read }),
        (
          "wrong",
          {
            $0.effect = .read
            $0.resultSchema = [
              "type": "object", "properties": ["password": ["type": "integer"]],
            ]
          }
        ),
        ("strict", { $0.parameters = strict }),
        (
          "falls",
          {
            $0.effect = .read
            $0.fallback = .value(["password": .string(fallback)])
          }
        ),
        ("lost", { $0.secrets = ["floor_code"] }),
        ("slow", { $0.timeout = .seconds(30) }),
      ]
      functions = try definitions.map { name, change in
        let qualified = try #require(FunctionName(namespace: "t", name: name))
        var definition = FunctionDefinition(name: qualified, description: "Tells.")
        definition.retry.maxAttempts = 1
        change(&definition)
        return definition
      }
    }

    func invoke(_ invocation: Invocation) async throws(CallFailure) -> JSONValue {
      let told = "was given \(invocation.arguments.serialized())"
      given.withLock { $0[invocation.call] = told }
      switch invocation.function.name {
      case "look":
        return [
          "api_key": .string(garden.word("result")),
          "list": [["note": .string(garden.card(1)), "cvv": 907]],
          "key": .string("in words: " + garden.bearer("result")),
        ]
      case "echo":
        return [
          "said": .string(told), "url": .string("/x?k=\(Self.escaped(invocation.arguments))"),
          "inner": .string(JSONValue.string(invocation.arguments.serialized()).serialized()),
          "link": .string(
            "https://joe:\(garden.word("userinfo"))@h/?password=\(garden.word("query"))"
          ),
          "header": .string("Authorization: Basic \(garden.word("header"))"),
          .init(invocation.arguments["password"]?.stringValue ?? "none"): 1,
        ]
      case "fails", "falls":
        throw CallFailure(
          .functionThrew,
          "\(told); in a URL \(Self.escaped(invocation.arguments)); also \(garden.bearer("thrown")) "
            + #"{"passwd":"\#(garden.word("thrown"))"}"#,
          reach: .answered
        )
      case "details":
        throw CallFailure(
          .functionThrew,
          told,
          pointer: "/" + garden.card(2),
          reach: .answered,
          details: [
            ValidationError(
              path: "/" + garden.card(3),
              keyword: "x",
              schemaPath: "/x",
              expected: told,
              found: garden.card(4),
              suggestion: garden.card(5)
            )
          ]
        )
      case "wrong": return ["password": .string(garden.word("wrong result"))]
      case "lost":
        throw CallFailure(.connectionFailed, told, reach: .maybe)
      case "slow":
        began.resolve(invocation.call)
        return await mayAnswer.value
      default: return ["done": true]
      }
    }

    private static func escaped(_ value: JSONValue) -> String {
      (value["password"]?.stringValue ?? "")
        .addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    func errorOutput(of call: CallID, attempt: Int) -> String? {
      "trying with password=\(garden.word("stderr")) and \(garden.card(6)); it "
        + (given.withLock { $0[call] } ?? "")
    }
  }

  /// Keeps what is logged.
  private final class Logged: Sendable {
    let lines = Mutex<[String]>([])

    struct Handler: LogHandler {
      let logged: Logged
      var metadata: Logger.Metadata = [:]
      var logLevel = Logger.Level.trace

      subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
      }

      func log(event: LogEvent) {
        logged.lines.withLock {
          $0.append(
            "\(event.message) \(event.metadata ?? [:]) \(event.error.map { "\($0)" } ?? "")"
          )
        }
      }
    }
  }

  private struct Desk {
    let garden = Garden()
    let folder: Folder
    let store: SQLiteStore
    let clock = ManualClock()
    let leaky: Leaky
    let engine: Engine
    let events: EventRecorder
    let logged = Logged()
    let master: Sealer.MasterKey
    let agent = Principal.caller("agent")
    let maria = Principal.operator("maria", uid: 501)

    init(in folder: Folder, master: Sealer.MasterKey) throws {
      self.folder = folder
      self.master = master
      let key = garden.word("of the configuration")
      leaky = try Leaky(garden, key: key)
      store = try SQLiteStore(folder.file("a.db"), key: master)
      let configuration = EngineConfiguration(
        rules: ApprovalRules([
          ApprovalRules.Rule(function: NamePattern("t.pay")), ApprovalRules.Rule(asks: false),
        ]),
        secrets: ["/vault/code", "tan"],
        secretValues: [key],
        seed: 7
      )
      let logged = logged
      engine = Engine(
        configuration,
        registry: try FunctionRegistry(
          [leaky],
          secrets: configuration.secrets,
          secretValues: configuration.secretValues
        ),
        store: store,
        clock: clock,
        sealer: Sealer(master),
        log: Logger(label: "planted") { _ in Logged.Handler(logged: logged) }
      )
      events = EventRecorder(engine)
    }

    func call(_ function: String, _ arguments: JSONValue) async -> Submission {
      await engine.submit("t." + function, arguments, by: agent)
    }

    func detail(_ id: CallID) throws -> CallDetail {
      guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else {
        throw CallFailure(.internalFault, "no call \(id)")
      }
      return detail
    }

    func seen(_ id: CallID) throws -> Seen {
      let row = try detail(id).row
      return Seen(revision: row.revision, digest: row.digest ?? "")
    }

    /// Everything that the engine shows, stores, logs and tells.
    func everything() async throws -> [(place: String, bytes: [UInt8])] {
      var all: [(place: String, bytes: [UInt8])] = []
      let last = engine.lastSequence
      await events.wait { $0.seq >= last }
      for event in events.all { all.append(("event", event.json.serializedBytes())) }
      for line in logged.lines.withLock({ $0 }) { all.append(("log", Array(line.utf8))) }
      let list = ListQuery(after: 500)
      var queries: [Query] = [
        .overview(rows: 500), .waiting(list), .calls(list), .conversations(list), .functions(list),
        .errors(list), .header,
      ]
      queries += leaky.functions.map { .function($0.name.description) }
      if case .calls(let page) = engine.snapshot(of: .calls(list)).body {
        queries += page.rows.map { .call($0.id) }
      }
      if case .conversations(let page) = engine.snapshot(of: .conversations(list)).body {
        queries += page.rows.map { .conversation($0.id) }
      }
      for query in queries {
        let json = try JSONValue(encoding: engine.snapshot(of: query))
        all.append(("snapshot \(query)", json.serializedBytes()))
      }
      for screen in Screen.allCases {
        let grid = try renderSnapshot(
          screen: screen,
          door: engine,
          size: (220, 90),
          principal: maria
        )
        all.append(("screen \(screen)", Array(grid.lines().joined(separator: "\n").utf8)))
      }
      return all
    }

    /// The files of the folder as they are on disk now.
    func files() throws -> [(place: String, bytes: [UInt8])] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).map { name in
        (name, Array(FileManager.default.contents(atPath: folder.file(name)) ?? Data()))
      }
    }

    func expectNothing(in all: [(place: String, bytes: [UInt8])]) {
      for (place, bytes) in all {
        let found = garden.found(in: bytes)
        #expect(
          found.isEmpty,
          "\(place) holds \(found): \(String(decoding: bytes.prefix(3000), as: UTF8.self))"
        )
      }
    }
  }

  private func desk() throws -> Desk { try Desk(in: Folder(), master: Sealer.MasterKey()) }

  /// Looks everywhere while the store is open and after it has been closed.
  private func search(_ desk: Desk) async throws {
    desk.expectNothing(in: try await desk.everything())
    desk.expectNothing(in: try desk.files())
    #expect(try desk.files().contains { $0.place.hasSuffix("-wal") && $0.bytes.count > 1000 })
    await desk.engine.stop(patience: .zero)
    #expect(desk.store.close() == nil)
    desk.expectNothing(in: try desk.files())
    #expect(desk.garden.all.count > 1)
  }

  @Test func `the search finds what is there`() async throws {
    let desk = try desk()
    let word = desk.garden.word("not hidden")
    _ = await desk.call("look", ["city": .string(word)])
    #expect(try await desk.everything().contains { desk.garden.found(in: $0.bytes) == [word] })
    await desk.engine.stop(patience: .zero)
    #expect(desk.store.close() == nil)
    #expect(try desk.files().contains { desk.garden.found(in: $0.bytes).contains(word) })
  }

  @Test func `arguments, results and errors of calls`() async throws {
    let desk = try desk()
    let garden = desk.garden
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIswordfishkey\n-----END PRIVATE KEY-----"
    garden.plant("MIIswordfishkey")
    garden.plant("123-45-6789")
    let quoted = #"sword"fish\quoted"#
    garden.plant(quoted)
    garden.plant(#"sword\"fish\\quoted"#)
    garden.plant(quoted.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
    let arguments: JSONValue = [
      "password": .string(quoted), "Api-Key": .string(garden.word("by name")),
      "tan": .string(garden.word("by a configured name")),
      "vault": ["code": .string(garden.word("by pointer")), "other": 1],
      "floor_code": .string(garden.word("floor")),
      "deep": [["memo": .string(garden.word("deep"))]],
      "note": .string("card \(garden.card(10)), SSN 123-45-6789, \(garden.bearer("argument"))"),
      "pem": .string(pem), "number": .integer(4_111_111_111_111_111),
      .init(garden.card(11)): .string(garden.word("of the configuration")),
      "nested": ["secret": ["list": [.string(garden.word("inside"))]]],
      "again": .string(
        "it was \(garden.word("by name")), and password: \(garden.word("in words"))"
      ),
      "body": .string(#"{"a":"{\"password\":\"\#(garden.word("body"))\"}"}"#),
    ]
    garden.plant("4111111111111111")
    for function in ["pay", "look", "echo", "fails", "details", "wrong", "falls", "lost"] {
      // What is secret in one function only is not planted in the others.
      var given = arguments
      if function != "pay", function != "lost" { given["floor_code"] = nil }
      if function != "pay" { given["deep"] = nil }
      _ = await desk.call(function, given)
    }
    _ = await desk.call(
      "strict",
      [
        "pin": .string(garden.word("pin")), .init(garden.card(12)): 1,
        "kind": .string(garden.bearer("enumeration")),
      ]
    )
    _ = await desk.call("strict", ["pin": .string(garden.word("pin alone")), "kind": "a"])
    try await search(desk)
  }

  @Test func `names and texts that are no arguments`() async throws {
    let desk = try desk()
    let garden = desk.garden
    _ = await desk.engine.submit("t.\(garden.card(20))", [:], by: desk.agent)
    _ = await desk.engine.submit(
      String(repeating: "x", count: 70) + garden.card(21),
      [:],
      by: desk.agent
    )
    for text in [
      #"{"amount": 1, "password": "\#(garden.word("cut off"))"#,
      #"{"password": "\#(garden.word("unclosed"))"#, "{'api_key': '\(garden.word("single"))'}",
      "password: \(garden.word("bare")), amount: 2", "tan=\(garden.word("assigned"))&x=1",
      #"{\"secret\":\"\#(garden.word("escaped"))\"}"#,
      #"{"secret": {"a": ["\#(garden.word("nested"))"]"#,
      #"{"code": "\#(garden.word("pointer"))", "#,
      #"{"note": "\#(garden.bearer("unparsed"))"#,
      #"{"\#(garden.card(22))": 1, "\#(garden.card(22))": 2}"#,
    ] {
      _ = await desk.engine.submit("t.pay", text: text, by: desk.agent)
      _ = await desk.engine.submit("t.nothing", text: text, by: desk.agent)
    }
    try await search(desk)
  }

  @Test func `what people say and settle`() async throws {
    let desk = try desk()
    let garden = desk.garden
    let engine = desk.engine
    let word = garden.word("argument")
    let held = await desk.call("pay", ["password": .string(word)]).id
    _ = await engine.perform(
      .deny(
        held,
        try desk.seen(held),
        reason: "\(word) and \(garden.card(30)) are known; secret=\(garden.word("reason"))",
        stopConversation: false
      ),
      by: desk.maria
    )
    let edited = await desk.call("pay", ["floor_code": .string(word)]).id
    _ = await engine.perform(
      .edit(
        edited,
        try desk.seen(edited),
        arguments: ["floor_code": .string(garden.word("edited")), "note": .string(garden.card(31))]
      ),
      by: desk.maria
    )
    _ = await engine.perform(.approve(edited, try desk.seen(edited)), by: desk.maria)
    for (number, settlement) in [
      Settlement.didNotHappen(evidence: "\(word) was never used, nor \(garden.card(32))"),
      .happened(Payload(["password": .string(garden.word("settled"))])),
      try JSONValue.object(["password": .string(garden.word("over a wire"))])
        .decode(as: Payload.self).settled,
    ].enumerated() {
      let lost = await desk.call(
        "lost",
        ["password": .string(word), "nth": .integer(Int64(number))]
      ).id
      let revision = try desk.detail(lost).row.revision
      let reply = await engine.perform(
        .settle(lost, revision: revision, settlement),
        by: desk.maria
      )
      #expect(reply.isDone, "\(reply)")
    }
    try await search(desk)
  }

  @Test func `what comes late`() async throws {
    let desk = try desk()
    let garden = desk.garden
    let word = garden.word("argument")
    let submission = Task { await desk.call("slow", ["password": .string(word)]) }
    let id = await desk.leaky.began.value
    desk.clock.advance(by: .seconds(31))
    await desk.events.wait(for: .unknown, of: id)
    desk.leaky.mayAnswer.resolve(["password": .string(garden.word("late"))])
    await desk.events.wait(2) { $0.call?.id == id && $0.type == .call(.unknown) }
    #expect(await submission.value.id == id)
    try await search(desk)
  }

  @Test func `conversations`() async throws {
    let desk = try desk()
    let garden = desk.garden
    let word = garden.word("argument")
    let model = TestModel(
      .take(
        ModelTurn(
          text: "I use \(garden.card(40)) and \(word)",
          calls: [
            RequestedCall(
              id: "call \(garden.card(41))",
              wireName: "t_pay",
              arguments: #"{"floor_code":"\#(word)","deep":[{"memo":"\#(garden.word("memo"))"}]}"#
            ),
            RequestedCall(id: "2", wireName: "t_look", arguments: #"{"password":"\#(word)"}"#),
            RequestedCall(id: "3", wireName: "t_look", arguments: #"{"password":"\#(word)"#),
            RequestedCall(id: "4", wireName: "t_\(garden.card(42))", arguments: "{}"),
          ]
        )
      ),
      .take(
        ModelTurn(
          text: "The key is \(garden.word("result")), the code \(word), said the model",
          calls: [
            RequestedCall(
              id: "5",
              wireName: "t_echo",
              arguments:
                #"{"memo":"use \#(garden.word("result"))","\#(word)":1,"code":"\#(garden.word("sibling"))"}"#
            ),
            RequestedCall(
              id: "6",
              wireName: "t_echo",
              arguments: #"{"password":"\#(garden.word("sibling"))"}"#
            ),
            RequestedCall(
              id: "7",
              wireName: "t_strict",
              arguments: #"{"kind":"\#(garden.word("result"))"}"#
            ),
            RequestedCall(
              id: "8",
              wireName: "t_look",
              arguments: #"{"memo":"\#(garden.word("result"))""#
            ),
          ]
        )
      ),
      .fail(
        ModelFailure(.unauthorised, "no such key \(garden.word("of the configuration")): \(word)")
      )
    )
    let talk = try desk.engine.start(
      ConversationRequest(
        title: "Pay with \(garden.card(43))",
        caller: desk.agent,
        model: "test",
        system: "You know \(garden.bearer("system"))",
        messages: ["My card is \(garden.card(44))"]
      ),
      model: model
    )
    let held = await desk.events.wait { $0.type == .call(.awaitingApproval) }
    let id = try #require(held.call?.id)
    _ = await desk.engine.perform(
      .message(talk, "and my \(garden.bearer("person"))"),
      by: desk.maria
    )
    desk.expectNothing(in: try await desk.everything())
    _ = await desk.engine.perform(.approve(id, try desk.seen(id)), by: desk.maria)
    _ = await desk.engine.ended(talk)
    let heard = await model.asked(2).request.messages
    #expect(heard.contains { $0.text?.contains(garden.word("result")) == true })
    _ = await desk.engine.perform(.message(talk, "again \(garden.card(45))"), by: desk.maria)
    _ = await desk.engine.ended(talk)
    try await search(desk)
  }

  @Test func `a turn that is being written`() async throws {
    /// Writes a text a character at a time, and waits after each.
    struct Writer: Model {
      let name = "writer"
      let text: String
      let told: @Sendable (String) -> Void

      func respond(
        to request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) -> Void
      ) async throws(ModelFailure) -> ModelTurn {
        var sofar = ""
        for character in text {
          sofar.append(character)
          onDelta(.text(String(character)))
          told(sofar)
        }
        return ModelTurn(text: text)
      }
    }
    let desk = try desk()
    let key = desk.garden.word("of the configuration")
    let text = "Now 12 cards: 4111 1111 1111 1111 and Bearer abcdefghijkl or \(key), and so on."
    let shown = Mutex<[String]>([])
    let engine = desk.engine
    let talk = try engine.start(
      ConversationRequest(title: "t", caller: desk.agent, model: "writer", messages: ["go"]),
      model: Writer(text: text) { _ in
        let list = engine.snapshot(of: .conversations(ListQuery(after: 5)))
        guard case .conversations(let page) = list.body, let id = page.rows.first?.id,
          case .conversation(let detail?) = engine.snapshot(of: .conversation(id)).body,
          let writing = detail.writing
        else { return }
        shown.withLock { $0.append(writing) }
      }
    )
    _ = await engine.ended(talk)
    let all = shown.withLock { $0 }
    #expect(all.last?.hasSuffix(", and so on.") == true)
    #expect(all.allSatisfy { !$0.contains("4111") && !$0.contains("abc") && !$0.contains("sword") })
    try await search(desk)
  }

  @Test func `what is taken up after a restart goes on with its secrets, and shows none`()
    async throws
  {
    let master = Sealer.MasterKey()
    let first = try Desk(in: Folder(), master: master)
    let word = first.garden.word("argument")
    let card = first.garden.card(50)
    let model = TestModel(
      .call(("t_pay", #"{"floor_code":"\#(word)","note":"\#(card)"}"#)),
      name: "test"
    )
    let talk = try first.engine.start(
      ConversationRequest(title: "t", caller: first.agent, model: "test", messages: ["pay"]),
      model: model
    )
    let held = await first.events.wait { $0.type == .call(.awaitingApproval) }
    let id = try #require(held.call?.id)
    await first.engine.stop(patience: .zero)
    #expect(first.store.close() == nil)

    // The first process would have let go of its file.
    let folder = try Folder()
    try FileManager.default.copyItem(atPath: first.folder.file("a.db"), toPath: folder.file("a.db"))
    let second = try Desk(in: folder, master: master)
    for secret in first.garden.all { second.garden.plant(secret) }
    let next = TestModel(
      .call(("t_echo", #"{"memo":"it was \#(word)"}"#)),
      .say("It was \(word)."),
      name: "test"
    )
    try second.engine.takeUp { _ in next }
    _ = await second.engine.perform(.approve(id, try second.seen(id)), by: second.maria)
    _ = await second.engine.ended(talk)
    let asked = await next.asked(1).request.messages.flatMap(\.calls).map(\.arguments)
    #expect(asked.contains { $0.contains(word) })
    try await search(second)
  }
}

extension Payload {
  fileprivate var settled: Settlement { .happened(self) }
}
