import Foundation
import Testing

@testable import CallboardModels

private func events(_ pieces: [[UInt8]], limit: Int = 1000) throws -> [ServerSentEvent] {
  var parser = EventStreamParser(limit: limit)
  var events: [ServerSentEvent] = []
  func take(_ event: ServerSentEvent) { events.append(event) }
  for piece in pieces { try parser.feed(piece, take) }
  try parser.finish(take)
  return events
}

private func data(_ text: String) throws -> [String] {
  try events([Array(text.utf8)]).map(\.data)
}

@Suite struct `Cutting a stream into events` {
  @Test(arguments: [
    ("data: a\n\n", ["a"]), ("data: a\r\r", ["a"]), ("data: a\r\n\r\n", ["a"]),
    ("data:a\n\n", ["a"]),
    ("data:  a\n\n", [" a"]), ("data: a\ndata: b\n\n", ["a\nb"]), ("data\n\n", [""]),
    ("data:\n\n", [""]),
    ("\u{FEFF}data: a\n\n", ["a"]), ("data: \u{FEFF}a\n\n", ["\u{FEFF}a"]),
    (": ping\n\ndata: a\n\n", ["a"]),
    ("id: 1\nretry: 5\nother: x\ndata: a\n\n", ["a"]),
    ("\n\n\ndata: a\n\n\n\ndata: b\n\n", ["a", "b"]),
    ("data: a\n\ndata: b", ["a", "b"]), ("data: a\n", ["a"]), ("", []), (": only a remark\n\n", []),
    ("data: a: b\n\n", ["a: b"]), ("dat: a\n\n", []), ("data: a\r\ndata: b\r\n\r\n", ["a\nb"]),
  ])
  func `the grammar of the specification is followed`(text: String, expected: [String]) throws {
    #expect(try data(text) == expected)
  }

  @Test func `an event carries its name, and the next has none`() throws {
    let found = try events([Array("event: error\ndata: x\n\ndata: y\n\n".utf8)])
    #expect(
      found == [
        ServerSentEvent(name: "error", data: "x"), ServerSentEvent(name: "message", data: "y"),
      ]
    )
  }

  @Test func `it does not matter where the network cuts, not even inside a character`() throws {
    let text = "\u{FEFF}event: é\r\ndata: naïve 漢字 👩‍👩‍👧\r\ndata: second\r\n\r\n: rem\rdata: z\n\n"
    let bytes = Array(text.utf8)
    let whole = try events([bytes])
    #expect(whole.map(\.data) == ["naïve 漢字 👩‍👩‍👧\nsecond", "z"])
    #expect(whole.first?.name == "é")
    #expect(try events(bytes.map { [$0] }) == whole)
    for cut in 0...bytes.count {
      #expect(try events([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
    }
  }

  @Test func `an event beyond the limit is refused before it is held`() {
    #expect(throws: EventStreamError<Never>.self) {
      try events([Array("data: \(String(repeating: "x", count: 2000))\n\n".utf8)])
    }
    #expect(throws: EventStreamError<Never>.self) {
      try events(Array(repeating: Array("data: xxxxxxxxxx\n".utf8), count: 200))
    }
    #expect(throws: Never.self) {
      try events(Array(repeating: Array("data: xxxxxxxxxx\n\n".utf8), count: 200))
    }
  }
}
