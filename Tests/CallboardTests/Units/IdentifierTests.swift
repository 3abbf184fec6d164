import Foundation
import Testing

@testable import Callboard

struct IdentifierTests {
  let now = Date(timeIntervalSince1970: 1_795_341_600.412)

  @Test func `the text is that of a version 7 UUID of its time`() throws {
    let id = UUIDv7(at: now, sequence: 0xABC, random: .max)
    #expect(
      id.text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-7abc-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil
    )
    let milliseconds = try #require(UInt64(id.text.replacing("-", with: "").prefix(12), radix: 16))
    #expect(milliseconds == 1_795_341_600_412)
    #expect(
      id.text == UUID(uuidString: id.text)?.uuidString.lowercased(),
      "as Foundation writes it"
    )
  }

  @Test func `the example of RFC 9562 is made from its parts`() {
    let id = UUIDv7(
      at: Date(timeIntervalSince1970: 1_645_557_742),
      sequence: 0xCC3,
      random: 0x18C4_DC0C_0C07_398F
    )
    #expect(id.text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
  }

  @Test func `ids are ordered by time, then sequence, as their texts are`() {
    var generator = SeededGenerator(seed: 4)
    var ids: [UUIDv7] = []
    for millisecond in 0..<50 {
      for sequence: UInt16 in 0..<20 {
        let at = Date(timeIntervalSince1970: 1_795_341_600 + (Double(millisecond) + 0.5) / 1000)
        ids.append(UUIDv7(at: at, sequence: sequence, random: generator.next()))
      }
    }
    #expect(ids == ids.shuffled(using: &generator).sorted())
    #expect(ids.map(\.text) == ids.map(\.text).sorted())
    #expect(Set(ids).count == ids.count)
  }

  @Test func `an engine's ids are in the order they were made, also within a millisecond`() throws {
    let engine = Engine(EngineConfiguration(seed: 9), registry: try FunctionRegistry([]))
    let ids = (0..<10_000).map { _ in engine.newUUIDs(now).0 }
    #expect(ids == ids.sorted())
    #expect(Set(ids).count == ids.count)
    let earlier = engine.newUUIDs(now.addingTimeInterval(-60)).0
    #expect(earlier > (ids.last ?? earlier), "also when the clock was set back")
  }

  @Test func `a text is read back, and what is none is not`() {
    let id = UUIDv7(at: now, sequence: 7, random: 99)
    #expect(UUIDv7(id.text) == id)
    #expect(UUIDv7(id.text.uppercased()) == id)
    #expect(CallID(id.text) == CallID(id))
    #expect(UUIDv7("") == nil)
    #expect(UUIDv7(String(id.text.dropLast())) == nil)
    #expect(UUIDv7(id.text.replacing("-", with: "")) == nil)
  }

  @Test func `screens get the last digits`() throws {
    let text = "01977a3e-0000-7000-8000-0000001f002a"
    #expect(try #require(CallID(text)).short == "1f002a")
    #expect(try #require(ConversationID(text)).short == "c-002a")
  }

  @Test func `ids are texts in JSON`() throws {
    let id = CallID(UUIDv7(at: now, sequence: 7, random: 99))
    let data = try JSONEncoder().encode([id])
    #expect(String(decoding: data, as: UTF8.self) == "[\"\(id)\"]")
    #expect(try JSONDecoder().decode([CallID].self, from: data) == [id])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([ConversationID].self, from: Data(#"["c-002a"]"#.utf8))
    }
  }
}
