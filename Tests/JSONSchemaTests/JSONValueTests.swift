import JSONSchema
import Testing

@Suite struct JSONValueTests {
  @Test func `an object keeps the order of its keys and finds them all`() {
    for count in [3, 16, 17, 10000] {
      var object = JSONObject()
      for number in 0..<count { object["key\(number)"] = .integer(Int64(number)) }
      #expect(object.count == count)
      #expect(object.keys == (0..<count).map { "key\($0)" })
      #expect((0..<count).allSatisfy { object["key\($0)"] == .integer(Int64($0)) })
      #expect(object["key\(count)"] == nil)
      object["key1"] = nil
      #expect(object["key1"] == nil)
      #expect(object["key2"] == 2)
      #expect(object.count == count - 1)
      object["key2"] = "new"
      object.append(key: "last", value: true)
      #expect(object["key2"] == "new")
      #expect(object.keys.last == "last")
    }
  }

  @Test func `ten thousand keys in another order make an equal object`() {
    let pairs = (0..<10000).map { (key: "k\($0)", value: JSONValue.integer(Int64($0))) }
    let left = JSONObject(pairs)
    let right = JSONObject(pairs.reversed())
    #expect(left == right)
    #expect(left.hashValue == right.hashValue)
    var other = right
    other["k5"] = 0
    #expect(left != other)
  }

  @Test func `strings are compared by code points`() {
    let composed: JSONValue = "\u{E9}"
    let decomposed: JSONValue = "e\u{301}"
    #expect(composed != decomposed)
    var object: JSONObject = ["\u{E9}": 1]
    object["e\u{301}"] = 2
    #expect(object.count == 2)
    #expect(object["\u{E9}"] == 1)
    #expect(JSONValue.string("\u{212A}") != "K")
  }

  @Test func `subscripts read and write members`() throws {
    var value: JSONValue = ["a": [1, ["b": "c"]]]
    #expect(value["a"]?[1]?["b"] == "c")
    #expect(value["a"]?[2] == nil)
    #expect(value["x"]?["y"] == nil)
    value["n"] = nil
    value["m"] = .null
    #expect(value == ["a": [1, ["b": "c"]], "m": nil])
    var null = JSONValue.null
    null["x"] = 1
    #expect(null == ["x": 1])
    var text: JSONValue = "text"
    text["x"] = 1
    #expect(text == "text")
  }

  @Test(arguments: ["", "/", "/a~1b/0", "/m~0n", "/ /é", "//"])
  func `a pointer is written as it was read`(text: String) throws {
    #expect(try JSONPointer(parsing: text).description == text)
  }

  @Test func `a pointer that is none is refused with the reason`() {
    #expect(throws: JSONPointerError.self) { try JSONPointer(parsing: "a") }
    let error = #expect(throws: JSONPointerError.self) { try JSONPointer(parsing: "/a~2") }
    #expect(
      error?.description
        == "\"/a~2\" is no JSON Pointer: \"~\" must be followed by 0 (for \"~\") or 1 (for \"/\")"
    )
  }

  @Test func `the pointers of RFC 6901 find what it says`() throws {
    let document = try JSONValue(
      parsing:
        #"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#
    )
    let expected: [String: JSONValue] = [
      "": document, "/foo": ["bar", "baz"], "/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2,
      "/e^f": 3,
      "/g|h": 4, "/i\\j": 5, "/k\"l": 6, "/ ": 7, "/m~0n": 8,
    ]
    for (pointer, value) in expected {
      #expect(document.value(at: try JSONPointer(parsing: pointer)) == value)
    }
    for pointer in ["/foo/2", "/foo/01", "/foo/-", "/foo/0/x", "/none"] {
      #expect(document.value(at: try JSONPointer(parsing: pointer)) == nil)
    }
  }

  @Test func `a value is set where a pointer says`() throws {
    var value: JSONValue = ["a": ["b": [1, 2]]]
    func set(_ new: JSONValue?, _ pointer: String, _ expected: Bool) throws {
      let done = value.set(new, at: try JSONPointer(parsing: pointer))
      #expect(done == expected)
    }
    try set(9, "/a/b/1", true)
    try set(3, "/a/b/-", true)
    try set("new", "/a/c", true)
    try set(nil, "/a/b/0", true)
    #expect(value == ["a": ["b": [9, 3], "c": "new"]])
    try set(1, "/x/y", false)
    try set(1, "/a/b/7", false)
    #expect(value == ["a": ["b": [9, 3], "c": "new"]])
    try set(true, "", true)
    #expect(value == true)
  }

  @Test(arguments: [
    ("appartment", "apartment"), ("hosue", "house"), ("CONDO", "condo"), ("castle", nil),
    ("x", nil), ("", nil),
  ])
  func `the nearest word is the one that was meant`(word: String, meant: String?) {
    #expect(nearest(to: word, among: ["apartment", "house", "condo", "townhouse"]) == meant)
  }
}
