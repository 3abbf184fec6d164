import Callboard
import JSONSchema
import Testing

@testable import CallboardModels

@Suite struct `Templates` {
  private static let names: [String: JSONValue] = [
    "city": "Mitte", "price": 300_000, "share": 0.5, "gone": nil,
    "search": ["items": [["id": "a1", "price": 1], ["id": "b2"]], "odd key": true],
  ]

  private func value(_ text: String) throws -> JSONValue {
    try Template(parsing: text).value { Self.names[$0] }
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("", ""), ("${city}", "Mitte"), ("${price}", 300_000),
      ("${ share }", 0.5),
      ("in ${city}!", "in Mitte!"), ("${price} €", "300000 €"), ("${city}${city}", "MitteMitte"),
      ("${search.items[0].id}", "a1"), ("${search.items[-1].id}", "b2"),
      ("${search.items[5].id}", nil),
      ("${search['odd key']}", true), ("${search.items.count}", 2),
      ("n: ${search.items.count}", "n: 2"),
      ("${search.items[0]}", ["id": "a1", "price": 1]), ("x${search.items[1]}", #"x{"id":"b2"}"#),
      ("${gone ?? 'none'}", "none"), ("${gone ?? city}", "Mitte"), ("${gone ?? gone ?? 5}", 5),
      ("${nothing ?? -1.5}", -1.5),
      ("${gone ?? null}", nil), ("${gone ?? false}", false), ("${gone ?? \"a}b\"}", "a}b"),
      ("a${gone}b", "ab"),
      ("$${city}", "${city}"), ("$$", "$$"), ("5 $ a", "5 $ a"), ("$city", "$city"),
      ("${true}", true),
    ] as [(String, JSONValue)]
  )
  func `a text becomes what it says`(text: String, expected: JSONValue) throws {
    #expect(try value(text) == expected)
  }

  @Test(arguments: [
    "${", "${}", "${city", "${a.}", "${a[}", "${a[x]}", "${a[0}", "${a ?? }", "${'x}", "${a b}",
    "${1x}",
  ])
  func `what is no template is refused`(text: String) {
    #expect(throws: TemplateError.self) { try Template(parsing: text) }
  }
}

@Suite struct `Drawing values` {
  private func drawn(_ draw: Draw?) -> [JSONValue] {
    (0..<200 as Range<UInt64>).map { seed in
      var generator = SeededGenerator(seed: seed)
      return draw?.value(using: &generator) { _ in nil } ?? .null
    }
  }

  @Test func `whole numbers stay whole, in their steps, with both ends`() {
    let values = Set(drawn(Draw(between: 10, 20, step: 5)))
    #expect(values == [10, 15, 20])
    #expect(Set(drawn(Draw(between: 1, 3, step: nil))) == [1, 2, 3])
  }

  @Test func `decimals have as many places as their step`() {
    let values = Set(drawn(Draw(between: 0.1, 0.4, step: 0.1)).map { $0.serialized() })
    #expect(values == ["0.1", "0.2", "0.3", "0.4"])
    for value in drawn(Draw(between: 0.5, 2, step: nil)) {
      #expect((0.5...2).contains(value.doubleValue ?? 0))
      #expect(value.serialized().split(separator: ".").dropFirst().first.map(\.count) ?? 0 <= 2)
    }
  }

  @Test func `a range that is none is refused`() {
    #expect(Draw(between: 2, 1, step: nil) == nil)
    #expect(Draw(between: 1, 2, step: 0) == nil)
    #expect(Draw(between: "a", 2, step: nil) == nil)
    #expect(Draw(between: 0, 1e300, step: 1) == nil)
  }
}
