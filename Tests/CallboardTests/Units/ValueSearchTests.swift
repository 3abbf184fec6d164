import JSONSchema
import Testing

@testable import Callboard

struct ValueSearchTests {
  @Test(
    arguments: [
      ("25000", 25000), ("25,000 USD", 25000), ("25.000,00 €", 25000), ("25 000", 25000),
      ("25'000", 25000), ("25’000", 25000), ("25\u{202F}000", 25000), ("25k", 25000),
      ("flats under 300k, Mitte", 300_000), ("1.5 million", 1_500_000), ("2.5e4", 25000),
      ("{\"amount\":25000.0}", 25000), ("[100,200,300]", 200), ("1,234,567.89", 1_234_567.89),
      ("1.234.567,89", 1_234_567.89), ("0.375", 0.375), ("3,75 %", 3.75), ("$41000.", 41000),
      ("12345678901234567890", .decimal("12345678901234567890")),
    ] as [(String, JSONValue)]
  )
  func `a number is found in every spelling`(text: String, number: JSONValue) {
    #expect(NumbersInText(text).contains(number), "\(NumbersInText(text).all)")
  }

  @Test(
    arguments: [
      ("2500", 25000), ("125,000", 25000), ("25,0000", 25000), ("A25000", 25000),
      ("250 00", 25000), ("1,25,000", 25000), ("2.5", 25000),
    ] as [(String, JSONValue)]
  )
  func `another number is not`(text: String, number: JSONValue) {
    #expect(!NumbersInText(text).contains(number), "\(NumbersInText(text).all)")
  }

  private static let transcript: [ValueSearch.Entry] = [
    .init(turn: 0, message: Message(.system, "Wires go to Lakeside only.")),
    .init(turn: 0, message: Message(.user, "Send 25,000 USD for 12 Oak St.", author: "anna")),
    .init(
      turn: 1,
      message: Message(
        .assistant,
        "I ask for the account.",
        calls: [RequestedCall(id: "m1", wireName: "crm_find", arguments: #"{"who":"Weber"}"#)]
      )
    ),
    .init(
      turn: 1,
      message: Message(
        .tool,
        #"{"account":"DE89 3704 0044","note":"say \"hello\" to Weber","limit":40}"#,
        answers: "m1"
      )
    ),
    .init(turn: 2, message: Message(.assistant, "Reference 4711-A.")),
    .init(turn: 3, message: Message(.assistant, "DE00 0000 0000, in this very message")),
  ]

  private func source(_ value: JSONValue, turn: Int = 3) -> ArgumentOrigin.Source? {
    ValueSearch.sources(of: ["a": ["b": [value]]], ofTurn: turn, in: Self.transcript) { name in
      name == "crm_find" ? "crm.find" : nil
    }.first?.source
  }

  @Test func `the first place counts, whoever said it`() {
    #expect(source("Lakeside") == .instructions)
    #expect(source(25000) == .message(author: "anna", turn: 0))
    #expect(source("12 Oak St.") == .message(author: "anna", turn: 0))
    #expect(source("DE89 3704 0044") == .answer(of: "crm.find", turn: 1))
    #expect(source("say \"hello\" to Weber") == .answer(of: "crm.find", turn: 1))
    // The model wrote it before the answer repeated it.
    #expect(source("Weber") == .model(turn: 1, inCall: true))
    #expect(source("4711-A") == .model(turn: 2, inCall: false))
    #expect(source("DE00 0000 0000") == .nowhere)
    #expect(source("ake") == .nowhere, "part of a word")
  }

  @Test func `values that are there by chance are said not to be looked for`() {
    #expect(source(true) == .untold)
    #expect(source(0) == .untold)
    #expect(source(40) == .untold)
    #expect(source("") == nil)
    #expect(source("ok") == .untold)
    #expect(source(nil) == nil)
    #expect(source(0.5) == .untold)
  }

  @Test func `each value within others has its own place`() {
    let found = ValueSearch.sources(
      of: ["to": ["account": "DE89 3704 0044", "lines": [["sum": 25000], ["sum": 999]]]],
      ofTurn: 3,
      in: Self.transcript
    ) { _ in nil }
    #expect(
      found == [
        ArgumentOrigin(
          pointer: JSONPointer(tokens: ["to", "account"]),
          source: .answer(of: "crm_find", turn: 1)
        ),
        ArgumentOrigin(
          pointer: JSONPointer(tokens: ["to", "lines", "0", "sum"]),
          source: .message(author: "anna", turn: 0)
        ),
        ArgumentOrigin(
          pointer: JSONPointer(tokens: ["to", "lines", "1", "sum"]),
          source: .nowhere
        ),
      ]
    )
  }
}
