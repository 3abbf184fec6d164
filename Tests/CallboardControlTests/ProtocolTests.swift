import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardControl

/// What a peer hears that does not speak as it should, and that nobody else notices it.
@Suite(.timeLimit(.minutes(2)))
struct ProtocolTests {
  /// Says something to an instance, and gives the sentence after which it hung up.
  private func refusal(of bytes: [UInt8], greeting: Bool) async throws -> String {
    let desk = try Desk()
    let path = try desk.serve(anna)
    return try await blocking {
      let peer = try RawPeer(path)
      if greeting { _ = try peer.greet() }
      peer.say(bytes: bytes)
      let why = try peer.hear()?["refused"]?.stringValue ?? "nothing"
      #expect(try peer.hear() == nil)
      return why
    }
  }

  @Test(arguments: [
    (Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), "control socket"),
    (RawPeer.frame(Array("{\"hello\": 1}".utf8)), "which version"),
    (RawPeer.frame(Array("{\"callboard\": 99}".utf8)), "version 1"),
    (RawPeer.frame(Array("{\"callboard\": ".utf8)), "not JSON"),
    (RawPeer.frame(Array("[]".utf8)), "which version"),
    ([0xFF, 0xFF, 0xFF, 0xFF], "4294967295 bytes"),
  ])
  func `a peer that does not greet hears a sentence and is cut off`(
    bytes: [UInt8],
    words: String
  ) async throws {
    let why = try await refusal(of: bytes, greeting: false)
    #expect(why.contains(words), "\(why)")
  }

  @Test(arguments: [
    ("{\"dance\": 1}", "nothing that version 1"),
    ("{\"request\": {\"id\": 1}}", "nothing that version 1"),
    ("{\"follow\": {\"id\": 1}, \"follow\": {\"id\": 2}}", "not JSON"),
    (String(repeating: "[", count: 100_000), "not JSON"),
  ])
  func `a peer that says what the protocol has not is cut off with a sentence`(
    text: String,
    words: String
  ) async throws {
    let why = try await refusal(of: RawPeer.frame(Array(text.utf8)), greeting: true)
    #expect(why.contains(words), "\(why)")
  }

  @Test func `a message may be as long as arguments and no longer`() async throws {
    let why = try await refusal(of: [0x7F, 0, 0, 0], greeting: true)
    #expect(why.contains("may have"), "\(why)")
  }

  @Test func `a peer that hangs up in the midst of a message leaves nothing behind`() async throws {
    let desk = try Desk()
    let path = try desk.serve(anna)
    let peer = try RawPeer(path)
    _ = try await blocking { try peer.greet() }
    peer.say(bytes: [0, 0, 1, 0, 123])
    peer.hangUp()
    let header = try await blocking { try Instance(at: path).snapshot(of: .header).header }
    #expect(header.name == "desk")
  }

  @Test func `one connection more than there may be hears why, and the others go on`() async throws
  {
    let desk = try Desk()
    let path = try desk.serve(anna)
    try await blocking {
      var peers: [RawPeer] = []
      for _ in 0..<ControlServer.ownLimit {
        let peer = try RawPeer(path)
        #expect(try peer.greet()?["name"]?.stringValue == "desk")
        peers.append(peer)
      }
      let late = try RawPeer(path)
      #expect(try late.greet()?["refused"]?.stringValue?.contains("64 connections") == true)
      peers[0].say(try JSONValue(encoding: Ask.look(id: 7, [Look(query: .header)])))
      #expect(try peers[0].hear()?["looked"]?["id"]?.intValue == 7)
    }
  }

  @Test func `a peer that asks and never listens costs nobody else anything`() async throws {
    let desk = try Desk()
    let path = try desk.serve(anna)
    for _ in 0..<200 { _ = await desk.ask() }
    let deaf = try RawPeer(path)
    _ = try await blocking { try deaf.greet() }
    let look = RawPeer.frame(
      try JSONValue(encoding: Ask.look(id: 1, [Look(query: .waiting(ListQuery(after: 400)))]))
        .serializedBytes()
    )
    // What is not read stands in the way of what it says next: this thread stays where it is.
    let talker = Thread { while deaf.say(bytes: look) {} }
    talker.start()
    for _ in 0..<30 {
      let id = await desk.ask()
      #expect(await desk.engine.perform(.approve(id, try desk.seen(id)), by: anna).isDone)
    }
    let other = try await blocking { try Instance(at: path) }
    for _ in 0..<5 {
      let page = try await blocking { try other.snapshot(of: .waiting(ListQuery(after: 400))) }
      guard case .waiting(let rows) = page.body else { throw Missing() }
      #expect(rows.total == 200)
    }
    deaf.hangUp()
  }

  @Test
  func `a follower that does not listen loses events, is told how many, and holds nothing up`()
    async throws
  {
    let desk = try Desk()
    let path = try desk.serve(anna)
    let peer = try RawPeer(path)
    _ = try await blocking { try peer.greet() }
    peer.say(try JSONValue(encoding: Ask.follow(id: 1)))
    #expect(try await blocking { try peer.hear() }?["follows"]?["id"]?.intValue == 1)
    let before = desk.engine.lastSequence
    for _ in 0..<6000 { _ = await desk.engine.submit("t.look", [:], by: agent) }
    _ = await desk.engine.submit("t.look", ["last": true], by: agent)
    let last = desk.engine.lastSequence
    let (heard, lost) = try await blocking {
      var (heard, lost, newest) = (0, 0, 0)
      while newest < last {
        guard let frame = try peer.hear(), let events = frame["events"] else { throw Missing() }
        lost += events["lost"]?.intValue ?? 0
        let batch = events["_0"]?.arrayValue ?? []
        heard += batch.count
        newest = batch.last?["seq"]?.intValue ?? newest
      }
      return (heard, lost)
    }
    #expect(heard + lost == last - before)
    #expect(lost > 0)
  }

  @Test(arguments: [Int.max, Int.min, -1, 0])
  func `numbers that nobody can count with do no harm`(number: Int) async throws {
    let desk = try Desk()
    let id = await desk.ask()
    let instance = try await blocking { [path = try desk.serve(anna)] in try Instance(at: path) }
    let list = ListQuery(
      anchor: id.description,
      anchorIndex: number,
      before: number,
      after: number
    )
    let lists = [
      Query.waiting(list), .calls(list), .conversations(list), .functions(list), .errors(list),
      .overview(rows: number),
    ]
    for query in lists { _ = try await blocking { try instance.snapshot(of: query) } }
    let long = String(repeating: "x", count: 100_000)
    await #expect(throws: ControlProblem.self) {
      _ = try await blocking { try instance.send(.setFunction(long, from: true, to: false)) }
    }
    await #expect(throws: ControlProblem.self) {
      _ = try await instance.call(long, arguments: "{}") { _, _ in }
    }
    #expect(try await blocking { try instance.snapshot(of: .header) }.header.waiting == 1)
  }

  @Test func `what is longer than an answer may be is withheld, and the rest of the answer comes`()
    async throws
  {
    let sights = Sights(
      header: Header(name: "x", store: "", now: .now),
      bodies: [.withheld("long")]
    )
    let json = try JSONValue(encoding: Answer.looked(id: 1, sights))
    let back = try json.decode(as: Answer.self)
    guard case .looked(_, let read) = back, case .withheld("long")? = read.bodies.first else {
      throw Missing()
    }
  }
}
