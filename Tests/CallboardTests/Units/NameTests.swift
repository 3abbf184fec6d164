import Foundation
import Testing

@testable import Callboard

struct NameTests {
  // MARK: Function names

  @Test(arguments: ["payments.send_wire", "a.b", "A-1_x.y.z", "mcp.search.files", "n.1"])
  func `a namespace, a dot and a name are a function's name`(text: String) throws {
    let name = try #require(FunctionName(text))
    #expect(name.description == text)
    #expect("\(name.namespace).\(name.name)" == text)
    #expect(!name.namespace.contains("."))
  }

  @Test(arguments: ["", ".", "a", "a.", ".b", "a b.c", "a.b c", "ä.b", "a.ü", "a/b.c", "a.b\n"])
  func `anything else is none`(text: String) {
    #expect(FunctionName(text) == nil)
  }

  @Test func `each part has at most 128 characters`() {
    let longest = String(repeating: "x", count: 128)
    #expect(FunctionName(namespace: longest, name: longest) != nil)
    #expect(FunctionName(namespace: longest + "x", name: "a") == nil)
    #expect(FunctionName(namespace: "a", name: longest + "x") == nil)
  }

  @Test func `a name is read as it was written`() throws {
    let name = try #require(FunctionName("payments.send"))
    let data = try JSONEncoder().encode([name])
    #expect(String(decoding: data, as: UTF8.self) == #"["payments.send"]"#)
    #expect(try JSONDecoder().decode([FunctionName].self, from: data) == [name])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([FunctionName].self, from: Data(#"["payments"]"#.utf8))
    }
  }

  // MARK: Patterns

  @Test(arguments: [
    ("*", "payments.send", true), ("payments.*", "payments.send", true),
    ("payments.*", "payment.send", false),
    ("payments.*", "payments.", true), ("*.send", "payments.send", true),
    ("*send*", "payments.send_wire", true),
    ("p*s.s*d", "payments.send", true), ("p*s.s*d", "payments.sent", false),
    ("payments.send", "payments.send", true),
    ("payments.send", "payments.sender", false), ("payments.send", "Payments.send", false),
    ("", "", true),
    ("", "a", false), ("**", "", true), ("a.c", "abc", false), ("*aab", "aaaab", true),
    ("a?", "ab", false),
  ])
  func `a star stands for any run of characters, everything else for itself`(
    pattern: String,
    name: String,
    matches: Bool
  ) {
    #expect(NamePattern(pattern).matches(name) == matches)
  }

  @Test func `a pattern of many stars is decided quickly`() {
    let pattern = NamePattern(String(repeating: "a*", count: 50) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 5000)))
  }

  // MARK: Wire names

  func wireNames(_ names: [String]) throws -> [String: String] {
    let names = try names.map { try #require(FunctionName($0)) }
    let assigned = WireName.assign(to: names)
    return Dictionary(uniqueKeysWithValues: assigned.map { ($0.key.description, $0.value) })
  }

  @Test func `a dot becomes an underscore`() throws {
    #expect(
      try wireNames(["payments.send-wire", "mcp.files.read"]) == [
        "payments.send-wire": "payments_send-wire", "mcp.files.read": "mcp_files_read",
      ]
    )
  }

  // The marks were computed with Python's hashlib.sha256.
  @Test func `all names that collide end in a mark, whatever the order`() throws {
    let expected = ["a.b_c": "a_b_c_5b8f934a", "a_b.c": "a_b_c_a3715283", "x.y": "x_y"]
    #expect(try wireNames(["a.b_c", "a_b.c", "x.y"]) == expected)
    #expect(try wireNames(["x.y", "a_b.c", "a.b_c"]) == expected)
  }

  @Test func `names that are too long are cut and marked`() throws {
    let long = "verylongnamespace." + String(repeating: "x", count: 60)
    let wire = try #require(try wireNames([long])[long])
    #expect(wire.utf8.count == 64)
    #expect(wire == "verylongnamespace_" + String(repeating: "x", count: 37) + "_608ea175")
    let exact = "ns." + String(repeating: "y", count: 61)
    #expect(try wireNames([exact])[exact] == exact.replacing(".", with: "_"))
  }

  @Test func `names that are alike where they are cut stay apart, whatever the order`() throws {
    let head = "verylongnamespace." + String(repeating: "x", count: 60)
    let names = ["a", "b", "c", "d"].map { head + $0 }
    let wires = try wireNames(names)
    #expect(Set(wires.values).count == 4)
    #expect(wires.values.allSatisfy { $0.utf8.count == 64 })
    #expect(Set(wires.values.map { $0.dropLast(9) }).count == 1)
    #expect(try wireNames(names.reversed()) == wires)
    #expect(try wireNames([names[2], names[0], names[3], names[1]]) == wires)
    #expect(try wireNames([names[1]])[names[1]] == wires[names[1]])
  }

  @Test func `a name that is what another one became by its mark gets a mark of its own`() throws {
    // `a.b_c` ends in its mark because of `a_b.c`, and so becomes what the third one is already.
    let names = ["a.b_c", "a_b.c", "a.b_c_5b8f934a"]
    let wires = try wireNames(names)
    #expect(Set(wires.values).count == 3)
    #expect(wires["a_b.c"] == "a_b_c_a3715283")
    #expect(wires["a.b_c"]?.wholeMatch(of: /a_b_c_5b8f934a[0-9a-f]{8}/) != nil)
    #expect(wires["a.b_c_5b8f934a"]?.wholeMatch(of: /a_b_c_5b8f934a_[0-9a-f]{8}/) != nil)
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      #expect(try wireNames(order.map { names[$0] }) == wires)
    }
  }

  @Test func `wire names are what model APIs take, and each is its function's own`() throws {
    let names = (0..<200).map { "name-space_\($0 % 7).do." + String(repeating: "z", count: $0) }
    let wires = try wireNames(Array(names.filter { $0.count <= 128 }))
    #expect(Set(wires.values).count == wires.count)
    #expect(wires.values.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) != nil })
  }
}
