import Foundation
import Testing

@testable import Callboard

struct FilterTests {
  static let now = Date(timeIntervalSince1970: 1_795_341_600)

  static let subject = Filter.Subject(
    function: "payments.send_wire",
    state: "awaiting_approval",
    caller: "agent-1",
    conversation: "01977a3e-0000-7000-8000-00000000002a",
    effect: "write",
    since: now.addingTimeInterval(-600),
    text: ["Rent for November", "DE02 1203"],
    ids: ["01a2323e-0f32-7000-a5d0-4328d9871b99"]
  )

  func admits(_ text: String) throws -> Bool {
    try Filter(text).admits(Self.subject, at: Self.now)
  }

  @Test(arguments: [
    "", "   ", "fn:payments", "fn:pay*", "fn:payments.*", "function:payments.send_wire",
    "state:awaiting_approval",
    "state:await",
    "state:awaiting-approval", "caller:agent-*", "by:agent-1", "conv:002a", "effect:write",
    "age:>9m", "age:<11m",
    "age:<1h", "age:>599s", "age:<1d", "age:<10.5m", "rent", "RENT", "wire", "AGENT", "1203",
    "002a", "871b99", "1B99", "01a2323e-0f32", "01a2323e-0f32-7000-a5d0-4328d9871b99",
    "rent fn:payments.* -state:failed",
  ])
  func `lets through what every term fits`(text: String) throws {
    #expect(try admits(text))
  }

  @Test(arguments: [
    "fn:search.*", "state:failed", "caller:bo", "conv:9999", "effect:read", "age:<10m", "age:>10m",
    "age:<9m",
    // What ids of one time have in common finds none of them.
    "700", "7000", "01a2", "b99", "a5d0",
    "october", "-rent", "-fn:payments.*", "-state:awaiting", "rent fn:search.*",
  ])
  func `hides what one term does not fit`(text: String) throws {
    #expect(try !admits(text))
  }

  @Test(arguments: [
    (
      "state:runing",
      "no state is called “runing”; there is received, awaiting_approval, approved, "
    ),
    ("state:", "no state is called “”; there is "),
    ("age:10m", "age is written age:<10m or age:>1h, not “age:10m”"),
    ("age:<10", "age is written"), ("age:<nanm", "age is written"), ("age:>-5m", "age is written"),
    ("effect:wirte", "no effect is called “wirte”; there is read, idempotent, write"),
    ("http://x", "“http:” is not a filter; there is fn: state: caller: conv: effect: age:"),
    ("-foo:1", "“foo:” is not a filter"),
  ])
  func `a term that can't be read says what to write`(text: String, message: String) {
    #expect {
      try Filter(text)
    } throws: { error in
      "\(error)".hasPrefix(message)
    }
  }

  @Test func `a single dash is a text`() throws {
    #expect(try admits("-") == true, "the conversation's id has dashes")
    #expect(try Filter("-").isEmpty == false)
    #expect(try Filter("  ").isEmpty)
    #expect(Filter().isEmpty)
  }

  @Test func `a filter is read as it was written`() throws {
    let filter = try Filter("fn:payments.* -state:failed age:<10m rent")
    let read = try JSONDecoder().decode(Filter.self, from: JSONEncoder().encode(filter))
    #expect(read == filter)
    #expect(read.text == "fn:payments.* -state:failed age:<10m rent")
  }
}
