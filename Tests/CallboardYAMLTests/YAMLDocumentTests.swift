import Foundation
import JSONSchema
import Testing

@testable import CallboardYAML

private func document(_ text: String) throws -> YAMLDocument {
  try YAMLDocument(text: text, file: "test.yaml")
}

/// The sentence that a text is refused with.
private func refusal(_ text: String) -> String {
  do {
    _ = try document(text)
    return "accepted"
  } catch {
    return "\(error)"
  }
}

@Suite struct `Reading YAML` {
  @Test(arguments: ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "On", "OFF"])
  func `the booleans of YAML 1.1 are strings`(word: String) throws {
    #expect(try document("v: \(word)").value == ["v": .string(word)])
    #expect(try document("\(word): 1").value == .object([word: 1]))
  }

  @Test(
    arguments: [
      ("true", true), ("False", false), ("~", nil), ("null", nil), ("", nil), ("12", 12),
      ("-7", -7), ("+7", 7),
      ("007", 7), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), (".5", 0.5), ("2.", 2), ("1e3", 1000),
      ("-1.5E-2", -0.015),
      ("1_000", "1_000"), ("12:30:45", "12:30:45"), ("2026-11-22", "2026-11-22"), ("0b1", "0b1"),
      ("1.2.3", "1.2.3"),
      ("'12'", "12"), ("\"true\"", "true"), ("!!str 12", "12"), ("!!int '12'", 12), ("=", "="),
      ("- x", ["x"]),
      ("|\n  a\n  b\n", "a\nb\n"), (">\n  a\n  b\n", "a b\n"), ("-", [nil]), ("--", "--"),
      ("1e", "1e"), ("0x", "0x"),
    ] as [(String, JSONValue)]
  )
  func `a scalar means what the core schema says`(text: String, value: JSONValue) throws {
    let indented =
      text.hasPrefix("-") && text != "-7" && text != "-1.5E-2" && text != "--"
      ? "\n  \(text)" : text
    #expect(try document("v: \(indented)").value == ["v": value])
  }

  @Test func `a number too long for a double keeps its digits`() throws {
    #expect(
      try document("0.10000000000000000000001").value == .decimal("0.10000000000000000000001")
    )
    #expect(
      try document("123456789012345678901234567890").value.serialized()
        == "123456789012345678901234567890"
    )
  }

  @Test func `keys keep their order`() throws {
    let value = try document("zebra: 1\napple: 2\nmango: {y: 1, x: 2}\n").value
    #expect(value.serialized() == #"{"zebra":1,"apple":2,"mango":{"y":1,"x":2}}"#)
  }

  @Test func `every value knows its line and column`() throws {
    let text = """
      # a remark
      functions:
        - name: a
          retry:
            max_attempts: 0
        - {name: "b", tags: [x, ä, z]}
      empty:
      """
    let document = try document(text)
    func place(_ pointer: String) throws -> [Int]? {
      let pointer = try JSONPointer(parsing: pointer)
      let key = document.keyPosition(of: pointer)
      let value = document.position(of: pointer)
      guard let key, let value else { return nil }
      return [key.line, key.column, value.line, value.column]
    }
    #expect(try place("/functions") == [2, 1, 3, 3])
    #expect(try place("/functions/0/name") == [3, 5, 3, 11])
    #expect(try place("/functions/0/retry/max_attempts") == [5, 7, 5, 21])
    #expect(try place("/functions/1/tags/2") == [6, 30, 6, 30])
    #expect(try place("/empty")?.prefix(2) == [7, 1])
    #expect(try place("/nothing") == nil)
  }

  @Test func `an empty file is null`() throws {
    #expect(try document("").value == .null)
    #expect(try document("# nothing\n").value == .null)
  }

  @Test func `aliases and merge keys are resolved, and what is the mapping's own wins`() throws {
    let text = """
      base: &base {a: 1, b: 2}
      more: &more {b: 3, c: 4}
      list: [*base, *base]
      one: {<<: *base, b: own}
      two: {<<: [*more, *base]}
      plain: {"<<": *base}
      """
    let value = try document(text).value
    #expect(value["list"] == [["a": 1, "b": 2], ["a": 1, "b": 2]])
    #expect(value["one"] == ["a": 1, "b": "own"])
    #expect(value["two"] == ["b": 3, "c": 4, "a": 1])
    #expect(value["plain"] == ["<<": ["a": 1, "b": 2]])
  }

  @Test func `nine lines of aliases cannot fill the memory`() {
    let laughs = (1...9).map { level in
      let last = String(repeating: "*l\(level - 1), ", count: 9)
      return "l\(level): &l\(level) [\(level == 1 ? "lol, lol" : last)]"
    }
    #expect(
      refusal(laughs.joined(separator: "\n")).contains("values once its aliases are resolved")
    )
    let merged = (1...30).map { level in
      "m\(level): &m\(level) {\(level == 1 ? "a: 1" : "<<: [*m\(level - 1), *m\(level - 1)]")}"
    }
    #expect(refusal(merged.joined(separator: "\n")).contains("merges more than"))
    let keys = (laughs + ["? *l9\n: x"]).joined(separator: "\n")
    #expect(refusal(keys).contains("keys that are not plain words"))
  }

  @Test func `deep nesting is refused, not crashed on`() {
    #expect(
      refusal(String(repeating: "[", count: 900) + String(repeating: "]", count: 900)).contains(
        "nested more than"
      )
    )
    #expect(refusal(String(repeating: "[", count: 100_000)) != "accepted")
  }

  @Test(arguments: [
    (
      "a: 1\nb: 2\na: 3\n",
      "test.yaml:1:1: the key “a” is given twice in one mapping; keep one of them"
    ),
    (
      "1: x\n'1': y\n", "test.yaml:1:1: the key “1” is given twice in one mapping; keep one of them"
    ),
    ("a: 1\n---\nb: 2\n", "test.yaml:2:1: a second document begins here; keep one document a file"),
    ("a: .inf\n", "test.yaml:1:4: .inf is no number that JSON can hold; write a finite number"),
    (
      "a: 0xFFFFFFFFFFFFFFFFFF\n",
      "test.yaml:1:4: 0xFFFFFFFFFFFFFFFFFF is too large for a number; quote it if it is a text"
    ),
    (
      "a: *nothing\n",
      "test.yaml:1:4: found undefined alias; name an anchor (&name) that stands above it"
    ),
    (
      "[1, 2]: x\n",
      "test.yaml:1:1: a list or mapping is used as a key; write a word before the colon"
    ),
    (
      "a: !!binary aGk=\n",
      "test.yaml:1:4: the tag binary is unknown; leave it out, or use !!str, !!int, !!float, !!bool or !!null"
    ),
    (
      "a: !thing x\n",
      "test.yaml:1:4: the tag !thing is unknown; leave it out, or use !!str, !!int, !!float, !!bool or !!null"
    ),
    ("a: !!int x\n", "test.yaml:1:4: “x” is no !!int; correct the value or the tag"),
    ("a: {<<: 1}\n", "test.yaml:1:5: << merges mappings only; give it the *alias of a mapping"),
  ])
  func `what is refused is refused with its place`(text: String, sentence: String) {
    #expect(refusal(text) == sentence)
  }

  @Test(arguments: ["a: [1", "a: 'x", "a:\n\t- b", "a: b: c", "%", "a: \u{1}"])
  func `broken YAML is refused with a place`(text: String) {
    #expect(refusal(text).hasPrefix("test.yaml:"))
    #expect(refusal(text) != "accepted")
  }

  @Test func `a file that is not there says so`() {
    do {
      _ = try YAMLDocument(file: "/nowhere/callboard.yaml")
      Issue.record("it was read")
    } catch {
      #expect("\(error)" == "/nowhere/callboard.yaml: there is no such file; check the path")
    }
  }
}

@Suite struct `The environment in a configuration` {
  private let environment = [
    "HOST": "example.org", "PORT": "8080", "EMPTY": "", "SECRET": "s3cret",
  ]

  private func expand(_ text: String) throws -> JSONValue {
    try document(text).expanding(environment: environment).value
  }

  @Test(
    arguments: [
      ("a: ${HOST}", "example.org"), ("a: http://${HOST}:${PORT}/x", "http://example.org:8080/x"),
      ("a: ${PORT}", "8080"), ("a: !!int ${PORT}", 8080), ("a: !!bool ${NONE:-true}", true),
      ("a: ${NONE:-x y}", "x y"), ("a: ${EMPTY:-full}", "full"), ("a: \"${EMPTY}\"", ""),
      ("a: ${NONE:-}", ""),
      ("a: ${call.id}", "${call.id}"), ("a: ${host}", "${host}"), ("a: ${1A}", "${1A}"),
      ("a: $HOST", "$HOST"),
      ("a: $${HOST}", "${HOST}"), ("a: $$${HOST}", "$${HOST}"), ("a: $${call.id}", "$${call.id}"),
      ("a: \"${HOST\"", "${HOST"), ("a: $", "$"), ("a: ${HOST:x}", "${HOST:x}"), ("a: 5", 5),
    ] as [(String, JSONValue)]
  )
  func `only upper-case names are filled in`(text: String, value: JSONValue) throws {
    #expect(try expand(text) == ["a": value])
  }

  @Test func `a variable that is not set is an error with its place`() throws {
    do {
      _ = try expand("a: 1\nb:\n  - ${NONE} and ${NOTHING}\n")
      Issue.record("it was expanded")
    } catch let error as Diagnostics {
      #expect(
        error.all.map(\.description) == [
          "test.yaml:3:5: b[0] needs the environment variable NONE, which is not set; set it, or write ${NONE:-default}",
          "test.yaml:3:5: b[0] needs the environment variable NOTHING, which is not set; set it, or write ${NOTHING:-default}",
        ]
      )
    }
  }

  @Test func `what is excluded and what is a key stays`() throws {
    let document = try document("scripts: {say: '${NONE}'}\n${HOST}: ${HOST}\n")
    let value = try document.expanding(environment: environment) { $0.tokens == ["scripts"] }.value
    #expect(value == ["scripts": ["say": "${NONE}"], "${HOST}": "example.org"])
  }

  @Test func `a typed value that the environment does not fit is an error`() throws {
    #expect(throws: Diagnostics.self) { try expand("a: !!int ${HOST}") }
  }
}
