import Foundation
import JSONSchema
import Testing

@Suite struct CodableTests {
  enum Kind: String, Codable { case buy, rent }
  enum Shape: Codable, Equatable {
    case circle(radius: Double)
    case point
  }
  class Base: Codable {
    var id = 1
    init() {}
  }
  final class Derived: Base {
    var name = "n"
    override init() { super.init() }
    private enum Keys: CodingKey { case name }
    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Keys.self)
      name = try container.decode(String.self, forKey: .name)
      try super.init(from: container.superDecoder())
    }
    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(name, forKey: .name)
      try super.encode(to: container.superEncoder())
    }
  }
  struct Address: Codable, Equatable { var street: String, zip: String? }
  struct Listing: Codable, Equatable {
    var id: UInt64
    var price: Double
    var kind: Kind
    var address: Address
    var tags: [String]
    var extra: JSONValue
    var scores: [String: Int]
    var when: Date
    var data: Data
    var ratio: Float
    var shape: Shape
    var link: URL
    var uuid: UUID
    var grid: [[Int8]]
    var maybe: [Int?]
  }

  private var listing: Listing {
    Listing(
      id: 18_446_744_073_709_551_615,
      price: 1.5,
      kind: .rent,
      address: Address(street: "A", zip: nil),
      tags: ["x", "y"],
      extra: ["k": [1, nil, 0.25]],
      scores: ["one": 1],
      when: Date(timeIntervalSince1970: 1_700_000_000.25),
      data: Data([1, 2, 255]),
      ratio: 0.1,
      shape: .circle(radius: 2),
      link: URL(filePath: "/x"),
      uuid: UUID(),
      grid: [[1, -1], []],
      maybe: [1, nil, 3]
    )
  }

  @Test func `a value comes back as it went`() throws {
    let value = listing
    let json = try JSONValue(encoding: value)
    #expect(try json.decode(as: Listing.self) == value)
    #expect(try JSONValue(parsing: json.serialized()).decode(as: Listing.self) == value)
    #expect(json["when"] == "2023-11-14T22:13:20.250Z")
    #expect(json["data"] == "AQL/")
    #expect(json["ratio"] == 0.1)
    #expect(json["id"]?.serialized() == "18446744073709551615")
    #expect(json["extra"] == ["k": [1, nil, 0.25]])
    #expect(json["address"] == ["street": "A"])
    #expect(json.objectValue?.keys.prefix(4) == ["id", "price", "kind", "address"])
  }

  @Test func `it writes what Foundation's encoder writes`() throws {
    struct Plain: Codable {
      var a: Int, b: [Double], c: [String: Bool], d: Address, e: Shape, f: Int?, g: [Kind]
    }
    let value = Plain(
      a: -3,
      b: [1.5, 2],
      c: ["t": true],
      d: Address(street: "S\"", zip: "9"),
      e: .point,
      f: nil,
      g: [.buy]
    )
    #expect(try JSONValue(encoding: value) == JSONValue(parsing: JSONEncoder().encode(value)))
  }

  @Test func `classes with a superclass keep both parts`() throws {
    let value = Derived()
    value.id = 7
    let json = try JSONValue(encoding: value)
    #expect(json == ["name": "n", "super": ["id": 7]])
    #expect(try json.decode(as: Derived.self).id == 7)
  }

  @Test func `the value itself goes through other encoders unchanged`() throws {
    let value: JSONValue = ["z": [1, 2.5, "x", true, nil], "a": ["b": [:]]]
    let data = try JSONEncoder().encode(value)
    #expect(try JSONDecoder().decode(JSONValue.self, from: data) == value)
    #expect(try JSONValue(encoding: value).serialized() == value.serialized())
    #expect(try value.decode(as: JSONValue.self) == value)
  }

  @Test(arguments: [
    (#"{"street": 5}"#, "/street: expected a string, found 5"),
    (#"{}"#, "top level: the property \"street\" is missing"),
    (#"[]"#, "top level: expected an object, found an empty array"),
    (#"{"street": "a", "zip": []}"#, "/zip: expected a string, found an empty array"),
  ])
  func `an error is a sentence with a pointer`(text: String, message: String) throws {
    let value = try JSONValue(parsing: text)
    let error = #expect(throws: JSONCodingError.self) { try value.decode(as: Address.self) }
    #expect(error?.description == message)
  }

  @Test func `an error deep inside names the whole way`() throws {
    struct Outer: Decodable { var lists: [String: [Address]] }
    let value = try JSONValue(parsing: #"{"lists": {"a/b": [{"street": "x"}, {"street": null}]}}"#)
    let error = #expect(throws: JSONCodingError.self) { try value.decode(as: Outer.self) }
    #expect(error?.description == "/lists/a~1b/1/street: expected a string, found null")
  }

  @Test func `numbers must fit the type that asks`() throws {
    #expect(try JSONValue.double(3).decode(as: Int.self) == 3)
    #expect(try JSONValue.integer(3).decode(as: Double.self) == 3)
    let tooBig = #expect(throws: JSONCodingError.self) {
      try JSONValue.integer(300).decode(as: UInt8.self)
    }
    #expect(tooBig?.description == "top level: expected a number from 0 to 255, found 300")
    let fraction = #expect(throws: JSONCodingError.self) {
      try JSONValue.double(0.5).decode(as: Int.self)
    }
    #expect(fraction?.description == "top level: expected a whole number, found 0.5")
    #expect(throws: JSONCodingError.self) { try JSONValue.bool(true).decode(as: Int.self) }
    #expect(throws: JSONCodingError.self) { try JSONValue.decimal("1e400").decode(as: Double.self) }
    #expect(throws: JSONCodingError.self) { try JSONValue(encoding: Double.nan) }
  }

  @Test(arguments: [
    0, -1, 1_700_000_000.25, 1_700_000_000.123_456_7, 4_102_444_799.999_999, -62_135_596_800,
    951_782_400,
  ])
  func `a date comes back to the last bit`(seconds: Double) throws {
    let date = Date(timeIntervalSince1970: seconds)
    let json = try JSONValue(encoding: [date])
    #expect(try json.decode(as: [Date].self) == [date])
  }

  @Test func `dates of other zones and precisions are read`() throws {
    let expected = Date(timeIntervalSince1970: 1_700_000_000)
    for text in [
      "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14t21:43:20.000-00:30",
    ] {
      #expect(try JSONValue.string(text).decode(as: Date.self) == expected)
    }
    #expect(throws: JSONCodingError.self) {
      try JSONValue("2023-02-30T00:00:00Z").decode(as: Date.self)
    }
  }
}
